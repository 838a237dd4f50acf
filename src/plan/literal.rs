//! What the literals of a plan mean: amounts of time, clock times, dates, texts.

use std::time::Duration;

use jiff::civil::Date;
use nom::character::complete::{char, u8 as nom_u8, u64 as nom_u64};
use nom::combinator::{all_consuming, rest};
use nom::sequence::separated_pair;
use nom::{IResult, Parser};

use super::policy::Term;

/// A number of units of time: `25s`, `5y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    count: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Year,
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::Millisecond => "ms",
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Week => "w",
            Unit::Year => "y",
        };
        write!(f, "{}{unit}", self.count)
    }
}

impl Amount {
    /// From `25s`; `None` when the number does not fit 64 bits.
    pub fn parse(text: &str) -> Option<Amount> {
        let parsed: IResult<&str, (u64, &str)> = (nom_u64, rest).parse(text);
        let (_, (count, unit)) = parsed.ok()?;
        let unit = match unit {
            "ms" => Unit::Millisecond,
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "y" => Unit::Year,
            _ => return None,
        };
        Some(Amount { count, unit })
    }

    /// As a length of exact time; `None` for years, which differ, and for what does not fit.
    pub fn duration(self) -> Option<Duration> {
        let ms = match self.unit {
            Unit::Millisecond => 1,
            Unit::Second => 1_000,
            Unit::Minute => 60_000,
            Unit::Hour => 3_600_000,
            Unit::Day => 86_400_000,
            Unit::Week => 7 * 86_400_000,
            Unit::Year => return None,
        };
        self.count.checked_mul(ms).map(Duration::from_millis)
    }

    /// As a length of calendar time; `None` for milliseconds and for more than a thousand years.
    pub fn term(self) -> Option<Term> {
        let none = Term::default();
        let count = self.count;
        let days =
            |days: u64| (days <= 366_000).then(|| Term { days: u32::try_from(days).unwrap_or(0), ..none });
        let seconds = |each: u64| {
            let seconds = count.checked_mul(each)?;
            (seconds <= 366_000 * 86_400).then_some(Term { seconds, ..none })
        };
        match self.unit {
            Unit::Millisecond => None,
            Unit::Second => seconds(1),
            Unit::Minute => seconds(60),
            Unit::Hour => seconds(3_600),
            Unit::Day => days(count),
            Unit::Week => days(count.checked_mul(7)?),
            Unit::Year if count <= 1_000 => Some(Term { years: u16::try_from(count).unwrap_or(0), ..none }),
            Unit::Year => None,
        }
    }
}

/// Minutes after midnight of `08:00`, up to `24:00`; `None` for what no clock shows.
pub(crate) fn clock(text: &str) -> Option<u16> {
    let parsed: IResult<&str, (u8, u8)> =
        all_consuming(separated_pair(nom_u8, char(':'), nom_u8)).parse(text);
    let (_, (hour, minute)) = parsed.ok()?;
    let minutes = u16::from(hour) * 60 + u16::from(minute);
    (minute < 60 && minutes <= 24 * 60).then_some(minutes)
}

/// The day of `2026-10-01`; `None` for what no calendar shows.
pub(crate) fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// What stands between the quotes of a text token, with `\"` and `\\` resolved; `Err` holds the first unknown escape.
pub(crate) fn text(token: &str) -> Result<String, char> {
    let inner = token.strip_prefix(['"', '“', '”']).unwrap_or(token);
    let inner = inner.strip_suffix(['"', '“', '”']).unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(ch) = chars.next() {
        match ch {
            '\\' => match chars.next() {
                Some(quoted @ ('"' | '\\')) => out.push(quoted),
                Some(other) => return Err(other),
                None => out.push('\\'),
            },
            ch => out.push(ch),
        }
    }
    Ok(out)
}

/// The word with full-width letters and digits as their ASCII forms.
pub(crate) fn half_width(word: &str) -> String {
    let half = |ch: char| match ch {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(ch as u32 - 0xfee0).unwrap_or(ch),
        ch => ch,
    };
    word.chars().map(half).collect()
}

/// Whether `word` holds full-width letters or digits.
pub(crate) fn is_full_width(word: &str) -> bool {
    word.chars().any(|ch| matches!(ch, '\u{ff01}'..='\u{ff5e}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_mean_what_they_say() {
        let seconds = |text| Amount::parse(text).and_then(Amount::duration);
        assert_eq!(seconds("25s"), Some(Duration::from_secs(25)));
        assert_eq!(seconds("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("2w"), Some(Duration::from_secs(14 * 86_400)));
        assert_eq!(seconds("5y"), None);
        assert_eq!(seconds("99999999999999999999s"), None);
        assert_eq!(seconds("18446744073709551615d"), None);
        let term = |text| Amount::parse(text).and_then(Amount::term).map(|term| term.to_string());
        assert_eq!(term("5y").as_deref(), Some("5y"));
        assert_eq!(term("72h").as_deref(), Some("72h"));
        assert_eq!(term("1001y"), None);
        for (text, minutes) in
            [("08:00", Some(480)), ("24:00", Some(1_440)), ("24:01", None), ("08:60", None)]
        {
            assert_eq!(clock(text), minutes, "{text}");
        }
        assert!(date("2028-02-29").is_some() && date("2026-02-29").is_none());
        assert_eq!(super::text(r#""a\"b\\""#).as_deref(), Ok("a\"b\\"));
        assert_eq!(super::text(r#""a\n""#), Err('n'));
        assert_eq!(half_width("pl\u{ff41}y"), "play");
    }
}
