//! A whole text looked through: pieces by the automata, sequences of pieces, exceptions, and of overlapping hits the longest.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use smallvec::SmallVec;

use super::automaton::State;
use super::compile::{FOLDS, Finder, Rule, SEVERAL, SKIPPED, Words};
use super::fold;
use super::pattern::{Part, What};
use super::sound;
use super::{Hit, Level, Party};
use crate::base::bounds;

/// Where something stands: letters and octets of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    letters: Range<u32>,
    bytes: Range<usize>,
    level: Level,
}

/// The places of every piece that occurs, in the order of the text.
type Occurrences = BTreeMap<u32, Vec<Place>>;

/// A hit before anybody has asked for its name.
#[derive(Debug)]
struct Met {
    rule: u32,
    place: Place,
}

impl Words {
    /// Everything of every set that `text` holds, in the order of the text. Within a set the longest phrase speaks for a
    /// place; sets do not mind each other.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        self.scan_as(Party::Any, text)
    }

    /// The same for what `speaker` said: sets for somebody else look away.
    pub fn scan_as(&self, speaker: Party, text: &str) -> Vec<Hit> {
        let found = self.pieces_in(text);
        if found.is_empty() {
            return Vec::new();
        }
        let mut digits = None;
        let mut runs = || digits.get_or_insert_with(|| digit_runs(text)).clone();
        let mut met: Vec<Met> = Vec::new();
        for rule in self.touched(&found) {
            let set = &self.sets[self.rules[rule as usize].set as usize];
            if !self.rules[rule as usize].exception && set.party.minds(speaker) {
                let places = apart(met_by(&self.rules[rule as usize], &found, &mut runs));
                met.extend(places.into_iter().map(|place| Met { rule, place }));
            }
        }
        self.longest(&mut met);
        let excuses = self.excuses(&met, &found, &mut runs);
        let mut hits: Vec<Hit> = met.iter().map(|one| self.hit(one, &excuses)).collect();
        hits.sort_by(|one, other| {
            (one.bytes.start, one.bytes.end).cmp(&(other.bytes.start, other.bytes.end))
        });
        hits
    }

    fn hit(&self, met: &Met, excuses: &BTreeMap<u32, Vec<Excuse>>) -> Hit {
        let rule = &self.rules[met.rule as usize];
        let set = &self.sets[rule.set as usize];
        let letters = &met.place.letters;
        Hit {
            set: set.name.clone(),
            version: set.version.clone(),
            phrase: rule.phrase.clone(),
            bytes: met.place.bytes.clone(),
            level: met.place.level,
            excused: excuses.get(&rule.set).into_iter().flatten().any(|excuse| excuse.covers(letters)),
        }
    }

    /// What the exceptions of each set that has hits excuse.
    fn excuses(
        &self,
        met: &[Met],
        found: &Occurrences,
        runs: &mut impl FnMut() -> Vec<Place>,
    ) -> BTreeMap<u32, Vec<Excuse>> {
        let mut excuses = BTreeMap::new();
        for set in met.iter().map(|one| self.rules[one.rule as usize].set) {
            excuses.entry(set).or_insert_with(|| {
                let rules = self.sets[set as usize].exceptions.iter().map(|rule| &self.rules[*rule as usize]);
                let sequences = rules.flat_map(|rule| &rule.sequences);
                sequences.flat_map(|sequence| Excuse::all(sequence, found, runs)).collect()
            });
        }
        excuses
    }

    /// The rules that have a piece in the text, each once.
    fn touched(&self, found: &Occurrences) -> Vec<u32> {
        let mut rules: Vec<u32> =
            found.keys().flat_map(|piece| self.pieces[*piece as usize].rules.iter().copied()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Leaves of hits of one set that stand within one another the longest.
    fn longest(&self, met: &mut Vec<Met>) {
        let key = |one: &Met| {
            let Range { start, end } = one.place.letters;
            (self.rules[one.rule as usize].set, start, u32::MAX - end, one.rule)
        };
        met.sort_by_key(key);
        let mut last: Option<(u32, u32)> = None;
        met.retain(|one| {
            let (set, end) = (self.rules[one.rule as usize].set, one.place.letters.end);
            let within = last.is_some_and(|(of, until)| of == set && end <= until);
            if !within {
                last = Some((set, end));
            }
            !within
        });
    }

    /// Every place of every piece.
    fn pieces_in(&self, text: &str) -> Occurrences {
        let mut found = Occurrences::new();
        for finder in &self.finders {
            finder.run(text, &mut |state, letters, end| {
                for number in finder.automaton.endings(state) {
                    let piece = &self.pieces[number as usize];
                    let length = piece.letters.len();
                    let Some(start) = (letters as usize).checked_sub(length) else { continue };
                    let bytes = start_of(&text[..end], length)..end;
                    let place = Place {
                        letters: start as u32..letters,
                        level: likeness(piece.level, &piece.letters, &text[bytes.clone()]),
                        bytes,
                    };
                    let places = found.entry(number).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                }
            });
        }
        found
    }
}

impl Finder {
    /// Runs over `text` and tells of each state at which something ends: after how many letters and octets.
    fn run(&self, text: &str, ending: &mut impl FnMut(State, u32, usize)) {
        let mut states: SmallVec<[State; 8]> = SmallVec::from_elem(0, 1);
        let mut letters = 0u32;
        for (at, c) in text.char_indices() {
            let code = self.alphabet.of_char(c);
            if code == SKIPPED {
                continue;
            }
            if code < SEVERAL && states.len() == 1 {
                letters = letters.saturating_add(1);
                states[0] = self.automaton.step(states[0], code);
                if self.automaton.is_ending(states[0]) {
                    ending(states[0], letters, at + c.len_utf8());
                }
                continue;
            }
            let folded = if code == FOLDS { fold::fold(c) } else { fold::Folded::from_elem(c, 1) };
            for letter in folded {
                letters = letters.saturating_add(1);
                self.step_all(
                    &mut states,
                    if code == FOLDS { self.alphabet.of_char(letter) } else { code },
                    letter,
                );
                for state in states.iter().filter(|state| self.automaton.is_ending(**state)) {
                    ending(*state, letters, at + c.len_utf8());
                }
            }
        }
    }

    /// Follows every reading from every state. What is followed stays few: see [`bounds::WORD_STATES`].
    fn step_all(&self, states: &mut SmallVec<[State; 8]>, code: u16, letter: char) {
        let mut next: SmallVec<[State; 8]> = SmallVec::new();
        let own;
        let codes = match code {
            // A letter beyond the basic plane.
            FOLDS | SKIPPED => {
                own = self.alphabet.codes_of(letter);
                &own[..]
            }
            code if code >= SEVERAL => self.alphabet.several(code),
            ref one => std::slice::from_ref(one),
        };
        for code in codes {
            for state in states.iter() {
                let reached = self.automaton.step(*state, *code);
                if !next.contains(&reached) {
                    next.push(reached);
                }
            }
        }
        // Deeper states have larger numbers; they have most to lose.
        next.sort_unstable_by(|one, other| other.cmp(one));
        if next.len() > 1 {
            // The root is the suffix of every other state.
            next.retain(|state| *state != 0);
        }
        next.truncate(bounds::WORD_STATES);
        *states = next;
    }
}

/// Where the last `letters` letters of `text` begin.
fn start_of(text: &str, letters: usize) -> usize {
    let mut left = letters;
    for (at, c) in text.char_indices().rev() {
        let own = fold::fold(c).len();
        if own >= left {
            return at;
        }
        left -= own;
    }
    0
}

/// How alike the text of a place is to the piece that was found there at `level`.
fn likeness(level: Level, piece: &[char], text: &str) -> Level {
    if level == Level::Exact {
        return level;
    }
    let letters = fold::letters(text);
    // A character of several letters may stand half outside.
    let letters = &letters[letters.len().saturating_sub(piece.len())..];
    if letters == piece {
        return Level::Exact;
    }
    let alike = |(one, other): (&char, &char)| {
        one == other || sound::readings(*one).iter().any(|reading| sound::readings(*other).contains(reading))
    };
    if letters.iter().zip(piece).all(alike) { Level::Homophone } else { level }
}

/// Runs of digits in the order of the text.
fn digit_runs(text: &str) -> Vec<Place> {
    let mut runs: Vec<Place> = Vec::new();
    let mut letters = 0u32;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        for letter in fold::fold(c) {
            letters = letters.saturating_add(1);
            if !letter.is_ascii_digit() {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.letters.end + 1 == letters => {
                    run.letters.end = letters;
                    run.bytes.end = end;
                }
                _ => runs.push(Place { letters: letters - 1..letters, bytes: at..end, level: Level::Exact }),
            }
        }
    }
    runs
}

