//! What has changed from one program to another, line by line of the text in its one layout.
//!
//! Invariant: every line of the newer text that the older one has not is told, and the other way round.

use std::fmt::Write;

use super::kept::Kept;
use crate::base::bounds::COMPARED_LINES;

/// What has changed in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InFile {
    path: String,
    /// Whether the file was not there before, or is not there any more.
    whole: Option<Whole>,
    /// `+` and `-` with the lines, in order.
    lines: Vec<(char, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    New,
    Gone,
}

/// What has changed from one program to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    files: Vec<InFile>,
    /// `+` and `-` with the paths of sounds; a sound with other content is both.
    sounds: Vec<(char, String)>,
}

impl Change {
    /// From `before` (nothing, for the first program) to `after`.
    pub fn between(before: Option<&Kept>, after: &Kept) -> Change {
        let none = Kept::default();
        let before = before.unwrap_or(&none);
        let mut paths: Vec<&String> = before.files.keys().chain(after.files.keys()).collect();
        paths.sort();
        paths.dedup();
        let files = paths.into_iter().filter_map(|path| {
            let whole = match (before.files.contains_key(path), after.files.contains_key(path)) {
                (false, _) => Some(Whole::New),
                (_, false) => Some(Whole::Gone),
                _ => None,
            };
            let lines = compare(&before.lines(path), &after.lines(path));
            (!lines.is_empty() || whole.is_some()).then(|| InFile { path: path.clone(), whole, lines })
        });
        let gone = before.sounds.iter().filter(|(path, hash)| after.sounds.get(*path) != Some(*hash));
        let new = after.sounds.iter().filter(|(path, hash)| before.sounds.get(*path) != Some(*hash));
        let gone = gone.map(|(path, _)| ('-', path.clone()));
        let sounds = gone.chain(new.map(|(path, _)| ('+', path.clone()))).collect();
        Change { files: files.collect(), sounds }
    }

    /// In a line: `office.plan +3 -1; new night.plan; 2 sounds`.
    pub fn line(&self) -> String {
        let mut parts: Vec<String> = self.files.iter().map(in_a_line).collect();
        let mut sounds: Vec<&String> = self.sounds.iter().map(|(_, path)| path).collect();
        sounds.dedup();
        sounds.sort();
        sounds.dedup();
        match sounds.len() {
            0 => {}
            1 => parts.push("1 sound".to_string()),
            count => parts.push(format!("{count} sounds")),
        }
        if parts.is_empty() { "nothing that counts".to_string() } else { parts.join("; ") }
    }

    /// Line by line: `+` is new, `-` is gone.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let _ = writeln!(text, "{}", in_a_line(file));
            for (sign, line) in &file.lines {
                let _ = writeln!(text, "{sign} {line}");
            }
        }
        for (sign, path) in &self.sounds {
            let _ = writeln!(text, "{sign} sound {path}");
        }
        text
    }
}

fn in_a_line(file: &InFile) -> String {
    let count = |wanted: char| file.lines.iter().filter(|(sign, _)| *sign == wanted).count();
    match file.whole {
        Some(Whole::New) => format!("new {}", file.path),
        Some(Whole::Gone) => format!("{} is gone", file.path),
        None => format!("{} +{} -{}", file.path, count('+'), count('-')),
    }
}

/// The lines that differ, by the longest common sequence of what lies between common beginning and end.
fn compare(before: &[String], after: &[String]) -> Vec<(char, String)> {
    let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (a, b) = (before.get(front..).unwrap_or(&[]), after.get(front..).unwrap_or(&[]));
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let a = a.get(..a.len() - back).unwrap_or(&[]);
    let b = b.get(..b.len() - back).unwrap_or(&[]);
    let all = |sign: char, lines: &[String]| lines.iter().map(move |line| (sign, line.clone())).collect();
    if a.len() > COMPARED_LINES || b.len() > COMPARED_LINES {
        let gone: Vec<_> = all('-', a);
        return [gone, all('+', b)].concat();
    }
    // longest[i][j]: of a from i and b from j.
    let width = b.len() + 1;
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = match a[i] == b[j] {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            lines.push(('-', a[i].clone()));
            i += 1;
        } else {
            lines.push(('+', b[j].clone()));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)], sounds: &[(&str, &str)]) -> Kept {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        Kept { roots: Vec::new(), files: pairs(files), sounds: pairs(sounds) }
    }

    #[test]
    fn a_change_is_told_in_a_line_and_line_by_line() {
        let office = "edition 2026\nroute \"8XXX\" from users -> dial user {callee} for 25s\n";
        let first = kept(&[("office.plan", office)], &[("a.wav", "00"), ("b.wav", "01")]);
        let text = "edition 2026\n\n\nroute \"8XXX\"  from users -> dial user {callee} for 30s\n";
        let second = kept(
            &[("office.plan", text), ("night.plan", "edition 2026\n")],
            &[("a.wav", "02"), ("b.wav", "01")],
        );
        let change = Change::between(Some(&first), &second);
        assert_eq!(change.line(), "new night.plan; office.plan +1 -1; 1 sound");
        assert_eq!(
            change.text(),
            "new night.plan\n+ edition 2026\noffice.plan +1 -1\n\
             - route \"8XXX\" from users -> dial user {callee} for 25s\n\
             + route \"8XXX\" from users -> dial user {callee} for 30s\n- sound a.wav\n+ sound a.wav\n"
        );
        assert_eq!(Change::between(Some(&second), &second).line(), "nothing that counts");
        assert_eq!(Change::between(None, &first).line(), "new office.plan; 2 sounds");
        assert_eq!(
            Change::between(Some(&second), &first).line(),
            "night.plan is gone; office.plan +1 -1; 1 sound"
        );
    }

    #[test]
    fn lines_that_moved_are_told_once_gone_and_once_new() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        for (a, b, want) in [
            ("abcdef", "abXdef", "-c+X"),
            ("abc", "cab", "+c-c"),
            ("", "ab", "+a+b"),
            ("ab", "", "-a-b"),
            ("axbxc", "abc", "-x-x"),
        ] {
            let told: String =
                compare(&lines(a), &lines(b)).iter().map(|(sign, line)| format!("{sign}{line}")).collect();
            assert_eq!(told, want, "{a} {b}");
        }
    }
}
