//! `words`: sensitive words in a text, what a phrase finds, and texts with personal data masked.

mod calibrate;

use std::path::Path;

use serde::Serialize;

use super::args;
use super::door;
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use crate::compliance::personal;
use crate::compliance::words::{self, Explained, Hit, Party, Words};
use crate::io::words as disk;

pub(super) fn run(sought: &args::Words, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    match sought {
        args::Words::Scan { file, party, from } => {
            let words = sets(from, config)?;
            let text = disk::text(file).map_err(|error| unreadable(file, &error))?;
            scan(&words.scan_as(spoken_by(*party), &text), &text, printer)
        }
        args::Words::Calibrate(asked) => calibrate::run(asked, config, printer),
        args::Words::Mask { file } => {
            let text = disk::text(file).map_err(|error| unreadable(file, &error))?;
            printer.value(&personal::masked(&text), String::clone);
            Ok(Exit::Done)
        }
        args::Words::Explain { phrase, from } => {
            let explained =
                words::explain(phrase).map_err(|fault| Stop::usage(format!("\"{phrase}\" {fault}")))?;
            // A phrase can be explained where there is no node.
            let none = from.sets.is_empty() && from.plan.is_none() && config.is_none();
            let known = match sets(from, config) {
                Ok(words) => words.knowing(phrase),
                Err(stop) if none => {
                    printer.stop(&stop);
                    Vec::new()
                }
                Err(stop) => return Err(stop),
            };
            let known = known.iter().map(|hit| Found::of(hit, phrase)).collect();
            printer.value(&Explanation::of(&explained, known), Explanation::text);
            Ok(Exit::Done)
        }
    }
}

/// The sets that were asked for, ready to be looked for.
fn sets(from: &args::WordsFrom, config: Option<&Path>) -> Result<Words, Stop> {
    let mut sets = Vec::new();
    for file in &from.sets {
        sets.push(disk::set(file).map_err(|error| unreadable(file, &error))?);
    }
    if let Some(path) = &from.plan {
        sets.extend(disk::planned(path).map_err(|error| unreadable(path, &error))?);
    }
    if from.sets.is_empty() && from.plan.is_none() {
        let config = door::configuration(config)?;
        sets = disk::configured(&config).map_err(|error| unreadable(&config.plan.folder, &error))?;
    }
    Words::compile(&sets)
        .map_err(|bad| Stop::usage(bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format!("{}: {error}", path.display()))
}

fn spoken_by(party: args::PartyName) -> Party {
    match party {
        args::PartyName::Any => Party::Any,
        args::PartyName::Agent => Party::Agent,
        args::PartyName::Customer => Party::Customer,
    }
}

/// A hit as it is printed.
#[derive(Debug, Serialize)]
struct Found<'a> {
    line: usize,
    /// Characters, from 1.
    column: usize,
    text: &'a str,
    phrase: &'a str,
    set: &'a str,
    version: &'a str,
    level: &'static str,
    excused: bool,
}

impl<'a> Found<'a> {
    fn of(hit: &'a Hit, text: &'a str) -> Found<'a> {
        Found::at(hit, text, 1, 0)
    }

    /// A hit of which it is known how many the line is that begins at octet `start`, at or before it.
    fn at(hit: &'a Hit, text: &'a str, line: usize, start: usize) -> Found<'a> {
        let before = text.get(start..hit.bytes.start).unwrap_or_default();
        Found {
            line,
            column: before.chars().count() + 1,
            text: text.get(hit.bytes.clone()).unwrap_or_default(),
            phrase: &hit.phrase,
            set: &hit.set,
            version: &hit.version,
            level: hit.level.name(),
            excused: hit.excused,
        }
    }

    fn row(&self) -> [String; 6] {
        [
            format!("{}:{}", self.line, self.column),
            self.phrase.to_string(),
            self.text.split_whitespace().collect::<Vec<_>>().join(" "),
            format!("{} {}", self.set, self.version).trim_end().to_string(),
            self.level.to_string(),
            if self.excused { "excused" } else { "" }.to_string(),
        ]
    }
}

const HEAD: [&str; 6] = ["AT", "PHRASE", "TEXT", "SET", "LEVEL", ""];

/// Gives hits, which stand in the order of the text, their lines.
fn placed<'a>(hits: &'a [Hit], text: &'a str) -> Vec<Found<'a>> {
    let (mut line, mut start) = (1, 0);
    let placed = hits.iter().map(|hit| {
        let passed = text.get(start..hit.bytes.start).unwrap_or_default();
        line += passed.matches('\n').count();
        start += passed.rfind('\n').map_or(0, |last| last + 1);
        Found::at(hit, text, line, start)
    });
    placed.collect()
}

