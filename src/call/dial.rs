//! Ringing phones: one leg a contact, the first that answers wins, the others hear that the call was completed elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{LegId, Masked, bounds};
use crate::config::Strategy;
use crate::dialog::reason::COMPLETED_ELSEWHERE;
use crate::media::Order;
use crate::plan::{Origin, Outcome, Target, Turns};
use crate::registrar::{Binding, When};
use crate::sip::{Message, Name};
use crate::trunk::Way;

use super::desk::{Alarm, Desk, Effect};
use super::divert::{self, Diversion};
use super::leg::{Leg, Stage};
use super::remember::Wanted;
use super::trunk;
use super::view::Change;
use super::wave::{self, Wave};
use super::{Call, Phase};

/// A contact to ring.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    /// The account's name.
    pub user: Masked,
    /// The number under which it was dialled, if not by name.
    pub number: Option<Masked>,
    /// Its registered contact.
    pub binding: Binding,
    /// Other flows to the same device (RFC 5626), the best last.
    pub others: Vec<Binding>,
    /// Who passed the call on to it, the first first.
    pub diverted: Vec<Diversion>,
    /// The trunk that it is reached over.
    pub way: Option<Box<Way>>,
}

impl Contact {
    /// A user's registered contact, with the other flows to the same device.
    pub fn bound(user: Masked, binding: Binding, others: Vec<Binding>) -> Contact {
        Contact { user, number: None, binding, others, diverted: Vec::new(), way: None }
    }
}

/// A dial in progress.
#[derive(Debug)]
pub(super) struct Dialling {
    /// The legs that have not failed yet.
    pub legs: Vec<LegId>,
    /// The best failure so far: what the caller hears if all fail.
    pub best: Option<u16>,
    /// Whether any phone rang.
    pub rang: bool,
    /// The leg whose early media the caller hears.
    pub early: Option<LegId>,
    /// Redirections followed (RFC 3261 §8.1.3.4).
    pub redirected: u8,
    /// Who is rung next, and when.
    pub waves: VecDeque<Wave>,
    /// For how long.
    pub ring: Duration,
    /// The one user who was dialled, if it was one: whom the caller may want to be called back for.
    pub wanted: Option<Wanted>,
}

/// Redirections that one dial follows before it gives up.
const REDIRECTIONS: u8 = 5;

impl Call {
    /// Begins to ring `targets`. `Some` when there is nobody to ring.
    pub(super) fn dial(
        &mut self,
        desk: &mut Desk<'_>,
        targets: &[Target],
        ring: Duration,
        turns: Option<Turns>,
    ) -> Option<Outcome> {
        let wanted = Wanted::of(desk, targets);
        let turns = match turns {
            Some(turns) => Some((in_turn(desk, targets, turns), turns.each)),
            None => take_turns(desk, targets),
        };
        let targets = &turns.as_ref().map_or(targets, |(members, _)| members);
        let Found { users, outward, mut nobody, .. } = self.contacts(desk, targets, &[]);
        let over_trunks = self.over_trunks(desk, &outward, &mut nobody);
        if users.is_empty() && over_trunks.is_empty() {
            self.last_failure = Some((nobody, nobody.cause().status()));
            self.note(desk, format!("nobody to ring: {}", nobody.word()));
            return Some(nobody);
        }
        self.last_failure = None;
        let mut waves = match turns {
            Some((_, each)) => wave::turns(users, each),
            None => wave::waves(users),
        };
        trunk::join(&mut waves, over_trunks);
        self.phase = Phase::Dialling(Dialling {
            legs: Vec::new(),
            best: None,
            rang: false,
            early: None,
            redirected: 0,
            waves,
            ring,
            wanted,
        });
        if !self.next_wave(desk) {
            self.phase = Phase::Between;
            return Some(Outcome::Failed);
        }
        desk.alarms.set((self.id, Alarm::Ring), desk.now + ring);
        if self.leg(self.near).is_some_and(Leg::is_up) {
            self.ring_back(desk);
        }
        self.happened(desk, Change::Rings);
        None
    }

