//! Values of a running plan, and how each is shown to people: personal data masked, secrets not at all.
//!
//! Invariant: nothing that a person, a log or a screen sees is made of a value but through [`shown`](Value::shown).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use crate::base::{Masked, Secret, mask_card, mask_digits, mask_id_card, mask_name};
use crate::compliance::personal::masked_people;

/// A value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Texts, digits, phone numbers, names: what it is, the plan's types know.
    Text(Masked),
    /// An integer.
    Int(i64),
    /// A length of time.
    Duration(Duration),
    /// True or false.
    Bool(bool),
    /// An amount of money.
    Money(Money),
    /// Thousandths of a percent: 3.65 % is 3 650.
    Percent(i64),
    /// A day.
    Date(Date),
    /// A word of an enumeration.
    Word(Arc<str>),
    /// What only an outside system understands: a token, a key of its own. Never shown.
    Opaque(Masked),
    /// Digits that nobody may see.
    Secret(Pin),
    /// The fields of a lookup's answer, in the order of its declaration.
    Record(Arc<[Value]>),
}

/// An amount of money in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Of which currency.
    pub currency: Currency,
    /// Hundredths of its unit.
    pub hundredths: i64,
}

/// A currency that can be written and spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// `元`, `CNY`
    Yuan,
    /// `USD`
    Dollar,
    /// `EUR`
    Euro,
}

impl Currency {
    /// From the sign behind the number.
    pub fn of(sign: &str) -> Option<Currency> {
        Some(match sign {
            "元" | "CNY" => Currency::Yuan,
            "USD" => Currency::Dollar,
            "EUR" => Currency::Euro,
            _ => return None,
        })
    }

    /// The sign as it is written behind the number.
    pub const fn sign(self) -> &'static str {
        match self {
            Currency::Yuan => "元",
            Currency::Dollar => "USD",
            Currency::Euro => "EUR",
        }
    }
}

/// Digits that nobody may see: no `Display`, a `Debug` that shows nothing, wiped when the last holder lets go.
#[derive(Clone)]
pub struct Pin(Arc<Secret<String>>);

impl Pin {
    /// Takes digits into custody.
    pub fn new(digits: String) -> Pin {
        Pin(Arc::new(Secret::new(digits)))
    }

    /// Lends the digits to the one lookup that accepts secrets.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// How many digits there are.
    pub fn count(&self) -> usize {
        self.0.expose().chars().count()
    }
}

impl PartialEq for Pin {
    /// Two secrets are never compared: the same one is itself.
    fn eq(&self, other: &Pin) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl Default for Value {
    fn default() -> Value {
        Value::Text(Masked::default())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(Shown::Text))
    }
}

/// As what a value is shown, by its type: which mask it wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// What is or may be a telephone number, an identity card or a bank card in it is masked; other numbers are what they are.
    Text,
    /// One number: `138****5678`.
    Number,
    /// A person's name: `张**`.
    Name,
    /// An identity card: `110105****1234`.
    IdCard,
    /// A bank card: `6225****1234`.
    Card,
}

impl Value {
    /// The value for people: numbers, names and cards masked, secrets and tokens as dots.
    pub fn shown(&self, kind: Shown) -> String {
        match self {
            Value::Text(text) => match kind {
                Shown::Text => masked_people(text.reveal()),
                Shown::Number => mask_digits(text.reveal()),
                Shown::Name => mask_name(text.reveal()),
                Shown::IdCard => mask_id_card(text.reveal()),
                Shown::Card => mask_card(text.reveal()),
            },
            Value::Int(number) => number.to_string(),
            Value::Duration(time) => match time.subsec_millis() {
                0 => format!("{}s", time.as_secs()),
                _ => format!("{}ms", time.as_millis()),
            },
            Value::Bool(truth) => truth.to_string(),
            Value::Money(money) => money.to_string(),
            Value::Percent(thousandths) => percent(*thousandths),
            Value::Date(date) => date.to_string(),
            Value::Word(word) => word.to_string(),
            Value::Opaque(_) | Value::Secret(_) => "••••".to_string(),
            Value::Record(_) => "{…}".to_string(),
        }
    }

    /// The value unmasked, as an outside system takes it or a number is dialled; a secret is never part of a text.
    pub(crate) fn clear(&self) -> String {
        match self {
            Value::Text(text) | Value::Opaque(text) => text.reveal().to_string(),
            Value::Secret(_) => String::new(),
            other => other.shown(Shown::Text),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, amount) = (if self.hundredths < 0 { "-" } else { "" }, self.hundredths.unsigned_abs());
        write!(f, "{sign}{}.{:02}{}", amount / 100, amount % 100, self.currency.sign())
    }
}

/// `3.65%`
fn percent(thousandths: i64) -> String {
    let (sign, all) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
    let text = format!("{sign}{}.{:03}", all / 1_000, all % 1_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A decimal number as an integer with `places` decimals; `None` when it does not fit or has more.
pub(crate) fn fixed(text: &str, places: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > places || whole.len() > 15 {
        return None;
    }
    let digits = format!("{whole}{part:0<places$}");
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_their_types_say() {
        let text = |text: &str| Value::Text(Masked::new(text));
        for (value, kind, shown) in [
            (text("13812345678"), Shown::Number, "138****5678"),
            (text("请打13812345678"), Shown::Text, "请打138****5678"),
            (text("订单20261008001234"), Shown::Text, "订单20261008001234"),
            (text("张三丰"), Shown::Name, "张**"),
            (text("110105199001011234"), Shown::IdCard, "110105****1234"),
            (text("6225880000001234"), Shown::Card, "6225****1234"),
            (Value::Secret(Pin::new("135790".to_string())), Shown::Text, "••••"),
            (Value::Opaque(Masked::new("abc")), Shown::Text, "••••"),
            (Value::Money(Money { currency: Currency::Yuan, hundredths: 9_950 }), Shown::Text, "99.50元"),
            (Value::Percent(3_650), Shown::Text, "3.65%"),
            (Value::Percent(50_000), Shown::Text, "50%"),
            (Value::Duration(Duration::from_millis(800)), Shown::Text, "800ms"),
        ] {
            assert_eq!(value.shown(kind), shown);
        }
        assert_eq!(format!("{:?}", Value::Secret(Pin::new("135790".into()))), "••••");
    }

    #[test]
    fn decimals_are_exact() {
        for (text, places, want) in
            [("3.65", 3, Some(3_650)), ("100", 2, Some(10_000)), ("0.5", 2, Some(50)), ("1.234", 2, None)]
        {
            assert_eq!(fixed(text, places), want, "{text}");
        }
    }
}
