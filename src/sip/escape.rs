//! `%` escapes of URIs (RFC 3261 §19.1.2).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::refusal::Malformed;

/// Whether behind every `%` stand two hexadecimal digits.
pub(super) fn escapes_are_whole(text: &str) -> Result<(), Malformed> {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'%', bytes) {
        if !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return Err(Malformed("broken % escape"));
        }
    }
    Ok(())
}

/// The octets that `text` stands for.
pub(super) fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&c, rest)) = bytes.split_first() {
        let hex = rest
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (c, hex) {
            (b'%', Some(octet)) => {
                out.push(octet);
                bytes = rest.get(2..).unwrap_or(&[]);
            }
            _ => {
                out.push(c);
                bytes = rest;
            }
        }
    }
    Cow::Owned(out)
}

/// `text` with its `%` escapes decoded; octets that then are not UTF-8 become U+FFFD.
pub fn unescape(text: &str) -> Cow<'_, str> {
    match decode(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// `text` fit for the user part of a URI: what may not stand there is `%`-escaped (RFC 3261 §19.1.2).
pub fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.bytes() {
        if c.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&c) {
            out.push(char::from(c));
        } else {
            let _ = write!(out, "%{c:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once_and_made_where_needed() {
        for (escaped, clear) in [
            ("a%20b", "a b"),
            ("%2541", "%41"),
            ("%E5%BC%A0", "张"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(unescape(escaped), clear);
        }
        assert_eq!(escape_user("a b%@张;x"), "a%20b%25%40%E5%BC%A0;x");
        assert!(escapes_are_whole("%00a%fF").is_ok());
        for broken in ["%", "a%4", "%%41", "%g0"] {
            assert!(escapes_are_whole(broken).is_err(), "{broken}");
        }
    }
}
