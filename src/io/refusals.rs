//! Peers whose machine refuses our datagrams (ICMP port unreachable).
//!
//! One refusal proves little: it may answer a late datagram to a program that has since begun anew, or be forged. A second one, for
//! what was sent again, says that nobody is there.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::Time;
use crate::sip::Flow;

/// Refusals closer together than this are of one volley; retransmissions lie T1 = 500 ms apart (RFC 3261 §17.1.1.1).
const VOLLEY: Duration = Duration::from_millis(200);

/// A refusal older than this has nothing to do with the next.
const MEMORY: Duration = Duration::from_secs(5);

/// Peers remembered; with more the oldest memories go.
const PEERS: usize = 1_024;

/// When each peer last began to refuse.
#[derive(Debug, Default)]
pub struct Refusals(HashMap<Flow, Time>);

impl Refusals {
    /// Notes a refusal by `flow`'s peer at `now`; says whether it is the second in a row.
    pub fn again(&mut self, now: Time, flow: Flow) -> bool {
        if self.0.len() >= PEERS {
            self.0.retain(|_, first| now.since(*first) < MEMORY);
        }
        match self.0.get(&flow).map(|first| now.since(*first)) {
            Some(gap) if gap < VOLLEY => false,
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
    fn only_a_second_refusal_says_that_nobody_is_there() {
        let local = "192.0.2.1:5060".parse().expect("an address");
        let remote = "192.0.2.9:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        let mut refusals = Refusals::default();
        for (ms, told) in [(0, false), (10, false), (500, true), (510, false), (9_000, false), (9_600, true)]
        {
            assert_eq!(refusals.again(Time::from_millis(ms), flow), told, "{ms}");
        }
    }
}
