//! A call that the switch begins for a user (click-to-call, call back): the user's phones ring; whoever answers becomes the caller, and the plan walks
//! as if that phone had dialled.
//!
//! Invariant: the number is dialled by the plan's routes with the user's rights, never otherwise.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, LegId, Masked};
use crate::plan::{Facts, Outcome, Program, Reply, RouteId, Target};
use crate::sip::Name;

use super::desk::Desk;
use super::hangup::End;
use super::open::Beginning;
use super::transfer::Shown;
use super::{Call, Phase};

/// How long the user's phones ring.
const RING: Duration = Duration::from_secs(30);

/// A call that is to begin at a user's own phones.
#[derive(Debug)]
pub struct Outgoing {
    /// The new call.
    pub id: CallId,
    /// The account whose phones ring.
    pub user: Masked,
    /// What the plan is told: this user dials.
    pub facts: Facts,
    /// The route that the program chose.
    pub route: RouteId,
    /// The program that the call is pinned to.
    pub program: Arc<Program>,
    /// Ask the phone to answer by itself (loudspeaker on), in every dialect that phones know.
    pub answers_itself: bool,
    /// Why, for the call's log.
    pub why: &'static str,
}

/// The phones of the user who is to call ring.
#[derive(Debug, Clone)]
pub(super) struct Summons {
    user: Masked,
    pub answers_itself: bool,
}

impl Call {
    /// A call whose first leg is still to be found.
    pub fn originate(desk: &mut Desk<'_>, outgoing: Outgoing) -> Call {
        let Outgoing { id, user, facts, route, program, answers_itself, why } = outgoing;
        let beginning = Beginning {
            id,
            facts,
            caller_name: user.clone(),
            device: None,
            route,
            program,
            max_forwards: 69,
            secure: false,
        };
        let mut call = Call::new(desk, beginning, Vec::new());
        // The phone that rings is shown whom it will reach.
        call.shown = Shown { user: call.facts.dialled.clone(), display: Masked::default() };
        call.summons = Some(Summons { user, answers_itself });
        call.note(desk, why.into());
        call.wait_to_open(desk, false);
        call
    }

    /// The recording is there: the user's phones ring.
    pub(super) fn summon(&mut self, desk: &mut Desk<'_>) {
        let Some(Summons { user, .. }) = self.summons.clone() else { return };
        if let Some(nobody) = self.dial(desk, &[Target::User(user)], RING, None) {
            self.not_summoned(desk, nobody);
        }
    }

    /// A phone of the user has answered: it is the caller from now on.
    pub(super) fn summoned(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.summons = None;
        self.stop_ringing_alarms(desk);
        self.release_others(desk, leg);
        self.near = leg;
        if let Some(at) = self.leg_mut(leg) {
            at.track = 0;
        }
        self.shown = Shown { user: self.facts.caller.clone(), display: self.facts.display.clone() };
        self.answered_at.get_or_insert(desk.wall);
        self.aim(desk, leg);
        self.tap(desk, leg);
        self.note(desk, format!("{leg} is the caller"));
        self.phase = Phase::Between;
        self.resume(desk, Reply::Start);
    }

    /// Nobody of the user's has answered.
    pub(super) fn not_summoned(&mut self, desk: &mut Desk<'_>, outcome: Outcome) {
        self.end(desk, End::Plan(outcome.cause(), outcome.cause().status()));
    }
}

/// The headers that make a phone answer by itself, in the dialects that phones know: Alert-Info with `info=alert-autoanswer` (most),
/// Call-Info with `answer-after` (RFC 5373's forerunner: Snom, Grandstream), Answer-Mode (RFC 5373).
pub(super) fn answer_after(realm: &str) -> [(Name<'static>, String); 3] {
    [
        (Name::AlertInfo, format!("<http://{realm}/>;info=alert-autoanswer;delay=0")),
        (Name::CallInfo, format!("<sip:{realm}>;answer-after=0")),
        (Name::Other("Answer-Mode"), "Auto".to_string()),
    ]
}
