//! The call detail record: derived from the call and its trace when the call is over, sealed by the vault.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{CallId, LegId, Masked, RecordingId, Wall, mask_digits};
use crate::media::LegFacts;
use crate::vault::{self, Party};

use super::Call;
use super::afterwards::Finding;
use super::desk::{Desk, Effect};
use super::screen::Spoken;
use super::trace::{Entry, Trace};

/// One call's record. Numbers are in clear: the vault seals it, and every exit masks it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    /// The call.
    pub call: CallId,
    /// The node that served it.
    pub node: String,
    /// First INVITE.
    pub began: Wall,
    /// The caller was answered (by the plan or by a person).
    pub answered: Option<Wall>,
    /// The end.
    pub ended: Wall,
    /// From first INVITE to the end, milliseconds.
    pub duration_ms: u64,
    /// What was dialled.
    pub dialled: String,
    /// Who took part; the first is the caller.
    pub parties: Vec<Party>,
    /// The route, with its file and line.
    pub route: Option<String>,
    /// Hash of the program, hexadecimal.
    pub program: String,
    /// The recording, if there is one.
    pub recording: Option<RecordingId>,
    /// Why it ended, in words.
    pub cause: String,
    /// What the media plane counted, by leg.
    pub media: Vec<Measured>,
    /// Words that policies name, as they were spoken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Spoken>,
    /// What the finished conversation was found wanting in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Trace entries that did not fit.
    pub trace_dropped: u64,
    /// Everything that happened. The last field: [`Cdr::written`] puts the entries behind it.
    pub trace: Vec<Entry>,
}

impl Cdr {
    /// The record's JSON, with the entries of `trace` in place of its own: they are written already.
    fn written(&self, trace: &Trace) -> vault::Unsealed {
        let text = trace.text();
        let mut record = Vec::with_capacity(text.len() + WITHOUT_TRACE_BYTES);
        let written = serde_json::to_writer(&mut record, self);
        debug_assert!(written.is_ok() && record.ends_with(b"\"trace\":[]}"), "the trace comes last");
        record.truncate(record.len().saturating_sub(2));
        record.extend_from_slice(text);
        record.extend_from_slice(b"]}");
        vault::Unsealed::written(record)
    }
}

/// What the rest of a usual record takes.
const WITHOUT_TRACE_BYTES: usize = 1_536;

/// What was dialled stands in a record in clear, and is masked here.
impl fmt::Debug for Cdr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cdr")
            .field("call", &self.call)
            .field("dialled", &mask_digits(&self.dialled))
            .field("parties", &self.parties)
            .field("cause", &self.cause)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// What was counted on one leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The leg.
    pub leg: LegId,
    /// RTP packets from it.
    pub packets_in: u64,
    /// RTP packets to it.
    pub packets_out: u64,
    /// Packets from it that never came.
    pub lost: u64,
    /// Largest interarrival jitter, microseconds.
    pub jitter_most_us: u32,
    /// Packets refused because they came from somebody else.
    pub rejected: u64,
    /// The codec received.
    pub codec: Option<String>,
    /// Packets to it that never came, by its own reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far_lost: Option<u32>,
    /// To it and back, microseconds, as last measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u32>,
    /// The estimated opinion (MOS) of what came from it, in hundredths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_in: Option<u16>,
    /// The same of what it heard, by its own reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos_out: Option<u16>,
    /// For how long it was not heard though somebody spoke to it, milliseconds.
    #[serde(default)]
    pub one_way_ms: u32,
}

impl Measured {
    pub(super) fn new(leg: LegId, facts: &LegFacts) -> Measured {
        Measured {
            leg,
            packets_in: facts.packets_in,
            packets_out: facts.packets_out,
            lost: facts.lost,
            jitter_most_us: facts.jitter_most_us,
            rejected: facts.rejected,
            codec: facts.codec_in.map(|codec| codec.name().to_string()),
            far_lost: facts.far_lost,
            round_trip_us: facts.round_trip_us,
            mos_in: facts.mos_in,
            mos_out: facts.mos_out,
            one_way_ms: facts.one_way_ms,
        }
    }
}

impl Call {
    /// Writes the CDR, once, when media and recording have reported or their time is over.
    pub(super) fn write_cdr(&mut self, desk: &mut Desk<'_>) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        self.hand_over_transcript(desk);
        let cdr = self.cdr(desk);
        let of_parties = cdr.parties.iter().flat_map(|party| [&party.who, &party.name]);
        let mut numbers: Vec<Masked> = Vec::new();
        for who in of_parties.chain([&self.facts.dialled, &self.caller_name]) {
            if !who.reveal().is_empty() && !numbers.contains(who) {
                numbers.push(who.clone());
            }
        }
        let cdr = cdr.written(&self.trace);
        let order = vault::Order::Cdr { call: self.id, at: desk.wall, cdr, numbers };
        desk.effects.push_back(Effect::Vault(order));
    }

    /// All of the record but the trace.
    fn cdr(&self, desk: &Desk<'_>) -> Cdr {
        let (began, began_wall) = self.trace.began();
        let (cause, end, ended) = self.ended.clone().unwrap_or_else(|| (String::new(), desk.now, desk.wall));
        Cdr {
            call: self.id,
            node: desk.node.name.clone(),
            began: began_wall,
            answered: self.answered_at,
            ended,
            duration_ms: u64::try_from(end.since(began).as_millis()).unwrap_or(u64::MAX),
            dialled: self.facts.dialled.reveal().to_string(),
            parties: self.parties(),
            route: self.route.clone(),
            program: self.machine.program().hash_hex(),
            recording: self.recording.as_ref().map(|recording| recording.id),
            cause,
            media: self
                .legs
                .iter()
                .filter_map(|l| l.facts.as_ref().map(|f| Measured::new(l.id, f)))
                .collect(),
            words: self.all_spoken(),
            findings: self.findings(),
            trace_dropped: self.trace.dropped(),
            trace: Vec::new(),
        }
    }
}
