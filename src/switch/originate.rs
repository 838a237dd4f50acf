//! Calls that the switch begins for a user: an administrator wants it (click-to-call), the user has asked to be called back, or a
//! recording is to be heard.

use std::sync::Arc;

use crate::base::{CallId, Masked, Time, bounds};
use crate::call::{Call, Outgoing};
use crate::plan::{Facts, Origin, Program, RouteId};

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
        let outgoing = Outgoing {
            id: CallId::new(self.wall(now), &mut self.random),
            user: Masked::new(&account.name),
            facts,
            route,
            program: Arc::clone(&self.program),
            answers_itself,
            why,
        };
        self.originate(now, outgoing)
    }

    /// Rings `user`'s phones and has a plan of its own play something to whoever answers; the phone shows `label`.
    pub(super) fn play_to(
        &mut self,
        now: Time,
        id: CallId,
        user: &str,
        label: Masked,
        (program, route): (Arc<Program>, RouteId),
    ) -> Answer {
        let Some(account) = self.directory.find(user).cloned() else { return Answer::NotFound };
        if self.draining || self.calls.len() >= bounds::CALLS || self.calls.contains_key(&id) {
            return Answer::NotFound;
        }
        let facts = Facts {
            caller: Masked::new(account.numbers.first().unwrap_or(&account.name)),
            dialled: label,
            display: Masked::new(&account.display),
            origin: Origin::Users,
            wall: self.wall(now),
        };
        let user = Masked::new(&account.name);
        let why = "a recording is played";
        self.originate(now, Outgoing { id, user, facts, route, program, answers_itself: false, why })
    }

    fn originate(&mut self, now: Time, outgoing: Outgoing) -> Answer {
        let id = outgoing.id;
        self.calls_total += 1;
        let call = Call::originate(&mut self.desk(now), outgoing);
        self.calls.insert(id, Box::new(call));
        Answer::Started(id)
    }
}
