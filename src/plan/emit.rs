//! What a plan means → flat instructions, written from the back so that every onward way is known.
//!
//! Invariant: whatever opens media is written together with its [`Op::Gate`], and only the gate's index is given away.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::mask_digits;

use super::ask::{Cause, Outcome};
use super::file::{Files, Span, offset};
use super::op::{Entry, NOWHERE, Op, Pc};
use super::resolved::{Collect, Dial, Flow, Menu, Route, Step, StepKind};
use super::verb::MENU_BETWEEN;

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
}

/// Writes everything down.
pub(crate) fn emit(routes: &[Route], flows: &[Flow], files: &Files) -> Code {
    let mut out = Emitter { code: Code::default(), files };
    out.push(Op::Hangup(Cause::Failed), Span::default());
    for flow in flows {
        let entry = out.steps(&flow.body, NOWHERE);
        out.code.flows.push(entry);
    }
    let mut written: HashMap<*const Vec<Step>, Pc> = HashMap::new();
    for route in routes {
        let body = Arc::as_ptr(&route.body);
        let entry = match written.get(&body) {
            Some(entry) => *entry,
            None => out.steps(&route.body, NOWHERE),
        };
        written.insert(body, entry);
        out.code.routes.push(entry);
    }
    out.code
}

struct Emitter<'f> {
    code: Code,
    files: &'f Files,
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
        let next = self.push(op, at);
        self.push(Op::Gate { next }, at)
    }

    fn steps(&mut self, steps: &[Step], next: Pc) -> Pc {
        steps.iter().rev().fold(next, |next, step| self.step(step, next))
    }

    fn bodies(&mut self, bodies: &[Vec<Step>], next: Pc) -> Vec<Pc> {
        bodies.iter().map(|body| self.steps(body, next)).collect()
    }

    fn step(&mut self, step: &Step, next: Pc) -> Pc {
        match &step.kind {
            StepKind::Play { prompts } => {
                self.gated(Op::Play { prompts: prompts.as_slice().into(), next }, step.at)
            }
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
                self.push(Op::Go { flow: offset(*flow), arguments: arguments.clone() }, step.at)
            }
            StepKind::Hangup(cause) => self.push(Op::Hangup(*cause), step.at),
        }
    }

    fn menu(&mut self, menu: &Menu, at: Span, next: Pc) -> Pc {
        let bodies = self.bodies(&menu.bodies, next);
        let body = |index: usize| bodies.get(index).copied().unwrap_or(NOWHERE);
        let entry = Entry {
            prompts: menu.prompts.as_slice().into(),
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
            prompts: collect.prompts.as_slice().into(),
            least: collect.least,
            most: collect.most,
            first: collect.wait,
            between: collect.between,
            end: Some(collect.end),
            tries: collect.tries,
        };
        let (none, wrong) = (body(collect.none), body(collect.wrong));
        self.gated(Op::Collect { entry, slot: collect.slot, none, wrong, next }, at)
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
        self.gated(Op::Dial { targets: dial.targets.clone(), ring: dial.ring, outcomes }, at)
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
