//! Codes that a plan gives to parties of a conversation (`on feature "*7" { … }`), and what they do.
//!
//! Invariant: only users of the switch press codes; a reaction ends the conversation only by `transfer`, and then the customer walks on.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{LegId, Masked, PromptId, Time};
use crate::media::{Order, Sound};
use crate::plan::{Ask, Deed, Origin, Target};
use crate::registrar::Account;

use super::desk::{Alarm, Desk, Effect};
use super::monitor::Supervision;
use super::{CALLER, Call, Phase};

/// Keys of one code come closer together than this.
const BETWEEN_KEYS: Duration = Duration::from_secs(3);

/// What a party has pressed of a code.
#[derive(Debug, Default)]
pub(super) struct Codes {
    leg: Option<LegId>,
    keys: String,
    last: Time,
}

impl Call {
    /// A key of a conversation: perhaps the last of one of the plan's codes.
    pub(super) fn code_pressed(&mut self, desk: &mut Desk<'_>, leg: LegId, key: char) {
        let program = self.machine.program().clone();
        if program.features().next().is_none() || self.peer_of(leg).is_none() || !self.is_users(leg) {
            return;
        }
        let codes = &mut self.codes;
        if codes.leg != Some(leg) || desk.now.since(codes.last) > BETWEEN_KEYS || matches!(key, '*' | '#') {
            *codes = Codes { leg: Some(leg), ..Codes::default() };
        }
        codes.last = desk.now;
        codes.keys.push(key);
        let pressed = codes.keys.clone();
        if let Some(reaction) = program.feature(&pressed) {
            self.codes = Codes::default();
            self.react(desk, leg, &pressed, reaction);
        } else if !program.features().any(|code| code.starts_with(&pressed)) {
            self.codes = Codes::default();
        }
    }

    /// Whether a leg is that of a user of this switch, and not of somebody behind a trunk.
    fn is_users(&self, leg: LegId) -> bool {
        let over_trunk = self.leg(leg).is_some_and(|at| at.way.is_some());
        !over_trunk && (leg != CALLER || self.facts.origin == Origin::Users)
    }

    fn react(&mut self, desk: &mut Desk<'_>, by: LegId, code: &str, reaction: u32) {
        self.note(desk, format!("{by} presses {code}"));
        self.react_to(desk, reaction, None);
    }

    /// Carries out a reaction of the plan; `matched` is what was said.
    pub(super) fn react_to(&mut self, desk: &mut Desk<'_>, reaction: u32, matched: Option<&str>) {
        let (deeds, onward) = self.machine.react(reaction, matched, desk.wall);
        self.tell_plan(desk);
        for deed in deeds {
            self.react_with(desk, deed);
        }
        if let Some(ask) = onward {
            self.walk_on(desk, ask);
        }
    }

    fn react_with(&mut self, desk: &mut Desk<'_>, deed: Deed) {
        let Some(ours) = self.agent() else { return };
        let side = |agent: bool| if agent { Some(ours) } else { self.peer_of(ours) };
        match deed {
            Deed::Mute { agent, time } => {
                if let Some(leg) = side(agent) {
                    self.silence(desk, leg, desk.now + time);
                }
            }
            Deed::Whisper(prompts) => {
                let sounds = prompts.iter().copied().map(|prompt: PromptId| Sound::Prompt(prompt)).collect();
                self.start_sounds(desk, ours, sounds, false);
            }
            Deed::Show { agent, text } => {
                if let Some(leg) = side(agent).filter(|leg| self.is_users(*leg)) {
                    self.show(desk, leg, text);
                }
            }
            Deed::Join { group } => self.bring_in(desk, &group),
            other => drop(self.deed(desk, other)),
        }
    }

    /// A text on the phones of whose leg it is (RFC 3428).
    fn show(&mut self, desk: &mut Desk<'_>, leg: LegId, text: Arc<str>) {
        let user = match self.leg(leg) {
            Some(_) if leg == CALLER => self.caller_name.clone(),
            Some(at) => at.user.clone(),
            None => return,
        };
        self.note(desk, format!("{leg} is shown a text"));
        if Some(leg) == self.agent() && self.put_text(desk, &user, Arc::clone(&text)) {
            return;
        }
        desk.effects.push_back(Effect::Tell { user, text });
    }

    /// Those of a group who have phones are rung to listen in; who answers, hears.
    fn bring_in(&mut self, desk: &mut Desk<'_>, group: &str) {
        let accounts = self.at_hand(desk, group);
        let rung =
            accounts.into_iter().filter(|account| self.supervise(desk, account, Supervision::Listen)).count();
        if rung == 0 {
            self.note(desk, format!("nobody of {group} can be brought in"));
        }
    }

    /// Those of a group who are not in this call.
    pub(super) fn at_hand(&self, desk: &Desk<'_>, group: &str) -> Vec<Arc<Account>> {
        let named = |target: Target| match target {
            Target::User(user) | Target::Number(user) => vec![user],
            Target::Group(group) => desk
                .groups
                .get(group.reveal())
                .map(|ring| ring.members.iter().map(Masked::new).collect())
                .unwrap_or_default(),
            Target::Trunk { .. } => Vec::new(),
        };
        let users: Vec<Masked> = self.machine.members(group).into_iter().flat_map(named).collect();
        let talking: Vec<&Masked> =
            self.legs.iter().filter(|leg| !leg.is_gone()).map(|leg| &leg.user).collect();
        users
            .iter()
            .filter(|user| !talking.contains(user))
            .filter_map(|user| desk.directory.find(user.reveal()).cloned())
            .collect()
    }

    /// A party may be heard again, or may not.
    pub(super) fn mute(&mut self, desk: &mut Desk<'_>, leg: LegId, muted: bool) {
        desk.effects.push_back(Effect::Media(Order::Mute { call: self.id, leg, muted }));
    }

    /// The far side is let go, and the customer walks the plan from here.
    fn walk_on(&mut self, desk: &mut Desk<'_>, ask: Ask) {
        let Phase::Talking { with } = self.phase else { return };
        desk.alarms.clear(&(self.id, Alarm::Talk));
        self.unlinked();
        desk.effects.push_back(Effect::Media(Order::Part { call: self.id, leg: self.near }));
        self.phase = Phase::Between;
        self.left = Some(with);
        self.release(desk, with, 487, None);
        self.go_from(desk, ask);
    }
}
