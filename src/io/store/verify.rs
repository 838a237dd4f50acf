//! Verification: files against their seals, their leaves and each other; leaves against the signed heads.
//!
//! Invariant: it only reads, and whatever is wrong with one item is a finding about that item and stops nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use crate::base::{ItemId, RecordingId, Wall};
use crate::vault::{
    Book, Damage, DerivedStory, Frontier, Item, Kind, LEAF_BYTES, Leaf, LedgerPublic, Report, Scope, Subject,
    TreeHead,
};

use super::StoreError;
use super::derive::path_now;
use super::disk::{Place, day_folders, derived_named, derived_path, started};
use super::files::Files;
use super::heads::{Heads, found};

/// Leaves or heads read at once.
const PORTION: u64 = 4_096;
/// How often the running head is looked at when it does not cover the leaves.
const LOOKS: u32 = 20;
/// How many verified recordings are listed by name.
const LISTED: usize = 1_000;

pub(super) struct Verifier<'a> {
    pub files: &'a Files,
    pub public: LedgerPublic,
    /// Whether a recording runs now, asked again after everything was read.
    pub running: &'a dyn Fn(RecordingId) -> bool,
    /// Whether a destruction of it is under way or done, asked when its file is missing.
    pub leaving: &'a dyn Fn(RecordingId) -> bool,
    /// Waits until the writer has brought everything into the files.
    pub settle: &'a dyn Fn(),
    /// The segment of a book that the writer appends to, asked before a segment is read and after.
    pub open_log: &'a dyn Fn(Book) -> Option<u32>,
}

/// What the ledger says, as far as the scope needs it.
#[derive(Default)]
struct Leaves {
    /// Recordings that are to be verified.
    recordings: Vec<Leaf>,
    /// Entries of books by segment and place.
    entries: BTreeMap<(Book, u32), HashMap<u64, Leaf>>,
    /// Destroyed recordings and the leaves of their tombstones.
    gone: HashMap<RecordingId, u64>,
    /// Items derived from recordings that are to be verified.
    derived: Vec<Leaf>,
    /// Every such item of the ledger, sorted.
    known_derived: Vec<ItemId>,
    /// Every recording of the ledger, sorted.
    known: Vec<RecordingId>,
    next: u64,
}

