//! A copy of a store that runs: everything that its newest signed head covers, and nothing that is half written. Copied again
//! into the same folder, only what is new is copied.
//!
//! Invariants: a backup holds no key; it is itself a store that `verify` checks; it only grows along the ledger: a folder
//! that holds another ledger, or one that went on differently, is refused; what was destroyed in the store is destroyed in
//! its backup when it is next made (KEY-08).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy::{Depth, verify_copy};
use super::derive::path_now;
use super::destroy::shred;
use super::disk::{Place, derived_path, make_folder};
use super::{Store, StoreError, disk_error};
use crate::base::{ItemId, RecordingId};
use crate::vault::{Book, Frontier, HEAD_BYTES, Item, LEAF_BYTES, Leaf, LedgerPublic, TreeHead};

/// Octets copied at once.
const BLOCK: usize = 256 << 10;
/// Octets in front of a sealed file that a rotation of keys may rewrite.
const FRONT: u64 = 256;
/// How often the newest head is looked for beside its leaves before the store is said to stand still.
const TRIES: u32 = 50;

/// What programs were made of, named by their hashes (`io::programs`); certificates of destructions.
const BESIDES: [&str; 2] = ["plans", super::certificate::FOLDER];

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BackupReport {
    /// Leaves of the ledger that the copy holds.
    pub leaves: u64,
    /// Recordings that it holds.
    pub recordings: u64,
    /// Files that were copied now.
    pub copied: u64,
    /// Their octets.
    pub octets: u64,
    /// Recordings that were destroyed since, now here too.
    pub destroyed: u64,
}

impl Store {
    /// Copies the store into `to` while it runs, then checks the copy; `progress` gets (done, all) recordings.
    ///
    /// # Errors
    /// [`StoreError::Rule`] when `to` holds another ledger or the copy does not verify; [`StoreError::Disk`].
    pub fn backup(
        &self,
        to: &Path,
        depth: Depth,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackupReport, StoreError> {
        self.settle();
        let mut report = BackupReport::default();
        self.copy_to(to, &mut report, progress).map_err(disk_error(to))??;
        check(to, &self.inner.public, depth)?;
        Ok(report)
    }

    fn copy_to(
        &self,
        to: &Path,
        report: &mut BackupReport,
        progress: &mut dyn FnMut(u64, u64),
    ) -> io::Result<Result<(), StoreError>> {
        let from = self.folder();
        let Some((head, leaves)) = snapshot(from, &self.inner.public)? else {
            return Ok(Err(StoreError::Rule("the ledger has no head that covers its leaves".into())));
        };
        make_folder(&to.join("ledger"))?;
        let before = fs::read(Place::Leaves.path(to)).unwrap_or_default();
        if !leaves.starts_with(&before) {
            let text = format!("{} holds another ledger, or one that went on differently", to.display());
            return Ok(Err(StoreError::Rule(text)));
        }
        let plan = Plan::of(&leaves);
        let all = plan.recordings.len() as u64;
        for (done, (recording, gone)) in (1..).zip(&plan.recordings) {
            let place = Place::Recording(*recording);
            let (source, target) = (place.path(from), place.path(to));
            if *gone {
                report.destroyed += u64::from(target.exists());
                shred(&target)?;
            } else {
                report.recordings += 1;
                // One that was destroyed this moment has its tombstone in the next backup.
                copy(&source, &target, None, report)?;
            }
            progress(done, all);
        }
        for (item, recording) in &plan.derived {
            let target = derived_path(to, *recording, *item);
            if plan.recordings.get(recording).copied().unwrap_or(false) {
                shred(&target)?;
            } else {
                copy(&path_now(from, *recording, *item), &target, None, report)?;
            }
        }
        for ((book, number), end) in &plan.segments {
            let place = Place::Log(*book, *number);
            copy(&place.path(from), &place.path(to), Some(*end), report)?;
        }
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.extension().is_some_and(|ending| ending == "sealed") {
                replace(&to.join(name), &fs::read(&path)?)?;
            }
        }
        for tree in BESIDES {
            copy_tree(&from.join(tree), &to.join(tree), report)?;
        }
        // The ledger last: until then the folder is the backup that it was.
        for place in [Place::Heads.path(Path::new("")), PathBuf::from("ledger/ledger.pub")] {
            if let Ok(octets) = fs::read(from.join(&place)) {
                replace(&to.join(&place), &octets)?;
            }
        }
        replace(&Place::Leaves.path(to), &leaves)?;
        replace(&Place::Head.path(to), &head)?;
        report.leaves = (leaves.len() / LEAF_BYTES) as u64;
        Ok(Ok(()))
    }
}

