//! Where a SIP URI leads: RFC 3263, as questions and answers.
//!
//! A [`Search`] asks for records and is told them; what it ends with is a list of [`Place`]s in the order in which they are to be
//! tried. Whoever tries them remembers which did not answer (`trunk`). Invariants: a search asks at most [`bounds::LOCATE_QUESTIONS`] questions and
//! ends with at most [`bounds::PLACES`] places; without answers it ends when its owner tells it that the time is over.

mod order;
mod search;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use search::{Search, Step};

#[cfg(doc)]
use crate::base::bounds;
use crate::sip::{Host, Scheme, Transport, Uri};

/// What is looked for: the host of a URI with what else the URI says (RFC 3263 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Domain name or address.
    pub host: Domain,
    /// The port that the URI names.
    pub port: Option<u16>,
    /// The transport that it names.
    pub transport: Option<Transport>,
    /// Whether it is a `sips` URI.
    pub secure: bool,
}

/// A host that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// A name, in lower case.
    Name(Arc<str>),
    /// An address.
    Ip(IpAddr),
}

impl Wanted {
    /// What `uri` asks for; `None` when it has no host, or a transport that the switch does not speak.
    pub fn of(uri: &Uri<'_>) -> Option<Wanted> {
        let host = match uri.host()? {
            Host::Name(name) => Domain::Name(name.trim_end_matches('.').to_ascii_lowercase().into()),
            Host::Ip(ip) => Domain::Ip(ip),
        };
        let transport = match uri.params().get("transport") {
            None => None,
            Some(named) => match named.parse().ok()? {
                Transport::Ws | Transport::Wss => return None,
                spoken => Some(spoken),
            },
        };
        Some(Wanted { host, port: uri.port(), transport, secure: uri.scheme() == Scheme::Sips })
    }
}

/// A question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// NAPTR records of a domain (RFC 3403).
    Naptr(Arc<str>),
    /// SRV records of a service (RFC 2782), e.g. `_sip._udp.example.com`.
    Srv(Arc<str>),
    /// A and AAAA records of a host, and by which of our addresses each is reached. A numeric host is its own answer.
    Address(Arc<str>),
}

/// An answer. What does not exist, and what could not be asked in time, is [`Answer::Nothing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Address`], in the order of preference.
    Addresses(Vec<Path>),
    /// There is nothing.
    Nothing,
}

/// A NAPTR record whose flag is `s`; others lead nowhere in SIP (RFC 3263 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower first.
    pub order: u16,
    /// Among the same order, lower first.
    pub preference: u16,
    /// e.g. `SIPS+D2T`.
    pub service: String,
    /// The SRV name.
    pub replacement: Arc<str>,
}

/// A SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// Among the same priority, drawn in proportion to it.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` means that the service is decidedly not there.
    pub host: Arc<str>,
}

/// An address of a host and the one of ours that the system would send from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Ours.
    pub local: IpAddr,
    /// The host's.
    pub remote: IpAddr,
}

/// Somewhere to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Over what.
    pub transport: Transport,
    /// Our address.
    pub local: IpAddr,
    /// Where to.
    pub remote: SocketAddr,
}

#[cfg(test)]
mod tests;
