//! Items derived from recordings: made, found, read. `docs/recording-format.md`, "Derived item".
//!
//! ```text
//!  sealed ──> making/r-….d-….lld, durable ──> its leaf, durable ──> recordings/YYYY/MM/DD/r-….d-….lld
//! ```
//!
//! An item never goes through the journal: it can be made again, and it would hold up sound that cannot.
//! Invariants: a leaf is appended only for a file that is durable; a file that a crash left in `making/` goes to its place
//! when the ledger knows it, and goes away when not; nothing is derived from a recording that a destruction has begun with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use zeroize::Zeroizing;

use super::disk::{Place, derived_in, derived_name, derived_named, derived_path, make_folder};
use super::files::Files;
use super::note::{DerivedNote, Note};
use super::{Inner, Store, StoreError, disk_error};
use crate::base::{ItemId, Random, RecordingId};
use crate::compliance::retention::{State, Use};
use crate::io::clock::wall;
use crate::vault::{
    Damage, Derivation, DerivedRow, DerivedStory, Inclusion, Item, LEAF_BYTES, Leaf, hex, seal_derived,
};

/// Where items lie until the ledger knows them.
const MAKING: &str = "making";

/// What an item is, for [`Store::append_derived`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Making<'a> {
    /// `transcript`, `opus`, …: lower-case letters, digits and hyphens, at most 32.
    pub kind: &'a str,
    /// Its media type: `application/json`.
    pub media_type: &'a str,
    /// What made it, in words: a program and its version, a recogniser and its model. No personal data.
    pub by: &'a str,
}

impl Store {
    /// Seals `octets` as a new item derived from the closed `recording`: under a key of its own, with a leaf of its own; held,
    /// exported, verified and destroyed with the recording. Durable, in the ledger and found when this returns. Blocks on the
    /// disk. There may be several of a kind; the newest is the last of [`Store::derived`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Withheld`] where it stands (asked to be erased, leaving);
    /// [`StoreError::Rule`] when it still runs, the kind is none, the octets are more than
    /// [`bounds::DERIVED_BYTES`](crate::base::bounds::DERIVED_BYTES), or the store takes nothing now; [`StoreError::Disk`].
    pub fn append_derived(
        &self,
        recording: RecordingId,
        making: &Making<'_>,
        octets: &[u8],
    ) -> Result<ItemId, StoreError> {
        self.append_derived_with(recording, making, serde_json::Value::Null, octets)
    }

    /// As [`Store::append_derived`], with a `detail` that is sealed in the item's first chunk and stands in its row.
    ///
    /// # Errors
    /// As there.
    pub fn append_derived_with(
        &self,
        recording: RecordingId,
        making: &Making<'_>,
        detail: serde_json::Value,
        octets: &[u8],
    ) -> Result<ItemId, StoreError> {
        let inner = &self.inner;
        // No destruction passes between this look and the leaf.
        let _deriving = inner.deriving.read().unwrap_or_else(PoisonError::into_inner);
        self.may(recording, Use::Play)?;
        let derivation = Derivation { detail, ..inner.derivation(recording, making)? };
        if !self.status().writable {
            return Err(StoreError::Rule("the store takes nothing new now".into()));
        }
        let mut random = Random::seeded(super::open::seed()?);
        let item = ItemId::new(derivation.at, &mut random);
        let (file, sealed) = seal_derived(item, &derivation, octets, &inner.keys.get(), &mut random)
            .map_err(|error| StoreError::Rule(error.to_string()))?;
        let made = inner.files.root().join(MAKING).join(derived_name(recording, item));
        write_durably(&made, &file).map_err(disk_error(&made))?;
        let note = Note::Derived(Box::new(DerivedNote { item, sealed, derivation }));
        inner.inlet.note(note).map_err(|_| {
            StoreError::Rule(
                "the store does not keep up; what was made is taken up or thrown away at the next start"
                    .into(),
            )
        })?;
        put_in_place(inner.files.root(), &made, recording, item).map_err(disk_error(&made))?;
        inner.index.settle();
        Ok(item)
    }

    /// The items derived from `recording`, oldest first.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn derived(&self, recording: RecordingId) -> Result<Vec<DerivedRow>, StoreError> {
        self.inner.index.derived(recording)
    }

    /// What the `item` of `recording` is, and its octets in clear. Whether that may be read is for who calls this to ask
    /// ([`Store::may`], as for the recording's sound).
    ///
    /// # Errors
    /// [`StoreError::NoItem`]; [`StoreError::Damaged`] when any of it is not as it was sealed.
    pub fn read_derived(
        &self,
        recording: RecordingId,
        item: ItemId,
    ) -> Result<(Derivation, Zeroizing<Vec<u8>>), StoreError> {
        let mut story = DerivedStory::keeping();
        let examined = self.inner.files.walk_derived(recording, item, |piece| story.take(piece))?;
        let damaged = |damage| StoreError::Damaged(recording, damage);
        if let Some(damage) = examined.damages.into_iter().chain(story.damages).next() {
            return Err(damaged(damage));
        }
        match story.derivation.filter(|derivation| derivation.of == recording) {
            Some(derivation) => Ok((derivation, story.octets)),
            None => Err(damaged(Damage::Header)),
        }
    }

    /// Proves that the `item` of `recording` is under the running head, as [`Store::prove`].
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn prove_derived(&self, row: &DerivedRow) -> Result<Option<Inclusion>, StoreError> {
        let files = &self.inner.files;
        let wanted = |found: &Item| matches!(found, Item::Derived { item, .. } if *item == row.item);
        files.prove(&wanted, Some(row.leaf), &self.inner.public).map_err(disk_error(files.root()))
    }
}

