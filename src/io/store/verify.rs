//! Verification: files against their seals, their leaves and each other; leaves against the signed heads.
//!
//! Invariant: it only reads, and whatever is wrong with one item is a finding about that item and stops nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;

use crate::base::{RecordingId, Wall};
use crate::vault::{
    Book, Damage, Finding, Frontier, HEAD_BYTES, Item, Kind, LEAF_BYTES, Leaf, LedgerPublic, Report, Scope,
    Subject, TreeHead, leaf_hash,
};

use super::StoreError;
use super::disk::{Place, day_folders, started};
use super::files::Files;

/// Leaves or heads read at once.
const PORTION: u64 = 4_096;
/// How many verified recordings are listed by name.
const LISTED: usize = 1_000;

pub(super) struct Verifier<'a> {
    pub files: &'a Files,
    pub public: LedgerPublic,
    /// Whether a recording runs now, asked again after everything was read.
    pub running: &'a dyn Fn(RecordingId) -> bool,
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
    /// Every recording of the ledger, sorted.
    known: Vec<RecordingId>,
    next: u64,
}

impl Verifier<'_> {
    pub(super) fn run(&self, scope: Scope) -> Result<Report, StoreError> {
        let mut report = Report::new();
        (self.settle)();
        let leaves = self.ledger(scope, &mut report).map_err(super::disk_error(self.files.root()))?;
        for leaf in &leaves.recordings {
            self.recording(leaf, &mut report);
        }
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
        let (count, heads) = (self.files.leaves(), self.files.heads());
        let present = count.min(self.files.len(Place::Leaves)? / LEAF_BYTES as u64);
        let mut heads = Heads::new(self, heads)?;
        let mut leaves = Leaves::default();
        let mut frontier = Frontier::new();
        heads.check(&frontier, report);
        while frontier.size() < present {
            let portion = (present - frontier.size()).min(PORTION);
            let bytes = self.files.read_leaves(frontier.size(), portion)?;
            for bytes in bytes.as_chunks::<LEAF_BYTES>().0 {
                let number = frontier.size();
                frontier.push(leaf_hash(bytes));
                match Leaf::parse(bytes).filter(|leaf| leaf.number == number) {
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
        Ok(leaves)
    }

    fn recording(&self, leaf: &Leaf, report: &mut Report) {
        let Item::Recording { recording, call, ended } = leaf.item else { return };
        let subject = || Subject::Recording(recording);
        let number = leaf.number;
        let (story, examined) = match self.files.story(recording) {
            Ok(read) => read,
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
        let mut candidates = Vec::new();
        for day in day_folders(self.files.root())? {
            for entry in std::fs::read_dir(&day)? {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
                let id = name.strip_suffix(".llr").and_then(|id| id.parse::<RecordingId>().ok());
                let in_place = id.is_some_and(|id| Place::Recording(id).path(self.files.root()) == path);
                match id.filter(|_| in_place) {
                    Some(id) => candidates.push(id),
                    None if scope == Scope::All => {
                        let path = path.strip_prefix(self.files.root()).unwrap_or(&path);
                        found(report, Subject::File(path.display().to_string()), Damage::NotInLedger);
                    }
                    None => {}
                }
            }
        }
        candidates.retain(|id| within(scope, started(*id)) && leaves.known.binary_search(id).is_err());
        if candidates.is_empty() {
            return Ok(());
        }
        let later = self.later(leaves)?;
        for id in candidates {
            let exists = Place::Recording(id).path(self.files.root()).exists();
            if exists && !(self.running)(id) && later.known.binary_search(&id).is_err() {
                found(report, Subject::Recording(id), Damage::NotInLedger);
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
        if let Some((book, segment, offset)) = leaf.item.place()
            && (within(scope, leaf.at) || (scope == Scope::Audit && book == Book::Audit))
        {
            self.entries.entry((book, segment)).or_default().insert(offset, leaf);
        }
    }
}

fn within(scope: Scope, at: Wall) -> bool {
    match scope {
        Scope::All => true,
        Scope::Between { from, until } => from <= at && at < until,
        Scope::One(_) | Scope::Audit => false,
    }
}

fn found(report: &mut Report, subject: Subject, damage: Damage) {
    report.findings.push(Finding { subject, damage });
}

/// The signed heads, held against the tree as it grows.
struct Heads {
    /// Number and content (`None`: its signature does not hold), in order.
    heads: std::iter::Peekable<std::vec::IntoIter<(u64, Option<TreeHead>)>>,
    /// Leaves under the last head that agreed.
    agreed: u64,
    /// A head did not agree: those after it cannot.
    broken: bool,
    highest: u64,
}

impl Heads {
    fn new(verifier: &Verifier<'_>, count: u64) -> io::Result<Heads> {
        let present = count.min(verifier.files.len(Place::Heads)? / HEAD_BYTES as u64);
        let mut heads = Vec::new();
        let mut next = 0;
        while next < present {
            let bytes = verifier.files.read_heads(next, (present - next).min(PORTION))?;
            for bytes in bytes.as_chunks::<HEAD_BYTES>().0 {
                let head = TreeHead::verify(bytes, &verifier.public).filter(|head| head.number == next);
                heads.push((next, head));
                next += 1;
            }
            if bytes.len() < HEAD_BYTES {
                break;
            }
        }
        // Heads that are not there any more.
        heads.extend((present..count).map(|number| (number, None)));
        Ok(Heads { heads: heads.into_iter().peekable(), agreed: 0, broken: false, highest: 0 })
    }

    /// Checks the heads of exactly this size.
    fn check(&mut self, tree: &Frontier, report: &mut Report) {
        while let Some((number, head)) =
            self.heads.next_if(|(_, head)| head.is_none_or(|head| head.size <= tree.size()))
        {
            report.heads += 1;
            let Some(head) = head else {
                found(report, Subject::Ledger, Damage::Head { head: number });
                continue;
            };
            self.highest = self.highest.max(head.size);
            if head.size == tree.size() && head.root == tree.root() {
                self.agreed = head.size;
            } else if !std::mem::replace(&mut self.broken, true) {
                let (from, to) = (self.agreed, head.size.saturating_sub(1));
                found(report, Subject::Ledger, Damage::Root { from, to, head: number });
            }
        }
    }

    /// What is left when all leaves were read.
    fn finish(mut self, present: u64, published: u64, report: &mut Report) {
        let beyond =
            self.heads.by_ref().filter_map(|(_, head)| head).map(|head| head.size).max().unwrap_or(0);
        let signed = beyond.max(published);
        if signed > present {
            found(report, Subject::Ledger, Damage::LedgerCut { signed, present });
        } else if self.highest < present {
            found(report, Subject::Ledger, Damage::Unsigned { from: self.highest });
        }
    }
}
