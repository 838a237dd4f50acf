//! URIs: `sip:`, `sips:` (RFC 3261 §19.1), `tel:` (RFC 3966) and any other scheme kept as written.

use std::borrow::Cow;
use std::fmt;

use super::escape::{decode, escapes_are_whole, unescape};
use super::host::Host;
use super::param::Params;
use super::refusal::Malformed;
use super::scan;
use crate::base::{bounds, mask_digits};

/// A URI's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other; [`Uri::scheme_str`] has its text.
    Other,
}

/// A URI, borrowed and taken apart. [`UriBuf`] owns one.
///
/// `Display` writes it without the password; `Debug` also masks the user. [`Uri::as_str`] is the text for the wire.
#[derive(Clone, Copy)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: Scheme,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    params: Params<'a>,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads an absolute URI that fills `bytes` from end to end.
    ///
    /// `sip:` and `sips:` are read as RFC 3261 §19.1.1 writes them; `tel:` has its number as [`Uri::user`] and its parameters; of
    /// other schemes only the scheme's grammar and the absence of white space, quotes and angle brackets are asked for.
    ///
    /// # Errors
    /// [`Malformed`]: no scheme, no host, a broken `%` escape, a character that must be escaped, text that is not UTF-8.
    pub fn parse(bytes: &'a [u8]) -> Result<Uri<'a>, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed("URI is not UTF-8"))?;
        let (scheme, rest) = scan::cut(text, b':').ok_or(Malformed("URI has no scheme"))?;
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(fits) {
            return Err(Malformed("URI scheme is not one"));
        }
        if rest.is_empty() || rest.bytes().any(|c| c <= b' ' || matches!(c, b'<' | b'>' | b'"' | 0x7f)) {
            return Err(Malformed("URI has characters that must be escaped"));
        }
        let empty = Uri::opaque(text);
        match scheme {
            s if s.eq_ignore_ascii_case("sip") => sip(Uri { scheme: Scheme::Sip, ..empty }, rest),
            s if s.eq_ignore_ascii_case("sips") => sip(Uri { scheme: Scheme::Sips, ..empty }, rest),
            s if s.eq_ignore_ascii_case("tel") => tel(Uri { scheme: Scheme::Tel, ..empty }, rest),
            _ => Ok(empty),
        }
    }

    /// A URI of which nothing is known but its text.
    pub(super) const fn opaque(text: &'a str) -> Uri<'a> {
        Uri {
            text,
            scheme: Scheme::Other,
            user: None,
            password: None,
            host: None,
            port: None,
            params: Params::none(),
            headers: None,
        }
    }

    /// As it came.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as written, without its colon.
    pub fn scheme_str(&self) -> &'a str {
        self.text.split(':').next().unwrap_or("")
    }

    /// The user part as written (escaped), or the number of a `tel:` URI.
    pub const fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user part with its `%` escapes decoded; octets that then are not UTF-8 are replaced.
    ///
    /// User parameters (`;phone-context=…`, `;isub=…`) are part of it, as RFC 3261 §19.1.1 has it.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(unescape)
    }

    /// The password, when one was sent in clear in the URI. Never log it.
    pub const fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// The host of a `sip:` or `sips:` URI.
    pub const fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port as written.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port to send to: as written, else 5061 for `sips:` and 5060 for all others.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Sips { 5061 } else { 5060 })
    }

    /// The URI parameters (`;transport=tcp;lr`).
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The headers behind `?`, as written: `Replaces=…&Subject=…`.
    pub const fn headers(&self) -> Option<&'a str> {
        self.headers
    }

    /// The headers behind `?` as pairs of name and value, both with their escapes decoded.
    pub fn header_pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        self.headers.into_iter().flat_map(|h| h.split('&')).filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
    }

    /// Equality by RFC 3261 §19.1.4 (not by text): escapes are equal to what they stand for, hosts and parameters compare
    /// without case, `user`, `ttl`, `method` and `maddr` must stand in both or neither.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        if self.text == other.text {
            return true;
        }
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Other => self.text == other.text,
            Scheme::Tel => tel_number(self) == tel_number(other) && params_equal(self, other),
            Scheme::Sip | Scheme::Sips => {
                decoded_equal(self.user, other.user)
                    && decoded_equal(self.password, other.password)
                    && self.host == other.host
                    && self.port == other.port
                    && params_equal(self, other)
                    && headers_equal(self, other)
            }
        }
    }
}

