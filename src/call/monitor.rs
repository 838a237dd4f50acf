//! Somebody listens in on a conversation, whispers to one side of it, barges in, or takes it over: a supervisor, whose own phone rings.
//!
//! While anybody is there the two who talk are in a mix instead of a relay; when the last has gone they are relayed again.
//! Invariant: whoever listens in stands on the recording's event track, from when to when (REC-10); nobody is left in the mix of a
//! conversation that has ended; under a policy that requires monitors nobody is rung before they are there.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Masked, bounds};
use crate::media::{Order, Role, Sound, Tone};
use crate::plan::{Ended, Reply};
use crate::registrar::Account;
use crate::vault::Event;

use super::desk::{Alarm, Desk, Effect};
use super::dial::Contact;
use super::leg::{Leg, Stage};
use super::wave;
use super::{Call, Phase};

/// How long the phones of a supervisor ring.
const RING: Duration = Duration::from_secs(30);

/// What somebody does in a conversation of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// Hears both, heard by nobody.
    Listen,
    /// Hears both, heard by the agent alone.
    Whisper,
    /// Hears both, heard by both.
    Barge,
    /// Takes the agent's place.
    TakeOver,
}

impl Supervision {
    /// The word of the command line, of logs and of the event track.
    pub const fn word(self) -> &'static str {
        match self {
            Supervision::Listen => "listen",
            Supervision::Whisper => "whisper",
            Supervision::Barge => "barge",
            Supervision::TakeOver => "take-over",
        }
    }
}

/// A phone of somebody who is in a conversation of others, or is rung for it.
#[derive(Debug)]
pub(super) struct Monitor {
    leg: LegId,
    user: Masked,
    how: Supervision,
    /// Whether it has answered.
    there: bool,
    /// Whether it has answered before the conversation that it is to hear has begun.
    waits: bool,
}

/// Coming.
impl Call {
    /// Brings a user into the conversation, or changes what one who is there does. `false`: nobody talks, or the user has no phone.
    pub fn supervise(&mut self, desk: &mut Desk<'_>, account: &Account, how: Supervision) -> bool {
        if !matches!(self.phase, Phase::Talking { .. }) || self.transfer.is_some() {
            return false;
        }
        let there = self.monitors.iter_mut().find(|it| it.there && it.user.reveal() == account.name);
        if let Some(monitor) = there {
            monitor.how = how;
            let leg = monitor.leg;
            self.note(desk, format!("{leg} goes on to {}", how.word()));
            self.monitored(desk, leg, "changes");
            self.begin_monitor(desk, leg);
            return true;
        }
        if self.ring_monitor(desk, account, how) {
            desk.alarms.set((self.id, Alarm::Monitors), desk.now + RING);
            return true;
        }
        false
    }

    /// Rings the phones of somebody who is to listen in. `false`: there are none.
    fn ring_monitor(&mut self, desk: &mut Desk<'_>, account: &Account, how: Supervision) -> bool {
        let bindings = desk.bindings.lookup(desk.now, &account.name);
        let devices = wave::devices(bindings).into_iter().take(bounds::BINDINGS_PER_USER);
        let user = Masked::new(&account.name);
        let number = account.numbers.first().map(Masked::new);
        let before = self.monitors.len();
        for (binding, others) in devices {
            let (user, number) = (user.clone(), number.clone());
            let mut contact = Contact::bound(user.clone(), binding, others);
            contact.number = number;
            if let Some(leg) = self.add_leg(desk, contact) {
                self.monitors.push(Monitor { leg, user, how, there: false, waits: false });
            }
        }
        if self.monitors.len() == before {
            self.note(desk, format!("{user} has no phone to {} with", how.word()));
            return false;
        }
        self.note(desk, format!("{user} is rung to {}", how.word()));
        true
    }

    /// Whether a leg is a supervisor's.
    pub(super) fn is_monitor(&self, leg: LegId) -> bool {
        self.monitors.iter().any(|monitor| monitor.leg == leg)
    }

    /// A phone of a supervisor has answered.
    pub(super) fn monitor_answers(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let linear =
            self.leg(leg).and_then(|at| at.media.agreed.first()).is_some_and(|f| f.codec.is_linear());
        let waits = matches!(self.phase, Phase::Gathering { .. });
        if !(waits || matches!(self.phase, Phase::Talking { .. })) || !linear {
            return self.dismiss(desk, leg);
        }
        self.aim(desk, leg);
        let Some(monitor) = self.monitors.iter_mut().find(|monitor| monitor.leg == leg) else { return };
        (monitor.there, monitor.waits) = (true, waits);
        let user = monitor.user.clone();
        let others: Vec<LegId> = self
            .monitors
            .iter()
            .filter(|other| !other.there && other.user == user)
            .map(|other| other.leg)
            .collect();
        others.into_iter().for_each(|other| self.dismiss(desk, other));
        if waits {
            self.start_sounds(desk, leg, vec![Sound::Tone(Tone::RingBack)], true);
            return;
        }
        self.monitored(desk, leg, "begins");
        self.begin_monitor(desk, leg);
    }

