//! Name-addresses: From, To, Contact, Route, Record-Route, Refer-To, P-Asserted-Identity … (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;
use std::fmt;

use super::param::{Params, split_params};
use super::refusal::Malformed;
use super::scan::{self, quote, trim};
use super::uri::Uri;
use super::uri_buf::UriBuf;

/// One `"display" <uri>;params`, borrowed.
#[derive(Clone, Copy)]
pub struct NameAddr<'a> {
    display: &'a [u8],
    uri: Uri<'a>,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one name-address that fills `value`. For lists, cut with [`super::Message::list`] first.
    ///
    /// Without angle brackets, everything behind the first `;` is a header parameter and a `?` or `,` is a fault (RFC 3261 §20.10).
    ///
    /// # Errors
    /// [`Malformed`]: open quote or bracket, stray text, broken URI or parameters.
    pub fn parse(value: &'a [u8]) -> Result<NameAddr<'a>, Malformed> {
        let value = trim(value);
        let display_end = match value.first() {
            Some(b'"') => scan::quoted_end(value).ok_or(Malformed("quoted string is not closed"))?,
            _ => 0,
        };
        let behind = value.get(display_end..).unwrap_or(&[]);
        match scan::find_unquoted(behind, b'<', b';') {
            Some(at) if behind.get(at) == Some(&b'<') => {
                let display = trim(value.get(..display_end + at).unwrap_or(&[]));
                bracketed(display, behind.get(at + 1..).unwrap_or(&[]))
            }
            _ if display_end > 0 => Err(Malformed("display name without an address")),
            _ => bare(value),
        }
    }

    /// The display name as it stands, with its quotes; any octets. Empty if there is none.
    pub const fn display_raw(&self) -> &'a [u8] {
        self.display
    }

    /// The display name unquoted; octets that are not UTF-8 are replaced. `None` when missing or empty.
    pub fn display(&self) -> Option<Cow<'a, str>> {
        let text = match String::from_utf8_lossy(self.display) {
            Cow::Borrowed(text) => scan::unquote(text),
            Cow::Owned(text) => Cow::Owned(scan::unquote(&text).into_owned()),
        };
        Some(text).filter(|t| !t.is_empty())
    }

    /// The address.
    pub const fn uri(&self) -> Uri<'a> {
        self.uri
    }

    /// The header's parameters (not the URI's).
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// The `q` of a contact in thousandths, `0..=1000`; 1000 when missing; `None` when it is no q value (RFC 3261 §25.1 `qvalue`).
    pub fn q_thousandths(&self) -> Option<u16> {
        self.params.get("q").map_or(Some(1_000), qvalue)
    }

    /// The `expires` parameter of a contact in seconds. Saturates at `u32::MAX`; `None` when missing or not a number
    /// (RFC 3261 §20.10 then treats it as 3600).
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(super::message::seconds)
    }
}

/// The tag of a From or To value, without a look at the rest of it.
pub(super) fn tag_of(value: &[u8]) -> Option<&str> {
    let at = scan::find_unquoted(value, b'<', b';')?;
    let behind = value.get(at..)?;
    let behind = match behind.first()? {
        b'<' => behind.get(memchr::memchr(b'>', behind)?..)?,
        _ => behind,
    };
    let params = behind.get(memchr::memchr(b';', behind)? + 1..)?;
    let params = Params::checked(std::str::from_utf8(params).ok()?);
    params.get("tag").filter(|tag| !tag.is_empty())
}

fn bracketed<'a>(display: &'a [u8], behind: &'a [u8]) -> Result<NameAddr<'a>, Malformed> {
    // DEVIATES: RFC 3261 asks for tokens in an unquoted display name; phones send dots, `@`, UTF-8 and GBK.
    if !display.starts_with(b"\"") && display.iter().any(|c| matches!(c, b'"' | b'>' | b',')) {
        return Err(Malformed("display name must be quoted"));
    }
    if display.starts_with(b"\"") && scan::quoted_end(display) != Some(display.len()) {
        return Err(Malformed("stray text behind a display name"));
    }
    let close = memchr::memchr(b'>', behind).ok_or(Malformed("angle bracket is not closed"))?;
    // Spaces just inside the brackets are against the grammar and have one reading only (RFC 4475 §3.1.2.14 leaves both open).
    let uri = Uri::parse(trim(behind.get(..close).unwrap_or(&[])))?;
    let (stray, params) = split_params(behind.get(close + 1..).unwrap_or(&[]))?;
    if !stray.is_empty() {
        return Err(Malformed("stray text behind an address"));
    }
    Ok(NameAddr { display, uri, params })
}

fn bare(value: &[u8]) -> Result<NameAddr<'_>, Malformed> {
    let (uri, params) = split_params(value)?;
    if uri.iter().any(|c| matches!(c, b'?' | b',')) {
        return Err(Malformed("an address with ? or , must stand in angle brackets"));
    }
    Ok(NameAddr { display: &[], uri: Uri::parse(uri)?, params })
}

fn qvalue(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = whole.parse().ok().filter(|w| *w <= 1)?;
    if part.len() > 3 || !part.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u16>().ok()?;
    Some(whole * 1_000 + thousandths).filter(|q| *q <= 1_000)
}

impl fmt::Debug for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>", self.uri)
    }
}

/// An owned name-address; `Display` writes it for the wire (with a URI's password, if one was given).
#[derive(Clone, PartialEq)]
pub struct NameAddrBuf {
    /// The display name in clear, unquoted.
    pub display: Option<String>,
    /// The address.
    pub uri: UriBuf,
    /// Header parameters: name and, unless it is a flag, value. A value that is no token is written as a quoted string.
    pub params: Vec<(String, Option<String>)>,
}