fn sip<'a>(uri: Uri<'a>, rest: &'a str) -> Result<Uri<'a>, Malformed> {
    escapes_are_whole(rest)?;
    // An unescaped `@` may stand nowhere but behind the userinfo (headers and parameters must escape it).
    let (userinfo, rest) = match rest.bytes().rposition(|c| c == b'@') {
        Some(at) => (rest.get(..at), rest.get(at + 1..).unwrap_or("")),
        None => (None, rest),
    };
    let (user, password) = match userinfo.map(|u| scan::cut(u, b':').ok_or(u)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(user), Some(password)),
        Some(Err(user)) => (Some(user), None),
    };
    if user.is_some_and(str::is_empty) {
        return Err(Malformed("URI has an empty user"));
    }
    if userinfo.is_some_and(|u| !u.bytes().all(|c| scan::is_user(c) || c == b':')) {
        return Err(Malformed("user part has characters that must be escaped"));
    }
    let (rest, headers) = match scan::cut(rest, b'?') {
        Some((rest, headers)) => (rest, Some(headers)),
        None => (rest, None),
    };
    let (hostport, params) = scan::cut(rest, b';').map_or((rest, None), |(h, p)| (h, Some(p)));
    let (host, port) = Host::parse_with_port(hostport)?;
    Ok(Uri { user, password, host: Some(host), port, params: uri_params(params)?, headers, ..uri })
}

fn tel<'a>(uri: Uri<'a>, rest: &'a str) -> Result<Uri<'a>, Malformed> {
    escapes_are_whole(rest)?;
    let (number, params) = scan::cut(rest, b';').map_or((rest, None), |(n, p)| (n, Some(p)));
    if number.is_empty() {
        return Err(Malformed("tel URI has no number"));
    }
    Ok(Uri { user: Some(number), params: uri_params(params)?, ..uri })
}

/// URI parameters. The characters between `;` and `=` are those of `paramchar` and of tokens: some phones write quoteless tokens
/// there that the grammar of URIs would have escaped.
fn uri_params(text: Option<&str>) -> Result<Params<'_>, Malformed> {
    let Some(text) = text else { return Ok(Params::none()) };
    let mut behind = b';';
    let mut count = 1;
    for c in text.bytes() {
        // Neither an empty parameter nor one without a name.
        let sound =
            if behind == b';' { scan::is_param(c) } else { scan::is_param(c) || matches!(c, b'=' | b';') };
        if !sound {
            return Err(Malformed("URI parameter is malformed"));
        }
        count += usize::from(c == b';');
        behind = c;
    }
    if behind == b';' {
        return Err(Malformed("URI parameter is malformed"));
    }
    if count > bounds::PARAMS {
        return Err(Malformed("too many parameters"));
    }
    Ok(Params::checked(text))
}

fn decoded_equal(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || decode(a) == decode(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// RFC 3966 §5: visual separators do not count.
fn tel_number(uri: &Uri<'_>) -> String {
    uri.user
        .unwrap_or("")
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '(' | ')'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn params_equal(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let agree = |x: &Uri<'_>, y: &Uri<'_>| {
        x.params.iter().all(|p| match y.params.find(p.name) {
            Some(q) => decode(p.bare()).eq_ignore_ascii_case(&decode(q.bare())),
            None => !["user", "ttl", "method", "maddr", "transport"]
                .iter()
                .any(|n| p.name.eq_ignore_ascii_case(n)),
        })
    };
    agree(a, b) && agree(b, a)
}

fn headers_equal(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let sorted = |uri: &Uri<'_>| {
        let mut pairs: Vec<_> =
            uri.header_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
        pairs.sort();
        pairs
    };
    (a.headers.is_none() && b.headers.is_none()) || sorted(a) == sorted(b)
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(self, f, self.user)
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Other => write!(f, "{}:…", self.scheme_str()),
            _ => write_parts(self, f, self.user.map(mask_digits).as_deref()),
        }
    }
}

