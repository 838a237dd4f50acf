//! `plan fmt`: plan files in the one layout of the house.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{finding, language, unreadable};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::Printer;
use crate::io::plans;
use crate::plan::{Diagnostic, fmt};

/// How a file came out.
enum Done {
    /// It was as it should be.
    Kept,
    /// It was written anew, or would be.
    Changed(String),
    /// It cannot be read.
    Broken(Vec<Diagnostic>),
}

pub(super) fn run(paths: &[PathBuf], check: bool, printer: &Printer) -> Result<Exit, Stop> {
    if let [path] = paths
        && path == Path::new("-")
    {
        return piped(check, printer);
    }
    let mut results = Vec::new();
    for path in files(paths)? {
        let octets = plans::octets(&path).map_err(|error| unreadable(&path, &error))?;
        let name = path.display().to_string();
        let done = formatted(&name, &octets);
        if let (Done::Changed(text), false) = (&done, check) {
            plans::replace(&path, text).map_err(|error| unreadable(&path, &error))?;
        }
        results.push((name, done));
    }
    let json: Vec<Value> = results.iter().map(|(name, done)| result(name, done)).collect();
    printer.value(&json, |_| results.iter().map(|(name, done)| said(name, done, check)).collect());
    let wrong = |done: &Done| match done {
        Done::Kept => false,
        Done::Changed(_) => check,
        Done::Broken(_) => true,
    };
    Ok(if results.iter().any(|(_, done)| wrong(done)) { Exit::Findings } else { Exit::Done })
}

/// Standard input to standard output; what cannot be read is told on standard error, and nothing is printed.
fn piped(check: bool, printer: &Printer) -> Result<Exit, Stop> {
    let mut octets = Vec::new();
    let most = crate::base::bounds::PLAN_FILE_BYTES as u64 + 1;
    let read = std::io::stdin().lock().take(most).read_to_end(&mut octets);
    read.map_err(|error| unreadable(Path::new("-"), &error))?;
    match formatted("-", &octets) {
        Done::Broken(found) => {
            found.iter().for_each(|found| eprintln!("{}", found.render(language())));
            Ok(Exit::Findings)
        }
        Done::Changed(_) if check => Ok(Exit::Findings),
        Done::Kept if check => Ok(Exit::Done),
        Done::Changed(text) => Ok(printed(&text, printer)),
        Done::Kept => Ok(printed(&String::from_utf8_lossy(&octets), printer)),
    }
}

fn printed(text: &str, printer: &Printer) -> Exit {
    printer.value(&json!({ "text": text }), |_| text.to_string());
    Exit::Done
}

fn formatted(name: &str, octets: &[u8]) -> Done {
    let text = match plans::decoded(name, octets) {
        Ok(text) => text,
        Err(found) => return Done::Broken(found),
    };
    match fmt::format(name, text) {
        Ok(done) if done == text => Done::Kept,
        Ok(done) => Done::Changed(done),
        Err(found) => Done::Broken(found),
    }
}

/// The files that are meant: each as it is named, and of each folder every plan file, those of its subfolders too.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut out = Vec::new();
    let here = [PathBuf::from(".")];
    for path in if paths.is_empty() { &here[..] } else { paths } {
        if path.is_dir() {
            out.extend(plans::list_deep(path).map_err(|error| unreadable(path, &error))?);
        } else {
            out.push(path.clone());
        }
    }
    Ok(out)
}

fn result(name: &str, done: &Done) -> Value {
    let (state, found) = match done {
        Done::Kept => ("kept", &[][..]),
        Done::Changed(_) => ("changed", &[][..]),
        Done::Broken(found) => ("broken", found.as_slice()),
    };
    json!({ "file": name, "state": state, "findings": found.iter().map(finding).collect::<Vec<_>>() })
}

fn said(name: &str, done: &Done, check: bool) -> String {
    match done {
        Done::Kept => String::new(),
        Done::Changed(_) if check => format!("{name}: not in the canonical layout\n"),
        Done::Changed(_) => format!("{name}: formatted\n"),
        Done::Broken(found) => found.iter().map(|found| found.render(language()) + "\n").collect(),
    }
}
