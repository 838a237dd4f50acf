//! Who may do what: people, their keys and votes, and the accounts of phones.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::base::MotionId;
use crate::config::Srtp;

/// `login`
#[derive(Debug, Args)]
pub struct Login {
    /// The person's account
    pub name: String,
    /// Read the password from standard input, and from its second line the one-time code
    #[arg(long)]
    pub password_stdin: bool,
}

/// `prove`
#[derive(Debug, Args)]
pub struct Prove {
    /// Read the one-time code (or the password, where there is none) from standard input
    #[arg(long)]
    pub stdin: bool,
}

/// `person`
#[derive(Debug, Subcommand)]
pub enum Person {
    /// Add a person; password and secret of the one-time codes are made and printed once
    Add {
        /// The name of the account
        name: String,
        /// What the person is (may be repeated): system, security, audit, listener, quality, agent, supervisor
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// Over which recordings: `queue:NAME`, `TAG=VALUE`, `party:ACCOUNT`, several with blanks between; without it, all
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
        /// Another account of the same human being
        #[arg(long, value_name = "NAME")]
        same_as: Option<String>,
        /// Let the password alone prove presence for playing and unmasking
        #[arg(long)]
        no_code: bool,
        /// For emergencies only: every use raises an alarm and has to be reviewed
        #[arg(long)]
        break_glass: bool,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the people
    List,
    /// Give a person other roles, or another scope; the person's sessions end
    Role {
        /// The person's account
        name: String,
        /// What the person is from now on (may be repeated); without it, as before
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Over which recordings: as with `person add`
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
    },
    /// Give a person a new password; the person's sessions end, a lock is lifted
    Passwd {
        /// The person's account
        name: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let a person in no more; there is no removing, so that the audit book keeps its meaning
    Disable {
        /// The person's account
        name: String,
    },
    /// Let a person in again
    Enable {
        /// The person's account
        name: String,
    },
    /// Draw a new secret for one-time codes and show it once
    Totp {
        /// The person's account
        name: String,
    },
}

/// `approve`
#[derive(Debug, Subcommand)]
pub enum Approve {
    /// List what waits
    List {
        /// What was approved, refused, done or left lying too
        #[arg(long)]
        all: bool,
    },
    /// Show what one motion is about, word by word, with the hash of these words
    Show {
        /// The motion, as `approve list` prints it
        id: MotionId,
    },
    /// Approve it, with your key
    Sign(Sign),
    /// Refuse it, with your key: that ends it
    Refuse(Sign),
}

/// `approve sign`, `approve refuse`
#[derive(Debug, Args)]
pub struct Sign {
    /// The motion, as `approve list` prints it
    pub id: MotionId,
    /// Your key; without it, the one that `user key` made in your home folder
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Read the passphrase from standard input
    #[arg(long)]
    pub passphrase_stdin: bool,
}

/// `user`
#[derive(Debug, Subcommand)]
pub enum User {
    /// Add an account; its password is made and printed once
    Add {
        /// The name that the phone registers with
        name: String,
        /// A number that reaches it (may be repeated)
        #[arg(long = "number", value_name = "NUMBER")]
        numbers: Vec<String>,
        /// The name that people see
        #[arg(long, default_value = "", value_name = "TEXT")]
        display: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts
    List,
    /// Give an account a new password; its phones have to register again
    Passwd {
        /// The account
        name: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show an account and what its user has set for calls
    Show {
        /// The account: a name or a number
        name: String,
    },
    /// Forward a user's calls, or no more
    Forward {
        /// The account: a name or a number
        name: String,
        /// Which calls
        when: ForwardWhen,
        /// To which number; without one, no more
        to: Option<String>,
        /// After so many seconds of ringing (no-answer)
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=600))]
        after: Option<u16>,
    },
    /// Do not disturb a user, or again
    Dnd {
        /// The account: a name or a number
        name: String,
        /// Whether nobody is to disturb
        state: OnOff,
    },
    /// Set whether media is encrypted (SRTP) on the way to a user's phones
    Srtp {
        /// The account: a name or a number
        name: String,
        /// What holds for them
        policy: SrtpPolicy,
    },
    /// Set whether a user's calls may have video
    Video {
        /// The account: a name or a number
        name: String,
        /// What holds for them
        may: VideoPolicy,
    },
    /// Make the key that you sign approvals with, on this machine, and register its public part (log in first)
    Key {
        /// Your account, as `login` takes it
        name: String,
        /// The file; without it, .config/ledgerline/NAME.key in your home folder
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Read the passphrase from standard input
        #[arg(long)]
        passphrase_stdin: bool,
        /// Take the key out of force instead, yours or (as security administrator) somebody's: it was lost, or seen by others
        #[arg(long, conflicts_with_all = ["file", "passphrase_stdin"])]
        revoke: bool,
    },
    /// Remove an account; its phones are not reached any more
    Remove {
        /// The account
        name: String,
    },
}

/// Which calls are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardWhen {
    /// Every call, without ringing
    Always,
    /// When every phone is busy, or nobody is to disturb
    Busy,
    /// When nobody has answered for a time
    NoAnswer,
    /// When no phone is registered or none can be reached
    Unregistered,
}

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnOff {
    /// Yes
    On,
    /// No
    Off,
}

/// Whether there may be video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum VideoPolicy {
    /// With users who may too
    On,
    /// Never
    Off,
    /// As `[media] video` says
    Node,
}

impl VideoPolicy {
    /// `None`: as the node has it.
    pub fn meant(self) -> Option<bool> {
        match self {
            VideoPolicy::On => Some(true),
            VideoPolicy::Off => Some(false),
            VideoPolicy::Node => None,
        }
    }
}

/// Whether media is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SrtpPolicy {
    /// Never
    Off,
    /// With phones that know it
    Optional,
    /// Always: a phone without it is refused
    Required,
    /// As `[media] srtp` says
    Node,
}

impl SrtpPolicy {
    /// `None`: as the node has it.
    pub fn meant(self) -> Option<Srtp> {
        match self {
            SrtpPolicy::Off => Some(Srtp::Off),
            SrtpPolicy::Optional => Some(Srtp::Optional),
            SrtpPolicy::Required => Some(Srtp::Required),
            SrtpPolicy::Node => None,
        }
    }
}
