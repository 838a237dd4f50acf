//! Via: the way a message came and its answer goes back (RFC 3261 §20.42, RFC 3581, RFC 5118 §4.5).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::host::Host;
use super::param::{Param, Params, split_params};
use super::refusal::Malformed;
use super::scan::{self, trim};

/// One Via value, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// As written: `UDP`, `TLS`, `SCTP`, or something unknown.
    pub transport: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by as written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
}

/// What an RFC 3261 branch begins with (§8.1.1.7).
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

impl<'a> Via<'a> {
    /// Reads one Via value. For lists, cut with [`super::Message::list`] or use [`super::Message::vias`].
    ///
    /// # Errors
    /// [`Malformed`]: not `SIP/2.0/transport sent-by`, broken host, port or parameters.
    pub fn parse(value: &'a [u8]) -> Result<Via<'a>, Malformed> {
        let (front, params) = split_params(value)?;
        let (name, rest) = part(front)?;
        let (version, rest) = part(rest)?;
        if !name.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
            return Err(Malformed("Via is not of SIP/2.0"));
        }
        let cut = rest.iter().position(|&c| scan::is_lws(c)).ok_or(Malformed("Via without sent-by"))?;
        let transport = scan::token_str(rest.get(..cut).unwrap_or(&[]))
            .ok_or(Malformed("Via transport is not a token"))?;
        let sent_by =
            std::str::from_utf8(rest.get(cut..).unwrap_or(&[])).map_err(|_| Malformed("not a host"))?;
        let (host, port) = Host::parse_with_port(sent_by)?;
        Ok(Via { transport, host, port, params })
    }

    /// `value` as it stands in the answer to a request from `source`: with `received` where RFC 3261 §18.2.1 or RFC 3581 §4 wants
    /// it and the port in an `rport` that was asked for, instead of what the peer wrote there. The rest stays octet for octet.
    pub(super) fn stamped(value: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        let via = Via::parse(value).ok()?;
        let front = scan::find_unquoted(value, b';', b';').and_then(|at| value.get(..at)).unwrap_or(value);
        let mut text = trim(front).to_vec();
        let own = |p: &Param<'_>| !["received", "rport"].iter().any(|n| p.name.eq_ignore_ascii_case(n));
        for param in via.params.iter().filter(own) {
            let _ = match param.value {
                Some(value) => write!(text, ";{}={value}", param.name),
                None => write!(text, ";{}", param.name),
            };
        }
        let ip = source.ip().to_canonical();
        if via.wants_rport() || via.host.ip() != Some(ip) {
            let _ = write!(text, ";received={ip}");
        }
        if via.wants_rport() {
            let _ = write!(text, ";rport={}", source.port());
        }
        Some(text)
    }

    /// The branch, empty ones excepted.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// The branch when it is unique by RFC 3261 §8.1.1.7: the magic cookie and something behind it. Without one, RFC 2543's
    /// matching rules hold (§17.2.3).
    pub fn unique_branch(&self) -> Option<&'a str> {
        self.branch().filter(|b| {
            b.len() > MAGIC_COOKIE.len() && b.get(..7).is_some_and(|c| c.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }

    /// The `received` address; IPv6 with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
    }

    /// The filled-in `rport` (RFC 3581 §4).
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(|p| p.parse().ok())
    }

    /// Whether the sender asks for the source port (an `rport`, filled or not).
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// The `maddr` parameter as an address; a name is not followed.
    pub fn maddr(&self) -> Option<IpAddr> {
        self.params.get("maddr")?.trim_matches(['[', ']']).parse().ok()
    }
}

/// What stands before the next slash, and what behind it, both trimmed (`SIP / 2.0 / UDP host`).
fn part(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let cut = memchr::memchr(b'/', bytes).ok_or(Malformed("Via is not of SIP/2.0"))?;
    Ok((trim(bytes.get(..cut).unwrap_or(&[])), trim(bytes.get(cut + 1..).unwrap_or(&[]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_is_read_with_all_its_spaces() {
        let via = Via::parse(b"sip /2.0/  TLS   [2001:db8::9] : 5071 ;branch = z9hG4bKx; Received=[2001:db8::1];rport ;maddr=224.2.0.1");
        let via = via.unwrap();
        assert_eq!(
            (via.transport, via.host.to_string().as_str(), via.port),
            ("TLS", "[2001:db8::9]", Some(5071))
        );
        assert_eq!((via.branch(), via.unique_branch()), (Some("z9hG4bKx"), Some("z9hG4bKx")));
        assert_eq!(via.received(), "2001:db8::1".parse().ok());
        assert_eq!((via.wants_rport(), via.rport()), (true, None));
        assert_eq!(via.maddr(), "224.2.0.1".parse().ok());
        for (value, unique) in [
            ("SIP/2.0/UDP a;branch=z9hG4bK", None),
            ("SIP/2.0/UDP a;branch=Z9Hg4Bk1", Some("Z9Hg4Bk1")),
            ("SIP/2.0/UDP a;branch=1", None),
            ("SIP/2.0/UDP a;branch=", None),
            ("SIP/2.0/UDP a", None),
        ] {
            assert_eq!(Via::parse(value.as_bytes()).unwrap().unique_branch(), unique, "{value}");
        }
        assert_eq!(
            Via::parse(b"SIP/2.0/UDP a;rport=4711;received=x").map(|v| (v.rport(), v.received())),
            Ok((Some(4711), None))
        );
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 UDP a",
            "SIP/3.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/U;P a",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP ;x",
            "SIP/2.0/UDP a;;b",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP a:70000",
            "SIP/2.0/UDP \"a\"",
        ] {
            assert!(Via::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
