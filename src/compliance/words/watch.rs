//! What one party says, watched while a recogniser still corrects it.
//!
//! A recogniser sends a segment's text again and again, longer and corrected, until it is final. What counts as one hit is
//! therefore not a place in a text but an occurrence: the first, second… of a phrase in a segment. A phrase may begin in
//! one segment and end in the next; it belongs to where it ends.
//!
//! Invariant: of one occurrence one [`News::Hit`] is ever told; what is settled (final, with nothing open before it) is
//! never withdrawn. Memory: [`bounds::WORD_SEGMENTS`] segments of [`bounds::WORD_SEGMENT`] characters.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::compile::Words;
use super::fold;
use super::{Hit, Level, Party};
use crate::base::bounds;

/// A segment as a recogniser has it now.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Its number; later segments have larger ones.
    pub segment: u64,
    /// Its whole text so far.
    pub text: &'a str,
    /// Where in the call's audio it begins, in milliseconds.
    pub from_ms: u64,
    /// Where the text ends so far.
    pub to_ms: u64,
    /// Where single characters stand, if the recogniser says; ascending. Between them time runs evenly.
    pub marks: &'a [Mark],
    /// Whether it will not be corrected any more.
    pub last: bool,
}

/// The time of one character of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Characters before it.
    pub chars: usize,
    /// Where it begins, in milliseconds of the call's audio.
    pub at_ms: u64,
}

/// Names a hit for as long as the watcher lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HitId(pub u64);

/// A hit in running speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// Its name.
    pub id: HitId,
    /// The set's name.
    pub set: Arc<str>,
    /// The set's version.
    pub version: Arc<str>,
    /// The phrase as the set writes it.
    pub phrase: Arc<str>,
    /// How alike it is.
    pub level: Level,
    /// Whether an exception covers it.
    pub excused: bool,
    /// The segment it ends in.
    pub segment: u64,
    /// Where it begins in the call's audio, in milliseconds.
    pub from_ms: u64,
    /// Where it ends.
    pub to_ms: u64,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something was said that is in a set.
    Hit(Noticed),
    /// A hit turned out to be a longer (or shorter) phrase of the same set; it keeps its name and was told before.
    Became(Noticed),
    /// What came later excuses it.
    Excused(HitId),
    /// It was excused, and after a correction it is not.
    Charged(HitId),
    /// It was not said after all: the recogniser has corrected itself.
    Withdrawn(HitId),
}

/// Watches what one party of one call says.
pub struct Watcher {
    words: Arc<Words>,
    party: Party,
    segments: VecDeque<Segment>,
    known: Vec<Known>,
    last_id: u64,
    /// Everything before this segment is over.
    past: Place,
}

/// A segment's number and, of a long one, which part.
type Place = (u64, usize);

struct Segment {
    place: Place,
    text: String,
    /// From the segment's first to behind its last character.
    marks: Vec<Mark>,
    last: bool,
    /// Final, and so is everything before it.
    settled: bool,
}

struct Known {
    id: HitId,
    place: Place,
    set: Arc<str>,
    phrase: Arc<str>,
    excused: bool,
}

/// A hit of this moment, not yet matched with those that are known.
struct Current {
    hit: Hit,
    place: Place,
    from_ms: u64,
    to_ms: u64,
}

impl Watcher {
    /// Watches `party` for the sets of `words` that mind it.
    pub fn new(words: Arc<Words>, party: Party) -> Watcher {
        Watcher { words, party, segments: VecDeque::new(), known: Vec::new(), last_id: 0, past: (0, 0) }
    }

    /// From now on looks for `words`: what is still open is looked through again, what was told stays told.
    pub fn replace(&mut self, words: Arc<Words>) -> Vec<News> {
        self.words = words;
        self.compare()
    }

