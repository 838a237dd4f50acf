//! One call's walk through its program.
//!
//! Invariant: between two acts of people the machine takes at most
//! [`PLAN_STEPS`] steps, and the first media it asks for is the policy's notice, if there is one.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::base::bounds::{PLAN_STEPS, TRACE_ENTRIES};
use crate::base::{Masked, Wall};

use super::ask::{Ask, Cause, Outcome, Reply, Target};
use super::ast::Compare;
use super::op::{Entry, NOWHERE, Op, Pc};
use super::policy::Policy;
use super::program::{Facts, Program, RouteId};
use super::resolved::{Condition, Operand, TargetSource, Value, Whom};
use super::trace::{self, Mark, TraceLine};

/// A running plan. Sans-IO: resumed with what happened, it returns what to do.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    policy: Policy,
    facts: Facts,
    frame: Vec<Value>,
    state: State,
    /// The instruction at work.
    pc: Pc,
    /// Whether the policy's notice is still to be played before media.
    notice_due: bool,
    /// Tries left of the menu or entry at work.
    tries: u8,
    /// Steps since somebody acted.
    steps: usize,
    trace: Vec<(Pc, Mark)>,
}

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Notice,
    Played,
    Keys,
    Dialled,
    Over(Cause),
}

impl Machine {
    /// A machine at the beginning of `route`. Resume it with [`Reply::Start`] for the first ask.
    ///
    /// A route of another program hangs up with [`Cause::Failed`].
    pub fn start(program: Arc<Program>, route: RouteId, facts: Facts) -> Machine {
        let policy = program.policy(&facts);
        let mut frame = Vec::with_capacity(program.slots);
        let captured = program.captured(route, facts.dialled.reveal());
        frame.extend(captured.into_iter().map(|part| Value::Text(Masked::new(part))));
        frame.resize(program.slots, Value::default());
        let pc = program.code.routes.get(route.0 as usize).copied().unwrap_or(NOWHERE);
        let matching = program.matching(&facts).zip(&policy.names);
        let named = matching.map(|(entry, name)| (entry.file.clone(), entry.line, name.clone())).collect();
        let trace = vec![(pc, Mark::Route(route)), (pc, Mark::Policies(named))];
        let notice_due = !policy.notice.is_empty();
        let (state, tries, steps) = (State::Start, 0, 0);
        Machine { program, policy, facts, frame, state, pc, notice_due, tries, steps, trace }
    }

    /// The program that this call is pinned to.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// What the call's policies ask for, decided when it started.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Goes on to the next ask. `wall` is the time now, for working hours.
    ///
    /// A reply that does not fit the last ask ends the call with [`Cause::Failed`]; after [`Ask::Hangup`] every reply
    /// gets the same hang-up again.
    pub fn resume(&mut self, wall: Wall, reply: Reply) -> Ask {
        let program = self.program.clone();
        match (self.state, reply, program.code.ops.get(self.pc as usize)) {
            (State::Over(cause), _, _) => Ask::Hangup { cause },
            (State::Start, Reply::Start, _) => self.run(&program, wall),
            (State::Notice, Reply::Played, Some(Op::Gate { next })) => {
                self.notice_due = false;
                self.go(&program, wall, *next)
            }
            (State::Played, Reply::Played, Some(Op::Play { next, .. })) => self.go(&program, wall, *next),
            (State::Keys, Reply::Keys(keys), Some(op)) => self.keys(&program, wall, op, keys.reveal()),
            (
                State::Keys,
                Reply::NoKeys,
                Some(Op::Menu { entry, none, .. } | Op::Collect { entry, none, .. }),
            ) => {
                let again = self.ask_again(entry);
                self.mark(Mark::NoKey { again: again.is_some() });
                again.unwrap_or_else(|| self.go(&program, wall, *none))
            }
            (State::Dialled, Reply::Dialled(outcome), Some(Op::Dial { outcomes, .. })) => {
                self.mark(Mark::Dialled(outcome));
                if outcome == Outcome::Answered {
                    self.steps = 0;
                }
                let [next, ..] = outcomes;
                let at = Outcome::ALL.iter().position(|known| *known == outcome);
                self.go(&program, wall, at.and_then(|at| outcomes.get(at)).copied().unwrap_or(*next))
            }
            _ => {
                self.mark(Mark::Misfit);
                self.over(Cause::Failed)
            }
        }
    }

