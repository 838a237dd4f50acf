//! The ports of all workers: pairs, handed out oldest first, so that a late packet of an ended call meets nobody.
//!
//! The one lock of the data plane; it is taken when a leg opens or closes, for the length of a queue operation.
//! Invariant: a pair is free or leased, and a lease that goes gives it back.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// A pair that is nobody else's while this lives.
#[derive(Debug)]
pub(super) struct Lease {
    ports: Arc<Ports>,
    port: u16,
}

impl Lease {
    /// The even port of the two.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.port);
    }
}

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
    pub(super) fn take(self: &Arc<Ports>) -> Option<Lease> {
        let port = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        Some(Lease { ports: Arc::clone(self), port })
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
        let ports = Arc::new(Ports::new(65_530..=65_535));
        drop(ports.take().unwrap());
        let leases: Vec<Lease> = std::iter::from_fn(|| ports.take()).collect();
        assert_eq!(leases.iter().map(Lease::port).collect::<Vec<_>>(), [65_532, 65_534, 65_530]);
        drop(leases);
        assert_eq!(ports.free(), 3);
    }
}
