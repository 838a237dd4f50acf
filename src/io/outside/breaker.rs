//! Whether a host is worth asking: one that has failed several times in a row is left alone for a while, so that callers do not
//! wait for what will not come.
//!
//! Invariant: while a host is left alone nobody waits for it; afterwards one question at a time tries it.

use std::time::{Duration, Instant};

use crate::base::Wall;
use crate::base::bounds::{OUTSIDE_FAILURES, OUTSIDE_REST};

/// What is known of a host's health. Only what speaks of the host itself counts: no connection, no answer in time, 5xx. A wrong
/// answer is an answer.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until when nobody asks; the first who asks after it tries for all.
    until: Option<Instant>,
    /// Since when it does not answer, for people.
    since: Option<Wall>,
}

impl Breaker {
    /// Whether somebody may ask now.
    ///
    /// # Errors
    /// How much longer nobody may.
    pub fn enter(&mut self, now: Instant) -> Result<(), Duration> {
        match self.until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // Whoever asks now tries for all; the others stay away until it is known how that went.
                self.until = Some(now + OUTSIDE_REST);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// It has answered. True when it had been left alone.
    pub fn good(&mut self) -> bool {
        let was = self.until.is_some();
        *self = Breaker::default();
        was
    }

    /// It has not. True when it is left alone from now on.
    pub fn bad(&mut self, now: Instant, wall: Wall) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.since = self.since.or(Some(wall));
        if self.failures < OUTSIDE_FAILURES {
            return false;
        }
        let fresh = self.until.is_none();
        self.until = Some(now + OUTSIDE_REST);
        fresh
    }

    /// Since when it is left alone.
    pub fn since(&self) -> Option<Wall> {
        self.since.filter(|_| self.until.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Wall = Wall::from_micros(7);

    #[test]
    fn a_dead_host_is_left_alone_and_tried_by_one() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..OUTSIDE_FAILURES {
            assert!(!breaker.bad(now, WALL) && breaker.enter(now).is_ok());
        }
        assert!(breaker.bad(now, WALL), "said once");
        assert!(!breaker.bad(now, WALL));
        assert_eq!((breaker.enter(now), breaker.since()), (Err(OUTSIDE_REST), Some(WALL)));
        let later = now + OUTSIDE_REST;
        assert!(breaker.enter(later).is_ok(), "one tries");
        assert!(breaker.enter(later).is_err(), "the others wait for what comes of it");
        breaker.bad(later, WALL);
        assert!(breaker.enter(later + OUTSIDE_REST / 2).is_err());
        assert!(breaker.good());
        assert!(breaker.enter(later).is_ok() && breaker.since().is_none() && !breaker.good());
    }

    #[test]
    fn a_host_that_answers_now_and_then_is_asked() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            for _ in 1..OUTSIDE_FAILURES {
                breaker.bad(now, WALL);
            }
            assert!(breaker.enter(now).is_ok() && !breaker.good());
        }
    }
}
