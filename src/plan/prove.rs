//! The proof that a program keeps what the language promises, made on the flat instructions and not on what the
//! checker and the emitter believe: a fault of theirs ends here, before any call.
//!
//! What is proven of every call, whatever callers and phones do:
//! * nothing opens media but behind a gate, and a gate plays the policy's notice first;
//! * every way ends in a hang-up or in an ask: no way leads nowhere;
//! * between two acts of people there are at most [`PLAN_STEPS`] steps: without acts the program has no circle.

use crate::base::bounds::PLAN_STEPS;

use super::emit::Code;
use super::op::{NOWHERE, Op, Pc};

/// A promise that a program does not keep, at an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Media without a gate in front.
    Ungated(Pc),
    /// A way that leads nowhere.
    Astray(Pc),
    /// A circle without an act.
    Circle(Pc),
    /// More steps than allowed.
    TooLong(Pc),
    /// A value that no frame holds.
    NoSlot(Pc),
}

/// Proves the promises; returns the longest way without an act, in steps.
pub(crate) fn prove(code: &Code, slots: usize) -> Result<usize, Broken> {
    for (pc, op) in (0..).zip(&code.ops) {
        for way in op.ways(&code.flows) {
            ungated(code, pc, way.to, matches!(op, Op::Gate { .. }))?;
        }
        let slot = match op {
            Op::Let { slot, .. } | Op::Collect { slot, .. } => Some(usize::from(*slot)),
            Op::Lookup { slot, .. } => slot.map(usize::from),
            _ => None,
        };
        if slot.is_some_and(|slot| slot >= slots) {
            return Err(Broken::NoSlot(pc));
        }
    }
    for entry in code.routes.iter().chain(&code.flows).chain(&code.reactions) {
        ungated(code, *entry, *entry, false)?;
    }
    let mut longest = vec![None; code.ops.len()];
    let mut most = 0;
    for pc in 0..super::file::offset(code.ops.len()) {
        most = most.max(longest_from(code, pc, &mut longest)?);
    }
    Ok(most)
}

/// Whether the way from `pc` to `to` is there and does not enter media past a gate.
fn ungated(code: &Code, pc: Pc, to: Pc, from_gate: bool) -> Result<(), Broken> {
    match code.ops.get(to as usize) {
        None => Err(Broken::Astray(pc)),
        Some(_) if to == NOWHERE => Err(Broken::Astray(pc)),
        Some(op) if op.is_media() && !from_gate => Err(Broken::Ungated(pc)),
        Some(_) => Ok(()),
    }
}

/// Steps of an instruction by itself: asking again counts.
fn own_steps(op: &Op) -> usize {
    match op {
        Op::Menu { entry, .. } | Op::Collect { entry, .. } => usize::from(entry.tries.max(1)),
        _ => 1,
    }
}

/// `None`: not yet known; `Some(0)`: on the way right now; `Some(n)`: the longest way takes n steps.
type Longest = Vec<Option<usize>>;

/// The longest way from `start` without an act. Depth first with a stack of our own.
fn longest_from(code: &Code, start: Pc, longest: &mut Longest) -> Result<usize, Broken> {
    let mut path: Vec<Pc> = vec![start];
    while let Some(pc) = path.last().copied() {
        let Some(op) = code.ops.get(pc as usize) else {
            return Err(Broken::Astray(pc));
        };
        if matches!(known(longest, pc), Some(steps) if steps > 0) {
            path.pop();
            continue;
        }
        set(longest, pc, 0);
        let quiet = op.ways(&code.flows).into_iter().filter(|way| !way.acted);
        let (mut deepest, mut open) = (0, None);
        for way in quiet {
            match known(longest, way.to) {
                Some(0) => return Err(Broken::Circle(pc)),
                Some(steps) => deepest = deepest.max(steps),
                None => open = Some(way.to),
            }
        }
        match open {
            Some(next) => path.push(next),
            None => {
                let steps = deepest + own_steps(op);
                if steps > PLAN_STEPS {
                    return Err(Broken::TooLong(pc));
                }
                set(longest, pc, steps);
                path.pop();
            }
        }
    }
    Ok(known(longest, start).unwrap_or(0))
}

fn known(longest: &Longest, pc: Pc) -> Option<usize> {
    longest.get(pc as usize).copied().flatten()
}

fn set(longest: &mut Longest, pc: Pc, steps: usize) {
    if let Some(slot) = longest.get_mut(pc as usize) {
        *slot = Some(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PromptId;
    use crate::plan::ask::Cause;
    use crate::plan::resolved::{Operand, Sounds};

    fn code(ops: Vec<Op>, route: Pc) -> Code {
        Code { ops, origins: Vec::new(), flows: vec![1], routes: vec![route], reactions: Vec::new() }
    }

    fn play(next: Pc) -> Op {
        Op::Play { sounds: Sounds::Fixed([PromptId(1)].into()), next }
    }

    #[test]
    fn broken_promises_are_found() {
        let end = || Op::Hangup(Cause::Normal);
        for (name, ops, route, want) in [
            ("sound", vec![end(), end(), play(1), Op::Gate { next: 2 }], 3, Ok(3)),
            (
                "enters media past the gate",
                vec![end(), end(), play(1), Op::Gate { next: 2 }],
                2,
                Err(Broken::Ungated(2)),
            ),
            (
                "media behind media",
                vec![end(), end(), play(1), play(2), Op::Gate { next: 3 }],
                4,
                Err(Broken::Ungated(3)),
            ),
            ("leads nowhere", vec![end(), end(), play(0), Op::Gate { next: 2 }], 3, Err(Broken::Astray(2))),
            ("leads out", vec![end(), end(), Op::Gate { next: 9 }], 2, Err(Broken::Astray(2))),
            ("circle", vec![end(), Op::Go { flow: 0, arguments: [].into() }], 1, Err(Broken::Circle(1))),
            (
                "no slot",
                vec![end(), end(), Op::Let { slot: 3, value: Operand::Caller, next: 1 }],
                2,
                Err(Broken::NoSlot(2)),
            ),
        ] {
            assert_eq!(prove(&code(ops, route), 3), want, "{name}");
        }
        let mut long: Vec<Op> = vec![end(), end()];
        long.extend((1..=PLAN_STEPS).map(|next| Op::Let {
            slot: 0,
            value: Operand::Caller,
            next: super::super::file::offset(next),
        }));
        assert_eq!(prove(&code(long, 2), 1), Err(Broken::TooLong(PLAN_STEPS as Pc + 1)));
    }
}
