//! Hosts: a name, an IPv4 address or an IPv6 reference in brackets (RFC 3261 §25.1, RFC 5118), with or without a port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::refusal::Malformed;
use super::scan;

/// A host as it stands in a URI or a Via.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name, as written.
    Name(&'a str),
    /// An address; IPv6 is written in brackets.
    Ip(IpAddr),
}

impl<'a> Host<'a> {
    /// Reads a host without a port. IPv6 must stand in brackets.
    ///
    /// # Errors
    /// [`Malformed`] for an empty or over-long host, characters no host name has (`_` is let through: Windows names have it),
    /// or a bracketed text that is no IPv6 address (a zone such as `%eth0` is refused: it means nothing to a peer).
    pub fn parse(text: &'a str) -> Result<Host<'a>, Malformed> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Malformed("IPv6 reference is not closed"))?;
            return ipv6(inner).map(|ip| Host::Ip(ip.into()));
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(ip) = text.parse::<Ipv4Addr>()
        {
            return Ok(Host::Ip(ip.into()));
        }
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
        if text.is_empty() || text.len() > 255 || !text.bytes().all(fits) {
            return Err(Malformed("not a host"));
        }
        Ok(Host::Name(text))
    }

    /// Reads `host [":" port]`, white space round the colon allowed (as a Via may have it, RFC 3261 §25.1 `COLON`).
    ///
    /// # Errors
    /// [`Malformed`] as for [`Host::parse`], or when the port is not a number of `1..=65535`.
    pub fn parse_with_port(text: &'a str) -> Result<(Host<'a>, Option<u16>), Malformed> {
        let text = scan::trim_str(text);
        let bracket =
            if text.starts_with('[') { text.bytes().position(|c| c == b']').unwrap_or(0) } else { 0 };
        let (host, port) = match text.get(bracket..).and_then(|tail| tail.bytes().position(|c| c == b':')) {
            None => return Ok((Host::parse(text)?, None)),
            Some(colon) => text.split_at_checked(bracket + colon).ok_or(Malformed("not a host"))?,
        };
        let port = scan::trim_str(port.get(1..).unwrap_or(""));
        let port = scan::decimal(port.as_bytes()).and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0);
        let host = scan::trim_str(host);
        Ok((Host::parse(host)?, Some(port.ok_or(Malformed("not a port"))?)))
    }

    /// The address, if the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

/// RFC 5118 §4.10: the grammar once let `[::1:::2]` style texts through; only a real address is taken here, except three
/// colons before an embedded IPv4 address, which the erratic grammar produced and which has one reading.
fn ipv6(inner: &str) -> Result<Ipv6Addr, Malformed> {
    inner
        .parse()
        .or_else(|_| inner.replacen(":::", "::", 1).parse())
        .map_err(|_| Malformed("not an IPv6 address"))
}

impl PartialEq for Host<'_> {
    /// Names compare without regard to case.
    fn eq(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::Ip(a), Host::Ip(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    /// As it stands in a URI: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com:5060", "example.com", Some(5060)),
            ("10.0.0.1 : 5061", "10.0.0.1", Some(5061)),
            ("[2001:db8::10]", "[2001:db8::10]", None),
            ("[2001:db8::10]:5070", "[2001:db8::10]", Some(5070)),
            ("[2001:db8::10:5070]", "[2001:db8::10:5070]", None),
            ("[::ffff:192.0.2.10]", "[::ffff:192.0.2.10]", None),
            ("[2001:db8:::192.0.2.1]", "[2001:db8::c000:201]", None),
            ("MY_PC", "MY_PC", None),
            ("300.1.1.1", "300.1.1.1", None),
        ] {
            let (h, p) = Host::parse_with_port(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((h.to_string().as_str(), p), (host, port), "{text}");
        }
        for bad in [
            "",
            ":5060",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "2001:db8::1",
            "[::1",
            "[::1]x",
            "[fe80::1%eth0]",
            "a b",
            "[x]",
        ] {
            assert!(Host::parse_with_port(bad).is_err(), "{bad}");
        }
    }
}