    /// A new leg for a contact; its INVITE goes out when its port is there. `None` when the call has had too many.
    pub(super) fn add_leg(&mut self, desk: &mut Desk<'_>, contact: Contact) -> Option<LegId> {
        if self.legs.len() >= bounds::LEGS_PER_CALL {
            self.note(desk, "too many legs".into());
            return None;
        }
        let id = LegId(u16::try_from(self.legs.len()).ok()?);
        let flow = contact.binding.flow;
        let srtp = desk.srtp_of_contact(&contact);
        let mut leg = Leg::new(id, contact.user.clone(), flow, srtp, desk.random);
        leg.number = contact.number.clone();
        leg.diverted = contact.diverted.clone();
        self.arm_patience(desk, id, &contact.user);
        self.remember_caller(desk, &contact);
        leg.way = contact.way.clone();
        if let Some(way) = &leg.way {
            desk.trunks.took((self.id, id), way);
        }
        let again = !contact.others.is_empty() || (contact.way.is_none() && leg.media.keys.may_insist());
        leg.spare = again.then(|| Box::new(contact.clone()));
        leg.stage = Stage::Preparing { target: Box::new(contact) };
        leg.track = 1 - self.leg(self.near).map_or(0, |near| near.track.min(1));
        // Most calls have two.
        self.legs.reserve_exact(1);
        self.legs.push(leg);
        let local = flow.local.ip();
        desk.effects.push_back(Effect::Media(Order::Open { call: self.id, leg: id, local }));
        self.prepare_wishes(desk, id);
        Some(id)
    }

    /// 101 to 199 from a phone that we ring: the caller hears what it may.
    pub(super) fn on_progress(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16, described: bool) {
        if let Some(Stage::Calling { ringing, .. }) = self.leg_mut(leg).map(|at| &mut at.stage) {
            *ringing |= status == 180;
        }
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        dialling.rang |= status == 180;
        if status == 180 {
            self.report_transfer(desk, 180);
        }
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let first_media = described && dialling.early.is_none();
        if first_media {
            dialling.early = Some(leg);
            self.aim(desk, leg);
            if self.early_media(desk, leg) {
                return;
            }
        }
        if status == 180 || status == 183 {
            self.tell_ringing(desk, status);
        }
    }

    /// A 2xx from a phone that we ring. The first wins.
    pub(super) fn on_answer(&mut self, desk: &mut Desk<'_>, leg: LegId, cancelled: bool) {
        if self.is_monitor(leg) && !cancelled {
            return match self.has_keys(desk, leg) {
                true => self.monitor_answers(desk, leg),
                false => self.dismiss(desk, leg),
            };
        }
        let ours = matches!(&self.phase, Phase::Dialling(dialling) if dialling.legs.contains(&leg));
        if !ours || cancelled {
            self.release(desk, leg, 487, None);
            return;
        }
        if let Some(at) = self.leg_mut(leg) {
            at.spare = None;
        }
        if !self.has_keys(desk, leg) {
            self.release(desk, leg, 488, Some("SIP;cause=488;text=\"Encryption required\""));
            self.close_media(desk, leg);
            return self.leg_failed(desk, leg, 488);
        }
        if self.summons.is_some() {
            return self.summoned(desk, leg);
        }
        if !self.can_join(leg) {
            self.note(desk, format!("{leg} answered without a usable codec"));
            self.release(desk, leg, 488, Some("SIP;cause=488;text=\"Not Acceptable Here\""));
            self.leg_failed(desk, leg, 488);
            return;
        }
        self.stop_ringing_alarms(desk);
        self.release_others(desk, leg);
        self.aim(desk, leg);
        self.join(desk, leg);
    }

    /// A final refusal, a timeout or a broken transport of a leg that we ring.
    pub(super) fn on_refusal(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        status: u16,
        message: Option<&Message>,
    ) {
        if self.is_monitor(leg) {
            let cancelled = self.leg(leg).is_some_and(Leg::was_cancelled);
            let again = !cancelled && self.insist(desk, leg, status);
            self.gone(desk, leg);
            if !again {
                self.monitor_left(desk, leg);
            }
            return;
        }
        let cancelled = self.leg(leg).is_some_and(Leg::was_cancelled);
        if !cancelled && message.is_some_and(|message| self.prove(desk, leg, message)) {
            return;
        }
        if !cancelled && self.insist(desk, leg, status) {
            return self.gone(desk, leg);
        }
        let diverted = !cancelled && self.divert_failed(desk, leg, status);
        self.gone(desk, leg);
        if cancelled {
            return;
        }
        self.after_trunk(desk, leg, status, message);
        if diverted {
            return self.leg_failed(desk, leg, status);
        }
        if (300..400).contains(&status)
            && let Some(message) = message
            && self.redirect(desk, leg, message)
        {
            return;
        }
        if !self.other_flow(desk, leg, status) {
            self.leg_failed(desk, leg, status);
        }
    }

