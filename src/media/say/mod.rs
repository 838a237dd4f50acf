//! Spoken values: numbers, digits, money, dates and times as sequences of recorded pieces, by each language's rules.
//!
//! Pure rules; which pieces exist is the prompt set's business, and a set that lacks one may still have what stands in for it
//! ([`stand_in`]). Invariant: any value of any language is at most [`bounds::SOUNDS`](crate::base::bounds::SOUNDS) pieces.

mod english;
mod mandarin;

use jiff::civil::{Date, Time};

/// Name of a recorded piece: its file name without `.wav`.
pub type Piece = &'static str;

/// A language with rules for speaking values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Language {
    /// `zh`
    Mandarin,
    /// `en`
    English,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::Mandarin, Language::English];

    /// Its code (ISO 639-1): the name of its prompts' folder.
    pub fn code(self) -> &'static str {
        match self {
            Language::Mandarin => "zh",
            Language::English => "en",
        }
    }
}

/// Money that can be spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Currency {
    /// CNY
    Yuan,
    /// USD
    Dollar,
    /// EUR
    Euro,
}

/// At most 32 characters that are spoken one by one: `0-9`, `+`, `*`, `#`; others are left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits {
    octets: [u8; 32],
    len: u8,
}

impl Digits {
    /// Keeps the first 32 of `text` that can be spoken.
    pub fn new(text: &str) -> Digits {
        let (mut octets, mut len) = ([0; 32], 0);
        let spoken = text.bytes().filter(|octet| matches!(octet, b'0'..=b'9' | b'+' | b'*' | b'#'));
        for (place, octet) in octets.iter_mut().zip(spoken) {
            *place = octet;
            len += 1;
        }
        Digits { octets, len }
    }

    fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.octets.iter().take(usize::from(self.len)).copied()
    }
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // They may be somebody's number.
        write!(f, "Digits({} of them)", self.len)
    }
}

/// What is to be spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// A count: 105 is "one hundred five", 一百零五.
    Number(i64),
    /// One by one: 105 is "one oh five" without any rule, 幺零五.
    Digits(Digits),
    /// An amount in hundredths of its unit.
    Money(i64, Currency),
    /// A day of a year.
    Date(Date),
    /// Hour and minute.
    Time(Time),
}

/// A value and the language to speak it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Say {
    /// By whose rules.
    pub language: Language,
    /// What.
    pub what: Spoken,
}

impl Say {
    /// The pieces, in the order in which they are spoken.
    pub fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        match self.language {
            Language::Mandarin => mandarin::say(&self.what, &mut pieces),
            Language::English => english::say(&self.what, &mut pieces),
        }
        pieces
    }
}

/// What a set that lacks a piece may use in its place.
pub fn stand_in(piece: Piece) -> Option<Piece> {
    Some(match piece {
        // 幺, 一 in a row of digits; 两, 二 before a measure.
        "yao" => "d1",
        "liang" => "d2",
        "oh" => "d0",
        "u_dollars" => "u_dollar",
        "u_euros" => "u_euro",
        "u_cents" => "u_cent",
        _ => return None,
    })
}

/// The piece of a single digit.
fn digit(value: u64) -> Piece {
    const DIGITS: [Piece; 10] = ["d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9"];
    DIGITS.get(value as usize).copied().unwrap_or("d0")
}

/// The pieces of digits that are spoken one by one; `one` is how this language says 1 there.
fn row(digits: impl Iterator<Item = u8>, one: Piece, pieces: &mut Vec<Piece>) {
    pieces.extend(digits.map(|octet| match octet {
        b'1' => one,
        b'+' => "plus",
        b'*' => "star",
        b'#' => "hash",
        other => digit(u64::from(other.wrapping_sub(b'0'))),
    }));
}

/// A number that is too large for its name is spoken digit by digit.
fn by_digits(value: u64, pieces: &mut Vec<Piece>) {
    row(value.to_string().bytes(), "d1", pieces);
}

/// Says `minus` if need be; the amount without its sign.
fn unsigned(value: i64, pieces: &mut Vec<Piece>) -> u64 {
    if value < 0 {
        pieces.push("minus");
    }
    value.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bounds;

    #[test]
    fn nothing_is_longer_than_a_play_may_be() {
        for language in Language::ALL {
            for what in [
                Spoken::Number(i64::MIN),
                Spoken::Number(-9_777_777_777_777_777),
                Spoken::Number(777_777_777_777_777),
                Spoken::Digits(Digits::new(&"1234567890".repeat(9))),
                Spoken::Money(i64::MIN, Currency::Dollar),
                Spoken::Date(Date::constant(1777, 12, 27)),
                Spoken::Time(Time::constant(23, 57, 0, 0)),
            ] {
                let pieces = Say { language, what }.pieces();
                assert!((1..=bounds::SOUNDS).contains(&pieces.len()), "{what:?}: {pieces:?}");
            }
        }
    }

    #[test]
    fn digits_keep_what_can_be_spoken_and_print_nothing() {
        let digits = Digits::new("+86 (138) 0*#x");
        assert_eq!(digits.iter().map(char::from).collect::<String>(), "+861380*#");
        assert_eq!(format!("{digits:?}"), "Digits(9 of them)");
    }
}
