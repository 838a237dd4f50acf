//! Plans and their words.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `words`
#[derive(Debug, Subcommand)]
pub enum Words {
    /// Tell where a text holds phrases; ends with 1 when it holds one that nothing excuses
    Scan {
        /// A text in UTF-8; `-` reads standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        /// Whose words they are: sets for the other party look away
        #[arg(long = "by", value_name = "PARTY", default_value = "any")]
        party: PartyName,
        /// Where the sets are
        #[command(flatten)]
        from: WordsFrom,
    },
    /// Print a text with phone numbers, identity cards, bank cards, other long numbers and names masked
    Mask {
        /// A text in UTF-8; `-` reads standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Hold recordings of your own against phrases: how surely the built-in recogniser hears each, and which threshold that suggests
    Calibrate(Calibrate),
    /// Take a phrase apart: its letters, how they sound, what they are taken for, which sets know it
    Explain {
        /// As a set writes it
        phrase: String,
        /// Where the sets are
        #[command(flatten)]
        from: WordsFrom,
    },
}

/// `words calibrate`
#[derive(Debug, Args)]
pub struct Calibrate {
    /// Recordings (*.wav); a *.txt beside one says what is said in it, without one it says none of the phrases
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Write the suggested thresholds here, for `[[recogniser]] thresholds`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Weights in the place of those of this program
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Where the sets are
    #[command(flatten)]
    pub from: WordsFrom,
}

/// Where sets of words come from; without either, from the configured plan.
#[derive(Debug, Args)]
pub struct WordsFrom {
    /// A set in a file of its own: a phrase a line, `@name`, `@version`, `@level`, `@party` before them (may be repeated)
    #[arg(long = "set", value_name = "FILE")]
    pub sets: Vec<PathBuf>,
    /// A plan file or a folder of them
    #[arg(long, value_name = "PATH")]
    pub plan: Option<PathBuf>,
}

/// A language in which plans are spoken about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LangName {
    /// English
    En,
    /// Chinese
    Zh,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PartyName {
    /// Anybody
    Any,
    /// The site's own people
    Agent,
    /// Who they talk with
    Customer,
}

/// `plan`
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Check plan files: exit code 1 when something is wrong. Trunks and ring groups that they name must be in the
    /// configuration; beside a PATH only one given with --config is looked at
    Check {
        /// A plan folder or one plan file; without it, the folder of the configuration
        path: Option<PathBuf>,
    },
    /// Run the tests that stand in plan files: exit code 1 when one fails
    Test {
        /// A plan folder or one plan file; without it, the folder of the configuration
        path: Option<PathBuf>,
        /// Say which ways of the plan no test has gone
        #[arg(long)]
        coverage: bool,
        /// Show every call, not only those of tests that fail
        #[arg(long, short)]
        verbose: bool,
    },
    /// Let one call run through a plan in virtual time. On a terminal you play its caller, its phones and its agents
    Sim(Box<Sim>),
    /// Tell what changes for calls when one plan takes the place of another: exit code 1 when something does
    Diff {
        /// A plan file or folder, or the hash of a version that the node keeps (`plan history`): what holds before
        before: String,
        /// As BEFORE: what is to hold
        now: String,
    },
    /// Write pages about a plan for people who sign and audit it: each flow in a picture and in words, the policies that hold, scripts
    /// with when they are in force
    Doc {
        /// A plan folder or one plan file; without it, the plan of the configuration
        path: Option<PathBuf>,
        /// The folder for the pages; its index.html is the first
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write plan files in the one layout: indents, blanks and columns; lines, comments and meaning stay. A file that cannot be read
    /// is left alone, and what is wrong with it is said: exit code 1
    Fmt {
        /// Plan files, or folders with all beneath them; the current folder, if nothing is said; `-` formats standard input
        #[arg(value_name = "FILE|-")]
        files: Vec<PathBuf>,
        /// Change nothing: exit code 1 when a file is not in the canonical layout
        #[arg(long)]
        check: bool,
    },
    /// Serve an editor over standard input and output (Language Server Protocol); docs/editors/ has a client
    Lsp,
    /// Make a plan of another switch's dialplan, as far as it goes; what could not be carried over is listed with its lines: exit
    /// code 1 when there is such a thing
    #[command(subcommand)]
    Import(Import),
    /// Have the running switch check and load its plan folder; calls in progress keep theirs
    Reload {
        /// Load a program that the node has kept (proposed or run before) rather than the folder
        #[arg(value_name = "HASH")]
        program: Option<String>,
    },
    /// List what happened to the node's programs: when, which, who, what changed
    History {
        /// At most so many lines, newest first
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Print the text of a program that the node has kept
    Show {
        /// The program: its hash or the beginning of it; without, the one that runs
        #[arg(value_name = "HASH")]
        program: Option<String>,
        /// Write its files into a new folder instead of printing them (sounds are not among them)
        #[arg(long, short, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Have the running switch go back to a program that it ran before; it stays there, over restarts, until `plan reload`
    Rollback {
        /// To which; without, the one that ran before this one
        #[arg(value_name = "HASH")]
        program: Option<String>,
    },
    /// Emergency plans of the program that runs: which there are, one switched on (by two people), or off again
    #[command(subcommand)]
    Emergency(Emergency),
    /// Lay the plan folder before others: in production nothing is loaded that they have not approved
    Propose {
        /// Why, in a line, for those who approve
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Approve a proposed program, with your key: look at it first (`plan show`, `approve show`)
    Approve {
        /// The program: its hash or the beginning of it
        #[arg(value_name = "HASH")]
        program: String,
        /// Your key; without it, the one that `user key` made in your home folder
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Read the passphrase from standard input
        #[arg(long)]
        passphrase_stdin: bool,
    },
}

/// `plan emergency`
#[derive(Debug, Subcommand)]
pub enum Emergency {
    /// List the emergency plans, their routes, and which is on since when
    List,
    /// Switch one on: its routes go before all others for every call from now on, over restarts, until it is switched off. Asked for
    /// the first time it is laid before others; when one of them has approved, asked for again in the same words it is done
    On {
        /// Its name in the plan
        name: String,
        /// Why, in a line, for those who approve
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Switch off whatever is on
    Off,
}

/// `plan import`
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Read the extensions.conf of an Asterisk
    Asterisk {
        /// The extensions.conf
        file: PathBuf,
        /// Where to write the plan, in a file that is not there yet; standard output, if nothing is said
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// `plan sim`
#[derive(Debug, Args)]
pub struct Sim {
    /// One plan file; without it, the plan of the configuration
    pub path: Option<PathBuf>,
    /// The caller's number or name
    #[arg(long, default_value = "13800000000")]
    pub from: String,
    /// What is dialled
    #[arg(long)]
    pub to: String,
    /// When: `2026-10-08T10:00`; now, if it is not said
    #[arg(long, value_parser = crate::cli::when::parse)]
    pub at: Option<crate::cli::when::Moment>,
    /// The trunk that the call comes from; otherwise a user calls, where one may
    #[arg(long)]
    pub trunk: Option<String>,
    /// What the caller presses, in order: `--press 1 --press 62258800`; `--press ''` is nothing
    #[arg(long)]
    pub press: Vec<String>,
    /// How a user, queue or group behaves: `--stub bob=busy`, `--stub 主管组=free:1`
    #[arg(long)]
    pub stub: Vec<String>,
    /// What a lookup answers: `--lookup '客户={"级别":"VIP"}'`; others are down
    #[arg(long)]
    pub lookup: Vec<String>,
    /// What is said in conversations: `--say 'customer: 还不上'`
    #[arg(long)]
    pub say: Vec<String>,
    /// The emergency plan that is switched on
    #[arg(long)]
    pub during: Option<String>,
}
