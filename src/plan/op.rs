//! The instructions of a program and where each leads.
//!
//! Invariant: instructions name each other by index only; a program is one flat list of them.

use std::sync::Arc;
use std::time::Duration;

use super::ask::{Cause, Target, Turns};
use super::resolved::{Condition, DeedSource, Operand, PartSource, Sounds, TargetSource, Window};
use super::verb::VerbRow;

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
        sounds: Sounds,
        next: Pc,
    },
    Say {
        parts: Arc<[PartSource]>,
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
        secret: bool,
        none: Pc,
        wrong: Pc,
        next: Pc,
    },
    Dial {
        targets: Vec<TargetSource>,
        /// Whom they mean in every call, where none of them is known in the call only.
        fixed: Option<Arc<[Target]>>,
        ring: Duration,
        turns: Option<Turns>,
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
    Lookup {
        lookup: u16,
        arguments: Arc<[Operand]>,
        slot: Option<u16>,
        found: Pc,
        failed: Pc,
    },
    Language {
        lang: Arc<str>,
        next: Pc,
    },
    /// What the switch carries out; `to` is in the order of the row's outcomes, or the one way on.
    Do {
        deed: DeedSource,
        row: &'static VerbRow,
        to: Vec<Pc>,
    },
    /// Stands in front of what reaches people: of each policy that wants monitors, where it goes without them.
    Guard {
        without: Arc<[(u16, Pc)]>,
        next: Pc,
    },
    /// A flow begins: how urgent its calls are.
    Enter {
        priority: u8,
        next: Pc,
    },
    /// One of several versions, by time.
    Version {
        windows: Arc<[(Window, Pc)]>,
        none: Pc,
    },
    Go {
        flow: u32,
        arguments: Arc<[Operand]>,
    },
    Hangup(Cause),
}

/// How keys are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub sounds: Sounds,
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
        match self {
            Op::Play { .. } | Op::Say { .. } | Op::Menu { .. } | Op::Collect { .. } | Op::Dial { .. } => true,
            Op::Do { deed, .. } => deed.is_media(),
            _ => false,
        }
    }

    /// Whether it brings the caller together with people.
    pub fn reaches_people(&self) -> bool {
        match self {
            Op::Dial { .. } => true,
            Op::Do { deed, .. } => matches!(
                deed,
                DeedSource::Queue { .. }
                    | DeedSource::Conference { .. }
                    | DeedSource::Park { .. }
                    | DeedSource::Pickup { .. }
            ),
            _ => false,
        }
    }

    /// Every way onward; `flows` are the first instructions of the flows.
    pub fn ways(&self, flows: &[Pc]) -> Vec<Way> {
        let quiet = |to: Pc| Way { to, acted: false };
        let acted = |to: Pc| Way { to, acted: true };
        match self {
            Op::Gate { next }
            | Op::Play { next, .. }
            | Op::Say { next, .. }
            | Op::Language { next, .. }
            | Op::Enter { next, .. }
            | Op::Let { next, .. } => vec![quiet(*next)],
            Op::Lookup { found, failed, .. } => vec![quiet(*found), quiet(*failed)],
            Op::Do { row, to, .. } if row.outcomes.is_empty() => to.iter().map(|to| quiet(*to)).collect(),
            Op::Do { row, to, .. } => {
                let rows = row.outcomes.iter().zip(to);
                rows.map(|(outcome, to)| Way { to: *to, acted: outcome.acted }).collect()
            }
            Op::Guard { without, next } => {
                without.iter().map(|(_, to)| quiet(*to)).chain([quiet(*next)]).collect()
            }
            Op::Version { windows, none } => {
                windows.iter().map(|(_, to)| quiet(*to)).chain([quiet(*none)]).collect()
            }
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

impl DeedSource {
    /// Whether it opens media between the caller and anybody.
    pub fn is_media(&self) -> bool {
        matches!(
            self,
            DeedSource::Queue { .. }
                | DeedSource::Voicemail { .. }
                | DeedSource::Conference { .. }
                | DeedSource::Park { .. }
                | DeedSource::Pickup { .. }
        )
    }
}
