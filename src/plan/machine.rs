//! One call's walk through its program.
//!
//! Invariant: between two acts of people the machine takes at most
//! [`PLAN_STEPS`] steps, and the first media it asks for is the policy's notice, if there is one.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::base::bounds::{PLAN_STEPS, TRACE_ENTRIES};
use crate::base::{Masked, PromptId, Wall};

use super::ask::{Ask, Cause, Outcome, Reply, Target};
use super::deed::{Deed, Ended};
use super::op::{Entry, NOWHERE, Op, Pc};
use super::policy::Policy;
use super::program::{Facts, Program, RouteId};
use super::resolved::{DeedSource, Operand};
use super::trace::{self, Mark, TraceLine};
use super::value::Value;

/// A running plan. Sans-IO: resumed with what happened, it returns what to do.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    policy: Policy,
    pub(super) facts: Facts,
    pub(super) frame: Vec<Value>,
    /// What lookups have answered last, where a policy asks for it.
    pub(super) found: Vec<Option<Arc<[Value]>>>,
    /// The language that the call has chosen.
    pub(super) language: Option<Arc<str>>,
    /// How urgent the call is.
    pub(super) priority: u8,
    /// What a screen has found.
    pub(super) matched: Option<Arc<str>>,
    /// Webhooks that are told once and have been.
    told: SmallVec<[Arc<str>; 1]>,
    /// The ways that the call has gone, for coverage; the last instruction.
    seen: Option<Box<Seen>>,
    /// The policies that match, by number, and whose monitors are there.
    matching: SmallVec<[u16; 4]>,
    monitored: SmallVec<[u16; 2]>,
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

/// The ways that a call has gone.
#[derive(Debug, Default)]
struct Seen {
    ways: std::collections::BTreeSet<(Pc, Pc)>,
    last: Pc,
}

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Notice,
    Played,
    Keys,
    Dialled,
    Found,
    Did,
    /// Monitors of this policy were asked for.
    Monitors(u16),
    Over(Cause),
}

