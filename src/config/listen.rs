//! Where SIP is listened for: `udp://0.0.0.0:5060`, `tls://[2001:db8::1]:5061`.

use std::fmt;
use std::net::SocketAddr;

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS (`[tls]` says with which certificate).
    Tls,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Udp => "udp",
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
        }
    }
}

/// One listener: what it speaks and the address it is bound to. The address may be a wildcard; the port may be 0 (the
/// system picks one), which only tests and the demo want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listen {
    /// What it speaks.
    pub scheme: Scheme,
    /// Where it is bound.
    pub address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.address)
    }
}

/// What is wrong with a listener, and what would mend it.
pub(super) struct Wrong {
    pub what: String,
    pub hint: String,
}

/// Reads `udp://ADDRESS:PORT`, `tcp://…` or `tls://…`; an IPv6 address stands in brackets.
pub(super) fn parse(text: &str) -> Result<Listen, Wrong> {
    let wrong = |what: String, hint: &str| Wrong { what, hint: hint.to_string() };
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong(
            format!("`{text}` does not name a transport"),
            "write udp://ADDRESS:PORT, tcp://ADDRESS:PORT or tls://ADDRESS:PORT",
        ));
    };
    let scheme = match scheme {
        "udp" => Scheme::Udp,
        "tcp" => Scheme::Tcp,
        "tls" => Scheme::Tls,
        "ws" | "wss" => {
            return Err(wrong(
                format!("{scheme}:// is reserved and not served by this version"),
                "phones in a browser are served by a later version; others speak udp, tcp or tls",
            ));
        }
        other => return Err(wrong(format!("there is no transport `{other}`"), "transports: udp, tcp, tls")),
    };
    match rest.parse() {
        Ok(address) => Ok(Listen { scheme, address }),
        Err(_) => Err(wrong(format!("`{rest}` is not ADDRESS:PORT"), address_hint(rest))),
    }
}

fn address_hint(rest: &str) -> &'static str {
    if rest.parse::<std::net::IpAddr>().is_ok() {
        "add the port: 5060 is SIP's; an IPv6 address stands in brackets: [2001:db8::1]:5060"
    } else {
        "write a numeric address; 0.0.0.0 is every IPv4 address of the machine, [::] every IPv6 address"
    }
}