/// Every place where a rule is met, whichever way.
fn met_by(rule: &Rule, found: &Occurrences, runs: &mut impl FnMut() -> Vec<Place>) -> Vec<Place> {
    let mut places: Vec<Place> =
        rule.sequences.iter().flat_map(|sequence| follow(sequence, found, runs)).collect();
    places.sort_by_key(|place| (place.letters.start, place.letters.end));
    places
}

/// Every place where `sequence` stands: part after part, each partial match kept once by where it ends.
fn follow(sequence: &[Part<u32>], found: &Occurrences, runs: &mut impl FnMut() -> Vec<Place>) -> Vec<Place> {
    let mut partial: Option<Vec<Place>> = None;
    for part in sequence {
        let places = places_of(&part.what, found, runs);
        partial = Some(match partial {
            None => places,
            Some(before) => places.into_iter().filter_map(|place| joined(&before, place, part.gap)).collect(),
        });
        if partial.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
    }
    partial.unwrap_or_default()
}

/// `place` with the nearest of `before` (in the order of their ends) that leaves a gap as it should be.
fn joined(before: &[Place], place: Place, (least, most): (u32, u32)) -> Option<Place> {
    let latest = place.letters.start.checked_sub(least)?;
    let earliest = place.letters.start.saturating_sub(most);
    let behind = before.partition_point(|one| one.letters.end <= latest);
    let ahead = before.get(behind.checked_sub(1)?).filter(|one| one.letters.end >= earliest)?;
    Some(Place {
        letters: ahead.letters.start..place.letters.end,
        bytes: ahead.bytes.start..place.bytes.end,
        level: ahead.level.max(place.level),
    })
}

