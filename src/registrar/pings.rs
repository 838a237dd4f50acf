//! Whether contacts answer: each is asked now and then, spread over the time, and the answers are noted.
//!
//! Invariant: a contact is asked only while it is bound, and at most once in each span; its silence removes nothing, it only makes
//! the contact the last choice.

use std::time::Duration;

use super::binding::{Binding, Reach};
use super::bindings::Bindings;
use crate::base::Time;

/// How long after it registers a contact is asked for the first time: phones send their REGISTER before they are quite ready.
const FIRST: Duration = Duration::from_secs(1);

impl Bindings {
    /// The next contact that is to be asked at `now`, and whose it is. It is asked again after the rules' span.
    pub fn ping_due(&mut self, now: Time) -> Option<(String, Binding)> {
        let every = self.rules.ping?;
        while let Some((user, id)) = self.pings.pop_due(now) {
            let binding = self.live(now, &user).find(|b| b.id == id).cloned();
            if let Some(binding) = binding {
                let again = now + self.around(every);
                self.pings.set((user.clone(), id), again);
                return Some((user, binding));
            }
        }
        None
    }

    /// A contact has answered after `round_trip`.
    pub fn answered(&mut self, user: &str, id: u64, round_trip: Duration) {
        self.reach(user, id, |_| Reach { round_trip: Some(round_trip), misses: 0 });
    }

    /// A contact has not answered. Says whether it counts as dead since this moment.
    pub fn missed(&mut self, user: &str, id: u64) -> bool {
        let mut died = false;
        self.reach(user, id, |before| {
            let after = Reach { misses: before.misses.saturating_add(1), ..before };
            died = after.is_dead() && !before.is_dead();
            after
        });
        died
    }

    /// Sets the first question to a contact that has none to come.
    pub(super) fn plan_ping(&mut self, user: &str, binding: &Binding) {
        let key = (user.to_string(), binding.id);
        if self.rules.ping.is_some() && self.pings.of(&key).is_none() {
            let first = self.around(FIRST);
            self.pings.set(key, binding.refreshed + first);
        }
    }

    /// Spreads the first questions to contacts that came back with the node over the whole span: they are many, all at once.
    pub(super) fn spread_pings(&mut self, now: Time, user: &str) {
        let Some(every) = self.rules.ping else { return };
        let ids: Vec<u64> = self.live(now, user).map(|b| b.id).collect();
        for id in ids {
            let within = self.random.below(u64::try_from(every.as_micros()).unwrap_or(u64::MAX).max(1));
            self.pings.set((user.to_string(), id), now + Duration::from_micros(within));
        }
    }

    fn reach(&mut self, user: &str, id: u64, change: impl FnOnce(Reach) -> Reach) {
        let binding = self.users.get_mut(user).into_iter().flatten().find(|b| b.id == id);
        if let Some(binding) = binding {
            binding.reach = change(binding.reach);
        }
    }

    /// `span`, give or take a tenth, so that phones that registered together are not asked together for ever.
    fn around(&mut self, span: Duration) -> Duration {
        let tenth_us = u64::try_from(span.as_micros() / 10).unwrap_or(u64::MAX).max(1);
        span - Duration::from_micros(tenth_us) + Duration::from_micros(self.random.below(2 * tenth_us))
    }
}
