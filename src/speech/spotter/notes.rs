//! What a spotter writes down: the texts that it heard, and a mark for every syllable that it did not look for.
//!
//! ```text
//! ーーーー保本保息ーー
//! ```
//!
//! So a watcher of transcripts sees what was said in which order and how far apart: gaps and exceptions mean what they mean of any
//! transcript. Invariant: what was written is only changed where a longer text is found to stand in the place of a shorter one.

use super::network::FRAME_MS;
use crate::base::bounds;
use crate::compliance::words::Mark;
use crate::speech::Said;

/// Stands for a syllable; a letter that no phrase has.
pub(super) const SYLLABLE: char = 'ー';
/// Frames without a phone after which a segment is over: 0.6 s.
const PAUSE: u64 = 20;
/// Frames that two texts may share without disputing a place.
const BORDER: u64 = 2;
/// How much earlier a phone begins than the network is sure of it, in milliseconds.
const BEFORE_MS: u64 = 90;
/// How much of its frame's sound lies behind a frame's beginning.
const WITHIN_MS: u64 = 25;

/// A text in its place.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    text: String,
    from: u64,
    to: u64,
    cost: f32,
}

/// One stream's notes.
#[derive(Debug, Default)]
pub(super) struct Notes {
    segment: u64,
    /// The frames in which syllables ended.
    syllables: Vec<u64>,
    pieces: Vec<Piece>,
    /// The frame of the last phone.
    last: Option<u64>,
    /// Syllables since the last text of an earlier segment; `None`: so many that no phrase reaches over them.
    apart: Option<usize>,
}

impl Notes {
    /// The network was sure of a phone in `frame`.
    pub(super) fn phone(&mut self, frame: u64, ends_syllable: bool) {
        self.last = Some(frame);
        if ends_syllable {
            self.syllables.push(frame);
        }
    }

    /// A text was heard: the segment as it is now, if that changes it.
    pub(super) fn heard(&mut self, text: &str, from: u64, to: u64, cost: f32) -> Option<Said> {
        let mut fresh = Piece { text: text.to_string(), from, to, cost };
        while let Some(at) = self.pieces.iter().position(|piece| disputes(piece, &fresh)) {
            let known = self.pieces.get(at)?;
            fresh = settled(known, fresh)?;
            self.pieces.remove(at);
        }
        let at = self.pieces.partition_point(|piece| piece.from <= fresh.from);
        self.pieces.insert(at, fresh);
        Some(self.said(to, false))
    }

    /// How far the sound has come; the segment, if it is over and worth telling.
    pub(super) fn pass(&mut self, frame: u64) -> Option<Said> {
        let last = self.last?;
        let long = self.syllables.len() >= bounds::WORD_SEGMENT / 2;
        if frame < last + PAUSE && !long {
            return None;
        }
        self.close(last)
    }

    /// The segment as the last there is of it, if it is worth telling: it has a text, or an earlier one may go on behind it.
    pub(super) fn close(&mut self, frame: u64) -> Option<Said> {
        let reaches = self.apart.is_some_and(|apart| apart <= bounds::WORD_GAP as usize);
        let worth = !self.pieces.is_empty() || reaches && !self.syllables.is_empty();
        let said = worth.then(|| self.said(frame, true));
        let behind = |frame: u64| self.syllables.iter().filter(|at| **at > frame).count();
        self.apart = match self.pieces.last() {
            Some(piece) => Some(behind(piece.to)),
            None if reaches => self.apart.map(|apart| apart + self.syllables.len()),
            None => None,
        };
        self.syllables.clear();
        self.pieces.clear();
        self.last = None;
        self.segment += u64::from(said.is_some());
        said
    }

    fn said(&self, frame: u64, last: bool) -> Said {
        let (mut text, mut marks) = (String::new(), Vec::new());
        let mut chars = 0;
        let mut put = |what: &str, from_ms: u64| {
            marks.push(Mark { chars, at_ms: from_ms });
            text.push_str(what);
            chars += what.chars().count();
        };
        let mut syllables = self.syllables.iter().copied().peekable();
        for piece in &self.pieces {
            while let Some(at) = syllables.next_if(|at| *at < piece.from) {
                put(SYLLABLE.encode_utf8(&mut [0; 4]), begins(at));
            }
            while syllables.next_if(|at| *at <= piece.to + BORDER).is_some() {}
            put(&piece.text, begins(piece.from));
        }
        let behind = self.pieces.last().map_or(0, |piece| ends(piece.to));
        for at in syllables {
            put(SYLLABLE.encode_utf8(&mut [0; 4]), begins(at).max(behind));
        }
        let from_ms = marks.first().map_or(0, |mark| mark.at_ms);
        Said { segment: self.segment, text, from_ms, to_ms: ends(frame), marks, last }
    }
}

