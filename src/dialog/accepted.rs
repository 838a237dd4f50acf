//! A 2xx of ours until its ACK comes: RFC 3261 §13.3.1.4. The user repeats it over streams too, since the loss may be behind a proxy.
//!
//! Invariant: it rings at T1, then at doubled gaps up to T2, and for the last time 64 × T1 after it was sent.

use std::time::Duration;

use crate::base::Time;
use crate::transaction::{T1, T2, TRIES};

/// What to do when it rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ring {
    /// Send the 2xx again ([`crate::transaction::Layer::repeat`]) and set the alarm to [`Accepted::due`].
    Repeat,
    /// No ACK came: the dialog is confirmed but the session is to be ended with BYE.
    GiveUp,
}

/// The wait for one ACK. It is over when the ACK comes: drop it then, and clear its alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    gap: Duration,
    due: Time,
    end: Time,
}

impl Accepted {
    /// A 2xx was sent at `now`.
    pub fn new(now: Time) -> Accepted {
        Accepted { gap: T1, due: now + T1, end: now + TRIES }
    }

    /// When it rings next.
    pub fn due(&self) -> Time {
        self.due
    }

    /// It rings.
    pub fn ring(&mut self, now: Time) -> Ring {
        if now >= self.end {
            return Ring::GiveUp;
        }
        self.gap = (self.gap * 2).min(T2);
        self.due = (now + self.gap).min(self.end);
        Ring::Repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_repeated_with_growing_gaps_until_64_t1() {
        let start = Time::from_millis(1_000);
        let mut accepted = Accepted::new(start);
        let mut rings = Vec::new();
        let end = loop {
            let now = accepted.due();
            match accepted.ring(now) {
                Ring::Repeat => rings.push((now - start).as_millis()),
                Ring::GiveUp => break (now - start).as_millis(),
            }
        };
        assert_eq!(rings, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, 32_000);
    }
}
