//! Parameters behind a semicolon: `;name=value;flag;quoted="a;b"` (RFC 3261 §25.1, `generic-param`).

use super::refusal::Malformed;
use super::scan::{self, find_unquoted, trim};
use crate::base::bounds;

/// The parameters of a header value or a URI, borrowed as written, white space round `;` and `=` allowed.
///
/// Names compare without regard to case. Where a name stands twice, the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a> {
    /// Without the leading semicolon.
    text: &'a str,
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// As written.
    pub name: &'a str,
    /// As written, a quoted string with its quotes; `None` for a flag.
    pub value: Option<&'a str>,
}

impl<'a> Param<'a> {
    /// The value without the quotes of a quoted string, its escapes untouched ([`super::unquote`] undoes them). A flag has `""`.
    pub fn bare(&self) -> &'a str {
        let value = self.value.unwrap_or("");
        value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
    }
}

impl<'a> Params<'a> {
    /// Reads what stands behind the first semicolon (`text` has none in front; empty means no parameters).
    ///
    /// # Errors
    /// [`Malformed`] for text that is not UTF-8, more than [`bounds::PARAMS`], an empty parameter (`;;`), a name that is no token, an open quote,
    /// or a value that is neither a token, a host nor a quoted string.
    pub fn parse(text: &'a [u8]) -> Result<Params<'a>, Malformed> {
        let text = std::str::from_utf8(text).map_err(|_| Malformed("parameter is not UTF-8"))?;
        let params = Params { text };
        for (count, param) in params.iter().enumerate() {
            if count == bounds::PARAMS {
                return Err(Malformed("too many parameters"));
            }
            well_formed(param)?;
        }
        Ok(params)
    }

    /// No parameters.
    pub const fn none() -> Params<'static> {
        Params { text: "" }
    }

    /// Takes text whose parameters the URI parser has checked.
    pub(super) const fn checked(text: &'a str) -> Params<'a> {
        Params { text }
    }

    /// The value of `name` without quotes; `""` for a flag; `None` when it is not there.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|p| p.bare())
    }

    /// The parameter `name` as written.
    pub fn find(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Whether `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// As written, without the leading semicolon.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + Clone + use<'a> {
        Iter((!self.text.is_empty()).then_some(self.text))
    }
}

/// What is left to be cut; `None` behind the last parameter.
#[derive(Clone)]
struct Iter<'a>(Option<&'a str>);

impl<'a> Iterator for Iter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let rest = self.0?;
        let bytes = rest.as_bytes();
        let (mut at, mut equals) = (0, None);
        let end = loop {
            let Some(found) = bytes.get(at..).and_then(|left| memchr::memchr3(b';', b'=', b'"', left)) else {
                break bytes.len();
            };
            at += found;
            match bytes.get(at) {
                Some(b'=') => {
                    equals = equals.or(Some(at));
                    at += 1;
                }
                Some(b'"') => at = bytes.get(at..).and_then(scan::quoted_end).map_or(bytes.len(), |n| at + n),
                _ => break at,
            }
        };
        self.0 = rest.get(end + 1..);
        let value = equals.and_then(|equals| rest.get(equals + 1..end)).map(scan::trim_str);
        Some(Param { name: scan::trim_str(rest.get(..equals.unwrap_or(end)).unwrap_or("")), value })
    }
}

fn well_formed(param: Param<'_>) -> Result<(), Malformed> {
    if param.name.is_empty() {
        return Err(Malformed("empty parameter"));
    }
    if !scan::is_token(param.name.as_bytes()) {
        return Err(Malformed("parameter name is not a token"));
    }
    let Some(value) = param.value.map(str::as_bytes) else { return Ok(()) };
    match value.first() {
        Some(b'"') if scan::quoted_end(value) == Some(value.len()) => Ok(()),
        Some(b'"') => Err(Malformed("quoted string is not closed")),
        // DEVIATES: RFC 3261 asks for a token or host; real peers also write `name=` and URIs, so only what could
        // be taken for another structure is refused.
        _ if value.iter().any(|&c| matches!(c, 0..=b' ' | b'"' | b'<' | b'>' | b',' | 0x7f)) => {
            Err(Malformed("parameter value has stray characters"))
        }
        _ => Ok(()),
    }
}

/// Splits `bytes` at its first semicolon outside quotes: what stands before it, trimmed, and its parameters.
pub(super) fn split_params(bytes: &[u8]) -> Result<(&[u8], Params<'_>), Malformed> {
    match find_unquoted(bytes, b';', b';') {
        None => Ok((trim(bytes), Params::none())),
        Some(at) => {
            let rest = bytes.get(at + 1..).unwrap_or(&[]);
            if trim(rest).is_empty() {
                return Err(Malformed("empty parameter"));
            }
            Ok((trim(bytes.get(..at).unwrap_or(&[])), Params::parse(rest)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_through_spaces_quotes_and_case() {
        let p = Params::parse(br#" Tag = x ;lr; +sip.instance="<urn:uuid:1;2>" ;a=[::1]"#).unwrap();
        assert_eq!(p.get("tag"), Some("x"));
        assert_eq!(p.get("LR"), Some(""));
        assert_eq!(p.get("+sip.instance"), Some("<urn:uuid:1;2>"));
        assert_eq!(p.find("+sip.instance").unwrap().value, Some("\"<urn:uuid:1;2>\""));
        assert_eq!(p.get("a"), Some("[::1]"));
        assert_eq!(p.get("b"), None);
        assert_eq!(p.iter().count(), 4);
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for bad in ["a;;b", ";a", "a;", "=x", "a b=c", "a=\"open", "a=\"x\"y", "a=b c", "a=b,c", "\u{e4}=x"] {
            assert!(Params::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Params::parse(b"a=\xff").is_err());
        assert!(Params::parse(b"").unwrap().is_empty());
    }
}
