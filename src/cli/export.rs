//! `rec export`: a package for whoever may have it, written some recordings at a time and taken up again where it stopped.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args;
use super::door::Node;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::base::{RecordingId, Wall, bounds};
use crate::io::admin::Reply;
use crate::io::admin::export::{ExportAct, ExportBegun, ExportFile, ExportOrder};
use crate::io::admin::protocol::{Act, Search};
use crate::io::clock::wall;
use crate::io::package::hash_file;
use crate::vault::Recipient;

pub(super) fn run(args: &args::Export, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let search = Search {
        number: args.number.clone(),
        from: args.from.map(|moment| moment.0),
        until: args.until.map(|moment| moment.0),
        tags: if args.all_of_case { vec![("case".into(), args.case.clone())] } else { Vec::new() },
        ..Search::default()
    };
    let order = ExportOrder {
        recordings: args.ids.clone(),
        search: (search != Search::default()).then_some(search),
        case: args.case.clone(),
        purpose: args.purpose.clone(),
        recipient: args.recipient.as_ref().map(fs::read_to_string).transpose().map_err(Stop::usage)?,
        sound: args.sound(),
        redacted: args.redacted,
    };
    let begun: ExportBegun = node.value(Act::Export(ExportAct::Begin(Box::new(order.clone()))))?;
    let folder = Folder::open(&args.output)?;
    let done = folder.done()?;
    let bar = ProgressBar::new(begun.recordings.len() as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} recordings, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let left: Vec<RecordingId> = begun.recordings.iter().copied().filter(|id| !done.contains(id)).collect();
    bar.inc(done.len() as u64);
    for some in left.chunks(bounds::EXPORT_AT_ONCE) {
        folder.take(&begun, some, node)?;
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    let manifest = folder.finish(&begun, &order, wall(), node)?;
    printer.value(&manifest, |manifest| {
        format!(
            "{}: {} recordings\nmanifest  sha256 {}\nCheck it anywhere: ledgerline verify {} --key ledger.pub\n",
            args.output.display(),
            manifest["count"],
            manifest["sha256"].as_str().unwrap_or_default(),
            args.output.display()
        )
    });
    Ok(Exit::Done)
}

/// The package's folder.
struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new folder, or one where a package was begun.
    fn open(path: &Path) -> Result<Folder, Stop> {
        let at = |error: io::Error| Stop::failed(format!("{}: {error}", path.display()));
        if path.exists()
            && !path.join("items.jsonl").exists()
            && fs::read_dir(path).map_err(at)?.next().is_some()
        {
            return Err(Stop::refused(format!("{} is not empty and no package", path.display())));
        }
        for folder in ["", "audio", "beside", "derived", "events", "vcon", "proofs"] {
            DirBuilder::new().recursive(true).mode(0o700).create(path.join(folder)).map_err(at)?;
        }
        Ok(Folder { path: path.to_path_buf() })
    }

    /// The recordings that are in it already. A line that a crash cut is cut off.
    fn done(&self) -> Result<BTreeSet<RecordingId>, Stop> {
        let path = self.path.join("items.jsonl");
        let Ok(file) = File::open(&path) else { return Ok(BTreeSet::new()) };
        let (mut done, mut whole) = (BTreeSet::new(), 0);
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        while reader.read_line(&mut line).map_err(Stop::failed)? > 0 && line.ends_with('\n') {
            let item: Value = serde_json::from_str(&line).map_err(Stop::failed)?;
            done.extend(item["id"].as_str().and_then(|id| id.parse::<RecordingId>().ok()));
            whole += line.len() as u64;
            line.clear();
        }
        let file = OpenOptions::new().write(true).open(&path).map_err(Stop::failed)?;
        file.set_len(whole).map_err(Stop::failed)?;
        Ok(done)
    }

    /// Takes some recordings in: their files first, and when those are durable, their lines.
    fn take(&self, begun: &ExportBegun, some: &[RecordingId], node: &mut Node) -> Result<(), Stop> {
        let (mut file, mut trouble): (Option<File>, io::Result<()>) = (None, Ok(()));
        let mut lines = String::new();
        let act = Act::Export(ExportAct::Items { motion: begun.motion, recordings: some.to_vec() });
        let done = node.act(act, &mut |reply| {
            trouble = match reply {
                Reply::Item(value) => match value.get("taken") {
                    Some(line) => {
                        lines += &format!("{line}\n");
                        Ok(())
                    }
                    None => self.begin_file(&value).map(|made| file = Some(made)),
                },
                Reply::Octets(octets) => match &mut file {
                    Some(file) => file.write_all(&octets),
                    None => Err(io::ErrorKind::InvalidData.into()),
                },
            };
            trouble.is_ok()
        });
        self.note(&lines).map_err(Stop::failed)?;
        trouble.map_err(Stop::failed)?;
        done.map(drop)
    }

    /// Appends the lines of recordings whose files are there, once those are durable: one sync for all of them.
    fn note(&self, lines: &str) -> io::Result<()> {
        rustix::fs::syncfs(File::open(&self.path)?)?;
        let mut file = private().append(true).create(true).open(self.path.join("items.jsonl"))?;
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }

    fn begin_file(&self, told: &Value) -> io::Result<File> {
        let told: ExportFile = serde_json::from_value(told.clone())?;
        let name = Path::new(&told.file);
        if name.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        private().write(true).create(true).truncate(true).open(self.path.join(name))
    }

    /// Index, manifest and signature.
    fn finish(
        &self,
        begun: &ExportBegun,
        order: &ExportOrder,
        now: Wall,
        node: &mut Node,
    ) -> Result<Value, Stop> {
        self.index().map_err(Stop::failed)?;
        let hash = |name: &str| hash_file(begun.suite, &self.path.join(name)).map_err(Stop::failed);
        let ((items, _), (index, _)) = (hash("items.jsonl")?, hash("index.csv")?);
        let mut manifest = json!({
            "format": "ledgerline-export/1", "case": order.case, "purpose": order.purpose, "created": now.rfc3339(),
            "requester": begun.requester, "approvers": begun.approvers, "motion": begun.motion,
            "approved_sha256": begun.approved_sha256, "count": begun.recordings.len(),
            "encrypted": order.recipient.as_deref().and_then(Recipient::parse).map(|key| key.method()),
            "redacted": order.redacted,
            "items": "items.jsonl", "items_sha256": items.sha256, "index_sha256": index.sha256, "suite": begun.suite,
            "software": concat!("ledgerline ", env!("CARGO_PKG_VERSION")),
        });
        if let (Some(items), Some(index)) = (items.sm3, index.sm3) {
            (manifest["items_sm3"], manifest["index_sm3"]) = (items.into(), index.into());
        }
        let text = serde_json::to_string_pretty(&manifest).map_err(Stop::failed)? + "\n";
        let write = |name: &str, text: &str| {
            let mut file = private().write(true).create(true).truncate(true).open(self.path.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write("manifest.json", &text).map_err(Stop::failed)?;
        let (hashes, _) = hash("manifest.json")?;
        let sha256 = hashes.sha256.clone();
        let act = ExportAct::Seal { motion: begun.motion, hashes };
        let signed: Value = node.value(Act::Export(act))?;
        write("manifest.json.sig", &format!("{signed:#}\n")).map_err(Stop::failed)?;
        manifest["sha256"] = sha256.into();
        Ok(manifest)
    }

    /// The list for people: a line a recording, numbers masked.
    fn index(&self) -> Result<(), Box<dyn std::error::Error>> {
        let file = private().write(true).create(true).truncate(true).open(self.path.join("index.csv"))?;
        let mut to = csv::Writer::from_writer(file);
        to.write_record(["id", "call", "began", "seconds", "caller", "dialled", "leaf", "gaps", "audio"])?;
        for line in BufReader::new(File::open(self.path.join("items.jsonl"))?).lines() {
            let item: Value = serde_json::from_str(&line?)?;
            let text = |name: &str| match &item[name] {
                Value::String(text) => spread(text),
                other => other.to_string(),
            };
            let gaps = item["gaps"].as_array().map_or(0, Vec::len).to_string();
            let audio = item["files"][0]["file"].as_str().unwrap_or_default().to_string();
            let facts = ["id", "call", "began", "duration_s", "caller", "dialled", "leaf"].map(text);
            to.write_record(facts.into_iter().chain([gaps, audio]))?;
        }
        to.flush()?;
        Ok(())
    }
}

/// A cell that no spreadsheet takes for a formula.
fn spread(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_string() }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
