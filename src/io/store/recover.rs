//! What a start does with what the last run left: the journal is applied, the ledger's edge found, and whatever has no
//! closing record is lined up to be closed as "ended by crash".
//!
//! Invariant: every step may be cut and repeated. Old segments are removed only by the checkpoint after the new
//! segment is durable.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::time::Duration;

use crate::base::{RecordingId, Time, Wall, bounds};
use crate::vault::{
    Book, Content, Damage, Examined, Frontier, Glance, HEAD_BYTES, Item, Keyring, LEAF_BYTES, Leaf, Opener,
    Piece, Sealer, Story, Suite, TreeHead,
};

use super::checkpoint::Checkpoint;
use super::disk::{Disk, Place};
use super::journal::{Batches, Write};
use super::note::Setup;
use super::running::Running;
use super::writer::Writer;

/// Octets read at once.
const PORTION: usize = 256 << 10;
/// How much older than its segment the id of a recording may be that began in it.
const SLACK: Duration = Duration::from_secs(5);

/// Applies what the journal holds and makes a writer of what is found. Recordings that a crash cut are closed one by
/// one with the writer's flushes ([`Writer::is_settled`]).
pub(super) fn recover<D: Disk>(mut disk: D, setup: Setup, now: Time, wall: Wall) -> io::Result<Writer<D>> {
    let segments = disk.journals()?;
    let mut found = Found::default();
    for segment in &segments {
        found.read(&mut disk, *segment);
    }
    sync(&mut disk, &found.touched)?;
    let edge = Edge::find(&mut disk, &found, setup.ledger_key.suite())?;
    let crashed = found.unclosed(&mut disk, &setup.keys.get(), &edge)?;
    // A file that no journal knew of is continued now: what it holds must not be lost after that.
    sync(&mut disk, &crashed.iter().map(|id| Place::Recording(*id)).collect())?;
    let (agrees, left_at) = edge.agrees(&mut disk, &setup)?;
    if !agrees {
        tracing::error!("the ledger does not agree with its newest signed heads: verify it");
    }
    let last_kept = edge.last_kept(&mut disk, &setup)?;
    let (frontier, heads) = (edge.frontier, edge.heads);
    let mut writer = Writer::new(disk, setup, frontier, heads, now);
    // What does not agree is not signed again until something is appended: verification must find it.
    writer.kept = if agrees { last_kept.map_or(0, |head| head.size) } else { writer.frontier.size() };
    writer.agrees = agrees;
    writer.left_at = left_at;
    writer.kept_at = last_kept.map(|head| head.at);
    writer.next_segment = segments.last().map_or(1, |last| last + 1);
    writer.next_batch = found.next_batch;
    writer.crashed.extend(crashed);
    for book in Book::ALL {
        let last = writer.disk.logs(book)?.last().copied();
        writer.log_mut(book).next = last.map_or(0, |last| last.saturating_add(1));
        // A store that was brought back from a backup has no journal: its last segments were open when it was copied.
        let restored = last.filter(|_| segments.is_empty());
        if let Some(number) = found.logs.get(&book).copied().or(restored) {
            writer.take_up_log(book, number);
        }
    }
    if !writer.crashed.is_empty() {
        tracing::warn!(
            recordings = writer.crashed.len(),
            "the last run did not end in order; closing its recordings"
        );
    }
    writer.orderly = found.orderly && segments.len() == 1;
    writer.begin(now, wall)?;
    // What the old segments hold is in the files and durable, and what is open is in the new one.
    for segment in segments {
        writer.disk.remove(Place::Journal(segment))?;
    }
    Ok(writer)
}

fn sync(disk: &mut impl Disk, places: &BTreeSet<Place>) -> io::Result<()> {
    match disk.sync_all(places).into_iter().next() {
        Some((place, error)) => {
            tracing::error!(?place, %error, "what the last run left cannot be made durable");
            Err(error)
        }
        None => Ok(()),
    }
}

/// What the journal tells.
#[derive(Default)]
struct Found {
    base: Option<Checkpoint>,
    /// The last thing in the journal is an orderly stop.
    orderly: bool,
    open: BTreeSet<RecordingId>,
    /// Segments without closing record.
    logs: BTreeMap<Book, u32>,
    touched: BTreeSet<Place>,
    next_batch: u64,
}

