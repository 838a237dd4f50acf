//! Every argument of every command. The help text is part of the product: it is read by operators.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::base::{CallId, LegId, MotionId, RecordingId};
use crate::config::Srtp;

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
}

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
}

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

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// A folder that is empty or does not exist yet
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
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
    /// Take a phrase apart: its letters, how they sound, what they are taken for, which sets know it
    Explain {
        /// As a set writes it
        phrase: String,
        /// Where the sets are
        #[command(flatten)]
        from: WordsFrom,
    },
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

/// `phones`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Phones {
    /// Only those of this user (a name or a number)
    pub user: Option<String>,
    /// What else to do.
    #[command(subcommand)]
    pub more: Option<MorePhones>,
}

/// `phones …`
#[derive(Debug, Subcommand)]
pub enum MorePhones {
    /// Show everything that is known of a user's phones: contacts, transport, user agent, round trip
    Show {
        /// The user: a name or a number
        user: String,
    },
    /// Have every phone of a user fetch its configuration (NOTIFY check-sync)
    Sync {
        /// The user (a name or a number)
        user: String,
        /// Have it restart as well
        #[arg(long)]
        reboot: bool,
    },
    /// Set what waits in a user's mailbox; the lamp of its phones follows
    Waiting {
        /// The user (a name or a number)
        user: String,
        /// Messages not heard yet
        #[arg(long, default_value_t = 0, value_name = "N")]
        new: u32,
        /// Messages heard and kept
        #[arg(long, default_value_t = 0, value_name = "N")]
        old: u32,
        /// Of the new ones: marked urgent
        #[arg(long, default_value_t = 0, value_name = "N")]
        urgent: u32,
    },
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

/// `bans`
#[derive(Debug, Subcommand)]
pub enum Bans {
    /// List them: which source, which user there, why, for how long
    List,
    /// End the bans of a source, or all of them
    Remove {
        /// The source, as `bans list` prints it
        #[arg(required_unless_present = "all")]
        source: Option<String>,
        /// End every ban
        #[arg(long, conflicts_with = "source")]
        all: bool,
    },
}

/// `calls`
#[derive(Debug, Args)]
pub struct Calls {
    /// Go on and print every change as it happens
    #[arg(long)]
    pub watch: bool,
}

/// `call`
#[derive(Debug, Subcommand)]
pub enum Call {
    /// Show a running call and its legs
    Show {
        /// The call, as `calls` prints it
        id: CallId,
    },
    /// Call for a user: the user's phones ring, then the plan dials the number
    Start {
        /// Who calls: a user's name or number
        from: String,
        /// What is dialled, as the user would dial it
        to: String,
        /// Ask the user's phone to answer by itself, on its loudspeaker
        #[arg(long)]
        auto_answer: bool,
    },
    /// Listen in on a conversation: the supervisor's phones ring, and whoever answers hears both and is heard by nobody
    Listen(Supervise),
    /// The same, heard by the agent alone
    Whisper(Supervise),
    /// The same, heard by both
    Barge(Supervise),
    /// Take the agent's place in a conversation; the agent is let go
    TakeOver(Supervise),
    /// Lock a conference: nobody new is let in
    Lock {
        /// The call, as `calls` prints it
        id: CallId,
        /// Open it again
        #[arg(long)]
        off: bool,
    },
    /// Mute a party of a conference
    Mute {
        /// The call, as `calls` prints it
        id: CallId,
        /// The party, as `call show` prints it: `leg2`, or its number
        #[arg(value_parser = leg)]
        leg: LegId,
        /// Let it be heard again
        #[arg(long)]
        off: bool,
    },
    /// Show a party out of a conference
    Kick {
        /// The call, as `calls` prints it
        id: CallId,
        /// The party, as `call show` prints it: `leg2`, or its number
        #[arg(value_parser = leg)]
        leg: LegId,
    },
    /// End a running call
    Hangup {
        /// The call, as `calls` prints it
        id: CallId,
    },
    /// Show what happened in a call, running or over: messages, plan lines, media facts
    Explain {
        /// The call, as `calls`, `rec search` and the log print it
        id: CallId,
    },
}

/// A leg by its name or number.
fn leg(text: &str) -> Result<LegId, String> {
    let number = text.strip_prefix("leg").unwrap_or(text);
    number.parse().map(LegId).map_err(|_| "not a leg: leg0, leg1 …".to_string())
}

/// `call listen`, `whisper`, `barge`, `take-over`
#[derive(Debug, Args)]
pub struct Supervise {
    /// The call, as `calls` prints it
    pub id: CallId,
    /// The supervisor: a user's name or number. One who is in the call already changes over without ringing
    #[arg(long = "as", value_name = "USER")]
    pub user: String,
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
    /// Have the running switch check and load its plan folder; calls in progress keep theirs
    Reload,
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
    #[arg(long, value_parser = super::when::parse)]
    pub at: Option<super::when::Moment>,
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
    /// Decrypt a recording to WAV (or FLAC, when the file is called .flac): into a file, or to the loudspeaker where `aplay` is installed
    Play {
        /// The recording
        id: RecordingId,
        /// The file to write; `-` is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// What it is wanted for: a case, an order; into the audit book
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Check recordings and ledger for damage: exit code 1 when something is wrong
    Verify {
        /// One recording; without it, everything
        id: Option<RecordingId>,
        /// What was written on this day (UTC)
        #[arg(long, value_name = "DATE", value_parser = super::when::parse, conflicts_with = "id")]
        day: Option<super::when::Moment>,
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
    /// Build the index again from the recordings themselves
    Reindex,
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
    /// The recipient's X25519 public key (a JSON Web Key, or 64 hexadecimal digits): everything is encrypted to it
    #[arg(long, value_name = "FILE")]
    pub recipient: Option<PathBuf>,
    /// Sound as FLAC instead of WAV
    #[arg(long)]
    pub flac: bool,
    /// Every recording with this number
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// Every recording begun at or after: as with `rec search`
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub from: Option<super::when::Moment>,
    /// Every recording begun before
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub until: Option<super::when::Moment>,
    /// Every recording that carries the case as its tag `case`
    #[arg(long)]
    pub all_of_case: bool,
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
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub from: Option<super::when::Moment>,
    /// Before: as --from
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub until: Option<super::when::Moment>,
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

/// `vault`
#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Lock the key files: from then on every start wants the passphrase, or M of N shares
    Lock {
        /// Read a passphrase from the first line of standard input
        #[arg(long, required_unless_present = "shares")]
        passphrase: bool,
        /// Deal N shares of which M open the keys, and print them once
        #[arg(long, value_name = "M/N", value_parser = m_of_n, conflicts_with = "passphrase")]
        shares: Option<(u8, u8)>,
    },
    /// Bring passphrase or shares, one a line on standard input, to a switch that waits for them
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
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub from: Option<super::when::Moment>,
    /// Begun before
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub until: Option<super::when::Moment>,
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
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub at: super::when::Moment,
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
        #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
        basis_at: super::when::Moment,
        /// Which.
        #[command(flatten)]
        select: Choose,
    },
    /// Carry out what two others have approved; the certificate lies in the store's `certificates`
    Run {
        /// The motion that was approved
        motion: MotionId,
    },
    /// List destructions that are not done
    List,
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
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// The case it belongs to: the tag `case`
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// At least so many seconds long
    #[arg(long, value_name = "SECONDS")]
    pub longer: Option<u64>,
    /// At most so many seconds long
    #[arg(long, value_name = "SECONDS")]
    pub shorter: Option<u64>,
    /// Begun at or after: `2026-11-22`, `2026-11-22T08:30`, `2h` or `7d` ago
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub from: Option<super::when::Moment>,
    /// Begun before: as --from
    #[arg(long, value_name = "TIME", value_parser = super::when::parse)]
    pub until: Option<super::when::Moment>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_string(), value.to_string()))
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
