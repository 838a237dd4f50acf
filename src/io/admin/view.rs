//! What administrators see of recordings and accounts: plain values, masked here, where they leave the house.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{CallId, ItemId, Masked, RecordingId};
use crate::io::users::UserView;
use crate::registrar::Settings;
use crate::vault::{AuditEntry, DerivedRow, Ended, Outcome, Row, Who};

/// One recording in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingView {
    /// The recording.
    pub recording: RecordingId,
    /// Its call.
    pub call: CallId,
    /// When it began, RFC 3339.
    pub began: String,
    /// Its length; `None` while it runs.
    pub duration_ms: Option<u64>,
    /// How its file ended; `None` while it runs.
    pub ended: Option<Ended>,
    /// Who called.
    pub caller: String,
    /// What was dialled.
    pub dialled: String,
    /// Everybody who took part, as far as known.
    pub parties: Vec<String>,
    /// Why the call ended.
    pub cause: String,
    /// Marks that were set.
    pub tags: BTreeMap<String, String>,
    /// The route that the call took.
    pub route: Option<String>,
    /// Its retention class.
    pub retention: Option<String>,
    /// Its leaf in the ledger; `None` while it runs.
    pub leaf: Option<u64>,
    /// Length of the file.
    pub len_bytes: u64,
    /// Media packets in it.
    pub packets: u64,
}

impl RecordingView {
    /// What of `row` is shown: personal data masked unless `reveal`.
    pub fn of(row: Row, reveal: bool) -> RecordingView {
        let show = |value: &Masked| if reveal { value.reveal().to_string() } else { value.to_string() };
        let closing = row.closing.unwrap_or_default();
        RecordingView {
            recording: row.recording,
            call: row.call,
            began: row.started.rfc3339(),
            duration_ms: row.duration_us.map(|us| us / 1_000),
            ended: row.ended,
            caller: show(&row.opening.caller),
            dialled: show(&row.opening.dialled),
            parties: closing.parties.iter().map(|party| show(&party.who)).collect(),
            cause: closing.cause,
            tags: closing.tags,
            route: row.opening.route,
            retention: row.opening.retention.map(|class| class.class),
            leaf: row.leaf,
            len_bytes: row.len_bytes,
            packets: row.packets,
        }
    }
}

/// One entry of the audit book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditView {
    /// Its leaf in the ledger.
    pub leaf: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who, in which role, from where.
    pub who: Who,
    /// One word for who.
    pub name: String,
    /// What.
    pub act: String,
    /// On what.
    pub on: Option<String>,
    /// What was looked for, or what was said about a failure: masked unless revealed.
    pub about: Vec<String>,
    /// What came of it.
    pub result: Outcome,
    /// Why.
    pub reason: Option<String>,
    /// The leaf of the entry that says that it was begun.
    pub of: Option<u64>,
    /// Anything else; of a refusal `why`: the rule, as it was told.
    pub detail: serde_json::Value,
}

impl AuditView {
    /// What of `entry` is shown.
    pub fn of(leaf: u64, entry: AuditEntry, reveal: bool) -> AuditView {
        let show = |value: &Masked| if reveal { value.reveal().to_string() } else { value.to_string() };
        AuditView {
            leaf,
            at: entry.at.rfc3339(),
            name: entry.who.name(),
            about: entry.about.iter().map(show).collect(),
            who: entry.who,
            act: entry.act,
            on: entry.on,
            result: entry.result,
            reason: entry.reason,
            of: entry.of,
            detail: entry.detail,
        }
    }
}

/// What came with a recording's sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundView {
    /// Samples a track, 8 000 a second.
    pub samples: u64,
    /// Octets of the WAV file that was sent before.
    pub len_bytes: u64,
    /// What could not be decoded or was damaged, in words. Empty: nothing.
    pub gaps: Vec<String>,
}

/// What was sent of a recording's video and fax.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CaptureView {
    /// Packets in it.
    pub packets: u64,
    /// Octets of the file that was sent before.
    pub len_bytes: u64,
    /// What was damaged, in words. Empty: nothing.
    pub gaps: Vec<String>,
}

/// An account that was made or changed, and its password if the node made one. The only time that it is shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct UserMade {
    /// The account.
    #[serde(flatten)]
    pub user: UserView,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<super::protocol::Word>,
    /// The realm that it is for.
    pub realm: String,
}

/// A moment in a list of events, with its offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// Microseconds since the recording began.
    pub offset_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: crate::vault::Event,
}

/// One recording in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordView {
    /// What a list shows too.
    #[serde(flatten)]
    pub recording: RecordingView,
    /// Version of the key that wraps its data key.
    pub kek_version: u32,
    /// Sealed chunks in the file.
    pub chunks: u64,
    /// When the call was answered, RFC 3339.
    pub answered: Option<String>,
    /// The event track.
    pub events: Vec<EventView>,
    /// What was derived from it, oldest first.
    #[serde(default)]
    pub derived: Vec<ItemView>,
}

/// An item derived from a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemView {
    /// Which.
    pub item: ItemId,
    /// What it is: `transcript`, `opus`, `redacted`.
    pub kind: String,
    /// Its media type.
    pub media_type: String,
    /// What made it.
    pub by: String,
    /// When, RFC 3339.
    pub made: String,
    /// Its leaf in the ledger.
    pub leaf: u64,
    /// Length of its sealed file.
    pub len_bytes: u64,
}

impl From<DerivedRow> for ItemView {
    fn from(row: DerivedRow) -> ItemView {
        let DerivedRow { item, leaf, len_bytes, derivation } = row;
        ItemView {
            item,
            kind: derivation.kind,
            media_type: derivation.media_type,
            by: derivation.by,
            made: derivation.at.rfc3339(),
            leaf,
            len_bytes,
        }
    }
}

/// An account and what its user has set for calls.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserShown {
    /// The account.
    pub user: UserView,
    /// What is set.
    pub settings: Settings,
}
