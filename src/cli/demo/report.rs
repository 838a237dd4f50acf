//! What held and what did not: said as it is found, summed up at the end.

use std::fs::File;
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::heard::{Heard, level, share_at};
use super::house::House;
use super::phone::Phone;
use super::{HOTLINE, TONES};
use crate::call::ladder::ladder;
use crate::call::trace::Entry;
use crate::cli::door::Node;
use crate::cli::exit::Exit;
use crate::cli::print::{Printer, table};
use crate::io::admin::protocol::{Act, Purpose, Search};
use crate::io::admin::{RecordingView, Reply};

/// How long a closed recording may take to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(5);

/// The least share of a tone that counts as hearing it, and the most of the other that counts as not.
const CLEAR: (f64, f64) = (0.9, 0.02);

/// One check: what, whether, and what was measured.
struct Check {
    what: String,
    held: bool,
    measured: String,
}

/// Everything that was checked and measured.
pub struct Report {
    printer: Printer,
    checks: Vec<Check>,
    measured: Vec<[String; 6]>,
    entries: Vec<Entry>,
    recording: Option<RecordingView>,
}

impl Report {
    /// Nothing is checked yet.
    pub fn new(printer: Printer) -> Report {
        Report { printer, checks: Vec::new(), measured: Vec::new(), entries: Vec::new(), recording: None }
    }

    /// Notes a check and says it.
    pub fn check(&mut self, what: &str, outcome: Result<String, String>) {
        let held = outcome.is_ok();
        let measured = outcome.unwrap_or_else(|why| why);
        if !self.printer.is_json() {
            let mark = if held { "ok  " } else { "FAIL" };
            let more = if measured.is_empty() { String::new() } else { format!(": {measured}") };
            self.printer.item(&Value::Null, |_| format!("{mark}  {what}{more}"));
        }
        self.checks.push(Check { what: what.to_string(), held, measured });
    }

    /// Checks that `samples` are the tone of `wanted` Hz and not that of `other`.
    pub fn tone(&mut self, what: &str, samples: &[i16], wanted: f64, other: f64) {
        let (share, leak) = (share_at(samples, wanted), share_at(samples, other));
        let text = format!(
            "{:.1} % of the energy at {wanted} Hz, {:.1} % at {other} Hz, level {:.0}",
            share * 100.0,
            leak * 100.0,
            level(samples)
        );
        let clear = share >= CLEAR.0 && leak <= CLEAR.1 && level(samples) > 500.0;
        self.check(what, if clear { Ok(text) } else { Err(text) });
    }

    /// Takes the phones' counts, and ends the phones.
    pub fn phones(&mut self, alice: Phone, bob: Phone) {
        let mut counts = |name: &str, phone: Phone| {
            let (packets, lost, jitter_us) = {
                let heard: &Heard = &phone.heard();
                (heard.packets(), heard.lost(), heard.jitter_us())
            };
            let sent = phone.quit();
            let loss = 100.0 * lost as f64 / (packets + lost).max(1) as f64;
            self.measured.push([
                name.to_string(),
                sent.to_string(),
                packets.to_string(),
                lost.to_string(),
                format!("{loss:.2} %"),
                format!("{:.1} ms", f64::from(jitter_us) / 1_000.0),
            ]);
            (packets, lost)
        };
        let heard = [counts("alice", alice), counts("bob", bob)];
        let few = heard.iter().all(|(packets, lost)| *packets > 100 && lost * 100 <= *packets);
        let text =
            format!("{} and {} packets, {} and {} lost", heard[0].0, heard[1].0, heard[0].1, heard[1].1);
        self.check(
            "packets arrived both ways, at most one in a hundred lost",
            if few { Ok(text) } else { Err(text) },
        );
    }

    /// Finds the recording by number, verifies it, decrypts it, and asks why the call went as it did.
    ///
    /// # Errors
    /// What did not work at all.
    pub fn examine(&mut self, house: &House) -> Result<(), String> {
        let mut node = house.node().map_err(|stop| stop.text)?;
        let found = find(&mut node)?;
        self.check(&format!("the recording is found by number {HOTLINE}"), Ok(found.recording.to_string()));
        let verified: Value = node
            .value(Act::RecVerify { recording: Some(found.recording), between: None, index: false })
            .map_err(|stop| stop.text)?;
        let words = verified["words"].to_string();
        let clean = verified["clean"] == json!(true);
        self.check(
            "the recording is whole and in the ledger",
            if clean { Ok(String::new()) } else { Err(words) },
        );
        let mut listening = house.listening().map_err(|stop| stop.text)?;
        let (left, right) = self.decrypt(house, &mut listening, &found)?;
        let tail = |track: &[i16]| {
            track[track.len().saturating_sub(8 * 2_500)..track.len().saturating_sub(8 * 500)].to_vec()
        };
        self.tone("the caller's track holds alice's tone", &tail(&left), TONES.0, TONES.1);
        self.tone("the far side's track holds bob's tone", &tail(&right), TONES.1, TONES.0);
        self.entries = node.value(Act::Trace { call: found.call }).map_err(|stop| stop.text)?;
        self.recording = Some(found);
        Ok(())
    }

