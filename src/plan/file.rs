//! Loaded files, spans into them, and the places that people see.
//!
//! Invariant: offsets in a [`Span`] lie on character boundaries of its file's text.

use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use super::diagnostic::Place;

/// Octets `start..end` of file number `file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Span {
    pub file: u16,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// From the start of this to the end of `other`; both of one file.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }

    /// The empty place just behind this.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }
}

/// One plan file.
#[derive(Debug)]
pub(crate) struct File {
    pub path: Arc<str>,
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl File {
    /// A file of text; `text` is at most [`PLAN_FILE_BYTES`](crate::base::bounds::PLAN_FILE_BYTES) long.
    pub fn new(path: &str, text: &str) -> File {
        let breaks = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| offset(at + 1))).collect();
        File { path: path.into(), text: text.into(), line_starts }
    }

    /// The line number (from 1) of an octet offset, and the line without its end.
    fn line_at(&self, at: u32) -> (u32, u32, &str) {
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let end = self.line_starts.get(line).copied().unwrap_or(offset(self.text.len()));
        let text = self.text.get(start as usize..end as usize).unwrap_or("");
        (offset(line), start, text.trim_end_matches(['\n', '\r']))
    }
}

/// All files of one load, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Files(pub Vec<File>);

impl Files {
    fn get(&self, file: u16) -> Option<&File> {
        self.0.get(usize::from(file))
    }

    /// The text under `span`.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file)
            .and_then(|file| file.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// Path and line (from 1) of the beginning of `span`.
    pub fn line(&self, span: Span) -> (Arc<str>, u32) {
        match self.get(span.file) {
            Some(file) => (file.path.clone(), file.line_at(span.start).0),
            None => ("".into(), 0),
        }
    }

    /// The place of `span` as people see it.
    pub fn place(&self, span: Span) -> Place {
        match self.get(span.file) {
            Some(file) => place(file, span),
            None => Place { file: "".into(), line: 0, column: 0, text: String::new(), indent: 0, width: 1 },
        }
    }
}

/// Longest part of a line that is shown, in cells; a terminal of 120 columns keeps room for the line number.
const SHOWN: usize = 100;
/// Cells kept in front of the caret of a long line.
const CONTEXT: usize = 40;

fn place(file: &File, span: Span) -> Place {
    let (line, start, text) = file.line_at(span.start);
    let (from, to) = ((span.start - start) as usize, (span.end.saturating_sub(start)) as usize);
    let column = offset(text.char_indices().take_while(|(at, _)| *at < from).count()) + 1;
    let cells = |part: &str| part.chars().map(|ch| shown(ch).1).sum::<usize>();
    let before = cells(text.get(..from.min(text.len())).unwrap_or(text));
    let under = cells(text.get(from.min(text.len())..to.min(text.len())).unwrap_or(""));
    let (text, indent) = window(text, before);
    let width = under.clamp(1, SHOWN.saturating_sub(indent).max(1));
    Place { file: file.path.clone(), line, column, text, indent, width }
}

/// The shown part of a line whose caret stands behind `before` cells, and the caret's indent in it.
fn window(line: &str, before: usize) -> (String, usize) {
    let mut out = String::new();
    let skip = if before > SHOWN - 20 { before - CONTEXT } else { 0 };
    let (mut at, mut indent, mut used) = (0, before, 0);
    if skip > 0 {
        out.push('…');
        used = 1;
    }
    for ch in line.chars() {
        let (shown, width) = shown(ch);
        if at >= skip {
            if used + width > SHOWN {
                out.push('…');
                break;
            }
            if used == usize::from(skip > 0) && skip > 0 {
                indent = before - at + 1;
            }
            for _ in 0..if ch == '\t' { 4 } else { 1 } {
                out.push(shown);
            }
            used += width;
        }
        at += width;
    }
    (out, indent)
}

/// What stands for `ch` on a terminal, and its cells in all: tabs are four blanks, what cannot be seen is `�`.
fn shown(ch: char) -> (char, usize) {
    match ch {
        '\t' => (' ', 4),
        ch if unseen(ch) => ('\u{fffd}', 1),
        ch => match ch.width() {
            Some(width) => (ch, width),
            None => ('\u{fffd}', 1),
        },
    }
}

/// Whether `ch` leaves no trace on a screen or turns the direction of the text around it.
pub(crate) fn unseen(ch: char) -> bool {
    matches!(ch, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// An offset or count as 32 bits; files are far shorter.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caret(text: &str, what: &str) -> (u32, u32, String, String) {
        let at = text.find(what).unwrap_or(0);
        let span = Span { file: 0, start: offset(at), end: offset(at + what.len()) };
        let place = place(&File::new("a.plan", text), span);
        let under = " ".repeat(place.indent) + &"^".repeat(place.width);
        (place.line, place.column, place.text, under)
    }

    #[test]
    fn the_caret_stands_under_what_it_means_in_cells_not_characters() {
        for (text, what, line, column, shown, under) in [
            ("play 欢迎\n-> 夜间", "夜间", 2, 4, "-> 夜间", "   ^^^^"),
            ("dial bob", "bob", 1, 6, "dial bob", "     ^^^"),
            ("\tplay é欢 x", "x", 1, 10, "    play é欢 x", "             ^"),
            ("a\r\nbc\r\n", "bc", 2, 1, "bc", "^^"),
            ("", "", 1, 1, "", "^"),
            ("p\u{202e}q", "q", 1, 3, "p\u{fffd}q", "  ^"),
        ] {
            assert_eq!(caret(text, what), (line, column, shown.to_string(), under.to_string()), "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_caret() {
        let text = format!("{}NEEDLE{}", "夜".repeat(5_000), "x".repeat(5_000));
        let (_, column, shown, under) = caret(&text, "NEEDLE");
        assert_eq!(column, 5_001);
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        let cells = |s: &str| s.chars().map(|ch| super::shown(ch).1).sum::<usize>();
        assert!(cells(&shown) <= SHOWN + 1);
        let before = shown.split("NEEDLE").next().unwrap_or("");
        assert_eq!(under, " ".repeat(cells(before)) + "^^^^^^");
    }
}
