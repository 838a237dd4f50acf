//! `plan import`: a dialplan of another switch as a plan.

use std::path::Path;

use serde_json::json;

use super::{language, unreadable};
use crate::cli::args;
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::Printer;
use crate::io::plans;
use crate::plan::import::{Imported, asterisk};

pub(super) fn run(import: &args::Import, printer: &Printer) -> Result<Exit, Stop> {
    let args::Import::Asterisk { file, out } = import;
    let octets = plans::octets(file).map_err(|error| unreadable(file, &error))?;
    let imported = asterisk(&String::from_utf8_lossy(&octets));
    if let Some(path) = out {
        plans::create(path, &imported.plan).map_err(|error| unreadable(path, &error))?;
    }
    if printer.is_json() {
        printer.value(&result(&imported), |_| String::new());
    } else {
        if out.is_none() {
            printer.value(&(), |()| imported.plan.clone());
        }
        told(file, &imported);
    }
    let clean = imported.notes.is_empty() && !imported.found.iter().any(|found| found.is_error());
    Ok(if clean { Exit::Done } else { Exit::Findings })
}

fn result(imported: &Imported) -> serde_json::Value {
    json!({
        "plan": imported.plan,
        "notes": imported.notes.iter().map(|note| json!({ "line": note.line, "said": note.said, "why": note.why.en, "why_zh": note.why.zh })).collect::<Vec<_>>(),
        "sounds": imported.sounds.iter().map(|(path, sound)| json!({ "path": path, "sound": sound })).collect::<Vec<_>>(),
        "findings": imported.found.iter().map(super::finding).collect::<Vec<_>>(),
    })
}

/// What people must see to stands on standard error, so that the plan alone is on standard output.
fn told(file: &Path, imported: &Imported) {
    let lang = language();
    for note in &imported.notes {
        eprintln!("{}:{}", file.display(), note.say(lang));
    }
    for (path, sound) in &imported.sounds {
        eprintln!(
            "{}",
            match lang {
                crate::plan::Lang::En => format!("{path}: bring the sound {sound} as a WAV file"),
                crate::plan::Lang::Zh => format!("{path}：请准备提示音 {sound}（WAV 文件）"),
            }
        );
    }
    for found in &imported.found {
        eprintln!("{}", found.render(lang));
    }
}
