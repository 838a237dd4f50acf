//! A media section: one `m=` line and what stands under it.

use std::fmt;
use std::net::IpAddr;

use super::attribute::{Attribute, Direction, RtpMap};
use super::session::Connection;

/// What a media section carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `image` (T.38)
    Image,
    /// `application`
    Application,
    /// `text`
    Text,
    /// `message`
    Message,
    /// Any other, as written.
    Other(String),
}

/// One media section (RFC 8866 §5.14).
///
/// `attributes` is the only truth; `rtpmap`, `ptime`, `direction` … read it, the `set_…` functions change it in place.
/// `Debug` shows the `m=` line only: attributes may hold keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// What it carries.
    pub kind: Kind,
    /// The port; 0 refuses the section (RFC 3264 §6).
    pub port: u16,
    /// How many ports, when `port/n` is written.
    pub port_count: Option<u16>,
    /// The protocol as written: `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF`, `udptl` ….
    pub protocol: String,
    /// The formats in order of preference, as written; for RTP they are payload types.
    pub formats: Vec<String>,
    /// The section's own `c=`.
    pub connection: Option<Connection>,
    /// Lines `i= b= k=` and unknown ones in their order, as letter and text.
    pub lines: Vec<(char, String)>,
    /// Attributes in their order.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// An empty section.
    pub fn new(kind: Kind, port: u16, protocol: impl Into<String>) -> Media {
        Media {
            kind,
            port,
            port_count: None,
            protocol: protocol.into(),
            formats: Vec::new(),
            connection: None,
            lines: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// The answer that refuses `self`: the same line with port 0, no attributes (RFC 3264 §6).
    pub fn refused(&self) -> Media {
        Media { formats: self.formats.clone(), ..Media::new(self.kind.clone(), 0, self.protocol.clone()) }
    }

    /// Adds a format of RTP: its number to the `m=` line, its rtpmap and (if given) its fmtp to the attributes.
    pub fn push_format(&mut self, map: &RtpMap, fmtp: Option<&str>) {
        self.formats.push(map.payload_type.to_string());
        self.attributes.push(Attribute::new("rtpmap", map.to_string()));
        if let Some(fmtp) = fmtp {
            self.attributes.push(Attribute::new("fmtp", format!("{} {fmtp}", map.payload_type)));
        }
    }

    /// Whether the protocol is a profile of RTP.
    pub fn is_rtp(&self) -> bool {
        self.protocol.to_ascii_uppercase().contains("RTP/")
    }

    /// The formats that are payload types, in order of preference.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|f| f.parse().ok()).filter(|pt| *pt < 128)
    }

    /// The values of all attributes called `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |a| a.name == name).map(Attribute::value)
    }

    /// Whether there is an attribute called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name == name)
    }

    /// The rtpmap of a payload type, as written. Static types often have none: ask the payload type table then.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        let of_type = |value: &&str| RtpMap::payload_type_of(value) == Some(payload_type);
        self.values("rtpmap").filter(of_type).find_map(RtpMap::read)
    }

    /// The format parameters of a payload type: what stands behind `a=fmtp:payload_type `.
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        self.values("fmtp").find_map(|value| {
            let (number, rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
            (number.parse() == Ok(payload_type)).then_some(rest.trim())
        })
    }

    /// `a=ptime` in milliseconds.
    pub fn ptime_ms(&self) -> Option<u16> {
        self.values("ptime").find_map(|v| v.trim().parse().ok())
    }

    /// The section's own direction.
    pub fn direction(&self) -> Option<Direction> {
        self.attributes.iter().find_map(|a| Direction::of(&a.name))
    }

    /// Writes the direction in place of an old one.
    pub fn set_direction(&mut self, direction: Direction) {
        self.attributes.retain(|a| Direction::of(&a.name).is_none());
        self.attributes.push(Attribute::flag(direction.as_str()));
    }

    /// Writes `a=name:value` in place of the old ones of that name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.attributes.retain(|a| a.name != name);
        self.attributes.push(Attribute::new(name, value));
    }

    /// Adds `a=name:value` behind those that are there.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.attributes.push(Attribute::new(name, value));
    }

    /// `a=rtcp:port [IN IP4|IP6 address]` (RFC 3605).
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        let value = self.values("rtcp").next()?;
        let mut parts = value.split_ascii_whitespace();
        let port = parts.next()?.parse().ok().filter(|p| *p != 0)?;
        Some((port, parts.nth(2).and_then(|a| a.parse().ok())))
    }

    /// The `a=crypto` values as written (RFC 4568). They hold keys: never log them.
    pub fn crypto(&self) -> impl Iterator<Item = &str> {
        self.values("crypto")
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.kind, self.port, self.protocol, self.formats.join(" "))
    }
}

impl Kind {
    pub(super) fn read(text: &str) -> Kind {
        match text.to_ascii_lowercase().as_str() {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            "image" => Kind::Image,
            "application" => Kind::Application,
            "text" => Kind::Text,
            "message" => Kind::Message,
            _ => Kind::Other(text.to_string()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Image => "image",
            Kind::Application => "application",
            Kind::Text => "text",
            Kind::Message => "message",
            Kind::Other(text) => text,
        })
    }
}