    /// One fork failed; when it was the last and nobody else is to be rung, the dial has.
    pub(super) fn leg_failed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        dialling.legs.retain(|l| *l != leg);
        dialling.best = Some(dialling.best.map_or(status, |best| better(best, status)));
        let was_heard = dialling.early == Some(leg);
        if was_heard {
            dialling.early = None;
        }
        if dialling.legs.is_empty() {
            let status = dialling.best.unwrap_or(status);
            let outcome = outcome(status, dialling.rang);
            if !self.next_wave(desk) {
                self.dial_failed(desk, outcome, status);
            }
        } else if was_heard && self.leg(self.near).is_some_and(Leg::is_up) {
            self.ring_back(desk);
        }
    }

    /// The ringing time is over.
    pub(super) fn rung_out(&mut self, desk: &mut Desk<'_>) {
        match self.phase {
            Phase::Fetching { leg: Some(leg) } => return self.fetch_failed(desk, leg, 408),
            Phase::Fetching { leg: None } => return self.transfer_failed(desk, 408),
            _ => {}
        }
        if self.divert_unanswered(desk) {
            return;
        }
        let Phase::Dialling(dialling) = &self.phase else { return };
        let outcome = if dialling.rang { Outcome::NoAnswer } else { Outcome::Unreachable };
        for leg in dialling.legs.clone() {
            self.release(desk, leg, 487, None);
            self.close_media(desk, leg);
        }
        self.dial_failed(desk, outcome, 480);
    }

    fn dial_failed(&mut self, desk: &mut Desk<'_>, outcome: Outcome, status: u16) {
        self.stop_ringing_alarms(desk);
        if outcome == Outcome::Busy {
            self.remember_busy(desk);
        }
        if self.leg(self.near).is_some_and(Leg::is_up) {
            self.quiet(desk, self.near);
        }
        self.last_failure = Some((outcome, told(status)));
        self.dialled(desk, outcome);
    }

    pub(super) fn stop_ringing_alarms(&self, desk: &mut Desk<'_>) {
        desk.alarms.clear(&(self.id, Alarm::Ring));
        desk.alarms.clear(&(self.id, Alarm::Wave));
        for leg in &self.legs {
            desk.alarms.clear(&(self.id, Alarm::Patience(leg.id)));
        }
    }

    pub(super) fn release_others(&mut self, desk: &mut Desk<'_>, winner: LegId) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        for leg in dialling.legs.clone() {
            if leg != winner {
                self.release(desk, leg, 487, Some(COMPLETED_ELSEWHERE));
                self.close_media(desk, leg);
            }
        }
    }

    /// Follows a 3xx to users of this switch whom the redirecting user may dial by the plan's routes; elsewhere nobody is sent, and
    /// nobody to himself. `true` when somebody is rung instead.
    fn redirect(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) -> bool {
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        if dialling.redirected >= REDIRECTIONS {
            return false;
        }
        dialling.redirected += 1;
        let from = self.leg(leg).map(|at| at.user.clone()).unwrap_or_default();
        let (users, forbidden): (Vec<Masked>, Vec<Masked>) = message
            .addresses(Name::Contact)
            .filter_map(|to| to.uri().user_decoded().map(Masked::new))
            .filter(|user| desk.directory.find(user.reveal()).is_none_or(|to| to.name != from.reveal()))
            .take(bounds::BINDINGS_PER_USER)
            .partition(|user| self.machine.program().route(&Origin::Users, user.reveal()).is_some());
        if let Some(to) = forbidden.first() {
            self.note(desk, format!("redirection refused: {leg} may not dial {to}"));
        }
        let users: Vec<Target> = users.into_iter().map(Target::User).collect();
        let chain = self.leg(leg).map(|at| at.diverted.clone()).unwrap_or_default();
        let found = self.contacts(desk, &users, &chain);
        let added: Vec<LegId> =
            found.users.into_iter().flatten().filter_map(|to| self.add_leg(desk, to)).collect();
        if added.is_empty() {
            return false;
        }
        self.note(desk, format!("{leg} redirects"));
        if let Phase::Dialling(dialling) = &mut self.phase {
            dialling.legs.retain(|l| *l != leg);
            dialling.legs.extend(added);
        }
        true
    }
}

