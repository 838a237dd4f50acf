//! What stands in the slots of a program at each of its instructions, as far as it is known before a call.

use std::collections::HashMap;

use crate::plan::diagnostic::Lang;
use crate::plan::op::{Op, Pc};
use crate::plan::program::Program;
use crate::plan::resolved::Operand;

use super::{Both, Known, Teller};

/// How a value that is handed on is spoken of.
pub(crate) fn passed(program: &Program, known: &[Known], value: &Operand) -> Known {
    match value {
        Operand::Slot(slot) => {
            known.get(usize::from(*slot)).cloned().unwrap_or_else(|| Known::Named(Both::same("?")))
        }
        other => Known::Named(Both::of(|lang| Teller { program, lang, known }.operand(other))),
    }
}

/// Puts a value into a slot.
pub(crate) fn set(known: &mut Vec<Known>, slot: u16, value: Known) {
    let slot = usize::from(slot);
    if known.len() <= slot {
        known.resize(slot + 1, Known::Named(Both::same("?")));
    }
    if let Some(place) = known.get_mut(slot) {
        *place = value;
    }
}

/// What is known behind the instruction at `pc`.
pub(crate) fn behind(program: &Program, known: &mut Vec<Known>, pc: Pc) {
    match program.code.ops.get(pc as usize) {
        Some(Op::Collect { slot, entry, .. }) => {
            let said = program.code.origins.get(pc as usize).map_or("", |origin| &origin.said);
            let digits = Both::of(|lang| {
                let prompt = Teller { program, lang, known: &[] }.sounds(&entry.sounds, said);
                match lang {
                    Lang::En => format!("the digits of {prompt}"),
                    Lang::Zh => format!("{prompt}所收号码"),
                }
            });
            set(known, *slot, Known::Named(digits));
        }
        Some(Op::Lookup { lookup, slot: Some(slot), .. }) => set(known, *slot, Known::Record(*lookup)),
        // The values that stand in for a lookup's answer are spoken of as the answer.
        Some(Op::Let { slot, value, .. }) if !matches!(value, Operand::Record(_)) => {
            let value = passed(program, known, value);
            set(known, *slot, value);
        }
        _ => {}
    }
}

/// What the captures of a route are called.
pub(crate) fn captured(count: usize) -> Vec<Known> {
    let name = |at| Both::new(format!("captured digits {at}"), format!("捕获的第 {at} 段号码"));
    (1..=count).map(|at| Known::Named(name(at))).collect()
}

/// What is known at every instruction that a call can reach, by the first way that leads there.
pub(crate) fn everywhere(program: &Program) -> HashMap<Pc, Vec<Known>> {
    let mut out: HashMap<Pc, Vec<Known>> = HashMap::new();
    let routes = program.routes.iter().zip(&program.code.routes);
    let mut next: Vec<(Pc, Vec<Known>)> =
        routes.map(|(route, pc)| (*pc, captured(route.pattern.captures.len()))).collect();
    next.extend(program.code.flows.iter().rev().map(|pc| (*pc, Vec::new())));
    next.reverse();
    while let Some((pc, mut known)) = next.pop() {
        let Some(op) = program.code.ops.get(pc as usize).filter(|_| !out.contains_key(&pc)) else {
            continue;
        };
        out.insert(pc, known.clone());
        if let Op::Go { flow, arguments } = op {
            let values = arguments.iter().map(|value| passed(program, &known, value)).collect();
            next.extend(program.code.flows.get(*flow as usize).map(|to| (*to, values)));
            continue;
        }
        behind(program, &mut known, pc);
        next.extend(op.ways(&program.code.flows).into_iter().map(|way| (way.to, known.clone())));
    }
    out
}
