//! What a plan means → flat instructions, written from the back so that every onward way is known.
//!
//! Invariant: whatever opens media is written together with its [`Op::Gate`], and only the gate's index is given away.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::mask_digits;

use super::ask::{Cause, Outcome, Turns};
use super::ast::Strategy;
use super::file::{Files, Span, offset};
use super::op::{Entry, NOWHERE, Op, Pc};
use super::resolved::{
    Collect, Dial, Do, Flow, Lookup, Menu, Monitors, Operand, Otherwise, Reaction, Route, Step, StepKind,
    TargetSource, Window,
};
use super::verb::{MENU_BETWEEN, Unhandled};

/// Where an instruction comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub span: Span,
    pub file: Arc<str>,
    pub line: u32,
    /// The statement as it is written, on one line, long numbers masked.
    pub said: Arc<str>,
}

/// Instructions with their entries.
#[derive(Debug, Default)]
pub(crate) struct Code {
    pub ops: Vec<Op>,
    pub origins: Vec<Origin>,
    /// The first instruction of each flow.
    pub flows: Vec<Pc>,
    /// The first instruction of each route.
    pub routes: Vec<Pc>,
    /// The first instruction of each reaction; it ends in a hang-up that means: done.
    pub reactions: Vec<Pc>,
}

/// What is to be written down.
pub(crate) struct Source<'s> {
    pub routes: &'s [Route],
    pub flows: &'s [Flow],
    pub monitors: &'s [Option<Monitors>],
    pub reactions: &'s [Reaction],
    pub files: &'s Files,
}

/// Writes everything down.
pub(crate) fn emit(source: &Source) -> Code {
    let mut out = Emitter { code: Code::default(), files: source.files, without: Arc::new([]) };
    out.push(Op::Hangup(Cause::Failed), Span::default());
    // Flows may go on in each other: their entries are known only in the end, so that `Go` names flows by number.
    let mut without = Vec::new();
    for (policy, monitors) in (0..).zip(source.monitors) {
        if let Some(monitors) = monitors {
            let otherwise = match monitors.otherwise.as_slice() {
                [] => out.push(Op::Hangup(Cause::Forbidden), monitors.at),
                steps => out.steps(steps, NOWHERE),
            };
            without.push((policy, otherwise));
        }
    }
    out.without = without.into();
    let bodies: Vec<Pc> = source.flows.iter().map(|flow| out.flow(flow)).collect();
    for (flow, body) in source.flows.iter().zip(&bodies) {
        let entry = out.versions(flow, *body, source.flows, &bodies);
        out.code.flows.push(entry);
    }
    let mut written: HashMap<*const Vec<Step>, Pc> = HashMap::new();
    for route in source.routes {
        let body = Arc::as_ptr(&route.body);
        let entry = match written.get(&body) {
            Some(entry) => *entry,
            None => out.steps(&route.body, NOWHERE),
        };
        written.insert(body, entry);
        out.code.routes.push(entry);
    }
    for reaction in source.reactions {
        let end = out.push(Op::Hangup(Cause::Normal), reaction.at);
        let entry = out.steps(&reaction.body, end);
        out.code.reactions.push(entry);
    }
    out.code
}

struct Emitter<'f> {
    code: Code,
    files: &'f Files,
    /// Where calls go that have not the monitors that a policy wants.
    without: Arc<[(u16, Pc)]>,
}

