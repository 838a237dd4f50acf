//! Verification of a copy of a store, on any machine, with the ledger's public key and the heads that were kept outside:
//! no secret key, no running node, nothing written.
//!
//! Invariant: what is found here is found by a stranger too; content is compared by hash, not opened.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::derive::path_now;
use super::disk::{Disk, Place, RealDisk, day_folders, derived_in, recordings_in};
use super::heads::{Heads, found};
use super::{StoreError, disk_error};
use crate::base::{ItemId, RecordingId, bounds};
use crate::vault::{
    Book, Damage, Frontier, HEAD_BYTES, Hash, Header, Item, LEAF_BYTES, Leaf, LedgerPublic, Report, Subject,
    Suite, TreeHead, unhex,
};

/// Leaves read at once.
const PORTION: usize = 4_096 * LEAF_BYTES;
/// Octets of content read at once.
const CONTENT: usize = 256 << 10;
/// How many verified recordings are listed by name.
const LISTED: usize = 1_000;

/// How deep a copy is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Leaves, heads, and that every file is there with its length.
    Index,
    /// The content of every file too.
    Content,
}

/// Checks the store at `dir` under `public`. `outside` is the text of a file of heads as `[store] heads_to` writes it;
/// `progress` gets (done, all) files now and then.
///
/// # Errors
/// [`StoreError::Disk`] when the ledger cannot be read; what is wrong with items is in the report.
pub fn verify_copy(
    dir: &Path,
    public: &LedgerPublic,
    outside: &str,
    depth: Depth,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let mut report = Report::new();
    let mut copy = Copy {
        suite: public.suite(),
        dir,
        known: HashMap::new(),
        derived: HashMap::new(),
        entries: BTreeMap::new(),
        gone: HashMap::new(),
    };
    let outside = Outside::read(outside, public, &mut report);
    copy.ledger(public, outside, &mut report).map_err(disk_error(dir))?;
    copy.recordings(depth, &mut report, progress).map_err(disk_error(dir))?;
    copy.items(depth, &mut report).map_err(disk_error(dir))?;
    copy.books(depth, &mut report).map_err(disk_error(dir))?;
    Ok(report)
}

struct Copy<'d> {
    suite: Suite,
    dir: &'d Path,
    known: HashMap<RecordingId, Leaf>,
    derived: HashMap<ItemId, Leaf>,
    entries: BTreeMap<(Book, u32), Vec<Leaf>>,
    /// Destroyed recordings and the leaves of their tombstones.
    gone: HashMap<RecordingId, u64>,
}

/// Heads from outside by their size: line and root.
struct Outside {
    by_size: BTreeMap<u64, Vec<(u64, [u8; 32])>>,
    /// The highest number of a head that was kept outside.
    last: Option<u64>,
}

impl Outside {
    fn read(text: &str, public: &LedgerPublic, report: &mut Report) -> Outside {
        let mut last = None;
        let mut heads: BTreeMap<u64, Vec<(u64, [u8; 32])>> = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            match head_in(text).and_then(|bytes| TreeHead::verify(&bytes, public)) {
                Some(head) => {
                    last = last.max(Some(head.number));
                    heads.entry(head.size).or_default().push((line, head.root));
                }
                None => found(report, Subject::Ledger, Damage::OutsideHead { line }),
            }
        }
        Outside { by_size: heads, last }
    }

    fn check(&self, tree: &Frontier, report: &mut Report) {
        for (line, root) in self.by_size.get(&tree.size()).into_iter().flatten() {
            report.heads += 1;
            if *root != tree.root() {
                found(report, Subject::Ledger, Damage::Outside { line: *line, size: tree.size() });
            }
        }
    }

    /// Heads over more leaves than there are, and heads that are not kept here any more.
    fn finish(&self, present: u64, kept: u64, report: &mut Report) {
        if let Some(last) = self.last.filter(|last| *last >= kept) {
            found(report, Subject::Ledger, Damage::Head { head: last });
        }
        if let Some((signed, _)) = self.by_size.range(present + 1..).next_back() {
            found(report, Subject::Ledger, Damage::LedgerCut { signed: *signed, present });
        }
    }
}

/// The head in a line: a JSON object with a member `head`, or the 272 digits alone; syslog may have put words before.
fn head_in(line: &str) -> Option<[u8; HEAD_BYTES]> {
    let begin = line.find('{').map_or(line, |at| line.get(at..).unwrap_or_default());
    let value: Option<serde_json::Value> = serde_json::from_str(begin).ok();
    match value.as_ref().and_then(|value| value.get("head")?.as_str()) {
        Some(text) => unhex(text),
        None => unhex(line.trim()),
    }
}

