//! Forwarding: a user's calls go where the user has said, as if the user had dialled there.
//!
//! Where a forward leads is asked of the plan, with the forwarding user as the caller: what that user may not dial, a forward does
//! not reach. A route that does not begin with a dial (a menu, say) is not followed.
//!
//! Invariant: a call is passed on at most [`bounds::DIVERSIONS`] times and never twice by the same user, whatever people have set.

use std::collections::VecDeque;

use crate::base::{LegId, Masked, bounds};
use crate::plan::{Ask, Facts, Machine, Origin, Outcome, Reply, Target};
use crate::registrar::{Account, Settings, When};

use super::desk::{Alarm, Desk};
use super::dial::Contact;
use super::leg::Stage;
use super::trunk;
use super::{Call, Phase};

/// One step of a call that was passed on.
#[derive(Debug, Clone)]
pub(super) struct Diversion {
    /// Who passed it on: the account's name.
    pub user: Masked,
    /// Under which number the user was called.
    pub number: Masked,
    /// Why.
    pub when: When,
}

impl Call {
    /// Whom the plan rings when `account` dials `number`.
    pub(super) fn plan_targets(&self, desk: &Desk<'_>, account: &Account, number: &str) -> Vec<Target> {
        let program = self.machine.program().clone();
        let Some(route) = program.route(&Origin::Users, number) else { return Vec::new() };
        let facts = Facts {
            caller: Masked::new(account.numbers.first().unwrap_or(&account.name)),
            dialled: Masked::new(number),
            display: Masked::new(&account.display),
            origin: Origin::Users,
            wall: desk.wall,
        };
        let mut machine = Machine::start(program, route, facts);
        let mut ask = machine.resume(desk.wall, Reply::Start);
        // This call's own notice was played, or is not needed.
        if let Ask::Play { notice: true, .. } = ask {
            ask = machine.resume(desk.wall, Reply::Played);
        }
        match ask {
            Ask::Dial { targets, .. } => targets.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Rings those to whom the user of a failed leg forwards such a failure. `false`: nobody.
    pub(super) fn divert_failed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) -> bool {
        let rang = matches!(self.leg(leg).map(|at| &at.stage), Some(Stage::Calling { ringing: true, .. }));
        let when = match status {
            486 | 600 => When::Busy,
            408 | 480 | 430 | 500..=599 if !rang => When::Unregistered,
            408 | 480 => When::NoAnswer,
            _ => return false,
        };
        // Somebody else of the same user may still answer.
        !self.others_ring(leg) && self.divert(desk, leg, when)
    }

    /// A user's phones have rung for as long as the user wants.
    pub(super) fn patience_over(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        if !dialling.legs.contains(&leg) {
            return;
        }
        let same = self.same_user(leg);
        if self.divert(desk, leg, When::NoAnswer) {
            for leg in same {
                self.release(desk, leg, 487, None);
                self.close_media(desk, leg);
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.legs.retain(|at| *at != leg);
                }
            }
        }
    }

    /// The dial's time is over: whoever forwards unanswered calls does so now. `false`: nobody does.
    pub(super) fn divert_unanswered(&mut self, desk: &mut Desk<'_>) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        let before = dialling.legs.clone();
        for leg in &before {
            self.patience_over(desk, *leg);
        }
        let Phase::Dialling(dialling) = &self.phase else { return false };
        dialling.legs.iter().any(|leg| !before.contains(leg))
    }

    /// Sets how long this leg rings before its user's forward.
    pub(super) fn arm_patience(&self, desk: &mut Desk<'_>, leg: LegId, user: &Masked) {
        if let Some(settings) = desk.settings.get(user.reveal())
            && settings.forward(When::NoAnswer).is_some()
        {
            let patience = settings.patience();
            desk.alarms.set((self.id, Alarm::Patience(leg)), desk.now + patience);
        }
    }

