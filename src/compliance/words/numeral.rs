//! Numbers in phrases: recognisers write 百分之百 or 100%, 三十天 or 30天, as they are set.
//!
//! Works on letters, so Chinese digits are digits already; what is left are 十百千万亿.

/// At most so many ways of writing one phrase.
const WAYS: usize = 16;

/// All ways of writing `phrase` that this file knows, the given one first.
pub(super) fn ways(phrase: &[char]) -> Vec<Vec<char>> {
    let mut ways: Vec<Vec<char>> = vec![Vec::new()];
    let mut rest = phrase;
    while let Some(&first) = rest.first() {
        let (taken, choices) = number(rest).unwrap_or_else(|| (1, vec![vec![first]]));
        let known = ways.len();
        for choice in choices.iter().skip(1) {
            for at in 0..known {
                if ways.len() < WAYS {
                    let mut other = ways[at].clone();
                    other.extend(choice);
                    ways.push(other);
                }
            }
        }
        for way in ways.iter_mut().take(known) {
            way.extend(&choices[0]);
        }
        rest = &rest[taken..];
    }
    ways
}

/// A number at the start of `letters`: how many letters it takes, and all its ways, the given one first.
fn number(letters: &[char]) -> Option<(usize, Vec<Vec<char>>)> {
    let percent_ahead: &[char] = &['百', '分', '之'];
    if letters.starts_with(&['百', '分', '百']) {
        return Some((3, percent(&letters[..3], 100)));
    }
    if let Some(behind) = letters.strip_prefix(percent_ahead) {
        let (taken, value) = run(behind)?;
        return Some((taken + 3, percent(&letters[..taken + 3], value)));
    }
    let taken = length(letters);
    let given = &letters[..taken];
    let Some((taken, value)) = run(letters) else {
        return (taken > 0).then(|| (taken, vec![given.to_vec()]));
    };
    if letters.get(taken) == Some(&'%') {
        return Some((taken + 1, percent(&letters[..taken + 1], value)));
    }
    // Up to nine both ways are one letter; a zero ahead makes it a code, which is spelt digit by digit.
    if value < 10 || given[0] == '0' {
        return Some((taken, vec![given.to_vec()]));
    }
    Some((taken, distinct(given, [arabic(value), chinese(value)])))
}

fn percent(given: &[char], value: u64) -> Vec<Vec<char>> {
    let with = |number: Vec<char>| ['百', '分', '之'].into_iter().chain(number).collect::<Vec<_>>();
    let mut sign = arabic(value);
    sign.push('%');
    let whole = if value == 100 { vec!['百', '分', '百'] } else { sign.clone() };
    let bare = if value == 100 { with(vec!['百']) } else { sign.clone() };
    distinct(given, [sign, with(chinese(value)), bare, whole])
}

fn distinct<const N: usize>(given: &[char], others: [Vec<char>; N]) -> Vec<Vec<char>> {
    let mut all = vec![given.to_vec()];
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

/// How many letters of a number `letters` begin with.
fn length(letters: &[char]) -> usize {
    letters.iter().take_while(|c| c.is_ascii_digit() || unit(**c).is_some()).count()
}

/// The longest number at the start of `letters`, and its value.
fn run(letters: &[char]) -> Option<(usize, u64)> {
    let long = length(letters);
    // Longer ones are account numbers; nobody says them as one number.
    if long == 0 || long > 12 {
        return None;
    }
    value(&letters[..long]).map(|value| (long, value))
}

fn unit(c: char) -> Option<u64> {
    Some(match c {
        '十' => 10,
        '百' => 100,
        '千' => 1_000,
        '万' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}

/// The value of digits (`30`), of a Chinese number (`3十`, `1百05`, `十2`) or of a mixed one (`30万`).
fn value(letters: &[char]) -> Option<u64> {
    let (mut whole, mut section, mut digits) = (0u64, 0u64, None::<u64>);
    for c in letters {
        match (c.to_digit(10), unit(*c)) {
            (Some(digit), _) => {
                digits = Some(digits.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?)
            }
            (None, Some(unit)) if unit < 10_000 => {
                section = section.checked_add(digits.take().unwrap_or(1).checked_mul(unit)?)?;
            }
            (None, Some(unit)) => {
                let below = section.checked_add(digits.take().unwrap_or(0))?.max(1);
                whole = whole.checked_add(below.checked_mul(unit)?)?;
                section = 0;
            }
            (None, None) => return None,
        }
    }
    whole.checked_add(section)?.checked_add(digits.unwrap_or(0))
}

fn arabic(value: u64) -> Vec<char> {
    value.to_string().chars().collect()
}

/// As it is said, e.g. 105 → `1百05`, 12 → `十2`, 300000 → `3十万`.
fn chinese(value: u64) -> Vec<char> {
    let mut out = Vec::new();
    let mut rest = value;
    for (size, name) in [(100_000_000, '亿'), (10_000, '万')] {
        if rest >= size {
            out.extend(chinese(rest / size));
            out.push(name);
            rest %= size;
            if rest > 0 && rest < size / 10 {
                out.push('0');
            }
        }
    }
    let mut gap = false;
    for (size, name) in [(1_000, '千'), (100, '百'), (10, '十')] {
        let digit = rest / size % 10;
        if digit > 0 {
            if gap {
                out.push('0');
            }
            if !(name == '十' && digit == 1 && out.is_empty()) {
                out.extend(arabic(digit));
            }
            out.push(name);
            gap = false;
        } else {
            gap = !out.is_empty() && rest < 10_000 && !rest.is_multiple_of(size) && rest >= size * 10;
        }
    }
    if !rest.is_multiple_of(10) || out.is_empty() {
        if gap {
            out.push('0');
        }
        out.extend(arabic(rest % 10));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fold::letters;
    use super::*;

    fn spelt(phrase: &str) -> Vec<String> {
        ways(&letters(phrase)).into_iter().map(|way| way.into_iter().collect()).collect()
    }

    #[test]
    fn a_number_is_known_in_all_its_ways() {
        for (phrase, expected) in [
            ("保本", &["保本"][..]),
            ("百分之百收益", &["百分之百收益", "100%收益", "百分之1百收益", "百分百收益"]),
            ("100%", &["100%", "百分之1百", "百分之百", "百分百"]),
            ("年化百分之十五", &["年化百分之十5", "年化15%"]),
            ("三十天到账", &["3十天到账", "30天到账"]),
            ("30天", &["30天", "3十天"]),
            ("30万", &["30万", "300000", "3十万"]),
            ("一定", &["1定"]),
            ("095599", &["095599"]),
            ("6225880000001234", &["6225880000001234"]),
        ] {
            assert_eq!(spelt(phrase), expected, "{phrase}");
        }
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (value, said) in [
            (0, "0"),
            (10, "十"),
            (12, "十2"),
            (20, "2十"),
            (100, "1百"),
            (105, "1百05"),
            (110, "1百1十"),
            (1_005, "1千05"),
            (1_050, "1千05十"),
            (10_000, "1万"),
            (10_500, "1万05百"),
            (300_000, "3十万"),
        ] {
            assert_eq!(chinese(value).into_iter().collect::<String>(), said, "{value}");
            assert_eq!(super::value(&chinese(value)), Some(value), "{said}");
        }
    }
}
