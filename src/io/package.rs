//! A package of exported recordings on any machine: what lies where in its folder, and whether nothing was changed.
//!
//! ```text
//! manifest.json        what it is, for whom, by whom; hashes of items.jsonl
//! manifest.json.sig    the signature over the manifest's hashes, by the ledger's key
//! items.jsonl          one JSON object a recording: its facts, its gaps, its files with their hashes
//! index.csv            the same for people, without the files
//! audio/ events/ vcon/ derived/ beside/ proofs/
//! ```
//!
//! Invariant: a package is read a line and a block at a time, however many recordings it holds; a name that leads out of
//! its folder is never opened.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::admin::export::{ExportFile, manifest_statement};
use crate::base::{ItemId, RecordingId};
use crate::vault::{Hash, Inclusion, Item, LedgerPublic, Suite, hex, unhex};

/// Names that every package has besides the files of its recordings.
pub const OWN: [&str; 4] = ["manifest.json", "manifest.json.sig", "items.jsonl", "index.csv"];

/// One recording's line.
#[derive(Debug, Deserialize)]
struct Line {
    id: RecordingId,
    files: Vec<ExportFile>,
    /// What was derived from it.
    #[serde(default)]
    derived: Vec<Derived>,
}

#[derive(Debug, Deserialize)]
struct Derived {
    item: ItemId,
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

/// What a file comes to: SHA-256, which everybody has a tool for, and under suite gm SM3 beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// SM3, 64 hexadecimal digits, of a store of suite gm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm3: Option<String>,
}

impl Hashes {
    /// Of `octets`, in a store of `suite`.
    pub fn of(suite: Suite, octets: &[u8]) -> Hashes {
        let sm3 = (suite == Suite::Gm).then(|| hex(&Suite::Gm.digest(octets)));
        Hashes { sha256: hex(&Suite::Intl.digest(octets)), sm3 }
    }

    /// Whether they look like hashes.
    pub fn is_sound(&self) -> bool {
        [Some(&self.sha256), self.sm3.as_ref()].into_iter().flatten().all(|text| unhex::<32>(text).is_some())
    }
}

/// The hashes of a file, read in blocks, and its length.
///
/// # Errors
/// The file cannot be read.
pub fn hash_file(suite: Suite, path: &Path) -> io::Result<(Hashes, u64)> {
    let (mut file, mut block, mut len) = (File::open(path)?, [0; 16 << 10], 0);
    let mut sha256 = Hash::new(Suite::Intl);
    let mut sm3 = (suite == Suite::Gm).then(|| Hash::new(Suite::Gm));
    loop {
        let count = file.read(&mut block)?;
        let read = block.get(..count).unwrap_or_default();
        sha256.update(read);
        if let Some(sm3) = &mut sm3 {
            sm3.update(read);
        }
        len += count as u64;
        if count == 0 {
            let sm3 = sm3.map(|hash| hex(&hash.finish()));
            return Ok((Hashes { sha256: hex(&sha256.finish()), sm3 }, len));
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
    let suite = public.suite();
    let (manifest, _) = hash_file(suite, &folder.join("manifest.json"))?;
    if !is_signed(folder, &manifest, public) {
        report.findings.push("manifest.json is not signed by this key".into());
    }
    let told: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?).unwrap_or_default();
    for (name, member) in [("items.jsonl", "items"), ("index.csv", "index")] {
        let (hashes, _) = hash_file(suite, &folder.join(name))?;
        let sm3 = hashes.sm3.as_deref().is_none_or(|sm3| told[format!("{member}_sm3")] == sm3);
        if !sm3 || told[format!("{member}_sha256")] != hashes.sha256.as_str() {
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

fn is_signed(folder: &Path, manifest: &Hashes, public: &LedgerPublic) -> bool {
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
        let found = is_inside(&file.file).then(|| hash_file(public.suite(), &folder.join(&file.file)));
        match found {
            Some(Ok(found)) if found == (file.hashes.clone(), file.len) => {}
            Some(Ok(_)) => report.findings.push(format!("{} was changed", file.file)),
            Some(Err(error)) => report.findings.push(format!("{}: {error}", file.file)),
            None => report.findings.push(format!("{} leads out of the package", file.file)),
        }
    }
    let recording = |item| matches!(item, Item::Recording { recording, .. } if recording == line.id);
    if !is_proved(folder, &line.id.to_string(), public, &recording) {
        report.findings.push(format!("{}: no proof that the ledger holds it", line.id));
    }
    for Derived { item } in &line.derived {
        let of = |found| found == Item::Derived { item: *item, recording: line.id };
        if !is_proved(folder, &item.to_string(), public, &of) {
            report.findings.push(format!("{item} of {}: no proof that the ledger holds it", line.id));
        }
    }
}

/// Whether the proof of this name proves what is `wanted`.
fn is_proved(folder: &Path, name: &str, public: &LedgerPublic, wanted: &dyn Fn(Item) -> bool) -> bool {
    let read = || {
        let text = fs::read(folder.join(format!("proofs/{name}.json"))).ok()?;
        serde_json::from_slice::<Inclusion>(&text).ok()?.check(public)
    };
    read().is_some_and(|(leaf, _)| wanted(leaf.item))
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
