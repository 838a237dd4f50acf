//! The text of digest authentication: challenges and credentials (RFC 3261 §20, §22.4; RFC 7616; RFC 8760). Nothing is computed here.
//!
//! Values are borrowed as written between their quotes: digests are taken over exactly these octets, so that a phone which
//! writes `transport=TCP` or an escaped quote is verified over what it wrote.

use std::fmt;

use super::refusal::Malformed;
use super::scan::{self, Commas, is_lws, trim};

/// The value of an Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate field: a scheme and what follows.
#[derive(Clone, Copy)]
pub struct Authorization<'a> {
    scheme: &'a str,
    rest: &'a str,
}

/// Digest credentials (RFC 7616 §3.4). `Debug` shows no value.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// `username`; with `userhash=true` its hash in hex.
    pub username: &'a str,
    /// `realm`.
    pub realm: &'a str,
    /// `nonce`.
    pub nonce: &'a str,
    /// `uri`, octet for octet as it was digested.
    pub uri: &'a str,
    /// `response`, hex digits as written.
    pub response: &'a str,
    /// `algorithm` as written; missing means MD5.
    pub algorithm: Option<&'a str>,
    /// `opaque`.
    pub opaque: Option<&'a str>,
    /// `qop` as written: `auth` or `auth-int`.
    pub qop: Option<&'a str>,
    /// `cnonce`.
    pub cnonce: Option<&'a str>,
    /// `nc` read as hexadecimal (RFC 7616 §3.4), 1–8 digits.
    pub nc: Option<u32>,
    /// `nc` as written: the digest is taken over this text.
    pub nc_text: Option<&'a str>,
    /// Whether `username` is hashed.
    pub userhash: bool,
}

/// A digest challenge (RFC 7616 §3.3).
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// `realm`.
    pub realm: &'a str,
    /// `nonce`.
    pub nonce: &'a str,
    /// `algorithm` as written; missing means MD5.
    pub algorithm: Option<&'a str>,
    /// `opaque`, to be returned unchanged.
    pub opaque: Option<&'a str>,
    /// `qop` as written: a list such as `auth,auth-int`.
    pub qop: Option<&'a str>,
    /// Whether only the nonce was too old.
    pub stale: bool,
}

impl<'a> Authorization<'a> {
    /// Reads the scheme. What follows is looked at only by [`Authorization::credentials`] and [`Authorization::challenge`], so that
    /// an unknown scheme is no fault.
    ///
    /// # Errors
    /// [`Malformed`] when there is no scheme or the text is not UTF-8.
    pub fn parse(value: &'a [u8]) -> Result<Authorization<'a>, Malformed> {
        let value = trim(value);
        let cut = value.iter().position(|&c| is_lws(c)).unwrap_or(value.len());
        let scheme =
            value.get(..cut).and_then(scan::token_str).ok_or(Malformed("no authentication scheme"))?;
        let rest = trim(value.get(cut..).unwrap_or(&[]));
        let rest = std::str::from_utf8(rest).map_err(|_| Malformed("credentials are not UTF-8"))?;
        Ok(Authorization { scheme, rest })
    }

    /// The scheme as written.
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// The parameter `name`, without its quotes, its escapes untouched.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs().flatten().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// The parameters in their order.
    fn pairs(&self) -> impl Iterator<Item = Result<(&'a str, &'a str), Malformed>> + use<'a> {
        Commas::new(self.rest.as_bytes()).filter(|part| !part.is_empty()).map(pair)
    }

    /// The digest credentials.
    ///
    /// # Errors
    /// [`Malformed`] when the scheme is not Digest, a parameter is broken or stands twice, a mandatory one (username, realm, nonce,
    /// uri, response) is missing, `nc` is not 1–8 hexadecimal digits, or qop comes without `nc` and `cnonce`.
    pub fn credentials(&self) -> Result<Credentials<'a>, Malformed> {
        let mut seen = Seen::default();
        self.collect(&mut seen)?;
        let need = |value: Option<&'a str>| value.ok_or(Malformed("credentials lack a mandatory parameter"));
        let nc = match seen.nc {
            None => None,
            Some(text) if (1..=8).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_hexdigit()) => {
                Some(u32::from_str_radix(text, 16).map_err(|_| Malformed("nonce count is not hexadecimal"))?)
            }
            Some(_) => return Err(Malformed("nonce count is not hexadecimal")),
        };
        if seen.qop.is_some() && (nc.is_none() || seen.cnonce.is_none()) {
            return Err(Malformed("qop without nonce count and client nonce"));
        }
        Ok(Credentials {
            username: need(seen.username)?,
            realm: need(seen.realm)?,
            nonce: need(seen.nonce)?,
            uri: need(seen.uri)?,
            response: need(seen.response)?,
            algorithm: seen.algorithm,
            opaque: seen.opaque,
            qop: seen.qop,
            cnonce: seen.cnonce,
            nc,
            nc_text: seen.nc,
            userhash: seen.userhash.is_some_and(|v| v.eq_ignore_ascii_case("true")),
        })
    }

    /// The digest challenge.
    ///
    /// # Errors
    /// [`Malformed`] when the scheme is not Digest, a parameter is broken or stands twice, or realm or nonce is missing.
    pub fn challenge(&self) -> Result<Challenge<'a>, Malformed> {
        let mut seen = Seen::default();
        self.collect(&mut seen)?;
        Ok(Challenge {
            realm: seen.realm.ok_or(Malformed("challenge without realm"))?,
            nonce: seen.nonce.ok_or(Malformed("challenge without nonce"))?,
            algorithm: seen.algorithm,
            opaque: seen.opaque,
            qop: seen.qop,
            stale: seen.stale.is_some_and(|v| v.eq_ignore_ascii_case("true")),
        })
    }

    fn collect(&self, seen: &mut Seen<'a>) -> Result<(), Malformed> {
        if !self.is_digest() {
            return Err(Malformed("not the Digest scheme"));
        }
        for item in self.pairs() {
            let (name, value) = item?;
            let Some(place) = seen.place(name) else { continue };
            if place.replace(value).is_some() {
                return Err(Malformed("authentication parameter stands twice"));
            }
        }
        Ok(())
    }
}

