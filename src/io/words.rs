//! Sets of words on the disk: files of their own, and what plans declare.

use std::io::{self, Read};
use std::path::Path;

use super::clock;
use super::plans::{self, Loaded};
use crate::compliance::words::{self, WordSet};
use crate::config::Config;

/// Largest text that is looked through at once: a night's transcripts of a large site.
const TEXT_BYTES: u64 = 256 << 20;

/// Reads a text; `-` is standard input.
///
/// # Errors
/// It cannot be read, is not UTF-8, or is larger than 256 MB.
pub fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(TEXT_BYTES + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)?.take(TEXT_BYTES + 1).read_to_string(&mut text)
    }?;
    if read as u64 > TEXT_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 256 MB"));
    }
    Ok(text)
}

/// Reads a set from a file of its own; without `@name` it is called as the file is.
///
/// # Errors
/// As [`text`], or a line of it is not known.
pub fn set(path: &Path) -> io::Result<WordSet> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("words");
    words::read_set(name, &text(path)?).map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))
}

/// The sets that the configured plan has in force now.
///
/// # Errors
/// The plan cannot be read; [`io::ErrorKind::InvalidData`]: it has faults.
pub fn configured(config: &Config) -> io::Result<Vec<WordSet>> {
    in_force(&plans::load(&config.plan, &plans::site(config))?)
}

/// The sets that the plan file at `path`, or each of a folder's, has in force now. Files share what they `use`: a set that
/// several declare alike is one.
///
/// # Errors
/// As [`configured`].
pub fn planned(path: &Path) -> io::Result<Vec<WordSet>> {
    let mut sets = Vec::new();
    for loaded in plans::load_each(path, None)? {
        sets.extend(in_force(&loaded)?.into_iter().filter(|set| !sets.contains(set)).collect::<Vec<_>>());
    }
    Ok(sets)
}

fn in_force(loaded: &Loaded) -> io::Result<Vec<WordSet>> {
    let faults = || {
        let text = format!("{} has faults: see `ledgerline plan check`", loaded.files.join(", "));
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    let program = loaded.program.as_ref().ok_or_else(faults)?;
    Ok(program.declared().phrases_at(clock::wall()))
}
