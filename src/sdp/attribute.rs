//! `a=` lines and the ones of them that are read: rtpmap, the directions, and single values.

use std::fmt;

/// One `a=name` or `a=name:value`. `Debug` shows the name only: the value may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// As written.
    pub name: String,
    /// What stands behind the first colon, as written; `None` for a flag.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name:value`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Attribute {
        Attribute { name: name.into(), value: Some(value.into()) }
    }

    /// `a=name`.
    pub fn flag(name: impl Into<String>) -> Attribute {
        Attribute { name: name.into(), value: None }
    }

    /// The value, `""` for a flag.
    pub fn value(&self) -> &str {
        self.value.as_deref().unwrap_or("")
    }

    pub(super) fn read(text: &str) -> Attribute {
        match text.split_once(':') {
            Some((name, value)) => Attribute::new(name.trim(), value.trim_start()),
            None => Attribute::flag(text.trim()),
        }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a={}", self.name)
    }
}

/// Which way media flows, seen by whoever wrote the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways; what holds when nothing is written.
    #[default]
    SendRecv,
    /// The writer only sends (it has put the other side on hold).
    SendOnly,
    /// The writer only receives.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction that an attribute's name spells.
    pub fn of(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|d| d.as_str() == name)
    }

    /// The same flow seen from the other side.
    pub const fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            both => both,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The direction that sends and receives only where asked.
    pub const fn from_flags(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// What may be answered to an offer of `self` by one who would like `wish` (RFC 3264 §6.1).
    pub const fn answer(self, wish: Direction) -> Direction {
        Direction::from_flags(self.receives() && wish.sends(), self.sends() && wish.receives())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `a=rtpmap:payload_type encoding/clock[/channels]` (RFC 8866 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// RTP payload type, 0–127.
    pub payload_type: u8,
    /// As written: `PCMA`, `opus`, `telephone-event`. Compare without case.
    pub encoding: String,
    /// Clock rate in Hz.
    pub clock: u32,
    /// Channels; 1 when not written.
    pub channels: u8,
}

impl RtpMap {
    /// The payload type that an attribute's value is about.
    pub(super) fn payload_type_of(value: &str) -> Option<u8> {
        let (payload_type, _) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        payload_type.parse().ok().filter(|pt| *pt < 128)
    }

    /// Reads an attribute's value.
    pub fn read(value: &str) -> Option<RtpMap> {
        let payload_type = RtpMap::payload_type_of(value)?;
        let (_, rest) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        let mut parts = rest.trim().split('/');
        let encoding = parts.next().filter(|e| !e.is_empty())?.trim().to_string();
        let clock = parts.next()?.trim().parse().ok()?;
        let channels = parts.next().and_then(|c| c.trim().parse().ok()).unwrap_or(1);
        Some(RtpMap { payload_type, encoding, clock, channels })
    }
}

impl fmt::Display for RtpMap {
    /// The attribute's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.encoding, self.clock)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "/{}", self.channels) }
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{self, Inactive, RecvOnly, SendOnly, SendRecv};
    use super::*;

    #[test]
    fn an_answer_never_goes_beyond_its_offer() {
        for (offer, wish, answer) in [
            (SendRecv, SendRecv, SendRecv),
            (SendRecv, SendOnly, SendOnly),
            (SendOnly, SendRecv, RecvOnly),
            (SendOnly, SendOnly, Inactive),
            (RecvOnly, SendRecv, SendOnly),
            (Inactive, SendRecv, Inactive),
            (SendRecv, Inactive, Inactive),
        ] {
            assert_eq!(offer.answer(wish), answer, "{offer} {wish}");
            assert_eq!(Direction::from_flags(offer.sends(), offer.receives()), offer);
            assert_eq!(offer.reversed().reversed(), offer);
        }
    }

    #[test]
    fn rtpmaps_are_read_or_left() {
        let map = RtpMap::read("101  telephone-event/8000").unwrap();
        assert_eq!(map.to_string(), "101 telephone-event/8000");
        assert_eq!(RtpMap::read("96 opus/48000/2").unwrap().to_string(), "96 opus/48000/2");
        for bad in ["", "8", "8 PCMA", "8 /8000", "128 x/8000", "x y/1", "8 PCMA/fast"] {
            assert_eq!(RtpMap::read(bad), None, "{bad}");
        }
    }
}