    /// Takes in a segment's text. Segments that are over are not opened again.
    pub fn hear(&mut self, heard: &Heard<'_>) -> Vec<News> {
        let chars: Vec<char> = heard.text.chars().collect();
        let times = Times::of(heard, chars.len());
        let parts = chars.len().div_ceil(bounds::WORD_SEGMENT).max(1);
        for part in 0..parts {
            let from = part * bounds::WORD_SEGMENT;
            let to = chars.len().min(from + bounds::WORD_SEGMENT);
            let text = chars.get(from..to).unwrap_or_default().iter().collect();
            self.put(Segment {
                place: (heard.segment, part),
                text,
                marks: times.between(from, to),
                last: heard.last,
                settled: false,
            });
        }
        // A correction may have made the segment shorter by a part.
        self.segments.retain(|one| one.settled || one.place.0 != heard.segment || one.place.1 < parts);
        let news = self.compare();
        self.settle();
        news
    }

    fn put(&mut self, segment: Segment) {
        if segment.place < self.past {
            return;
        }
        match self.segments.binary_search_by_key(&segment.place, |known| known.place) {
            Ok(at) => {
                if let Some(known) = self.segments.get_mut(at).filter(|known| !known.last) {
                    *known = segment;
                }
            }
            Err(at) => self.segments.insert(at, segment),
        }
        while self.segments.len() > bounds::WORD_SEGMENTS {
            self.forget_first();
        }
    }

    /// Looks through all segments that are kept and tells how that differs from what is known.
    fn compare(&mut self) -> Vec<News> {
        let mut current = self.current();
        let mut news = Vec::new();
        let mut known = std::mem::take(&mut self.known);
        let mut kept: Vec<Known> = Vec::new();
        let mut gone: Vec<Known> = Vec::new();
        for mut one in known.drain(..) {
            let same = current.iter().position(|now| {
                now.place == one.place && now.hit.set == one.set && now.hit.phrase == one.phrase
            });
            let Some(at) = same else {
                gone.push(one);
                continue;
            };
            let now = current.remove(at);
            // Of what is settled the beginning may be forgotten, and with it what excuses.
            if now.hit.excused != one.excused && (now.hit.excused || !self.is_settled(one.place)) {
                one.excused = now.hit.excused;
                news.push(if one.excused { News::Excused(one.id) } else { News::Charged(one.id) });
            }
            kept.push(one);
        }
        for one in gone {
            let grown = current
                .iter()
                .position(|now| now.hit.set == one.set && is_part(&one.phrase, &now.hit.phrase));
            match grown {
                Some(at) => {
                    let now = current.remove(at);
                    kept.push(now.known(one.id));
                    news.push(News::Became(now.noticed(one.id)));
                }
                None if self.is_settled(one.place) => kept.push(one),
                None => news.push(News::Withdrawn(one.id)),
            }
        }
        for now in current {
            if !self.is_settled(now.place) {
                self.last_id += 1;
                let id = HitId(self.last_id);
                kept.push(now.known(id));
                news.push(News::Hit(now.noticed(id)));
            }
        }
        kept.sort_by_key(|one| one.id);
        self.known = kept;
        news
    }

    /// All hits in what is kept, each with the segment it ends in and its times.
    fn current(&self) -> Vec<Current> {
        let text: String = self.segments.iter().map(|segment| segment.text.as_str()).collect();
        let hits = self.words.scan_as(self.party, &text).into_iter();
        hits.filter_map(|hit| {
            let (place, to_ms) = self.at(hit.bytes.end, true)?;
            let (_, from_ms) = self.at(hit.bytes.start, false)?;
            Some(Current { hit, place, from_ms, to_ms })
        })
        .collect()
    }

    /// The segment at octet `byte` of all, and the time there. At a border: the segment that ends there, if `ending`.
    fn at(&self, byte: usize, ending: bool) -> Option<(Place, u64)> {
        let mut left = byte;
        for segment in &self.segments {
            let length = segment.text.len();
            if left < length || (ending && left == length && length > 0) {
                let chars = segment.text.get(..left)?.chars().count();
                return Some((segment.place, moment(&segment.marks, chars)));
            }
            left -= length;
        }
        None
    }

