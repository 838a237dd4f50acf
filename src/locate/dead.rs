//! Places that did not answer, for a while: they are tried last (RFC 3263 §4.3).

use std::collections::HashMap;

use super::Place;
use crate::base::{Time, bounds};

/// Until when each place is left for last. At most [`bounds::DEAD_PLACES`]; past that the newest is not noted.
#[derive(Debug, Default)]
pub struct Dead(HashMap<Place, Time>);

impl Dead {
    /// Nobody is dead.
    pub fn new() -> Dead {
        Dead::default()
    }

    /// `place` did not answer, or said for how long it will not.
    pub fn note(&mut self, now: Time, place: Place, span: std::time::Duration) {
        if self.0.len() >= bounds::DEAD_PLACES {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < bounds::DEAD_PLACES {
            self.0.insert(place, now + span.min(bounds::DEAD_MOST));
        }
    }

    /// `place` answered.
    pub fn revive(&mut self, place: &Place) {
        self.0.remove(place);
    }

    /// Whether `place` is left for last.
    pub fn holds(&self, now: Time, place: &Place) -> bool {
        self.0.get(place).is_some_and(|until| *until > now)
    }
}
