//! The words that running calls are held against: those of the program that a call is pinned to, but for urgent ones.
//!
//! Invariant: calls of one program, in one moment of its versions, share one compiled value; of what is compiled only the last
//! few are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Wall, bounds};
use crate::compliance::words::Words;
use crate::plan::Program;

/// A set's name, its version, and the hash of the program that it is of.
type Key = (Arc<str>, Arc<str>, [u8; 32]);

/// What was compiled lately.
#[derive(Debug, Default)]
pub struct Lexicon {
    kept: VecDeque<(Vec<Key>, Arc<Words>)>,
}

impl Lexicon {
    /// Every set of `pinned` in the version in force at `wall`; in the place of a set that `newest` has in an urgent version, that
    /// one. `None`: nothing is in force, or it cannot be compiled (which a checked program does not do).
    pub fn words(&mut self, pinned: &Program, newest: &Program, wall: Wall) -> Option<Arc<Words>> {
        let (mut key, mut sets) = (Vec::new(), Vec::new());
        for set in &pinned.declared().words {
            let urgent = newest.declared().words.iter().find(|other| other.name == set.name);
            let urgent = urgent.and_then(|other| Some((newest, other, other.at(wall)?)));
            let urgent = urgent.filter(|(_, _, version)| version.urgent);
            let own = || set.at(wall).map(|version| (pinned, set, version));
            let Some((program, set, version)) = urgent.or_else(own) else { continue };
            key.push((set.name.clone(), version.version.clone(), program.hash()));
            sets.push(set.phrases(version));
        }
        if sets.is_empty() {
            return None;
        }
        if let Some((_, words)) = self.kept.iter().find(|(known, _)| *known == key) {
            return Some(words.clone());
        }
        let words = Arc::new(Words::compile(&sets).ok()?);
        self.kept.truncate(bounds::LEXICA - 1);
        self.kept.push_front((key, words.clone()));
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Folder, load};

    fn program(words: &str) -> Arc<Program> {
        let plan = format!(
            "edition 2026\npolicy p for calls to \"600\" {{ screen agent for w {{ tag \"t\"; on recogniser-down {{ tag \"d\" }} }} }}\n\
             {words}\nroute \"600\" from users -> f\nflow f {{ dial user {{callee}} for 5s {{ else -> end }} }}\n"
        );
        let (program, found) = load(&Folder::new().with_plan("a.plan", plan), &["a.plan"]);
        program.unwrap_or_else(|| {
            panic!("{}", found.iter().map(|one| one.render(crate::plan::Lang::En)).collect::<String>())
        })
    }

    #[test]
    fn urgent_words_of_a_newer_program_take_the_place_of_older_ones() {
        let wall = Wall::from_micros(1_800_000_000_000_000);
        let pinned = program("words w { \"保本\" }");
        let (calm, urgent) = (program("words w { \"稳赚\" }"), program("words w { \"稳赚\" urgent }"));
        let mut lexicon = Lexicon::default();
        let mut finds = |newest: &Program, text: &str| {
            let words = lexicon.words(&pinned, newest, wall).expect("words");
            !words.scan(text).is_empty()
        };
        assert!(finds(&pinned, "保本") && finds(&calm, "保本"));
        assert!(!finds(&calm, "稳赚"), "what is not urgent waits for the next call");
        assert!(finds(&urgent, "稳赚") && !finds(&urgent, "保本"));
        let shared = [0, 1].map(|_| lexicon.words(&pinned, &calm, wall).expect("words"));
        assert!(Arc::ptr_eq(&shared[0], &shared[1]));
    }
}
