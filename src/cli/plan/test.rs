//! `plan test`: the tests that stand in plan files.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{language, text};
use crate::cli::exit::Exit;
use crate::cli::print::Printer;
use crate::io::plans::Loaded;
use crate::plan::{Coverage, Lang, Verdict, coverage, rehearse};

/// Statements without a tested way that are listed; more are counted.
const SHOWN: usize = 40;

pub(super) fn run(plans: &[Loaded], wants_coverage: bool, verbose: bool, printer: &Printer) -> Exit {
    let lang = language();
    let mut results = Vec::new();
    let mut said = String::new();
    let mut good = true;
    for loaded in plans {
        let Some(program) = &loaded.program else {
            good = false;
            said += &text(loaded, lang);
            results.push(json!({ "files": loaded.files, "loads": false }));
            continue;
        };
        let verdicts = rehearse(program);
        good &= verdicts.iter().all(Verdict::passed);
        for verdict in &verdicts {
            tell(&mut said, verdict, verbose, lang);
        }
        let passed = verdicts.iter().filter(|verdict| verdict.passed()).count();
        let _ = writeln!(said, "{}: {passed} of {} tests passed", loaded.files.join(", "), verdicts.len());
        let covered = wants_coverage.then(|| coverage(program, &verdicts));
        if let Some(covered) = &covered {
            tell_coverage(&mut said, covered);
        }
        results.push(json!({
            "files": loaded.files,
            "loads": true,
            "tests": verdicts.iter().map(|verdict| value(verdict, lang)).collect::<Vec<_>>(),
            "coverage_percent": covered.as_ref().map(Coverage::percent),
        }));
    }
    printer.value(&results, |_| said);
    if good { Exit::Done } else { Exit::Findings }
}

fn tell(said: &mut String, verdict: &Verdict, verbose: bool, lang: Lang) {
    let word = if verdict.passed() { "ok    " } else { "FAILED" };
    let _ = writeln!(said, "{word} {}", verdict.name);
    for failure in &verdict.failures {
        let _ = writeln!(said, "       {}:{}: {}", verdict.file, failure.line, failure.said);
        let _ = writeln!(said, "         {}", failure.why(lang));
    }
    if verbose || !verdict.passed() {
        for run in &verdict.runs {
            for (at, line) in &run.lines {
                let _ = writeln!(said, "       {}", super::sim::line(*at, line));
            }
            let _ = writeln!(said, "       {:>9}  the call ends: {}", "", run.ended.word());
        }
    }
}

fn tell_coverage(said: &mut String, covered: &Coverage) {
    let _ = writeln!(said, "{} of {} ways gone: {} %", covered.gone, covered.all, covered.percent());
    for (file, line, text) in covered.missing.iter().take(SHOWN) {
        let _ = writeln!(said, "  not every way tested  {file}:{line}  {text}");
    }
    if covered.missing.len() > SHOWN {
        let _ = writeln!(said, "  … and {} more", covered.missing.len() - SHOWN);
    }
}

fn value(verdict: &Verdict, lang: Lang) -> Value {
    let failures = verdict
        .failures
        .iter()
        .map(|failure| json!({ "line": failure.line, "expected": &*failure.said, "why": failure.why(lang) }));
    json!({
        "name": &*verdict.name,
        "file": &*verdict.file,
        "line": verdict.line,
        "passed": verdict.passed(),
        "failures": failures.collect::<Vec<_>>(),
    })
}
