//! Octets as lower-case hexadecimal text.

use std::fmt::Write;

/// `bytes` as text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// The N octets that `text` spells, in either case; `None` when it does not spell exactly so many.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let mut out = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (octet, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        *octet = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_survive_their_text() {
        assert_eq!(hex(&[0, 0xab, 255]), "00abff");
        assert_eq!(unhex("00ABff"), Some([0, 0xab, 255]));
        for text in ["", "0", "00ab", "00abfg", "00abff0", "零零零"] {
            assert_eq!(unhex::<3>(text), None, "{text}");
        }
    }
}
