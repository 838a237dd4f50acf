//! Transfer (RFC 3515, RFC 5589): the switch carries it out itself. The transferred party stays where it is; the plan rings the target
//! for it with the transferor's rights, or, when attended, the far side of the transferor's other call comes over.
//!
//! ```text
//! Talking ──REFER──> the transferor is set aside ──plan of the target: Dial──> joined with the target: transferor let go
//!                                                └─ plan ends, refused ──────> Talking as before, or the transferor is rung again
//! ```
//!
//! Invariant: the call, and with it the recording, is the same before and after; whatever fails, the transferred party gets the
//! transferor back.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{LegId, Masked};
use crate::dialog::refer::{self, Refer};
use crate::dialog::{self, Dialog};
use crate::plan::{Cause, Facts, Machine, Origin, Outcome, Reply, RouteId, Target};
use crate::sip::{Flow, Message, Name};
use crate::transaction::ServerKey;
use crate::vault::Event;

use super::desk::{Alarm, Desk, Effect};
use super::hangup::End;
use super::leg::Stage;
use super::refer::Subscription;
use super::{CALLER, Call, Phase};

/// How long a transferor's phone has to hang up by itself once it has heard that all is done.
const LET_GO: Duration = Duration::from_secs(2);

/// How long a transferor who has hung up is rung when the transfer fails.
const RECALL: Duration = Duration::from_secs(30);

/// How long the far side of another call may take to come over.
pub(super) const FETCH: Duration = Duration::from_secs(20);

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Who transfers.
    pub by: LegId,
    /// Who is transferred.
    peer: LegId,
    /// What the transferor's phone hears of it; `None` when it does not want to.
    pub told: Option<Subscription>,
    back: Back,
}

/// What there was before, for a transfer that fails.
#[derive(Debug)]
struct Back {
    near: LegId,
    shown: Shown,
    /// The plan that was walking, where another one walks now.
    machine: Option<Machine>,
}

/// Who is shown to phones that are rung.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub user: Masked,
    pub display: Masked,
}

/// Asking.
impl Call {
    /// REFER outside the call's dialogs, about one of them, of the user whose leg it is.
    pub fn on_refer_about(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        flow: Flow,
        message: &Message,
        about: &dialog::Id,
    ) {
        self.heard_sip(desk, leg, message);
        let tag = desk.layer.local_tag(key).map(str::to_string).unwrap_or_default();
        let own = Dialog::answering(message, flow, &tag, &dialog::contact(None, &flow));
        let known = self.leg_mut(leg).and_then(|at| at.dialog_with(about)).is_some();
        match own {
            _ if !known => self.respond(desk, leg, key, 481, |reply| reply),
            Err(_) => self.respond(desk, leg, key, 400, |reply| reply),
            Ok(own) => self.on_refer(desk, leg, key, message, Some(Box::new(own))),
        }
    }

