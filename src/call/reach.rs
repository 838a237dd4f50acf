//! A plan's `pickup`: the party that the plan serves takes the call that rings at somebody.
//!
//! Its leg comes over into the call that rings (adopt.rs), and is there as a phone that has answered: those who ring hear that it was
//! completed elsewhere. Its own call, and its plan, end.
//! Invariant: until its phone has taken the new port those who ring go on ringing, and when it does not, they still do.

use crate::base::{CallId, LegId, Masked, bounds};
use crate::plan::{Ended, Reply};

use super::adopt::Given;
use super::desk::{Desk, Effect};
use super::hangup::End;
use super::room::is_idle;
use super::{Call, Phase};

/// Somebody who is to take a call that rings.
#[derive(Debug)]
pub(super) struct Reaching {
    user: Masked,
    asked: bool,
}

/// Of the call whose plan says `pickup`.
impl Call {
    /// Begins to take the call that rings at `user`.
    pub(super) fn reach_for(&mut self, desk: &mut Desk<'_>, user: Masked) {
        self.phase = Phase::Reaching(Reaching { user, asked: false });
        self.reach(desk);
    }

    /// Asks for the call, as soon as the caller's dialog is idle: its phone will have to be told of another port.
    pub(super) fn reach(&mut self, desk: &mut Desk<'_>) {
        let near = self.leg(self.near);
        let (idle, by) = (near.is_some_and(is_idle), near.map(|near| near.user.clone()).unwrap_or_default());
        let from = self.id;
        let Phase::Reaching(reaching) = &mut self.phase else { return };
        if idle && !std::mem::replace(&mut reaching.asked, true) {
            let user = reaching.user.clone();
            desk.effects.push_back(Effect::PickUp { from, by, user });
        }
    }

    /// Gives the party that the plan serves to the call that rings, and ends.
    pub fn give_picker(&mut self, desk: &mut Desk<'_>, into: CallId) -> Option<Given> {
        let (near, waits) = (self.near, matches!(self.phase, Phase::Reaching(_)));
        self.note(desk, format!("{near} takes over {into}"));
        waits.then(|| self.hand_over(desk, near, End::PickedUp).ok()).flatten()
    }

    /// Nothing rings there, or not for this caller.
    pub fn not_reached(&mut self, desk: &mut Desk<'_>, why: &str) {
        if matches!(self.phase, Phase::Reaching(_)) {
            self.note(desk, format!("nothing picked up: {why}"));
            self.phase = Phase::Between;
            self.resume(desk, Reply::Did(Ended::Failed));
        }
    }
}

/// Of the call that rings.
impl Call {
    /// Whether somebody more may come in to take it.
    pub fn can_be_taken(&self) -> bool {
        matches!(self.phase, Phase::Dialling(_)) && self.legs.len() < bounds::LEGS_PER_CALL
    }

    /// Takes in whoever takes the call over.
    pub fn take_picker(&mut self, desk: &mut Desk<'_>, given: Given) {
        let Some(id) = self.adopt_given(desk, given) else { return };
        match &mut self.phase {
            Phase::Dialling(dialling) => dialling.legs.push(id),
            _ => return self.release(desk, id, 487, None),
        }
        self.note(desk, format!("{id} picks up"));
    }

    /// Whether a leg that came over is here to take the call.
    pub(super) fn is_picking(&self, leg: LegId) -> bool {
        matches!(&self.phase, Phase::Dialling(dialling) if dialling.legs.contains(&leg))
    }

    /// Its phone has taken its new port: it is the one that answers.
    pub(super) fn picked(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if !self.can_join(leg) {
            self.note(desk, format!("{leg} has no usable codec"));
            return self.fetch_failed(desk, leg, 488);
        }
        self.stop_ringing_alarms(desk);
        self.release_others(desk, leg);
        self.join(desk, leg);
    }
}
