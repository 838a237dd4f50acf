//! Under what a recording is found: numbers and names in one form, blinded.
//!
//! Invariant: a term leaves this room only as HMAC under the index's key; who has the disk cannot tell whose it
//! is, nor try all numbers without the key.

use crate::base::Secret;
use crate::compliance::role::Mark;

use super::suite::Suite;

/// A blinded term: the first 16 octets of its HMAC. Two terms of ten million collide with a chance of 10⁻²⁵.
pub type Blind = [u8; 16];

/// Blinds terms: HMAC, of the suite, under the index's blinding key.
#[derive(Debug, Clone)]
pub struct Blinder {
    suite: Suite,
    key: Secret<[u8; 32]>,
    country_code: String,
}

impl Blinder {
    /// With the key of [`Label::IndexBlinding`](super::Label::IndexBlinding) and the country code (`86`) of numbers that
    /// are written without one.
    pub fn new(suite: Suite, key: Secret<[u8; 32]>, country_code: &str) -> Blinder {
        Blinder { suite, key, country_code: country_code.to_string() }
    }

    /// The term of a phone number; `None` when `text` is not one.
    pub fn number(&self, text: &str) -> Option<Blind> {
        number(text, &self.country_code).map(|number| self.blind(b'n', &number))
    }

    /// The term of a user or display name; `None` when nothing is left of it.
    pub fn name(&self, text: &str) -> Option<Blind> {
        let name = name(text);
        (!name.is_empty()).then(|| self.blind(b'u', &name))
    }

    /// The terms of a text that may be either: a SIP address's user part, a caller as signalled.
    pub fn either(&self, text: &str) -> impl Iterator<Item = Blind> {
        self.number(text).into_iter().chain(self.name(text))
    }

    /// The term of the last four digits of a phone number; `None` for extensions and what is no number.
    pub fn tail(&self, text: &str) -> Option<Blind> {
        let number = number(text, &self.country_code).filter(|number| number.len() >= 7)?;
        let digits: Vec<char> = number.chars().rev().take(4).collect();
        Some(self.blind(b'4', &digits.into_iter().rev().collect::<String>()))
    }

    /// The term that [`Blinder::tail`] gives numbers that end in these four digits; `None` when they are not four.
    pub fn four(&self, text: &str) -> Option<Blind> {
        let digits: String = text.trim().chars().map(half_width).collect();
        let four = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
        four.then(|| self.blind(b'4', &digits))
    }

    /// The term of a queue or route.
    pub fn queue(&self, queue: &str) -> Blind {
        self.blind(b'q', queue)
    }

    /// The term of a tag with its value.
    pub fn tag(&self, name: &str, value: &str) -> Blind {
        self.blind(b't', &format!("{name}={value}"))
    }

    /// The term that every recording within a scope of this `mark` carries.
    pub fn mark(&self, mark: &Mark) -> Option<Blind> {
        match mark {
            Mark::Queue(queue) => Some(self.queue(queue)),
            Mark::Tag(name, value) => Some(self.tag(name, value)),
            Mark::Party(account) => self.name(account),
        }
    }

    fn blind(&self, kind: u8, term: &str) -> Blind {
        let mac = self.suite.mac(self.key.expose(), &[&[kind], term.as_bytes()]);
        super::header::part(&mac, 0)
    }
}

/// One form for every writing of a phone number.
///
/// National numbers lose country code and trunk zero (`+86 138…`, `0086 138…`, `0138…` → `138…`; `010-6…` → `106…`);
/// others keep `+` and their country code. Extensions and service numbers stay. `None` when `text` holds anything but
/// digits and the marks people put between them.
pub fn number(text: &str, country_code: &str) -> Option<String> {
    let mut digits = String::with_capacity(text.len());
    let mut international = false;
    for character in user_part(text).chars().map(half_width) {
        match character {
            '0'..='9' | '*' | '#' => digits.push(character),
            '+' if digits.is_empty() && !international => international = true,
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{3000}' | '\u{2010}'..='\u{2015}' => {}
            _ => return None,
        }
    }
    if digits.is_empty() {
        return None;
    }
    if !international && let Some(rest) = digits.strip_prefix("00").filter(|rest| rest.len() >= 8) {
        digits = rest.to_string();
        international = true;
    }
    let national = digits.strip_prefix(country_code).filter(|_| !country_code.is_empty());
    match national {
        Some(rest) if international => return Some(without_trunk_zero(rest).to_string()),
        // `8613812345678` without a mark: longer than any national number with this beginning.
        Some(rest) if rest.len() >= 11 && !rest.starts_with('0') => return Some(rest.to_string()),
        _ => {}
    }
    if international {
        return Some(format!("+{digits}"));
    }
    Some(without_trunk_zero(&digits).to_string())
}

