//! What a call's own log says: every SIP message, plan line, media fact and decision, in order.
//!
//! `call explain`, the demo's ladder and the CDR are all derived from it; nothing else is remembered of a call.
//! An entry is written once, as the JSON in which it stands in the call's record, and read back only for people who ask.
//! Invariant: an entry holds no secret and no unmasked personal number (they live in the CDR's sealed parties).

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::base::{LegId, Time, Wall, bounds};

/// One line of a call's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the call began.
    pub at_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What<'static>,
}

/// An entry as it is written: what [`Entry`] reads, field by field, since every message of every call writes one.
struct Writing<'a> {
    at_us: u64,
    what: &'a What<'a>,
}

impl Serialize for Writing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_map(None)?;
        entry.serialize_entry("at_us", &self.at_us)?;
        match self.what {
            What::Sip { leg, way, peer, line } => {
                entry.serialize_entry("kind", "sip")?;
                entry.serialize_entry("leg", leg)?;
                entry.serialize_entry("way", way)?;
                entry.serialize_entry("peer", peer)?;
                entry.serialize_entry("line", line)?;
            }
            What::Plan { file, line, text } => {
                entry.serialize_entry("kind", "plan")?;
                entry.serialize_entry("file", file)?;
                entry.serialize_entry("line", line)?;
                entry.serialize_entry("text", text)?;
            }
            What::Media { leg, text } => {
                entry.serialize_entry("kind", "media")?;
                entry.serialize_entry("leg", leg)?;
                entry.serialize_entry("text", text)?;
            }
            What::Record { text } => {
                entry.serialize_entry("kind", "record")?;
                entry.serialize_entry("text", text)?;
            }
            What::Call { text } => {
                entry.serialize_entry("kind", "call")?;
                entry.serialize_entry("text", text)?;
            }
        }
        entry.end()
    }
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What<'a> {
    /// A SIP message came in or went out.
    Sip {
        /// The leg that it belongs to.
        leg: LegId,
        /// From the switch's point of view.
        way: Way,
        /// Who is at the other end: `alice`, or an address.
        peer: Cow<'a, str>,
        /// Start line in short, e.g. `INVITE (sdp)`, `407 Proxy Authentication Required`.
        line: Cow<'a, str>,
    },
    /// A line of the plan was carried out.
    Plan {
        /// The file, as the operator named it.
        file: Cow<'a, str>,
        /// Its line, from 1.
        line: u32,
        /// What the line did.
        text: Cow<'a, str>,
    },
    /// The media plane said or was told something.
    Media {
        /// The leg that it is about.
        leg: LegId,
        /// In words.
        text: Cow<'a, str>,
    },
    /// The vault said or was told something.
    Record {
        /// In words.
        text: Cow<'a, str>,
    },
    /// The call decided something.
    Call {
        /// In words.
        text: Cow<'a, str>,
    },
}

/// The direction of a message, seen from the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// What the log of a call between two phones takes.
const USUAL_BYTES: usize = 2_560;

/// A call's log while the call lasts.
#[derive(Debug, Clone)]
pub struct Trace {
    began: Time,
    began_wall: Wall,
    /// The entries as elements of a JSON array, with the commas between them.
    text: Vec<u8>,
    entries: usize,
    dropped: u64,
}

impl Trace {
    /// An empty log of a call that begins now.
    pub fn new(began: Time, began_wall: Wall) -> Trace {
        Trace { began, began_wall, text: Vec::new(), entries: 0, dropped: 0 }
    }

    /// Adds an entry; beyond [`bounds::TRACE_ENTRIES`] it is only counted.
    pub fn add(&mut self, now: Time, what: &What<'_>) {
        if self.entries >= bounds::TRACE_ENTRIES {
            self.dropped += 1;
            return;
        }
        let at_us = u64::try_from(now.since(self.began).as_micros()).unwrap_or(u64::MAX);
        match self.entries {
            0 => self.text.reserve(USUAL_BYTES),
            _ => self.text.push(b','),
        }
        // Plain data of our own types, into memory: this cannot fail.
        let written = serde_json::to_writer(&mut self.text, &Writing { at_us, what });
        debug_assert!(written.is_ok());
        self.entries += 1;
    }

    /// The entries so far, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        let array = [b"[", &self.text[..], b"]"].concat();
        serde_json::from_slice(&array).unwrap_or_default()
    }

    /// The entries so far as the inside of a JSON array.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries
    }

    /// How many entries did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When the call began.
    pub fn began(&self) -> (Time, Wall) {
        (self.began, self.began_wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_bounded_and_counts_what_it_drops() {
        let mut trace = Trace::new(Time::ZERO, Wall::default());
        for _ in 0..bounds::TRACE_ENTRIES + 3 {
            trace.add(Time::from_millis(5), &What::Call { text: "x \"y\"".into() });
        }
        assert_eq!((trace.count(), trace.dropped()), (bounds::TRACE_ENTRIES, 3));
        let entries = trace.entries();
        assert_eq!(entries.len(), bounds::TRACE_ENTRIES);
        let last = Entry { at_us: 5_000, what: What::Call { text: "x \"y\"".into() } };
        assert_eq!(entries.last(), Some(&last));
    }

    #[test]
    fn what_is_written_is_what_an_entry_writes() {
        let leg = LegId(1);
        for what in [
            What::Sip { leg, way: Way::Out, peer: "alice \"x\"".into(), line: "INVITE (sdp)".into() },
            What::Plan { file: "a.plan".into(), line: 7, text: "dial user 王".into() },
            What::Media { leg, text: "port 1".into() },
            What::Record { text: "opened".into() },
            What::Call { text: "ended".into() },
        ] {
            let mut trace = Trace::new(Time::ZERO, Wall::default());
            trace.add(Time::from_millis(2), &what);
            let entry = Entry { at_us: 2_000, what };
            assert_eq!(trace.text(), serde_json::to_vec(&entry).expect("serialises"));
            assert_eq!(trace.entries(), [entry]);
        }
    }

    #[test]
    fn an_entry_reads_the_same_after_a_round_trip() {
        let entry = Entry {
            at_us: 7,
            what: What::Sip { leg: LegId(0), way: Way::In, peer: "alice".into(), line: "INVITE".into() },
        };
        let text = serde_json::to_string(&entry).expect("serialises");
        assert_eq!(text, r#"{"at_us":7,"kind":"sip","leg":0,"way":"in","peer":"alice","line":"INVITE"}"#);
        assert_eq!(serde_json::from_str::<Entry>(&text).expect("parses"), entry);
    }
}
