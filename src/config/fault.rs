//! What is wrong with a configuration file, said so that it can be mended: file, line, column, caret, hint.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthStr;

/// One fault: where it stands (byte range of the text, when it stands anywhere), what it is, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) at: Option<Range<usize>>,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn at(at: Range<usize>, what: impl Into<String>) -> Fault {
        Fault { at: Some(at), what: what.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}

/// Every fault of one file, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: PathBuf,
    text: String,
    list: Vec<Fault>,
}

impl Faults {
    pub(super) fn new(file: &Path, text: &str, mut list: Vec<Fault>) -> Faults {
        list.sort_by_key(|fault| fault.at.as_ref().map_or(0, |at| at.start));
        Faults { file: file.to_path_buf(), text: text.to_string(), list }
    }

    /// How many faults there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none; never true of a value that [`super::check`] returned.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            self.show(fault, f)?;
        }
        Ok(())
    }
}

impl Faults {
    fn show(&self, fault: &Fault, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &fault.at {
            None => write!(f, "{file}: error: {}", fault.what)?,
            Some(at) => {
                let place = Place::of(&self.text, at);
                writeln!(f, "{file}:{}:{}: error: {}", place.line, place.column, fault.what)?;
                let margin = place.line.to_string();
                writeln!(f, " {margin} | {}", place.source)?;
                let (indent, carets) = (" ".repeat(place.indent), "^".repeat(place.width.max(1)));
                write!(f, " {} | {indent}{carets}", " ".repeat(margin.len()))?;
            }
        }
        match &fault.hint {
            Some(hint) => write!(f, "\n   hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A byte range as people count: line and column from 1, and the columns that the caret line needs.
struct Place<'t> {
    line: usize,
    column: usize,
    source: &'t str,
    indent: usize,
    width: usize,
}

impl<'t> Place<'t> {
    fn of(text: &'t str, at: &Range<usize>) -> Place<'t> {
        let start = floor(text, at.start);
        let (before, _) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line_end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |i| start + i);
        let end = floor(text, at.end.max(start)).min(line_end);
        let lead = text.get(line_start..start).unwrap_or("");
        Place {
            line: before.matches('\n').count() + 1,
            column: lead.chars().count() + 1,
            source: text.get(line_start..line_end).unwrap_or("").trim_end_matches('\r'),
            indent: lead.width(),
            width: text.get(start..end).unwrap_or("").width(),
        }
    }
}

/// The nearest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
