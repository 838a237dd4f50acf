//! Personal data that prints masked. The value itself is reached only by name, through [`Masked::reveal`].

use std::fmt;

/// A phone number or user name: `Debug` and `Display` show `138****5678`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Masked(String);

impl Masked {
    /// Takes `value` into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Masked(value.into())
    }

    /// The value unmasked: only for signalling, lookups and sealed stores.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_digits(&self.0))
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Masks a number for people who need not know it: `13812345678` → `138****5678` (requirement F9).
///
/// Eleven and more characters keep three in front and four behind; seven to ten keep two and two.
/// Up to six (extensions, service numbers) identify a desk, not a person, and stay as they are.
pub fn mask_digits(value: &str) -> String {
    let chars: Vec<char> = value.chars().collect();
    let (front, behind) = match chars.len() {
        0..=6 => return value.to_string(),
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
        ] {
            assert_eq!(mask_digits(clear), masked);
            assert_eq!(format!("{0} {0:?}", Masked::new(clear)), format!("{masked} {masked}"));
        }
    }
}
