//! The instructions of a program and where each leads.
//!
//! Invariant: instructions name each other by index only; a program is one flat list of them.

use std::sync::Arc;
use std::time::Duration;

use crate::base::PromptId;

use super::ask::Cause;
use super::resolved::{Condition, Operand, TargetSource};

/// An instruction's index.
pub(crate) type Pc = u32;

/// The instruction that nothing may reach: a call that did would have fallen out of its plan.
pub(crate) const NOWHERE: Pc = 0;

/// An instruction.
#[derive(Debug)]
pub(crate) enum Op {
    /// Plays the policy's notice, once a call; stands in front of everything that opens media.
    Gate {
        next: Pc,
    },
    Play {
        prompts: Arc<[PromptId]>,
        next: Pc,
    },
    Menu {
        entry: Entry,
        keys: Vec<(char, Pc)>,
        none: Pc,
        wrong: Pc,
    },
    Collect {
        entry: Entry,
        slot: u16,
        none: Pc,
        wrong: Pc,
        next: Pc,
    },
    Dial {
        targets: Vec<TargetSource>,
        ring: Duration,
        outcomes: [Pc; 7],
    },
    If {
        condition: Condition,
        yes: Pc,
        no: Pc,
    },
    Let {
        slot: u16,
        value: Operand,
        next: Pc,
    },
    Go {
        flow: u32,
        arguments: Vec<Operand>,
    },
    Hangup(Cause),
}

/// How keys are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub prompts: Arc<[PromptId]>,
    pub least: u8,
    pub most: u8,
    pub first: Duration,
    pub between: Duration,
    pub end: Option<char>,
    pub tries: u8,
}

/// Where an instruction leads, and whether somebody must have acted for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub to: Pc,
    pub acted: bool,
}

impl Op {
    /// Whether it opens media between the caller and anybody.
    pub fn is_media(&self) -> bool {
        matches!(self, Op::Play { .. } | Op::Menu { .. } | Op::Collect { .. } | Op::Dial { .. })
    }

    /// Every way onward; `flows` are the first instructions of the flows.
    pub fn ways(&self, flows: &[Pc]) -> Vec<Way> {
        let quiet = |to: Pc| Way { to, acted: false };
        let acted = |to: Pc| Way { to, acted: true };
        match self {
            Op::Gate { next } | Op::Play { next, .. } | Op::Let { next, .. } => vec![quiet(*next)],
            Op::Menu { keys, none, wrong, .. } => {
                keys.iter().map(|(_, to)| acted(*to)).chain([quiet(*none), acted(*wrong)]).collect()
            }
            Op::Collect { none, wrong, next, .. } => vec![quiet(*none), acted(*wrong), acted(*next)],
            Op::Dial { outcomes: [answered, failed @ ..], .. } => {
                [acted(*answered)].into_iter().chain(failed.iter().map(|to| quiet(*to))).collect()
            }
            Op::If { yes, no, .. } => vec![quiet(*yes), quiet(*no)],
            Op::Go { flow, .. } => vec![quiet(flows.get(*flow as usize).copied().unwrap_or(NOWHERE))],
            Op::Hangup(_) => Vec::new(),
        }
    }
}