impl Found {
    /// Applies one segment.
    fn read(&mut self, disk: &mut impl Disk, segment: u64) {
        self.next_batch = self.next_batch.max(replay(disk, segment, u64::MAX, |write| {
            self.orderly = false;
            match write.place {
                Place::Journal(_) => {
                    if let Some(checkpoint) = Checkpoint::parse(write.bytes) {
                        self.open.extend(&checkpoint.open);
                        for book in Book::ALL {
                            let open = checkpoint.open_segment(book).map(|number| (book, number));
                            self.logs.extend(open);
                        }
                        self.orderly = checkpoint.orderly;
                        self.base.get_or_insert(checkpoint);
                    }
                    return false;
                }
                Place::Recording(id) if write.offset == 0 => {
                    self.open.insert(id);
                }
                Place::Log(book, number) if write.offset == 0 => {
                    self.logs.insert(book, number);
                }
                _ => {}
            }
            self.touched.insert(write.place);
            true
        }));
        self.touched.retain(|place| matches!(disk.len(*place), Ok(Some(_))));
    }

    /// Recordings without closing record: those that the journal knows and those that it did not hear of any more.
    fn unclosed(&self, disk: &mut impl Disk, keyring: &Keyring, edge: &Edge) -> io::Result<Vec<RecordingId>> {
        let mut ids = self.open.clone();
        let since = self.base.as_ref().map_or(0, |base| base.at.as_micros() - SLACK.as_micros() as i64);
        ids.extend(disk.recordings_since(Wall::from_micros(since))?);
        ids.retain(|id| !edge.leaves.contains(id));
        let mut unclosed = Vec::new();
        for id in ids {
            let place = Place::Recording(id);
            if disk.len(place)?.is_none() {
                continue;
            }
            // A loss of power can leave a file whose first octets came down not at all or in part, before any journal
            // knew of it: nothing in it opens, and nothing of it was acknowledged.
            let front = disk.read(place, 0, Glance::FRONT_BYTES)?;
            disk.release(place);
            let known = self.open.contains(&id) || self.base.is_none();
            match Glance::new(&front, keyring) {
                Err(Damage::Header | Damage::NotOurs) if !known => {
                    tracing::warn!(recording = %id, "a file without a beginning is removed");
                    disk.remove(place)?;
                }
                _ => unclosed.push(id),
            }
        }
        Ok(unclosed)
    }
}

/// The end of the ledger.
struct Edge {
    frontier: Frontier,
    heads: u64,
    /// Recordings among the leaves since the journal's oldest checkpoint.
    leaves: HashSet<RecordingId>,
}

impl Edge {
    fn find(disk: &mut impl Disk, found: &Found, suite: Suite) -> io::Result<Edge> {
        let count = |len: Option<u64>, each: usize| len.unwrap_or(0) / each as u64;
        let present = count(disk.len(Place::Leaves)?, LEAF_BYTES);
        let heads = count(disk.len(Place::Heads)?, HEAD_BYTES);
        let base =
            found.base.as_ref().and_then(|base| base.frontier(suite)).filter(|base| base.size() <= present);
        let mut edge =
            Edge { frontier: base.unwrap_or_else(|| Frontier::new(suite)), heads, leaves: HashSet::new() };
        while edge.frontier.size() < present {
            let offset = edge.frontier.size() * LEAF_BYTES as u64;
            let leaves = disk.read(Place::Leaves, offset, PORTION / LEAF_BYTES * LEAF_BYTES)?;
            for leaf in leaves.as_chunks::<LEAF_BYTES>().0 {
                edge.frontier.push_leaf(leaf);
                if let Some(Item::Recording { recording, .. }) = Leaf::parse(leaf).map(|leaf| leaf.item) {
                    edge.leaves.insert(recording);
                }
            }
            if leaves.len() < LEAF_BYTES {
                break;
            }
        }
        Ok(edge)
    }

    /// The last head that was kept.
    fn last_kept(&self, disk: &mut impl Disk, setup: &Setup) -> io::Result<Option<TreeHead>> {
        let Some(last) = self.heads.checked_sub(1) else { return Ok(None) };
        let bytes = disk.read(Place::Heads, last * HEAD_BYTES as u64, HEAD_BYTES)?;
        Ok(bytes.first_chunk().and_then(|head| TreeHead::verify(head, &setup.ledger_key.public())))
    }

    /// Whether the newest signed heads cover these leaves, and the running head follows the kept ones; and when the newest
    /// was signed. To name what is
    /// wrong is verification's work; the ledger goes on either way, and the old heads keep witnessing.
    fn agrees(&self, disk: &mut impl Disk, setup: &Setup) -> io::Result<(bool, Option<Wall>)> {
        let running = match disk.len(Place::Head)? {
            Some(_) => Some(disk.read(Place::Head, 0, HEAD_BYTES)?),
            None => None,
        };
        let public = setup.ledger_key.public();
        let newest = match &running {
            Some(head) => head.first_chunk().and_then(|head| TreeHead::verify(head, &public)),
            None => self.last_kept(disk, setup)?,
        };
        let follows =
            |head: &TreeHead| running.is_none() || head.number == self.heads || head.number + 1 == self.heads;
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let agrees = match &newest {
            Some(head) => head.size == size && head.root == root && follows(head),
            None => size == 0 && running.is_none() && self.heads == 0,
        };
        Ok((agrees, newest.map(|head| head.at)))
    }
}