/// Targets in the order in which a plan has them rung: as they stand, or by turns with whoever dials the same.
fn in_turn(desk: &mut Desk<'_>, targets: &[Target], turns: Turns) -> Vec<Target> {
    let mut targets = targets.to_vec();
    if turns.robin {
        let all: String = targets.iter().map(|target| format!("{target} ")).collect();
        let turn = desk.turns.entry(all).or_default();
        let first = *turn % targets.len().max(1);
        targets.rotate_left(first);
        *turn = turn.wrapping_add(1);
    }
    targets
}

/// The members of a group whose members ring one after another, in this call's order, and for how long each; `None`: `targets` is no
/// such group.
fn take_turns(desk: &mut Desk<'_>, targets: &[Target]) -> Option<(Vec<Target>, Duration)> {
    let ([Target::User(name)] | [Target::Group(name)]) = targets else { return None };
    let by_user = |name: &str| matches!(targets, [Target::User(_)]) && desk.directory.find(name).is_some();
    let ring = desk.groups.get(name.reveal()).filter(|_| !by_user(name.reveal()))?;
    let mut members: Vec<Target> =
        ring.members.iter().map(|member| Target::User(Masked::new(member))).collect();
    match ring.strategy {
        Strategy::All => return None,
        Strategy::InOrder => {}
        Strategy::RoundRobin => {
            let turn = desk.turns.entry(name.reveal().to_string()).or_default();
            members.rotate_left(*turn % ring.members.len().max(1));
            *turn = turn.wrapping_add(1);
        }
    }
    Some((members, ring.each))
}

/// Who is found for a dial.
pub(super) struct Found {
    /// The contacts, by user.
    pub users: Vec<Vec<Contact>>,
    /// Numbers out over trunks.
    pub outward: Vec<Outward>,
    seen: Vec<Binding>,
    /// What the dial came to when there is nobody.
    nobody: Outcome,
}

/// A number out over a trunk or one of a group of trunks.
pub(super) struct Outward {
    /// The trunk's or the group's name.
    pub trunk: Arc<str>,
    /// The number, before the trunk's own rules.
    pub number: Masked,
    /// Whose number is shown, if the trunk's list has it: the caller's, or of whoever passed the call on.
    pub caller: Masked,
    /// Who passed the call on to it, the first first.
    pub chain: Vec<Diversion>,
}

impl Call {
    /// The contacts of `targets`, each once, by user; numbers over trunks; and, when there is nobody, what the dial came to. Whoever forwards all calls, or is
    /// not there and forwards those, is replaced by where they go; whoever is not to be disturbed is busy. `chain`: who has passed the
    /// call on already.
    pub(super) fn contacts(&self, desk: &Desk<'_>, targets: &[Target], chain: &[Diversion]) -> Found {
        let (users, outward, seen) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Found { users, outward, seen, nobody: Outcome::Unknown };
        for target in targets {
            self.find(desk, target, chain, &mut found);
        }
        found
    }

    fn find(&self, desk: &Desk<'_>, target: &Target, chain: &[Diversion], found: &mut Found) {
        let dialled = match target {
            Target::Trunk { trunk, number } => {
                let caller = chain.last().map_or(&self.shown.user, |step| &step.number).clone();
                let (trunk, number, chain) = (Arc::clone(trunk), number.clone(), chain.to_vec());
                found.outward.push(Outward { trunk, number, caller, chain });
                return;
            }
            Target::Group(name) => return self.find_members(desk, name, chain, found),
            Target::User(dialled) | Target::Number(dialled) => dialled,
        };
        let Some(account) = desk.directory.find(dialled.reveal()) else {
            return self.find_members(desk, dialled, chain, found);
        };
        if found.nobody == Outcome::Unknown {
            found.nobody = Outcome::Unreachable;
        }
        let bindings = self.usable(desk, &account.name);
        let settings = desk.settings.get(&account.name);
        if let Some((when, to)) = divert::at_once(settings, !bindings.is_empty()) {
            if when == When::Busy {
                found.nobody = Outcome::Busy;
            }
            if let (Some(to), Some(chain)) = (to, self.passed_on(chain, account, dialled, when)) {
                for target in self.plan_targets(desk, account, to) {
                    self.find(desk, &target, &chain, found);
                }
            }
            return;
        }
        let number = (account.name != dialled.reveal()).then(|| dialled.clone());
        let fresh = |binding: &Binding| !found.seen.iter().any(|other| other.contact == binding.contact);
        let bindings: Vec<Binding> = bindings.into_iter().filter(fresh).collect();
        found.seen.extend(bindings.iter().cloned());
        let room = bounds::FORKS.saturating_sub(found.users.iter().map(Vec::len).sum());
        let contacts = wave::devices(bindings).into_iter().take(room).map(|(binding, mut others)| {
            others.reverse();
            let (user, number, diverted) = (Masked::new(&account.name), number.clone(), chain.to_vec());
            Contact { user, number, binding, others, diverted, way: None }
        });
        let contacts: Vec<Contact> = contacts.collect();
        if !contacts.is_empty() {
            found.users.push(contacts);
        }
    }

