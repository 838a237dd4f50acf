//! What chunks hold in clear: the JSON of opening, events, closing and log entries, and reading it back.
//!
//! Invariant: text made here is sealed next; it holds personal data in clear and goes nowhere else.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{CallId, Masked, RecordingId, Wall};

use super::chunk::Kind;
use super::header::Header;
use super::opener::Piece;
use super::order::{Closing, Ended, Event, Opening, Unsealed};
use super::search::Row;
use super::tap::Frames;
use super::verdict::Damage;

/// The closing record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosingRecord {
    /// How the file came to its end.
    pub ended: Ended,
    /// Length from time 0 to the end in microseconds: for a crash, to the last packet or event.
    pub duration_us: u64,
    /// Media packets in the file.
    pub packets: u64,
    /// The core's facts; none after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Closing>,
}

/// One line of an event chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EventLine {
    offset_us: u64,
    #[serde(flatten)]
    event: Event,
}

/// One entry of the log of call detail records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CdrEntry {
    /// The call.
    pub call: CallId,
    /// When the record was made.
    pub at: Wall,
    /// The record as the core gave it.
    pub cdr: serde_json::Value,
    /// Under what it shall be found.
    #[serde(default)]
    numbers: Vec<String>,
}

impl CdrEntry {
    /// Under what it shall be found.
    pub fn numbers(&self) -> impl Iterator<Item = Masked> + '_ {
        self.numbers.iter().map(Masked::new)
    }

    /// From the content of a chunk.
    pub fn parse(plaintext: &[u8]) -> Option<CdrEntry> {
        serde_json::from_slice(plaintext).ok()
    }
}

/// A [`CdrEntry`] on its way into the log: the record's text is taken over as the core wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct CdrNote {
    /// The call.
    pub call: CallId,
    /// When the record was made.
    pub at: Wall,
    /// The record.
    pub cdr: Unsealed,
    /// Under what it shall be found.
    pub numbers: Vec<Masked>,
}

impl CdrNote {
    /// The content of its chunk: what [`CdrEntry::parse`] reads.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let numbers: Vec<&str> = self.numbers.iter().map(Masked::reveal).collect();
        let (cdr, numbers) = (self.cdr.expose(), json(&numbers));
        let mut bytes = Zeroizing::new(Vec::with_capacity(cdr.len() + numbers.len() + 128));
        let parts = [
            (&b"{\"call\":"[..], &json(&self.call)[..]),
            (b",\"at\":", &json(&self.at)),
            (b",\"cdr\":", cdr),
            (b",\"numbers\":", &numbers),
        ];
        for (name, value) in parts {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(value);
        }
        bytes.push(b'}');
        bytes
    }
}

/// The content of chunk 0.
pub fn opening_bytes(opening: &Opening) -> Zeroizing<Vec<u8>> {
    json(opening)
}

/// The content of the closing record.
pub fn closing_bytes(record: &ClosingRecord) -> Zeroizing<Vec<u8>> {
    json(record)
}

/// Appends one event to the content of an event chunk.
pub fn push_event(lines: &mut Vec<u8>, offset_us: u64, event: &Event) {
    lines.extend_from_slice(&json(&EventLine { offset_us, event: event.clone() }));
    lines.push(b'\n');
}

/// Plain data of our own types: no map with keys that are no text, so this cannot fail.
pub(super) fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let text = serde_json::to_vec(value);
    debug_assert!(text.is_ok());
    Zeroizing::new(text.unwrap_or_default())
}

/// What a recording's chunks told, gathered piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// Chunk 0, once read.
    pub opening: Option<Opening>,
    /// Events in order of writing.
    pub events: Vec<(u64, Event)>,
    /// The closing record, once read.
    pub closing: Option<ClosingRecord>,
    /// Media packets so far.
    pub packets: u64,
    /// The latest packet or event, in microseconds since time 0.
    pub last_us: u64,
    /// Authentic chunks so far.
    pub chunks: u64,
    /// Chunks that were authentic and not understood.
    pub damages: Vec<Damage>,
}

impl Story {
    /// Takes in one chunk.
    pub fn take(&mut self, piece: &Piece<'_>) {
        self.chunks += 1;
        let understood = match piece.kind {
            Kind::Opening => {
                self.opening = serde_json::from_slice(piece.plaintext).ok();
                piece.index == 0 && self.opening.is_some()
            }
            Kind::Media => self.take_media(piece.plaintext),
            Kind::Events => self.take_events(piece.plaintext),
            Kind::Closing => {
                self.closing = serde_json::from_slice(piece.plaintext).ok();
                self.closing.is_some()
            }
            Kind::Entry | Kind::Data => false,
        };
        if !understood {
            self.damages.push(Damage::Content { index: piece.index });
        }
    }

