//! `verify`: a copy of a store, or a proof, checked on any machine with the ledger's public key: no configuration, no node,
//! no secret.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args;
use super::exit::{Exit, Stop};
use super::print::Printer;
use super::rec;
use crate::io::package;
use crate::io::store::{Depth, verify_copy};
use crate::vault::{Consistency, Inclusion, LedgerPublic};

pub(super) fn run(verify: &args::Verify, printer: &Printer) -> Result<Exit, Stop> {
    let text = read(&verify.key)?;
    let public = LedgerPublic::parse(&text).ok_or_else(|| {
        Stop::usage(format!(
            "{}: not a public key: 64 hexadecimal digits (suite gm: 130)",
            verify.key.display()
        ))
    })?;
    if package::is_package(&verify.what) {
        return packaged(&verify.what, &public, printer);
    }
    if verify.what.is_dir() { store(verify, &public, printer) } else { proof(&verify.what, &public, printer) }
}

fn packaged(folder: &Path, public: &LedgerPublic, printer: &Printer) -> Result<Exit, Stop> {
    let bar = ProgressBar::new_spinner();
    let report = package::verify_package(folder, public, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    let report = report.map_err(|error| Stop::failed(format!("{}: {error}", folder.display())))?;
    let clean = report.findings.is_empty();
    let result = json!({ "clean": clean, "report": report });
    printer.value(&result, |_| {
        let findings: String = report.findings.iter().map(|finding| format!("{finding}\n")).collect();
        let word = if clean { "whole" } else { "CHANGED" };
        format!("{findings}{word}: {} recordings, {} files\n", report.recordings, report.files)
    });
    Ok(if clean { Exit::Done } else { Exit::Findings })
}

fn read(path: &Path) -> Result<String, Stop> {
    std::fs::read_to_string(path).map_err(|error| Stop::usage(format!("{}: {error}", path.display())))
}

fn store(verify: &args::Verify, public: &LedgerPublic, printer: &Printer) -> Result<Exit, Stop> {
    let outside = verify.heads.as_deref().map(read).transpose()?.unwrap_or_default();
    let depth = if verify.index { Depth::Index } else { Depth::Content };
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} recordings, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let report = verify_copy(&verify.what, public, &outside, depth, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report.map_err(Stop::failed)?;
    let words: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let result = json!({ "clean": report.is_clean(), "report": report, "words": words });
    if outside.is_empty() {
        printer
            .note("no heads from outside: a store that was rewritten together with its own heads would pass");
    }
    Ok(rec::verified(&result, printer))
}

fn proof(path: &Path, public: &LedgerPublic, printer: &Printer) -> Result<Exit, Stop> {
    let text = read(path)?;
    let wrong = |error| Stop::usage(format!("{}: neither a folder nor a proof: {error}", path.display()));
    let value: Value = serde_json::from_str(&text).map_err(wrong)?;
    let result = match value.get("leaf") {
        Some(_) => {
            let proof: Inclusion = serde_json::from_value(value).map_err(wrong)?;
            proof.check(public).map(|(leaf, head)| {
                json!({ "holds": true, "leaf": leaf.number, "item": format!("{:?}", leaf.item),
                        "hash": crate::vault::hex(&leaf.hash), "len_bytes": leaf.len_bytes,
                        "appended": leaf.at.rfc3339(), "leaves": head.size, "signed": head.at.rfc3339() })
            })
        }
        None => {
            let proof: Consistency = serde_json::from_value(value).map_err(wrong)?;
            proof.check(public).map(|(from, to)| {
                json!({ "holds": true, "from": from.size, "to": to.size, "signed": to.at.rfc3339() })
            })
        }
    };
    let exit = if result.is_some() { Exit::Done } else { Exit::Findings };
    printer.value(&result.unwrap_or_else(|| json!({ "holds": false })), |result| match exit {
        Exit::Done => format!("the proof holds: {result}\n"),
        _ => "the proof DOES NOT HOLD under this key\n".to_string(),
    });
    Ok(exit)
}
