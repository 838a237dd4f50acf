//! The Reason header (RFC 3326): why a request is sent, or why it failed.

use std::fmt;

use crate::base::mask_numbers;
use crate::sip::{Message, Name, unquote};

/// Another phone took the call (RFC 3326 §3): what the other phones of a group hear, so that they show no missed call.
pub const COMPLETED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Somebody took the ringing call from this phone (directed pickup).
pub const PICKED_UP: &str = "SIP;cause=200;text=\"Call picked up elsewhere\"";

/// Characters kept of a peer's text.
const TEXT_CHARS: usize = 80;

/// The first Reason value of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// `SIP`, `Q.850`, or another registered word.
    pub protocol: String,
    /// A status (SIP) or a cause of Q.850.
    pub cause: Option<u16>,
    /// For people. It is a peer's word: digits are masked and control characters left out.
    pub text: Option<String>,
}

impl Reason {
    /// Reads it; `None` when there is none, or it has no protocol.
    pub fn of(message: &Message) -> Option<Reason> {
        Reason::read(message.list(Name::Reason).next()?)
    }

    fn read(value: &[u8]) -> Option<Reason> {
        let value = std::str::from_utf8(value).ok()?;
        let (protocol, params) = value.split_once(';').unwrap_or((value, ""));
        let protocol = protocol.trim();
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if protocol.is_empty() || protocol.len() > 16 || !protocol.chars().all(is_token) {
            return None;
        }
        let param = |name: &str| {
            params.split(';').find_map(|part| {
                let (is, value) = part.split_once('=')?;
                is.trim().eq_ignore_ascii_case(name).then_some(value.trim())
            })
        };
        let text = param("text").map(|text| {
            let text = unquote(text);
            mask_numbers(&text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect::<String>())
        });
        Some(Reason {
            protocol: protocol.to_string(),
            cause: param("cause").and_then(|cause| cause.parse().ok()),
            text: text.filter(|text| !text.is_empty()),
        })
    }

    /// Whether it says that another phone took the call.
    pub fn is_completed_elsewhere(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("SIP") && self.cause == Some(200)
    }
}

impl fmt::Display for Reason {
    /// `SIP 200 Call completed elsewhere`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        self.cause.iter().try_for_each(|cause| write!(f, " {cause}"))?;
        self.text.iter().try_for_each(|text| write!(f, " {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_for_people() {
        for (value, shown) in [
            (COMPLETED_ELSEWHERE, "SIP 200 Call completed elsewhere"),
            ("Q.850;cause=16;text=\"Terminated\"", "Q.850 16 Terminated"),
            ("SIP ; cause = 600", "SIP 600"),
            ("SIP", "SIP"),
            ("SIP;cause=99999;text=\"\"", "SIP"),
        ] {
            assert_eq!(
                Reason::read(value.as_bytes()).map(|r| r.to_string()).as_deref(),
                Some(shown),
                "{value}"
            );
        }
        for broken in ["", ";cause=200", "a b;cause=1", "<x>;cause=1"] {
            assert_eq!(Reason::read(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn only_sip_200_is_completed_elsewhere() {
        for (value, is) in [(COMPLETED_ELSEWHERE, true), ("SIP;cause=487", false), ("Q.850;cause=200", false)]
        {
            assert_eq!(
                Reason::read(value.as_bytes()).is_some_and(|r| r.is_completed_elsewhere()),
                is,
                "{value}"
            );
        }
    }
}