    fn divert(&mut self, desk: &mut Desk<'_>, leg: LegId, when: When) -> bool {
        // A trunk is nobody's account, whatever it is called.
        let Some(at) = self.leg(leg).filter(|at| at.way.is_none()) else { return false };
        let (user, number, chain) = (at.user.clone(), at.number.clone(), at.diverted.clone());
        let forward = desk.settings.get(user.reveal()).and_then(|settings| settings.forward(when));
        let (Some(to), Some(account)) = (forward.map(str::to_string), desk.directory.account(user.reveal()))
        else {
            return false;
        };
        let account = std::sync::Arc::clone(account);
        let number = number.unwrap_or_else(|| user.clone());
        let Some(chain) = self.passed_on(&chain, &account, &number, when) else {
            self.note(desk, format!("{leg}: the forward of {user} would go round"));
            return false;
        };
        let targets = self.plan_targets(desk, &account, &to);
        let found = self.contacts(desk, &targets, &chain);
        let over_trunks = self.over_trunks(desk, &found.outward, &mut Outcome::Failed);
        let mut waves = VecDeque::new();
        trunk::join(&mut waves, over_trunks);
        let first = waves.pop_front().into_iter().flat_map(|wave| wave.contacts);
        let now: Vec<Contact> = found.users.into_iter().flatten().chain(first).collect();
        let added: Vec<LegId> = now.into_iter().filter_map(|to| self.add_leg(desk, to)).collect();
        self.note(desk, format!("{leg}: {} forwards to {}: {} rung", user, Masked::new(&to), added.len()));
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        let ring = dialling.ring;
        dialling.legs.extend(&added);
        // The other ways of a trunk are for the case that the first fails: no time brings them.
        if let Some(last) = dialling.waves.back_mut().filter(|_| !waves.is_empty()) {
            last.lasts = trunk::ALONE;
        }
        dialling.waves.extend(waves);
        if !added.is_empty() {
            desk.alarms.set((self.id, Alarm::Ring), desk.now + ring);
        }
        !added.is_empty()
    }

    fn same_user(&self, leg: LegId) -> Vec<LegId> {
        let Phase::Dialling(dialling) = &self.phase else { return Vec::new() };
        let user = self.leg(leg).map(|at| &at.user);
        dialling.legs.iter().copied().filter(|at| self.leg(*at).map(|at| &at.user) == user).collect()
    }

    fn others_ring(&self, leg: LegId) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        let user = self.leg(leg).map(|at| &at.user);
        let waits = dialling.waves.iter().flat_map(|wave| &wave.contacts).any(|to| Some(&to.user) == user);
        waits || self.same_user(leg).iter().any(|at| *at != leg)
    }

    /// The steps of a call that `account` passes on once more; `None`: it has been passed on too often, here or before it came, or by
    /// this user before.
    pub(super) fn passed_on(
        &self,
        chain: &[Diversion],
        account: &Account,
        number: &Masked,
        when: When,
    ) -> Option<Vec<Diversion>> {
        let often = chain.len().saturating_add(self.passed_before) >= bounds::DIVERSIONS;
        if often || chain.iter().any(|step| step.user.reveal() == account.name) {
            return None;
        }
        let mut chain = chain.to_vec();
        chain.push(Diversion { user: Masked::new(&account.name), number: number.clone(), when });
        Some(chain)
    }
}

/// Where a call to a user goes before any phone rings.
pub(super) fn at_once(settings: Option<&Settings>, reachable: bool) -> Option<(When, Option<&str>)> {
    let settings = settings?;
    if let Some(to) = settings.forward(When::Always) {
        return Some((When::Always, Some(to)));
    }
    if settings.dnd {
        return Some((When::Busy, settings.forward(When::Busy)));
    }
    match settings.forward(When::Unregistered) {
        Some(to) if !reachable => Some((When::Unregistered, Some(to))),
        _ => None,
    }
}
