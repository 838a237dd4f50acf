//! The order of the rooms in `src/lib.rs`, held to its word: a room names only rooms above it, and nothing above `io`
//! awaits, locks, spawns, sleeps, reads a clock or opens a file.

use std::fs;
use std::path::{Path, PathBuf};

/// What only `io` and `cli` may mention, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("tokio", "the core never awaits"),
    ("async fn", "the core never awaits"),
    (".await", "the core never awaits"),
    ("Instant", "time comes in as `now: Time`"),
    ("SystemTime", "time comes in as `Wall`"),
    ("Timestamp::now", "time comes in as `Wall`"),
    ("Zoned::now", "time comes in as `Wall`"),
    ("std::thread", "the core spawns nothing"),
    ("thread::spawn", "the core spawns nothing"),
    ("std::fs", "files are io's"),
    ("File::open", "files are io's"),
    ("Mutex", "the core owns what it works on"),
    ("RwLock", "the core owns what it works on"),
    ("UdpSocket", "sockets are io's"),
    ("TcpStream", "sockets are io's"),
    ("getrandom", "randomness comes in as a seed"),
    ("std::env", "the environment is io's"),
    ("std::process", "processes are io's"),
];

/// One source file of a room: its path, its code without comments, and where its unit tests begin.
struct Source {
    path: PathBuf,
    lines: Vec<String>,
    tests_from: usize,
}

fn rooms() -> Vec<String> {
    let lib = fs::read_to_string(root().join("lib.rs")).expect("src/lib.rs");
    let rooms: Vec<String> = lib
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("pub mod ")?.trim_end_matches(';').to_string()))
        .collect();
    assert!(rooms.len() > 10, "src/lib.rs lists the rooms: {rooms:?}");
    rooms
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(room: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let single = root().join(format!("{room}.rs"));
    if single.exists() {
        found.push(single);
    }
    let mut folders = vec![root().join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match (path.is_dir(), path.extension()) {
                (true, _) => folders.push(path),
                (false, Some(extension)) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a source file");
    let lines: Vec<String> = text.lines().map(|line| code_of(line).to_string()).collect();
    let is_test = path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests");
    let tests_from = if is_test {
        0
    } else {
        let start = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].trim_start().starts_with("mod ")
                && pair[1].ends_with('{')
        });
        start.unwrap_or(lines.len())
    };
    Source { path, lines, tests_from }
}

/// The line without its comment. A `//` inside a string (an address) is not one.
fn code_of(line: &str) -> &str {
    let mut quoted = false;
    let mut previous = ' ';
    for (i, c) in line.char_indices() {
        match c {
            '"' if previous != '\\' => quoted = !quoted,
            '/' if previous == '/' && !quoted => return &line[..i - 1],
            _ => {}
        }
        previous = c;
    }
    line
}

/// Rooms that a line names: `crate::room…`, and the members of `use crate::{a::…, b::…}` as far as they stand on the line.
fn named(line: &str, rooms: &[String]) -> Vec<String> {
    line.match_indices("crate::")
        .flat_map(|(i, _)| {
            let rest = &line[i + "crate::".len()..];
            let group = rest.strip_prefix('{');
            let mut depth = 0;
            let mut words = vec![String::new()];
            for c in group.unwrap_or(rest).chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if group.is_some() && depth == 0 => words.push(String::new()),
                    _ if depth == 0 => words.last_mut().expect("never empty").push(c),
                    _ => {}
                }
            }
            if group.is_none() {
                words.truncate(1);
            }
            words
        })
        .map(|word| {
            word.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
        })
        .filter(|word| rooms.contains(word))
        .collect()
}

#[test]
fn a_room_names_only_rooms_above_it() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    for (place, room) in rooms.iter().enumerate().filter(|(_, room)| !matches!(room.as_str(), "io" | "cli")) {
        for source in sources(room) {
            for (number, line) in source.lines.iter().enumerate() {
                for other in named(line, &rooms) {
                    if rooms.iter().position(|room| *room == other).is_some_and(|at| at > place) {
                        wrong.push(format!("{}:{}: {room} names {other}", source.path.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "rooms look down:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_above_io_touches_the_world() {
    let mut wrong = Vec::new();
    for room in rooms().iter().filter(|room| !matches!(room.as_str(), "io" | "cli")) {
        for source in sources(room) {
            for (number, line) in source.lines[..source.tests_from].iter().enumerate() {
                for (word, why) in FORBIDDEN.iter().filter(|(word, _)| mentions(line, word)) {
                    wrong.push(format!("{}:{}: `{word}`: {why}", source.path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "only io and cli may:\n{}", wrong.join("\n"));
}

/// Whether `line` holds `word` as a whole word (`Instant`, not `Instantiate`).
fn mentions(line: &str, word: &str) -> bool {
    let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices(word).any(|(i, _)| {
        boundary(line[i + word.len()..].chars().next())
            && (word.starts_with('.') || boundary(line[..i].chars().next_back()))
    })
}

#[test]
fn the_reading_of_lines_is_right() {
    let rooms: Vec<String> = ["base", "sip", "io"].map(String::from).to_vec();
    for (line, expected) in [
        ("use crate::base::Time;", vec!["base"]),
        ("use crate::{base::{Time, Wall}, io::Node};", vec!["base", "io"]),
        ("let x = crate::io::now(crate::sip::A);", vec!["io", "sip"]),
        ("use crate::based::Time;", vec![]),
    ] {
        assert_eq!(named(line, &rooms), expected, "{line}");
    }
    assert_eq!(code_of(r#"let a = "udp://x"; // crate::io"#), r#"let a = "udp://x"; "#);
    assert!(mentions("use std::time::Instant;", "Instant"));
    assert!(!mentions("fn instantiate(Instantiated)", "Instant"));
}
