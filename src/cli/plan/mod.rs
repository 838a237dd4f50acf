//! `plan`: checked, tested and simulated here, or reloaded by the running switch.

mod diff;
mod doc;
mod emergency;
mod fmt;
mod import;
mod life;
mod lsp;
mod sim;
mod test;

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::args;
use super::door;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::io::admin::planning::PlanAct;
use crate::io::plans::{self, Loaded};
use crate::plan::{Diagnostic, Lang, Severity};

pub(super) fn run(plan: &args::Plan, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    match plan {
        args::Plan::Check { path } => check(path.as_deref(), config, printer),
        args::Plan::Test { path, coverage, verbose } => {
            let plans = tried(path.as_deref(), config)?;
            Ok(test::run(&plans, *coverage, *verbose, printer))
        }
        args::Plan::Sim(sim) => {
            let plans = tried(sim.path.as_deref(), config)?;
            sim::run(&plans, sim, printer)
        }
        args::Plan::Diff { before, now } => diff::run(before, now, config, printer),
        args::Plan::Doc { path, out } => doc::run(path.as_deref(), out, config, printer),
        args::Plan::Fmt { files, check } => fmt::run(files, *check, printer),
        args::Plan::Import(import) => import::run(import, printer),
        args::Plan::Lsp => lsp::run(),
        args::Plan::Reload { program } => {
            life::load(PlanAct::Reload { program: program.clone() }, config, printer)
        }
        args::Plan::Rollback { program } => {
            life::load(PlanAct::Rollback { program: program.clone() }, config, printer)
        }
        args::Plan::History { limit } => life::history(*limit, config, printer),
        args::Plan::Show { program, output } => {
            life::show(program.clone(), output.as_deref(), config, printer)
        }
        args::Plan::Emergency(act) => emergency::run(act, config, printer),
        args::Plan::Propose { reason } => life::propose(reason.clone(), config, printer),
        args::Plan::Approve { program, key, passphrase_stdin } => {
            life::approve(program, key.clone(), *passphrase_stdin, config, printer)
        }
    }
}

/// Without a path the plan as the switch would load it; a folder's files each for itself. Names of trunks and ring groups are
/// compared with the configuration: with a path, with one that was named.
fn check(path: Option<&Path>, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let plans = plans_of(path, config)?;
    let results: Vec<Value> = plans.iter().map(result).collect();
    let lang = language();
    printer.value(&results, |_| plans.iter().map(|loaded| text(loaded, lang)).collect());
    Ok(if plans.iter().all(|loaded| loaded.program.is_some()) { Exit::Done } else { Exit::Findings })
}

/// The plans that are to be tried in virtual time: one that is named by its path stands by itself, whatever trunks the node has.
fn tried(path: Option<&Path>, config: Option<&Path>) -> Result<Vec<Loaded>, Stop> {
    plans_of(path, config.filter(|_| path.is_none()))
}

fn plans_of(path: Option<&Path>, config: Option<&Path>) -> Result<Vec<Loaded>, Stop> {
    match path {
        None => {
            let config = door::configuration(config)?;
            let loaded = plans::load(&config.plan, &plans::site(&config));
            Ok(vec![loaded.map_err(|error| unreadable(&config.plan.folder, &error))?])
        }
        Some(path) => {
            let site = config.map(|config| door::configuration(Some(config))).transpose()?;
            let site = site.as_ref().map(plans::site);
            plans::load_each(path, site.as_ref()).map_err(|error| unreadable(path, &error))
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format!("{}: {error}", path.display()))
}

fn result(loaded: &Loaded) -> Value {
    json!({
        "files": loaded.files,
        "program": loaded.program.as_ref().map(|program| program.hash_hex()),
        "findings": loaded.diagnostics.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// The language that `--lang` named, for this process.
static LANG: OnceLock<Lang> = OnceLock::new();

/// Has everything about plans said in this language.
pub(super) fn speak(lang: args::LangName) {
    // Set once, before anything reads it.
    let _ = LANG.set(match lang {
        args::LangName::En => Lang::En,
        args::LangName::Zh => Lang::Zh,
    });
}

/// What `--lang` or the environment asks for.
fn language() -> Lang {
    if let Some(lang) = LANG.get() {
        return *lang;
    }
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    Lang::from_tag(&set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default())
}

fn text(loaded: &Loaded, lang: Lang) -> String {
    let mut text: String = loaded.diagnostics.iter().map(|found| found.render(lang) + "\n").collect();
    let errors = loaded.diagnostics.iter().filter(|found| found.is_error()).count();
    let warnings = loaded.diagnostics.len() - errors;
    let files = loaded.files.join(", ");
    text += &match &loaded.program {
        Some(program) => format!("{files}: {warnings} warnings; program {}\n", &program.hash_hex()[..16]),
        None => format!("{files}: {errors} errors, {warnings} warnings\n"),
    };
    text
}

fn finding(found: &Diagnostic) -> Value {
    let place = found.place();
    json!({
        "code": found.code().to_string(),
        "severity": match found.severity() { Severity::Error => "error", Severity::Warning => "warning" },
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "message": found.message(Lang::En),
        "message_zh": found.message(Lang::Zh),
        "hint": found.hint(Lang::En),
        "hint_zh": found.hint(Lang::Zh),
    })
}
