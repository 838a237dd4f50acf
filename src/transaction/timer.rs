//! The timers of RFC 3261 table 4 and RFC 6026, by their letters, and two of our own.
//!
//! Invariant: a timer that a transport does not need is either never set (`None`) or rings at once (zero), as table 4 says.

use std::time::Duration;

use crate::base::bounds;

/// Round-trip estimate (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest gap between retransmissions of a non-INVITE request or of a response to an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time that a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 × T1: how long a transaction tries.
pub const TRIES: Duration = Duration::from_secs(32);

/// A timer of some transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// INVITE client: retransmit over UDP.
    A,
    /// INVITE client: give up on any answer.
    B,
    /// INVITE client: give up on a final answer (a proxy's timer, RFC 3261 §16.6 item 11; as B2BUA we need it as much).
    C,
    /// INVITE client: absorb retransmitted failures.
    D,
    /// Non-INVITE client: retransmit over UDP.
    E,
    /// Non-INVITE client: give up.
    F,
    /// INVITE server: retransmit a failure over UDP.
    G,
    /// INVITE server: give up on the ACK.
    H,
    /// INVITE server: absorb retransmitted ACKs.
    I,
    /// Non-INVITE server: absorb retransmitted requests.
    J,
    /// Non-INVITE client: absorb retransmitted responses.
    K,
    /// INVITE server: absorb retransmitted INVITEs after a 2xx (RFC 6026).
    L,
    /// INVITE client: pass up retransmitted 2xx and those of other forks (RFC 6026).
    M,
    /// INVITE server: a 100 Trying is due unless the user has answered (RFC 3261 §17.2.1).
    Trying,
    /// INVITE client: nothing final came for 64 × T1 after the CANCEL (RFC 3261 §9.1).
    Cancel,
    /// Non-INVITE server: our own user said nothing while the peer was waiting.
    Silent,
}

impl Timer {
    /// How long after it is set the timer rings for the first time; `None`: not set over this transport.
    pub const fn first(self, reliable: bool) -> Option<Duration> {
        use Timer::*;
        match (self, reliable) {
            (A | E | G, false) => Some(T1),
            (A | E | G, true) => None,
            (B | F | H | L | M | Cancel | Silent, _) => Some(TRIES),
            (C, _) => Some(bounds::TIMER_C),
            (D | J, false) => Some(TRIES),
            (I | K, false) => Some(T4),
            (D | I | J | K, true) => Some(Duration::ZERO),
            (Trying, _) => Some(Duration::from_millis(200)),
        }
    }

    /// The gap after `gap` for the timers that ring again; `calm` is a non-INVITE client that has heard a provisional response.
    pub fn next(self, gap: Duration, calm: bool) -> Option<Duration> {
        match self {
            Timer::A => Some(gap * 2),
            Timer::E if calm => Some(T2),
            Timer::E | Timer::G => Some((gap * 2).min(T2)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gaps of a timer from its first ring until `TRIES` is over, in milliseconds.
    fn gaps(timer: Timer) -> Vec<u128> {
        let mut gap = timer.first(false).expect("set over UDP");
        let mut total = Duration::ZERO;
        let mut all = Vec::new();
        while total + gap < TRIES {
            all.push(gap.as_millis());
            total += gap;
            gap = timer.next(gap, false).expect("rings again");
        }
        all
    }

    #[test]
    fn retransmissions_back_off_as_the_rfc_draws_them() {
        assert_eq!(gaps(Timer::A), [500, 1_000, 2_000, 4_000, 8_000, 16_000]);
        assert_eq!(gaps(Timer::E), [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000]);
        assert_eq!(gaps(Timer::G), gaps(Timer::E));
        assert_eq!(Timer::E.next(T1, true), Some(T2));
        assert_eq!(Timer::B.next(T1, false), None);
    }

    #[test]
    fn streams_need_neither_retransmission_nor_waiting() {
        for timer in [Timer::A, Timer::E, Timer::G] {
            assert_eq!(timer.first(true), None, "{timer:?}");
        }
        for timer in [Timer::D, Timer::I, Timer::J, Timer::K] {
            assert_eq!(timer.first(true), Some(Duration::ZERO), "{timer:?}");
        }
        for timer in [Timer::L, Timer::M, Timer::B, Timer::F, Timer::H] {
            assert_eq!(timer.first(true), Some(TRIES), "{timer:?}");
        }
    }
}
