//! What was recorded and written: found, heard, checked, handed out, backed up.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Anchor, Destroy, Retention};
use crate::base::{ItemId, RecordingId};
use crate::vault::Form;

/// `verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The folder of a store or of its copy; or a file that `rec prove` or `audit consistency` printed
    #[arg(value_name = "DIR|FILE")]
    pub what: PathBuf,
    /// The ledger's public key, `ledger/ledger.pub` of the store: from where nobody could exchange it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Heads that were kept outside: the file that `[store] heads_to` names, or a log with them
    #[arg(long, value_name = "FILE")]
    pub heads: Option<PathBuf>,
    /// Only the ledger, and that every file is there with its length
    #[arg(long)]
    pub index: bool,
}

/// `backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder: on another disk, or where another host mounts it
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// Check the content of every file of the copy, not only that it is there with its length
    #[arg(long)]
    pub content: bool,
}

/// `restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    #[arg(value_name = "BACKUP")]
    pub from: PathBuf,
    /// The new store: empty, or not there yet
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// The ledger's public key, from where nobody could exchange it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// A newer copy of the store, or what is left of it (its folder `ledger` is enough): what it says was destroyed since is
    /// destroyed again
    #[arg(long, value_name = "DIR")]
    pub newer: Option<PathBuf>,
}