    /// REFER from a party of this call; `own` is the dialog that it makes, when it came outside the call's.
    pub(super) fn on_refer(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        own: Option<Box<Dialog>>,
    ) {
        let refer = match Refer::of(message) {
            Ok(refer) => refer,
            Err(why) => {
                self.note(desk, format!("{leg}: {why}"));
                return self.respond(desk, leg, key, why.status(), |reply| reply);
            }
        };
        if self.transfer.is_some() {
            self.note(desk, format!("{leg} transfers while a transfer is under way"));
            return self.respond(desk, leg, key, 491, |reply| reply);
        }
        let Some(peer) = self.peer_of(leg).filter(|_| self.leg(leg).is_some_and(|at| at.is_up())) else {
            self.note(desk, format!("{leg} transfers and talks to nobody"));
            return self.respond(desk, leg, key, 603, |reply| reply);
        };
        let told = refer.subscribes.then(|| Subscription::new(message, own));
        match &refer.replaces {
            Some(replaces) => {
                let replaces = replaces.clone();
                self.take_refer(desk, leg, key, message, &refer);
                self.note(desk, format!("{leg} transfers {peer} to the far side of another call"));
                self.set_aside(desk, leg, peer, told, None);
                self.phase = Phase::Fetching { leg: None };
                desk.alarms.set((self.id, Alarm::Ring), desk.now + FETCH);
                let user = self.leg(leg).map(|at| at.user.clone()).unwrap_or_default();
                desk.effects.push_back(Effect::Fetch { into: self.id, user, dialog: replaces.dialog });
            }
            None => self.transfer_blind(desk, leg, peer, key, message, &refer, told),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn transfer_blind(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        peer: LegId,
        key: ServerKey,
        message: &Message,
        refer: &Refer,
        told: Option<Subscription>,
    ) {
        let who = Masked::new(&refer.dialled);
        if desk.lot.is_meant_by(&refer.dialled) {
            self.take_refer(desk, leg, key, message, refer);
            self.transferred_to(desk, leg, "begins", &who);
            self.set_aside(desk, leg, peer, told, None);
            return self.park_transferred(desk, leg, &refer.dialled);
        }
        let Some((route, facts)) = self.route_for(desk, leg, peer, who.clone()) else {
            self.note(desk, format!("transfer refused: {leg} may not dial {who}"));
            self.transferred_to(desk, leg, "refused", &who);
            return self.respond(desk, leg, key, 403, |reply| reply);
        };
        self.take_refer(desk, leg, key, message, refer);
        self.note(desk, format!("{leg} transfers {peer} to {who}"));
        self.transferred_to(desk, leg, "begins", &who);
        let machine = Machine::start(Arc::clone(self.machine.program()), route, facts);
        self.set_aside(desk, leg, peer, told, Some(machine));
        self.resume(desk, Reply::Start);
    }

    /// The route by which `by` may have `peer` dial somebody; `None` when the plan has none for it.
    fn route_for(
        &self,
        desk: &Desk<'_>,
        by: LegId,
        peer: LegId,
        dialled: Masked,
    ) -> Option<(RouteId, Facts)> {
        let origin = self.rights_of(by);
        let route = self.machine.program().route(&origin, dialled.reveal())?;
        let Shown { user: caller, display } = self.shown_of(desk, peer);
        Some((route, Facts { caller, dialled, display, origin, wall: desk.wall }))
    }

    /// Where a party comes from, as routes see it.
    fn rights_of(&self, leg: LegId) -> Origin {
        if leg == CALLER { self.facts.origin.clone() } else { Origin::Users }
    }

    /// How a party is shown to others.
    pub(super) fn shown_of(&self, desk: &Desk<'_>, leg: LegId) -> Shown {
        let Some(at) = self.leg(leg).filter(|_| leg != CALLER) else {
            return Shown { user: self.facts.caller.clone(), display: self.facts.display.clone() };
        };
        let account = desk.directory.find(at.user.reveal());
        let number = at.number.clone().or_else(|| account?.numbers.first().map(Masked::new));
        Shown {
            user: number.unwrap_or_else(|| at.user.clone()),
            display: account.map(|account| Masked::new(&account.display)).unwrap_or_default(),
        }
    }

    /// 202, as RFC 3515 §2.4.2 has it.
    fn take_refer(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        refer: &Refer,
    ) {
        let contact = self.leg(leg).and_then(|at| at.dialog()).map(|dialog| dialog.contact().to_string());
        let supports = message.lists(Name::Supported, refer::OPTION) || !refer.subscribes;
        self.respond(desk, leg, key, 202, |reply| {
            let reply = contact.iter().fold(reply, |reply, contact| reply.header(Name::Contact, contact));
            match refer.subscribes {
                false => reply.header(Name::ReferSub, "false"),
                true if supports => reply.header(Name::ReferSub, "true"),
                true => reply,
            }
        });
    }

    /// The transferor is taken out of the conversation and waits; the other party becomes the one that the plan serves.
    fn set_aside(
        &mut self,
        desk: &mut Desk<'_>,
        by: LegId,
        peer: LegId,
        told: Option<Subscription>,
        machine: Option<Machine>,
    ) {
        let shown = self.shown_of(desk, peer);
        let back = Back {
            near: self.near,
            shown: std::mem::replace(&mut self.shown, shown),
            machine: machine.map(|machine| std::mem::replace(&mut self.machine, machine)),
        };
        desk.alarms.clear(&(self.id, Alarm::Talk));
        self.part_near(desk);
        self.transfer = Some(Transfer { by, peer, told, back });
        self.serve(desk, peer);
        self.phase = Phase::Between;
        self.hold_music(desk, peer);
        self.report_transfer(desk, 100);
    }

    /// From now on the plan serves this party.
    pub(super) fn serve(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if self.near != leg {
            let before = std::mem::replace(&mut self.near, leg);
            self.retap(desk, before, false);
            self.retap(desk, leg, true);
        }
    }

    /// What the recording's event track says of a transfer.
    fn transferred_to(&mut self, desk: &mut Desk<'_>, by: LegId, how: &str, to: &Masked) {
        let value = serde_json::json!({ "by": by.0, "how": how, "to": to.reveal() });
        self.record_event(desk, Event::Other { name: "transfer".into(), value });
    }
}

/// Its end.
impl Call {
    /// The transferred party has reached somebody, or a plan that talks to it: the transferor is let go.
    pub(super) fn transfer_done(&mut self, desk: &mut Desk<'_>) {
        self.report_transfer(desk, 200);
        let Some(Transfer { by, peer, back, .. }) = self.transfer.take() else { return };
        self.orphan = match back.machine {
            Some(_) => false,
            None => self.orphan || peer != back.near,
        };
        self.moved = true;
        self.note(desk, format!("{by} has transferred {peer}"));
        self.record_event(desk, Event::Left { leg: by });
        if self.leg(by).is_some_and(|at| !at.is_gone()) {
            desk.alarms.set((self.id, Alarm::LetGo(by)), desk.now + LET_GO);
        }
    }

    /// The transferor's phone has not hung up by itself.
    pub(super) fn let_go(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.release(desk, leg, 487, None);
    }

    /// The transfer came to nothing: the transferred party gets the transferor back.
    pub(super) fn transfer_failed(&mut self, desk: &mut Desk<'_>, status: u16) {
        self.report_transfer(desk, status);
        let Some(Transfer { by, peer, back, .. }) = self.transfer.take() else { return };
        self.note(desk, format!("transfer failed: {status} {}", crate::sip::reason_of(status)));
        let nobody = Masked::default();
        self.transferred_to(desk, by, "failed", &nobody);
        desk.alarms.clear(&(self.id, Alarm::Ring));
        if let Some(machine) = back.machine {
            self.machine = machine;
        }
        self.shown = back.shown;
        self.quiet(desk, peer);
        let waits = matches!(self.leg(by).map(|at| &at.stage), Some(Stage::Up { leaving: false, .. }));
        if waits {
            self.serve(desk, back.near);
            let with = if back.near == by { peer } else { by };
            self.join(desk, with);
        } else {
            self.recall(desk, by, peer, back.near);
        }
    }

    /// The transferor has hung up already: it is rung again.
    fn recall(&mut self, desk: &mut Desk<'_>, by: LegId, peer: LegId, near: LegId) {
        self.orphan |= near != peer;
        self.moved = true;
        self.note(desk, format!("{by} has hung up and is rung again"));
        let Some(user) = self.leg(by).map(|at| at.user.clone()) else {
            return self.end(desk, End::Party(by));
        };
        if let Some(nobody) = self.dial(desk, &[Target::User(user)], RECALL, None) {
            self.dialled(desk, nobody);
        }
    }

    /// The plan of a party whose own it is not has nothing to say: the call ends.
    pub(super) fn without_plan(&mut self, desk: &mut Desk<'_>, outcome: Outcome) {
        let cause = if outcome == Outcome::Answered { Cause::Normal } else { outcome.cause() };
        let why = match self.left {
            Some(leg) if cause == Cause::Normal => End::Party(leg),
            _ => End::Plan(cause, cause.status()),
        };
        self.end(desk, why);
    }

    /// The far side of the other call only rings there: it is rung here instead.
    pub(super) fn transfer_to_ringing(&mut self, desk: &mut Desk<'_>, dialled: Masked) {
        let Some((by, peer)) = self.transfer.as_ref().map(|transfer| (transfer.by, transfer.peer)) else {
            return;
        };
        let Some((route, facts)) = self.route_for(desk, by, peer, dialled.clone()) else {
            self.note(desk, format!("transfer refused: {by} may not dial {dialled}"));
            return self.transfer_failed(desk, 403);
        };
        desk.alarms.clear(&(self.id, Alarm::Ring));
        self.note(desk, format!("{by} transfers {peer} to {dialled}, who is still rung"));
        let machine = Machine::start(Arc::clone(self.machine.program()), route, facts);
        let before = std::mem::replace(&mut self.machine, machine);
        if let Some(transfer) = &mut self.transfer {
            transfer.back.machine = Some(before);
        }
        self.phase = Phase::Between;
        self.resume(desk, Reply::Start);
    }
}
