//! Peers whose machine refuses our datagrams (ICMP port unreachable).
//!
//! One refusal proves little: it may answer a late datagram to a program that has since begun anew, come from a phone that is just
//! starting, or be forged. A peer that still refuses when it has been sent to again for a second is not there.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::Time;
use crate::sip::Flow;

/// How long a peer must have refused. Retransmissions come at 0.5 and 1.5 s (RFC 3261 §17.1.1.1), so the second of them tells.
const PATIENCE: Duration = Duration::from_secs(1);

/// A refusal older than this has nothing to do with the next.
const MEMORY: Duration = Duration::from_secs(5);

/// Peers remembered; with more the oldest memories go.
const PEERS: usize = 1_024;

/// When each peer last began to refuse.
#[derive(Debug, Default)]
pub struct Refusals(HashMap<Flow, Time>);

impl Refusals {
    /// Notes a refusal by `flow`'s peer at `now`; says whether it has refused for long enough to be taken for gone.
    pub fn again(&mut self, now: Time, flow: Flow) -> bool {
        if self.0.len() >= PEERS {
            self.0.retain(|_, first| now.since(*first) < MEMORY);
        }
        match self.0.get(&flow).map(|first| now.since(*first)) {
            Some(gap) if gap < PATIENCE => false,
            Some(gap) if gap < MEMORY => {
                self.0.remove(&flow);
                true
            }
            _ => {
                if self.0.len() < PEERS {
                    self.0.insert(flow, now);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    #[test]
    fn only_a_peer_that_goes_on_refusing_is_not_there() {
        let local = "192.0.2.1:5060".parse().expect("an address");
        let remote = "192.0.2.9:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        let mut refusals = Refusals::default();
        for (ms, told) in [
            (0, false),
            (10, false),
            (500, false),
            (1_500, true),
            (1_510, false),
            (9_000, false),
            (9_600, false),
            (10_600, true),
        ] {
            assert_eq!(refusals.again(Time::from_millis(ms), flow), told, "{ms}");
        }
    }
}
