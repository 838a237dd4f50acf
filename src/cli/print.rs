//! Results on standard output: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::exit::Stop;

/// Prints in the form that was asked for. A reader that goes away ends the printing, not the command.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    json: bool,
}

impl Printer {
    /// JSON or text.
    pub fn new(json: bool) -> Printer {
        Printer { json }
    }

    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or what `text` makes of it.
    pub fn value<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            self.line(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            self.line(text(value).trim_end());
        }
    }

    /// Prints one of many values: a JSON object a line, or a line of text.
    pub fn item<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            self.line(&serde_json::to_string(value).unwrap_or_default());
        } else {
            self.line(text(value).trim_end());
        }
    }

    /// Says on standard error why a command stopped.
    pub fn stop(self, stop: &Stop) {
        let text = match self.json {
            true => json!({ "error": stop.text, "exit": stop.exit as u8 }).to_string(),
            false => format!("ledgerline: {}", stop.text.trim_end()),
        };
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says something about a result on standard error.
    pub fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "ledgerline: {text}");
    }

    fn line(self, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }
}

/// A table: columns as wide as their widest cell, two blanks between. Wide characters count two.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(UnicodeWidthStr::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: String = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                format!("{}{}", clean(cell), " ".repeat(width.saturating_sub(cell.width()) + 2))
            })
            .collect();
        padded.trim_end().to_string() + "\n"
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(head)).chain(body).collect()
}

/// Control characters in what peers sent must not reach the terminal.
fn clean(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `-` for nothing.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_string(), |value| value.to_string())
}

/// Milliseconds as `1:02:03` or `2:03`.
pub fn clock_time(ms: u64) -> String {
    let s = ms / 1_000;
    match (s / 3_600, s / 60 % 60, s % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_wide_characters() {
        let rows = [["王芳".to_string(), "1".to_string()], ["bob".to_string(), "22\x1b[2J".to_string()]];
        expect_test::expect![[r#"
            USER  N
            王芳  1
            bob   22�[2J
        "#]]
        .assert_eq(&table(["USER", "N"], &rows));
    }

    #[test]
    fn durations_read_as_clocks() {
        assert_eq!([0, 59_999, 61_000, 3_661_000].map(clock_time), ["0:00", "0:59", "1:01", "1:01:01"]);
    }
}
