//! What the core asks of the vault and what it hears back: values only.
//!
//! Invariant: personal data travels as [`Masked`] and is written in clear only into sealed bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{CallId, LegId, Masked, PromptId, RecordingId, Wall};

/// From the core to the vault.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Begin a recording. Answered by [`News::Opened`] or [`News::Refused`]; until then no tap may be set.
    Open {
        /// The new recording; its time stamp names the day's folder.
        recording: RecordingId,
        /// The call it belongs to.
        call: CallId,
        /// Time 0 of the recording: every `offset_us` and `arrival_us` counts from here.
        at: Wall,
        /// What is known at the beginning.
        facts: Box<Opening>,
    },
    /// Write `event` on the event track.
    Event {
        /// Whose track.
        recording: RecordingId,
        /// Microseconds since the recording's time 0.
        offset_us: u64,
        /// What happened.
        event: Event,
    },
    /// End a recording. It closes when the media plane has said [`TapItem::Ended`](super::TapItem::Ended) too, or two
    /// seconds later; then comes [`News::Closed`].
    Close {
        /// Which recording.
        recording: RecordingId,
        /// When the call ended.
        at: Wall,
        /// What is known at the end.
        facts: Box<Closing>,
    },
    /// Seal one call detail record into the log. Not answered; its loss shows as `Health { writable: false, .. }`.
    Cdr {
        /// The call; one record each, a second one for the same call is kept beside the first.
        call: CallId,
        /// When the record was made (end of the call).
        at: Wall,
        /// The record itself; sealed as it is.
        cdr: Unsealed,
        /// Numbers and user names under which it shall be found.
        numbers: Vec<Masked>,
    },
}

/// A record in clear, as JSON, on its way to be sealed: written once, and wiped when it is. It prints as nothing: whoever looks at
/// orders need not know who called whom.
#[derive(Clone, PartialEq)]
pub struct Unsealed(Zeroizing<Vec<u8>>);

impl Unsealed {
    /// `record` written down.
    pub fn new(record: &impl Serialize) -> Unsealed {
        Unsealed(super::content::json(record))
    }

    /// `json`, a record that is written down already.
    pub fn written(json: Vec<u8>) -> Unsealed {
        Unsealed(Zeroizing::new(json))
    }

    /// The record's JSON.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unsealed")
    }
}

/// From the vault to the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The file exists and takes data. A crash of the process can no longer lose it; a loss of power can for the next
    /// 200 ms.
    Opened {
        /// Which recording.
        recording: RecordingId,
    },
    /// No recording was begun: disk full, store failed. Under `record required` the call is refused with 503.
    Refused {
        /// Which recording.
        recording: RecordingId,
        /// For the log and the trace; holds no personal data.
        why: &'static str,
    },
    /// The closing record is on the disk (fdatasync returned) and the ledger has its leaf.
    Closed {
        /// Which recording.
        recording: RecordingId,
        /// Its leaf in the ledger, counted from 0 without holes.
        leaf: u64,
        /// Length of the file in bytes.
        len_bytes: u64,
        /// Media packets in it.
        packets: u64,
    },
    /// Packets that reached the tap but not the file since the last such news: ring full, or no space.
    Lost {
        /// Which recording.
        recording: RecordingId,
        /// How many packets.
        packets: u64,
    },
    /// The state of the store changed. While `writable` is false, opens are refused; running recordings go on as long
    /// as the disk takes them, and closing records and CDRs go into the reserve.
    Health {
        /// Whether a new recording would be accepted.
        writable: bool,
        /// Free space for ordinary users on the store's file system.
        free_bytes: u64,
    },
}

/// What is known when a recording begins. Sealed in the file's first chunk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Opening {
    /// Who called: number or user, as signalled.
    #[serde(with = "clear")]
    pub caller: Masked,
    /// What was dialled, as signalled.
    #[serde(with = "clear")]
    pub dialled: Masked,
    /// User and display names known so far; the recording is found under each.
    #[serde(with = "clear_list")]
    pub names: Vec<Masked>,
    /// SHA-256 of the plan program that ruled the call.
    #[serde(with = "hex_hash", skip_serializing_if = "Option::is_none")]
    pub plan: Option<[u8; 32]>,
    /// The plan's route, for search and explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How long to keep it. `None`: the site's standard class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// The recording notice that the policy prescribes.
    #[serde(with = "prompt", skip_serializing_if = "Option::is_none")]
    pub notice: Option<PromptId>,
}

/// A retention class as it stood when the recording began; a rule changed later does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Name of the class, e.g. `金融通用`.
    pub class: String,
    /// Event that is time 0: `call end`, `contract.end`, …
    pub anchor: String,
    /// Keep at least so long after the anchor. `None`: no minimum.
    pub min_seconds: Option<u64>,
    /// Destroy at the latest so long after the anchor. `None`: no maximum.
    pub max_seconds: Option<u64>,
}

/// What is known when a recording ends. Sealed in the file's last chunk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Closing {
    /// When the call was answered, if it was.
    pub answered_at: Option<Wall>,
    /// When the call ended.
    pub ended_at: Option<Wall>,
    /// Everybody who took part.
    pub parties: Vec<Party>,
    /// Marks that plan and agents set.
    pub tags: BTreeMap<String, String>,
    /// Why the call ended: `caller hung up`, `busy`, …
    pub cause: String,
}

