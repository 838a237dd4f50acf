//! What of a set of words can be listened for by sound alone: the texts of its phrases with their syllables.
//!
//! A spotter hears no letters. It is given every text that a phrase is made of, listens for each, and writes down what it heard;
//! sequences, gaps and exceptions are then settled over what it wrote, as over any transcript. Invariant: a phrase of which a part can
//! never be heard is counted, so that nobody believes it is watched for.

use std::collections::HashSet;
use std::sync::Arc;

use super::compile::{Rule, Words};
use super::pattern::What;
use super::{Level, Party, fold, sound};
use crate::base::bounds;

/// The fewest syllables that mean something by themselves: one is said all the time.
const FEWEST: usize = 2;

/// A text, and how it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aloud {
    /// The text, folded: digits are Arabic.
    pub text: String,
    /// Its toneless syllables, once for each way to read it, as Pinyin writes them with `v` for ü.
    pub ways: Vec<Vec<&'static str>>,
    /// Whether what accents confuse counts as the same.
    pub near: bool,
}

impl Words {
    /// The texts to listen for when `speaker` speaks, each once.
    pub fn aloud(&self, speaker: Party) -> Vec<Aloud> {
        let mut known = HashSet::new();
        let rules = self.rules.iter().filter(|rule| self.minds(rule, speaker) && self.is_audible(rule));
        let pieces = rules.flat_map(|rule| &rule.sequences).flatten().filter_map(|part| match &part.what {
            What::Any(pieces) => Some(pieces),
            What::Digits(..) | What::Hit => None,
        });
        let fresh = pieces.flatten().filter(|piece| known.insert(**piece));
        fresh.filter_map(|piece| self.piece_aloud(*piece)).collect()
    }

    /// The phrases that cannot be listened for when `speaker` speaks: of one syllable, with letters that Mandarin does not read, or
    /// with a run of digits.
    pub fn inaudible(&self, speaker: Party) -> Vec<Arc<str>> {
        let rules = self.rules.iter().filter(|rule| self.minds(rule, speaker) && !self.is_audible(rule));
        rules.map(|rule| rule.phrase.clone()).collect()
    }

    fn minds(&self, rule: &Rule, speaker: Party) -> bool {
        self.sets.get(rule.set as usize).is_some_and(|set| set.party.minds(speaker))
    }

    /// Whether one of the ways to meet a rule has only parts that can be heard.
    fn is_audible(&self, rule: &Rule) -> bool {
        rule.sequences.iter().any(|sequence| {
            sequence.iter().all(|part| match &part.what {
                What::Any(pieces) => pieces.iter().any(|piece| self.piece_aloud(*piece).is_some()),
                What::Digits(..) => false,
                What::Hit => true,
            })
        })
    }

    fn piece_aloud(&self, piece: u32) -> Option<Aloud> {
        let piece = self.pieces.get(piece as usize)?;
        if piece.letters.len() < FEWEST {
            return None;
        }
        let mut ways: Vec<Vec<&'static str>> = vec![Vec::new()];
        for letter in &piece.letters {
            let readings = sound::readings(*letter);
            if readings.is_empty() {
                return None;
            }
            let room = (bounds::SPOTTED_WAYS / ways.len()).max(1);
            let longer = readings.iter().take(room).flat_map(|syllable| {
                ways.iter().map(|way| [way.as_slice(), &[sound::name(*syllable)]].concat())
            });
            ways = longer.collect();
        }
        let text = piece.letters.iter().collect();
        Some(Aloud { text, ways, near: piece.level == Level::Near })
    }
}

/// Whether `text` holds these letters, however both are written.
pub fn holds(text: &str, letters: &str) -> bool {
    let (text, letters) = (fold::letters(text), fold::letters(letters));
    !letters.is_empty() && text.windows(letters.len()).any(|window| window == letters)
}

#[cfg(test)]
mod tests {
    use super::super::WordSet;
    use super::*;

    fn words(level: Level, phrases: &[&str]) -> Words {
        let set = WordSet {
            name: "w".into(),
            version: "".into(),
            level,
            party: Party::Agent,
            phrases: phrases.iter().map(|phrase| Arc::from(*phrase)).collect(),
        };
        Words::compile(&[set]).expect("good phrases")
    }

    #[test]
    fn every_text_of_a_phrase_is_said_in_all_its_ways() {
        let words = words(Level::Near, &["保证|承诺[..12]收益", "!不承诺[..4]*", "还款"]);
        let all = words.aloud(Party::Agent);
        let texts: Vec<&str> = all.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, ["保证", "承诺", "收益", "不承诺", "还款"]);
        assert_eq!(all[0].ways, [["bao", "zheng"]]);
        assert_eq!(all[4].ways, [["hai", "kuan"], ["huan", "kuan"]]);
        assert_eq!((all[0].near, all[4].near), (true, false), "two syllables are not looked for nearly");
        assert_eq!(words.aloud(Party::Customer), []);
    }

    #[test]
    fn what_cannot_be_heard_is_told() {
        let words = words(Level::Homophone, &["QQ群", "赌", "验证码[..4][digits 4..8]", "保本|p2p", "110"]);
        let deaf: Vec<Arc<str>> = words.inaudible(Party::Agent);
        assert_eq!(
            deaf.iter().map(|phrase| &**phrase).collect::<Vec<_>>(),
            ["QQ群", "赌", "验证码[..4][digits 4..8]"]
        );
        let texts: Vec<String> = words.aloud(Party::Agent).into_iter().map(|one| one.text).collect();
        assert_eq!(texts, ["保本", "110", "1百1十"]);
    }
}
