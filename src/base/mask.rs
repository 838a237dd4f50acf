//! Personal data that prints masked. The value itself is reached only by name, through [`Masked::reveal`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::bounds;

/// A phone number or user name: `Debug` and `Display` show `138****5678`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Masked(Arc<str>);

impl Masked {
    /// Takes `value` into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Masked(value.into().into())
    }

    /// As [`Masked::reveal`], for whoever keeps it: nothing is copied.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// As it is shown: masked, unless it is short enough to name a desk.
    pub fn shown(&self) -> Cow<'_, str> {
        match is_plain(&self.0) {
            true => Cow::Borrowed(&self.0),
            false => Cow::Owned(mask_digits(&self.0)),
        }
    }

    /// The value unmasked: only for signalling, lookups and sealed stores.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Characters up to which a number is an extension or a service number.
const EXTENSION_CHARS: usize = 6;

/// Whether `value` is short enough to name a desk and holds nothing that a line of the log must not: then it is shown as it is.
fn is_plain(value: &str) -> bool {
    value.len() <= EXTENSION_CHARS && value.bytes().all(|c| c.is_ascii_graphic() || c == b' ')
}

/// Masks a number for people who need not know it: `13812345678` → `138****5678` (requirement F9).
///
/// Eleven and more characters keep three in front and four behind; seven to ten keep two and two.
/// Up to six (extensions, service numbers) identify a desk, not a person, and stay as they are.
pub fn mask_digits(value: &str) -> String {
    // A number is written by whoever dials: it must not forge a line of the log, nor fill it.
    let chars: Vec<char> = super::presentable(value, bounds::DIALLED).chars().collect();
    let (front, behind) = match chars.len() {
        0..=EXTENSION_CHARS => return chars.into_iter().collect(),
        7..=10 => (2, 2),
        _ => (3, 4),
    };
    let hidden = if chars.len() == 11 { 4 } else { chars.len() - front - behind };
    chars[..front]
        .iter()
        .copied()
        .chain(std::iter::repeat_n('*', hidden))
        .chain(chars[chars.len() - behind..].iter().copied())
        .collect()
}

/// `text` with every number of five digits and more in it masked as [`mask_digits`] does: for sentences of a peer.
pub fn mask_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        masked.push_str(before);
        if number.len() < 5 {
            masked.push_str(number)
        } else {
            masked.push_str(&mask_digits(number))
        }
        rest = after;
    }
    masked + rest
}

/// Masks a person's name: the family name's first character stays, and a title behind it: `张三丰先生` → `张**先生`
/// (requirement M1).
pub fn mask_name(name: &str) -> String {
    const TITLES: [&str; 8] = ["先生", "女士", "小姐", "老师", "医生", "经理", "师傅", "同学"];
    let name = super::presentable(name, bounds::DIALLED);
    let title = TITLES.into_iter().find(|title| name.ends_with(title)).unwrap_or("");
    let own = name.strip_suffix(title).unwrap_or(&name);
    let Some(first) = own.chars().next() else { return title.to_string() };
    let hidden = own.chars().count().saturating_sub(1).min(2);
    format!("{first}{}{title}", "*".repeat(hidden))
}

/// Masks an identity card: `110105199001011234` → `110105****1234` (requirement M1).
pub fn mask_id_card(card: &str) -> String {
    ends_of(card, 6)
}

/// Masks a bank card: `6225880000001234` → `6225****1234`.
pub fn mask_card(card: &str) -> String {
    ends_of(card, 4)
}

/// The first `front` and the last four characters; all hidden when that would leave fewer than four hidden.
fn ends_of(value: &str, front: usize) -> String {
    let chars: Vec<char> = super::presentable(value, bounds::DIALLED).chars().collect();
    let (Some(head), Some(tail)) =
        (chars.get(..front), chars.len().checked_sub(4).and_then(|at| chars.get(at..)))
    else {
        return "*".repeat(chars.len());
    };
    if chars.len() < front + 8 {
        return "*".repeat(chars.len());
    }
    head.iter().copied().chain(['*'; 4]).chain(tail.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_as_the_requirement_writes_them() {
        for (clear, masked) in [
            ("13812345678", "138****5678"),
            ("+8613812345678", "+86*******5678"),
            ("95599", "95599"),
            ("1001", "1001"),
            ("62581234", "62****34"),
            ("8\r\n01", "801"),
        ] {
            assert_eq!(mask_digits(clear), masked);
            assert_eq!(format!("{0} {0:?}", Masked::new(clear)), format!("{masked} {masked}"));
        }
    }

    #[test]
    fn names_and_cards_are_masked_as_the_requirement_writes_them() {
        for (clear, masked) in [("张三丰", "张**"), ("张三丰先生", "张**先生"), ("李四", "李*"), ("", "")]
        {
            assert_eq!(mask_name(clear), masked);
        }
        assert_eq!(mask_id_card("110105199001011234"), "110105****1234");
        assert_eq!(mask_id_card("1101051990"), "**********");
        assert_eq!(mask_card("6225880000001234"), "6225****1234");
        assert_eq!(mask_card("62258800"), "********");
    }

    #[test]
    fn numbers_within_a_sentence_are_masked() {
        assert_eq!(
            mask_numbers("cause 486: 13800138000 is busy"),
            format!("cause 486: {} is busy", mask_digits("13800138000"))
        );
        assert_eq!(mask_numbers("nothing"), "nothing");
        assert!(!mask_numbers("to 1234567").contains("1234567"));
    }
}
