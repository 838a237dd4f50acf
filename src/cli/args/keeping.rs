//! Keys, and how long recordings are kept.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::base::{MotionId, RecordingId};

/// `vault`
#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Lock the key files: from then on every start wants the passphrase, M of N shares, or the PIN of a token
    Lock {
        /// Read a passphrase from the first line of standard input
        #[arg(long, required_unless_present_any = ["shares", "token"])]
        passphrase: bool,
        /// Deal N shares of which M open the keys, and print them once
        #[arg(long, value_name = "M/N", value_parser = m_of_n, conflicts_with = "passphrase")]
        shares: Option<(u8, u8)>,
        /// Have the PKCS#11 token of this label hold the keys; its PIN is read from the first line of standard input
        #[arg(long, value_name = "LABEL", requires = "module", conflicts_with_all = ["passphrase", "shares"])]
        token: Option<String>,
        /// The token's PKCS#11 module
        #[arg(long, value_name = "FILE.so", requires = "token")]
        module: Option<PathBuf>,
        /// What the labels of the keys in the token begin with
        #[arg(long, value_name = "NAME", default_value = "ledgerline", requires = "token")]
        key: String,
        /// While the token does not answer, begin recordings under a key of the switch's own for so long; without it none begin
        #[arg(long, value_name = "MINUTES", requires = "token", value_parser = clap::value_parser!(u32).range(1..=1_440))]
        escrow_minutes: Option<u32>,
    },
    /// Bring passphrase, PIN or shares, one a line on standard input, to a switch that waits for them
    Unseal,
    /// Say whether the keys are locked, and how
    Status,
}

fn m_of_n(text: &str) -> Result<(u8, u8), String> {
    let parts = text.split_once('/').and_then(|(m, n)| Some((m.parse().ok()?, n.parse().ok()?)));
    parts.ok_or_else(|| "write M/N: 3/5".to_string())
}

/// `key`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// List the keys and what is under each
    List,
    /// Make a new key: it wraps what begins from now on
    Rotate,
    /// Wrap the keys of all older recordings by the current key; no sound is rewritten, calls and playing go on
    Rewrap,
    /// Destroy an old key that nothing is under any more
    Retire {
        /// Its version
        version: u32,
    },
}

/// `hold`
#[derive(Debug, Subcommand)]
pub enum Hold {
    /// Lay a hold: on what is there, and on what comes
    Add {
        /// The case
        case: String,
        /// What it holds.
        #[command(flatten)]
        select: Choose,
        /// Why
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
    /// End a hold; takes another person's approval
    Release {
        /// The case
        case: String,
    },
    /// List the holds
    List,
}

/// Which recordings; all given conditions must hold.
#[derive(Debug, Clone, Args)]
pub struct Choose {
    /// A recording (may be repeated)
    #[arg(long = "recording", value_name = "ID")]
    pub recordings: Vec<RecordingId>,
    /// A phone number in any writing
    #[arg(long)]
    pub number: Option<String>,
    /// Somebody in it, a customer or an agent: a user or display name, whole
    #[arg(long)]
    pub name: Option<String>,
    /// Begun at or after
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub from: Option<crate::cli::when::Moment>,
    /// Begun before
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub until: Option<crate::cli::when::Moment>,
    /// A tag and its value: `case=C-7`
    #[arg(long, value_name = "NAME=VALUE", value_parser = tag)]
    pub tag: Option<(String, String)>,
    /// A retention class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_string(), value.to_string()))
}

/// `rec retention`
#[derive(Debug, Subcommand)]
pub enum Retention {
    /// List where recordings stand and until when they are kept, oldest first
    List {
        /// Only those
        #[arg(long)]
        state: Option<KeptState>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// List those that wait for an event to count from
    Pending {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// List those that are past their maximum and to be destroyed
    Due {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Let destruction go on after a jump of the clock was looked at
    Thaw {
        /// What was found
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// States that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeptState {
    /// Kept and used
    Active,
    /// Kept and not used: erasure was asked for
    Sealed,
    /// Its term is over
    Expired,
    /// Held by a case, in whatever state
    Held,
}

/// `rec anchor`
#[derive(Debug, Args)]
pub struct Anchor {
    /// The event: `contract.end`, `dispute.closed`
    pub event: String,
    /// When it was
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub at: crate::cli::when::Moment,
    /// For which recordings.
    #[command(flatten)]
    pub select: Choose,
}

/// `rec destroy`
#[derive(Debug, Subcommand)]
pub enum Destroy {
    /// Lay a destruction before others: of what is selected and past its term, or of all that is past its maximum
    Propose {
        /// Whose recordings they are
        #[arg(long, value_name = "TEXT")]
        org: String,
        /// For whom they are destroyed
        #[arg(long, value_name = "TEXT")]
        counterparty: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        basis: String,
        /// Since when that is so: 72 hours count from here
        #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
        basis_at: crate::cli::when::Moment,
        /// Which.
        #[command(flatten)]
        select: Box<Choose>,
    },
    /// Carry out what two others have approved; the certificate lies in the store's `certificates`
    Run {
        /// The motion that was approved
        motion: MotionId,
    },
    /// List destructions that are not done
    List,
}
