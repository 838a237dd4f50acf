//! The plan walks: each ask of its machine becomes an act of the call, each end of an act a reply.

use crate::plan::{Ask, Outcome, Reply};

use super::desk::Desk;
use super::trace::What;
use super::{Call, Phase};

impl Call {
    /// Resumes the plan with `reply` and begins what it asks for next.
    pub(super) fn resume(&mut self, desk: &mut Desk<'_>, reply: Reply) {
        let ask = self.machine.resume(desk.wall, reply);
        self.go_from(desk, ask);
    }

    /// Begins what `ask` wants, and then what comes of it.
    pub(super) fn go_from(&mut self, desk: &mut Desk<'_>, ask: Ask) {
        let mut ask = ask;
        loop {
            self.tell_plan(desk);
            match self.perform(desk, ask) {
                Some(at_once) => ask = self.machine.resume(desk.wall, at_once),
                None => return,
            }
        }
    }

    /// Writes what the plan has done since into the call's log.
    pub(super) fn tell_plan(&mut self, desk: &Desk<'_>) {
        for line in self.machine.take_trace() {
            let what = What::Plan { file: (&*line.file).into(), line: line.line, text: line.text.into() };
            self.trace.add(desk.now, &what);
        }
    }

    /// Begins what an ask wants. `Some` when it has already ended: a dial that finds nobody to ring.
    fn perform(&mut self, desk: &mut Desk<'_>, ask: Ask) -> Option<Reply> {
        let confirms = self.confirms && matches!(ask, Ask::Hangup { .. });
        if (ask.answers() || confirms) && !self.caller_listens(desk) {
            if !matches!(self.phase, Phase::Ending) {
                self.phase = Phase::Waiting(Box::new(ask));
            }
            return None;
        }
        // A plan that talks to the transferred party is where it was to get to; a notice is only on the way there.
        if ask.answers() && !matches!(ask, Ask::Play { notice: true, .. }) {
            self.transfer_done(desk);
        }
        if confirms {
            self.confirm(desk);
            return None;
        }
        match ask {
            Ask::Say { parts } => self.say(desk, &parts),
            Ask::Lookup { lookup, values } => return self.look_up(desk, lookup, values),
            Ask::Do(deed) => return self.deed(desk, deed),
            Ask::Play { prompts, notice } => self.play(desk, &prompts, notice),
            Ask::Collect { .. } => self.collect(desk, ask),
            Ask::Dial { targets, ring, turns } => {
                return self.dial(desk, &targets, ring, turns).map(Reply::Dialled);
            }
            Ask::Hangup { cause } => self.hang_up(desk, cause),
        }
        None
    }

    /// The caller's media is there at last (its answer came in an ACK): the ask that waited for it begins.
    pub(super) fn go_on(&mut self, desk: &mut Desk<'_>) {
        if let Phase::Waiting(_) = self.phase
            && let Phase::Waiting(ask) = std::mem::replace(&mut self.phase, Phase::Ending)
        {
            self.phase = Phase::Between;
            if let Some(reply) = self.perform(desk, *ask) {
                self.resume(desk, reply);
            }
        }
    }

    /// A dial has ended without (or after) a conversation.
    pub(super) fn dialled(&mut self, desk: &mut Desk<'_>, outcome: Outcome) {
        self.note(desk, format!("dial ended: {}", outcome.word()));
        self.phase = Phase::Between;
        if self.summons.is_some() {
            return self.not_summoned(desk, outcome);
        }
        match self.orphan && self.transfer.is_none() {
            true => self.without_plan(desk, outcome),
            false => self.resume(desk, Reply::Dialled(outcome)),
        }
    }
}
