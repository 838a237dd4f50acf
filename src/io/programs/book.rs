//! The history of a node's programs and the approvals that they were loaded with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{Wall, bounds};
use crate::compliance::approval::Motion;

/// What happened to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The node started with it.
    Started,
    /// It was loaded into the running node.
    Loaded,
    /// It was gone back to.
    RolledBack,
    /// It was laid before others.
    Proposed,
}

impl Step {
    /// Its words.
    pub fn words(self) -> &'static str {
        match self {
            Step::Started => "started with",
            Step::Loaded => "loaded",
            Step::RolledBack => "rolled back to",
            Step::Proposed => "proposed",
        }
    }
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Wall,
    /// What happened.
    pub step: Step,
    /// The program's hash, 64 hexadecimal digits.
    pub program: String,
    /// Who did it, as the audit book names them.
    pub who: String,
    /// From where: a socket, a signal, the folder.
    pub from: String,
    /// The plan files.
    pub files: Vec<String>,
    /// What changed against the program before, in a line.
    pub change: String,
}

/// An emergency plan that is switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// Its name in the plan.
    pub name: String,
    /// Since when.
    pub since: Wall,
    /// Who switched it on, as the audit book names them.
    pub who: String,
    /// The people who approved.
    pub approved_by: Vec<String>,
    /// Why.
    pub reason: String,
}

/// What the node remembers of its programs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Book {
    /// What happened, oldest first.
    pub entries: Vec<Entry>,
    /// The approvals of what was loaded with some, by program: each can be checked years later with public keys alone.
    pub approved: BTreeMap<String, Motion>,
    /// The emergency plan that is switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
}

impl Book {
    /// The last step that made a program run.
    pub fn active(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.step != Step::Proposed)
    }

    /// The program that ran before the one that runs.
    pub fn before(&self) -> Option<&str> {
        let active = self.active()?;
        let mut run = self.entries.iter().rev().filter(|entry| entry.step != Step::Proposed);
        run.find(|entry| entry.program != active.program).map(|entry| &*entry.program)
    }

    /// Adds a step and drops what is too old. The programs that nothing speaks of any more are returned.
    pub(super) fn add(&mut self, entry: Entry, kept: &[String]) -> Vec<String> {
        self.entries.push(entry);
        let over = self.entries.len().saturating_sub(bounds::PROGRAM_STEPS);
        self.entries.drain(..over);
        let mut latest: Vec<&str> = Vec::new();
        let active = self.active().map(|entry| &*entry.program);
        for program in active.into_iter().chain(self.entries.iter().rev().map(|entry| &*entry.program)) {
            if latest.len() < bounds::PROGRAMS && !latest.contains(&program) {
                latest.push(program);
            }
        }
        let gone: Vec<String> =
            kept.iter().filter(|hash| !latest.contains(&hash.as_str())).cloned().collect();
        self.approved.retain(|program, _| !gone.contains(program));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: Step, program: usize) -> Entry {
        Entry {
            at: Wall::from_micros(0),
            step,
            program: program.to_string(),
            who: "root".into(),
            from: String::new(),
            files: Vec::new(),
            change: String::new(),
        }
    }

    #[test]
    fn what_runs_and_what_ran_before_is_told_by_the_history() {
        let mut book = Book::default();
        assert_eq!((book.active().is_none(), book.before()), (true, None));
        for (step, program) in [
            (Step::Started, 1),
            (Step::Loaded, 2),
            (Step::Proposed, 3),
            (Step::Started, 2),
            (Step::Loaded, 2),
        ] {
            book.add(entry(step, program), &[]);
        }
        assert_eq!((book.active().map(|entry| &*entry.program), book.before()), (Some("2"), Some("1")));
    }

    /// Whatever is proposed and loaded, what runs is kept, and as much of the rest as there is room for.
    #[test]
    fn the_history_is_bounded_and_keeps_what_runs() {
        let mut book = Book::default();
        book.add(entry(Step::Started, 0), &[]);
        let mut kept: Vec<String> = vec!["0".into()];
        for program in 1..3 * bounds::PROGRAMS {
            kept.push(program.to_string());
            let gone = book.add(entry(Step::Proposed, program), &kept);
            kept.retain(|hash| !gone.contains(hash));
        }
        assert_eq!(kept.len(), bounds::PROGRAMS);
        assert!(kept.contains(&"0".to_string()) && kept.contains(&(3 * bounds::PROGRAMS - 1).to_string()));
        for _ in 0..bounds::PROGRAM_STEPS {
            book.add(entry(Step::Loaded, 7), &kept);
        }
        assert_eq!(book.entries.len(), bounds::PROGRAM_STEPS);
    }
}
