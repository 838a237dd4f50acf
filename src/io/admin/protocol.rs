//! What goes over the admin socket: one JSON request a line, answered by JSON lines of which the last is final.
//!
//! ```text
//! → {"ask":"status"}
//! ← {"ok":{"answer":"status","value":{…}}}
//! → {"do":"watch"}
//! ← {"item":{…}}            … until the client goes away
//! → {"do":"rec_play","recording":"r-01J…"}
//! ← {"octets":65536}        followed by exactly that many raw octets
//! ← {"ok":{…}}
//! → {"do":"user_remove","name":"nobody"}
//! ← {"error":{"kind":"not_found","text":"there is no user nobody"}}
//! ```
//!
//! Invariant: a request is one line of at most [`bounds::ADMIN_REQUEST_BYTES`](crate::base::bounds::ADMIN_REQUEST_BYTES).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::emergency::EmergencyAct;
use super::export::ExportAct;
use super::keeping::KeepAct;
use super::persons::{MotionAct, PersonAct};
use super::planning::PlanAct;
use crate::base::{CallId, ItemId, RecordingId, Secret, Wall};
use crate::registrar::Setting;
use crate::switch::Command;
use crate::vault::AuditQuery;

/// What a client wants.
#[derive(Debug, Clone)]
pub enum Request {
    /// Something that the core knows or does.
    Ask(Command),
    /// Something that the shell knows or does.
    Do(Act),
}

/// A request to the shell. `Debug` shows its name only: the rest may be personal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Log in on this connection; a token for the next ones comes back.
    LogIn {
        /// Who.
        name: String,
        /// Their password.
        password: Word,
        /// Their one-time code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// Go on with a session; the token that comes back replaces this one.
    Enter {
        /// The token.
        token: Word,
    },
    /// Prove in a session that it is you: as [`Act::Enter`].
    Prove {
        /// The token.
        token: Word,
        /// A one-time code; for accounts without, the password.
        proof: Word,
    },
    /// Something about the accounts of people.
    Person(PersonAct),
    /// Something about acts that wait for several people.
    Motion(MotionAct),
    /// Something about a package of recordings.
    Export(ExportAct),
    /// Copy the store into a folder of the node's machine, or bring what is new into the copy there.
    Backup {
        /// The folder, absolute.
        to: PathBuf,
        /// Check the content of every file of the copy, not only that it is there.
        content: bool,
    },
    /// The numbers and names of one recording, unmasked.
    RecReveal {
        /// Which.
        recording: RecordingId,
        /// What for, in words.
        reason: Option<String>,
    },
    /// Send every change in a call's life as it happens, until the client goes away.
    Watch,
    /// Add an account.
    UserAdd {
        /// The name that it registers with.
        name: String,
        /// The name that people see.
        #[serde(default)]
        display: String,
        /// Its numbers.
        #[serde(default)]
        numbers: Vec<String>,
        /// Its password; without one, one is made and returned once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Word>,
    },
    /// Every account.
    UserList,
    /// Give an account a new password.
    UserPasswd {
        /// Whose.
        name: String,
        /// The password; without one, one is made and returned once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Word>,
    },
    /// Change what a user has set for calls.
    UserSet {
        /// Whose: a name or a number.
        name: String,
        /// The change.
        setting: Setting,
    },
    /// Show an account and what its user has set.
    UserShow {
        /// Whose: a name or a number.
        name: String,
    },
    /// Remove an account, its bindings with it.
    UserRemove {
        /// Whose.
        name: String,
    },
    /// Seal a named secret.
    SecretSet {
        /// Its name.
        name: String,
        /// Its value.
        value: Word,
    },
    /// The names of the secrets.
    SecretList,
    /// Remove a secret.
    SecretRemove {
        /// Its name.
        name: String,
    },
    /// Something about plans.
    Plan(PlanAct),
    /// Something about emergency plans.
    Emergency(EmergencyAct),
    /// Search recordings.
    RecSearch(Search),
    /// Recordings whose calls were found wanting in something.
    RecReview(Search),
    /// What was said in one recording.
    RecTranscript {
        /// Which.
        recording: RecordingId,
        /// Why, in words; into the audit book.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// With what is personal in clear.
        #[serde(default)]
        reveal: bool,
    },
    /// The facts and events of one recording.
    RecShow {
        /// Which.
        recording: RecordingId,
    },
    /// The sound of one recording as WAV.
    RecPlay {
        /// Which.
        recording: RecordingId,
        /// What it is wanted for; goes into the log.
        #[serde(default)]
        purpose: Purpose,
        /// Why, in words; into the audit book.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Its video and fax as a capture file instead.
        #[serde(default)]
        beside: bool,
        /// Not as a file: by calling this user's phones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// The octets of an item derived from a recording.
    RecItem {
        /// Of which recording.
        recording: RecordingId,
        /// Which.
        item: ItemId,
        /// What it is wanted for; into the audit book.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Make a redacted copy of a recording: a new item beside it, in which spans are cut out.
    RecRedact {
        /// Of which recording.
        recording: RecordingId,
        /// From when to when, in milliseconds since it began.
        cuts: Vec<(u64, u64)>,
        /// Why, in a word: `PII`, `third party`. Stands in the package's vCon.
        why: String,
        /// What it is wanted for; into the audit book.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Check recordings and ledger.
    RecVerify {
        /// One, or everything.
        #[serde(default)]
        recording: Option<RecordingId>,
        /// Of one recording: nothing else. Else: what was written in this time.
        #[serde(default)]
        between: Option<(Wall, Wall)>,
        /// Only the ledger, and that the files are there.
        #[serde(default)]
        index: bool,
    },
    /// Something about the key-encryption keys.
    Key(KeyAct),
    /// Something about keeping and destroying.
    Keep(KeepAct),
    /// Prove that a recording is in the ledger.
    RecProve {
        /// Which.
        recording: RecordingId,
    },
    /// The last kept heads of the ledger.
    AuditHeads {
        /// How many.
        count: u64,
    },
    /// Prove that a head grew out of an earlier one.
    AuditConsistency {
        /// Number of the earlier one.
        from: u64,
        /// Of the later one; without it, the running head.
        #[serde(default)]
        to: Option<u64>,
    },
    /// What somebody should be woken for.
    Alarms,
    /// Build the index again from the files.
    RecReindex,
    /// Entries of the audit book, newest first.
    AuditList {
        /// Which.
        query: AuditQuery,
        /// Show what was looked for unmasked.
        #[serde(default)]
        reveal: bool,
    },
    /// Check the audit book and the ledger.
    AuditVerify,
    /// The log of a call that has ended, from its sealed record.
    Trace {
        /// Which.
        call: CallId,
    },
}

/// A request about the key-encryption keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum KeyAct {
    /// What is under which key.
    List,
    /// Make a new one.
    Rotate,
    /// Bring everything under the current one.
    Rewrap,
    /// Destroy an old one.
    Retire {
        /// Its version.
        version: u32,
    },
}

/// Why sound is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To be listened to.
    #[default]
    Play,
    /// To be handed over.
    Export,
}

/// What to search for; see [`crate::vault::Query`].
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// A number in any writing.
    pub number: Option<String>,
    /// A name.
    pub name: Option<String>,
    /// The last four digits of a number.
    pub tail: Option<String>,
    /// An account that took part.
    pub agent: Option<String>,
    /// A queue or route.
    pub queue: Option<String>,
    /// Tags with their values.
    pub tags: Vec<(String, String)>,
    /// At least so many milliseconds long.
    pub least_ms: Option<u64>,
    /// At most so many milliseconds long.
    pub most_ms: Option<u64>,
    /// Begun at or after this.
    pub from: Option<Wall>,
    /// Begun before this.
    pub until: Option<Wall>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Only those in whose transcript this was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What it is wanted for; transcripts are not read without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// A password on its way through the socket. Neither `Debug` nor the log shows it.
#[derive(Clone)]
pub struct Word(pub Secret<String>);

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Request::Do(self.clone()).name())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(..)")
    }
}

