//! Sets of phrases into automata: once, when a plan is loaded.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::automaton::{Automaton, Code, NOTHING};
use super::fold;
use super::numeral;
use super::pattern::{self, BadPhrase, Fault, Part, Pattern, What};
use super::sound;
use super::{Level, Party, WordSet};
use crate::base::bounds;

/// Sets of phrases, ready to be looked for. Shared by all calls: it never changes.
pub struct Words {
    pub(super) sets: Vec<Set>,
    pub(super) rules: Vec<Rule>,
    pub(super) pieces: Vec<Piece>,
    pub(super) finders: Vec<Finder>,
    /// Letters that the longest sequence can cover.
    pub(super) reach: usize,
}

/// What remains of a set.
#[derive(Debug)]
pub(super) struct Set {
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub level: Level,
    pub party: Party,
    /// Its exceptions among the rules.
    pub exceptions: Vec<u32>,
}

/// A phrase or an exception.
#[derive(Debug)]
pub(super) struct Rule {
    pub set: u32,
    pub phrase: Arc<str>,
    pub exception: bool,
    /// Each is one way to meet it; parts name pieces.
    pub sequences: Vec<Vec<Part<u32>>>,
}

/// A text that the automata look for.
#[derive(Debug)]
pub(super) struct Piece {
    pub letters: Vec<char>,
    /// At which level it is looked for.
    pub level: Level,
    /// The rules that it is a part of.
    pub rules: Vec<u32>,
}

/// The automaton of a level, and its alphabet.
pub(super) struct Finder {
    pub automaton: Automaton,
    pub alphabet: Alphabet,
}

/// The codes of characters at one level.
pub(super) struct Alphabet {
    level: Level,
    /// By character of the basic plane: a code, [`SKIPPED`], [`FOLDS`], or [`SEVERAL`] and a place in `several`.
    basic: Vec<Code>,
    /// Letters that are coded for themselves.
    own: HashMap<char, Code>,
    several: Vec<Vec<Code>>,
}

/// The character is no letter.
pub(super) const SKIPPED: Code = u16::MAX;
/// The character has to be folded first.
pub(super) const FOLDS: Code = u16::MAX - 1;
/// From here on: several codes.
pub(super) const SEVERAL: Code = 0x8000;

impl Words {
    /// Compiles `sets`.
    ///
    /// # Errors
    /// Every phrase that cannot be used, in the order of the sets.
    pub fn compile(sets: &[WordSet]) -> Result<Words, Vec<BadPhrase>> {
        let mut builder = Builder::default();
        for set in sets {
            builder.set(set);
        }
        if builder.bad.is_empty() { Ok(builder.finish()) } else { Err(builder.bad) }
    }

    /// The sets: name, version, level, party.
    pub fn sets(&self) -> impl Iterator<Item = (&str, &str, Level, Party)> {
        self.sets.iter().map(|set| (&*set.name, &*set.version, set.level, set.party))
    }

    /// How many phrases there are, exceptions among them.
    pub fn phrases(&self) -> usize {
        self.rules.len()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.finders.iter().map(|finder| finder.automaton.states()).sum::<usize>();
        f.debug_struct("Words")
            .field("sets", &self.sets.len())
            .field("phrases", &self.rules.len())
            .field("states", &states)
            .finish()
    }
}

#[derive(Default)]
struct Builder {
    sets: Vec<Set>,
    rules: Vec<Rule>,
    pieces: Vec<Piece>,
    known: HashMap<(Level, Vec<char>), u32>,
    bad: Vec<BadPhrase>,
    reach: usize,
}

impl Builder {
    fn set(&mut self, set: &WordSet) {
        let number = self.sets.len() as u32;
        let bad =
            |phrase: &Arc<str>, fault| BadPhrase { set: set.name.clone(), phrase: phrase.clone(), fault };
        if self.sets.len() == bounds::WORD_SETS {
            self.bad.extend(set.phrases.first().map(|first| bad(first, Fault::Full)));
            return;
        }
        let mut exceptions = Vec::new();
        for phrase in &set.phrases {
            if self.rules.len() == bounds::WORD_PHRASES {
                self.bad.push(bad(phrase, Fault::Full));
                break;
            }
            let pattern = match pattern::read(phrase) {
                Ok(pattern) => pattern,
                Err(fault) => {
                    self.bad.push(bad(phrase, fault));
                    continue;
                }
            };
            let rule = self.rules.len() as u32;
            if pattern.exception {
                exceptions.push(rule);
            }
            self.rule(number, rule, phrase, pattern, set.level);
        }
        let (name, version) = (set.name.clone(), set.version.clone());
        self.sets.push(Set { name, version, level: set.level, party: set.party, exceptions });
    }

    fn rule(&mut self, set: u32, rule: u32, phrase: &Arc<str>, pattern: Pattern, level: Level) {
        let level = if pattern.exact { Level::Exact } else { fitting(level, pattern.letters()) };
        let (mut parts, mut reach) = (Vec::new(), 0);
        for part in pattern.parts {
            let (what, longest) = match part.what {
                What::Any(all) => self.pieces(rule, &all, level),
                What::Digits(least, most) => (What::Digits(least, most), most as usize),
                What::Hit => (What::Hit, bounds::WORD_LETTERS),
            };
            reach += longest + part.gap.1 as usize;
            parts.push(Part { gap: part.gap, what });
        }
        self.reach = self.reach.max(reach);
        let mut sequences = vec![parts.clone()];
        if pattern.either_order {
            parts.reverse();
            let gap = parts[0].gap;
            (parts[0].gap, parts[1].gap) = ((0, 0), gap);
            sequences.push(parts);
        }
        self.rules.push(Rule { set, phrase: phrase.clone(), exception: pattern.exception, sequences });
    }