/// Brings a backup back as a store in `to`, which must be empty or not there; the keys are the site's to bring. What the book
/// of keeping says was destroyed is destroyed again when the store is opened, and what a `newer` copy of the ledger says
/// (DES-07).
///
/// # Errors
/// [`StoreError::Exists`]; [`StoreError::Rule`] when the backup does not verify; [`StoreError::Disk`].
pub fn restore(
    from: &Path,
    to: &Path,
    public: &LedgerPublic,
    newer: Option<&Path>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), StoreError> {
    if to.exists() && fs::read_dir(to).map_err(disk_error(to))?.next().is_some() {
        return Err(StoreError::Exists(to.to_path_buf()));
    }
    check(from, public, Depth::Content)?;
    let since = newer.map(|newer| tombstones(newer, public)).transpose()?;
    let mut report = BackupReport::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(from.join(&folder)).map_err(disk_error(from))? {
            let entry = entry.map_err(disk_error(from))?;
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
                continue;
            }
            copy(&entry.path(), &to.join(&path), None, &mut report).map_err(disk_error(to))?;
            progress(report.copied);
        }
    }
    if let Some(since) = since {
        let text = serde_json::to_vec(&since).unwrap_or_default();
        replace(&to.join(super::destroy::TOLD), &text).map_err(disk_error(to))?;
    }
    Ok(())
}

/// The recordings that the ledger of the copy in `dir` has tombstones of. Its leaves must be those of its signed head; nothing else
/// of it has to be there.
fn tombstones(dir: &Path, public: &LedgerPublic) -> Result<Vec<RecordingId>, StoreError> {
    let rule = || StoreError::Rule(format!("{}: its ledger is not that of this key", dir.display()));
    let read = |place: Place| {
        let path = place.path(dir);
        fs::read(&path).map_err(|error| disk_error(&path)(error))
    };
    let (leaves, head) = (read(Place::Leaves)?, read(Place::Head)?);
    let head = head.first_chunk().and_then(|head| TreeHead::verify(head, public)).ok_or_else(rule)?;
    let mut tree = Frontier::new(public.suite());
    let mut found = Vec::new();
    for bytes in leaves.as_chunks::<LEAF_BYTES>().0.iter().take(usize::try_from(head.size).unwrap_or(0)) {
        tree.push_leaf(bytes);
        if let Some(Item::Tombstone { recording, .. }) = Leaf::parse(bytes).map(|leaf| leaf.item) {
            found.push(recording);
        }
    }
    if (tree.size(), tree.root()) == (head.size, head.root) { Ok(found) } else { Err(rule()) }
}

/// That the copy in `dir` is whole.
fn check(dir: &Path, public: &LedgerPublic, depth: Depth) -> Result<(), StoreError> {
    let report = verify_copy(dir, public, "", depth, &mut |_, _| ())?;
    if report.is_clean() {
        return Ok(());
    }
    let words: Vec<String> = report.findings.iter().take(10).map(ToString::to_string).collect();
    Err(StoreError::Rule(format!("{} is not whole: {}", dir.display(), words.join("; "))))
}