impl Serialize for Word {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Word(Secret::new(String::deserialize(from)?)))
    }
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// One of several values; more follow.
    Item(Value),
    /// So many raw octets follow this line, then another line.
    Octets(usize),
    /// Final: it was done, this is the result.
    Ok(Value),
    /// Final: it was not done.
    Error(Failure),
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// Of which kind it is; decides the exit code.
    pub kind: Kind,
    /// In words.
    pub text: String,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is not one.
    Usage,
    /// What it names does not exist.
    NotFound,
    /// It may not be done: rights, rules, retention.
    Refused,
    /// It may be done, once the person has proved anew to be there.
    Presence,
    /// It could not be done.
    Failed,
}

impl Failure {
    /// A failure of `kind`.
    pub fn new(kind: Kind, text: impl fmt::Display) -> Failure {
        Failure { kind, text: text.to_string() }
    }
}

impl Request {
    /// Reads one line.
    ///
    /// # Errors
    /// The line is not a request; the failure says why.
    pub fn parse(line: &[u8]) -> Result<Request, Failure> {
        let usage = |error: serde_json::Error| Failure::new(Kind::Usage, format!("not a request: {error}"));
        let value: Value = serde_json::from_slice(line).map_err(usage)?;
        if value.get("ask").is_some() {
            serde_json::from_value(value).map(Request::Ask).map_err(usage)
        } else {
            serde_json::from_value(value).map(Request::Do).map_err(usage)
        }
    }

    /// The line that [`Request::parse`] reads, with its line feed.
    pub fn to_line(&self) -> String {
        let text = match self {
            Request::Ask(command) => serde_json::to_string(command),
            Request::Do(act) => serde_json::to_string(act),
        };
        text.expect("requests have string keys and plain values") + "\n"
    }

    /// Its name for the log.
    pub fn name(&self) -> String {
        let value = match self {
            Request::Ask(command) => serde_json::to_value(command).ok().and_then(|v| v.get("ask").cloned()),
            Request::Do(act) => serde_json::to_value(act).ok().and_then(|v| v.get("do").cloned()),
        };
        value.and_then(|name| name.as_str().map(str::to_string)).unwrap_or_default()
    }
}

impl Line {
    /// The line as it goes over the socket, with its line feed.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("answers have string keys and plain values") + "\n"
    }
}