/// `rec`
#[derive(Debug, Subcommand)]
pub enum Rec {
    /// Search recordings by number, name and time, newest first
    Search(Search),
    /// Show what is known of a recording, masked
    Show {
        /// The recording
        id: RecordingId,
    },
    /// Show it with numbers and names unmasked: audited, counted by day
    Reveal {
        /// The recording
        id: RecordingId,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Show what was said in a recording, as recognisers heard it, personal data masked
    Transcript {
        /// The recording
        id: RecordingId,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
        /// With personal data in clear: as `rec reveal`
        #[arg(long)]
        reveal: bool,
    },
    /// List recordings whose calls were found wanting by the rules of their plan (`on call end`), newest first
    Review {
        /// Only findings of this kind: silence, overlap, rate, missing, unjudged
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Begun at or after: `2026-11-22`, `2026-11-22T08:30`, `2h` or `7d` ago
        #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
        from: Option<crate::cli::when::Moment>,
        /// Begun before: as --from
        #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
        until: Option<crate::cli::when::Moment>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Decrypt a recording to WAV (to FLAC or Opus when the file is called .flac or .opus; its video and fax when it is called .pcap): into a file, or to the loudspeaker where `aplay` is installed
    Play {
        /// The recording
        id: RecordingId,
        /// The file to write; `-` is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Call this user's phones instead, and play it to whoever answers: both sides together, nothing is written
        #[arg(long, value_name = "USER", conflicts_with = "output")]
        to: Option<String>,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Get an item that was derived from a recording (`rec show` lists them): under the same rights as its sound
    Item {
        /// The recording
        id: RecordingId,
        /// The item
        item: ItemId,
        /// The file to write; `-` is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Make a redacted copy of a recording: a new item beside it, with beeps where something was cut out; the original stays as it is
    Redact {
        /// The recording
        id: RecordingId,
        /// What to cut out, in seconds since it began: `31.2-48`; may be given several times
        #[arg(long = "cut", value_name = "FROM-TO", required = true, value_parser = span)]
        cuts: Vec<(u64, u64)>,
        /// Why, in a word; stands in packages
        #[arg(long, default_value = "PII", value_name = "TEXT")]
        why: String,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Check recordings and ledger for damage: exit code 1 when something is wrong
    Verify {
        /// One recording; without it, everything
        id: Option<RecordingId>,
        /// What was written on this day (UTC)
        #[arg(long, value_name = "DATE", value_parser = crate::cli::when::parse, conflicts_with = "id")]
        day: Option<crate::cli::when::Moment>,
        /// Only the ledger against its heads, and that every file is there with its length
        #[arg(long, conflicts_with_all = ["id", "day"])]
        index: bool,
    },
    /// Show how long recordings stay, and what waits
    #[command(subcommand)]
    Retention(Retention),
    /// Tell that an event has come that terms count from, for instance the end of a contract
    Anchor(Anchor),
    /// Write down that whom a recording concerns asked for its erasure: it is sealed until its term is over
    Erase {
        /// The recording
        id: RecordingId,
        /// Why
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
    /// Destroy recordings whose term is over: asked for by one person, approved by two others
    #[command(subcommand)]
    Destroy(Destroy),
    /// Prove that a recording is in the ledger: for `ledgerline verify` on another machine
    Prove {
        /// The recording
        id: RecordingId,
    },
    /// Make a signed package of recordings for a regulator or a court; another person has to approve it first
    Export(Export),
    /// Upload a package to an endpoint that `[outside] uploads` names, file by file with retries; its receipt is kept
    Upload {
        /// The package
        #[arg(value_name = "DIR")]
        package: PathBuf,
        /// The endpoint
        #[arg(long, value_name = "URL")]
        to: String,
        /// Take a bearer token from standard input
        #[arg(long)]
        token_stdin: bool,
    },
    /// Build the index again from the recordings themselves
    Reindex,
}

/// `31.2-48`: two moments in seconds, as milliseconds.
fn span(text: &str) -> Result<(u64, u64), String> {
    let seconds = |text: &str| text.trim().parse::<f64>().ok().filter(|s| (0.0..1e6).contains(s));
    let ms = |text: &str| seconds(text).map(|s| (s * 1_000.0).round() as u64);
    let pair = text.split_once('-').and_then(|(from, to)| Some((ms(from)?, ms(to)?)));
    pair.filter(|(from, to)| from < to)
        .ok_or_else(|| "two moments in seconds, the earlier first: 31.2-48".into())
}

/// `rec export`
#[derive(Debug, Args)]
pub struct Export {
    /// The recordings; or what is found by the options below
    pub ids: Vec<RecordingId>,
    /// The package's folder; a package that was begun there goes on
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The case that it belongs to
    #[arg(long, value_name = "CASE")]
    pub case: String,
    /// What it is wanted for; whoever approves reads it, and it stays in the audit book
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// The recipient's public key, X25519 (a JSON Web Key, or 64 hexadecimal digits) or SM2 (PEM, a JSON Web Key, or 130 digits): everything is encrypted to it
    #[arg(long, value_name = "FILE")]
    pub recipient: Option<PathBuf>,
    /// Sound as FLAC instead of WAV
    #[arg(long, conflicts_with = "opus")]
    pub flac: bool,
    /// Sound as Opus in Ogg: a tenth of the octets, to listen to
    #[arg(long)]
    pub opus: bool,
    /// Redacted copies (`rec redact`) in place of the recordings, numbers masked
    #[arg(long, conflicts_with_all = ["flac", "opus"])]
    pub redacted: bool,
    /// Every recording with this number
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// Every recording begun at or after: as with `rec search`
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub from: Option<crate::cli::when::Moment>,
    /// Every recording begun before
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub until: Option<crate::cli::when::Moment>,
    /// Every recording that carries the case as its tag `case`
    #[arg(long)]
    pub all_of_case: bool,
}

impl Export {
    /// The form of its sound.
    pub fn sound(&self) -> Form {
        match (self.flac, self.opus) {
            (true, _) => Form::Flac,
            (_, true) => Form::Opus,
            _ => Form::Wav,
        }
    }
}

/// `audit`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List what was done, newest first: who, when, from where, what, on what, with what result
    List(AuditList),
    /// Check the audit book and the ledger for damage: exit code 1 when something is wrong
    Verify,
    /// Print the signed heads that are kept, one line each: for a witness outside
    Heads {
        /// The last so many
        #[arg(long, default_value_t = 10)]
        last: u64,
    },
    /// Prove that a head of the ledger grew out of an earlier one
    Consistency {
        /// Number of the earlier head
        from: u64,
        /// Number of the later head; without it, the newest of all
        to: Option<u64>,
    },
}

/// `audit list`
#[derive(Debug, Args)]
pub struct AuditList {
    /// At or after: `2026-11-22`, `2026-11-22T08:30`, `2h` or `7d` ago
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub from: Option<crate::cli::when::Moment>,
    /// Before: as --from
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub until: Option<crate::cli::when::Moment>,
    /// By this person, system user or uid
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
    /// This act (`rec.play`), or all that begin so (`rec.`)
    #[arg(long, value_name = "ACT")]
    pub act: Option<String>,
    /// On this: a recording, a user, a secret
    #[arg(long, value_name = "WHAT")]
    pub on: Option<String>,
    /// With this result
    #[arg(long)]
    pub result: Option<AuditResult>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Beginnings too of acts whose outcome is listed
    #[arg(long)]
    pub all: bool,
    /// Show what was looked for unmasked (audited)
    #[arg(long)]
    pub reveal: bool,
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditResult {
    /// Begun
    Begun,
    /// Done
    Done,
    /// Refused
    Refused,
    /// Failed
    Failed,
}

/// `rec search`
#[derive(Debug, Args)]
pub struct Search {
    /// A phone number in any writing, or an extension
    pub number: Option<String>,
    /// A user or display name, whole
    #[arg(long)]
    pub name: Option<String>,
    /// The last four digits of a phone number
    #[arg(long, value_name = "DIGITS")]
    pub tail: Option<String>,
    /// An account or extension that took part
    #[arg(long, value_name = "ACCOUNT")]
    pub agent: Option<String>,
    /// The queue it waited in, or the route it took
    #[arg(long, value_name = "NAME")]
    pub queue: Option<String>,
    /// A tag that it carries (may be repeated)
    #[arg(long = "tag", value_name = "NAME[=VALUE]", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// The case it belongs to: the tag `case`
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// Only those in whose transcript this phrase was said, or what sounds like it; takes the right to hear, and --purpose
    #[arg(long, value_name = "PHRASE", requires = "purpose")]
    pub said: Option<String>,
    /// What it is wanted for: into the audit book
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// At least so many seconds long
    #[arg(long, value_name = "SECONDS")]
    pub longer: Option<u64>,
    /// At most so many seconds long
    #[arg(long, value_name = "SECONDS")]
    pub shorter: Option<u64>,
    /// Begun at or after: `2026-11-22`, `2026-11-22T08:30`, `2h` or `7d` ago
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub from: Option<crate::cli::when::Moment>,
    /// Begun before: as --from
    #[arg(long, value_name = "TIME", value_parser = crate::cli::when::parse)]
    pub until: Option<crate::cli::when::Moment>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    // A mark that a plan sets (`tag "…"`) has no value.
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    match name {
        "" => Err("write NAME, or NAME=VALUE".into()),
        _ => Ok((name.to_string(), value.to_string())),
    }
}
