//! One table of alarms with typed keys: the only form in which anything below `io` waits.

use std::collections::BTreeSet;
use std::hash::Hash;

use super::{OwnMap, Time};

/// Alarms by key. A key has at most one alarm; setting it again moves it. No peer chooses a key.
///
/// Invariant: `due` and `when` hold the same pairs.
#[derive(Debug, Clone)]
pub struct Alarms<K> {
    due: BTreeSet<(Time, K)>,
    when: OwnMap<K, Time>,
}

impl<K: Ord + Hash + Clone> Alarms<K> {
    /// An empty table.
    pub fn new() -> Self {
        Alarms { due: BTreeSet::new(), when: OwnMap::default() }
    }

    /// Sets (or moves) the alarm of `key` to `at`.
    pub fn set(&mut self, key: K, at: Time) {
        if let Some(old) = self.when.insert(key.clone(), at) {
            self.due.remove(&(old, key.clone()));
        }
        self.due.insert((at, key));
    }

    /// Removes the alarm of `key`; says whether there was one.
    pub fn clear(&mut self, key: &K) -> bool {
        match self.when.remove(key) {
            Some(at) => self.due.remove(&(at, key.clone())),
            None => false,
        }
    }

    /// Takes the earliest alarm that is due at `now`. Alarms of one instant come in the order of their keys.
    pub fn pop_due(&mut self, now: Time) -> Option<K> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.when.remove(&key);
        Some(key)
    }

    /// When the next alarm is due.
    pub fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// When the alarm of `key` is due, if it is set.
    pub fn of(&self, key: &K) -> Option<Time> {
        self.when.get(key).copied()
    }

    /// How many alarms are set.
    pub fn len(&self) -> usize {
        self.when.len()
    }

    /// Whether no alarm is set.
    pub fn is_empty(&self) -> bool {
        self.when.is_empty()
    }
}

impl<K: Ord + Hash + Clone> Default for Alarms<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_is_moved_rings_once() {
        let mut alarms = Alarms::new();
        alarms.set("a", Time::from_millis(10));
        alarms.set("b", Time::from_millis(20));
        alarms.set("a", Time::from_millis(30));
        assert_eq!(alarms.deadline(), Some(Time::from_millis(20)));
        assert_eq!(alarms.pop_due(Time::from_millis(19)), None);
        assert_eq!(alarms.pop_due(Time::from_millis(99)), Some("b"));
        assert_eq!(alarms.pop_due(Time::from_millis(99)), Some("a"));
        assert_eq!(alarms.pop_due(Time::from_millis(99)), None);
        assert!(alarms.is_empty());
    }

    #[test]
    fn a_cleared_alarm_is_silent() {
        let mut alarms = Alarms::new();
        alarms.set(1, Time::from_millis(10));
        assert!(alarms.clear(&1));
        assert!(!alarms.clear(&1));
        assert_eq!(alarms.pop_due(Time::from_millis(99)), None);
    }
}