fn write_parts(uri: &Uri<'_>, f: &mut fmt::Formatter<'_>, user: Option<&str>) -> fmt::Result {
    if uri.scheme == Scheme::Other {
        return f.write_str(uri.text);
    }
    write!(f, "{}:", uri.scheme_str())?;
    if let Some(user) = user {
        f.write_str(user)?;
    }
    if let Some(host) = uri.host {
        write!(f, "{}{host}", if user.is_some() { "@" } else { "" })?;
    }
    if let Some(port) = uri.port {
        write!(f, ":{port}")?;
    }
    if !uri.params.is_empty() {
        write!(f, ";{}", uri.params.as_str())?;
    }
    uri.headers.map_or(Ok(()), |headers| write!(f, "?{headers}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn parts_are_told_apart() {
        for (text, user, host, port, params, headers) in [
            ("sip:alice@atlanta.com", Some("alice"), "atlanta.com", None, "", None),
            ("SIP:atlanta.com:5070", None, "atlanta.com", Some(5070), "", None),
            (
                "sips:a;b=c?d@[2001:db8::1]:5061;lr;x=y",
                Some("a;b=c?d"),
                "[2001:db8::1]",
                Some(5061),
                "lr;x=y",
                None,
            ),
            ("sip:a:pw:x@h?Subject=x&To=y%40z", Some("a"), "h", None, "", Some("Subject=x&To=y%40z")),
            ("sip:*97#@pbx;transport=tcp", Some("*97#"), "pbx", None, "transport=tcp", None),
            ("sip:%E5%BC%A0@h", Some("%E5%BC%A0"), "h", None, "", None),
        ] {
            let u = uri(text);
            assert_eq!(
                (u.user(), u.port(), u.params().as_str(), u.headers()),
                (user, port, params, headers),
                "{text}"
            );
            assert_eq!(u.host().unwrap().to_string(), host, "{text}");
            assert_eq!(u.as_str(), text);
        }
        assert_eq!(uri("sip:%E5%BC%A0@h").user_decoded().as_deref(), Some("张"));
        assert_eq!(uri("tel:+1-201-555-0123;phone-context=x").user(), Some("+1-201-555-0123"));
        assert_eq!(uri("tel:110;phone-context=x").params().get("phone-context"), Some("x"));
        let other = uri("urn:service:sos");
        assert_eq!((other.scheme(), other.scheme_str(), other.host()), (Scheme::Other, "urn", None));
        let pairs: Vec<_> = uri("sip:h?Replaces=a%3Bto-tag%3Db&X").header_pairs().collect();
        assert_eq!(pairs, [("Replaces".into(), "a;to-tag=b".into()), ("X".into(), "".into())]);
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for bad in [
            "",
            "sip",
            "sip:",
            ":x",
            "1sip:a",
            "s p:a",
            "sip:@h",
            "sip:a@",
            "sip:a b@h",
            "sip:a@h x",
            "sip:a@h:0",
            "sip:a%4@h",
            "sip:a%zz@h",
            "sip:a@h;",
            "sip:a@h;;lr",
            "sip:a@h;=x",
            "sip:\"a\"@h",
            "<sip:a@h>",
            "sip:[::1",
            "sip:a@h;x=\"y\"",
            "tel:",
            "tel:;x",
            "sip:a[b]@h",
            "urn:a b",
            "sip:a\u{0}@h",
        ] {
            assert!(Uri::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Uri::parse(b"sip:\xd5\xc5@h").is_err());
        assert!(Uri::parse(format!("sip:h{}", ";x".repeat(65)).as_bytes()).is_err(), "bounded");
    }

    #[test]
    fn equality_is_that_of_rfc_3261_section_19_1_4() {
        for (a, b, equal) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
            (
                "sip:a@h;transport=tcp;method=REGISTER?to=sip:bob%40h",
                "sip:a@h;method=REGISTER;transport=tcp?to=sip:bob%40h",
                true,
            ),
            (
                "sip:alice@atlanta.com?subject=a&priority=b",
                "sip:alice@atlanta.com?priority=b&subject=a",
                true,
            ),
            ("SIP:ALICE@h", "sip:alice@h", false),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=phone", false),
            ("sip:a@h", "sips:a@h", false),
            ("sip:a@h", "sip:h", false),
            ("sip:a@h?x=1", "sip:a@h", false),
            ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]", true),
            ("tel:+1-201", "tel:+1201", true),
            ("tel:+1201", "tel:1201", false),
            ("urn:a:b", "urn:a:B", false),
        ] {
            assert_eq!(uri(a).equivalent(&uri(b)), equal, "{a} {b}");
            assert_eq!(uri(b).equivalent(&uri(a)), equal, "{b} {a}");
        }
    }

    #[test]
    fn nobody_is_shown_who_need_not_be() {
        let secret = uri("sip:13812345678:hunter2@h;x=y");
        assert_eq!(secret.to_string(), "sip:13812345678@h;x=y");
        assert_eq!(format!("{secret:?}"), "sip:138****5678@h;x=y");
        assert_eq!(format!("{:?}", uri("urn:13812345678")), "urn:…");
    }
}