/// Where in the sound a phone begins that the network is sure of in `frame`, in milliseconds.
pub(super) fn begins(frame: u64) -> u64 {
    (frame * FRAME_MS).saturating_sub(BEFORE_MS)
}

/// Where the sound of `frame` ends.
pub(super) fn ends(frame: u64) -> u64 {
    frame * FRAME_MS + WITHIN_MS
}

fn disputes(one: &Piece, other: &Piece) -> bool {
    one.from + BORDER < other.to && other.from + BORDER < one.to
}

/// What stands where both want to: one text of which the other is a part, both if one goes on where the other ends, or else the longer
/// one, of two as long the surer one. `None`: what is known stays.
fn settled(known: &Piece, fresh: Piece) -> Option<Piece> {
    if known.text.contains(&fresh.text) {
        return None;
    }
    if fresh.text.contains(&known.text) {
        return Some(Piece { from: fresh.from.min(known.from), ..fresh });
    }
    let (first, second) = if known.from <= fresh.from { (known, &fresh) } else { (&fresh, known) };
    if let Some(text) = joined(&first.text, &second.text) {
        let cost = first.cost.max(second.cost);
        return Some(Piece { text, from: first.from, to: second.to.max(first.to), cost });
    }
    let rank = |piece: &Piece| (piece.text.chars().count(), -piece.cost);
    (rank(&fresh) > rank(known)).then_some(fresh)
}

/// 资金周转 and 周转困难: 资金周转困难.
fn joined(first: &str, second: &str) -> Option<String> {
    let ends = second.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
    let shared = ends.filter_map(|end| second.get(..end)).find(|start| first.ends_with(start))?;
    Some(format!("{first}{}", second.get(shared.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(syllables: &[u64]) -> Notes {
        let mut notes = Notes::default();
        syllables.iter().for_each(|at| notes.phone(*at, true));
        notes
    }

    #[test]
    fn texts_stand_between_marks_for_what_was_not_looked_for() {
        let mut notes = notes(&[5, 12, 20, 27, 34, 41, 50]);
        let said = notes.heard("保本保息", 17, 42, 0.1).expect("new");
        assert_eq!((said.text.as_str(), said.segment, said.last), ("ーー保本保息ー", 0, false));
        assert_eq!((said.from_ms, said.to_ms), (60, 42 * 30 + 25));
        assert_eq!(said.marks[2], Mark { chars: 2, at_ms: 17 * 30 - 90 });
        assert_eq!(notes.pass(60), None);
        let over = notes.pass(70).expect("over");
        assert_eq!((over.text.as_str(), over.segment, over.last), ("ーー保本保息ー", 0, true));
        notes.phone(100, true);
        assert_eq!(notes.pass(130).map(|said| (said.text, said.segment)), Some(("ー".into(), 1)));
    }

    #[test]
    fn what_no_phrase_can_reach_is_not_told() {
        let mut silent = notes(&[5, 12]);
        assert_eq!(silent.pass(40), None);
        let mut notes = notes(&[5]);
        notes.heard("保本", 3, 6, 0.0);
        notes.pass(30);
        let mut told = 0;
        for segment in 1..=20 {
            (0..10).for_each(|n| notes.phone(segment * 100 + n * 5, true));
            told += usize::from(notes.pass(segment * 100 + 90).is_some());
        }
        assert_eq!(told, 11, "a hundred syllables behind it no gap reaches");
    }

    #[test]
    fn longer_texts_take_the_place_of_their_parts_and_go_on_where_others_end() {
        for (first, second, expected) in [
            (("保本", 0, 10), ("保本保息", 0, 22), "保本保息"),
            (("保本保息", 0, 22), ("保息", 12, 22), "保本保息"),
            (("资金周转", 0, 22), ("周转困难", 11, 33), "资金周转困难"),
            (("不承诺", 0, 15), ("保本保息", 14, 40), "不承诺保本保息"),
            (("风险", 10, 20), ("封先生", 9, 24), "封先生"),
        ] {
            let mut notes = Notes::default();
            notes.heard(first.0, first.1, first.2, 0.2);
            notes.heard(second.0, second.1, second.2, 0.3);
            let said = notes.close(50).expect("told");
            assert_eq!(said.text, expected);
        }
    }
}