/// One who took part in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The leg.
    pub leg: LegId,
    /// Number or user name; the recording is found under it.
    #[serde(with = "clear")]
    pub who: Masked,
    /// Display name, if known; the recording is found under it too.
    #[serde(default, with = "clear")]
    pub name: Masked,
}

/// How a recording's file came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The call ended and the closing record was written in order.
    InOrder,
    /// The process or the power died; recovery closed the file after its last whole chunk.
    ByCrash,
}

/// What the event track holds. Each with an offset from the recording's time 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// From here on `payload_type` on `track` means this codec. Without it, 0 is PCMU and 8 is PCMA (RFC 3551 §6).
    Format {
        /// Track 0 or 1.
        track: u8,
        /// RTP payload type.
        payload_type: u8,
        /// Encoding name as in SDP, e.g. `PCMA`.
        codec: String,
        /// RTP clock in Hz.
        clock_hz: u32,
    },
    /// The recording notice was played to this leg.
    NoticePlayed {
        /// Who heard it.
        leg: LegId,
        /// The notice's prompt.
        #[serde(with = "prompt_id")]
        prompt: PromptId,
        /// Whether to its end.
        whole: bool,
    },
    /// A party's sound is now that of `track`.
    Joined {
        /// The party.
        leg: LegId,
        /// Track 0 or 1.
        track: u8,
    },
    /// A party left.
    Left {
        /// The party.
        leg: LegId,
    },
    /// A party put the call on hold.
    Held {
        /// The party that holds.
        leg: LegId,
    },
    /// The hold is over.
    Resumed {
        /// The party that held.
        leg: LegId,
    },
    /// A key was pressed (never inside a secret input).
    Key {
        /// By whom.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: char,
    },
    /// Sound is deliberately left out from here (`reason` says why) until the next `GapEnd`.
    GapStart {
        /// `secret`, `right: rec.pause`, `no space`, …
        reason: String,
    },
    /// The deliberate gap ends.
    GapEnd,
    /// Packets that reached the tap and not the file.
    Lost {
        /// How many.
        packets: u64,
    },
    /// A tag was set.
    Tag {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Anything else a room wants on the track.
    Other {
        /// Name of the event.
        name: String,
        /// Its data.
        value: serde_json::Value,
    },
}

/// `Masked` in clear: only for bytes that are sealed next.
mod clear {
    use super::Masked;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Masked, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.reveal())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Masked, D::Error> {
        String::deserialize(from).map(Masked::new)
    }
}

/// A list of `Masked` in clear.
pub(super) mod clear_list {
    use super::Masked;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[Masked], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(Masked::reveal))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Masked>, D::Error> {
        Ok(Vec::<String>::deserialize(from)?.into_iter().map(Masked::new).collect())
    }
}

/// A hash as lower-case hexadecimal text.
mod hex_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(hash: &Option<[u8; 32]>, to: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => {
                to.serialize_str(&hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[u8; 32]>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a hash has 64 hexadecimal digits"));
        }
        for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(D::Error::custom)?;
        }
        Ok(Some(hash))
    }
}

/// A prompt's id as 16 hexadecimal digits.
mod prompt_id {
    use super::PromptId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &PromptId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{:016x}", id.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PromptId, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map(PromptId).map_err(D::Error::custom)
    }
}

/// An optional prompt's id.
mod prompt {
    use super::{PromptId, prompt_id};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(id: &Option<PromptId>, to: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => prompt_id::serialize(id, to),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PromptId>, D::Error> {
        #[derive(Deserialize)]
        struct One(#[serde(with = "prompt_id")] PromptId);
        Ok(Option::<One>::deserialize(from)?.map(|one| one.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_the_sealed_text_and_print_masked() {
        let opening = Opening {
            caller: Masked::new("13812345678"),
            dialled: Masked::new("95599"),
            names: vec![Masked::new("张三丰先生张三丰先生")],
            plan: Some([0xab; 32]),
            route: Some("main".into()),
            retention: Some(Retention {
                class: "金融通用".into(),
                anchor: "call end".into(),
                min_seconds: Some(5 * 365 * 86_400),
                max_seconds: None,
            }),
            notice: Some(PromptId(0xdead_beef)),
        };
        let text = serde_json::to_string(&opening).expect("plain data");
        assert!(text.contains("13812345678"));
        assert_eq!(serde_json::from_str::<Opening>(&text).expect("own text"), opening);
        assert!(!format!("{opening:?}").contains("13812345678"));
        assert_eq!(serde_json::from_str::<Opening>("{}").expect("all optional"), Opening::default());
    }

    #[test]
    fn events_are_tagged_by_name() {
        for (event, text) in [
            (Event::GapEnd, r#"{"event":"gap_end"}"#),
            (Event::Key { leg: LegId(0), key: '#' }, r##"{"event":"key","leg":0,"key":"#"}"##),
            (
                Event::NoticePlayed { leg: LegId(1), prompt: PromptId(7), whole: true },
                r#"{"event":"notice_played","leg":1,"prompt":"0000000000000007","whole":true}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).expect("plain data"), text);
            assert_eq!(serde_json::from_str::<Event>(text).expect("own text"), event);
        }
    }
}