impl NameAddrBuf {
    /// An address without display name and parameters.
    pub fn new(uri: UriBuf) -> NameAddrBuf {
        NameAddrBuf { display: None, uri, params: Vec::new() }
    }

    /// With a display name in clear.
    pub fn with_display(mut self, display: impl Into<String>) -> NameAddrBuf {
        self.display = Some(display.into());
        self
    }

    /// With `;name=value`, in place of one of that name.
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> NameAddrBuf {
        self.params.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.params.push((name.to_string(), value.map(str::to_string)));
        self
    }

    /// With `;tag=tag`, in place of an old one.
    pub fn with_tag(self, tag: &str) -> NameAddrBuf {
        self.with_param("tag", Some(tag))
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case("tag")).and_then(|(_, v)| v.as_deref())
    }
}

impl From<NameAddr<'_>> for NameAddrBuf {
    fn from(addr: NameAddr<'_>) -> NameAddrBuf {
        NameAddrBuf {
            display: addr.display().map(Cow::into_owned),
            uri: addr.uri.into(),
            params: addr
                .params
                .iter()
                .map(|p| (p.name.to_string(), p.value.map(|v| scan::unquote(v).into_owned())))
                .collect(),
        }
    }
}

impl fmt::Display for NameAddrBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>", self.uri.as_str())?;
        for (name, value) in &self.params {
            match value {
                None => write!(f, ";{name}")?,
                Some(value) if scan::is_token(value.as_bytes()) => write!(f, ";{name}={value}")?,
                Some(value) => write!(f, ";{name}={}", quote(value))?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NameAddrBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>", self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        for (text, display, uri, tag) in [
            ("<sip:a@h>;tag=1", None, "sip:a@h", Some("1")),
            ("sip:a@h;tag=1", None, "sip:a@h", Some("1")),
            ("Alice Example <sip:a@h;lr>", Some("Alice Example"), "sip:a@h;lr", None),
            (r#""a, \"b\" <c>;" <sip:a@h?x=y> ; tag = 1"#, Some(r#"a, "b" <c>;"#), "sip:a@h?x=y", Some("1")),
            ("caller<sip:a@h>", Some("caller"), "sip:a@h", None),
            ("\"\" < sip:a@h >", None, "sip:a@h", None),
            ("张三 <tel:+86>;x=\"<;,>\"", Some("张三"), "tel:+86", None),
            ("*97 <sip:*97@h>;tag=", Some("*97"), "sip:*97@h", None),
        ] {
            let addr = NameAddr::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(
                (addr.display().as_deref(), addr.uri().as_str(), addr.tag()),
                (display, uri, tag),
                "{text}"
            );
        }
        let gbk = NameAddr::parse(b"\xd5\xc5 <sip:a@h>").unwrap();
        assert_eq!(gbk.display_raw(), b"\xd5\xc5");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "<>",
            "<sip:a@h",
            "sip:a@h>",
            "\"a <sip:a@h>",
            "\"a\"",
            "\"a\" sip:a@h",
            "\"a\" b <sip:a@h>",
            "a, b <sip:a@h>",
            "<sip:a@h> x",
            "<sip:a@h>;",
            "<sip:a@h>;;x",
            "sip:a@h?x=y",
            "sip:a@h,sip:b@h",
            "a \"b\" <sip:a@h>",
            "<a@h>",
            "*",
        ] {
            assert!(NameAddr::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn q_is_thousandths() {
        for (q, value) in [
            ("0", Some(0)),
            ("1", Some(1_000)),
            ("0.5", Some(500)),
            ("0.123", Some(123)),
            ("1.000", Some(1_000)),
            ("0.", Some(0)),
            ("1.001", None),
            ("2", None),
            ("0.1234", None),
            ("-1", None),
            ("x", None),
            (".5", None),
        ] {
            let text = format!("<sip:a@h>;q={q};expires=99999999999");
            let addr = NameAddr::parse(text.as_bytes()).unwrap();
            assert_eq!((addr.q_thousandths(), addr.expires()), (value, Some(u32::MAX)), "{q}");
        }
    }

    #[test]
    fn a_tag_is_found_without_reading_the_address() {
        for (value, tag) in [
            ("<sip:a@h>;tag=1", Some("1")),
            ("\"x;tag=0 <\" <sip:a@h;tag=2> ; lr ; TAG = \"3\" ;y", Some("3")),
            ("sip:a@h;tag=4", Some("4")),
            ("Alice <sip:a@h>", None),
            ("<sip:a@h;tag=5>", None),
            ("<sip:a@h>;tag=", None),
            ("sip:a@h", None),
            ("<sip:a@h;tag=6", None),
            ("", None),
        ] {
            assert_eq!(tag_of(value.as_bytes()), tag, "{value}");
            let read = NameAddr::parse(value.as_bytes()).ok();
            assert!(read.is_none_or(|read| read.tag() == tag), "{value}");
        }
    }

    #[test]
    fn an_owned_address_is_written_so_that_it_reads_the_same() {
        let addr = NameAddr::parse(br#""A \"q\"" <sip:a@h>;tag=1;+x="<u:1>";flag"#).unwrap();
        let owned = NameAddrBuf::from(addr).with_tag("2");
        assert_eq!(owned.to_string(), r#""A \"q\"" <sip:a@h>;+x="<u:1>";flag;tag=2"#);
        assert_eq!(owned.tag(), Some("2"));
        assert_eq!(format!("{owned:?}"), "<sip:a@h>");
    }
}
