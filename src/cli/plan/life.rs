//! The life of a plan at the command line: loading, going back, history, text, and the consent of other people.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::approve;
use crate::cli::args;
use crate::cli::door::{self, Node, Socket};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::{Printer, table};
use crate::compliance::approval::{Motion, Standing, Voice};
use crate::io::admin::persons::MotionAct;
use crate::io::admin::planning::{PlanAct, ProgramView, StepView};
use crate::io::admin::protocol::Act;
use crate::io::motions::MotionView;
use crate::io::programs::program_of;

/// `plan reload`, `plan rollback`: what the running switch does.
pub(super) fn load(act: PlanAct, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let done = Socket::reach(&config)?.act(Act::Plan(act), &mut |_| true)?;
    printer.value(&done, loaded);
    Ok(Exit::Done)
}

fn loaded(done: &Value) -> String {
    let list = |name: &str| done.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let words = |name: &str| -> Vec<String> {
        list(name).iter().filter_map(Value::as_str).map(str::to_string).collect()
    };
    let program = done.get("program").and_then(Value::as_str).unwrap_or_default();
    let mut text = words("warnings").concat();
    if done.get("unchanged") == Some(&Value::Bool(true)) {
        let _ = writeln!(text, "Nothing has changed: new calls follow program {}", short(program));
    } else {
        let change = done.get("change").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(text, "New calls follow program {} ({change})", short(program));
    }
    let by = words("approved_by");
    if !by.is_empty() {
        let _ = writeln!(text, "Approved by {}", by.join(", "));
    }
    text
}

/// `plan history`
pub(super) fn history(limit: usize, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let lines: Vec<StepView> = Node::open(&config)?.value(Act::Plan(PlanAct::History { limit }))?;
    printer.value(&lines, |lines| {
        let rows: Vec<[String; 6]> = lines
            .iter()
            .map(|line| {
                let marks = match (line.active, line.approved) {
                    (true, true) => "runs, approved",
                    (true, false) => "runs",
                    (false, true) => "approved",
                    (false, false) => "",
                };
                let entry = &line.entry;
                [
                    entry.at.rfc3339(),
                    short(&entry.program).to_string(),
                    entry.step.words().to_string(),
                    entry.who.clone(),
                    marks.to_string(),
                    entry.change.clone(),
                ]
            })
            .collect();
        table(["WHEN", "PROGRAM", "WAS", "BY", "", "WHAT CHANGED"], &rows)
    });
    Ok(Exit::Done)
}

/// `plan show`
pub(super) fn show(
    program: Option<String>,
    output: Option<&Path>,
    config: Option<&Path>,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let view: ProgramView = Node::open(&config)?.value(Act::Plan(PlanAct::Show { program }))?;
    honest(&view)?;
    if let Some(folder) = output {
        write(&view, folder)?;
    }
    printer.value(&view, |view| match output {
        Some(folder) => {
            format!(
                "{} files of program {} are in {}\n",
                view.kept.files.len(),
                short(&view.program),
                folder.display()
            )
        }
        None => text(view),
    });
    Ok(Exit::Done)
}

/// The text is what the hash says: it is hashed here, whatever the node says.
pub(super) fn honest(view: &ProgramView) -> Result<(), Stop> {
    match view.kept.hash_hex() == view.program {
        true => Ok(()),
        false => Err(Stop::failed("the node shows a text that has another hash than the program")),
    }
}

/// Into a folder that is not there yet: nothing is overwritten.
fn write(view: &ProgramView, folder: &Path) -> Result<(), Stop> {
    let failed = |path: &Path, error: std::io::Error| Stop::failed(format!("{}: {error}", path.display()));
    fs::create_dir(folder).map_err(|error| failed(folder, error))?;
    for (path, text) in &view.kept.files {
        if Path::new(path).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(Stop::failed(format!("`{path}` leads out of the folder")));
        }
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        fs::write(&file, text).map_err(|error| failed(&file, error))?;
    }
    Ok(())
}

fn text(view: &ProgramView) -> String {
    let mut out = format!("# program {}\n", view.program);
    for (path, text) in &view.kept.files {
        let _ = writeln!(out, "\n# ---- {path}");
        for line in text.lines() {
            // What is shown is what is there, but for what could deceive a terminal.
            let _ = writeln!(out, "{}", crate::base::presentable(line, usize::MAX));
        }
    }
    if !view.kept.sounds.is_empty() {
        out += "\n# ---- sounds\n";
    }
    for (path, sha256) in &view.kept.sounds {
        let _ = writeln!(out, "# {path}  sha256 {sha256}");
    }
    for vote in view.approval.iter().flat_map(|motion| &motion.votes) {
        let _ = writeln!(out, "# approved by {} on {}", vote.person, vote.at.rfc3339());
    }
    out
}

/// `plan propose`
pub(super) fn propose(
    reason: Option<String>,
    config: Option<&Path>,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let done: Value = Node::open(&config)?.value(Act::Plan(PlanAct::Propose { reason }))?;
    printer.value(&done, |done| {
        let word = |name: &str| done.get(name).and_then(Value::as_str).unwrap_or_default();
        let motion = serde_json::from_value::<MotionView>(done["motion"].clone());
        let (id, until) = motion.map_or_else(
            |_| (String::new(), String::new()),
            |view| (view.motion.id.to_string(), view.until.rfc3339()),
        );
        format!(
            "Proposed  program {} ({})\nMotion    {id}, until {until}\n\
             Others approve it by `ledgerline plan approve {}`; then `ledgerline plan reload` loads it\n",
            word("program"),
            word("change"),
            short(word("program")),
        )
    });
    Ok(Exit::Done)
}

/// `plan approve`: the text is fetched and hashed here before anything is signed.
pub(super) fn approve(
    digits: &str,
    key: Option<PathBuf>,
    passphrase_stdin: bool,
    config: Option<&Path>,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    let motions: Vec<MotionView> = node.value(Act::Motion(MotionAct::List))?;
    let motion = proposed(digits, &motions)?;
    let hash = program_of(motion).unwrap_or_default().to_string();
    let id = motion.id;
    let view: ProgramView = node.value(Act::Plan(PlanAct::Show { program: Some(hash.clone()) }))?;
    honest(&view)?;
    if view.program != hash {
        return Err(Stop::failed("the node shows another program than the one that was proposed"));
    }
    let sign = args::Sign { id, key, passphrase_stdin };
    approve::vote(&sign, Voice::Approve, &mut node, printer)?;
    Ok(Exit::Done)
}

/// The proposal of the program that begins with `digits`: the newest that waits, else the newest, so that it is said why it does not.
fn proposed<'m>(digits: &str, motions: &'m [MotionView]) -> Result<&'m Motion, Stop> {
    let digits = digits.to_ascii_lowercase();
    let about = |view: &&MotionView| program_of(&view.motion).is_some_and(|hash| hash.starts_with(&digits));
    let of: Vec<&MotionView> = motions.iter().filter(about).collect();
    let first = of.first().ok_or_else(|| {
        Stop::failed(format!("program {digits} was not proposed: `ledgerline plan propose` does it"))
    })?;
    if of.iter().any(|view| program_of(&view.motion) != program_of(&first.motion)) {
        return Err(Stop::usage(format!("several proposed programs begin with {digits}")));
    }
    let waits = of.iter().find(|view| matches!(view.standing, Standing::Waits(_)));
    Ok(&waits.unwrap_or(first).motion)
}

/// As much of a hash as people read.
fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}
