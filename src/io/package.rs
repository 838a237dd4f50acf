//! A package of exported recordings on any machine: what lies where in its folder, and whether nothing was changed.
//!
//! ```text
//! manifest.json        what it is, for whom, by whom; SHA-256 of items.jsonl
//! manifest.json.sig    Ed25519 over the manifest's SHA-256, by the ledger's key
//! items.jsonl          one JSON object a recording: its facts, its gaps, its files with their SHA-256
//! index.csv            the same for people, without the files
//! audio/ events/ vcon/ proofs/
//! ```
//!
//! Invariant: a package is read a line and a block at a time, however many recordings it holds; a name that leads out of
//! its folder is never opened.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::admin::export::{ExportFile, manifest_statement};
use crate::base::RecordingId;
use crate::vault::{Inclusion, Item, LedgerPublic, hex, unhex};

/// Names that every package has besides the files of its recordings.
pub const OWN: [&str; 4] = ["manifest.json", "manifest.json.sig", "items.jsonl", "index.csv"];

/// One recording's line.
#[derive(Debug, Deserialize)]
struct Line {
    id: RecordingId,
    files: Vec<ExportFile>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PackageReport {
    /// Recordings in it.
    pub recordings: u64,
    /// Files whose hashes were taken.
    pub files: u64,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

/// Whether `folder` looks like a package.
pub fn is_package(folder: &Path) -> bool {
    folder.join("manifest.json").is_file()
}

/// SHA-256 of a file, read in blocks, and its length.
///
/// # Errors
/// The file cannot be read.
pub fn hash_file(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut hash, mut block, mut len) = (File::open(path)?, Sha256::new(), [0; 16 << 10], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok((hex(&hash.finalize()), len)),
            count => {
                hash.update(block.get(..count).unwrap_or_default());
                len += count as u64;
            }
        }
    }
}

/// Checks the package in `folder` with the ledger's public key alone; `progress` gets the recordings so far.
///
/// # Errors
/// The folder cannot be read at all.
pub fn verify_package(
    folder: &Path,
    public: &LedgerPublic,
    progress: &mut dyn FnMut(u64),
) -> io::Result<PackageReport> {
    let mut report = PackageReport::default();
    let (manifest, _) = hash_file(&folder.join("manifest.json"))?;
    if !is_signed(folder, &manifest, public) {
        report.findings.push("manifest.json is not signed by this key".into());
    }
    let told: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?).unwrap_or_default();
    for (name, member) in [("items.jsonl", "items_sha256"), ("index.csv", "index_sha256")] {
        let (hash, _) = hash_file(&folder.join(name))?;
        if told[member] != hash.as_str() {
            report.findings.push(format!("{name} is not the one that the manifest names"));
        }
    }
    let mut known: BTreeSet<String> = OWN.iter().map(|name| name.to_string()).collect();
    for line in BufReader::new(File::open(folder.join("items.jsonl"))?).lines() {
        match serde_json::from_str::<Line>(&line?) {
            Ok(line) => check_line(folder, &line, public, &mut report, &mut known),
            Err(_) => report.findings.push("a line of items.jsonl is not understood".into()),
        }
        progress(report.recordings);
    }
    if told["count"] != report.recordings {
        report
            .findings
            .push(format!("{} recordings, the manifest says {}", report.recordings, told["count"]));
    }
    for name in strangers(folder, folder, &known)? {
        report.findings.push(format!("{name} does not belong to the package"));
    }
    Ok(report)
}

fn is_signed(folder: &Path, manifest: &str, public: &LedgerPublic) -> bool {
    let read = || {
        let signed: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json.sig")).ok()?).ok()?;
        unhex(signed["signature"].as_str()?)
    };
    read().is_some_and(|signature| public.holds_statement(&manifest_statement(manifest), &signature))
}

fn check_line(
    folder: &Path,
    line: &Line,
    public: &LedgerPublic,
    report: &mut PackageReport,
    known: &mut BTreeSet<String>,
) {
    report.recordings += 1;
    for file in &line.files {
        report.files += 1;
        known.insert(file.file.clone());
        let found = is_inside(&file.file).then(|| hash_file(&folder.join(&file.file)));
        match found {
            Some(Ok(found)) if found == (file.sha256.clone(), file.len) => {}
            Some(Ok(_)) => report.findings.push(format!("{} was changed", file.file)),
            Some(Err(error)) => report.findings.push(format!("{}: {error}", file.file)),
            None => report.findings.push(format!("{} leads out of the package", file.file)),
        }
    }
    if !is_proved(folder, line, public) {
        report.findings.push(format!("{}: no proof that the ledger holds it", line.id));
    }
}

fn is_proved(folder: &Path, line: &Line, public: &LedgerPublic) -> bool {
    let read = || {
        let text = fs::read(folder.join(format!("proofs/{}.json", line.id))).ok()?;
        serde_json::from_slice::<Inclusion>(&text).ok()?.check(public)
    };
    read().is_some_and(
        |(leaf, _)| matches!(leaf.item, Item::Recording { recording, .. } if recording == line.id),
    )
}

fn is_inside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Files that nothing names.
fn strangers(root: &Path, folder: &Path, known: &BTreeSet<String>) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(strangers(root, &path, known)?);
        } else if let Some(name) =
            path.strip_prefix(root).ok().map(|name| name.to_string_lossy().into_owned())
            && !known.contains(&name)
        {
            found.push(name);
        }
    }
    Ok(found)
}
