//! `rec`: recordings, on a node that runs or not.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::export;
use super::keep;
use super::print::{Printer, clock_time, or_dash, table};
use super::upload;
use crate::call::{REVIEW, Transcript};
use crate::io::admin::keeping::KeepAct;
use crate::io::admin::protocol::{Act, Purpose, Search};
use crate::io::admin::{CaptureView, RecordingView, Reply, SoundView};
use crate::vault::{Form, Sound};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn run(rec: args::Rec, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match rec {
        args::Rec::Search(search) => find(&search, &mut node, printer),
        args::Rec::Show { id } => show(Act::RecShow { recording: id }, &mut node, printer),
        args::Rec::Reveal { id, purpose } => {
            show(Act::RecReveal { recording: id, reason: purpose }, &mut node, printer)
        }
        args::Rec::Transcript { id, purpose, reveal } => {
            transcript(Act::RecTranscript { recording: id, reason: purpose, reveal }, &mut node, printer)
        }
        args::Rec::Review { kind, from, until, limit } => {
            let tags = kind.iter().map(|kind| (format!("{REVIEW}.{kind}"), String::new())).collect();
            let (from, until) = (from.map(|at| at.0), until.map(|at| at.0));
            let search = Search { tags, from, until, limit: Some(limit), ..Search::default() };
            let found: Vec<Value> = node.items(Act::RecReview(search))?;
            printer.value(&found, |found| reviewed(found));
            Ok(if found.is_empty() { Exit::Done } else { Exit::Findings })
        }
        args::Rec::Play { id, to: Some(user), purpose, .. } => {
            let (purpose, reason, to) = (Purpose::Play, purpose, Some(user.clone()));
            let act = Act::RecPlay { recording: id, purpose, reason, beside: false, to };
            let begun: Value = node.value(act)?;
            printer.value(&begun, |begun| {
                let call = begun["call"].as_str().unwrap_or_default();
                let length = clock_time(begun["samples"].as_u64().unwrap_or(0) / 8);
                format!("{call} rings {user}; whoever answers hears {length}")
            });
            Ok(if begun["gaps"] == json!([]) { Exit::Done } else { Exit::Findings })
        }
        args::Rec::Play { id, output, purpose, to: None } => {
            let beside = output.as_deref().and_then(Path::extension).is_some_and(|ending| ending == "pcap");
            let act =
                Act::RecPlay { recording: id, purpose: Purpose::Play, reason: purpose, beside, to: None };
            if let (true, Some(output)) = (beside, &output) {
                return pictures(act, output, &mut node, printer);
            }
            play(act, output.as_deref(), &mut node, printer)
        }
        args::Rec::Item { id, item, output, purpose } => {
            let act = Act::RecItem { recording: id, item, reason: purpose };
            derived(act, &output, &mut node, printer)
        }
        args::Rec::Redact { id, cuts, why, purpose } => {
            let made: Value = node.value(Act::RecRedact { recording: id, cuts, why, reason: purpose })?;
            printer.value(&made, |made| {
                let item = made["item"].as_str().unwrap_or_default();
                format!("{item} is a copy of {id} with {} spans cut out; {id} stays as it is\n", made["cuts"])
            });
            Ok(Exit::Done)
        }
        args::Rec::Verify { id, day, index } => {
            let between = day.map(|day| (day.0, day.0 + DAY));
            let result = node.value(Act::RecVerify { recording: id, between, index })?;
            Ok(verified(&result, printer))
        }
        args::Rec::Retention(retention) => keep::retention(retention, &mut node, printer),
        args::Rec::Anchor(anchor) => keep::anchor(anchor, &mut node, printer),
        args::Rec::Erase { id, reason } => {
            keep::done(KeepAct::Erase(crate::vault::Erasure { recording: id, reason }), &mut node, printer)
        }
        args::Rec::Destroy(destroy) => keep::destroy(destroy, &mut node, printer),
        args::Rec::Prove { id } => {
            let proof: Value = node.value(Act::RecProve { recording: id })?;
            printer.value(&proof, |proof| format!("{proof:#}\n"));
            Ok(Exit::Done)
        }
        args::Rec::Export(order) => export::run(&order, &mut node, printer),
        args::Rec::Upload { package, to, token_stdin } => {
            upload::run((&package, &to, token_stdin), &config, &mut node, printer)
        }
        args::Rec::Reindex => {
            let done: Value = node.value(Act::RecReindex)?;
            printer.value(&done, |done| format!("the index holds {} leaves of the ledger", done["indexed"]));
            Ok(Exit::Done)
        }
    }
}

