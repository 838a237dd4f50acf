//! Source lock: whose packets are a leg's, and where the leg is answered.
//!
//! Symmetric RTP (RFC 4961) with the announced address first. Invariant: once locked, only the announced address can take
//! the lock over; a third address neither gets in nor is sent to, however early or often it sends.

use std::net::SocketAddr;

use super::Trust;

/// Whose packets are taken on one channel (RTP or RTCP) of one leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    announced: SocketAddr,
    trust: Trust,
    locked: Option<SocketAddr>,
}

/// What a sender is to the leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The locked source.
    Known,
    /// May become the locked source, if the packet itself is sound.
    Candidate,
    /// Nobody.
    Stranger,
}

impl Source {
    pub(super) fn new(announced: SocketAddr, trust: Trust) -> Source {
        Source { announced, trust, locked: None }
    }

    pub(super) fn judge(&self, from: SocketAddr) -> Verdict {
        // Nearly every packet ends here.
        if self.locked == Some(from) || self.locked.is_some_and(|locked| same(locked, from)) {
            return Verdict::Known;
        }
        if same(self.announced, from) && self.reachable() {
            return Verdict::Candidate;
        }
        let welcome = self.locked.is_none()
            && match self.trust {
                Trust::Announced => false,
                Trust::Signalled(ip) => from.ip().to_canonical() == ip.to_canonical(),
                Trust::First => true,
            };
        if welcome { Verdict::Candidate } else { Verdict::Stranger }
    }

    /// Locks to a candidate.
    pub(super) fn lock(&mut self, from: SocketAddr) {
        self.locked = Some(from);
    }

    pub(super) fn locked(&self) -> Option<SocketAddr> {
        self.locked
    }

    /// Where to send: the locked source, else the announced address unless it is a hold's (RFC 3264 §8.4's 0.0.0.0).
    pub(super) fn target(&self) -> Option<SocketAddr> {
        self.locked.or_else(|| self.reachable().then_some(self.announced))
    }

    /// The one address that can ever be heard, when there is only one left: then the kernel can hold the door.
    pub(super) fn only(&self) -> Option<SocketAddr> {
        match self.locked {
            Some(locked) => same(locked, self.announced).then_some(locked),
            None => (self.trust == Trust::Announced && self.reachable()).then_some(self.announced),
        }
    }

    /// Whether a new aim means the same far end, so that its lock stays.
    pub(super) fn agrees(&self, announced: SocketAddr, trust: Trust) -> bool {
        same(self.announced, announced) && self.trust == trust
    }

    fn reachable(&self) -> bool {
        !self.announced.ip().is_unspecified() && self.announced.port() != 0
    }
}

/// The one address that RTCP may come from, by what SDP announced and by where RTP comes from: as announced while RTP does, else the
/// port above RTP's. A NAT that does not keep pairs together costs reports, never a stranger's entrance.
pub(super) fn rtcp_of(rtp: SocketAddr, rtcp: Option<SocketAddr>, locked: Option<SocketAddr>) -> SocketAddr {
    let above = |rtp: SocketAddr| SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(0));
    match locked.filter(|locked| !same(*locked, rtp)) {
        Some(locked) => above(locked),
        None => rtcp.unwrap_or_else(|| above(rtp)),
    }
}

/// Whether two addresses are one: IPv6 flow labels and zones do not tell senders apart, nor does IPv4 written as IPv6.
pub(super) fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::Verdict::*;
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_those_who_may_are_heard() {
        let nat = Trust::Signalled("203.0.113.7".parse().unwrap());
        let (announced, inside) = (at("198.51.100.1:4000"), at("192.168.1.5:4000"));
        // announced, trust, locked to, sender, verdict
        for (announced, trust, locked, from, verdict) in [
            (announced, Trust::Announced, None, "198.51.100.1:4000", Candidate),
            (announced, Trust::Announced, None, "198.51.100.1:4002", Stranger),
            (announced, Trust::Announced, None, "203.0.113.9:4000", Stranger),
            (announced, Trust::Announced, Some("198.51.100.1:4000"), "198.51.100.1:4000", Known),
            (announced, Trust::Announced, Some("198.51.100.1:4000"), "203.0.113.9:4000", Stranger),
            (inside, nat, None, "203.0.113.7:61000", Candidate),
            (inside, nat, None, "203.0.113.8:61000", Stranger),
            (inside, nat, Some("203.0.113.7:61000"), "203.0.113.7:61001", Stranger),
            (inside, nat, Some("203.0.113.7:61000"), "192.168.1.5:4000", Candidate),
            (inside, nat, Some("192.168.1.5:4000"), "203.0.113.7:61000", Stranger),
            (inside, Trust::First, None, "203.0.113.8:1", Candidate),
            (inside, Trust::First, Some("203.0.113.8:1"), "203.0.113.9:1", Stranger),
            (inside, Trust::First, Some("203.0.113.8:1"), "192.168.1.5:4000", Candidate),
            (at("[::ffff:198.51.100.1]:4000"), Trust::Announced, None, "198.51.100.1:4000", Candidate),
            (
                inside,
                Trust::Signalled("::ffff:203.0.113.7".parse().unwrap()),
                None,
                "203.0.113.7:61000",
                Candidate,
            ),
            (at("0.0.0.0:4000"), Trust::Announced, None, "0.0.0.0:4000", Stranger),
        ] {
            let mut source = Source::new(announced, trust);
            if let Some(locked) = locked {
                source.lock(at(locked));
            }
            assert_eq!(source.judge(at(from)), verdict, "{announced} {trust:?} {locked:?} <- {from}");
        }
    }

    #[test]
    fn a_held_address_is_not_sent_to() {
        assert_eq!(Source::new(at("0.0.0.0:4000"), Trust::Announced).target(), None);
        assert_eq!(Source::new(at("198.51.100.1:0"), Trust::Announced).target(), None);
        assert_eq!(Source::new(at("[::]:4000"), Trust::First).only(), None);
    }

    #[test]
    fn the_door_closes_only_on_a_certain_source() {
        let mut source = Source::new(at("192.168.1.5:4000"), Trust::First);
        assert_eq!(source.only(), None);
        source.lock(at("203.0.113.7:9"));
        assert_eq!((source.only(), source.target()), (None, Some(at("203.0.113.7:9"))));
        source.lock(at("192.168.1.5:4000"));
        assert_eq!(source.only(), Some(at("192.168.1.5:4000")));
        let certain = Source::new(at("198.51.100.1:4000"), Trust::Announced);
        assert_eq!(certain.only(), Some(at("198.51.100.1:4000")));
    }
}
