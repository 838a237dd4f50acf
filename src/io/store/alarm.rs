//! What somebody should be woken for, as long as it lasts.
//!
//! Invariant: an alarm is logged once when it is raised and once when it is over, however often it is found again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The alarms of a store. Cheap to clone; all clones are the same board.
#[derive(Debug, Clone, Default)]
pub struct Alarms(Arc<Mutex<BTreeMap<String, String>>>);

impl Alarms {
    /// Raises the alarm `name`, or changes what it says.
    pub fn raise(&self, name: &str, text: &str) {
        let mut alarms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.insert(name.to_string(), text.to_string()).is_none() {
            tracing::error!(target: "ledgerline::alarm", alarm = name, "{text}");
        }
    }

    /// The reason of the alarm `name` is gone.
    pub fn clear(&self, name: &str) {
        let mut alarms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.remove(name).is_some() {
            tracing::warn!(target: "ledgerline::alarm", alarm = name, "over");
        }
    }

    /// What lasts now, in words.
    pub fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_lasts_until_it_is_cleared() {
        let alarms = Alarms::default();
        alarms.raise("a", "one");
        alarms.clone().raise("a", "two");
        alarms.raise("b", "three");
        assert_eq!(alarms.list(), ["two", "three"]);
        alarms.clear("a");
        alarms.clear("never raised");
        assert_eq!(alarms.list(), ["three"]);
    }
}
