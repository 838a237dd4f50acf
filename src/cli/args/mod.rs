//! Every argument of every command. The help text is part of the product: it is read by operators.

mod evidence;
mod keeping;
mod people;
mod phones;
mod plan;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use evidence::{Audit, AuditList, AuditResult, Backup, Export, Rec, Restore, Search, Verify};
pub use keeping::{Anchor, Choose, Destroy, Hold, KeptState, Key, Retention, Vault};
pub use people::{Approve, ForwardWhen, Login, OnOff, Person, Prove, Sign, User};
pub use phones::{Bans, Call, Calls, MorePhones, Phones, Supervise};
pub use plan::{Calibrate, Emergency, Import, LangName, PartyName, Plan, Sim, Words, WordsFrom};

/// An on-premise SIP switch that keeps its own evidence.
#[derive(Debug, Parser)]
#[command(name = "ledgerline", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file; without it: ledgerline.toml here, in /etc/ledgerline or in /var/lib/ledgerline
    #[arg(long, global = true, env = "LEDGERLINE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Do this one thing as this person, who is asked for the password
    #[arg(long = "person", id = "acting_person", global = true, value_name = "NAME")]
    pub person: Option<String>,
    /// The language of findings and of all else that is said about plans; that of the locale, if nothing is said
    #[arg(long, global = true, value_name = "LANG")]
    pub lang: Option<LangName>,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a new node: configuration, plans, keys, certificate, first administrator
    Init(Init),
    /// Run the switch until it is told to stop
    Serve,
    /// Show that it works: a switch on loopback, two phones, one recorded call, and the proof
    Demo(Demo),
    /// Log in as a person: what follows is done with that person's rights until `logout`, or 15 minutes of nothing
    Login(Login),
    /// Prove anew that it is you, for playing and unmasking in the next five minutes
    Prove(Prove),
    /// End the session that `login` began
    Logout,
    /// Say as whom commands are done
    Whoami,
    /// Add and manage administrators, listeners and everybody else who proves who they are
    #[command(subcommand)]
    Person(Person),
    /// Look at acts that wait for several people, and sign or refuse them
    #[command(subcommand)]
    Approve(Approve),
    /// Add, list and remove the accounts of phones
    #[command(subcommand)]
    User(User),
    /// List registered phones, show those of one user, or have them do something
    Phones(Phones),
    /// List or end the bans of sources that tried too many passwords
    #[command(subcommand)]
    Bans(Bans),
    /// List the trunks: whether they answer, are registered, and what they carry
    Trunks,
    /// Set, list and remove the named secrets that trunks are proved with
    #[command(subcommand)]
    Secret(Secret),
    /// List running calls
    Calls(Calls),
    /// Look at one call, end it, or explain what happened in it
    #[command(subcommand)]
    Call(Call),
    /// Check the dial plan, or have the running switch reload it
    #[command(subcommand)]
    Plan(Plan),
    /// Look for sensitive words in a text, or explain what a phrase finds
    #[command(subcommand)]
    Words(Words),
    /// Search, verify and play recordings
    #[command(subcommand)]
    Rec(Rec),
    /// Say who did what on this node, and check the record of it
    #[command(subcommand)]
    Audit(Audit),
    /// Lock the node's keys by a passphrase or by shares, and unseal them at a start
    #[command(subcommand)]
    Vault(Vault),
    /// Rotate the keys that wrap the recordings' keys, and end old ones
    #[command(subcommand)]
    Key(Key),
    /// Hold recordings for a case: while it holds, nothing destroys them
    #[command(subcommand)]
    Hold(Hold),
    /// Copy the store of the node, running or not, into a folder; the next time only what is new. Keys are not in it
    Backup(Backup),
    /// Bring a backup back as a new store; it is checked first
    Restore(Restore),
    /// Check a copy of a store, or a proof, with the public key alone: needs no node and no configuration
    Verify(Verify),
    /// Say how the node is
    Status,
    /// Look for what would weaken the switch's promises: rights, locks, memory, clock, witnesses (exit code 1: look there)
    Doctor,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// A folder that is empty or does not exist yet
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// What the store seals, hashes and signs with, for good: intl (AES-256-GCM, SHA-256, Ed25519) or gm (SM4-GCM, SM3, SM2)
    #[arg(long, value_name = "SUITE", default_value_t)]
    pub suite: crate::vault::Suite,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Put everything into this folder, which must be empty or not exist yet; without it, a temporary one
    #[arg(long = "dir", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Leave the switch running until Ctrl-C and print the accounts
    #[arg(long)]
    pub keep: bool,
}

/// `secret`
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Set a secret to the first line of standard input
    Set {
        /// Its name, as `secret = "NAME"` of a trunk has it
        name: String,
    },
    /// List the names of the secrets; their values are never shown
    List,
    /// Remove a secret
    Remove {
        /// Its name
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_arguments_stand_anywhere() {
        for line in ["ledgerline --json --config x status", "ledgerline status --config x --json"] {
            let cli = Cli::try_parse_from(line.split(' ')).expect("parses");
            assert_eq!((cli.json, cli.config), (true, Some("x".into())));
        }
    }

    #[test]
    fn an_id_of_the_wrong_kind_is_a_usage_error() {
        let id = "r-01J00000000000000000000000";
        assert!(Cli::try_parse_from(["ledgerline", "rec", "show", id]).is_ok());
        assert!(Cli::try_parse_from(["ledgerline", "call", "show", id]).is_err());
        assert!(Cli::try_parse_from(["ledgerline", "call", "show", "../x"]).is_err());
    }
}
