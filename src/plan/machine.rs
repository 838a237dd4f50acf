//! One call's walk through its program.
//!
//! Invariant: between two asks the machine takes at most [`PLAN_STEPS`](crate::base::bounds::PLAN_STEPS) steps, and
//! the first media it asks for is the policy's notice, if there is one.

use std::sync::Arc;

use crate::base::Wall;

use super::ask::{Ask, Cause, Reply};
use super::policy::Policy;
use super::program::{Facts, Program, RouteId};

/// A running plan. Sans-IO: resumed with what happened, it returns what to do.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    policy: Policy,
    trace: Vec<TraceLine>,
}

/// One thing that the plan did, for `call explain`. Numbers in `text` are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    /// The plan file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What happened there: `menu 主菜单: key 1 -> 人工`.
    pub text: String,
}

impl Machine {
    /// A machine at the beginning of `route`. Resume it with [`Reply::Start`] for the first ask.
    ///
    /// A route of another program hangs up with [`Cause::Failed`].
    pub fn start(program: Arc<Program>, route: RouteId, facts: Facts) -> Machine {
        let _ = route;
        let policy = program.policy(&facts);
        Machine { program, policy, trace: Vec::new() }
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
        let _ = (wall, reply);
        Ask::Hangup { cause: Cause::Failed }
    }

    /// Takes what was traced since the last time, oldest first.
    pub fn take_trace(&mut self) -> Vec<TraceLine> {
        std::mem::take(&mut self.trace)
    }
}
