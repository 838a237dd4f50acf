//! Mandarin: ten thousands and hundred millions, 零 for what is skipped, 两 before a measure, 幺 in a row of digits.

use jiff::civil::{Date, Time};

use super::{Currency, Piece, Spoken, by_digits, digit, row, unsigned};

/// Units by which a number is spoken, the largest first.
const UNITS: [(u64, Piece); 5] =
    [(100_000_000, "d100000000"), (10_000, "d10000"), (1_000, "d1000"), (100, "d100"), (10, "d10")];

/// From here on digits are easier to follow than 万万亿.
const LARGEST: u64 = 10_000_000_000_000_000;

pub(super) fn say(what: &Spoken, pieces: &mut Vec<Piece>) {
    match what {
        Spoken::Number(value) => number(unsigned(*value, pieces), pieces),
        Spoken::Digits(digits) => row(digits.iter(), "yao", pieces),
        Spoken::Money(hundredths, currency) => money(unsigned(*hundredths, pieces), *currency, pieces),
        Spoken::Date(date) => self::date(date, pieces),
        Spoken::Time(time) => self::time(time, pieces),
    }
}

fn number(value: u64, pieces: &mut Vec<Piece>) {
    match value {
        0 => pieces.push("d0"),
        LARGEST.. => by_digits(value, pieces),
        _ => part(value, true, pieces),
    }
}

/// Speaks a value above 0; `first` when nothing of the number has been spoken yet.
fn part(value: u64, first: bool, pieces: &mut Vec<Piece>) {
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| value >= *unit) else {
        return pieces.push(digit(value));
    };
    let (above, below) = (value / unit, value % unit);
    match above {
        // 十二, not 一十二; but 一百一十二.
        1 if *unit == 10 && first => {}
        2 if *unit >= 100 && first => pieces.push("liang"),
        _ => part(above, first, pieces),
    }
    pieces.push(name);
    if below > 0 {
        if below < unit / 10 {
            pieces.push("d0");
        }
        part(below, false, pieces);
    }
}

/// A number before a measure: 两, where a count would be 二.
fn measured(value: u64, pieces: &mut Vec<Piece>) {
    if value == 2 { pieces.push("liang") } else { number(value, pieces) }
}

fn money(hundredths: u64, currency: Currency, pieces: &mut Vec<Piece>) {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if whole > 0 || rest == 0 {
        measured(whole, pieces);
        pieces.push(match currency {
            Currency::Yuan => "u_yuan",
            Currency::Dollar => "u_dollar",
            Currency::Euro => "u_euro",
        });
    }
    if currency != Currency::Yuan {
        if rest > 0 {
            measured(rest, pieces);
            pieces.push("u_cent");
        }
        return;
    }
    let (jiao, fen) = (rest / 10, rest % 10);
    if jiao > 0 {
        pieces.extend([digit(jiao), "u_jiao"]);
    } else if whole > 0 && fen > 0 {
        pieces.push("d0");
    }
    if fen > 0 {
        pieces.extend([digit(fen), "u_fen"]);
    }
}

fn date(date: &Date, pieces: &mut Vec<Piece>) {
    by_digits(u64::from(date.year().unsigned_abs()), pieces);
    pieces.push("year");
    number(u64::from(date.month().unsigned_abs()), pieces);
    pieces.push("month");
    number(u64::from(date.day().unsigned_abs()), pieces);
    pieces.push("day");
}

fn time(time: &Time, pieces: &mut Vec<Piece>) {
    number(u64::from(time.hour().unsigned_abs()), pieces);
    pieces.push("hour");
    let minute = u64::from(time.minute().unsigned_abs());
    if minute > 0 {
        if minute < 10 {
            pieces.push("d0");
        }
        number(minute, pieces);
        pieces.push("minute");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Digits, Language, Say};
    use super::*;

    /// The pieces written as a reader would write them.
    fn spoken(what: Spoken) -> String {
        let pieces = Say { language: Language::Mandarin, what }.pieces();
        let character = |piece: Piece| match piece {
            "d0" => "零",
            "d1" => "一",
            "d2" => "二",
            "d3" => "三",
            "d4" => "四",
            "d5" => "五",
            "d6" => "六",
            "d7" => "七",
            "d8" => "八",
            "d9" => "九",
            "d10" => "十",
            "d100" => "百",
            "d1000" => "千",
            "d10000" => "万",
            "d100000000" => "亿",
            "liang" => "两",
            "yao" => "幺",
            "minus" => "负",
            "u_yuan" => "元",
            "u_jiao" => "角",
            "u_fen" => "分",
            "u_dollar" => "美元",
            "u_cent" => "美分",
            "year" => "年",
            "month" => "月",
            "day" => "日",
            "hour" => "时",
            "minute" => "分",
            "plus" => "加",
            other => panic!("a piece without a reading: {other}"),
        };
        pieces.into_iter().map(character).collect()
    }

    #[test]
    fn numbers() {
        for (value, text) in [
            (0, "零"),
            (2, "二"),
            (10, "十"),
            (12, "十二"),
            (20, "二十"),
            (99, "九十九"),
            (100, "一百"),
            (101, "一百零一"),
            (110, "一百一十"),
            (112, "一百一十二"),
            (200, "两百"),
            (222, "两百二十二"),
            (1_001, "一千零一"),
            (1_010, "一千零一十"),
            (1_100, "一千一百"),
            (2_002, "两千零二"),
            (10_000, "一万"),
            (10_500, "一万零五百"),
            (15_000, "一万五千"),
            (20_000, "两万"),
            (22_222, "两万二千二百二十二"),
            (100_010, "十万零一十"),
            (101_000, "十万一千"),
            (110_000, "十一万"),
            (1_000_001, "一百万零一"),
            (120_000_000, "一亿二千万"),
            (100_001_000, "一亿零一千"),
            (1_200_000_000_000, "一万二千亿"),
            (-5, "负五"),
        ] {
            assert_eq!(spoken(Spoken::Number(value)), text, "{value}");
        }
    }

    #[test]
    fn money_dates_times_and_digits() {
        use Currency::{Dollar, Yuan};
        for (what, text) in [
            (Spoken::Money(0, Yuan), "零元"),
            (Spoken::Money(1_234, Yuan), "十二元三角四分"),
            (Spoken::Money(1_204, Yuan), "十二元零四分"),
            (Spoken::Money(1_230, Yuan), "十二元三角"),
            (Spoken::Money(50, Yuan), "五角"),
            (Spoken::Money(5, Yuan), "五分"),
            (Spoken::Money(200, Yuan), "两元"),
            (Spoken::Money(10_050_000, Yuan), "十万零五百元"),
            (Spoken::Money(-100, Yuan), "负一元"),
            (Spoken::Money(1_299, Dollar), "十二美元九十九美分"),
            (Spoken::Date(Date::constant(2026, 11, 22)), "二零二六年十一月二十二日"),
            (Spoken::Date(Date::constant(1999, 1, 10)), "一九九九年一月十日"),
            (Spoken::Time(Time::constant(14, 0, 0, 0)), "十四时"),
            (Spoken::Time(Time::constant(2, 5, 0, 0)), "二时零五分"),
            (Spoken::Time(Time::constant(0, 30, 0, 0)), "零时三十分"),
            (Spoken::Digits(Digits::new("13810000110")), "幺三八幺零零零零幺幺零"),
            (Spoken::Digits(Digits::new("+86")), "加八六"),
        ] {
            assert_eq!(spoken(what), text, "{what:?}");
        }
    }
}
