//! Where a message came from and where it goes: transport, both addresses and, on streams, the connection.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A SIP transport (RFC 3261 §18, RFC 7118).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream in clear.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// WebSocket in clear (RFC 7118): one message a frame.
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Transport {
    /// As a Via header spells it: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// Whether the transport delivers (so that nothing is retransmitted over it): all but UDP.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// Whether the octets travel encrypted.
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// The port that is meant when none is written: 5061 under TLS, else 5060; 80 and 443 for WebSocket.
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = super::Malformed;

    /// Reads a transport in any case: `udp`, `TLS`, …
    fn from_str(text: &str) -> Result<Transport, super::Malformed> {
        [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(text))
            .ok_or(super::Malformed("unknown transport"))
    }
}

/// A path between this node and a peer: the pair of addresses and, on a stream, which connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address as the socket saw it.
    pub remote: SocketAddr,
    /// The connection's number, unique over the life of the node; 0 for UDP.
    pub connection: u64,
}
