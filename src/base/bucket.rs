//! What bounds how often something may happen, and tables of such bounds that strangers cannot fill.
//!
//! Invariant: a [`Bucket`] never holds more than its depth; a [`Recent`] never holds more than its bound, whoever asks.

use std::collections::HashMap;
use std::hash::Hash;

use super::Time;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens a second; 0: without limit.
    pub per_s: u32,
    /// Tokens at most: what may happen at once after a rest.
    pub burst: u32,
}

impl Rate {
    /// Never in the way.
    pub const UNLIMITED: Rate = Rate { per_s: 0, burst: 0 };
}

/// A token bucket, as a value: it is given the time and tells whether there is a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Millionths of a token.
    level: u64,
    at: Time,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub fn full(now: Time, rate: Rate) -> Bucket {
        Bucket { level: u64::from(rate.burst) * TOKEN, at: now }
    }

    /// Takes `tokens`, if they are there.
    pub fn take(&mut self, now: Time, rate: Rate, tokens: u32) -> bool {
        if rate.per_s == 0 {
            return true;
        }
        let passed_us = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let depth = u64::from(rate.burst) * TOKEN;
        self.level = self.level.saturating_add(passed_us.saturating_mul(u64::from(rate.per_s))).min(depth);
        self.at = now;
        let wanted = u64::from(tokens) * TOKEN;
        let there = self.level >= wanted;
        if there {
            self.level -= wanted;
        }
        there
    }
}

/// The values of the keys that were asked for lately: at most `bound` of them, the longest unused forgotten first (in halves).
#[derive(Debug, Clone)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// An empty table for at most `bound` keys.
    pub fn new(bound: usize) -> Recent<K, V> {
        Recent { young: HashMap::new(), old: HashMap::new(), half: (bound / 2).max(1) }
    }

    /// The value of `key`, which counts as used now; made by `new` when there is none.
    pub fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        let mut known = None;
        if !self.young.contains_key(&key) {
            known = self.old.remove(&key);
            if self.young.len() >= self.half {
                self.old = std::mem::take(&mut self.young);
            }
        }
        self.young.entry(key).or_insert_with(|| known.unwrap_or_else(new))
    }

    /// The value of `key`, without counting as use.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value of `key`, without counting as use.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (young, old) = (self.young.remove(key), self.old.remove(key));
        young.or(old)
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate { per_s: 10, burst: 5 };
        let mut bucket = Bucket::full(Time::ZERO, rate);
        let taken = |bucket: &mut Bucket, at_ms: u64, n: usize| {
            (0..n).filter(|_| bucket.take(Time::from_millis(at_ms), rate, 1)).count()
        };
        for (at_ms, tries, given) in
            [(0, 9, 5), (99, 9, 0), (100, 9, 1), (1_000, 99, 5), (1_050, 9, 0), (1_100, 9, 1)]
        {
            assert_eq!(taken(&mut bucket, at_ms, tries), given, "at {at_ms} ms");
        }
        let mut free = Bucket::full(Time::ZERO, Rate::UNLIMITED);
        assert!((0..10_000).all(|_| free.take(Time::ZERO, Rate::UNLIMITED, 1)));
    }

    #[test]
    fn a_table_keeps_what_is_used_and_stays_small() {
        let mut table = Recent::new(100);
        for n in 0..10_000_u32 {
            *table.entry(n, || 0) += 1;
            *table.entry(7_000_000, || 0) += 1;
            assert!(table.len() <= 101, "{}", table.len());
        }
        assert_eq!(table.get(&7_000_000), Some(&10_000), "whoever comes back is remembered");
        assert_eq!(table.get(&1), None);
        assert_eq!(table.remove(&7_000_000), Some(10_000));
        assert!(table.get(&7_000_000).is_none());
    }
}