/// The newest head and exactly the leaves that it covers. The writer goes on meanwhile: a head whose leaves are not all in
/// their file yet is looked for again.
fn snapshot(from: &Path, public: &LedgerPublic) -> io::Result<Option<([u8; HEAD_BYTES], Vec<u8>)>> {
    for _ in 0..TRIES {
        let head = fs::read(Place::Head.path(from))?;
        let head: Option<[u8; HEAD_BYTES]> = head.as_slice().try_into().ok();
        let told = head.and_then(|head| Some((head, TreeHead::verify(&head, public)?)));
        if let Some((head, told)) = told {
            let size = usize::try_from(told.size).unwrap_or(usize::MAX).saturating_mul(LEAF_BYTES);
            let mut leaves = fs::read(Place::Leaves.path(from))?;
            if leaves.len() >= size {
                leaves.truncate(size);
                return Ok(Some((head, leaves)));
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(None)
}

/// What the leaves name.
#[derive(Default)]
struct Plan {
    /// Each recording, and whether it was destroyed.
    recordings: BTreeMap<RecordingId, bool>,
    /// Each item, and the recording that it was made from.
    derived: BTreeMap<ItemId, RecordingId>,
    /// Each segment of a book, and where its last entry ends.
    segments: BTreeMap<(Book, u32), u64>,
}

impl Plan {
    fn of(leaves: &[u8]) -> Plan {
        let mut plan = Plan::default();
        for leaf in leaves.as_chunks::<LEAF_BYTES>().0.iter().filter_map(Leaf::parse) {
            match leaf.item {
                Item::Recording { recording, .. } => {
                    plan.recordings.entry(recording).or_insert(false);
                }
                Item::Tombstone { recording, .. } => {
                    plan.recordings.insert(recording, true);
                }
                Item::Derived { item, recording } => {
                    plan.derived.insert(item, recording);
                }
                _ => {}
            }
            if let Some((book, segment, offset)) = leaf.item.place() {
                let end = plan.segments.entry((book, segment)).or_default();
                *end = (*end).max(offset.saturating_add(leaf.len_bytes));
            }
        }
        plan
    }
}

/// Brings `target` up to the first `end` octets of `source` (all of them without). A sealed file only grows, and only its
/// front may be rewritten: a target of the same length and front is left alone.
fn copy(source: &Path, target: &Path, end: Option<u64>, report: &mut BackupReport) -> io::Result<()> {
    let mut file = match File::open(source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let len = end.unwrap_or(u64::MAX).min(file.metadata()?.len());
    let front = |file: &mut File| -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        file.take(FRONT.min(len)).read_to_end(&mut octets)?;
        Ok(octets)
    };
    if let Ok(mut there) = File::open(target)
        && there.metadata()?.len() == len
        && front(&mut there)? == front(&mut file)?
    {
        return Ok(());
    }
    if let Some(folder) = target.parent() {
        make_folder(folder)?;
    }
    file.seek(SeekFrom::Start(0))?;
    let fresh = target.with_extension("new");
    let mut to = private(&fresh)?;
    let (mut block, mut left) = (vec![0; BLOCK], len);
    while left > 0 {
        let room = block.get_mut(..usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)).unwrap_or_default();
        let count = file.read(room)?;
        if count == 0 {
            break;
        }
        to.write_all(room.get(..count).unwrap_or_default())?;
        left -= count as u64;
    }
    to.sync_all()?;
    fs::rename(&fresh, target)?;
    report.copied += 1;
    report.octets += len - left;
    Ok(())
}

/// Brings the files below `source` that are not in `target` yet there. Whatever lies there is written once.
fn copy_tree(source: &Path, target: &Path, report: &mut BackupReport) -> io::Result<()> {
    let entries = match fs::read_dir(source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let to = target.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_tree(&entry.path(), &to, report)?,
            false => copy(&entry.path(), &to, None, report)?,
        }
    }
    Ok(())
}

fn replace(target: &Path, octets: &[u8]) -> io::Result<()> {
    let fresh = target.with_extension("new");
    let mut to = private(&fresh)?;
    to.write_all(octets)?;
    to.sync_all()?;
    fs::rename(&fresh, target)
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
