//! `words calibrate`: a site's own recordings against its phrases, and the thresholds that they suggest.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{sets, unreadable};
use crate::cli::args;
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::{Printer, table};
use crate::io::recognise::built_in;
use crate::media;
use crate::speech::spotter::calibrate::{Calibration, Suggested, written};

/// What is printed.
#[derive(Debug, Serialize)]
struct Told {
    recordings: usize,
    minutes: f64,
    /// Recordings that could not be used, and why.
    left_out: Vec<String>,
    /// Phrases of which something cannot be listened for.
    inaudible: Vec<String>,
    phrases: Vec<Row>,
}

/// One text.
#[derive(Debug, Serialize)]
struct Row {
    text: String,
    said: usize,
    heard: usize,
    wrongly: usize,
    would: usize,
    usual: f32,
    threshold: f32,
}

pub(super) fn run(asked: &args::Calibrate, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let words = sets(&asked.from, config)?;
    let model = built_in(asked.weights.as_deref()).map_err(|error| Stop::usage(error.to_string()))?;
    let mut calibration = Calibration::new(model, &words);
    let (mut recordings, mut left_out) = (0, Vec::new());
    for path in recordings_in(&asked.folder)? {
        match recording(&path) {
            Ok((samples, text)) => {
                calibration.add(&samples, &text);
                recordings += 1;
            }
            Err(why) => left_out.push(format!("{}: {why}", path.display())),
        }
    }
    if recordings == 0 {
        return Err(Stop::usage(format!("{}: there is no recording (*.wav)", asked.folder.display())));
    }
    let suggested = calibration.suggested();
    if let Some(out) = &asked.out {
        std::fs::write(out, written(&suggested)).map_err(|error| unreadable(out, &error))?;
    }
    let told = Told {
        recordings,
        minutes: calibration.ms() as f64 / 60_000.0,
        left_out,
        inaudible: words
            .inaudible(crate::compliance::words::Party::Any)
            .iter()
            .map(|one| one.to_string())
            .collect(),
        phrases: suggested.into_iter().map(Row::of).collect(),
    };
    printer.value(&told, Told::text);
    Ok(Exit::Done)
}

/// The recordings of a folder, in the order of their names.
fn recordings_in(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A recording and what is said in it: the text beside it, or nothing that is watched for.
fn recording(path: &Path) -> Result<(Vec<i16>, String), String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    let samples = media::read_wav(&file).map_err(|error| error.to_string())?;
    match std::fs::read_to_string(path.with_extension("txt")) {
        Ok(text) => Ok((samples, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((samples, String::new())),
        Err(error) => Err(error.to_string()),
    }
}

impl Row {
    fn of(one: Suggested) -> Row {
        let Suggested { text, said, heard, wrongly, would, usual, threshold } = one;
        let hundredths = |number: f32| (number * 100.0).round() / 100.0;
        Row { text, said, heard, wrongly, would, usual: hundredths(usual), threshold: hundredths(threshold) }
    }

    fn cells(&self) -> [String; 7] {
        [
            self.text.clone(),
            self.said.to_string(),
            self.heard.to_string(),
            self.wrongly.to_string(),
            format!("{:.2}", self.usual),
            self.would.to_string(),
            format!("{:.2}", self.threshold),
        ]
    }
}

impl Told {
    fn text(&self) -> String {
        let rows: Vec<[String; 7]> = self.phrases.iter().map(Row::cells).collect();
        let mut text =
            table(["PHRASE", "SAID", "HEARD", "WRONGLY", "USUALLY", "WOULD HEAR", "SUGGESTED"], &rows);
        let all = |count: fn(&Row) -> usize| self.phrases.iter().map(count).sum::<usize>();
        let (said, heard, wrongly) = (all(|row| row.said), all(|row| row.heard), all(|row| row.wrongly));
        text += &format!(
            "{} recordings, {:.1} minutes: {heard} of {said} heard and {wrongly} wrongly with the usual thresholds, {} of {said} with those suggested\n",
            self.recordings,
            self.minutes,
            all(|row| row.would),
        );
        for why in &self.left_out {
            text += &format!("left out: {why}\n");
        }
        for phrase in &self.inaudible {
            text += &format!("cannot be listened for: {phrase}\n");
        }
        text
    }
}