/// The places of one part, in the order of their ends.
fn places_of(what: &What<u32>, found: &Occurrences, runs: &mut impl FnMut() -> Vec<Place>) -> Vec<Place> {
    let mut places: Vec<Place> = match what {
        What::Any(pieces) => pieces.iter().filter_map(|piece| found.get(piece)).flatten().cloned().collect(),
        What::Digits(least, most) => {
            let fits = |run: &Place| (*least..=*most).contains(&(run.letters.end - run.letters.start));
            runs().into_iter().filter(fits).collect()
        }
        What::Hit => Vec::new(),
    };
    places.sort_by_key(|place| (place.letters.end, place.letters.start));
    places
}

/// Of places that overlap the first; with the same start the longest.
fn apart(places: Vec<Place>) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::new();
    for place in places {
        match kept.last_mut() {
            Some(last) if last.letters.start == place.letters.start => {
                if place.letters.end > last.letters.end {
                    *last = place;
                }
            }
            Some(last) if place.letters.start < last.letters.end => {}
            _ => kept.push(place),
        }
    }
    kept
}

/// Which hits an exception excuses at one place.
#[derive(Debug)]
enum Excuse {
    /// Those within these letters.
    Within(Range<u32>),
    /// Those that begin here.
    Beginning(RangeInclusive<u32>),
    /// Those that end here.
    Ending(RangeInclusive<u32>),
}

impl Excuse {
    fn all(
        sequence: &[Part<u32>],
        found: &Occurrences,
        runs: &mut impl FnMut() -> Vec<Place>,
    ) -> Vec<Excuse> {
        match sequence {
            [Part { what: What::Hit, .. }, rest @ ..] => {
                let (least, most) = rest.first().map_or((0, 0), |part| part.gap);
                let ends = |start: u32| start.saturating_sub(most)..=start.saturating_sub(least);
                follow(rest, found, runs)
                    .into_iter()
                    .map(|one| Excuse::Ending(ends(one.letters.start)))
                    .collect()
            }
            [rest @ .., Part { what: What::Hit, gap: (least, most) }] => {
                let starts = |end: u32| end + least..=end + most;
                follow(rest, found, runs)
                    .into_iter()
                    .map(|one| Excuse::Beginning(starts(one.letters.end)))
                    .collect()
            }
            whole => follow(whole, found, runs).into_iter().map(|one| Excuse::Within(one.letters)).collect(),
        }
    }

    fn covers(&self, hit: &Range<u32>) -> bool {
        match self {
            Excuse::Within(letters) => letters.start <= hit.start && hit.end <= letters.end,
            Excuse::Beginning(starts) => starts.contains(&hit.start),
            Excuse::Ending(ends) => ends.contains(&hit.end),
        }
    }
}