/// The parameters that are known, as they are met.
#[derive(Default)]
struct Seen<'a> {
    username: Option<&'a str>,
    realm: Option<&'a str>,
    nonce: Option<&'a str>,
    uri: Option<&'a str>,
    response: Option<&'a str>,
    algorithm: Option<&'a str>,
    opaque: Option<&'a str>,
    qop: Option<&'a str>,
    cnonce: Option<&'a str>,
    nc: Option<&'a str>,
    userhash: Option<&'a str>,
    stale: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn place(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        let places = [
            ("username", &mut self.username),
            ("realm", &mut self.realm),
            ("nonce", &mut self.nonce),
            ("uri", &mut self.uri),
            ("response", &mut self.response),
            ("algorithm", &mut self.algorithm),
            ("opaque", &mut self.opaque),
            ("qop", &mut self.qop),
            ("cnonce", &mut self.cnonce),
            ("nc", &mut self.nc),
            ("userhash", &mut self.userhash),
            ("stale", &mut self.stale),
        ];
        places.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, place)| place)
    }
}

fn pair(part: &[u8]) -> Result<(&str, &str), Malformed> {
    let cut = memchr::memchr(b'=', part).ok_or(Malformed("authentication parameter without a value"))?;
    let name = part.get(..cut).map(trim).and_then(scan::token_str);
    let value = trim(part.get(cut + 1..).unwrap_or(&[]));
    let value = match value.first() {
        Some(b'"') if scan::quoted_end(value) == Some(value.len()) => {
            value.get(1..value.len() - 1).unwrap_or(&[])
        }
        Some(b'"') => return Err(Malformed("quoted string is not closed")),
        _ if value.iter().any(|&c| is_lws(c) || c == b'"') => {
            return Err(Malformed("stray text in credentials"));
        }
        _ => value,
    };
    let value = std::str::from_utf8(value).map_err(|_| Malformed("credentials are not UTF-8"))?;
    Ok((name.ok_or(Malformed("authentication parameter has no name"))?, value))
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} …", self.scheme)
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_phones_write_them() {
        let text = br#"digest username = "al\"ice", realm="r,1" ,nonce="n;=",uri="sip:b;transport=tcp", response="0f",
            algorithm=SHA-256, qop=auth, nc=0000000a, cnonce="c", x-new=1"#;
        let auth = Authorization::parse(text).unwrap();
        assert!(auth.is_digest());
        let c = auth.credentials().unwrap();
        assert_eq!((c.username, c.realm, c.nonce), (r#"al\"ice"#, "r,1", "n;="));
        assert_eq!((c.uri, c.response, c.algorithm), ("sip:b;transport=tcp", "0f", Some("SHA-256")));
        assert_eq!((c.nc, c.nc_text, c.qop, c.cnonce), (Some(10), Some("0000000a"), Some("auth"), Some("c")));
        assert_eq!(auth.get("X-NEW"), Some("1"));
    }

    #[test]
    fn broken_credentials_are_refused() {
        let whole = r#"username="u", realm="r", nonce="n", uri="sip:b", response="0""#;
        assert!(Authorization::parse(format!("Digest {whole}").as_bytes()).unwrap().credentials().is_ok());
        for bad in [
            format!("Basic {whole}"),
            r#"Digest username="u", realm="r", nonce="n", uri="sip:b""#.to_string(),
            format!("Digest {whole}, nc=xyz"),
            format!("Digest {whole}, nc=000000001"),
            format!("Digest {whole}, nc=+1"),
            format!("Digest {whole}, qop=auth"),
            format!("Digest {whole}, realm=\"other\""),
            format!("Digest {whole}, opaque=\"open"),
            format!("Digest {whole}, opaque"),
            format!("Digest {whole}, opaque=\"a\" b"),
        ] {
            assert!(Authorization::parse(bad.as_bytes()).unwrap().credentials().is_err(), "{bad}");
        }
        assert!(Authorization::parse(b"").is_err());
    }

    #[test]
    fn a_challenge_with_several_qop_values_is_read() {
        let text = br#"Digest realm="r", qop="auth,auth-int", nonce="n", stale=TRUE, opaque="""#;
        let c = Authorization::parse(text).unwrap().challenge().unwrap();
        assert_eq!(
            (c.realm, c.nonce, c.qop, c.stale, c.opaque),
            ("r", "n", Some("auth,auth-int"), true, Some(""))
        );
    }
}