    /// The recording as `recording.wav` in the demo's folder, and its two tracks.
    fn decrypt(
        &mut self,
        house: &House,
        node: &mut Node,
        found: &RecordingView,
    ) -> Result<(Vec<i16>, Vec<i16>), String> {
        let mut wav = Vec::new();
        let reason = Some("the demo".to_string());
        let act = Act::RecPlay {
            recording: found.recording,
            purpose: Purpose::Play,
            reason,
            beside: false,
            to: None,
        };
        node.act(act, &mut |reply| {
            if let Reply::Octets(octets) = reply {
                wav.extend(octets);
            }
            true
        })
        .map_err(|stop| stop.text)?;
        let path = house.folder.join("recording.wav");
        File::create(&path).and_then(|mut file| file.write_all(&wav)).map_err(|error| error.to_string())?;
        let mut reader = hound::WavReader::new(wav.as_slice()).map_err(|error| error.to_string())?;
        let samples: Vec<i16> = reader.samples::<i16>().flatten().collect();
        let track = |n: usize| samples.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
        let (left, right) = (track(0), track(1));
        let seconds = left.len() as f64 / 8_000.0;
        self.check("the recording is decrypted to WAV", Ok(format!("{seconds:.1} s of stereo")));
        Ok((left, right))
    }

    /// Prints the call's ladder, what was measured and where the files are.
    pub fn finish(&self, house: &House) -> Exit {
        let held = self.checks.iter().all(|check| check.held);
        let result = json!({
            "held": held,
            "checks": self.checks.iter().map(|check| json!({ "what": check.what, "held": check.held, "measured": check.measured })).collect::<Vec<_>>(),
            "phones": self.measured,
            "recording": self.recording,
            "trace": self.entries,
            "folder": house.folder,
            "listener": { "name": house.listener.name, "password": house.listener.password.expose() },
        });
        self.printer.value(&result, |_| self.text(house, held));
        if held { Exit::Done } else { Exit::Findings }
    }

    fn text(&self, house: &House, held: bool) -> String {
        let mut text = format!("\n{}\n", ladder(&self.entries));
        text += &table(["PHONE", "SENT", "HEARD", "LOST", "LOSS", "JITTER (MOST)"], &self.measured);
        let folder = house.folder.display();
        text += &format!("\nFolder         {folder}\n");
        if let Some(recording) = &self.recording {
            text += &format!(
                "Decrypted      {folder}/recording.wav\nLook yourself  ledgerline --config {folder}/ledgerline.toml rec show {}\n               ledgerline --config {folder}/ledgerline.toml call explain {}\n",
                recording.recording, recording.call
            );
            let listener = &house.listener;
            text += &format!(
                "Listen         ledgerline --config {folder}/ledgerline.toml login {}   (password {})\n               ledgerline --config {folder}/ledgerline.toml rec play {} -o again.wav --purpose \"trying it out\"\n",
                listener.name,
                listener.password.expose(),
                recording.recording
            );
        }
        let failed = self.checks.iter().filter(|check| !check.held).count();
        text += &match held {
            true => format!("\nAll {} checks held.\n", self.checks.len()),
            false => format!("\n{failed} of {} checks FAILED.\n", self.checks.len()),
        };
        text
    }
}

/// The recording of the call, once it is closed.
fn find(node: &mut Node) -> Result<RecordingView, String> {
    let give_up = Instant::now() + FOUND_WITHIN;
    loop {
        let search = Search { number: Some(HOTLINE.to_string()), ..Search::default() };
        let found: Vec<RecordingView> = node.items(Act::RecSearch(search)).map_err(|stop| stop.text)?;
        if let Some(recording) = found.into_iter().find(|view| view.leaf.is_some()) {
            return Ok(recording);
        }
        if Instant::now() > give_up {
            return Err(format!("no closed recording is found by number {HOTLINE}"));
        }
        sleep(Duration::from_millis(100));
    }
}
