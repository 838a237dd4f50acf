//! Text into letters: what is compared, whatever it was written with.
//!
//! Invariant: folding looks at one character at a time, so that a letter's place in the text is its character's.

use std::collections::HashMap;
use std::sync::LazyLock;

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;

/// In [`FOLDED`]: the character is no letter.
pub(super) const DROPPED: u16 = 0;
/// In [`FOLDED`]: the character is several letters, or one beyond the basic plane.
pub(super) const SEVERAL: u16 = 1;

/// What people say while they think, and recognisers write between the characters of a phrase.
const FILLERS: &[char] = &['嗯', '呃', '啊', '唔', '诶', '欸'];

/// Chinese digits; those for accounts are left out: 陆 and 伍 are words of their own.
const DIGITS: &[(char, char)] = &[
    ('〇', '0'),
    ('零', '0'),
    ('一', '1'),
    ('幺', '1'),
    ('二', '2'),
    ('两', '2'),
    ('三', '3'),
    ('四', '4'),
    ('五', '5'),
    ('六', '6'),
    ('七', '7'),
    ('八', '8'),
    ('九', '9'),
];

/// Traditional characters and their simplified ones, from Unihan: `tables/make.py`.
static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let mut chars = include_str!("tables/simplified.txt").chars().filter(|c| *c != '\n');
    std::iter::from_fn(|| Some((chars.next()?, chars.next()?))).collect()
});

/// The letter of every character of the basic plane, or [`DROPPED`], or [`SEVERAL`].
static FOLDED: LazyLock<Vec<u16>> = LazyLock::new(|| {
    (0..=u16::MAX)
        .map(|code| {
            let letters = char::from_u32(code.into()).map(slowly).unwrap_or_default();
            match letters.as_slice() {
                [] => DROPPED,
                [letter] => u16::try_from(u32::from(*letter)).unwrap_or(SEVERAL),
                _ => SEVERAL,
            }
        })
        .collect()
});

/// The letters of one character: mostly one or none.
pub(super) type Folded = SmallVec<[char; 4]>;

/// For each character of the basic plane its letter, [`DROPPED`] or [`SEVERAL`].
pub(super) fn basic_plane() -> &'static [u16] {
    &FOLDED
}

/// The letters of `c`.
pub(super) fn fold(c: char) -> Folded {
    match u16::try_from(u32::from(c)).ok().and_then(|code| FOLDED.get(usize::from(code))) {
        Some(&DROPPED) => Folded::new(),
        Some(&SEVERAL) | None => slowly(c),
        Some(&letter) => char::from_u32(letter.into()).into_iter().collect(),
    }
}

/// The letters of `text`.
pub(super) fn letters(text: &str) -> Vec<char> {
    text.chars().flat_map(fold).collect()
}

fn slowly(c: char) -> Folded {
    let mut letters = Folded::new();
    for plain in std::iter::once(c).nfkc() {
        if is_accented_latin(plain) {
            letters.extend(std::iter::once(plain).nfd().filter_map(letter).flat_map(char::to_lowercase));
        } else {
            letters.extend(plain.to_lowercase().filter_map(letter));
        }
    }
    letters
}

/// `é` may come as one character or as two; both are an `e`.
fn is_accented_latin(c: char) -> bool {
    matches!(u32::from(c), 0xc0..=0x24f | 0x1e00..=0x1eff)
}

/// What stands for `c`; `None`: it does not count.
fn letter(c: char) -> Option<char> {
    if !c.is_alphanumeric() && c != '%' {
        return None;
    }
    let simple = SIMPLIFIED.get(&c).copied().unwrap_or(c);
    if FILLERS.contains(&simple) {
        return None;
    }
    Some(DIGITS.iter().find(|(chinese, _)| *chinese == simple).map_or(simple, |(_, digit)| *digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_differently_has_the_same_letters() {
        for (written, expected) in [
            ("保本保息", "保本保息"),
            ("保 本，保-息！", "保本保息"),
            ("保\u{200b}本\u{feff}保\u{2060}息", "保本保息"),
            ("保本嗯…啊保息", "保本保息"),
            ("無風險", "无风险"),
            ("臺灣銀行 說後裡", "台湾银行说后里"),
            ("ＡＢＣ１２３", "abc123"),
            ("年化一二点五％", "年化12点5%"),
            ("Café cafe\u{301}", "cafecafe"),
            ("㈱①½㎡", "株112m2"),
            ("Straße", "straße"),
            ("𠮷野家", "𠮷野家"),
            ("❤️🎉", ""),
        ] {
            assert_eq!(letters(written).into_iter().collect::<String>(), expected, "{written}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in (0..=0xffffu32).filter_map(char::from_u32) {
            let once = fold(c);
            let twice: Folded = once.iter().copied().flat_map(fold).collect();
            assert_eq!(once, twice, "{c:?}");
        }
    }
}