impl Verifier<'_> {
    pub(super) fn run(&self, scope: Scope) -> Result<Report, StoreError> {
        let mut report = Report::new();
        (self.settle)();
        let leaves = self.ledger(scope, &mut report).map_err(super::disk_error(self.files.root()))?;
        if scope == Scope::Index {
            leaves.recordings.iter().for_each(|leaf| self.present(leaf, &leaves, &mut report));
            leaves.derived.iter().for_each(|leaf| self.item(leaf, &leaves, false, &mut report));
            return Ok(report);
        }
        for leaf in &leaves.recordings {
            self.recording(leaf, &leaves, &mut report);
        }
        leaves.derived.iter().for_each(|leaf| self.item(leaf, &leaves, true, &mut report));
        if let Scope::One(id) = scope {
            if leaves.recordings.is_empty() {
                self.without_leaf(id, &mut report)?;
            }
            return Ok(report);
        }
        for book in Book::ALL {
            self.book(book, &leaves, scope, &mut report).map_err(super::disk_error(self.files.root()))?;
        }
        self.strangers(&leaves, scope, &mut report).map_err(super::disk_error(self.files.root()))?;
        Ok(report)
    }

    /// Hashes all leaves and holds them against all heads.
    fn ledger(&self, scope: Scope, report: &mut Report) -> io::Result<Leaves> {
        let (running, count) = self.newest_head()?;
        let present = count.min(self.files.len(Place::Leaves)? / LEAF_BYTES as u64);
        let kept =
            Heads::kept(self.files.heads(), &self.public, |from, count| self.files.read_heads(from, count))?;
        let mut heads = Heads::new(kept, running);
        let suite = self.public.suite();
        let mut leaves = Leaves::default();
        let mut frontier = Frontier::new(suite);
        heads.check(&frontier, report);
        while frontier.size() < present {
            let portion = (present - frontier.size()).min(PORTION);
            let bytes = self.files.read_leaves(frontier.size(), portion)?;
            for bytes in bytes.as_chunks::<LEAF_BYTES>().0 {
                let number = frontier.size();
                frontier.push_leaf(bytes);
                match Leaf::parse(bytes).filter(|leaf| leaf.number == number && leaf.suite == suite) {
                    Some(leaf) => leaves.take(leaf, scope),
                    None => found(report, Subject::Ledger, Damage::Leaf { leaf: number }),
                }
                heads.check(&frontier, report);
            }
            if (bytes.len() as u64) < portion * LEAF_BYTES as u64 {
                break;
            }
        }
        heads.finish(frontier.size(), count, report);
        report.leaves = frontier.size();
        leaves.next = frontier.size();
        leaves.known.sort_unstable();
        leaves.known_derived.sort_unstable();
        Ok(leaves)
    }

    /// The running head (inner `None`: its signature does not hold) and how many leaves are in their file. The writer may
    /// be between the two: then both are looked at again.
    fn newest_head(&self) -> io::Result<(Option<Option<TreeHead>>, u64)> {
        let mut looks = 0;
        loop {
            let before = self.files.leaves();
            let bytes = self.files.read_running_head()?;
            let head = bytes.first_chunk().and_then(|head| TreeHead::verify(head, &self.public));
            let covers = bytes.is_empty() || head.is_some_and(|head| head.size == before);
            looks += 1;
            if (covers && self.files.leaves() == before) || looks == LOOKS {
                return Ok(((!bytes.is_empty()).then_some(head), before));
            }
            (self.settle)();
        }
    }

    /// Whether the file of `leaf` is there with its length.
    fn present(&self, leaf: &Leaf, leaves: &Leaves, report: &mut Report) {
        let Item::Recording { recording, .. } = leaf.item else { return };
        let place = Place::Recording(recording);
        let subject = Subject::Recording(recording);
        match (self.files.len(place), leaves.gone.get(&recording)) {
            (Ok(0), Some(_)) => report.destroyed += 1,
            (Ok(_), Some(leaf)) => found(report, subject, Damage::Undead { leaf: *leaf }),
            (Ok(0), None) if (self.leaving)(recording) => report.destroyed += 1,
            (Ok(0), None) => found(report, subject, Damage::Gone { leaf: leaf.number }),
            (Ok(len), None) if len == leaf.len_bytes => report.recordings += 1,
            (Ok(_), None) => found(report, subject, Damage::NotTheLeaf { leaf: leaf.number }),
            (Err(error), _) => found(report, subject, Damage::Unreadable { why: error.to_string() }),
        }
    }

    fn recording(&self, leaf: &Leaf, leaves: &Leaves, report: &mut Report) {
        let Item::Recording { recording, call, ended } = leaf.item else { return };
        let subject = || Subject::Recording(recording);
        let number = leaf.number;
        if let Some(leaf) = leaves.gone.get(&recording).copied() {
            match Place::Recording(recording).path(self.files.root()).exists() {
                true => found(report, subject(), Damage::Undead { leaf }),
                false => report.destroyed += 1,
            }
            return;
        }
        let (story, examined) = match self.files.story(recording) {
            Ok(read) => read,
            Err(StoreError::NotFound(_)) if (self.leaving)(recording) => {
                report.destroyed += 1;
                return;
            }
            Err(StoreError::NotFound(_)) => return found(report, subject(), Damage::Gone { leaf: number }),
            Err(error) => return found(report, subject(), Damage::Unreadable { why: error.to_string() }),
        };
        let before = report.findings.len();
        for damage in examined.damages.into_iter().chain(story.damages) {
            found(report, subject(), damage);
        }
        let facts = examined.header.map(|header| header.call) == Some(call)
            && story.closing.as_ref().map(|closing| closing.ended) == Some(ended);
        let same = examined.sealed.hash == leaf.hash && examined.sealed.len_bytes == leaf.len_bytes;
        if !same || (report.findings.len() == before && !facts) {
            found(report, subject(), Damage::NotTheLeaf { leaf: number });
        }
        if report.findings.len() == before {
            report.recordings += 1;
            if report.ended.len() < LISTED {
                report.ended.push((recording, ended));
            }
        }
    }

    /// An item derived from a recording: there with its length, and (`content`) every octet as it was sealed.
    fn item(&self, leaf: &Leaf, leaves: &Leaves, content: bool, report: &mut Report) {
        let Item::Derived { item, recording } = leaf.item else { return };
        let subject = || Subject::Derived(recording, item);
        let path = path_now(self.files.root(), recording, item);
        let number = leaf.number;
        if let Some(leaf) = leaves.gone.get(&recording).copied() {
            if path.exists() {
                found(report, subject(), Damage::Undead { leaf });
            }
            return;
        }
        let before = report.findings.len();
        match self.read_item(recording, item, &path, leaf, content) {
            Ok(damages) => damages.into_iter().for_each(|damage| found(report, subject(), damage)),
            Err(StoreError::NoItem(..)) if (self.leaving)(recording) => return,
            Err(StoreError::NoItem(..)) => found(report, subject(), Damage::Gone { leaf: number }),
            Err(error) => found(report, subject(), Damage::Unreadable { why: error.to_string() }),
        }
        report.derived += u64::from(report.findings.len() == before);
    }

    /// What is wrong with an item's file.
    fn read_item(
        &self,
        recording: RecordingId,
        item: ItemId,
        path: &Path,
        leaf: &Leaf,
        content: bool,
    ) -> Result<Vec<Damage>, StoreError> {
        if !content {
            return match std::fs::metadata(path) {
                Ok(facts) if facts.len() == leaf.len_bytes => Ok(Vec::new()),
                Ok(_) => Ok(vec![Damage::NotTheLeaf { leaf: leaf.number }]),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(StoreError::NoItem(recording, item))
                }
                Err(error) => Err(super::disk_error(path)(error)),
            };
        }
        let mut story = DerivedStory::default();
        let examined = self.files.walk_derived(recording, item, |piece| story.take(piece))?;
        let of = examined.header.map(|header| header.call.to_bytes());
        let told = story.derivation.map(|derivation| derivation.of);
        let mut damages = examined.damages;
        damages.extend(story.damages);
        let same = (examined.sealed.hash, examined.sealed.len_bytes) == (leaf.hash, leaf.len_bytes);
        let whose = (of, told) == (Some(recording.to_bytes()), Some(recording));
        if !same || (damages.is_empty() && !whose) {
            damages.push(Damage::NotTheLeaf { leaf: leaf.number });
        }
        Ok(damages)
    }

    /// A recording that the ledger does not know: it runs, or it has no business here.
    fn without_leaf(&self, id: RecordingId, report: &mut Report) -> Result<(), StoreError> {
        let running = (self.running)(id);
        let (story, examined) = self.files.story(id)?;
        for damage in examined.damages.into_iter().chain(story.damages) {
            // The end of a file that grows is not there yet.
            let growing = running && matches!(damage, Damage::NoClosing { .. } | Damage::Torn { .. });
            if !growing {
                found(report, Subject::Recording(id), damage);
            }
        }
        if !running {
            found(report, Subject::Recording(id), Damage::NotInLedger);
        } else if report.is_clean() {
            report.recordings += 1;
        }
        Ok(())
    }

    /// Walks the segments of `book` that hold entries of the scope, or all.
    fn book(&self, book: Book, leaves: &Leaves, scope: Scope, report: &mut Report) -> io::Result<()> {
        // From here on a segment may grow that is open now, or is begun later.
        (self.settle)();
        let open = (self.open_log)(book);
        let whole = scope == Scope::All || (scope == Scope::Audit && book == Book::Audit);
        let mut strangers = Vec::new();
        let mut numbers: Vec<u32> =
            leaves.entries.keys().filter(|(of, _)| *of == book).map(|(_, number)| *number).collect();
        if whole {
            numbers.extend(self.files.logs(book)?);
            numbers.sort_unstable();
            numbers.dedup();
        }
        for number in numbers {
            let growing = || open.is_some_and(|open| number >= open) || (self.open_log)(book) == Some(number);
            self.segment((book, number), leaves, &growing, report, &mut strangers);
        }
        if whole && !strangers.is_empty() {
            let later = self.later(leaves)?;
            for (subject, number, offset) in strangers {
                if !later.entries.get(&(book, number)).is_some_and(|places| places.contains_key(&offset)) {
                    found(report, subject, Damage::NotInLedger);
                }
            }
        }
        Ok(())
    }

    /// Walks one segment; entries that no leaf tells of are added to `strangers`.
    fn segment(
        &self,
        (book, number): (Book, u32),
        leaves: &Leaves,
        growing: &dyn Fn() -> bool,
        report: &mut Report,
        strangers: &mut Vec<(Subject, u32, u64)>,
    ) {
        let wanted = leaves.entries.get(&(book, number)).into_iter().flatten();
        let mut wanted: HashMap<u64, &Leaf> = wanted.map(|(offset, leaf)| (*offset, leaf)).collect();
        let (mut sound, mut altered) = (0, Vec::new());
        let examined = self.files.walk_log(book, number, |piece| {
            if piece.kind != Kind::Entry {
                return;
            }
            let call = match book {
                Book::Cdr => crate::vault::CdrEntry::parse(piece.plaintext).map(|entry| entry.call),
                _ => None,
            };
            match wanted.remove(&piece.offset) {
                Some(leaf) if piece.hash == Some(leaf.hash) && call == leaf.item.cdr_call() => sound += 1,
                Some(leaf) => altered.push(*leaf),
                None => {
                    let subject = call.map_or(Subject::Log(book, number), Subject::Cdr);
                    strangers.push((subject, number, piece.offset));
                }
            }
        });
        match book {
            Book::Cdr => report.cdrs += sound,
            _ => report.entries += sound,
        }
        match examined {
            Ok(examined) => {
                let growing = growing();
                let ends = |damage: &Damage| matches!(damage, Damage::NoClosing { .. } | Damage::Torn { .. });
                for damage in examined.damages.into_iter().filter(|damage| !(growing && ends(damage))) {
                    found(report, Subject::Log(book, number), damage);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                found(report, Subject::Log(book, number), Damage::Unreadable { why: error.to_string() });
            }
        }
        let subject =
            |leaf: &Leaf| leaf.item.cdr_call().map_or(Subject::Entry(book, leaf.number), Subject::Cdr);
        for leaf in altered {
            found(report, subject(&leaf), Damage::NotTheLeaf { leaf: leaf.number });
        }
        let mut gone: Vec<&Leaf> = wanted.into_values().collect();
        gone.sort_by_key(|leaf| leaf.number);
        for leaf in gone {
            found(report, subject(leaf), Damage::Gone { leaf: leaf.number });
        }
    }

    /// Files without a leaf.
    fn strangers(&self, leaves: &Leaves, scope: Scope, report: &mut Report) -> io::Result<()> {
        if scope == Scope::Audit {
            return Ok(());
        }
        let (mut candidates, mut items) = (Vec::new(), Vec::new());
        for day in day_folders(self.files.root())? {
            for entry in std::fs::read_dir(&day)? {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
                let id = name.strip_suffix(".llr").and_then(|id| id.parse::<RecordingId>().ok());
                let in_place = id.is_some_and(|id| Place::Recording(id).path(self.files.root()) == path);
                let derived = derived_named(name)
                    .filter(|(of, item)| derived_path(self.files.root(), *of, *item) == path);
                match id.filter(|_| in_place) {
                    Some(id) => candidates.push(id),
                    None if derived.is_some() => items.extend(derived),
                    None if scope == Scope::All => {
                        let path = path.strip_prefix(self.files.root()).unwrap_or(&path);
                        found(report, Subject::File(path.display().to_string()), Damage::NotInLedger);
                    }
                    None => {}
                }
            }
        }
        candidates.retain(|id| within(scope, started(*id)) && leaves.known.binary_search(id).is_err());
        items.retain(|(_, item)| leaves.known_derived.binary_search(item).is_err());
        if candidates.is_empty() && items.is_empty() {
            return Ok(());
        }
        let later = self.later(leaves)?;
        for id in candidates {
            let exists = Place::Recording(id).path(self.files.root()).exists();
            if exists && !(self.running)(id) && later.known.binary_search(&id).is_err() {
                found(report, Subject::Recording(id), Damage::NotInLedger);
            }
        }
        for (recording, item) in items {
            let exists = derived_path(self.files.root(), recording, item).exists();
            if exists && later.known_derived.binary_search(&item).is_err() {
                found(report, Subject::Derived(recording, item), Damage::NotInLedger);
            }
        }
        Ok(())
    }

    /// Leaves that came since the ledger was read: what the writer did meanwhile is no finding.
    fn later(&self, leaves: &Leaves) -> io::Result<Leaves> {
        (self.settle)();
        let mut later = Leaves::default();
        let count = self.files.leaves().saturating_sub(leaves.next);
        if count > 0 {
            let bytes = self.files.read_leaves(leaves.next, count)?;
            for leaf in bytes.as_chunks::<LEAF_BYTES>().0.iter().filter_map(Leaf::parse) {
                later.take(leaf, Scope::All);
            }
        }
        later.known.sort_unstable();
        later.known_derived.sort_unstable();
        Ok(later)
    }
}

impl Leaves {
    fn take(&mut self, leaf: Leaf, scope: Scope) {
        if let Item::Recording { recording, .. } = leaf.item {
            let wanted = match scope {
                Scope::One(one) => one == recording,
                _ => within(scope, leaf.at),
            };
            if wanted {
                self.recordings.push(leaf);
            }
            self.known.push(recording);
        }
        if let Item::Derived { item, recording } = leaf.item {
            let wanted = match scope {
                Scope::One(one) => one == recording,
                _ => within(scope, leaf.at),
            };
            self.derived.extend(wanted.then_some(leaf));
            self.known_derived.push(item);
        }
        if let Item::Tombstone { recording, .. } = leaf.item {
            self.gone.insert(recording, leaf.number);
        }
        if let Some((book, segment, offset)) = leaf.item.place()
            && (within(scope, leaf.at) || (scope == Scope::Audit && book == Book::Audit))
        {
            self.entries.entry((book, segment)).or_default().insert(offset, leaf);
        }
    }
}

fn within(scope: Scope, at: Wall) -> bool {
    match scope {
        Scope::All | Scope::Index => true,
        Scope::Between { from, until } => from <= at && at < until,
        Scope::One(_) | Scope::Audit => false,
    }
}
