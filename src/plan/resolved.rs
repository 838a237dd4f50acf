//! What a plan means once it is checked: names are indices, defaults are filled in, types are right.
//!
//! Invariant: made only of what was found without error; [`emit`](super::emit) can flatten it without asking again.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, PromptId};

use super::ask::Cause;
use super::ast::Compare;
use super::calendar::Calendar;
use super::file::Span;
use super::pattern::Pattern;
use super::policy::{Record, RetentionClass};
use super::program::{Origin, PromptRef};

/// A whole checked plan.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub prompts: Vec<PromptRef>,
    pub calendars: Vec<(Arc<str>, Calendar)>,
    pub policies: Vec<PolicyRule>,
    pub routes: Vec<Route>,
    pub flows: Vec<Flow>,
    /// Values that the largest flow or route needs at once.
    pub slots: usize,
}

/// A policy with the calls that it is about.
#[derive(Debug, Clone)]
pub(crate) struct PolicyRule {
    pub name: Arc<str>,
    pub at: Span,
    pub from: Origins,
    /// Empty: whatever was dialled.
    pub to: Vec<Pattern>,
    pub record: Record,
    pub class: Option<Arc<RetentionClass>>,
    pub notice: Vec<PromptId>,
}

/// A set of origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    pub anyone: bool,
    pub users: bool,
    pub trunks: Vec<Arc<str>>,
}

impl Origins {
    pub const fn anyone() -> Origins {
        Origins { anyone: true, users: true, trunks: Vec::new() }
    }

    pub fn holds(&self, origin: &Origin) -> bool {
        match origin {
            _ if self.anyone => true,
            Origin::Users => self.users,
            Origin::Trunk(name) => self.trunks.contains(name),
        }
    }

    pub fn within(&self, other: &Origins) -> bool {
        let users = !self.users || other.users;
        other.anyone || (!self.anyone && users && self.trunks.iter().all(|name| other.trunks.contains(name)))
    }

    pub fn meets(&self, other: &Origins) -> bool {
        let both_users = self.users && other.users;
        self.anyone && other.some()
            || other.anyone && self.some()
            || both_users
            || self.trunks.iter().any(|name| other.trunks.contains(name))
    }

    fn some(&self) -> bool {
        self.anyone || self.users || !self.trunks.is_empty()
    }

    /// Grows strictly with inclusion.
    pub fn rank(&self) -> usize {
        if self.anyone { usize::MAX } else { usize::from(self.users) + self.trunks.len() }
    }
}

/// A route of one pattern.
#[derive(Debug)]
pub(crate) struct Route {
    pub at: Span,
    pub written: Arc<str>,
    pub pattern: Pattern,
    pub from: Origins,
    pub body: Arc<Vec<Step>>,
}

/// A flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub body: Vec<Step>,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Step {
    pub at: Span,
    pub kind: StepKind,
}

#[derive(Debug)]
pub(crate) enum StepKind {
    Play { prompts: Vec<PromptId> },
    Menu(Menu),
    Collect(Collect),
    Dial(Dial),
    If { condition: Condition, then: Vec<Step>, otherwise: Vec<Step> },
    Let { slot: u16, value: Operand },
    Go { flow: usize, arguments: Vec<Operand> },
    Hangup(Cause),
}

/// The bodies of arms; outcomes point into them.
pub(crate) type Bodies = Vec<Vec<Step>>;

#[derive(Debug)]
pub(crate) struct Menu {
    pub prompts: Vec<PromptId>,
    pub wait: Duration,
    pub tries: u8,
    pub keys: Vec<(char, usize)>,
    pub none: usize,
    pub wrong: usize,
    pub bodies: Bodies,
}

#[derive(Debug)]
pub(crate) struct Collect {
    pub prompts: Vec<PromptId>,
    pub slot: u16,
    pub least: u8,
    pub most: u8,
    pub wait: Duration,
    pub between: Duration,
    pub end: char,
    pub tries: u8,
    pub none: usize,
    pub wrong: usize,
    pub bodies: Bodies,
}

#[derive(Debug)]
pub(crate) struct Dial {
    pub targets: Vec<TargetSource>,
    pub ring: Duration,
    /// By the order of [`Outcome::ALL`](super::Outcome::ALL); `None`: the call ends with the outcome's cause.
    pub outcomes: [Option<usize>; 7],
    pub bodies: Bodies,
}

/// Whom to ring, once the value is known.
#[derive(Debug, Clone)]
pub(crate) struct TargetSource {
    pub whom: Whom,
    pub who: Operand,
}

/// What a dialled value is the name or number of.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    User,
    Group,
    Number,
    /// Over this trunk or group of trunks.
    Trunk(Arc<str>),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Slot(u16),
    Caller,
    CallerName,
    Callee,
    Fixed(Value),
}

/// A value of a running plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Masked),
    Int(i64),
    Amount(Duration),
    Bool(bool),
}

impl Default for Value {
    fn default() -> Value {
        Value::Text(Masked::default())
    }
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Open(usize),
    Is(Operand),
    Compare(Compare, Operand, Operand),
    Matches(Operand, Pattern),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_sets() {
        let users = Origins { users: true, ..Origins::default() };
        let trunk = Origins { trunks: vec!["a".into()], ..Origins::default() };
        let both = Origins { users: true, ..trunk.clone() };
        let anyone = Origins::anyone();
        for (a, b, within, meets) in [
            (&users, &anyone, true, true),
            (&anyone, &users, false, true),
            (&users, &trunk, false, false),
            (&trunk, &both, true, true),
            (&both, &users, false, true),
            (&Origins::default(), &anyone, true, false),
        ] {
            assert_eq!((a.within(b), a.meets(b)), (within, meets), "{a:?} {b:?}");
            assert!(!within || a.rank() < b.rank());
        }
        assert!(trunk.holds(&Origin::Trunk("a".into())) && !trunk.holds(&Origin::Users));
    }
}
