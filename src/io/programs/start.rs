//! Which program a node starts with.
//!
//! An open node starts with its folder, as it always did; but when somebody rolled back, it stays there until somebody reloads,
//! and when the folder has errors, it starts with what ran before and says so, because a telephone system that does not come
//! up after a power cut is worse than an old plan. A node in production starts with the program that was approved and ran
//! last, whatever the folder says.

use std::sync::Arc;

use super::{Consent, Entry, Kept, Programs, Step};
use crate::base::Wall;
use crate::config::{Config, Mode};
use crate::io::clock::wall;
use crate::io::motions::Motions;
use crate::io::node::StartError;
use crate::io::people::People;
use crate::io::plans::{self, Folder, Loaded};
use crate::plan::{Lang, Site};

/// The program that a node starts with.
pub struct Started {
    /// The program.
    pub loaded: Loaded,
    /// What somebody should know of it.
    pub alarm: Option<String>,
}

/// Chooses, checks and compiles the program that a node starts with.
///
/// # Errors
/// There is none that may be loaded.
pub fn at_start(
    config: &Config,
    programs: &Programs,
    motions: &Motions,
    people: &People,
) -> Result<Started, StartError> {
    let start = Start { config, programs, site: plans::site(config) };
    let started = match config.node.mode {
        Mode::Open => start.open()?,
        Mode::Production => start.production(&Consent { motions, people, plan: &config.plan })?,
    };
    programs.set_alarm(started.alarm.clone());
    if let Some(program) = &started.loaded.program {
        programs.set_current(Arc::clone(program));
    }
    Ok(started)
}

struct Start<'a> {
    config: &'a Config,
    programs: &'a Programs,
    site: Site,
}

impl Start<'_> {
    fn open(&self) -> Result<Started, StartError> {
        // Without a history an open node can live.
        let book = self.programs.book().unwrap_or_else(|error| {
            tracing::error!(%error, "the history of programs is lost");
            Default::default()
        });
        let active = book.active();
        if let Some(pinned) = active.filter(|entry| entry.step == Step::RolledBack) {
            if let Some(loaded) = self.kept(&pinned.program) {
                let text = format!(
                    "the node runs program {}, which {} went back to; the plan folder is loaded by `plan reload`",
                    &pinned.program[..16.min(pinned.program.len())],
                    pinned.who
                );
                tracing::warn!("{text}");
                return Ok(Started { loaded, alarm: None });
            }
            tracing::error!(program = pinned.program, "what was rolled back to is not kept any more");
        }
        let folder = self.folder();
        let (why, error) = match folder {
            Ok(loaded) if loaded.program.is_some() => return Ok(Started { loaded, alarm: None }),
            Ok(loaded) => {
                let found: String = loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
                ("has errors".to_string(), StartError::Plan(found))
            }
            Err(error) => ("cannot be read".to_string(), error),
        };
        let before = active.and_then(|entry| Some((entry, self.kept(&entry.program)?)));
        // Where nothing ran before, what is wrong with the folder is all there is to say.
        let (entry, loaded) = before.ok_or(error)?;
        let program = entry.program.get(..16).unwrap_or(&entry.program);
        let alarm = format!("the plan folder {why}: the node runs program {program} from before");
        tracing::error!("{alarm}; `ledgerline plan check` says what is wrong");
        Ok(Started { loaded, alarm: Some(alarm) })
    }

    fn production(&self, consent: &Consent<'_>) -> Result<Started, StartError> {
        let refused = |why: String| StartError::Unapproved(why);
        let book = self.programs.book().map_err(|error| refused(error.to_string()))?;
        let runs = book.entries.iter().rev().filter(|entry| entry.step != Step::Proposed);
        let approved = runs.clone().find(|entry| book.approved.contains_key(&entry.program));
        if let Some(entry) = approved {
            let same = |loaded: &Loaded| {
                loaded.program.as_ref().is_some_and(|program| program.hash_hex() == entry.program)
            };
            // A restored backup has the history before it has the texts: the folder will do when it is the same.
            let loaded = self.kept(&entry.program).or_else(|| self.folder().ok().filter(same));
            return loaded.map(|loaded| Started { loaded, alarm: None }).ok_or_else(|| {
                refused(format!(
                    "program {} was approved and ran last; it is not kept whole or does not fit this configuration",
                    entry.program
                ))
            });
        }
        let loaded = self.folder()?;
        let Some(program) = &loaded.program else {
            let found: String = loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
            return Err(StartError::Plan(found));
        };
        let motion = consent.spend(program, &book, wall()).map_err(refused)?;
        let keep = || self.programs.keep(&loaded.kept, &Folder::open(&self.config.plan.folder)?);
        keep().map_err(|error| refused(error.to_string()))?;
        let entry = entry(wall(), &program.hash_hex(), &loaded.kept, None);
        self.programs.record(entry, motion).map_err(|error| refused(error.to_string()))?;
        Ok(Started { loaded, alarm: None })
    }

    fn folder(&self) -> Result<Loaded, StartError> {
        let plan = &self.config.plan;
        plans::load_at_start(plan, &self.site)
            .map_err(|error| StartError::PlanFolder(plan.folder.clone(), error))
    }

    fn kept(&self, hash: &str) -> Option<Loaded> {
        let kept = self.programs.get(hash)?;
        let loaded = self.programs.load(&kept, &self.site);
        if loaded.program.is_none() {
            for found in loaded.diagnostics.iter().filter(|found| found.is_error()) {
                tracing::error!("plan: {}", found.render(Lang::En));
            }
        }
        loaded.program.is_some().then_some(loaded)
    }
}

impl Programs {
    /// Keeps what the node started with, and writes it into the history when it is not what ran before. A node that cannot
    /// write this runs all the same.
    pub fn note_start(&self, config: &Config, kept: &Kept) {
        let noted = || {
            let _turn = self.turn();
            let (book, hash) = (self.book()?, kept.hash_hex());
            if self.get(&hash).is_none() {
                self.keep(kept, &Folder::open(&config.plan.folder)?)?;
            }
            let active = book.active().map(|entry| entry.program.clone());
            if active.as_deref() == Some(&*hash) {
                return Ok(());
            }
            let before = active.and_then(|active| self.get(&active));
            self.record(entry(wall(), &hash, kept, before.as_ref()), None)
        };
        if let Err(error) = noted() {
            tracing::error!(%error, "the program is not written into the history");
        }
    }
}

fn entry(at: Wall, hash: &str, kept: &Kept, before: Option<&Kept>) -> Entry {
    Entry {
        at,
        step: Step::Started,
        program: hash.to_string(),
        who: "node".to_string(),
        from: "start".to_string(),
        files: kept.roots.clone(),
        change: super::Change::between(before, kept).line(),
    }
}
