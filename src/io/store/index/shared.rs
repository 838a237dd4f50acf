//! What brings leaves into the tables from the files, and the generations of the index on the disk.
//!
//! Invariant: only files are read; a leaf that does not open is left out with a warning, since verification names what is wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Masked, Random, RecordingId};
use crate::vault::{Book, Item, LEAF_BYTES, Leaf};

use super::super::note::{BookPlace, CdrRow};
use super::super::tables::Tables;
use super::follow::MARK_EVERY;
use super::{Shared, lock};

impl Shared {
    /// Indexes leaves `from..to` from the files.
    pub(super) fn catch_up(
        &self,
        tables: &Tables,
        from: u64,
        to: u64,
        random: &mut Random,
        progress: &mut dyn FnMut(u64, u64),
    ) -> sled::Result<()> {
        let mut next = from;
        while next < to {
            let count = (to - next).min(MARK_EVERY);
            let leaves = self.files.read_leaves(next, count);
            let Ok(leaves) = leaves else { break };
            for leaf in leaves.as_chunks::<LEAF_BYTES>().0.iter().filter_map(Leaf::parse) {
                self.put(tables, &leaf, random)?;
            }
            next += count;
            tables.set_mark(next)?;
            progress(next, to);
        }
        Ok(())
    }

    fn put(&self, tables: &Tables, leaf: &Leaf, random: &mut Random) -> sled::Result<()> {
        match leaf.item {
            Item::Recording { recording, .. } => {
                match self.files.row(recording, leaf) {
                    Ok(row) => tables.put_row(&row, &self.keys, random)?,
                    // Verification names what is wrong with it.
                    Err(error) => tracing::warn!(%recording, %error, "not indexed"),
                }
                lock(&self.running).remove(&recording);
            }
            Item::Cdr { call, segment, offset } => {
                let len_bytes = leaf.len_bytes;
                let place = BookPlace { book: Book::Cdr, segment, offset, len_bytes };
                let Some(entry) = self.files.cdr(&place) else {
                    tracing::warn!(%call, "call detail record not indexed");
                    return Ok(());
                };
                let numbers = entry.numbers().collect();
                let row = CdrRow { call, leaf: leaf.number, place, numbers };
                tables.put_cdr(&row, &self.keys)?;
            }
            Item::Audit { segment, offset } => {
                let place = BookPlace { book: Book::Audit, segment, offset, len_bytes: leaf.len_bytes };
                tables.put_audit(leaf.number, leaf.at, &place)?;
            }
            Item::Tombstone { recording, .. } => self.forget(tables, recording)?,
            Item::Derived { item, recording } => match self.files.derived_row(recording, item, leaf) {
                Ok(row) => tables.put_derived(&row, &self.keys, random)?,
                // It went with its recording, as a later leaf says; or verification names what is wrong with it.
                Err(error) => tracing::debug!(%item, %recording, %error, "not indexed"),
            },
            Item::Keeping { .. } => {}
        }
        Ok(())
    }

    /// Takes everything about a destroyed recording out of the tables: its row, what it is found under, and the call's
    /// record when no other recording is left of the call (DES-04).
    pub(super) fn forget(&self, tables: &Tables, recording: RecordingId) -> sled::Result<()> {
        tables.remove_derived(recording)?;
        let Some(row) = tables.row(recording, &self.keys)? else { return Ok(()) };
        tables.remove_row(&row, &self.keys)?;
        if !tables.recordings_of(row.call)?.is_empty() {
            return Ok(());
        }
        for place in tables.cdrs_of(row.call)? {
            let numbers: Vec<Masked> =
                self.files.cdr(&place).map(|entry| entry.numbers().collect()).unwrap_or_default();
            tables.remove_cdrs(row.call, &numbers, &self.keys)?;
        }
        Ok(())
    }

    /// Generations present, ascending.
    fn generations(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    pub(super) fn next_generation(&self) -> io::Result<PathBuf> {
        let last = self.generations()?.last().copied().unwrap_or(0);
        super::super::disk::make_folder(&self.folder)?;
        Ok(self.folder.join((last + 1).to_string()))
    }

    /// The newest generation that opens, is of our schema and key, and its mark. An older one that is whole beats a
    /// newer one that a crash cut while it was built: the one with the higher mark wins.
    pub(super) fn open_newest(&self) -> io::Result<Option<(Tables, PathBuf, u64)>> {
        let mut best: Option<(Tables, PathBuf, u64)> = None;
        for generation in self.generations()?.into_iter().rev() {
            let path = self.folder.join(generation.to_string());
            let opened = open_clean(&path).and_then(|tables| Ok((tables.mark(&self.keys)?, tables)));
            match opened {
                Ok((Some(mark), tables)) if best.as_ref().is_none_or(|(_, _, most)| mark > *most) => {
                    best = Some((tables, path, mark));
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, generation, "an index generation does not open"),
            }
        }
        Ok(best)
    }

    /// Removes every generation but `kept`.
    pub(super) fn remove_others(&self, kept: &Path) {
        for generation in self.generations().unwrap_or_default() {
            let path = self.folder.join(generation.to_string());
            if path != kept
                && let Err(error) = fs::remove_dir_all(&path)
            {
                tracing::warn!(%error, "an old index stays");
            }
        }
    }
}

/// Opens sled after clearing away what its crashes leave: a half-written snapshot that it would take for a whole one,
/// and, when that is not enough, all snapshots (they only save replay).
fn open_clean(path: &Path) -> sled::Result<Tables> {
    let remove = |wanted: &dyn Fn(&str) -> bool| {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(wanted) {
                let _ = fs::remove_file(entry.path());
            }
        }
    };
    remove(&|name| name.starts_with("snap.") && name.ends_with(".generating"));
    match Tables::open(path) {
        Err(sled::Error::Corruption { .. }) => {
            tracing::warn!("the index's snapshots are broken; replaying its log");
            remove(&|name| name.starts_with("snap."));
            Tables::open(path)
        }
        opened => opened,
    }
}
