//! What a program was made of: the text of its files and the content of its sounds, so that it can be shown, gone back to and
//! loaded again when the folder has moved on.
//!
//! Invariant: what is kept is named by its program's hash and is worth nothing under another one: it is hashed anew whenever
//! it is read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::io::plans::Shelf;
use crate::plan;
use crate::vault::{hex, unhex};

/// What a program was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The files that were named; what they `use` is among `files`.
    pub roots: Vec<String>,
    /// Every file by its path, as it was written.
    pub files: BTreeMap<String, String>,
    /// Every sound by its path: SHA-256, hexadecimal.
    pub sounds: BTreeMap<String, String>,
}

impl Kept {
    /// The hash of the program that it makes, hexadecimal: anybody who has the text can compute it.
    pub fn hash_hex(&self) -> String {
        let texts = self.files.iter().map(|(path, text)| (&**path, plan::canonical(path, text)));
        let sounds = self.sounds.iter().map(|(path, sha256)| (&**path, unhex(sha256).unwrap_or_default()));
        hex(&plan::content_hash(texts, sounds))
    }

    /// The lines of one file in the one layout, without empty ones; none where there is no such file.
    pub fn lines(&self, path: &str) -> Vec<String> {
        let Some(text) = self.files.get(path) else { return Vec::new() };
        let laid_out = plan::fmt::format(path, text);
        let text = laid_out.as_ref().unwrap_or(text);
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect()
    }
}

/// The folder of what is kept: `HASH.json` a program, `sounds/SHA256` a sound. Plain: a plan holds no secret, and lies in the
/// plan folder as plainly.
#[derive(Debug, Clone)]
pub(super) struct Shelves(pub PathBuf);

impl Shelves {
    fn program(&self, hash: &str) -> PathBuf {
        self.0.join(hash).with_extension("json")
    }

    fn sound(&self, sha256: &str) -> PathBuf {
        self.0.join("sounds").join(sha256)
    }

    /// Keeps `kept`; its sounds come from `from`, where they must still be those that were checked.
    pub fn put(&self, kept: &Kept, from: &dyn Shelf) -> io::Result<String> {
        let hash = kept.hash_hex();
        if self.program(&hash).exists() {
            return Ok(hash);
        }
        fs::create_dir_all(self.0.join("sounds"))?;
        for (path, sha256) in &kept.sounds {
            if self.sound(sha256).exists() {
                continue;
            }
            let octets = from.read(path, crate::io::plans::SOUND_BYTES)?;
            if hex(&Sha256::digest(&octets)) != *sha256 {
                return Err(io::Error::other(format!("{path} was changed a moment ago: try again")));
            }
            write(&self.sound(sha256), &octets)?;
        }
        // The program last: where its file is, everything is.
        write(&self.program(&hash), &serde_json::to_vec(kept)?)?;
        Ok(hash)
    }

    /// What is kept under `hash`; `None` when nothing is, or it is not what its name says.
    pub fn get(&self, hash: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&fs::read(self.program(hash)).ok()?).ok()?;
        (kept.hash_hex() == hash).then_some(kept)
    }

    /// Every hash that something is kept under.
    pub fn list(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| name.strip_suffix(".json").map(str::to_string)).collect()
    }

    /// Removes the programs `gone`, and the sounds that only they had.
    pub fn remove(&self, gone: &[String]) {
        for hash in gone {
            let _ = fs::remove_file(self.program(hash));
        }
        let used: Vec<String> = self
            .list()
            .iter()
            .filter_map(|hash| self.get(hash))
            .flat_map(|kept| kept.sounds.into_values())
            .collect();
        for entry in fs::read_dir(self.0.join("sounds")).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if !used.contains(&name) {
                // What cannot be removed now is removed the next time.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// One program on its shelf.
pub(super) struct OnShelf<'a>(pub &'a Shelves, pub &'a Kept);

impl Shelf for OnShelf<'_> {
    fn read(&self, path: &str, _most: u64) -> io::Result<Vec<u8>> {
        let OnShelf(shelves, kept) = self;
        if let Some(text) = kept.files.get(path) {
            return Ok(text.clone().into_bytes());
        }
        let sha256 = kept.sounds.get(path).ok_or(io::ErrorKind::NotFound)?;
        let octets = fs::read(shelves.sound(sha256))?;
        if hex(&Sha256::digest(&octets)) != *sha256 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what is kept of it is damaged"));
        }
        Ok(octets)
    }
}

/// Written beside and renamed: there whole or not at all.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = fs::File::create(&fresh)?;
    io::Write::write_all(&mut file, octets)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