impl Copy<'_> {
    fn read(&self, place: Place) -> io::Result<File> {
        File::open(place.path(self.dir))
    }

    fn len(&self, place: Place) -> io::Result<u64> {
        Ok(RealDisk::new(self.dir).len(place)?.unwrap_or(0))
    }

    fn ledger(&mut self, public: &LedgerPublic, outside: Outside, report: &mut Report) -> io::Result<()> {
        let (present, kept) = (self.len(Place::Leaves)?, self.len(Place::Heads)?);
        if kept % HEAD_BYTES as u64 != 0 {
            found(report, Subject::Ledger, Damage::Head { head: kept / HEAD_BYTES as u64 });
        }
        if present % LEAF_BYTES as u64 != 0 {
            found(report, Subject::Ledger, Damage::Leaf { leaf: present / LEAF_BYTES as u64 });
        }
        let present = present / LEAF_BYTES as u64;
        let kept_count = kept / HEAD_BYTES as u64;
        let file = self.read(Place::Heads).ok();
        let kept = Heads::kept(kept / HEAD_BYTES as u64, public, |from, count| {
            let mut bytes = vec![0; count as usize * HEAD_BYTES];
            if let Some(file) = &file {
                file.read_exact_at(&mut bytes, from * HEAD_BYTES as u64)?;
            }
            Ok(bytes)
        })?;
        let running = match std::fs::read(Place::Head.path(self.dir)) {
            Ok(bytes) => {
                Some(bytes.as_slice().try_into().ok().and_then(|bytes| TreeHead::verify(bytes, public)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut heads = Heads::new(kept, running);
        let mut tree = Frontier::new(self.suite);
        heads.check(&tree, report);
        if let Ok(mut file) = self.read(Place::Leaves) {
            let mut portion = vec![0; PORTION];
            while tree.size() < present {
                let left = ((present - tree.size()) as usize).saturating_mul(LEAF_BYTES).min(PORTION);
                let portion = portion.get_mut(..left).unwrap_or_default();
                file.read_exact(portion)?;
                for bytes in portion.as_chunks::<LEAF_BYTES>().0 {
                    self.leaf(bytes, tree.size(), report);
                    tree.push_leaf(bytes);
                    heads.check(&tree, report);
                    outside.check(&tree, report);
                }
            }
        }
        heads.finish(present, present, report);
        outside.finish(present, kept_count, report);
        report.leaves = present;
        Ok(())
    }

    fn leaf(&mut self, bytes: &[u8; LEAF_BYTES], number: u64, report: &mut Report) {
        let Some(leaf) = Leaf::parse(bytes).filter(|leaf| leaf.number == number && leaf.suite == self.suite)
        else {
            return found(report, Subject::Ledger, Damage::Leaf { leaf: number });
        };
        match leaf.item {
            Item::Recording { recording, .. } => {
                self.known.insert(recording, leaf);
            }
            Item::Tombstone { recording, .. } => {
                self.gone.insert(recording, number);
            }
            Item::Derived { item, .. } => {
                self.derived.insert(item, leaf);
            }
            _ => {}
        }
        if let Some((book, segment, _)) = leaf.item.place() {
            self.entries.entry((book, segment)).or_default().push(leaf);
        }
    }

    fn recordings(
        &mut self,
        depth: Depth,
        report: &mut Report,
        progress: &mut dyn FnMut(u64, u64),
    ) -> io::Result<()> {
        let (mut done, all) = (0, self.known.len() as u64);
        for day in day_folders(self.dir)? {
            for id in recordings_in(&day)? {
                let subject = Subject::Recording(id);
                let Some(leaf) = self.known.remove(&id) else {
                    found(report, subject, Damage::NotInLedger);
                    continue;
                };
                if let Some(leaf) = self.gone.get(&id).copied() {
                    found(report, subject, Damage::Undead { leaf });
                    continue;
                }
                match same(&Place::Recording(id).path(self.dir), &leaf, depth) {
                    Ok(true) => {
                        report.recordings += 1;
                        if let (true, Item::Recording { ended, .. }) =
                            (report.ended.len() < LISTED, leaf.item)
                        {
                            report.ended.push((id, ended));
                        }
                    }
                    Ok(false) => found(report, subject, Damage::NotTheLeaf { leaf: leaf.number }),
                    Err(error) => found(report, subject, Damage::Unreadable { why: error.to_string() }),
                }
                done += 1;
                if done % 256 == 0 {
                    progress(done, all);
                }
            }
        }
        let mut missing: Vec<(&RecordingId, &Leaf)> = self.known.iter().collect();
        missing.sort_by_key(|(_, leaf)| leaf.number);
        for (id, leaf) in missing {
            match self.gone.contains_key(id) {
                true => report.destroyed += 1,
                false => found(report, Subject::Recording(*id), Damage::Gone { leaf: leaf.number }),
            }
        }
        progress(all, all);
        Ok(())
    }

    /// Items derived from recordings.
    fn items(&mut self, depth: Depth, report: &mut Report) -> io::Result<()> {
        for day in day_folders(self.dir)? {
            for (recording, item) in derived_in(&day)? {
                if !self.derived.contains_key(&item) {
                    found(report, Subject::Derived(recording, item), Damage::NotInLedger);
                }
            }
        }
        let mut leaves: Vec<Leaf> = std::mem::take(&mut self.derived).into_values().collect();
        leaves.sort_by_key(|leaf| leaf.number);
        for leaf in leaves {
            let Item::Derived { item, recording } = leaf.item else { continue };
            let (subject, path) = (Subject::Derived(recording, item), path_now(self.dir, recording, item));
            let damage = match (self.gone.get(&recording), path.exists()) {
                (Some(_), false) => continue,
                (Some(leaf), true) => Damage::Undead { leaf: *leaf },
                (None, false) => Damage::Gone { leaf: leaf.number },
                (None, true) => match same(&path, &leaf, depth) {
                    Ok(true) => {
                        report.derived += 1;
                        continue;
                    }
                    Ok(false) => Damage::NotTheLeaf { leaf: leaf.number },
                    Err(error) => Damage::Unreadable { why: error.to_string() },
                },
            };
            found(report, subject, damage);
        }
        Ok(())
    }

    fn books(&mut self, depth: Depth, report: &mut Report) -> io::Result<()> {
        for ((book, number), leaves) in std::mem::take(&mut self.entries) {
            let place = Place::Log(book, number);
            let len = self.len(place)?;
            let file = self.read(place).ok();
            for leaf in leaves {
                let subject = leaf.item.cdr_call().map_or(Subject::Entry(book, leaf.number), Subject::Cdr);
                let Some((_, _, offset)) = leaf.item.place() else { continue };
                let there = offset.checked_add(leaf.len_bytes).is_some_and(|end| end <= len);
                let holds = match (&file, depth) {
                    (Some(file), Depth::Content) if there => {
                        chunk_hash(self.suite, file, offset, leaf.len_bytes)? == leaf.hash
                    }
                    (Some(_), Depth::Index) => there,
                    _ => false,
                };
                match (holds, book) {
                    (false, _) if !there => found(report, subject, Damage::Gone { leaf: leaf.number }),
                    (false, _) => found(report, subject, Damage::NotTheLeaf { leaf: leaf.number }),
                    (true, Book::Cdr) => report.cdrs += 1,
                    (true, _) => report.entries += 1,
                }
            }
        }
        Ok(())
    }
}

fn chunk_hash(suite: Suite, file: &File, offset: u64, len: u64) -> io::Result<[u8; 32]> {
    // No chunk is longer, whatever a leaf may say.
    let mut bytes = vec![0; len.min(2 * bounds::CHUNK_BYTES as u64) as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(suite.digest(&bytes))
}

/// Whether the file at `path` is that of `leaf`.
fn same(path: &Path, leaf: &Leaf, depth: Depth) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != leaf.len_bytes {
        return Ok(false);
    }
    if depth == Depth::Index {
        return Ok(true);
    }
    // Whose file it is, and what of: a recording's call, an item's recording.
    let (id, of) = match leaf.item {
        Item::Recording { recording, call, .. } => (recording.to_bytes(), call.to_bytes()),
        Item::Derived { item, recording } => (item.to_bytes(), recording.to_bytes()),
        _ => return Ok(false),
    };
    let mut portion = vec![0; CONTENT];
    let mut front = file.read(&mut portion)?;
    while front < Header::MAX_BYTES.min(leaf.len_bytes as usize) {
        match file.read(portion.get_mut(front..).unwrap_or_default())? {
            0 => break,
            count => front += count,
        }
    }
    let bytes = portion.get(..front).unwrap_or_default();
    let Ok(header) = Header::parse(bytes) else { return Ok(false) };
    let slot = Header::slot_range(header.len_bytes);
    let mut hash = Hash::new(header.suite);
    hash.update(bytes.get(..slot.start).unwrap_or_default());
    hash.update(bytes.get(slot.end..).unwrap_or_default());
    loop {
        match file.read(&mut portion)? {
            0 => break,
            count => hash.update(portion.get(..count).unwrap_or_default()),
        }
    }
    let ours = (header.suite, header.id.to_bytes(), header.call.to_bytes()) == (leaf.suite, id, of);
    Ok(ours && hash.finish() == leaf.hash)
}