fn find(args: &args::Search, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let search = Search {
        number: args.number.clone(),
        name: args.name.clone(),
        tail: args.tail.clone(),
        agent: args.agent.clone(),
        queue: args.queue.clone(),
        tags: args
            .tags
            .iter()
            .cloned()
            .chain(args.case.iter().map(|case| ("case".into(), case.clone())))
            .collect(),
        least_ms: args.longer.map(|s| s.saturating_mul(1_000)),
        most_ms: args.shorter.map(|s| s.saturating_mul(1_000)),
        from: args.from.map(|moment| moment.0),
        until: args.until.map(|moment| moment.0),
        limit: Some(args.limit),
        said: args.said.clone(),
        purpose: args.purpose.clone(),
    };
    let found: Vec<Value> = node.items(Act::RecSearch(search))?;
    printer.value(&found, |found| list(found));
    Ok(Exit::Done)
}

fn list(found: &[Value]) -> String {
    let told = |one: &Value| {
        let view = serde_json::from_value::<RecordingView>(one.clone()).ok()?;
        let parties = [view.parties.join(", "), said_at(one)];
        Some([
            view.recording.to_string(),
            view.began,
            view.duration_ms.map_or_else(|| "runs".to_string(), clock_time),
            view.caller,
            view.dialled,
            parties.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
        ])
    };
    let rows: Vec<[String; 6]> = found.iter().filter_map(told).collect();
    table(["RECORDING", "BEGAN", "LENGTH", "CALLER", "DIALLED", "PARTIES"], &rows)
}

/// Who said what was looked for, and when: `said by the customer at 0:01`.
fn said_at(found: &Value) -> String {
    let told = |place: &Value| {
        let who = if place["agent"] == json!(true) { "agent" } else { "customer" };
        format!("the {who} at {}", clock_time(place["from_ms"].as_u64().unwrap_or_default()))
    };
    let places: Vec<String> = found["said"].as_array().into_iter().flatten().map(told).collect();
    if places.is_empty() { String::new() } else { format!("said by {}", places.join(", ")) }
}

/// What was said, a line a text.
fn transcript(act: Act, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let transcript: Transcript = node.value(act)?;
    printer.value(&transcript, |it| {
        let mut text = format!("{} {} {}\n", it.recording, it.call, it.began.rfc3339());
        for line in &it.lines {
            let who = if line.agent { "agent" } else { "customer" };
            text += &format!("{:>8}  {who:<9} {}\n", clock_time(line.from_ms), line.text);
        }
        it.words.iter().filter(|spoken| !spoken.withdrawn).for_each(|spoken| {
            let excused = if spoken.excused { ", excused" } else { "" };
            let at = clock_time(spoken.from_ms);
            text += &format!(
                "{at:>8}  words     \"{}\" of {} {}{excused}\n",
                spoken.phrase, spoken.set, spoken.version
            );
        });
        it.findings.iter().for_each(|finding| text += &format!("{:>8}  {finding}\n", ""));
        if it.cut {
            text += "more was said than is kept\n";
        }
        text
    });
    Ok(Exit::Done)
}