    fn is_settled(&self, place: Place) -> bool {
        let at = self.segments.binary_search_by_key(&place, |segment| segment.place);
        at.is_ok_and(|at| self.segments.get(at).is_some_and(|segment| segment.settled))
    }

    /// Marks what will not change any more, and forgets what no phrase can begin in.
    fn settle(&mut self) {
        for segment in self.segments.iter_mut().take_while(|segment| segment.last) {
            segment.settled = true;
        }
        let mut letters: usize = self.segments.iter().map(|segment| fold::letters(&segment.text).len()).sum();
        while let Some(first) = self.segments.front().filter(|first| first.settled) {
            letters -= fold::letters(&first.text).len();
            if letters < self.words.reach {
                break;
            }
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.segments.pop_front() {
            self.past = (first.place.0, first.place.1 + 1);
            self.known.retain(|one| one.place != first.place);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("party", &self.party)
            .field("segments", &self.segments.len())
            .field("hits", &self.last_id)
            .finish()
    }
}

impl Current {
    fn known(&self, id: HitId) -> Known {
        let Hit { set, phrase, excused, .. } = &self.hit;
        Known { id, place: self.place, set: set.clone(), phrase: phrase.clone(), excused: *excused }
    }

    fn noticed(self, id: HitId) -> Noticed {
        let Hit { set, version, phrase, level, excused, .. } = self.hit;
        let (segment, from_ms, to_ms) = (self.place.0, self.from_ms, self.to_ms);
        Noticed { id, set, version, phrase, level, excused, segment, from_ms, to_ms }
    }
}

/// Whether one phrase stands within the other.
fn is_part(one: &str, other: &str) -> bool {
    one.contains(other) || other.contains(one)
}

/// The times of a segment's characters.
struct Times(Vec<Mark>);

impl Times {
    fn of(heard: &Heard<'_>, chars: usize) -> Times {
        let mut marks = vec![Mark { chars: 0, at_ms: heard.from_ms }];
        let end = Mark { chars, at_ms: heard.to_ms.max(heard.from_ms) };
        for mark in heard.marks.iter().chain([&end]) {
            let Some(before) = marks.last_mut() else { continue };
            if mark.at_ms < before.at_ms || mark.chars < before.chars || mark.chars > chars {
                continue;
            }
            if mark.chars == before.chars {
                *before = *mark;
            } else {
                marks.push(*mark);
            }
        }
        Times(marks)
    }

    /// The marks of the characters from `from` to `to`, counted from there.
    fn between(&self, from: usize, to: usize) -> Vec<Mark> {
        let ends = [from, to].map(|chars| Mark { chars: chars - from, at_ms: moment(&self.0, chars) });
        let within = self.0.iter().filter(|mark| from < mark.chars && mark.chars < to);
        let within = within.map(|mark| Mark { chars: mark.chars - from, at_ms: mark.at_ms });
        [ends[0]].into_iter().chain(within).chain([ends[1]]).collect()
    }
}

/// The time behind `chars` characters: between two marks evenly.
fn moment(marks: &[Mark], chars: usize) -> u64 {
    let behind = marks.partition_point(|mark| mark.chars <= chars);
    let before = behind.checked_sub(1).and_then(|at| marks.get(at));
    match (before, marks.get(behind)) {
        (Some(before), Some(after)) => {
            let span = after.at_ms.saturating_sub(before.at_ms);
            let (part, whole) = ((chars - before.chars) as u64, (after.chars - before.chars).max(1) as u64);
            before.at_ms.saturating_add(span.saturating_mul(part) / whole)
        }
        (Some(only), None) | (None, Some(only)) => only.at_ms,
        (None, None) => 0,
    }
}

#[cfg(test)]
mod tests;
