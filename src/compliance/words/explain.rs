//! Why a phrase finds what it finds: its letters, how they sound, and which sets know it.

use super::compile::{Words, fitting};
use super::numeral;
use super::pattern::{self, Fault, What};
use super::sound;
use super::{Hit, Level};

/// How many characters stand for all that sound alike.
const SHOWN: usize = 6;

/// A phrase, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Whether it is an exception.
    pub exception: bool,
    /// Its letters in the order of the parts, each with its sounds.
    pub letters: Vec<LetterSounds>,
    /// All ways that its texts are written, numbers included.
    pub ways: Vec<String>,
    /// The loosest level that it is looked for at, whatever its set says.
    pub loosest: Level,
}

/// A letter and what is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterSounds {
    /// The letter, after folding.
    pub letter: char,
    /// Its toneless syllables; empty: only itself is taken for it.
    pub syllables: Vec<&'static str>,
    /// Some characters that [`Level::Homophone`] takes for it.
    pub homophones: String,
    /// Syllables that [`Level::Near`] takes for it besides its own.
    pub near: Vec<&'static str>,
}

/// Takes `phrase` apart.
///
/// # Errors
/// What is wrong with it.
pub fn explain(phrase: &str) -> Result<Explained, Fault> {
    let pattern = pattern::read(phrase)?;
    let texts: Vec<&Vec<char>> = pattern
        .parts
        .iter()
        .filter_map(|part| match &part.what {
            What::Any(all) => Some(all),
            _ => None,
        })
        .flatten()
        .collect();
    Ok(Explained {
        exception: pattern.exception,
        letters: texts.iter().flat_map(|letters| letters.iter().map(|letter| sounds(*letter))).collect(),
        ways: texts.iter().flat_map(|letters| numeral::ways(letters)).map(String::from_iter).collect(),
        loosest: if pattern.exact { Level::Exact } else { fitting(Level::Near, pattern.letters()) },
    })
}

fn sounds(letter: char) -> LetterSounds {
    let readings = sound::readings(letter);
    let homophones = readings.iter().flat_map(|syllable| {
        sound::common(*syllable).chars().filter(|other| *other != letter).take(SHOWN / readings.len().max(1))
    });
    let mut near: Vec<&str> =
        readings.iter().flat_map(|syllable| sound::alike(*syllable)).map(sound::name).collect();
    let syllables: Vec<&str> = readings.iter().map(|syllable| sound::name(*syllable)).collect();
    near.retain(|name| !syllables.contains(name));
    near.sort_unstable();
    near.dedup();
    LetterSounds { letter, homophones: homophones.collect(), near, syllables }
}

impl Words {
    /// The hits in `phrase` itself, by which one sees which sets know it.
    pub fn knowing(&self, phrase: &str) -> Vec<Hit> {
        self.scan(phrase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_taken_apart() {
        let explained = explain("还100%").expect("a phrase");
        assert_eq!(explained.ways, ["还100%", "还百分之1百", "还百分之百", "还百分百"]);
        assert_eq!(explained.loosest, Level::Near);
        let first = &explained.letters[0];
        assert_eq!((first.letter, &first.syllables[..]), ('还', &["hai", "huan"][..]));
        assert!(first.homophones.contains('换'), "{}", first.homophones);
        assert_eq!(first.near, ["fan", "fang", "huang"]);
        assert_eq!(explain("保本").map(|explained| explained.loosest), Ok(Level::Homophone));
        assert_eq!(explain("=保本保息").map(|explained| explained.loosest), Ok(Level::Exact));
        assert_eq!(explain("保[..2]本息").map(|explained| explained.loosest), Ok(Level::Near));
        assert_eq!(explain("[..2]保"), Err(Fault::OpenGap));
    }
}