/// One form for every writing of a name: narrow letters, lower case, no spaces.
pub fn name(text: &str) -> String {
    let narrow = text.chars().map(half_width).filter(|c| !c.is_whitespace() && !c.is_control());
    narrow.flat_map(char::to_lowercase).collect()
}

/// `sip:+8613812345678@example.com;user=phone` → `+8613812345678`.
fn user_part(text: &str) -> &str {
    let text = text.trim();
    let scheme = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| {
        text.split_at_checked(scheme.len()).filter(|(head, _)| head.eq_ignore_ascii_case(scheme))
    });
    let text = scheme.map_or(text, |(_, rest)| rest);
    let end = text.find(['@', ';']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Full-width forms (U+FF01–U+FF5E) to ASCII; the ideographic space to a space.
fn half_width(character: char) -> char {
    match u32::from(character) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(character),
        0x3000 => ' ',
        _ => character,
    }
}

/// National numbers of seven and more digits lose one leading zero; shorter ones are extensions.
fn without_trunk_zero(digits: &str) -> &str {
    digits.strip_prefix('0').filter(|rest| rest.len() >= 7).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SRCH-04.
    #[test]
    fn every_writing_of_a_number_is_one_number() {
        for (text, form) in [
            ("13812345678", "13812345678"),
            ("+8613812345678", "13812345678"),
            ("+86 138 1234 5678", "13812345678"),
            ("+86-138-1234-5678", "13812345678"),
            ("008613812345678", "13812345678"),
            ("8613812345678", "13812345678"),
            ("013812345678", "13812345678"),
            ("１３８１２３４５６７８", "13812345678"),
            ("＋８６　１３８ １２３４ ５６７８", "13812345678"),
            ("sip:+8613812345678@pbx.example;user=phone", "13812345678"),
            ("tel:+86-138-1234-5678", "13812345678"),
            ("(010) 6258-1234", "1062581234"),
            ("+86 10 6258 1234", "1062581234"),
            ("+86 (0)10 6258 1234", "1062581234"),
            ("+44 20 7946 0000", "+442079460000"),
            ("0044 20 7946 0000", "+442079460000"),
            ("1001", "1001"),
            ("0", "0"),
            ("0911", "0911"),
            ("95599", "95599"),
            ("*98#", "*98#"),
            ("86123456", "86123456"),
        ] {
            assert_eq!(number(text, "86").as_deref(), Some(form), "{text}");
        }
        for text in ["", " - ", "alice", "sip:alice@example.com", "138x1234", "1+2", "++86", "张三"] {
            assert_eq!(number(text, "86"), None, "{text}");
        }
    }

    #[test]
    fn the_last_four_digits_are_those_of_every_writing() {
        let blinder = Blinder::new(Suite::Intl, Secret::new([1; 32]), "86");
        for text in ["13812345678", "+86 138 1234 5678", "１３８１２３４５６７８"] {
            assert_eq!(blinder.tail(text), blinder.four("5678"), "{text}");
        }
        assert_eq!(blinder.four(" ５６７８ "), blinder.four("5678"));
        assert_eq!((blinder.tail("8001"), blinder.tail("alice")), (None, None));
        for text in ["", "567", "56789", "56a8"] {
            assert_eq!(blinder.four(text), None, "{text}");
        }
    }

    #[test]
    fn every_writing_of_a_name_is_one_name() {
        for (text, form) in
            [("Alice", "alice"), (" ＡＬＩＣＥ ", "alice"), ("张 三丰", "张三丰"), ("O\tNeill", "oneill")]
        {
            assert_eq!(name(text), form);
        }
    }

    #[test]
    fn terms_are_blind_and_depend_on_the_key_and_the_kind() {
        let (one, two) = (
            Blinder::new(Suite::Intl, Secret::new([1; 32]), "86"),
            Blinder::new(Suite::Intl, Secret::new([2; 32]), "86"),
        );
        assert_eq!(one.number("+8613812345678"), one.number("138 1234 5678"));
        assert_ne!(one.number("13812345678"), two.number("13812345678"));
        assert_ne!(one.number("1001"), one.name("1001"));
        assert_eq!(one.either("1001").count(), 2);
        assert_eq!(one.either("alice").count(), 1);
        assert_eq!(one.name("  "), None);
    }
}