    /// A supervisor's phone is rung once more, as another leg.
    pub(super) fn replace_monitor(&mut self, leg: LegId, again: LegId) {
        if let Some(monitor) = self.monitors.iter_mut().find(|monitor| monitor.leg == leg) {
            monitor.leg = again;
        }
    }

    fn begin_monitor(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let how = self.monitors.iter().find(|monitor| monitor.leg == leg).map(|monitor| monitor.how);
        self.note(desk, format!("{leg}: {}", how.map_or("", Supervision::word)));
        match how {
            Some(Supervision::TakeOver) => self.take_over_from(desk, leg),
            _ => self.mix(desk),
        }
    }

    /// The supervisor takes the agent's place; the agent is let go.
    fn take_over_from(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(agent) = self.agent() else { return self.dismiss(desk, leg) };
        self.monitored(desk, leg, "ends");
        self.monitors.retain(|monitor| monitor.leg != leg);
        self.sit_down(desk, leg, agent);
    }

    /// Puts the two who talk, and whoever is with them, into the mix; nothing when nobody is with them.
    pub(super) fn mix(&mut self, desk: &mut Desk<'_>) {
        let (Phase::Talking { with }, true) = (&self.phase, self.is_monitored()) else { return };
        let (id, agent) = (self.id, self.agent());
        let two = [self.near, *with].map(|leg| (leg, Role::Party));
        let role = |how| match (how, agent) {
            (Supervision::Whisper, Some(agent)) => Role::Whisper(agent),
            (Supervision::Barge, _) => Role::Party,
            _ => Role::Listener,
        };
        let present = self.monitors.iter().filter(|it| it.there).map(|it| (it.leg, role(it.how)));
        let orders = two.into_iter().chain(present);
        desk.effects.extend(orders.map(|(leg, role)| Effect::Media(Order::Mix { call: id, leg, role })));
    }

    fn is_monitored(&self) -> bool {
        self.monitors.iter().any(|monitor| monitor.there)
    }

    /// The side of the conversation that is ours: who was called, unless that is somebody outside whom one of ours has called.
    pub(super) fn agent(&self) -> Option<LegId> {
        let Phase::Talking { with } = self.phase else { return None };
        let outside = self.leg(with)?.way.is_some();
        Some(if outside { self.near } else { with })
    }

    /// States on the event track what a supervisor begins, changes or ends.
    fn monitored(&mut self, desk: &mut Desk<'_>, leg: LegId, when: &str) {
        let heard = |monitor: &&Monitor| monitor.leg == leg && monitor.there && !monitor.waits;
        let Some(monitor) = self.monitors.iter().find(heard) else { return };
        let (user, how) = (monitor.user.reveal(), monitor.how.word());
        let value = serde_json::json!({ "leg": leg.0, "user": user, "how": how, "when": when });
        self.record_event(desk, Event::Other { name: "monitor".into(), value });
    }
}

/// Whom a policy requires before an agent is reached (RISK-01).
impl Call {
    /// Rings a group so that `count` of it listen to the conversation that is to come. `Some`: it has ended already.
    pub(super) fn gather(
        &mut self,
        desk: &mut Desk<'_>,
        count: u8,
        group: &Arc<str>,
        within: Duration,
    ) -> Option<Reply> {
        let there = self.monitors.iter().filter(|monitor| monitor.there).count();
        if there >= usize::from(count) {
            return Some(Reply::Did(Ended::Done));
        }
        let accounts = self.at_hand(desk, group);
        let how = Supervision::Listen;
        let rung = accounts.iter().filter(|account| self.ring_monitor(desk, account, how)).count();
        if there + rung < usize::from(count) {
            self.dismiss_monitors(desk);
            self.state_required(desk, group, count, Ended::Failed);
            return Some(Reply::Did(Ended::Failed));
        }
        desk.alarms.set((self.id, Alarm::Monitors), desk.now + within);
        self.phase = Phase::Gathering { count, group: Arc::clone(group) };
        None
    }

    /// Looks whether enough are there, or cannot be any more: then the plan goes on. Asked after everything that happens to the call.
    pub fn mind_monitors(&mut self, desk: &mut Desk<'_>) {
        let Phase::Gathering { count, .. } = self.phase else { return };
        let there = self.monitors.iter().filter(|monitor| monitor.there).count();
        if there >= usize::from(count) {
            self.gathered(desk, Ended::Done);
        } else if self.monitors.iter().all(|monitor| monitor.there) {
            self.gathered(desk, Ended::Failed);
        }
    }

