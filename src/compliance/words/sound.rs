//! How letters sound: toneless syllables of Mandarin, and which of them accents make equal.

use std::collections::HashMap;
use std::sync::LazyLock;

use pinyin::ToPinyin;
use smallvec::SmallVec;

/// A toneless syllable, by its place in the table.
pub(super) type Syllable = u16;
/// All readings of a letter; most have one.
pub(super) type Readings = SmallVec<[Syllable; 4]>;

/// One line a syllable: its name and the characters read so, the most frequent first. From Unihan: `tables/make.py`.
const TABLE: &str = include_str!("tables/syllables.txt");

static SOUNDS: LazyLock<Sounds> = LazyLock::new(Sounds::read);

struct Sounds {
    names: Vec<&'static str>,
    common: Vec<&'static str>,
    by_name: HashMap<&'static str, Syllable>,
    by_letter: HashMap<char, Readings>,
    /// For each syllable the first one that sounds nearly like it.
    near: Vec<Syllable>,
}

impl Sounds {
    fn read() -> Sounds {
        let (mut names, mut common) = (Vec::new(), Vec::new());
        let mut by_letter: HashMap<char, Readings> = HashMap::new();
        for ((name, chars), syllable) in TABLE.lines().filter_map(|line| line.split_once(' ')).zip(0..) {
            names.push(name);
            common.push(chars);
            for c in chars.chars() {
                by_letter.entry(c).or_default().push(syllable);
            }
        }
        let mut forms: HashMap<String, Syllable> = HashMap::new();
        let near =
            names.iter().zip(0..).map(|(name, syllable)| *forms.entry(near_form(name)).or_insert(syllable));
        let near = near.collect();
        let by_name = names.iter().copied().zip(0..).collect();
        let mut sounds = Sounds { names, common, by_name, by_letter, near };
        for (digit, said) in [
            ('0', &["ling"][..]),
            ('1', &["yi", "yao"]),
            ('2', &["er", "liang"]),
            ('3', &["san"]),
            ('4', &["si"]),
            ('5', &["wu"]),
            ('6', &["liu"]),
            ('7', &["qi"]),
            ('8', &["ba"]),
            ('9', &["jiu"]),
        ] {
            let readings = said.iter().filter_map(|name| sounds.by_name.get(name).copied()).collect();
            sounds.by_letter.insert(digit, readings);
        }
        sounds
    }
}

/// How `letter` is read; empty: not in Mandarin.
pub(super) fn readings(letter: char) -> Readings {
    if let Some(readings) = SOUNDS.by_letter.get(&letter) {
        return readings.clone();
    }
    // Characters outside the standard's 8 105 come up in names; one reading of theirs is enough.
    let rare = letter.to_pinyin().map(|pinyin| pinyin.plain().replace('ü', "v"));
    rare.and_then(|name| SOUNDS.by_name.get(name.as_str()).copied()).into_iter().collect()
}

/// The syllable that stands for all that sound nearly like `syllable`.
pub(super) fn near(syllable: Syllable) -> Syllable {
    SOUNDS.near.get(usize::from(syllable)).copied().unwrap_or(syllable)
}

/// How many syllables there are: every [`Syllable`] is below.
pub(super) fn count() -> u16 {
    u16::try_from(SOUNDS.names.len()).unwrap_or(u16::MAX)
}

/// `bao`, `lv`
pub(super) fn name(syllable: Syllable) -> &'static str {
    SOUNDS.names.get(usize::from(syllable)).copied().unwrap_or_default()
}

/// Characters that are read so, the most frequent first.
pub(super) fn common(syllable: Syllable) -> &'static str {
    SOUNDS.common.get(usize::from(syllable)).copied().unwrap_or_default()
}

/// All syllables that sound nearly like `syllable`, itself among them.
pub(super) fn alike(syllable: Syllable) -> impl Iterator<Item = Syllable> {
    let form = near(syllable);
    (0..count()).filter(move |other| near(*other) == form)
}

/// A syllable with what dialects confuse made equal: flat for curled initials, l for n, f for hu, n for ng.
fn near_form(name: &str) -> String {
    let lips = match name {
        "hong" => "feng",
        "hui" => "fei",
        "hun" => "fen",
        "hu" | "huo" | "hua" | "huan" | "huang" => {
            &format!("f{}", if name == "hu" { "u" } else { &name[2..] })
        }
        other => other,
    };
    let flat = ["zh", "ch", "sh"]
        .iter()
        .find_map(|curled| lips.strip_prefix(curled).map(|rest| format!("{}{rest}", &curled[..1])));
    let flat = flat.unwrap_or_else(|| lips.to_string());
    let lateral = match flat.strip_prefix('n') {
        Some(rest) if !rest.is_empty() && rest != "g" => format!("l{rest}"),
        _ => flat,
    };
    match lateral.strip_suffix("ng") {
        Some(front) if front.ends_with(['a', 'e', 'i']) => format!("{front}n"),
        _ => lateral,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(letter: char) -> Vec<&'static str> {
        readings(letter).into_iter().map(name).collect()
    }

    #[test]
    fn letters_have_the_readings_that_people_use() {
        for (letter, expected) in [
            ('保', &["bao"][..]),
            ('不', &["bu"]),
            ('行', &["hang", "xing"]),
            ('还', &["hai", "huan"]),
            ('重', &["chong", "zhong"]),
            ('率', &["lv", "shuai"]),
            ('女', &["nv"]),
            ('1', &["yi", "yao"]),
            ('龘', &["da"]),
            ('a', &[]),
        ] {
            assert_eq!(read(letter), expected, "{letter}");
        }
    }

    #[test]
    fn accents_make_syllables_equal_that_people_confuse() {
        let near_of = |name: &str| near(SOUNDS.by_name[name]);
        for (one, other) in [
            ("zhong", "zong"),
            ("cheng", "cen"),
            ("shi", "si"),
            ("niu", "liu"),
            ("feng", "hong"),
            ("fei", "hui"),
            ("huang", "fan"),
            ("hu", "fu"),
            ("xing", "xin"),
            ("liang", "nian"),
        ] {
            assert_eq!(near_of(one), near_of(other), "{one} {other}");
        }
        for (one, other) in
            [("ba", "pa"), ("bao", "ban"), ("qi", "ji"), ("hai", "fei"), ("dong", "dun"), ("n", "l")]
        {
            assert!(!SOUNDS.by_name.contains_key(other) || near_of(one) != near_of(other), "{one} {other}");
        }
    }
}
