//! What a call shows of itself to administrators: plain values, ready for a table or for JSON; numbers masked.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::quality::Quality;
use crate::base::{CallId, LegId, RecordingId, Wall};

/// One running call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    /// Its identifier.
    pub id: CallId,
    /// When it began.
    pub began: Wall,
    /// `opening`, `playing`, `ringing`, `talking`, `ending`.
    pub state: Cow<'static, str>,
    /// Who called, masked.
    pub caller: String,
    /// The number dialled, masked.
    pub dialled: String,
    /// Who answered, if anybody has.
    pub answered_by: Option<String>,
    /// Its recording, if it is recorded.
    pub recording: Option<RecordingId>,
    /// Its legs.
    pub legs: Vec<LegView>,
}

/// One leg of a running call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegView {
    /// Which.
    pub leg: LegId,
    /// Who is at the other end.
    pub peer: String,
    /// `calling`, `ringing`, `answered`, `held`, `gone`.
    pub state: Cow<'static, str>,
    /// The codec in use.
    pub codec: Option<String>,
    /// What it has besides sound: `video`, `fax`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<String>,
    /// Where our RTP for it is.
    pub local: Option<SocketAddr>,
    /// Where its RTP is to go, by SDP.
    pub remote: Option<SocketAddr>,
    /// The suite of SRTP; `None`: in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Cow<'static, str>>,
    /// What was measured, once the media plane has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
}

/// A change in a call's life, for the log (one INFO line a call) and for `calls --watch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Wall,
    /// What happened.
    pub change: Change,
    /// The call as it is now.
    pub call: CallView,
}

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It began.
    Began,
    /// Somebody is being rung.
    Rings,
    /// Two parties are joined.
    Joined,
    /// Nothing is heard from a party to whom another speaks.
    OneWay {
        /// Whose leg.
        leg: LegId,
    },
    /// It ended.
    Ended {
        /// Why, in words.
        cause: String,
        /// From first message to last, in milliseconds.
        duration_ms: u64,
    },
}
