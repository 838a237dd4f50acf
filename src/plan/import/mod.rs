//! Dialplans of other switches → plans: best effort, and a list of what could not be carried over, with its lines.
//!
//! `read` takes an `extensions.conf` apart, `flows` makes a flow of each place that calls come to, `apps` and `dial` turn each application into
//! statements, `values` variables and conditions; [`asterisk`] puts the plan together, formats it, and checks what it has made.
//!
//! Invariant: what is not carried over is noted and stands in the plan as a `TODO`; nothing is dropped in silence.

mod apps;
mod dial;
mod flows;
mod read;
mod values;

use super::tell::Both;
use super::{Diagnostic, Folder, Lang, fmt, load};

/// Something that could not be carried over, or was carried over in another sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line of the imported file, from 1; 0: it is about the whole.
    pub line: usize,
    /// What stands there.
    pub said: String,
    /// Why, or what was made of it.
    pub why: Both,
}

impl Note {
    /// `12: System(…): is not carried over`
    pub fn say(&self, lang: Lang) -> String {
        let colon = if lang == Lang::En { ": " } else { "：" };
        match self.line {
            0 => format!("{}{colon}{}", self.said, self.why.say(lang)),
            line => format!("{line}: {}{colon}{}", self.said, self.why.say(lang)),
        }
    }
}

/// An imported plan.
#[derive(Debug)]
pub struct Imported {
    /// The plan, in the canonical layout.
    pub plan: String,
    /// What could not be carried over.
    pub notes: Vec<Note>,
    /// The sounds that the plan plays: their paths from the plan folder, and what the other switch calls them.
    pub sounds: Vec<(String, String)>,
    /// What the checker says of the plan, its sounds taken as there.
    pub found: Vec<Diagnostic>,
}

/// Imports the text of an Asterisk `extensions.conf`.
pub fn asterisk(text: &str) -> Imported {
    let mut notes = Vec::new();
    let conf = read::read(text, &mut notes);
    let mut importer = flows::Importer::new(&conf, notes);
    importer.run();
    let (mut plan, mut found) = checked(importer.plan());
    // What cannot stand is taken out, one line at a time: people must say what is meant.
    for _ in 0..TAKEN_OUT {
        let Some(taken) = found.iter().find(|found| found.is_error()).and_then(|found| without(&plan, found))
        else {
            break;
        };
        importer.notes.push(taken.1);
        (plan, found) = checked(taken.0);
    }
    let mut notes = std::mem::take(&mut importer.notes);
    notes.sort_by_key(|note| note.line);
    notes.dedup();
    Imported { plan, notes, sounds: importer.sounds(), found }
}

/// Lines that are taken out at most; a file with more of them is no file that somebody ran.
const TAKEN_OUT: usize = 200;

/// The plan without the line that a finding is about, where that is a route that meets another or a jump that goes round for ever.
fn without(plan: &str, found: &Diagnostic) -> Option<(String, Note)> {
    let at = usize::try_from(found.place().line).ok()?.checked_sub(1)?;
    let line = plan.lines().nth(at)?.trim();
    let instead = match line {
        line if line.starts_with("route ") => format!("# TODO {line}"),
        line if line.starts_with("-> ") => format!("# TODO {line}\nhangup failed"),
        _ => return None,
    };
    let note = Note { line: 0, said: line.to_string(), why: Both::of(|lang| found.message(lang)) };
    let lines = plan.lines().enumerate().map(|(number, line)| if number == at { &instead } else { line });
    Some((lines.flat_map(|line| [line, "\n"]).collect(), note))
}

fn checked(plan: String) -> (String, Vec<Diagnostic>) {
    let plan = fmt::format("import.plan", &plan).unwrap_or(plan);
    let folder = Folder::new().with_plan("import.plan", plan.as_str()).with_any_sound();
    let (_, found) = load(&folder, &["import.plan"]);
    (plan, found)
}
