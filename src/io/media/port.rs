//! The ports of all workers: pairs, handed out oldest first, so that a late packet of an ended call meets nobody.
//!
//! The one lock of the data plane; it is taken when a leg opens or closes, for the length of a queue operation.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// Free pairs by their even port.
#[derive(Debug)]
pub(super) struct Ports {
    free: Mutex<VecDeque<u16>>,
}

impl Ports {
    /// All pairs (even, odd above it) that lie in `range`.
    pub(super) fn new(range: RangeInclusive<u16>) -> Ports {
        let (first, last) = (*range.start(), *range.end());
        // Port 0 asks the kernel for any port and is none itself.
        let pairs = (first.max(1)..last).filter(|port| port % 2 == 0);
        Ports { free: Mutex::new(pairs.collect()) }
    }

    /// The pair that has been free for longest.
    pub(super) fn take(&self) -> Option<u16> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Gives a pair back.
    pub(super) fn give(&self, port: u16) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(port);
    }

    /// How many pairs are free.
    pub(super) fn free(&self) -> usize {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_lie_in_the_range_and_are_used_in_turn() {
        for (range, pairs) in
            [(20_000..=20_005, 3), (20_001..=20_004, 1), (20_001..=20_003, 1), (4..=4, 0), (0..=3, 1)]
        {
            assert_eq!(Ports::new(range.clone()).free(), pairs, "{range:?}");
        }
        let ports = Ports::new(65_530..=65_535);
        let first = ports.take().unwrap();
        ports.give(first);
        let order: Vec<_> = std::iter::from_fn(|| ports.take()).collect();
        assert_eq!(order, [65_532, 65_534, 65_530]);
    }
}