    /// The members of a ring group. A group within a group would be one that somebody wrote into itself: accounts only.
    fn find_members(&self, desk: &Desk<'_>, group: &Masked, chain: &[Diversion], found: &mut Found) {
        let members = desk.groups.get(group.reveal()).into_iter().flat_map(|ring| &ring.members);
        for member in members.filter(|member| desk.directory.find(member).is_some()) {
            self.find(desk, &Target::User(Masked::new(member)), chain, found);
        }
    }

    /// The contacts of a user that this call may ring: all, or only the device that was dialled by its own address; under TLS only if
    /// the call must be secure.
    fn usable(&self, desk: &Desk<'_>, user: &str) -> Vec<Binding> {
        let mut bindings = desk.bindings.lookup(desk.now, user);
        if let Some(device) = self.device.as_ref().filter(|device| device.user.reveal() == user) {
            bindings.retain(|binding| binding.is_device(&device.gr));
        }
        bindings.retain(|binding| !self.secure || binding.flow.transport.is_secure());
        bindings
    }
}

/// Of two failures the one that tells the caller more: a person's word before a machine's (RFC 3261 §16.7 step 6).
fn better(a: u16, b: u16) -> u16 {
    let rank = |status: u16| match status {
        600..=699 => 0,
        486 => 1,
        480 | 408 | 487 => 2,
        404 | 484 => 3,
        400..=499 => 4,
        _ => 5,
    };
    if rank(b) < rank(a) { b } else { a }
}

/// What a failed dial means to the plan.
fn outcome(status: u16, rang: bool) -> Outcome {
    match status {
        486 | 600 => Outcome::Busy,
        603 | 403 => Outcome::Rejected,
        404 | 484 | 604 => Outcome::Unknown,
        408 | 480 | 487 if rang => Outcome::NoAnswer,
        408 | 480 | 487 | 430 => Outcome::Unreachable,
        _ => Outcome::Failed,
    }
}

/// The status that an unanswered caller is told: nothing that would make its phone act (challenges, redirections,
/// "service unavailable" of somebody else: RFC 3261 §16.7 step 6).
fn told(status: u16) -> u16 {
    match status {
        300..=399 | 401 | 407 | 408 | 421 | 423 | 487 | 489 | 491 | 494 => 480,
        503 => 500,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_word_goes_before_a_machines() {
        for (a, b, best) in
            [(480, 486, 486), (486, 603, 603), (603, 486, 603), (503, 404, 404), (404, 480, 480)]
        {
            assert_eq!(better(a, b), best, "{a} {b}");
        }
    }

    #[test]
    fn a_failure_means_the_same_to_every_plan() {
        for (status, rang, expected) in [
            (486, false, Outcome::Busy),
            (600, true, Outcome::Busy),
            (603, true, Outcome::Rejected),
            (404, false, Outcome::Unknown),
            (480, true, Outcome::NoAnswer),
            (480, false, Outcome::Unreachable),
            (408, false, Outcome::Unreachable),
            (500, true, Outcome::Failed),
            (302, false, Outcome::Failed),
        ] {
            assert_eq!(outcome(status, rang), expected, "{status} {rang}");
        }
    }

    #[test]
    fn a_caller_is_not_told_what_is_not_for_its_phone() {
        for (from, to) in [(486, 486), (401, 480), (302, 480), (503, 500), (604, 604), (408, 480)] {
            assert_eq!(told(from), to);
        }
    }
}
