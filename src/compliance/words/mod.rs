//! Sensitive words: sets of phrases compiled once, found in texts and in the partial transcripts of running calls.
//!
//! ```text
//! phrase  -> pattern -> pieces ─┐
//!                               ├─> one automaton a level ─> occurrences ─> sequences ─> exceptions ─> hits
//! text    -> letters -> codes ──┘
//! ```
//!
//! A text is compared by its *letters*: compatibility forms undone, lower case, simplified characters, digits for Chinese
//! ones; blanks, punctuation, invisible characters and fillers are none. At level [`Level::Exact`] a letter is itself, at
//! [`Level::Homophone`] its toneless syllable, at [`Level::Near`] that syllable with what dialects confuse made equal.
//!
//! invariant: values only. Nothing here reads a file or a clock, and a compiled set never changes.

mod aloud;
mod automaton;
mod compile;
mod explain;
mod file;
mod fold;
mod numeral;
mod pattern;
mod scan;
mod sound;
mod watch;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use aloud::{Aloud, holds};
pub use compile::Words;
pub use explain::{Explained, LetterSounds, explain};
pub use file::{BadSet, read_set};
pub use pattern::{BadPhrase, Fault, check};
pub use watch::{Heard, HitId, Mark, News, Noticed, Watcher};

/// How alike a text must be to a phrase; each level includes those before it.
///
/// Sounds of one letter mean nothing and those of two little: phrases of one letter in all are always compared exactly,
/// phrases of two at most as homophones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// The same characters, however they are written.
    #[default]
    Exact,
    /// The same syllables without their tones: recognisers write 封险 for 风险.
    Homophone,
    /// Syllables that accents confuse: zh/z, ch/c, sh/s, n/l, f/hu, an/ang, en/eng, in/ing.
    Near,
}

impl Level {
    /// `exact`, `homophone`, `near`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Exact => "exact",
            Level::Homophone => "homophone",
            Level::Near => "near",
        }
    }

    /// The level of this name.
    pub fn named(name: &str) -> Option<Level> {
        [Level::Exact, Level::Homophone, Level::Near].into_iter().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whose words a set is for, and whose a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Party {
    /// Whoever speaks.
    #[default]
    Any,
    /// The site's own people.
    Agent,
    /// Who calls them or is called by them.
    Customer,
}

impl Party {
    /// `any`, `agent`, `customer`.
    pub fn name(self) -> &'static str {
        match self {
            Party::Any => "any",
            Party::Agent => "agent",
            Party::Customer => "customer",
        }
    }

    /// The party of this name.
    pub fn named(name: &str) -> Option<Party> {
        [Party::Any, Party::Agent, Party::Customer].into_iter().find(|party| party.name() == name)
    }

    /// Whether a set for `self` looks at what `speaker` says.
    pub(crate) fn minds(self, speaker: Party) -> bool {
        self == Party::Any || speaker == Party::Any || self == speaker
    }
}

/// A set of phrases as it is written; [`Words::compile`] reads them.
///
/// | phrase | finds |
/// |---|---|
/// | `保本保息` | these letters |
/// | `保证\|承诺` | one or the other |
/// | `保证[..12]收益` | both in this order, at most 12 letters between; `[2..12]`: 2 to 12 |
/// | `保证[~12]收益` | both in either order |
/// | `验证码[..4][digits 4..8]` | a run of 4 to 8 digits; `[digits 6]`, `[digits 6..]` |
/// | `=根治` | these characters only, whatever the set's level |
/// | `!不承诺保本保息` | nothing: hits within it are excused |
/// | `!不承诺[..4]*` | nothing: a hit at most 4 letters behind 不承诺 is excused |
/// | `!*[..6]是违法的` | nothing: a hit at most 6 letters before 是违法的 is excused |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordSet {
    /// The name that people know it by.
    pub name: Arc<str>,
    /// `v2026.08`; empty when it has none.
    pub version: Arc<str>,
    /// How alike a text must be.
    pub level: Level,
    /// Whose words it is for.
    pub party: Party,
    /// The phrases, in the form above.
    pub phrases: Vec<Arc<str>>,
}

/// A place in a text where a phrase stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The set's name.
    pub set: Arc<str>,
    /// The set's version.
    pub version: Arc<str>,
    /// The phrase as it is written in the set.
    pub phrase: Arc<str>,
    /// Where: octets of the text, at character boundaries.
    pub bytes: Range<usize>,
    /// How alike it really is: an exact match is exact in a set of near ones, too.
    pub level: Level,
    /// Whether an exception of the set covers it; such hits are counted apart.
    pub excused: bool,
}

#[cfg(test)]
mod tests;