    /// The numbers of pieces for one part of a rule, and the longest one's letters.
    fn pieces(&mut self, rule: u32, all: &[Vec<char>], level: Level) -> (What<u32>, usize) {
        let mut numbers = Vec::new();
        let mut longest = 0;
        for letters in all.iter().flat_map(|letters| numeral::ways(letters)) {
            longest = longest.max(letters.len());
            let next = self.pieces.len() as u32;
            let number = *self.known.entry((level, letters.clone())).or_insert(next);
            if number == next {
                self.pieces.push(Piece { letters, level, rules: Vec::new() });
            }
            if let Some(piece) =
                self.pieces.get_mut(number as usize).filter(|piece| piece.rules.last() != Some(&rule))
            {
                piece.rules.push(rule);
            }
            numbers.push(number);
        }
        (What::Any(numbers), longest)
    }

    fn finish(self) -> Words {
        let finders = [Level::Exact, Level::Homophone, Level::Near]
            .into_iter()
            .filter(|level| self.pieces.iter().any(|piece| piece.level == *level))
            .map(|level| Finder::of(level, &self.pieces))
            .collect();
        Words { sets: self.sets, rules: self.rules, pieces: self.pieces, finders, reach: self.reach }
    }
}

/// The loosest level for a phrase of so many letters in all its parts. Short ones are not looked for by sound: one syllable is said all the time, and so are two that are nearly alike.
pub(super) fn fitting(level: Level, letters: usize) -> Level {
    match letters {
        0 | 1 => Level::Exact,
        2 => level.min(Level::Homophone),
        _ => level,
    }
}

impl Finder {
    fn of(level: Level, pieces: &[Piece]) -> Finder {
        let own = pieces.iter().zip(0..).filter(|(piece, _)| piece.level == level);
        let alphabet = Alphabet::of(level, own.clone().flat_map(|(piece, _)| &piece.letters));
        let coded = own.flat_map(|(piece, number)| {
            spoken(&alphabet, &piece.letters).into_iter().map(move |codes| (codes, number))
        });
        Finder { automaton: Automaton::build(coded.collect()), alphabet }
    }
}

/// All code sequences of a piece: a letter with two readings makes it two, up to [`bounds::WORD_WAYS`].
fn spoken(alphabet: &Alphabet, letters: &[char]) -> Vec<Vec<Code>> {
    let mut all: Vec<Vec<Code>> = vec![Vec::with_capacity(letters.len())];
    for letter in letters {
        let codes = alphabet.codes_of(*letter);
        let room = bounds::WORD_WAYS / all.len();
        let mut longer = Vec::new();
        for code in codes.iter().take(room.max(1)) {
            longer.extend(all.iter().map(|way| [way.as_slice(), &[*code]].concat()));
        }
        all = longer;
    }
    all
}

impl Alphabet {
    fn of<'a>(level: Level, letters: impl Iterator<Item = &'a char>) -> Alphabet {
        let mut alphabet = Alphabet { level, basic: Vec::new(), own: HashMap::new(), several: Vec::new() };
        let mut next = if level == Level::Exact { NOTHING + 1 } else { sound::count() + 1 };
        for letter in letters {
            let unsounded = level == Level::Exact || sound::readings(*letter).is_empty();
            // Unicode's letters outnumber the codes below SEVERAL; no list of words comes near.
            if unsounded && next < SEVERAL && !alphabet.own.contains_key(letter) {
                alphabet.own.insert(*letter, next);
                next += 1;
            }
        }
        alphabet.lay_out();
        alphabet
    }

    /// Codes every character of the basic plane, so that looking through a text costs a look each.
    fn lay_out(&mut self) {
        let mut sets: HashMap<Vec<Code>, Code> = HashMap::new();
        self.basic = Vec::with_capacity(1 << 16);
        for folded in fold::basic_plane() {
            let code = match *folded {
                fold::DROPPED => SKIPPED,
                fold::SEVERAL => FOLDS,
                letter => match char::from_u32(letter.into()).map(|letter| self.codes_of(letter)) {
                    None => NOTHING,
                    Some(codes) if codes.len() == 1 => codes[0],
                    Some(codes) => {
                        let next = SEVERAL + self.several.len() as Code;
                        *sets.entry(codes).or_insert_with_key(|codes| {
                            self.several.push(codes.clone());
                            next
                        })
                    }
                },
            };
            self.basic.push(code);
        }
    }

    /// The codes of a letter: one, or one a reading.
    pub fn codes_of(&self, letter: char) -> Vec<Code> {
        let mut codes: Vec<Code> = match self.level {
            Level::Exact => Vec::new(),
            Level::Homophone => sound::readings(letter).into_iter().map(|syllable| syllable + 1).collect(),
            Level::Near => {
                sound::readings(letter).into_iter().map(|syllable| sound::near(syllable) + 1).collect()
            }
        };
        if codes.is_empty() {
            codes.push(self.own.get(&letter).copied().unwrap_or(NOTHING));
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// What `c` is: a code, [`SKIPPED`], [`FOLDS`], or from [`SEVERAL`] on something for [`Alphabet::several`].
    #[inline]
    pub fn of_char(&self, c: char) -> Code {
        self.basic.get(u32::from(c) as usize).copied().unwrap_or(FOLDS)
    }

    /// The codes behind a code from [`SEVERAL`] on.
    pub fn several(&self, code: Code) -> &[Code] {
        self.several.get(usize::from(code - SEVERAL)).map_or(&[], Vec::as_slice)
    }
}
