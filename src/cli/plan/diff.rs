//! `plan diff`: what changes for calls when one plan takes the place of another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{language, unreadable};
use crate::cli::door::{self, Node};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::Printer;
use crate::io::admin::planning::{PlanAct, ProgramView};
use crate::io::admin::protocol::Act;
use crate::io::plans::{self, Loaded};
use crate::plan::diff::{Change, diff};
use crate::plan::{self, Folder, Lang, Program, Sound};

/// What stands on one side: a plan with its name, or several of a folder, each for itself.
type Side = Vec<(String, Arc<Program>)>;

pub(super) fn run(before: &str, now: &str, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let (before, now) = sides(before, now, config)?;
    let mut changes = Vec::new();
    let mut lines = Vec::new();
    for (name, program) in &now {
        match before.iter().find(|(known, _)| known == name) {
            Some((_, was)) => {
                changes.extend(diff(was, program).into_iter().map(|change| (name.as_str(), change)))
            }
            None => lines.push((name, true)),
        }
    }
    lines.extend(
        before
            .iter()
            .filter(|(name, _)| !now.iter().any(|(known, _)| known == name))
            .map(|(name, _)| (name, false)),
    );
    let json = json!({
        "changes": changes.iter().map(|(file, change)| result(file, change)).collect::<Vec<_>>(),
        "files": lines.iter().map(|(name, new)| json!({ "file": name, "state": if *new { "new" } else { "gone" } })).collect::<Vec<_>>(),
    });
    let several = now.len().max(before.len()) > 1;
    printer.value(&json, |_| text(&changes, &lines, several));
    Ok(if changes.is_empty() && lines.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Both sides: two files, or two folders. A folder is one plan where its files load together, else each file is one.
fn sides(before: &str, now: &str, config: Option<&Path>) -> Result<(Side, Side), Stop> {
    let (was, is) = (Path::new(before), Path::new(now));
    if was.is_dir() && is.is_dir() {
        let whole = |folder: &Path| -> Result<Option<Arc<Program>>, Stop> {
            let files = plans::list(folder).map_err(|error| unreadable(folder, &error))?;
            Ok(plans::load_files(folder, files, None).map_err(|error| unreadable(folder, &error))?.program)
        };
        if let (Some(was), Some(is)) = (whole(was)?, whole(is)?) {
            return Ok((vec![(String::new(), was)], vec![(String::new(), is)]));
        }
        return Ok((each(was)?, each(is)?));
    }
    let one = |said: &str| -> Result<Side, Stop> {
        let path = Path::new(said);
        let is_hash = said.len() >= 4 && said.chars().all(|ch| ch.is_ascii_hexdigit());
        let side = if is_hash && !path.exists() { stored(said, config)? } else { each(path)? };
        Ok(side.into_iter().map(|(_, program)| (String::new(), program)).collect())
    };
    Ok((one(before)?, one(now)?))
}

/// A version that the node keeps, by the beginning of its hash.
fn stored(hash: &str, config: Option<&Path>) -> Result<Side, Stop> {
    let config = door::configuration(config)?;
    let act = Act::Plan(PlanAct::Show { program: Some(hash.to_string()) });
    let view: ProgramView = Node::open(&config)?.value(act)?;
    super::life::honest(&view)?;
    let mut folder = Folder::new();
    for (path, text) in &view.kept.files {
        folder = folder.with_plan(path, text.as_str());
    }
    for (path, sha256) in &view.kept.sounds {
        // What a sound is called by is enough: nobody listens here.
        let sha256 = crate::vault::unhex(sha256).unwrap_or_default();
        folder = folder.with_sound(path, Sound::new(sha256, Duration::ZERO));
    }
    let roots: Vec<&str> = view.kept.roots.iter().map(String::as_str).collect();
    let (program, found) = plan::load(&folder, &roots);
    let said = || found.iter().map(|found| found.render(language()) + "\n").collect::<String>();
    program.map(|program| vec![(String::new(), program)]).ok_or_else(|| Stop::usage(said()))
}

/// The plans at `path`.
fn each(path: &Path) -> Result<Side, Stop> {
    let loaded = plans::load_each(path, None).map_err(|error| unreadable(path, &error))?;
    loaded.into_iter().map(program).collect()
}

fn program(loaded: Loaded) -> Result<(String, Arc<Program>), Stop> {
    let name = loaded.files.join(", ");
    loaded.program.map(|program| (name, program)).ok_or_else(|| {
        let lang = language();
        let found = loaded.diagnostics.iter().filter(|found| found.is_error());
        Stop::usage(found.map(|found| found.render(lang) + "\n").collect::<String>())
    })
}

fn result(file: &str, change: &Change) -> Value {
    json!({
        "file": file,
        "kind": change.kind.word(),
        "of": change.of.en, "of_zh": change.of.zh,
        "now": change.now.en, "now_zh": change.now.zh,
        "before": change.before.en, "before_zh": change.before.zh,
        "text": change.say(Lang::En), "text_zh": change.say(Lang::Zh),
    })
}

fn text(changes: &[(&str, Change)], files: &[(&String, bool)], several: bool) -> String {
    let lang = language();
    let mut out = String::new();
    let mut last = "";
    for (file, change) in changes {
        if several && *file != last {
            out += &format!("{file}:\n");
            last = file;
        }
        out += &change.say(lang);
        out.push('\n');
    }
    for (name, new) in files {
        out += &match (lang, new) {
            (Lang::En, true) => format!("{name}: a new plan\n"),
            (Lang::En, false) => format!("{name}: this plan is gone\n"),
            (Lang::Zh, true) => format!("{name}：新的计划\n"),
            (Lang::Zh, false) => format!("{name}：计划已删除\n"),
        };
    }
    match (out.is_empty(), lang) {
        (false, _) => out,
        (true, Lang::En) => "no call changes\n".to_string(),
        (true, Lang::Zh) => "呼叫没有变化\n".to_string(),
    }
}
