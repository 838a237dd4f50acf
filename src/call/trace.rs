//! What a call's own log says: every SIP message, plan line, media fact and decision, in order.
//!
//! `call explain`, the demo's ladder and the CDR are all derived from it; nothing else is remembered of a call.
//! Invariant: an entry holds no secret and no unmasked personal number (they live in the CDR's sealed parties).

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Time, Wall, bounds};

/// One line of a call's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the call began.
    pub at_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A SIP message came in or went out.
    Sip {
        /// The leg that it belongs to.
        leg: LegId,
        /// From the switch's point of view.
        way: Way,
        /// Who is at the other end: `alice`, or an address.
        peer: String,
        /// Start line in short, e.g. `INVITE (sdp)`, `407 Proxy Authentication Required`.
        line: String,
    },
    /// A line of the plan was carried out.
    Plan {
        /// The file, as the operator named it.
        file: String,
        /// Its line, from 1.
        line: u32,
        /// What the line did.
        text: String,
    },
    /// The media plane said or was told something.
    Media {
        /// The leg that it is about.
        leg: LegId,
        /// In words.
        text: String,
    },
    /// The vault said or was told something.
    Record {
        /// In words.
        text: String,
    },
    /// The call decided something.
    Call {
        /// In words.
        text: String,
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

/// A call's log while the call lasts.
#[derive(Debug, Clone)]
pub struct Trace {
    began: Time,
    began_wall: Wall,
    entries: Vec<Entry>,
    dropped: u64,
}

impl Trace {
    /// An empty log of a call that begins now.
    pub fn new(began: Time, began_wall: Wall) -> Trace {
        Trace { began, began_wall, entries: Vec::new(), dropped: 0 }
    }

    /// Adds an entry; beyond [`bounds::TRACE_ENTRIES`] it is only counted.
    pub fn add(&mut self, now: Time, what: What) {
        if self.entries.len() >= bounds::TRACE_ENTRIES {
            self.dropped += 1;
            return;
        }
        let at_us = u64::try_from(now.since(self.began).as_micros()).unwrap_or(u64::MAX);
        self.entries.push(Entry { at_us, what });
    }

    /// The entries so far, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
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
            trace.add(Time::from_millis(5), What::Call { text: "x".into() });
        }
        assert_eq!((trace.entries().len(), trace.dropped()), (bounds::TRACE_ENTRIES, 3));
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
