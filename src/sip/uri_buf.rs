//! URIs that are kept: bindings, route sets, remote targets.

use std::fmt;
use std::str::FromStr;

use super::escape::escape_user;
use super::host::Host;
use super::refusal::Malformed;
use super::uri::Uri;

/// An owned URI whose text has been read once, so that [`UriBuf::view`] always succeeds.
///
/// Equality is RFC 3261 §19.1.4's; therefore there is no `Hash`.
#[derive(Clone)]
pub struct UriBuf(Box<str>);

impl UriBuf {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn new(text: impl Into<String>) -> Result<UriBuf, Malformed> {
        let text = text.into();
        Uri::parse(text.as_bytes())?;
        Ok(UriBuf(text.into_boxed_str()))
    }

    /// `sip:user@host[:port]` of clear parts; the user is escaped as needed. `host` goes in brackets if it is IPv6.
    pub fn sip(user: Option<&str>, host: Host<'_>, port: Option<u16>) -> UriBuf {
        let user = user.filter(|u| !u.is_empty()).map(|u| escape_user(u) + "@").unwrap_or_default();
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        UriBuf(format!("sip:{user}{host}{port}").into_boxed_str())
    }

    /// The URI taken apart.
    pub fn view(&self) -> Uri<'_> {
        Uri::parse(self.0.as_bytes()).unwrap_or(Uri::opaque(&self.0))
    }

    /// The text for the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uri<'_>> for UriBuf {
    fn from(uri: Uri<'_>) -> UriBuf {
        UriBuf(uri.as_str().into())
    }
}

impl FromStr for UriBuf {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<UriBuf, Malformed> {
        UriBuf::new(text)
    }
}

impl PartialEq for UriBuf {
    fn eq(&self, other: &UriBuf) -> bool {
        self.0 == other.0 || self.view().equivalent(&other.view())
    }
}

impl fmt::Display for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.view(), f)
    }
}

impl fmt::Debug for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_made_of_clear_parts() {
        assert_eq!(UriBuf::sip(Some("a b@c"), Host::Name("h"), Some(5070)).as_str(), "sip:a%20b%40c@h:5070");
        assert_eq!(UriBuf::sip(Some(""), Host::Ip([192, 0, 2, 1].into()), None).as_str(), "sip:192.0.2.1");
        assert_eq!(UriBuf::sip(None, Host::Ip("::1".parse().unwrap()), None).as_str(), "sip:[::1]");
    }

    #[test]
    fn equality_is_of_uris_not_of_text() {
        let uri = |text: &str| text.parse::<UriBuf>().unwrap();
        assert_eq!(uri("sip:a@H;x=1"), uri("SIP:%61@h"));
        assert_ne!(uri("sip:a@h"), uri("sip:A@h"));
        assert!("sip:a b@h".parse::<UriBuf>().is_err());
        assert_eq!(format!("{0:?} {0}", uri("sip:62581234:pw@h")), "sip:62****34@h sip:62581234@h");
    }
}