fn scan(hits: &[Hit], text: &str, printer: &Printer) -> Result<Exit, Stop> {
    let found = placed(hits, text);
    printer.value(&found, |found| {
        if found.is_empty() {
            return "nothing found\n".to_string();
        }
        let excused = found.iter().filter(|hit| hit.excused).count();
        let rows: Vec<[String; 6]> = found.iter().map(Found::row).collect();
        format!("{}{} found, {excused} excused\n", table(HEAD, &rows), rows.len() - excused)
    });
    Ok(if hits.iter().all(|hit| hit.excused) { Exit::Done } else { Exit::Findings })
}

/// A phrase taken apart, as it is printed.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    exception: bool,
    ways: &'a [String],
    loosest: &'static str,
    letters: Vec<Letter<'a>>,
    known: Vec<Found<'a>>,
}

#[derive(Debug, Serialize)]
struct Letter<'a> {
    letter: char,
    syllables: &'a [&'static str],
    homophones: &'a str,
    near: &'a [&'static str],
}

impl<'a> Explanation<'a> {
    fn of(explained: &'a Explained, known: Vec<Found<'a>>) -> Explanation<'a> {
        let letters = explained.letters.iter().map(|letter| Letter {
            letter: letter.letter,
            syllables: &letter.syllables,
            homophones: &letter.homophones,
            near: &letter.near,
        });
        Explanation {
            exception: explained.exception,
            ways: &explained.ways,
            loosest: explained.loosest.name(),
            letters: letters.collect(),
            known,
        }
    }

    fn text(&self) -> String {
        let rows: Vec<[String; 4]> = self.letters.iter().map(Letter::row).collect();
        let letters = table(["LETTER", "SOUNDS", "HOMOPHONE TAKES", "NEAR TAKES"], &rows);
        let what =
            if self.exception { "An exception: it excuses hits, and finds nothing by itself\n" } else { "" };
        let known = match self.known.as_slice() {
            [] => "No set knows it\n".to_string(),
            known => table(HEAD, &known.iter().map(Found::row).collect::<Vec<_>>()),
        };
        format!(
            "{what}{letters}\nexact: {}\nat most: {}, whatever its set says\n\n{known}",
            self.ways.join(", "),
            self.loosest
        )
    }
}

impl Letter<'_> {
    fn row(&self) -> [String; 4] {
        let shown = |empty: bool, text: String| if empty { "-".to_string() } else { text };
        [
            self.letter.to_string(),
            shown(self.syllables.is_empty(), self.syllables.join(" ")),
            shown(self.homophones.is_empty(), format!("{}…", self.homophones)),
            shown(self.near.is_empty(), self.near.join(" ")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::words::{Level, WordSet};

    fn words(level: Level) -> Words {
        let phrases = ["保本保息", "不亏", "!不承诺[..2]*"].map(Into::into).to_vec();
        let set =
            WordSet { name: "金融".into(), version: "v2".into(), level, phrases, ..WordSet::default() };
        Words::compile(&[set]).expect("good phrases")
    }

    #[test]
    fn hits_have_their_lines_and_columns() {
        let text = "好\n\n那宝本保息，不承诺保本保息，\n保本\n保息不 亏";
        let hits = words(Level::Homophone).scan(text);
        let rows: Vec<[String; 6]> = placed(&hits, text).iter().map(Found::row).collect();
        expect_test::expect![[r#"
            AT    PHRASE    TEXT       SET      LEVEL
            3:2   保本保息  宝本保息   金融 v2  homophone
            3:10  保本保息  保本保息   金融 v2  exact      excused
            4:1   保本保息  保本 保息  金融 v2  exact
            5:3   不亏      不 亏      金融 v2  exact
        "#]]
        .assert_eq(&table(HEAD, &rows));
    }

    #[test]
    fn a_phrase_is_explained() {
        let explained = words::explain("保100%").expect("a phrase");
        let words = words(Level::Near);
        let hits = words.knowing("包本包西");
        let known = hits.iter().map(|hit| Found::of(hit, "包本包西")).collect();
        expect_test::expect![[r#"
            LETTER  SOUNDS  HOMOPHONE TAKES  NEAR TAKES
            保      bao     报包抱宝爆暴…    -
            1       yi yao  一以义要药摇…    -
            0       ling    领另令零灵铃…    lin nin ning
            0       ling    领另令零灵铃…    lin nin ning
            %       -       -                -

            exact: 保100%, 保百分之1百, 保百分之百, 保百分百
            at most: near, whatever its set says

            AT   PHRASE    TEXT      SET      LEVEL
            1:1  保本保息  包本包西  金融 v2  homophone
        "#]]
        .assert_eq(&Explanation::of(&explained, known).text());
    }
}
