//! The plans that the stories run under, and what the world expects of calls under each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ledgerline::plan::{Folder, Lang, Program, load};

/// The plan of all stories, with one of four policies for recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Every call is recorded or refused.
    Required,
    /// The same, and every caller is told so before anything else.
    Announced,
    /// Every call is recorded; a recorder that fails stops nobody.
    Wished,
    /// No call is recorded.
    Unrecorded,
    /// Every call is recorded with whatever it has: video and fax too.
    Whole,
    /// As [`Plan::Required`], with flows of the verbs beyond talking and ringing.
    Verbs,
    /// As [`Plan::Required`], with words that nobody may say to customers.
    Screened,
}

const OFFICE: &str = include_str!("plans/office.plan");

impl Plan {
    /// Whether every call is recorded, if it can be.
    pub fn records(self) -> bool {
        self != Plan::Unrecorded
    }

    /// No recording, no call.
    pub fn requires(self) -> bool {
        matches!(self, Plan::Required | Plan::Announced | Plan::Verbs | Plan::Whole | Plan::Screened)
    }

    fn text(self) -> String {
        match self {
            Plan::Required => OFFICE.into(),
            Plan::Verbs => OFFICE.to_string() + include_str!("plans/verbs.plan"),
            Plan::Screened => OFFICE.to_string() + include_str!("plans/screened.plan"),
            Plan::Announced => OFFICE
                .replace("  retain standard\n", "  retain standard\n  notice prompt recorded before media\n"),
            Plan::Whole => OFFICE.replace("two tracks,", "two tracks, video, fax,"),
            Plan::Wished => OFFICE.replace("on failure refuse", "on failure continue"),
            Plan::Unrecorded => OFFICE
                .replace("record all, two tracks, on failure refuse", "record off")
                .replace("  retain standard\n", ""),
        }
    }

    /// The compiled plan with something in it replaced.
    pub fn changed(self, from: &str, to: &str) -> Arc<Program> {
        let text = self.text();
        assert!(text.contains(from), "the plan does not say {from}");
        compile(&text.replace(from, to))
    }

    /// The compiled plan. Each is compiled once a process.
    pub fn program(self) -> Arc<Program> {
        static COMPILED: Mutex<Option<HashMap<Plan, Arc<Program>>>> = Mutex::new(None);
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(compiled.get_or_insert_default().entry(self).or_insert_with(|| compile(&self.text())))
    }
}

fn compile(text: &str) -> Arc<Program> {
    let folder = Folder::new().with_plan("office.plan", text).with_any_sound();
    let (program, findings) = load(&folder, &["office.plan"]);
    let findings: String = findings.iter().map(|finding| finding.render(Lang::En)).collect();
    program.unwrap_or_else(|| panic!("the plan of the tests does not load:\n{findings}"))
}
