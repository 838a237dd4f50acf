//! Octets as lower-case hexadecimal text.

/// `octets` as text, two digits each.
pub fn hex(octets: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half });
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        text.push(digit(octet >> 4));
        text.push(digit(octet & 15));
    }
    text
}

/// The N octets that `text` spells, in either case; `None` when it does not spell exactly so many.
pub fn unhex<const N: usize>(text: impl AsRef<[u8]>) -> Option<[u8; N]> {
    let (text, mut out) = (text.as_ref(), [0; N]);
    if text.len() != 2 * N {
        return None;
    }
    for (octet, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
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
        assert_eq!(hex(&[0, 0xab, 255, 0x9a]), "00abff9a");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex::<256>(hex(&all)).as_ref().map(|all| &all[..]), Some(&all[..]));
        assert_eq!(unhex("00ABff"), Some([0, 0xab, 255]));
        for text in ["", "0", "00ab", "00abfg", "00abff0", "零零零"] {
            assert_eq!(unhex::<3>(text), None, "{text}");
        }
    }
}
