//! What the desk does about plans: loading, going back, telling what was, and laying before others what a node in production
//! may only load with their consent.
//!
//! Invariant: a reload or a way back that fails changes nothing: the program is checked, kept, consented to and written into
//! the history before the core is told of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Actor;
use super::desk::{Desk, failed, value};
use super::persons;
use super::protocol::{Failure, Kind};
use super::trail::Deed;
use crate::base::Wall;
use crate::compliance::approval::{Motion, Weighty};
use crate::compliance::role::Right;
use crate::config::Mode;
use crate::io::clock::wall;
use crate::io::motions::MotionView;
use crate::io::plans::{self, Folder, Loaded};
use crate::io::programs::{self, Book, Change, Consent, Entry, Kept, ProgramsError, Proposed, Step};
use crate::plan::diff::diff;
use crate::plan::{Lang, Program};

/// A request about plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum PlanAct {
    /// Read, check and swap in the plan folder.
    Reload {
        /// Rather what is kept under this hash.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// What happened to programs, newest first.
    History {
        /// At most so many lines.
        limit: usize,
    },
    /// What a program was made of.
    Show {
        /// Which; without: the one that runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// Go back to a program.
    Rollback {
        /// To which; without: the one before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// Lay the plan folder before others.
    Propose {
        /// Why, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A line of the history, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// The line.
    #[serde(flatten)]
    pub entry: Entry,
    /// Whether it made the program run that runs now.
    pub active: bool,
    /// Whether the program may be loaded by a node in production.
    pub approved: bool,
}

/// A program, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramView {
    /// Its hash.
    pub program: String,
    /// What it was made of.
    #[serde(flatten)]
    pub kept: Kept,
    /// The consent that it was loaded with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Motion>,
}

impl PlanAct {
    /// What of it is audited.
    pub(super) fn deed(&self) -> Deed {
        match self {
            PlanAct::Reload { program } => Deed::new("plan.reload", program.clone()),
            PlanAct::History { .. } => Deed::new("plan.history", None),
            PlanAct::Show { program } => Deed::new("plan.show", program.clone()),
            PlanAct::Rollback { program } => Deed::new("plan.rollback", program.clone()),
            PlanAct::Propose { reason } => Deed { reason: reason.clone(), ..Deed::new("plan.propose", None) },
        }
    }

    /// The right that it takes; `None`: looked at where it is done, because several rights will do.
    pub(super) fn right(&self) -> Option<Right> {
        match self {
            PlanAct::Reload { .. } | PlanAct::Rollback { .. } => Some(Right::Operate),
            PlanAct::History { .. } | PlanAct::Show { .. } | PlanAct::Propose { .. } => None,
        }
    }
}

/// How a program comes to run.
struct Way<'a> {
    step: Step,
    actor: &'a Actor,
    book: &'a Book,
}

impl Desk {
    pub(super) fn planning(&self, actor: &Actor, act: PlanAct) -> Result<Value, Failure> {
        if act.right().is_none() && !actor.may(Right::Approve) && !actor.may(Right::Audit) {
            actor.check(Right::Operate)?;
        }
        match act {
            PlanAct::Reload { program } => self.plan_reload(actor, program.as_deref()),
            PlanAct::History { limit } => self.plan_history(limit),
            PlanAct::Show { program } => self.plan_show(program.as_deref()),
            PlanAct::Rollback { program } => self.plan_rollback(actor, program.as_deref()),
            PlanAct::Propose { reason } => self.plan_propose(actor, &reason.unwrap_or_default()),
        }
    }

    fn plan_reload(&self, actor: &Actor, program: Option<&str>) -> Result<Value, Failure> {
        self.running()?;
        let _turn = self.programs.turn();
        let book = self.programs.book().map_err(kept)?;
        let loaded = match program {
            None => self.folder()?,
            Some(digits) => {
                let (_, found) = self.programs.find(digits).map_err(kept)?;
                self.programs.load(&found, &self.site)
            }
        };
        self.swap(loaded, program.is_none(), &Way { step: Step::Loaded, actor, book: &book })
    }

    fn plan_rollback(&self, actor: &Actor, program: Option<&str>) -> Result<Value, Failure> {
        self.running()?;
        let _turn = self.programs.turn();
        let book = self.programs.book().map_err(kept)?;
        let none = || Failure::new(Kind::NotFound, "no program ran before this one");
        let digits = program.or_else(|| book.before()).ok_or_else(none)?;
        let (hash, found) = self.programs.find(digits).map_err(kept)?;
        let ran = |entry: &&Entry| entry.step != Step::Proposed && entry.program == hash;
        if !book.entries.iter().any(|entry| ran(&entry)) {
            let text = format!("program {hash} was never loaded: `ledgerline plan reload {}`", short(&hash));
            return Err(Failure::new(Kind::Refused, text));
        }
        let loaded = self.programs.load(&found, &self.site);
        self.swap(loaded, false, &Way { step: Step::RolledBack, actor, book: &book })
    }

    /// Hands a checked program to the core, if it may be loaded.
    fn swap(&self, loaded: Loaded, is_folder: bool, way: &Way<'_>) -> Result<Value, Failure> {
        let findings: Vec<String> = loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
        let Some(program) = loaded.program.clone() else {
            let text = format!("the plan has errors; the one that runs stays\n{}", findings.concat());
            return Err(Failure::new(Kind::Refused, text));
        };
        let hash = program.hash_hex();
        let active = way.book.active();
        let same = active.is_some_and(|entry| entry.program == hash);
        // Reloading is also how a node leaves the program that somebody went back to.
        let written = same
            && active.is_some_and(|entry| (entry.step == Step::RolledBack) == (way.step == Step::RolledBack));
        let approval = self.consent(&program, way.book)?;
        if is_folder {
            let folder = Folder::open(&self.plan.folder).map_err(failed)?;
            self.programs.keep(&loaded.kept, &folder).map_err(kept)?;
        }
        let before = active.and_then(|entry| self.programs.get(&entry.program));
        let change = in_a_line(before.as_ref(), &loaded.kept, &self.for_calls(active, &program));
        let by = approval.as_ref().map(|motion| self.voters(motion)).unwrap_or_default();
        if !written || approval.is_some() {
            let entry = way.entry(&hash, &loaded, &change, wall());
            self.programs.record(entry, approval).map_err(kept)?;
        }
        self.programs.set_current(program.clone());
        self.running()?.program(program, loaded.prompts).map_err(failed)?;
        self.programs.set_alarm(None);
        Ok(json!({
            "program": hash,
            "files": loaded.files,
            "warnings": findings,
            "change": change,
            "unchanged": same,
            "approved_by": by,
        }))
    }

    /// Whether `program` may be loaded; the approval that is made use of, if it takes one now.
    fn consent(&self, program: &Program, book: &Book) -> Result<Option<Motion>, Failure> {
        if self.mode == Mode::Open {
            return Ok(None);
        }
        let consent = Consent { motions: &self.motions, people: &self.people, plan: &self.plan };
        consent.spend(program, book, wall()).map_err(|missing| {
            let hash = program.hash_hex();
            let text =
                format!("program {} may not be loaded by a node in production: {missing}", short(&hash));
            Failure::new(Kind::Refused, text)
        })
    }

    /// What changes for calls when `program` takes the place of what runs (beside a stopped node: of what ran last).
    fn for_calls(&self, active: Option<&Entry>, program: &Arc<Program>) -> Vec<String> {
        let last = || {
            let kept = self.programs.get(&active?.program)?;
            self.programs.load(&kept, &self.site).program
        };
        let Some(before) = self.programs.current().or_else(last) else { return Vec::new() };
        if before.hash() == program.hash() {
            return Vec::new();
        }
        diff(&before, program).iter().map(|change| change.say(Lang::En)).collect()
    }

    /// The accounts of who approved.
    fn voters(&self, motion: &Motion) -> Vec<String> {
        let people = self.people.list().unwrap_or_default();
        let name = |vote: &crate::compliance::approval::Vote| {
            let account = people.iter().find(|view| view.of.key.as_deref() == Some(&vote.key));
            account.map_or_else(|| vote.person.to_string(), |view| view.of.name.clone())
        };
        motion.votes.iter().map(name).collect()
    }

    fn plan_history(&self, limit: usize) -> Result<Value, Failure> {
        let book = self.programs.book().map_err(kept)?;
        let active = book.entries.iter().rposition(|entry| entry.step != Step::Proposed);
        let lines = book.entries.iter().enumerate().rev().take(limit).map(|(at, entry)| StepView {
            active: Some(at) == active,
            approved: book.approved.contains_key(&entry.program),
            entry: entry.clone(),
        });
        value(lines.collect::<Vec<_>>())
    }

    fn plan_show(&self, program: Option<&str>) -> Result<Value, Failure> {
        let book = self.programs.book().map_err(kept)?;
        let none = || Failure::new(Kind::NotFound, "no program has run here");
        let active = book.active().map(|entry| entry.program.as_str());
        let (hash, found) = self.programs.find(program.or(active).ok_or_else(none)?).map_err(kept)?;
        let approval = book.approved.get(&hash).cloned();
        value(ProgramView { program: hash, kept: found, approval })
    }

    fn plan_propose(&self, actor: &Actor, reason: &str) -> Result<Value, Failure> {
        let author = actor.human()?;
        if reason.contains(['\n', '\r']) || reason.chars().count() > crate::base::bounds::PURPOSE {
            return Err(Failure::new(Kind::Usage, "a reason is one line"));
        }
        let _turn = self.programs.turn();
        let loaded = self.folder()?;
        let Some(program) = &loaded.program else {
            let findings: String = loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
            return Err(Failure::new(Kind::Refused, format!("the plan has errors\n{findings}")));
        };
        let hash = program.hash_hex();
        let book = self.programs.book().map_err(kept)?;
        if book.approved.contains_key(&hash) {
            let text = format!("program {} is approved: `ledgerline plan reload`", short(&hash));
            return Err(Failure::new(Kind::Refused, text));
        }
        let needs =
            programs::needs_of(program, &self.plan).map_err(|error| Failure::new(Kind::Refused, error))?;
        let folder = Folder::open(&self.plan.folder).map_err(failed)?;
        self.programs.keep(&loaded.kept, &folder).map_err(kept)?;
        let active = book.active().map(|entry| entry.program.clone());
        let before = active.as_ref().and_then(|hash| Some((&**hash, self.programs.get(hash)?)));
        let before = before.as_ref().map(|(hash, kept)| (*hash, kept));
        let calls = self.for_calls(book.active(), program);
        let proposed = Proposed { hash: &hash, kept: &loaded.kept, needs: &needs, reason, calls: &calls };
        let text = programs::text_of(&proposed, before);
        let now = wall();
        let motion = self.motions.propose_to(Weighty::Plan, &text, needs, author, now);
        let motion = motion.map_err(persons::motions)?;
        let change = in_a_line(before.map(|(_, kept)| kept), &loaded.kept, &calls);
        let way = Way { step: Step::Proposed, actor, book: &book };
        self.programs.record(way.entry(&hash, &loaded, &change, now), None).map_err(kept)?;
        Ok(json!({ "program": hash, "change": change, "motion": MotionView::of(motion, now) }))
    }

    /// The plan folder, checked.
    fn folder(&self) -> Result<Loaded, Failure> {
        let folder = self.plan.folder.display();
        plans::load(&self.plan, &self.site).map_err(|error| failed(format!("{folder}: {error}")))
    }

    pub(super) fn running(&self) -> Result<&crate::io::door::Door, Failure> {
        self.door
            .as_ref()
            .ok_or_else(|| Failure::new(Kind::Usage, "only a running node does this: it is not running"))
    }
}

impl Way<'_> {
    fn entry(&self, hash: &str, loaded: &Loaded, change: &str, at: Wall) -> Entry {
        Entry {
            at,
            step: self.step,
            program: hash.to_string(),
            who: self.actor.who().name(),
            from: self.actor.who().from.clone(),
            files: loaded.files.clone(),
            change: change.to_string(),
        }
    }
}

/// A change in a line: what it is for calls, and where it stands.
fn in_a_line(before: Option<&Kept>, now: &Kept, calls: &[String]) -> String {
    let files = Change::between(before, now).line();
    match calls {
        [] => files,
        [one] => format!("{one} ({files})"),
        [first, more @ ..] => format!("{first}, and {} more ({files})", more.len()),
    }
}

pub(super) fn kept(error: ProgramsError) -> Failure {
    let kind = match &error {
        ProgramsError::Unknown(_) => Kind::NotFound,
        ProgramsError::Several(_) => Kind::Usage,
        ProgramsError::Keep(_) | ProgramsError::Content(_) | ProgramsError::Sealed(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

/// As much of a hash as people read.
fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}
