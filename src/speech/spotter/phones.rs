//! The spotter's alphabet: Mandarin's initials and finals without tones, as CTC numbers them; 0 is its blank.
//!
//! Invariant: the same alphabet in the same order as `benches/spotter/phones.py`, with which the weights were trained; a test holds
//! the numbers.

use smallvec::SmallVec;

/// How many phones there are, the blank among them.
pub(super) const COUNT: usize = INITIALS.len() + FINALS.len() + 1;

/// The blank's number.
pub(super) const BLANK: u8 = 0;

const INITIALS: [&str; 21] = [
    "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c",
    "s",
];

const FINALS: [&str; 36] = [
    "a", "ai", "an", "ang", "ao", "e", "ei", "en", "eng", "er", "i", "ii", "iii", "ia", "ian", "iang", "iao",
    "ie", "in", "ing", "iong", "iou", "ong", "ou", "u", "ua", "uai", "uan", "uang", "uei", "uen", "uo", "v",
    "van", "ve", "vn",
];

/// Phones that accents make one, each group by its members; what is looked for by [`Level::Near`](crate::compliance::words::Level)
/// may be any of a group.
const ALIKE: [&[&str]; 8] = [
    &["zh", "z"],
    &["ch", "c"],
    &["sh", "s"],
    &["n", "l"],
    &["f", "h"],
    &["an", "ang"],
    &["en", "eng"],
    &["in", "ing"],
];

/// What the search compares: a phone, or from [`COUNT`] on a group of [`ALIKE`] ones.
pub(super) type Symbol = u8;

/// How many symbols there are.
pub(super) const SYMBOLS: usize = COUNT + ALIKE.len();

/// The phones of one syllable.
pub(super) type Phones = SmallVec<[u8; 2]>;

/// The phones of a toneless syllable as `compliance::words` names it (`lv`, `shuang`); `None`: it has none.
pub(super) fn phones(syllable: &str) -> Option<Phones> {
    if let Some(last) = bare(syllable) {
        return Some(SmallVec::from_slice(&[number(last)?]));
    }
    let first = INITIALS.iter().filter(|initial| syllable.starts_with(**initial)).max_by_key(|i| i.len())?;
    let last = after(first, syllable.get(first.len()..)?);
    let last = number(last).filter(|phone| is_final(*phone))?;
    Some(SmallVec::from_slice(&[number(first)?, last]))
}

/// The number of a phone.
fn number(phone: &str) -> Option<u8> {
    let at = INITIALS.iter().chain(&FINALS).position(|known| *known == phone)?;
    u8::try_from(at + 1).ok()
}

/// Whether a phone ends a syllable.
pub(super) fn is_final(phone: u8) -> bool {
    usize::from(phone) > INITIALS.len()
}

/// The group of a phone, or the phone itself.
pub(super) fn loosely(phone: u8) -> Symbol {
    let group = ALIKE.iter().position(|group| group.iter().any(|one| number(one) == Some(phone)));
    group.and_then(|at| u8::try_from(COUNT + at).ok()).unwrap_or(phone)
}

/// The phones of every group, by their numbers.
pub(super) fn groups() -> Vec<Vec<usize>> {
    let numbers = |group: &&[&str]| group.iter().filter_map(|one| number(one)).map(usize::from).collect();
    ALIKE.iter().map(numbers).collect()
}

/// The final of a syllable that has no initial, as pinyin writes it.
fn bare(syllable: &str) -> Option<&str> {
    Some(match syllable {
        "yi" => "i",
        "ya" => "ia",
        "ye" => "ie",
        "yao" => "iao",
        "you" | "yo" => "iou",
        "yan" => "ian",
        "yin" => "in",
        "yang" => "iang",
        "ying" => "ing",
        "yong" => "iong",
        "yu" => "v",
        "yue" => "ve",
        "yuan" => "van",
        "yun" => "vn",
        "wu" => "u",
        "wa" => "ua",
        "wo" | "o" => "uo",
        "wai" => "uai",
        "wei" => "uei",
        "wan" => "uan",
        "wen" => "uen",
        "wang" => "uang",
        "weng" => "ong",
        other => return FINALS.iter().find(|known| **known == other).copied(),
    })
}

/// The final that `rest` means after an initial.
fn after<'s>(initial: &str, rest: &'s str) -> &'s str {
    match (initial, rest) {
        ("z" | "c" | "s", "i") => "ii",
        ("zh" | "ch" | "sh" | "r", "i") => "iii",
        ("j" | "q" | "x", "u") => "v",
        ("j" | "q" | "x", "uan") => "van",
        ("j" | "q" | "x", "un") => "vn",
        (_, "ue") => "ve",
        (_, "iu") => "iou",
        (_, "ui") => "uei",
        (_, "un") => "uen",
        (_, "o") => "uo",
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(syllable: &str) -> Option<Vec<&'static str>> {
        let name =
            |phone: u8| INITIALS.iter().chain(&FINALS).nth(usize::from(phone) - 1).copied().expect("a phone");
        Some(phones(syllable)?.into_iter().map(name).collect())
    }

    #[test]
    fn syllables_are_said_as_pinyin_means_them() {
        for (syllable, expected) in [
            ("bao", &["b", "ao"][..]),
            ("zhi", &["zh", "iii"]),
            ("zi", &["z", "ii"]),
            ("shuang", &["sh", "uang"]),
            ("xun", &["x", "vn"]),
            ("xue", &["x", "ve"]),
            ("lve", &["l", "ve"]),
            ("lun", &["l", "uen"]),
            ("liu", &["l", "iou"]),
            ("hui", &["h", "uei"]),
            ("bo", &["b", "uo"]),
            ("yuan", &["van"]),
            ("wei", &["uei"]),
            ("er", &["er"]),
            ("an", &["an"]),
        ] {
            assert_eq!(named(syllable).as_deref(), Some(expected), "{syllable}");
        }
        assert_eq!([phones("ng"), phones(""), phones("xyz")], [None, None, None]);
    }

    #[test]
    fn the_numbers_are_those_that_the_weights_were_trained_with() {
        assert_eq!(
            (COUNT, number("b"), number("s"), number("a"), number("vn")),
            (58, Some(1), Some(21), Some(22), Some(57))
        );
        assert!(is_final(22) && !is_final(21));
    }

    #[test]
    fn accents_join_phones_and_leave_the_others_alone() {
        let loose = |phone| number(phone).map(loosely);
        assert_eq!(loose("zh"), loose("z"));
        assert_eq!(loose("an"), loose("ang"));
        assert_ne!(loose("b"), loose("p"));
        assert_eq!(loose("b"), number("b"));
    }
}