    fn gathered(&mut self, desk: &mut Desk<'_>, ended: Ended) {
        let Phase::Gathering { count, group } = std::mem::replace(&mut self.phase, Phase::Between) else {
            return;
        };
        desk.alarms.clear(&(self.id, Alarm::Monitors));
        match ended {
            Ended::Done => self.dismiss_silent(desk),
            _ => self.dismiss_monitors(desk),
        }
        self.state_required(desk, &group, count, ended);
        self.resume(desk, Reply::Did(ended));
    }

    fn state_required(&mut self, desk: &mut Desk<'_>, group: &str, count: u8, ended: Ended) {
        let value = serde_json::json!({ "group": group, "required": count, "met": ended == Ended::Done });
        self.record_event(desk, Event::Other { name: "monitors".into(), value });
    }

    /// The conversation begins that those who wait are to hear.
    pub(super) fn monitors_begin(&mut self, desk: &mut Desk<'_>) {
        let waiting: Vec<LegId> = self.monitors.iter().filter(|it| it.waits).map(|it| it.leg).collect();
        for leg in waiting {
            self.quiet(desk, leg);
            if let Some(monitor) = self.monitors.iter_mut().find(|monitor| monitor.leg == leg) {
                monitor.waits = false;
            }
            self.monitored(desk, leg, "begins");
        }
    }
}

/// Going.
impl Call {
    /// A supervisor is gone, or is let go; the others stay.
    pub(super) fn monitor_left(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let was_monitored = self.is_monitored();
        self.monitored(desk, leg, "ends");
        self.monitors.retain(|monitor| monitor.leg != leg);
        if let (Phase::Talking { with }, true, false) = (&self.phase, was_monitored, self.is_monitored()) {
            let join = Order::Join { call: self.id, a: self.near, b: *with };
            desk.effects.push_back(Effect::Media(join));
        }
    }

    pub(super) fn dismiss(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.release(desk, leg, 487, None);
        self.close_media(desk, leg);
        self.monitor_left(desk, leg);
    }

    /// Those who were rung to listen in have not answered.
    pub(super) fn monitors_rung_out(&mut self, desk: &mut Desk<'_>) {
        match self.phase {
            Phase::Gathering { .. } => self.gathered(desk, Ended::Timeout),
            _ => self.dismiss_silent(desk),
        }
    }

    fn dismiss_silent(&mut self, desk: &mut Desk<'_>) {
        let silent: Vec<LegId> = self.monitors.iter().filter(|it| !it.there).map(|it| it.leg).collect();
        silent.into_iter().for_each(|leg| self.dismiss(desk, leg));
    }

    /// The two who talk are taken apart: whoever was with them has nobody to listen to.
    pub(super) fn part_near(&mut self, desk: &mut Desk<'_>) {
        let call = self.id;
        self.unlinked();
        desk.effects.push_back(Effect::Media(Order::Part { call, leg: self.near }));
        if self.is_monitored()
            && let Phase::Talking { with } = self.phase
        {
            let two = [self.near, with].map(|leg| Effect::Media(Order::Unmix { call, leg }));
            desk.effects.extend(two);
        }
        self.dismiss_monitors(desk);
    }

    /// Lets everybody go who listens in or is rung for it.
    pub(super) fn dismiss_monitors(&mut self, desk: &mut Desk<'_>) {
        desk.alarms.clear(&(self.id, Alarm::Monitors));
        let legs: Vec<LegId> = self.monitors.iter().map(|monitor| monitor.leg).collect();
        for leg in legs {
            self.monitored(desk, leg, "ends");
            self.release(desk, leg, 487, None);
            self.close_media(desk, leg);
        }
        self.monitors.clear();
    }

    /// Who has barged in and could stay with the party that is left.
    pub(super) fn heir(&self) -> Option<LegId> {
        let barged = |it: &&Monitor| it.there && it.how == Supervision::Barge;
        let up = |leg: &LegId| {
            self.leg(*leg).is_some_and(|at: &Leg| matches!(at.stage, Stage::Up { leaving: false, .. }))
        };
        self.monitors.iter().find(barged).map(|it| it.leg).filter(up)
    }

    /// Makes a supervisor a party; what it did before has ended.
    pub(super) fn inherit(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.monitored(desk, leg, "ends");
        self.monitors.retain(|monitor| monitor.leg != leg);
        self.note(desk, format!("{leg} stays with the other party"));
    }

    /// The media plane cannot mix: two whose codec is only passed through.
    pub(super) fn not_mixed(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if let Phase::Talking { with } = self.phase {
            self.note(desk, format!("{leg} cannot be mixed: its codec is only passed through"));
            self.dismiss_monitors(desk);
            let join = Order::Join { call: self.id, a: self.near, b: with };
            desk.effects.push_back(Effect::Media(join));
        }
    }
}
