//! Characters and cuts: the token and URI alphabets (RFC 3261 §25.1) and searches that respect quotes and angle brackets.

use std::borrow::Cow;

/// Character classes, one bit each.
const TOKEN: u8 = 1;
const USER: u8 = 2;
const PARAM: u8 = 4;

const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let c = i as u8;
        if c.is_ascii_alphanumeric() {
            table[i] = TOKEN | USER | PARAM;
        }
        i += 1;
    }
    set(set(set(table, b"-.!%*_+`'~", TOKEN), b"-_.!~*'()&=+$,;?/%#", USER), b"-_.!~*'()[]/:&+$%`", PARAM)
};

const fn set(mut table: [u8; 256], of: &[u8], bit: u8) -> [u8; 256] {
    let mut i = 0;
    while i < of.len() {
        table[of[i] as usize] |= bit;
        i += 1;
    }
    table
}

const fn is(class: u8, c: u8) -> bool {
    CLASS[c as usize] & class != 0
}

/// Whether `bytes` is a token: at least one of the letters, digits and ``-.!%*_+`'~``.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&c| is(TOKEN, c))
}

/// `bytes` as text when it is a token.
pub(super) fn token_str(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { std::str::from_utf8(bytes).ok() } else { None }
}

/// Whether `c` may stand in the user part of a SIP URI. `#` is taken too: star-code dialling sends it unescaped.
pub(super) const fn is_user(c: u8) -> bool {
    is(USER, c) || c >= 0x80
}

/// Whether `c` may stand in a URI parameter or header.
pub(super) const fn is_param(c: u8) -> bool {
    is(PARAM, c) || c >= 0x80
}

/// Whether `c` is linear white space. Folded lines reach this layer with their CRLF replaced by spaces.
pub(super) const fn is_lws(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space at both ends.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// `text` without white space at both ends.
pub(super) fn trim_str(text: &str) -> &str {
    let lead = text.bytes().take_while(|&c| is_lws(c)).count();
    let tail = text.bytes().rev().take_while(|&c| is_lws(c)).count();
    text.get(lead..text.len().saturating_sub(tail)).unwrap_or("")
}

/// What stands before and behind the first `at`, an ASCII character. As `str::split_once`, quicker on short text.
pub(super) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let found = text.bytes().position(|c| c == at)?;
    Some((text.get(..found)?, text.get(found + 1..)?))
}

/// How many octets in front of `bytes` are of a token.
pub(super) fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&c| is(TOKEN, c)).count()
}

/// Where the quoted string that begins at `bytes[0] == '"'` ends: the index behind its closing quote.
pub(super) fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(found)? {
            b'"' => return Some(found + 1),
            _ => at = found + 2,
        }
    }
}

/// The first `a` or `b` outside quoted strings. An open quote reaches to the end.
pub(super) fn find_unquoted(bytes: &[u8], a: u8, b: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(a, b, b'"', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => at += quoted_end(bytes.get(at..)?)?,
            _ => return Some(at),
        }
    }
}

/// The first `wanted` outside quoted strings and `<…>`. An open quote or bracket reaches to the end.
pub(super) fn find_outside(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(wanted, b'<', b'"', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => at += quoted_end(bytes.get(at..)?)?,
            b'<' => at += memchr::memchr(b'>', bytes.get(at..)?)? + 1,
            _ => return Some(at),
        }
    }
}

/// The parts of a comma-separated list, trimmed; commas in quotes and angle brackets do not separate. Empty parts are yielded.
#[derive(Clone, Debug)]
pub(super) struct Commas<'a>(Option<&'a [u8]>);

impl<'a> Commas<'a> {
    pub(super) fn new(value: &'a [u8]) -> Commas<'a> {
        Commas(Some(value))
    }
}

impl<'a> Iterator for Commas<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        let cut = find_outside(rest, b',');
        self.0 = cut.and_then(|at| rest.get(at + 1..));
        Some(trim(cut.and_then(|at| rest.get(..at)).unwrap_or(rest)))
    }
}

/// A decimal number of ASCII digits only (no sign). `None` when empty, not digits, or above `u64`.
pub(super) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, c| {
        c.is_ascii_digit().then_some(())?;
        sum.checked_mul(10)?.checked_add(u64::from(c - b'0'))
    })
}

/// Whether `bytes` is digits only, at least one.
pub(super) fn is_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// What a quoted string says: `text` (with or without its quotes) with every `\x` turned to `x` (RFC 3261 §25.1, `quoted-pair`).
pub fn unquote(text: &str) -> Cow<'_, str> {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// `text` as a quoted string, its quotes and backslashes escaped. CR and LF become spaces.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\r' | '\n' | '\0' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let parts = |s: &'static str| {
            Commas::new(s.as_bytes()).map(|p| std::str::from_utf8(p).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(parts(r#""a,\"b," <sip:a,b@c>;x="1,2" , d"#), [r#""a,\"b," <sip:a,b@c>;x="1,2""#, "d"]);
        assert_eq!(parts(r#""a<b" <sip:x>, y"#), [r#""a<b" <sip:x>"#, "y"]);
        assert_eq!(parts("a,,b,"), ["a", "", "b", ""]);
        assert_eq!(parts("\"open, b"), ["\"open, b"]);
        assert_eq!(parts("<open, b"), ["<open, b"]);
        assert_eq!(parts(""), [""]);
    }

    #[test]
    fn a_quoted_string_survives_quoting_and_unquoting() {
        for text in ["", "plain", r#"a "b" \c\"#, "销售部"] {
            assert_eq!(unquote(&quote(text)), text);
        }
        assert_eq!(quote("a\r\nX: y"), "\"a  X: y\"");
        assert_eq!(unquote(r#""open\"#), "\"open");
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        for (text, value) in [
            ("0", Some(0)),
            ("0009", Some(9)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("1 ", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), value, "{text}");
        }
    }
}
