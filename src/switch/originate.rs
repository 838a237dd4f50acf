//! Calls that the switch begins for a user: an administrator wants it (click-to-call), or the user has asked to be called back.

use std::sync::Arc;

use crate::base::{CallId, Masked, Time, bounds};
use crate::call::{Call, Outgoing};
use crate::plan::{Facts, Origin};

use super::Switch;
use super::view::Answer;

impl Switch {
    /// Rings `from`'s phones and has the plan dial `to` for whoever answers; `why` is for the call's log.
    pub(super) fn summon(
        &mut self,
        now: Time,
        from: &str,
        to: &str,
        answers_itself: bool,
        why: &'static str,
    ) -> Answer {
        let Some(account) = self.directory.find(from).cloned() else { return Answer::NotFound };
        let origin = Origin::Users;
        let Some(route) = self.route(&origin, to).filter(|_| to.len() <= bounds::DIALLED) else {
            return Answer::NotFound;
        };
        if self.draining || self.calls.len() >= bounds::CALLS {
            return Answer::NotFound;
        }
        let facts = Facts {
            caller: Masked::new(account.numbers.first().unwrap_or(&account.name)),
            dialled: Masked::new(to),
            display: Masked::new(&account.display),
            origin,
            wall: self.wall(now),
        };
        if self.may_record(&facts).is_err() {
            return Answer::NotFound;
        }
        let id = CallId::new(self.wall(now), &mut self.random);
        let outgoing = Outgoing {
            id,
            user: Masked::new(&account.name),
            facts,
            route,
            program: Arc::clone(&self.program),
            answers_itself,
            why,
        };
        self.calls_total += 1;
        let call = Call::originate(&mut self.desk(now), outgoing);
        self.calls.insert(id, Box::new(call));
        Answer::Started(id)
    }
}
