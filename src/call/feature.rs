//! Codes that a plan gives to parties of a conversation (`on feature "*7" { … }`), and what they do.
//!
//! Invariant: only users of the switch press codes; a reaction ends the conversation only by `transfer`, and then the customer walks on.

use std::time::Duration;

use crate::base::{LegId, PromptId, Time};
use crate::media::{Order, Sound};
use crate::plan::{Ask, Deed, Origin};

use super::desk::{Alarm, Desk, Effect};
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
        let (deeds, onward) = self.machine.react(reaction, None, desk.wall);
        self.tell_plan(desk);
        for deed in deeds {
            self.react_with(desk, deed);
        }
        if let Some(ask) = onward {
            self.walk_on(desk, ask);
        }
    }

    fn react_with(&mut self, desk: &mut Desk<'_>, deed: Deed) {
        let Phase::Talking { with } = self.phase else { return };
        match deed {
            Deed::Mute { agent, time } => {
                let leg = if agent { with } else { self.near };
                self.mute(desk, leg, true);
                desk.alarms.set((self.id, Alarm::Unmute(leg)), desk.now + time);
            }
            Deed::Whisper(prompts) => {
                let sounds = prompts.iter().copied().map(|prompt: PromptId| Sound::Prompt(prompt)).collect();
                self.start_sounds(desk, with, sounds, false);
            }
            other => drop(self.deed(desk, other)),
        }
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