    /// Takes what was traced since the last time, oldest first.
    pub fn take_trace(&mut self) -> Vec<TraceLine> {
        let marks = std::mem::take(&mut self.trace);
        marks.iter().flat_map(|(pc, mark)| trace::line(&self.program, *pc, mark)).collect()
    }

    fn mark(&mut self, mark: Mark) {
        if self.trace.len() < TRACE_ENTRIES {
            self.trace.push((self.pc, mark));
        }
    }

    fn over(&mut self, cause: Cause) -> Ask {
        self.state = State::Over(cause);
        Ask::Hangup { cause }
    }

    fn go(&mut self, program: &Program, wall: Wall, pc: Pc) -> Ask {
        self.pc = pc;
        self.run(program, wall)
    }

    /// Steps until there is something to ask.
    fn run(&mut self, program: &Program, wall: Wall) -> Ask {
        loop {
            self.steps += 1;
            let Some(op) = program.code.ops.get(self.pc as usize).filter(|_| self.steps <= PLAN_STEPS) else {
                self.mark(Mark::Strayed);
                return self.over(Cause::Failed);
            };
            match op {
                Op::Gate { .. } if self.notice_due => {
                    let prompts = self.policy.notice.clone();
                    return self.wait(Mark::Notice, State::Notice, Ask::Play { prompts, notice: true });
                }
                Op::Gate { next } => self.pc = *next,
                Op::Play { prompts, .. } => {
                    let prompts = prompts.clone();
                    return self.wait(Mark::Did, State::Played, Ask::Play { prompts, notice: false });
                }
                Op::Menu { entry, .. } | Op::Collect { entry, .. } => {
                    self.tries = entry.tries.saturating_sub(1);
                    return self.wait(Mark::Did, State::Keys, ask(entry));
                }
                Op::Dial { targets, ring, .. } => {
                    let targets: Vec<Target> = targets.iter().map(|target| self.target(target)).collect();
                    let mark = Mark::Rings(targets.clone());
                    return self.wait(mark, State::Dialled, Ask::Dial { targets, ring: *ring });
                }
                Op::If { condition, yes, no } => {
                    let holds = self.holds(program, condition, wall);
                    self.mark(if holds { Mark::Yes } else { Mark::No });
                    self.pc = if holds { *yes } else { *no };
                }
                Op::Let { slot, value, next } => {
                    self.set(*slot, self.value(value));
                    self.pc = *next;
                }
                Op::Go { flow, arguments } => {
                    self.mark(Mark::Did);
                    self.hand_over(arguments);
                    self.pc = program.code.flows.get(*flow as usize).copied().unwrap_or(NOWHERE);
                }
                Op::Hangup(cause) => {
                    self.mark(Mark::Did);
                    return self.over(*cause);
                }
            }
        }
    }

    fn wait(&mut self, mark: Mark, state: State, ask: Ask) -> Ask {
        self.mark(mark);
        self.state = state;
        ask
    }

    /// Puts values into the first slots; all are taken before any is overwritten.
    fn hand_over(&mut self, arguments: &[Operand]) {
        let values: SmallVec<[Value; 4]> = arguments.iter().map(|argument| self.value(argument)).collect();
        for (slot, value) in (0..).zip(values) {
            self.set(slot, value);
        }
    }