fn reviewed(found: &[Value]) -> String {
    let told = |one: &Value| {
        let view = serde_json::from_value::<RecordingView>(one.clone()).ok()?;
        let words = one["words"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let words: Vec<&str> = words.map(|word| word.strip_prefix("finding: ").unwrap_or(word)).collect();
        let length = view.duration_ms.map_or_else(|| "runs".to_string(), clock_time);
        Some([view.recording.to_string(), view.began, length, view.parties.join(", "), words.join("; ")])
    };
    let rows: Vec<[String; 5]> = found.iter().filter_map(told).collect();
    table(["RECORDING", "BEGAN", "LENGTH", "PARTIES", "FINDINGS"], &rows)
}

fn show(act: Act, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let record: Value = node.value(act)?;
    printer.value(&record, record_text);
    Ok(Exit::Done)
}

fn record_text(record: &Value) -> String {
    let Ok(view) = serde_json::from_value::<RecordingView>(record.clone()) else { return record.to_string() };
    let mut text = format!(
        "Recording  {}\nCall       {}\nBegan      {}\nLength     {}\nEnded      {}\nCaller     {}\nDialled    {}\n\
         Parties    {}\nRoute      {}\nRetention  {}\nLedger     leaf {}\nFile       {} bytes, {} packets, {} chunks, key version {}\n\n",
        view.recording,
        view.call,
        view.began,
        view.duration_ms.map_or_else(|| "runs".to_string(), clock_time),
        or_dash(record["ended"].as_str()),
        view.caller,
        view.dialled,
        view.parties.join(", "),
        or_dash(view.route),
        or_dash(view.retention),
        or_dash(view.leaf),
        view.len_bytes,
        view.packets,
        record["chunks"],
        record["kek_version"],
    );
    for event in record["events"].as_array().into_iter().flatten() {
        let offset_ms = event["offset_us"].as_u64().unwrap_or(0) / 1_000;
        let fields = event
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !matches!(key.as_str(), "offset_us" | "event"));
        let fields: String = fields.map(|(key, value)| format!("  {key} {value}")).collect();
        let name = event["event"].as_str().unwrap_or_default();
        text += &format!("{:>6}.{:03}  {name:<14}{fields}\n", offset_ms / 1_000, offset_ms % 1_000);
    }
    for item in record["derived"].as_array().into_iter().flatten() {
        let word = |name: &str| item[name].as_str().unwrap_or_default();
        text += &format!(
            "\nDerived    {}  {}, {}, by {}\n",
            word("item"),
            word("kind"),
            word("made"),
            word("by")
        );
    }
    text
}

fn play(act: Act, output: Option<&Path>, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let sound = match output {
        Some(path) if path == Path::new("-") => receive(act, node, &mut io::stdout().lock())?,
        Some(path) if Form::of(path) != Form::Wav => compressed(act, node, path)?,
        Some(path) => receive(act, node, &mut Later { path, file: None })?,
        None => aloud(act, node)?,
    };
    if output != Some(Path::new("-")) {
        printer.value(&sound, |sound| {
            let length = clock_time(sound.samples / 8);
            format!("{length} of stereo: left the caller, right the far side{}", gaps(sound))
        });
    }
    Ok(if sound.gaps.is_empty() { Exit::Done } else { Exit::Findings })
}

/// An item derived from a recording, into a file.
fn derived(act: Act, path: &Path, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let mut later = Later { path, file: None };
    let mut out: Box<dyn Write> =
        if path == Path::new("-") { Box::new(io::stdout().lock()) } else { Box::new(&mut later) };
    let mut written = Ok(());
    let told = node.act(act, &mut |reply| {
        if let Reply::Octets(octets) = reply {
            written = out.write_all(&octets);
        }
        written.is_ok()
    })?;
    written.and_then(|()| out.flush()).map_err(Stop::failed)?;
    if path != Path::new("-") {
        printer.value(&told, |told| {
            let kind = told["kind"].as_str().unwrap_or_default();
            format!(
                "{kind}, {}, {} octets\n",
                told["media_type"].as_str().unwrap_or_default(),
                told["len_bytes"]
            )
        });
    }
    Ok(Exit::Done)
}