impl Machine {
    /// A machine at the beginning of `route`. Resume it with [`Reply::Start`] for the first ask.
    ///
    /// A route of another program hangs up with [`Cause::Failed`].
    pub fn start(program: Arc<Program>, route: RouteId, facts: Facts) -> Machine {
        let priority = program.priority(route);
        let policy = program.policy_at(&facts, priority);
        let mut frame = Vec::with_capacity(program.slots);
        let captured = program.captured(route, facts.dialled.reveal());
        frame.extend(captured.into_iter().map(|part| Value::Text(Masked::new(part))));
        frame.resize(program.slots, Value::default());
        let pc = program.code.routes.get(route.0 as usize).copied().unwrap_or(NOWHERE);
        let matching = program.matching(&facts).zip(&policy.names);
        let named = matching.map(|(entry, name)| (entry.file.clone(), entry.line, name.clone())).collect();
        // Room for what happens between two looks at it.
        let mut trace = Vec::with_capacity(8);
        trace.extend([(pc, Mark::Route(route)), (pc, Mark::Policies(named))]);
        let notice_due = !policy.notice.is_empty();
        let (state, tries, steps) = (State::Start, 0, 0);
        let matching = program.matching_numbers(&facts).into();
        let (found, language, monitored) = (Vec::new(), None, SmallVec::new());
        let (matched, told, seen) = (None, SmallVec::new(), None);
        Machine {
            program,
            policy,
            facts,
            frame,
            found,
            language,
            priority,
            matched,
            told,
            seen,
            matching,
            monitored,
            state,
            pc,
            notice_due,
            tries,
            steps,
            trace,
        }
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
            (State::Played, Reply::Played, Some(Op::Play { next, .. } | Op::Say { next, .. })) => {
                self.go(&program, wall, *next)
            }
            (
                State::Keys,
                Reply::Keys(keys),
                Some(op @ (Op::Menu { .. } | Op::Collect { secret: false, .. })),
            ) => {
                let value = Value::Text(keys.clone());
                self.keys(&program, wall, op, keys.reveal(), value)
            }
            (State::Keys, Reply::Secret(pin), Some(op @ Op::Collect { secret: true, .. })) => {
                self.keys(&program, wall, op, pin.expose(), Value::Secret(pin.clone()))
            }
            (State::Found, Reply::Found(fields), Some(Op::Lookup { lookup, slot, found, .. })) => {
                self.mark(Mark::Found);
                self.keep(*lookup, *slot, fields);
                self.go(&program, wall, *found)
            }
            (State::Found, Reply::Did(ended), Some(Op::Lookup { failed, .. })) => {
                self.mark(Mark::Ended(ended));
                self.go(&program, wall, *failed)
            }
            (State::Did, Reply::Did(ended), Some(Op::Do { row, to, .. })) => {
                let word = |word: &str| row.outcomes.iter().position(|outcome| outcome.word == word);
                let at = word(ended.word()).or_else(|| word("failed")).unwrap_or(0);
                if !row.outcomes.is_empty() || ended != Ended::Done {
                    self.mark(Mark::Ended(ended));
                }
                if row.outcomes.get(at).is_some_and(|outcome| outcome.acted) {
                    self.steps = 0;
                }
                self.go(&program, wall, to.get(at).copied().unwrap_or(NOWHERE))
            }
            // Somebody came and was joined, as with a dial; now the far side has hung up.
            (State::Did, Reply::Dialled(outcome), Some(Op::Do { .. })) => {
                let ended = if outcome == Outcome::Answered { Ended::Answered } else { Ended::Failed };
                self.resume(wall, Reply::Did(ended))
            }
            (State::Monitors(policy), Reply::Did(ended), Some(Op::Guard { without, .. })) => {
                self.mark(Mark::Ended(ended));
                if ended == Ended::Done {
                    self.monitored.push(policy);
                    return self.run(&program, wall);
                }
                let to = without.iter().find(|(number, _)| *number == policy).map_or(NOWHERE, |(_, to)| *to);
                self.go(&program, wall, to)
            }
            (
                State::Keys,
                Reply::NoKeys,
                Some(Op::Menu { entry, none, .. } | Op::Collect { entry, none, .. }),
            ) => {
                let again = self.ask_again(entry, wall);
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

    /// Carries out a reaction of the program while people talk: what it does, and where the customer goes on when the
    /// reaction takes it from the agent. `matched` is what was said.
    pub fn react(&mut self, reaction: u32, matched: Option<&str>, wall: Wall) -> (Vec<Deed>, Option<Ask>) {
        let program = self.program.clone();
        let (back, mut out) = (self.pc, Vec::new());
        self.matched = matched.map(Into::into);
        self.pc = program.code.reactions.get(reaction as usize).copied().unwrap_or(NOWHERE);
        while let Some(Op::Do { deed, to, .. }) = program.code.ops.get(self.pc as usize) {
            if let DeedSource::Transfer { flow, arguments } = deed {
                self.mark(Mark::Did);
                self.hand_over(arguments, wall);
                self.steps = 0;
                let flow = program.code.flows.get(*flow).copied().unwrap_or(NOWHERE);
                let ask = self.go(&program, wall, flow);
                return (out, Some(ask));
            }
            let deed = self.deed(deed, wall);
            self.mark(Mark::of(&deed));
            if !self.is_told(&deed) {
                out.push(deed);
            }
            self.pc = to.first().copied().unwrap_or(NOWHERE);
        }
        self.pc = back;
        (out, None)
    }

    /// Whom a group of the plan is, now; a name that the plan does not declare is a ring group of the configuration.
    pub fn members(&self, group: &str) -> Vec<Target> {
        let declared = self.program.declared().groups.iter().find(|known| *known.name == *group).cloned();
        match declared {
            Some(declared) => self.targets(&declared.members),
            None => vec![Target::Group(Masked::new(group))],
        }
    }

    /// Whether a deed tells what is told once and has been told; remembers it.
    fn is_told(&mut self, deed: &Deed) -> bool {
        let Deed::Notify { webhook, once: true, .. } = deed else {
            return false;
        };
        let told = self.told.contains(&webhook.name);
        if !told {
            self.told.push(webhook.name.clone());
        }
        told
    }

    /// Remembers from now on which ways the call goes.
    pub(super) fn watch(&mut self) {
        self.seen = Some(Box::default());
    }

    /// The ways that the call has gone since it is watched.
    pub(super) fn ways(&self) -> impl Iterator<Item = (Pc, Pc)> {
        self.seen.iter().flat_map(|seen| seen.ways.iter().copied())
    }

    /// Takes what was traced since the last time, oldest first.
    pub fn take_trace(&mut self) -> Vec<TraceLine> {
        let lines = self.trace.iter().flat_map(|(pc, mark)| trace::line(&self.program, *pc, mark)).collect();
        // The room stays: a call that walks on does not ask for it again at every step.
        self.trace.clear();
        lines
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
            if let Some(seen) = &mut self.seen {
                seen.ways.insert((seen.last, self.pc));
                seen.last = self.pc;
            }
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
                Op::Play { sounds, next } => {
                    let prompts = self.sounds(sounds, wall);
                    if !prompts.is_empty() {
                        return self.wait(Mark::Did, State::Played, Ask::Play { prompts, notice: false });
                    }
                    self.mark(Mark::Lapsed);
                    self.pc = *next;
                }
                Op::Say { parts, next } => {
                    let parts = self.parts(parts, wall);
                    if !parts.is_empty() {
                        return self.wait(Mark::Did, State::Played, Ask::Say { parts });
                    }
                    self.mark(Mark::Lapsed);
                    self.pc = *next;
                }
                Op::Menu { entry, none, .. } | Op::Collect { entry, none, .. } => {
                    self.tries = entry.tries.saturating_sub(1);
                    let secret = matches!(op, Op::Collect { secret: true, .. });
                    let prompts = self.sounds(&entry.sounds, wall);
                    if !prompts.is_empty() {
                        return self.wait(Mark::Did, State::Keys, ask(entry, prompts, secret));
                    }
                    self.mark(Mark::Lapsed);
                    self.pc = *none;
                }
                Op::Dial { targets, fixed, ring, turns, .. } => {
                    let live = || targets.iter().map(|source| self.target(source)).collect();
                    let targets: Arc<[Target]> = fixed.clone().unwrap_or_else(live);
                    let mark = Mark::Rings(targets.clone());
                    return self.wait(
                        mark,
                        State::Dialled,
                        Ask::Dial { targets, ring: *ring, turns: *turns },
                    );
                }
                Op::Lookup { lookup, arguments, .. } => {
                    let values = arguments.iter().map(|argument| self.value(argument, wall)).collect();
                    let Some(lookup) = program.declared().lookups.get(usize::from(*lookup)) else {
                        self.mark(Mark::Strayed);
                        return self.over(Cause::Failed);
                    };
                    return self.wait(
                        Mark::Did,
                        State::Found,
                        Ask::Lookup { lookup: lookup.clone(), values },
                    );
                }
                Op::Do { deed: DeedSource::Transfer { flow, arguments }, .. } => {
                    self.mark(Mark::Did);
                    self.hand_over(arguments, wall);
                    self.pc = program.code.flows.get(*flow).copied().unwrap_or(NOWHERE);
                }
                Op::Do { deed, .. } => {
                    let deed = self.deed(deed, wall);
                    self.mark(Mark::of(&deed));
                    if self.is_told(&deed) {
                        let Op::Do { to, .. } = op else { continue };
                        self.pc = to.first().copied().unwrap_or(NOWHERE);
                        continue;
                    }
                    self.state = State::Did;
                    return Ask::Do(deed);
                }
                Op::Guard { without, next } => {
                    if let Some((policy, deed)) = self.missing_monitors(program, without, wall) {
                        let mark = Mark::of(&deed);
                        return self.wait(mark, State::Monitors(policy), Ask::Do(deed));
                    }
                    self.pc = *next;
                }
                Op::Enter { priority, next } => {
                    self.priority = *priority;
                    self.pc = *next;
                }
                Op::Language { lang, next } => {
                    self.mark(Mark::Did);
                    self.language = Some(lang.clone());
                    self.pc = *next;
                }
                Op::Version { windows, none } => {
                    let found = windows.iter().find(|(window, _)| window.holds(wall));
                    self.pc = found.map_or(*none, |(_, to)| *to);
                }
                Op::If { condition, yes, no } => {
                    let holds = self.holds(program, condition, wall);
                    self.mark(if holds { Mark::Yes } else { Mark::No });
                    self.pc = if holds { *yes } else { *no };
                }
                Op::Let { slot, value, next } => {
                    let value = self.value(value, wall);
                    self.set(*slot, value);
                    self.pc = *next;
                }
                Op::Go { flow, arguments } => {
                    self.mark(Mark::Did);
                    self.hand_over(arguments, wall);
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
    fn hand_over(&mut self, arguments: &[Operand], wall: Wall) {
        let values: SmallVec<[Value; 4]> =
            arguments.iter().map(|argument| self.value(argument, wall)).collect();
        for (slot, value) in (0..).zip(values) {
            self.set(slot, value);
        }
    }

    /// Keys came: they lead on, or are wrong.
    fn keys(&mut self, program: &Program, wall: Wall, op: &Op, keys: &str, value: Value) -> Ask {
        self.steps = 0;
        match op {
            Op::Menu { entry, keys: arms, wrong, .. } => {
                let key = keys.chars().next();
                if let Some((key, to)) = arms.iter().find(|(arm, _)| Some(*arm) == key) {
                    self.mark(Mark::Key(*key));
                    return self.go(program, wall, *to);
                }
                self.mark(Mark::WrongKey(key.unwrap_or(' ')));
                self.ask_again(entry, wall).unwrap_or_else(|| self.go(program, wall, *wrong))
            }
            Op::Collect { entry, slot, wrong, next, .. } => {
                let got = keys.chars().count();
                let fits = (usize::from(entry.least)..=usize::from(entry.most)).contains(&got)
                    && keys.chars().all(|key| key.is_ascii_digit());
                if fits {
                    self.mark(Mark::Digits(got));
                    self.set(*slot, value);
                    return self.go(program, wall, *next);
                }
                let again = self.ask_again(entry, wall);
                self.mark(Mark::TooFew { got, again: again.is_some() });
                again.unwrap_or_else(|| self.go(program, wall, *wrong))
            }
            _ => {
                self.mark(Mark::Misfit);
                self.over(Cause::Failed)
            }
        }
    }

    fn ask_again(&mut self, entry: &Entry, wall: Wall) -> Option<Ask> {
        let secret =
            matches!(self.program.code.ops.get(self.pc as usize), Some(Op::Collect { secret: true, .. }));
        let prompts = self.sounds(&entry.sounds, wall);
        if prompts.is_empty() {
            return None;
        }
        self.tries = self.tries.checked_sub(1)?;
        self.steps += 1;
        Some(ask(entry, prompts, secret))
    }

    /// Keeps what a lookup has answered.
    fn keep(&mut self, lookup: u16, slot: Option<u16>, fields: Arc<[Value]>) {
        if let Some(slot) = slot {
            self.set(slot, Value::Record(fields.clone()));
        }
        let at = usize::from(lookup);
        if self.found.len() <= at {
            self.found.resize(at + 1, None);
        }
        if let Some(place) = self.found.get_mut(at) {
            *place = Some(fields);
        }
    }

    /// The first policy whose monitors must be asked for before people are reached.
    fn missing_monitors(&self, program: &Program, without: &[(u16, Pc)], wall: Wall) -> Option<(u16, Deed)> {
        let due = |number: &u16| self.matching.contains(number) && !self.monitored.contains(number);
        without.iter().map(|(number, _)| *number).filter(due).find_map(|number| {
            let monitors = program.monitors.get(usize::from(number))?.as_ref()?;
            let wanted = monitors.condition.as_ref().is_none_or(|condition| {
                // What is not known is taken for what is stricter.
                self.knows_not(condition) || self.holds(program, condition, wall)
            });
            let deed = Deed::Monitors {
                count: monitors.count,
                group: monitors.group.clone(),
                within: monitors.within,
            };
            wanted.then_some((number, deed))
        })
    }

    fn set(&mut self, slot: u16, value: Value) {
        if let Some(place) = self.frame.get_mut(usize::from(slot)) {
            *place = value;
        }
    }
}

fn ask(entry: &Entry, prompts: Arc<[PromptId]>, secret: bool) -> Ask {
    Ask::Collect {
        prompts,
        min: entry.least,
        max: entry.most,
        first: entry.first,
        between: entry.between,
        end: entry.end,
        secret,
    }
}