/// Applies the writes that `wanted` wants of the first `len` octets of a segment; the number after its last batch. A
/// write past the end of a file that is gone is left out: the file was taken away, and verification will say so.
pub(super) fn replay<D: Disk>(
    disk: &mut D,
    segment: u64,
    len: u64,
    mut wanted: impl FnMut(&Write) -> bool,
) -> u64 {
    let len = disk.len(Place::Journal(segment)).ok().flatten().unwrap_or(0).min(len);
    let bytes = disk.read(Place::Journal(segment), 0, usize::try_from(len).unwrap_or(0)).unwrap_or_default();
    let mut next = 0;
    for (number, writes) in Batches::new(&bytes) {
        next = number + 1;
        for write in writes.filter(|write| wanted(write)) {
            let there = write.offset == 0 || matches!(disk.len(write.place), Ok(Some(_)));
            if !there {
                tracing::error!(place = ?write.place, "a file that the journal continues is gone");
            } else if let Err(error) = disk.write(write.place, write.offset, write.bytes) {
                tracing::error!(place = ?write.place, %error, "the journal cannot be applied");
            }
        }
    }
    disk.release(Place::Journal(segment));
    next
}

/// Reads a sealed file from end to end.
pub(super) fn examine<D: Disk>(
    disk: &mut D,
    place: Place,
    keyring: &Keyring,
    expected: RecordingId,
    mut take: impl FnMut(&Piece<'_>),
) -> io::Result<Examined> {
    let mut opener = Opener::new(keyring, Some(expected));
    let mut offset = 0;
    loop {
        let bytes = disk.read(place, offset, PORTION)?;
        if bytes.is_empty() {
            opener.end();
        }
        opener.push(&bytes);
        while let Some(piece) = opener.piece() {
            take(&piece);
        }
        if bytes.is_empty() {
            disk.release(place);
            return Ok(opener.finish());
        }
        offset += bytes.len() as u64;
    }
}

impl<D: Disk> Writer<D> {
    /// The next recording that a crash cut, ready to be closed. One at a time: a long one takes its while.
    pub(super) fn next_crashed(&mut self, now: Time) -> Option<Running> {
        let id = self.crashed.pop_front()?;
        let place = Place::Recording(id);
        let mut story = Story::default();
        let keyring = self.setup.keys.get();
        let examined = match examine(&mut self.disk, place, &keyring, id, |piece| story.take(piece)) {
            Ok(examined) => examined,
            Err(error) => {
                tracing::error!(recording = %id, %error, "cannot be read; it stays without closing record");
                return None;
            }
        };
        let header = examined.header.filter(|header| header.content == Content::Recording)?;
        if examined.closed {
            return None;
        }
        let Some(sealer) = self.continue_after_tail(place, examined) else {
            tracing::error!(recording = %id, "is damaged; it stays as it is, without closing record");
            return None;
        };
        tracing::warn!(recording = %id, packets = story.packets, "ended by crash");
        Some(Running::crashed(sealer, header.call, header.at, story, now))
    }

    /// Lines up the log segment that the last run left open.
    fn take_up_log(&mut self, book: Book, number: u32) {
        let (place, mut entries) = (Place::Log(book, number), 0);
        let keyring = self.setup.keys.get();
        let examined = examine(&mut self.disk, place, &keyring, book.segment_id(number), |_| entries += 1);
        let Ok(examined) = examined else { return };
        if examined.closed {
            return;
        }
        let sealer = self.continue_after_tail(place, examined);
        self.log_mut(book).crashed = sealer.map(|sealer| (sealer, number, entries));
    }

    /// Cuts a torn tail off and continues behind the last whole chunk. `None`, and the file as it was, when chunks
    /// would be lost or more lies there than a write can have torn: that is damage, not a crash.
    fn continue_after_tail(&mut self, place: Place, examined: Examined) -> Option<Sealer> {
        let torn = examined.sealed.len_bytes - examined.whole_bytes()?;
        if torn > 2 * bounds::CHUNK_BYTES as u64 || !examined.ends_whole() {
            return None;
        }
        if torn > 0 {
            self.disk.truncate(place, examined.whole_bytes()?).ok()?;
        }
        examined.into_sealer(&mut self.setup.random)
    }
}
