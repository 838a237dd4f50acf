//! The session level: origin, connection, time, attributes; and what a media section inherits from it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::attribute::{Attribute, Direction};
use super::media::Media;

/// One session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `o=`.
    pub origin: Origin,
    /// `s=`; `-` when there is nothing to say.
    pub name: String,
    /// `c=` of the session; a media section may have its own.
    pub connection: Option<Connection>,
    /// Lines `i= u= e= p= b= t= r= z= k=` in their order, as letter and text. Without any `t=`, `t=0 0` is written.
    pub lines: Vec<(char, String)>,
    /// Session-level attributes in their order.
    pub attributes: Vec<Attribute>,
    /// The media sections in their order. An answer has as many as its offer.
    pub media: Vec<Media>,
}

/// `o=username id version IN IP4|IP6 address` (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` when there is none.
    pub username: String,
    /// Session id as written (a number, sometimes longer than 64 bits).
    pub id: String,
    /// Version as written; it rises by one with every change.
    pub version: String,
    /// Where the session was made.
    pub address: Address,
}

/// An address as `o=`, `c=` and `a=rtcp` write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address.
    Ip(IpAddr),
    /// A name, or whatever else stood there.
    Name(String),
}

/// `c=IN IP4|IP6 address[/ttl]` (RFC 8866 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address; `0.0.0.0` (hold in RFC 2543's way) is kept as it is.
    pub address: Address,
    /// What stood behind a slash (multicast), as written.
    pub suffix: Option<String>,
}

impl Session {
    /// A description with no media: `s=-`, `t=0 0`, the connection at `address`.
    pub fn new(address: IpAddr, id: u64, version: u64) -> Session {
        Session {
            origin: Origin {
                username: "-".into(),
                id: id.to_string(),
                version: version.to_string(),
                address: Address::Ip(address),
            },
            name: "-".into(),
            connection: Some(Connection::new(address)),
            lines: vec![('t', "0 0".into())],
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Reads a body. Line ends may be CRLF or LF; text that is not UTF-8 is replaced; missing `o=`, `s=` or `t=` are forgiven.
    ///
    /// # Errors
    /// [`super::NotSdp`]: no `v=0` in front, a broken `m=`, `c=` or `o=` line, or more lines, media or formats than the bounds.
    pub fn parse(body: &[u8]) -> Result<Session, super::NotSdp> {
        super::parse::session(body)
    }

    /// The description with CRLF line ends, lines in RFC 8866's order, attributes in their own.
    pub fn to_bytes(&self) -> bytes::Bytes {
        self.to_string().into()
    }

    /// The connection that holds for `media`: its own, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction that holds for `media`: its own, else the session's, else both ways. The address does not count here.
    pub fn direction_of(&self, media: &Media) -> Direction {
        media
            .direction()
            .or_else(|| self.attributes.iter().find_map(|a| Direction::of(&a.name)))
            .unwrap_or_default()
    }

    /// Whether `media` is held in one of the three notations: `sendonly`, `inactive`, or the unspecified address.
    pub fn is_held(&self, media: &Media) -> bool {
        !self.direction_of(media).receives()
            || self.connection_of(media).and_then(|c| c.address.ip()).is_some_and(|ip| ip.is_unspecified())
    }

    /// Where `media` wants its RTP; `None` without an IP address or with port 0.
    pub fn rtp_of(&self, media: &Media) -> Option<SocketAddr> {
        let ip = self.connection_of(media)?.address.ip()?;
        (media.port != 0).then(|| SocketAddr::new(ip, media.port))
    }

    /// Where `media` wants its RTCP: `a=rtcp` (RFC 3605), the RTP port under `a=rtcp-mux` (RFC 5761), else the port above it.
    pub fn rtcp_of(&self, media: &Media) -> Option<SocketAddr> {
        let rtp = self.rtp_of(media)?;
        if media.has("rtcp-mux") {
            return Some(rtp);
        }
        match media.rtcp() {
            Some((port, address)) => Some(SocketAddr::new(address.unwrap_or(rtp.ip()), port)),
            None => Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)),
        }
    }

    /// The first media section of audio that is not refused (port 0), and its index.
    pub fn audio(&self) -> Option<(usize, &Media)> {
        self.media.iter().enumerate().find(|(_, m)| m.kind == super::Kind::Audio && m.port != 0)
    }
}

impl Connection {
    /// A unicast connection.
    pub const fn new(address: IpAddr) -> Connection {
        Connection { address: Address::Ip(address), suffix: None }
    }
}

impl Address {
    /// The address, if it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::Ip(ip) => Some(*ip),
            Address::Name(_) => None,
        }
    }

    /// Reads an address or a name.
    pub(super) fn read(text: &str) -> Address {
        text.parse().map_or_else(|_| Address::Name(text.to_string()), Address::Ip)
    }
}

impl fmt::Display for Address {
    /// With its network and address type: `IN IP4 192.0.2.1`. A name is written as IP4.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Address::Ip(ip) => write!(f, "IN IP4 {ip}"),
            Address::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}
