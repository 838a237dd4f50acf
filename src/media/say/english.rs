//! English, as American readers count: no "and" within numbers, years in pairs, the twelve-hour clock.

use jiff::civil::{Date, Time};

use super::{Currency, Piece, Spoken, by_digits, row, unsigned};

const UNITS: [(u64, Piece); 5] = [
    (1_000_000_000_000, "d1000000000000"),
    (1_000_000_000, "d1000000000"),
    (1_000_000, "d1000000"),
    (1_000, "d1000"),
    (100, "d100"),
];

/// From here on digits are easier to follow.
const LARGEST: u64 = 1_000_000_000_000_000;

const SMALL: [Piece; 20] = [
    "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15",
    "d16", "d17", "d18", "d19",
];

const TENS: [Piece; 10] = ["d0", "d10", "d20", "d30", "d40", "d50", "d60", "d70", "d80", "d90"];

const ORDINALS: [Piece; 21] = [
    "o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8", "o9", "o10", "o11", "o12", "o13", "o14", "o15",
    "o16", "o17", "o18", "o19", "o20",
];

const MONTHS: [Piece; 12] =
    ["mon1", "mon2", "mon3", "mon4", "mon5", "mon6", "mon7", "mon8", "mon9", "mon10", "mon11", "mon12"];

pub(super) fn say(what: &Spoken, pieces: &mut Vec<Piece>) {
    match what {
        Spoken::Number(value) => number(unsigned(*value, pieces), pieces),
        Spoken::Digits(digits) => row(digits.iter(), "d1", pieces),
        Spoken::Money(hundredths, currency) => money(unsigned(*hundredths, pieces), *currency, pieces),
        Spoken::Date(date) => self::date(date, pieces),
        Spoken::Time(time) => self::time(time, pieces),
    }
}

fn of(table: &[Piece], place: u64) -> Piece {
    usize::try_from(place).ok().and_then(|place| table.get(place)).copied().unwrap_or("d0")
}

fn number(value: u64, pieces: &mut Vec<Piece>) {
    if value >= LARGEST {
        return by_digits(value, pieces);
    }
    if value < 20 {
        return pieces.push(of(&SMALL, value));
    }
    match UNITS.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => {
            number(value / unit, pieces);
            pieces.push(name);
            rest(value % unit, pieces);
        }
        None => {
            pieces.push(of(&TENS, value / 10));
            rest(value % 10, pieces);
        }
    }
}

fn rest(value: u64, pieces: &mut Vec<Piece>) {
    if value > 0 {
        number(value, pieces);
    }
}

fn money(hundredths: u64, currency: Currency, pieces: &mut Vec<Piece>) {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let (one, many) = match currency {
        Currency::Dollar => ("u_dollar", "u_dollars"),
        Currency::Euro => ("u_euro", "u_euros"),
        Currency::Yuan => {
            // Neither jiao nor fen has an English word that callers know.
            number(whole, pieces);
            if rest > 0 {
                pieces.extend(["dot", of(&SMALL, rest / 10), of(&SMALL, rest % 10)]);
            }
            return pieces.push("u_yuan");
        }
    };
    if whole > 0 || rest == 0 {
        number(whole, pieces);
        pieces.push(if whole == 1 { one } else { many });
    }
    if rest > 0 {
        if whole > 0 {
            pieces.push("and");
        }
        number(rest, pieces);
        pieces.push(if rest == 1 { "u_cent" } else { "u_cents" });
    }
}

fn date(date: &Date, pieces: &mut Vec<Piece>) {
    let month = u64::from(date.month().unsigned_abs());
    pieces.push(of(&MONTHS, month.saturating_sub(1)));
    let day = u64::from(date.day().unsigned_abs());
    match day {
        0..=20 => pieces.push(of(&ORDINALS, day)),
        30 => pieces.push("o30"),
        _ => pieces.extend([of(&TENS, day / 10), of(&ORDINALS, day % 10)]),
    }
    year(u64::from(date.year().unsigned_abs()), pieces);
}

fn year(year: u64, pieces: &mut Vec<Piece>) {
    let (century, rest) = (year / 100, year % 100);
    if !(1_000..=9_999).contains(&year) || (2_000..=2_009).contains(&year) {
        return number(year, pieces);
    }
    number(century, pieces);
    match rest {
        0 => pieces.push("d100"),
        1..=9 => pieces.extend(["oh", of(&SMALL, rest)]),
        _ => number(rest, pieces),
    }
}

fn time(time: &Time, pieces: &mut Vec<Piece>) {
    let (hour, minute) = (u64::from(time.hour().unsigned_abs()), u64::from(time.minute().unsigned_abs()));
    number((hour + 11) % 12 + 1, pieces);
    match minute {
        0 => {}
        1..=9 => pieces.extend(["oh", of(&SMALL, minute)]),
        _ => number(minute, pieces),
    }
    pieces.push(if hour < 12 { "am" } else { "pm" });
}

#[cfg(test)]
mod tests {
    use super::super::{Digits, Language, Say};
    use super::*;

    #[test]
    fn values_are_spoken_piece_by_piece() {
        use Currency::{Dollar, Euro, Yuan};
        for (what, text) in [
            (Spoken::Number(0), "d0"),
            (Spoken::Number(13), "d13"),
            (Spoken::Number(20), "d20"),
            (Spoken::Number(21), "d20 d1"),
            (Spoken::Number(100), "d1 d100"),
            (Spoken::Number(105), "d1 d100 d5"),
            (Spoken::Number(-342), "minus d3 d100 d40 d2"),
            (Spoken::Number(1_000_017), "d1 d1000000 d17"),
            (Spoken::Number(21_315), "d20 d1 d1000 d3 d100 d15"),
            (Spoken::Digits(Digits::new("0105#")), "d0 d1 d0 d5 hash"),
            (Spoken::Money(1_299, Dollar), "d12 u_dollars and d90 d9 u_cents"),
            (Spoken::Money(100, Dollar), "d1 u_dollar"),
            (Spoken::Money(1, Euro), "d1 u_cent"),
            (Spoken::Money(0, Euro), "d0 u_euros"),
            (Spoken::Money(1_205, Yuan), "d12 dot d0 d5 u_yuan"),
            (Spoken::Date(Date::constant(2026, 11, 22)), "mon11 d20 o2 d20 d20 d6"),
            (Spoken::Date(Date::constant(2005, 3, 30)), "mon3 o30 d2 d1000 d5"),
            (Spoken::Date(Date::constant(1900, 1, 11)), "mon1 o11 d19 d100"),
            (Spoken::Date(Date::constant(1905, 12, 31)), "mon12 d30 o1 d19 oh d5"),
            (Spoken::Time(Time::constant(0, 0, 0, 0)), "d12 am"),
            (Spoken::Time(Time::constant(12, 5, 0, 0)), "d12 oh d5 pm"),
            (Spoken::Time(Time::constant(14, 30, 0, 0)), "d2 d30 pm"),
        ] {
            let pieces = Say { language: Language::English, what }.pieces();
            assert_eq!(pieces.join(" "), text, "{what:?}");
        }
    }
}