    /// Keys came: they lead on, or are wrong.
    fn keys(&mut self, program: &Program, wall: Wall, op: &Op, keys: &str) -> Ask {
        self.steps = 0;
        match op {
            Op::Menu { entry, keys: arms, wrong, .. } => {
                let key = keys.chars().next();
                if let Some((key, to)) = arms.iter().find(|(arm, _)| Some(*arm) == key) {
                    self.mark(Mark::Key(*key));
                    return self.go(program, wall, *to);
                }
                self.mark(Mark::WrongKey(key.unwrap_or(' ')));
                self.ask_again(entry).unwrap_or_else(|| self.go(program, wall, *wrong))
            }
            Op::Collect { entry, slot, wrong, next, .. } => {
                let got = keys.chars().count();
                let fits = (usize::from(entry.least)..=usize::from(entry.most)).contains(&got)
                    && keys.chars().all(|key| key.is_ascii_digit());
                if fits {
                    self.mark(Mark::Digits(got));
                    self.set(*slot, Value::Text(Masked::new(keys)));
                    return self.go(program, wall, *next);
                }
                let again = self.ask_again(entry);
                self.mark(Mark::TooFew { got, again: again.is_some() });
                again.unwrap_or_else(|| self.go(program, wall, *wrong))
            }
            _ => {
                self.mark(Mark::Misfit);
                self.over(Cause::Failed)
            }
        }
    }

    fn ask_again(&mut self, entry: &Entry) -> Option<Ask> {
        self.tries = self.tries.checked_sub(1)?;
        self.steps += 1;
        Some(ask(entry))
    }

    fn set(&mut self, slot: u16, value: Value) {
        if let Some(place) = self.frame.get_mut(usize::from(slot)) {
            *place = value;
        }
    }

    fn value(&self, operand: &Operand) -> Value {
        match operand {
            Operand::Slot(slot) => self.frame.get(usize::from(*slot)).cloned().unwrap_or_default(),
            Operand::Caller => Value::Text(self.facts.caller.clone()),
            Operand::CallerName => Value::Text(self.facts.display.clone()),
            Operand::Callee => Value::Text(self.facts.dialled.clone()),
            Operand::Fixed(value) => value.clone(),
        }
    }

    fn target(&self, source: &TargetSource) -> Target {
        let who = match self.value(&source.who) {
            Value::Text(text) => text,
            _ => Masked::default(), // the checker lets only texts be dialled
        };
        match &source.whom {
            Whom::Trunk(trunk) => Target::Trunk { trunk: Arc::clone(trunk), number: who },
            Whom::User => Target::User(who),
            Whom::Group => Target::Group(who),
            Whom::Number => Target::Number(who),
        }
    }

    fn holds(&self, program: &Program, condition: &Condition, wall: Wall) -> bool {
        match condition {
            Condition::Any(all) => all.iter().any(|part| self.holds(program, part, wall)),
            Condition::All(all) => all.iter().all(|part| self.holds(program, part, wall)),
            Condition::Not(inner) => !self.holds(program, inner, wall),
            Condition::Open(index) => {
                program.calendars.get(*index).is_some_and(|calendar| calendar.is_open(wall))
            }
            Condition::Is(operand) => self.value(operand) == Value::Bool(true),
            Condition::Compare(compare, left, right) => {
                compare_values(*compare, &self.value(left), &self.value(right))
            }
            Condition::Matches(operand, pattern) => match self.value(operand) {
                Value::Text(text) => pattern.matches(text.reveal()),
                _ => false,
            },
        }
    }
}

fn ask(entry: &Entry) -> Ask {
    Ask::Collect {
        prompts: entry.prompts.clone(),
        min: entry.least,
        max: entry.most,
        first: entry.first,
        between: entry.between,
        end: entry.end,
        secret: false,
    }
}

fn compare_values(compare: Compare, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Amount(a), Value::Amount(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match compare {
        Compare::Equal => left == right,
        Compare::NotEqual => left != right,
        Compare::Less => order.is_some_and(|order| order.is_lt()),
        Compare::LessEqual => order.is_some_and(|order| order.is_le()),
        Compare::Greater => order.is_some_and(|order| order.is_gt()),
        Compare::GreaterEqual => order.is_some_and(|order| order.is_ge()),
    }
}