impl Emitter<'_> {
    fn push(&mut self, op: Op, at: Span) -> Pc {
        let pc = offset(self.code.ops.len());
        self.code.ops.push(op);
        let (file, line) = self.files.line(at);
        let said = said(self.files.slice(at)).into();
        self.code.origins.push(Origin { span: at, file, line, said });
        pc
    }

    /// An instruction that opens media, behind its gate.
    fn gated(&mut self, op: Op, at: Span) -> Pc {
        let guarded = op.reaches_people() && !self.without.is_empty();
        let next = self.push(op, at);
        let gate = self.push(Op::Gate { next }, at);
        match guarded {
            true => self.push(Op::Guard { without: self.without.clone(), next: gate }, at),
            false => gate,
        }
    }

    fn flow(&mut self, flow: &Flow) -> Pc {
        let body = self.steps(&flow.body, NOWHERE);
        match flow.priority {
            Some(priority) => self.push(Op::Enter { priority, next: body }, flow.at),
            None => body,
        }
    }

    /// The entry of a flow: its body, or the version of its name that is in force.
    fn versions(&mut self, flow: &Flow, body: Pc, flows: &[Flow], bodies: &[Pc]) -> Pc {
        if flow.later.is_empty() && flow.window == Window::ALWAYS {
            return body;
        }
        let later =
            flow.later.iter().filter_map(|index| Some((flows.get(*index)?.window, *bodies.get(*index)?)));
        let mut windows: Vec<(Window, Pc)> = [(flow.window, body)].into_iter().chain(later).collect();
        windows.sort_by_key(|(window, _)| std::cmp::Reverse(window.from));
        let none = self.push(Op::Hangup(Cause::Unreachable), flow.at);
        self.push(Op::Version { windows: windows.into(), none }, flow.at)
    }

    fn steps(&mut self, steps: &[Step], next: Pc) -> Pc {
        steps.iter().rev().fold(next, |next, step| self.step(step, next))
    }

    fn bodies(&mut self, bodies: &[Vec<Step>], next: Pc) -> Vec<Pc> {
        bodies.iter().map(|body| self.steps(body, next)).collect()
    }

    fn step(&mut self, step: &Step, next: Pc) -> Pc {
        match &step.kind {
            StepKind::Play { sounds } => self.gated(Op::Play { sounds: sounds.clone(), next }, step.at),
            StepKind::Say { parts } => self.gated(Op::Say { parts: parts.as_slice().into(), next }, step.at),
            StepKind::Lookup(lookup) => self.lookup(lookup, step.at, next),
            StepKind::Language { lang } => self.push(Op::Language { lang: lang.clone(), next }, step.at),
            StepKind::Do(deed) => self.deed(deed, step.at, next),
            StepKind::Menu(menu) => self.menu(menu, step.at, next),
            StepKind::Collect(collect) => self.collect(collect, step.at, next),
            StepKind::Dial(dial) => self.dial(dial, step.at, next),
            StepKind::If { condition, then, otherwise } => {
                let (yes, no) = (self.steps(then, next), self.steps(otherwise, next));
                self.push(Op::If { condition: condition.clone(), yes, no }, step.at)
            }
            StepKind::Let { slot, value } => {
                self.push(Op::Let { slot: *slot, value: value.clone(), next }, step.at)
            }
            StepKind::Go { flow, arguments } => {
                self.push(Op::Go { flow: offset(*flow), arguments: arguments.as_slice().into() }, step.at)
            }
            StepKind::Hangup(cause) => self.push(Op::Hangup(*cause), step.at),
        }
    }

    fn menu(&mut self, menu: &Menu, at: Span, next: Pc) -> Pc {
        let bodies = self.bodies(&menu.bodies, next);
        let body = |index: usize| bodies.get(index).copied().unwrap_or(NOWHERE);
        let entry = Entry {
            sounds: menu.sounds.clone(),
            least: 1,
            most: 1,
            first: menu.wait,
            between: MENU_BETWEEN,
            end: None,
            tries: menu.tries,
        };
        let keys = menu.keys.iter().map(|(key, index)| (*key, body(*index))).collect();
        self.gated(Op::Menu { entry, keys, none: body(menu.none), wrong: body(menu.wrong) }, at)
    }

    fn collect(&mut self, collect: &Collect, at: Span, next: Pc) -> Pc {
        // The checker refuses arms that go on behind a failed entry, so nothing follows them.
        let bodies = self.bodies(&collect.bodies, NOWHERE);
        let body = |index: usize| bodies.get(index).copied().unwrap_or(NOWHERE);
        let entry = Entry {
            sounds: collect.sounds.clone(),
            least: collect.least,
            most: collect.most,
            first: collect.wait,
            between: collect.between,
            end: Some(collect.end),
            tries: collect.tries,
        };
        let (none, wrong) = (body(collect.none), body(collect.wrong));
        self.gated(Op::Collect { entry, slot: collect.slot, secret: collect.secret, none, wrong, next }, at)
    }

    fn dial(&mut self, dial: &Dial, at: Span, next: Pc) -> Pc {
        let bodies = self.bodies(&dial.bodies, next);
        let mut outcomes = [NOWHERE; 7];
        for ((outcome, handled), to) in Outcome::ALL.into_iter().zip(dial.outcomes).zip(&mut outcomes) {
            *to = match handled.and_then(|index| bodies.get(index)) {
                Some(body) => *body,
                None => self.push(Op::Hangup(outcome.cause()), at),
            };
        }
        let turns =
            dial.turns.map(|(strategy, each)| Turns { robin: strategy == Strategy::RoundRobin, each });
        let fixed = dial.targets.iter().map(TargetSource::fixed).collect();
        let (targets, ring) = (dial.targets.clone(), dial.ring);
        self.gated(Op::Dial { targets, fixed, ring, turns, outcomes }, at)
    }

    fn lookup(&mut self, lookup: &Lookup, at: Span, next: Pc) -> Pc {
        let failed = match &lookup.otherwise {
            Otherwise::Nothing => next,
            Otherwise::Values(values) => match lookup.slot {
                Some(slot) => self.push(Op::Let { slot, value: values.clone(), next }, at),
                None => next,
            },
            // Where a value was wanted the checker refuses a way that goes on without it.
            Otherwise::Goes(steps) if lookup.slot.is_some() => self.steps(steps, NOWHERE),
            Otherwise::Goes(steps) => self.steps(steps, next),
        };
        let index = u16::try_from(lookup.lookup).unwrap_or(u16::MAX);
        let arguments: Arc<[Operand]> = lookup.arguments.as_slice().into();
        self.push(Op::Lookup { lookup: index, arguments, slot: lookup.slot, found: next, failed }, at)
    }

    fn deed(&mut self, deed: &Do, at: Span, next: Pc) -> Pc {
        let bodies = self.bodies(&deed.bodies, next);
        let mut to = Vec::with_capacity(deed.row.outcomes.len().max(1));
        for (outcome, handled) in deed.row.outcomes.iter().zip(&deed.outcomes) {
            let body = handled.and_then(|index| bodies.get(index)).copied();
            to.push(match (body, outcome.unhandled) {
                (Some(body), _) => body,
                (None, Unhandled::Ends(outcome)) => self.push(Op::Hangup(outcome.cause()), at),
                (None, Unhandled::GoesOn | Unhandled::Error) => next,
            });
        }
        if to.is_empty() {
            to.push(next);
        }
        let op = Op::Do { deed: deed.deed.clone(), row: deed.row, to };
        if op.is_media() { self.gated(op, at) } else { self.push(op, at) }
    }
}

/// The first line of a statement without what opens its block; numbers of seven digits and more are masked.
fn said(text: &str) -> String {
    let line = text.lines().next().unwrap_or("").trim_end();
    let line = line.strip_suffix(" {").unwrap_or(line);
    let line = line.split_once(" { ").map_or(line, |(head, _)| head).trim_end();
    let mut out = String::new();
    let mut digits = String::new();
    for ch in line.chars().take(100) {
        if ch.is_ascii_digit() {
            digits.push(ch);
            continue;
        }
        out.push_str(&mask_digits(&std::mem::take(&mut digits)));
        out.push(ch);
    }
    out.push_str(&mask_digits(&digits));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_said_on_one_line_without_numbers() {
        for (text, want) in [
            ("menu prompt 主菜单 wait 6s {\n 1 -> a }", "menu prompt 主菜单 wait 6s"),
            ("dial number \"13812345678\" for 25s", "dial number \"138****5678\" for 25s"),
            ("-> 夜间", "-> 夜间"),
            ("dial user {callee} for 25s { busy -> end }", "dial user {callee} for 25s"),
            ("if 内线 == \"000\" { hangup }", "if 内线 == \"000\""),
        ] {
            assert_eq!(said(text), want);
        }
    }
}