    /// The closing record that recovery writes for a file that ends here.
    pub fn crashed(&self) -> ClosingRecord {
        ClosingRecord { ended: Ended::ByCrash, duration_us: self.last_us, packets: self.packets, facts: None }
    }

    /// The row of the index for the file with this `header`.
    pub fn row(&self, header: &Header, len_bytes: u64, leaf: Option<u64>) -> Row {
        Row {
            recording: RecordingId::from_bytes(header.id.to_bytes()),
            call: header.call,
            started: header.at,
            duration_us: self.closing.as_ref().map(|closing| closing.duration_us),
            ended: self.closing.as_ref().map(|closing| closing.ended),
            leaf,
            len_bytes,
            packets: self.packets,
            opening: self.opening.clone().unwrap_or_default(),
            closing: self.closing.as_ref().and_then(|closing| closing.facts.clone()),
        }
    }

    fn take_media(&mut self, plaintext: &[u8]) -> bool {
        let mut frames = Frames::new(plaintext);
        for frame in &mut frames {
            self.packets += 1;
            self.last_us = self.last_us.max(frame.arrival_us);
        }
        frames.is_at_end()
    }

    fn take_events(&mut self, plaintext: &[u8]) -> bool {
        let mut understood = true;
        for line in plaintext.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<EventLine>(line) {
                Ok(line) => {
                    self.last_us = self.last_us.max(line.offset_us);
                    self.events.push((line.offset_us, line.event));
                }
                Err(_) => understood = false,
            }
        }
        understood
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LegId;

    fn piece(index: u32, kind: Kind, plaintext: &[u8]) -> Piece<'_> {
        Piece { index, kind, offset: 0, len_bytes: 0, hash: None, plaintext }
    }

    #[test]
    fn a_story_is_what_was_written() {
        let opening = Opening { caller: Masked::new("13812345678"), ..Opening::default() };
        let mut lines = Vec::new();
        push_event(&mut lines, 5, &Event::GapEnd);
        push_event(&mut lines, 9_000_000, &Event::Key { leg: LegId(1), key: '5' });
        let closing = ClosingRecord {
            ended: Ended::InOrder,
            duration_us: 9_100_000,
            packets: 0,
            facts: Some(Closing { cause: "caller hung up".into(), ..Closing::default() }),
        };
        let mut story = Story::default();
        story.take(&piece(0, Kind::Opening, &opening_bytes(&opening)));
        story.take(&piece(1, Kind::Events, &lines));
        assert_eq!(story.crashed().duration_us, 9_000_000);
        story.take(&piece(2, Kind::Closing, &closing_bytes(&closing)));
        assert_eq!(story.opening, Some(opening));
        assert_eq!(story.events, [(5, Event::GapEnd), (9_000_000, Event::Key { leg: LegId(1), key: '5' })]);
        assert_eq!(story.closing, Some(closing));
        assert_eq!(story.damages, []);
    }

    #[test]
    fn content_that_is_not_the_formats_is_named() {
        let mut story = Story::default();
        for (index, kind, plaintext) in [
            (1, Kind::Opening, &b"{}"[..]),
            (2, Kind::Media, b"\0\0\0"),
            (3, Kind::Events, b"{\"offset_us\":1}\n"),
            (4, Kind::Closing, b"[]"),
            (5, Kind::Entry, b"{}"),
        ] {
            story.take(&piece(index, kind, plaintext));
        }
        assert_eq!(story.damages, (1..=5).map(|index| Damage::Content { index }).collect::<Vec<_>>());
    }

    #[test]
    fn a_cdr_entry_survives() {
        let (call, at) = (CallId::from_bytes([3; 16]), Wall::from_micros(5));
        let cdr = serde_json::json!({"a": 1});
        let note = CdrNote {
            call,
            at,
            cdr: Unsealed::new(&cdr),
            numbers: vec![Masked::new("1001"), Masked::new("\"")],
        };
        let entry = CdrEntry { call, at, cdr, numbers: vec!["1001".into(), "\"".into()] };
        assert_eq!(CdrEntry::parse(&note.to_bytes()), Some(entry));
        assert_eq!(CdrEntry::parse(b"{}"), None);
    }
}