impl Inner {
    /// What is sealed as the beginning of an item of `recording`, which must be closed.
    fn derivation(&self, recording: RecordingId, making: &Making<'_>) -> Result<Derivation, StoreError> {
        if !Derivation::is_kind(making.kind) {
            return Err(StoreError::Rule(format!("`{}` is no kind of item", making.kind)));
        }
        if self.keeping().is_leaving(recording) {
            return Err(StoreError::Withheld(recording, State::Destroying));
        }
        let mut leaf = self.index.row(recording)?.and_then(|row| row.leaf);
        if leaf.is_none() {
            // It was closed this moment, perhaps, and its row is on its way.
            self.inlet.settle();
            self.index.settle();
            leaf = self.index.row(recording)?.ok_or(StoreError::NotFound(recording))?.leaf;
        }
        let Some(leaf) = leaf else {
            return Err(StoreError::Rule(format!("{recording} is still being recorded")));
        };
        let bytes = self.files.read_leaves(leaf, 1).map_err(disk_error(self.files.root()))?;
        let told = bytes.first_chunk::<LEAF_BYTES>().and_then(Leaf::parse);
        let of_hash = told.map(|leaf| hex(&leaf.hash)).ok_or(StoreError::NotFound(recording))?;
        Ok(Derivation {
            of: recording,
            of_leaf: leaf,
            of_hash,
            kind: making.kind.into(),
            media_type: making.media_type.into(),
            by: making.by.into(),
            at: wall(),
            detail: serde_json::Value::Null,
        })
    }

    /// The items that lie beside each of `recordings`, whether the ledger knows them or not. Reads each day's folder once.
    pub(super) fn lying_beside(
        &self,
        recordings: &[RecordingId],
    ) -> Result<BTreeMap<RecordingId, BTreeSet<ItemId>>, StoreError> {
        let root = self.files.root();
        let wanted: BTreeSet<&RecordingId> = recordings.iter().collect();
        let mut lying: BTreeMap<RecordingId, BTreeSet<ItemId>> = BTreeMap::new();
        for recording in recordings {
            for row in self.index.derived(*recording)? {
                lying.entry(*recording).or_default().insert(row.item);
            }
        }
        let day_of = |id: &RecordingId| Place::Recording(*id).path(root).parent().map(Path::to_path_buf);
        let days: BTreeSet<PathBuf> = recordings.iter().filter_map(day_of).collect();
        for day in days.into_iter().filter(|day| day.exists()) {
            for (recording, item) in derived_in(&day).map_err(disk_error(&day))? {
                if wanted.contains(&recording) {
                    lying.entry(recording).or_default().insert(item);
                }
            }
        }
        Ok(lying)
    }
}

/// Where the item lies now: in its place, or, between its leaf and that, where it was made.
pub(super) fn path_now(root: &Path, recording: RecordingId, item: ItemId) -> PathBuf {
    let place = derived_path(root, recording, item);
    if place.exists() {
        return place;
    }
    let made = root.join(MAKING).join(derived_name(recording, item));
    if made.exists() { made } else { place }
}

/// Takes up what a crash left: items that the ledger knows go to their places, others go away.
pub(super) fn take_up(root: &Path, files: &Files) -> io::Result<()> {
    let folder = root.join(MAKING);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let Some((recording, item)) = path.file_name().and_then(|name| name.to_str()).and_then(derived_named)
        else {
            continue;
        };
        if files.has_leaf(&|found| matches!(found, Item::Derived { item: of, .. } if *of == item))? {
            put_in_place(root, &path, recording, item)?;
        } else {
            tracing::info!(%item, %recording, "an item that was not finished is thrown away");
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_durably(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    make_folder(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.and_then(|()| File::open(folder)?.sync_all())
}

/// Moves the file `made` to where its item belongs, durably.
fn put_in_place(root: &Path, made: &Path, recording: RecordingId, item: ItemId) -> io::Result<()> {
    let place = derived_path(root, recording, item);
    let folder = place.parent().unwrap_or(root);
    make_folder(folder)?;
    fs::rename(made, &place)?;
    File::open(folder)?.sync_all()
}
