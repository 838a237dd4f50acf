//! Systems outside that the plan asks and tells: the question leaves as a value, the answer comes back as one, or its time is over.
//!
//! Invariants: a call waits for an answer no longer than its lookup says, whatever the shell does; an answer to a question that
//! nobody waits for any more changes nothing; nothing leaves to a host that the call's policies do not let out.

use std::sync::Arc;

use crate::base::{CallId, Masked, Wall};
use crate::plan::{Ended, Lookup, Reply, Value, Webhook};

use super::desk::{Alarm, Desk, Effect};
use super::{Call, Phase};

/// Something that a system outside is asked.
#[derive(Debug)]
pub struct Question {
    /// By which call.
    pub call: CallId,
    /// The call's questions are numbered.
    pub number: u32,
    /// What is asked.
    pub lookup: Arc<Lookup>,
    /// With which values, in order. `Debug` shows them masked.
    pub values: Vec<Value>,
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub struct Answered {
    /// The call.
    pub call: CallId,
    /// The question's number.
    pub number: u32,
    /// The declared fields in order, or how it failed.
    pub answer: Result<Arc<[Value]>, Ended>,
    /// Why it failed, for the call's log; holds no value.
    pub why: Option<String>,
}

/// Something that a system outside is told.
#[derive(Debug, Clone)]
pub struct Notice {
    /// By which call.
    pub call: CallId,
    /// When.
    pub at: Wall,
    /// Whom.
    pub webhook: Arc<Webhook>,
    /// What: made for people, numbers and names in it are masked.
    pub text: Option<Arc<str>>,
    /// Who called.
    pub caller: Masked,
    /// What was dialled.
    pub dialled: Masked,
    /// Whether it may be told these two unmasked.
    pub clear: bool,
}

impl Call {
    /// Asks a system outside. `Some` when that has already failed.
    pub(super) fn look_up(
        &mut self,
        desk: &mut Desk<'_>,
        lookup: Arc<Lookup>,
        values: Vec<Value>,
    ) -> Option<Reply> {
        if !self.machine.policy().rules.lets_out(&lookup.url) {
            self.note(desk, format!("lookup {}: no policy lets this out", lookup.name));
            return Some(Reply::Did(Ended::Failed));
        }
        self.questions += 1;
        let number = self.questions;
        desk.alarms.set((self.id, Alarm::Lookup), desk.now + lookup.timeout);
        let question = Question { call: self.id, number, lookup, values };
        desk.effects.push_back(Effect::LookUp(Box::new(question)));
        self.phase = Phase::Asking(number);
        None
    }

    /// A system outside has answered, or the shell has given up.
    pub fn on_answered(&mut self, desk: &mut Desk<'_>, answered: Answered) {
        if !matches!(self.phase, Phase::Asking(number) if number == answered.number) {
            return;
        }
        desk.alarms.clear(&(self.id, Alarm::Lookup));
        if let Some(why) = answered.why {
            self.note(desk, format!("lookup: {why}"));
        }
        self.phase = Phase::Between;
        self.resume(desk, answered.answer.map_or_else(Reply::Did, Reply::Found));
    }

    /// The answer's time is over.
    pub(super) fn not_answered(&mut self, desk: &mut Desk<'_>) {
        if matches!(self.phase, Phase::Asking(_)) {
            self.phase = Phase::Between;
            self.resume(desk, Reply::Did(Ended::Timeout));
        }
    }

    /// Tells a system outside; the plan does not wait until it has heard.
    pub(super) fn tell_outside(
        &mut self,
        desk: &mut Desk<'_>,
        webhook: Arc<Webhook>,
        text: Option<Arc<str>>,
    ) -> Reply {
        let rules = &self.machine.policy().rules;
        if !rules.lets_out(&webhook.url) {
            self.note(desk, format!("notify {}: no policy lets this out", webhook.name));
            return Reply::Did(Ended::Failed);
        }
        let notice = Notice {
            call: self.id,
            at: desk.wall,
            clear: rules.tells_numbers(&webhook.url),
            webhook,
            text,
            caller: self.facts.caller.clone(),
            dialled: self.facts.dialled.clone(),
        };
        desk.effects.push_back(Effect::Post(Box::new(notice)));
        Reply::Did(Ended::Done)
    }
}
