//! When frames are made: one grid of 5 ms a worker, each playing leg visited at every fourth step.
//!
//! One timer for all, however many play; spreading over four phases keeps bursts a quarter of what they were.
//! Invariant: after a stall at most [`CATCH_UP`] steps are made good, so that no leg gets more than three frames at once.

use crate::base::Time;

use super::LegKey;

/// One step of the grid.
pub(super) const STEP_US: u64 = 5_000;
/// Steps between two frames of one leg: 20 ms.
pub(super) const PHASES: u64 = 4;
/// Steps that are made good after a stall: 60 ms.
const CATCH_UP: u64 = 12;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The next step to be made, counted from time zero.
    step: u64,
    phases: [Vec<LegKey>; PHASES as usize],
    members: usize,
}

impl Pace {
    /// Begins with the step after `now`: nothing kept the grid going until here.
    pub(super) fn restart(&mut self, now: Time) {
        self.step = now.as_micros() / STEP_US + 1;
    }

    /// Visits `key` every 20 ms, from the next step on unless it is to keep step with others in their `phase`; the phase.
    /// `idle`: nothing else keeps the grid going.
    pub(super) fn add(&mut self, now: Time, key: LegKey, idle: bool, phase: Option<u8>) -> u8 {
        let next = now.as_micros() / STEP_US + 1;
        if idle && self.members == 0 {
            self.restart(now);
        }
        let phase = phase.unwrap_or((next % PHASES) as u8);
        if let Some(members) = self.phases.get_mut(usize::from(phase)) {
            members.push(key);
            self.members += 1;
        }
        phase
    }

    /// Steps that were missed for a long time are not made.
    pub(super) fn skip(&mut self, now: Time) {
        self.step = self.step.max((now.as_micros() / STEP_US + 1).saturating_sub(CATCH_UP));
    }

    /// The next step, if its time has come.
    pub(super) fn next(&mut self, now: Time) -> Option<u64> {
        let step = self.step;
        (step * STEP_US <= now.as_micros()).then(|| {
            self.step += 1;
            step
        })
    }

    /// Lends the legs of a step; they are given back with [`Pace::give`].
    pub(super) fn take(&mut self, step: u64) -> Vec<LegKey> {
        let legs = self.phases.get_mut((step % PHASES) as usize).map(std::mem::take).unwrap_or_default();
        self.members -= legs.len();
        legs
    }

    /// Takes the legs of a step back, less those that are done.
    pub(super) fn give(&mut self, step: u64, mut legs: Vec<LegKey>) {
        self.members += legs.len();
        if let Some(phase) = self.phases.get_mut((step % PHASES) as usize) {
            // Whoever was added while they were lent comes behind them.
            legs.append(phase);
            *phase = legs;
        }
    }

    /// When the next step is due on which something is to be done: any while legs play, every fourth for `taps`.
    pub(super) fn deadline(&self, taps: bool) -> Option<Time> {
        let step = if self.members > 0 {
            self.step
        } else if taps {
            self.step.next_multiple_of(PHASES)
        } else {
            return None;
        };
        Some(Time::from_micros(step * STEP_US))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_is_visited_every_20_ms_and_a_stall_is_made_good_in_part() {
        let key = LegKey::from_parts(3, 1);
        let mut pace = Pace::default();
        pace.add(Time::from_millis(1_002), key, true, None);
        let mut visits = Vec::new();
        let mut now = Time::from_millis(1_002);
        for _ in 0..40 {
            now = now.max(pace.deadline(false).unwrap());
            pace.skip(now);
            while let Some(step) = pace.next(now) {
                let legs = pace.take(step);
                visits.extend(legs.iter().map(|_| now.as_micros() / 1_000));
                pace.give(step, legs);
            }
            if visits.len() == 5 {
                now = Time::from_millis(5_000); // stall
            }
        }
        assert_eq!(visits[..5], [1_005, 1_025, 1_045, 1_065, 1_085]);
        assert_eq!(visits[5..9], [5_000, 5_000, 5_000, 5_005]);
    }
}