/// Video and fax, into a capture file.
fn pictures(act: Act, path: &Path, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let mut file = Later { path, file: None };
    let mut written = Ok(());
    let told = node.act(act, &mut |reply| {
        if let Reply::Octets(octets) = reply {
            written = file.write_all(&octets);
        }
        written.is_ok()
    })?;
    written.and_then(|()| file.flush()).map_err(Stop::failed)?;
    let told: CaptureView = serde_json::from_value(told).map_err(Stop::failed)?;
    if told.packets == 0 {
        return Err(Stop::failed("this recording has neither video nor fax"));
    }
    printer.value(&told, |told| {
        let gaps: String = told.gaps.iter().map(|gap| format!("\nmissing: {gap}")).collect();
        format!("{} packets of video and fax, for a protocol analyser{gaps}", told.packets)
    });
    Ok(if told.gaps.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Into a FLAC or Opus file. The sound in clear lies in memory only until it is one.
fn compressed(act: Act, node: &mut Node, path: &Path) -> Result<SoundView, Stop> {
    let mut wav = Vec::new();
    let view = receive(act, node, &mut wav)?;
    let mut reader = hound::WavReader::new(wav.as_slice()).map_err(Stop::failed)?;
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().map_err(Stop::failed)?;
    let track = |n: usize| samples.iter().skip(n).step_by(2).copied().collect();
    let sound = Sound { left: track(0), right: track(1), undecodable: Vec::new() };
    let octets =
        Form::of(path).compressed(&sound).ok_or_else(|| Stop::failed("there is no sound to write"))?;
    let mut file = Later { path, file: None };
    file.write_all(&octets).and_then(|()| file.flush()).map_err(Stop::failed)?;
    Ok(view)
}

fn gaps(sound: &SoundView) -> String {
    sound.gaps.iter().map(|gap| format!("\nmissing: {gap}")).collect()
}

/// Through the loudspeaker, where there is a program for it.
fn aloud(act: Act, node: &mut Node) -> Result<SoundView, Stop> {
    let mut player = Program::new("aplay")
        .args(["-q", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| Stop::failed(format!("aplay: {error}; write a file instead: -o FILE")))?;
    let sound = match player.stdin.take() {
        Some(mut pipe) => receive(act, node, &mut pipe),
        None => Err(Stop::failed("aplay takes no input")),
    };
    player.wait().map_err(Stop::failed)?;
    sound
}

/// Writes the sound that `act` yields to `to`.
fn receive(act: Act, node: &mut Node, to: &mut dyn Write) -> Result<SoundView, Stop> {
    let mut written = Ok(());
    let value = node.act(act, &mut |reply| {
        if let Reply::Octets(octets) = reply {
            written = to.write_all(&octets);
        }
        written.is_ok()
    })?;
    written.and_then(|()| to.flush()).map_err(Stop::failed)?;
    serde_json::from_value(value).map_err(Stop::failed)
}

/// A file that is made when there is something to write: a refusal leaves none behind.
struct Later<'p> {
    path: &'p Path,
    file: Option<File>,
}

impl Write for Later<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(self.path).map_err(io::Error::other)?),
        };
        file.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

fn create(path: &Path) -> Result<File, Stop> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
}

/// Prints what a verification found.
pub(super) fn verified(result: &Value, printer: &Printer) -> Exit {
    let clean = result["clean"] == json!(true);
    printer.value(result, |result| {
        let report = &result["report"];
        let findings: String = result["words"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|line| format!("{line}\n"))
            .collect();
        let ended = report["ended"].as_array().into_iter().flatten();
        let crashed: String = ended
            .filter(|pair| pair[1] == json!("by_crash"))
            .map(|pair| {
                format!("{}: ended by crash; whole until then\n", pair[0].as_str().unwrap_or_default())
            })
            .collect();
        format!(
            "{findings}{crashed}{}: {} recordings, {} derived items, {} call records, {} entries, {} destroyed, {} leaves, {} signed heads\n",
            if clean { "whole" } else { "DAMAGED" },
            report["recordings"],
            report["derived"],
            report["cdrs"],
            report["entries"],
            report["destroyed"],
            report["leaves"],
            report["heads"],
        )
    });
    if clean { Exit::Done } else { Exit::Findings }
}
