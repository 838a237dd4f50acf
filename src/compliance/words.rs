//! Words that a text may not hold (requirement F5): found also when written full-width, in capitals, or with blanks and signs
//! between their characters.
//!
//! Invariant: a place that is told lies on character boundaries of the text and holds the whole word.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// A forbidden word in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'w> {
    /// The word as its set writes it.
    pub word: &'w str,
    /// Octets of the text that it takes, with whatever stands between its characters.
    pub at: Range<usize>,
}

/// Every place where `text` holds one of `words`, in the order of the words; of a word its first place.
pub fn forbidden<'w>(text: &str, words: &[&'w str]) -> Vec<Hit<'w>> {
    let folded = fold(text);
    let found = words.iter().filter_map(|word| {
        let wanted: Vec<char> = fold(word).into_iter().map(|(ch, _)| ch).collect();
        let at = position(&folded, &wanted)?;
        let first = folded.get(at)?.1.clone();
        let last = folded.get(at + wanted.len() - 1)?.1.clone();
        Some(Hit { word, at: first.start..last.end })
    });
    found.collect()
}

/// The characters of a text that count, each with its place: compatibility forms made plain (NFKC), small letters, no
/// blanks, no signs.
fn fold(text: &str) -> Vec<(char, Range<usize>)> {
    let mut out = Vec::with_capacity(text.len());
    for (at, ch) in text.char_indices() {
        let place = at..at + ch.len_utf8();
        for plain in std::iter::once(ch).nfkc().flat_map(char::to_lowercase).filter(|ch| ch.is_alphanumeric())
        {
            out.push((plain, place.clone()));
        }
    }
    out
}

fn position(text: &[(char, Range<usize>)], word: &[char]) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    text.windows(word.len()).position(|window| window.iter().map(|(ch, _)| *ch).eq(word.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_dressed() {
        for (text, found) in [
            ("本产品保本保息", Some("保本保息")),
            ("保 本·保——息", Some("保 本·保——息")),
            ("１００％收益", Some("１００％收益")),
            ("收益 100 收益", Some("100 收益")),
            ("保本", None),
            ("", None),
        ] {
            let words = ["保本保息", "100%收益"];
            let hit = forbidden(text, &words).into_iter().next();
            assert_eq!(hit.map(|hit| &text[hit.at]), found, "{text}");
        }
        assert!(forbidden("任何文字", &["", " "]).is_empty());
    }
}
