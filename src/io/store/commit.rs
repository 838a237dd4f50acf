//! The writer's way to the disk: the batch into the journal, the journal made durable beside the writer, then the batch
//! into the files; checkpoints that let old segments go.
//!
//! ```text
//!  sealed ──write──> waiting ──fdatasync, elsewhere──> durable: told, applied to its files
//!                      |  the writer goes on sealing and writing: a killed process loses what was not written,
//!                      |  a loss of power what was not durable
//!                      └─ the fdatasync fails: everything that waits is written into a new segment
//! ```
//!
//! Invariants: a batch is told and applied only after an fdatasync of its segment, begun after it was written, returned
//! success; a segment whose fdatasync failed is never written again; a segment goes only after every file it feeds was
//! synced.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::base::{RecordingId, Time, Wall, bounds};
use crate::vault::{Book, News};

use super::checkpoint::{Checkpoint, Job};
use super::disk::{Disk, Place};
use super::journal::Batch;
use super::note::Told;
use super::recover::replay;
use super::writer::{Work, Writer};

/// How often the journal is begun anew when anything was written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// A disk whose fdatasync takes longer than this takes no new recordings until it returns.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// Memory that an empty batch keeps.
const BATCH_KEEP_BYTES: usize = 1 << 20;

/// The journal segment that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub number: u64,
    /// Octets written.
    pub written: u64,
    /// Octets that fdatasync confirmed.
    pub durable: u64,
    pub began: Time,
    /// Its name is not durable yet either.
    pub fresh: bool,
    /// An fdatasync of it failed.
    pub bad: bool,
}

/// A journal segment that is not written any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub number: u64,
    /// Octets that fdatasync confirmed: what lies behind is of a batch that came into another segment.
    pub len: u64,
}

/// A batch that is in the journal and not known to be durable.
#[derive(Debug)]
pub(super) struct Waiting {
    batch: Batch,
    /// When it was written, by both clocks.
    at: Time,
    wall: Wall,
    /// Leaves and heads when it is in the files.
    reaches: (u64, u64),
    /// Told when it is durable.
    then: Vec<Told>,
}

/// An fdatasync of the journal: of what was written when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sync {
    segment: u64,
    fresh: bool,
    written: u64,
    batches: usize,
}

impl Sync {
    /// Runs it over `disk`, which may be another view of the same one.
    pub(super) fn run(&self, disk: &mut impl Disk) -> io::Result<()> {
        let place = Place::Journal(self.segment);
        if !self.fresh {
            return disk.sync(place);
        }
        match disk.sync_all(&BTreeSet::from([place])).pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// The segment that it is about.
    pub(super) fn place(&self) -> Place {
        Place::Journal(self.segment)
    }
}

impl<D: Disk> Writer<D> {
    /// Writes the batch into the journal, where it waits for the next fdatasync. False: it could not be written; it
    /// stays for the next flush.
    pub(super) fn commit(&mut self, now: Time, wall: Wall) -> bool {
        let mut done = !self.journal.bad && self.commit_here(now);
        if !done {
            done = match self.begin_segment(now, wall, false) {
                Ok(()) => self.commit_here(now),
                Err(error) => {
                    tracing::error!(%error, "no journal: nothing is recorded until the disk takes one");
                    false
                }
            };
        }
        if done {
            let batch = std::mem::replace(&mut self.batch, std::mem::take(&mut self.spare));
            let reaches = (self.frontier.size(), self.heads);
            let then = std::mem::take(&mut self.then);
            self.waiting.push_back(Waiting { batch, at: now, wall, reaches, then });
        }
        done
    }

    /// Appends the batch to the current segment.
    fn commit_here(&mut self, now: Time) -> bool {
        let (place, written) = (Place::Journal(self.journal.number), self.journal.written);
        if let Err(error) = self.disk.write(place, written, self.batch.seal(self.next_batch)) {
            self.refused(place, &error, now);
            // A full disk gave up the reserve just now: there may be room.
            if self.disk.write(place, written, self.batch.seal(self.next_batch)).is_err() {
                return false;
            }
        }
        self.journal.written += self.batch.len() as u64;
        self.next_batch += 1;
        true
    }

    /// The fdatasync that is to run next, when something waits for one and none is under way.
    pub(super) fn next_sync(&mut self) -> Option<Work> {
        let journal = self.journal;
        if self.syncing || journal.bad || journal.written == journal.durable {
            return None;
        }
        self.syncing = true;
        let Segment { number: segment, fresh, written, .. } = journal;
        Some(Work::Sync(Sync { segment, fresh, written, batches: self.waiting.len() }))
    }

    /// Takes the result of an fdatasync: what waited for it is told and brought into the files. After a failed one the
    /// kernel may call the lost pages clean: such a segment is never written again, and what waits goes into a new one.
    pub(super) fn synced(&mut self, sync: Sync, result: io::Result<()>, now: Time) {
        self.syncing = false;
        if sync.segment != self.journal.number {
            // A segment that was given up meanwhile; what was in it waits in another one.
            return;
        }
        if let Err(error) = result {
            tracing::error!(%error, segment = sync.segment, "journal not durable; segment abandoned");
            self.journal.bad = true;
            self.abandoned += 1;
            self.note_health(false, now);
            return;
        }
        self.journal.durable = sync.written;
        self.journal.fresh = false;
        for waiting in self.waiting.drain(..sync.batches).collect::<Vec<_>>() {
            self.durable_at = Some(waiting.wall);
            self.apply(waiting, now);
        }
        self.note_health(true, now);
    }

    /// Whether the disk takes what is recorded: the journal was written, and its fdatasync is not stuck.
    pub(super) fn note_health(&mut self, written: bool, now: Time) {
        let stuck = self.waiting.front().is_some_and(|first| now.since(first.at) >= STUCK_AFTER);
        if self.space.set_failed(!written || stuck || self.journal.bad) {
            self.tell_health();
        }
    }

    /// Brings a durable batch into the files.
    fn apply(&mut self, waiting: Waiting, now: Time) {
        let Waiting { mut batch, reaches, then, .. } = waiting;
        for write in batch.writes() {
            if let Place::Recording(id) = write.place {
                self.fresh.remove(&id);
            }
            self.dirty.insert(write.place);
            if let Err(error) = self.disk.write(write.place, write.offset, write.bytes) {
                self.refused(write.place, &error, now);
                self.unapplied.push((write.place, write.offset, write.bytes.to_vec()));
            }
        }
        batch.clear(BATCH_KEEP_BYTES);
        self.spare = batch;
        self.reached = reaches;
        self.note_applied();
        for told in &then {
            if let Told::News(News::Closed { recording, .. }) = told {
                self.disk.release(Place::Recording(*recording));
            }
        }
        self.out.extend(then);
    }

    pub(super) fn apply_again(&mut self, now: Time) {
        for (place, offset, bytes) in std::mem::take(&mut self.unapplied) {
            if let Err(error) = self.disk.write(place, offset, &bytes) {
                self.refused(place, &error, now);
                self.unapplied.push((place, offset, bytes));
            }
        }
        self.note_applied();
    }

    fn note_applied(&mut self) {
        if self.unapplied.is_empty() {
            self.applied = self.reached;
        }
    }

    /// Nothing can be committed: sound waits as long as memory for it is granted, then it is dropped and counted.
    pub(super) fn leave_out(&mut self, now: Time) {
        for running in self.running.values_mut() {
            running.leave_out(now, bounds::UNSEALED_BYTES);
        }
    }

    /// Whether so much waits for an fdatasync that nothing more is sealed.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.iter().map(|waiting| waiting.batch.len()).sum::<usize>() >= bounds::UNSYNCED_BYTES
    }

    /// Writes down, after an orderly stop, that there is nothing to recover (or what there is). Blocks.
    pub(super) fn end_in_order(&mut self, settled: bool, now: Time, wall: Wall) {
        if let Err(error) = self.begin_segment(now, wall, settled).and_then(|()| self.sync_here(now)) {
            tracing::error!(%error, "the end is not written down; the next start recovers");
            return;
        }
        let job = Job { places: std::mem::take(&mut self.dirty), segments: std::mem::take(&mut self.old) };
        let failed = job.run(&mut self.disk);
        self.checkpointed(job, failed);
    }

    /// Makes the journal durable at once. Blocks.
    pub(super) fn sync_here(&mut self, now: Time) -> io::Result<()> {
        while let Some(Work::Sync(sync)) = self.next_sync() {
            let result = sync.run(&mut self.disk);
            let failed = result.as_ref().err().map(|error| io::Error::new(error.kind(), error.to_string()));
            self.synced(sync, result, now);
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether a new segment is to begin: the journal is `times` as old or as long as it should become.
    fn rotation_due(&self, now: Time, times: u32) -> bool {
        let old = now.since(self.journal.began) >= times * CHECKPOINT_EVERY && !self.dirty.is_empty();
        old || self.journal.written >= u64::from(times) * self.space.journal_bytes()
    }

    /// Whether sealing pauses for one fdatasync, so that a new segment can begin: a disk so slow that something always
    /// waits for one would never let it.
    pub(super) fn holds_back(&self, now: Time) -> bool {
        !self.checkpointing && !self.waiting.is_empty() && self.rotation_due(now, 2)
    }

    /// Begins a new segment when it is time to and nothing waits.
    pub(super) fn rotate_when_due(&mut self, now: Time, wall: Wall) {
        if !self.old.is_empty() {
            self.checkpoint_wanted = true;
        } else if !self.checkpointing && self.rotation_due(now, 1) {
            self.rotate(now, wall);
        }
    }

    /// Begins a new segment unless something waits for the current one.
    pub(super) fn rotate(&mut self, now: Time, wall: Wall) {
        let free =
            self.batch.is_empty() && self.waiting.is_empty() && self.unapplied.is_empty() && !self.syncing;
        if free && let Err(error) = self.begin_segment(now, wall, false) {
            tracing::error!(%error, "no new journal segment");
        }
    }

    /// The checkpoint that is to run next: when what the old segments hold is in the files, and what is open is in a
    /// durable new one.
    pub(super) fn next_checkpoint(&mut self) -> Option<Work> {
        let durable = !self.journal.fresh && !self.journal.bad && self.unapplied.is_empty();
        if !self.checkpoint_wanted || self.checkpointing || !durable {
            return None;
        }
        self.checkpoint_wanted = false;
        self.checkpointing = true;
        let (places, segments) = (std::mem::take(&mut self.dirty), std::mem::take(&mut self.old));
        Some(Work::Checkpoint(Job { places, segments }))
    }

    /// Takes the result of a checkpoint: the segments are removed, or what failed is written again from them.
    pub(super) fn checkpointed(&mut self, job: Job, failed: Vec<(Place, io::Error)>) {
        self.checkpointing = false;
        if failed.is_empty() {
            for segment in job.segments {
                if let Err(error) = self.disk.remove(Place::Journal(segment.number)) {
                    tracing::warn!(%error, segment = segment.number, "an old journal segment stays");
                }
            }
            return;
        }
        for (place, error) in &failed {
            tracing::error!(?place, %error, "not durable; written again from the journal");
            self.disk.release(*place);
        }
        let again: BTreeSet<Place> = failed.into_iter().map(|(place, _)| place).collect();
        // What came since the checkpoint began may be lost by the same failure: the current segment counts too. Behind
        // the confirmed length lies a batch that is not committed there; it must not come into the files before its time.
        let current = Spent { number: self.journal.number, len: self.journal.durable };
        for segment in job.segments.iter().chain(&self.old).chain([&current]) {
            replay(&mut self.disk, segment.number, segment.len, |write| again.contains(&write.place));
        }
        // The segments stay; the next checkpoint tries these files again.
        self.dirty.extend(again);
        self.old.splice(0..0, job.segments);
    }

    /// Recordings without closing record that a journal knows of.
    fn known_open(&self) -> Vec<RecordingId> {
        self.running.keys().filter(|id| !self.fresh.contains(id)).chain(&self.crashed).copied().collect()
    }

    /// Begins a segment: its checkpoint, then whatever waits. It is durable with its first fdatasync.
    pub(super) fn begin_segment(&mut self, now: Time, wall: Wall, orderly: bool) -> io::Result<()> {
        // A number is used once: what a failed attempt left behind is never built upon.
        let number = self.next_segment;
        self.next_segment += 1;
        let place = Place::Journal(number);
        let first = self.first_batch(place, wall, orderly);
        let mut written = 0;
        for batch in std::iter::once(&first).chain(self.waiting.iter().map(|waiting| &waiting.batch)) {
            if let Err(error) = self.disk.write(place, written, batch.sealed()) {
                let _ = self.disk.remove(place);
                return Err(error);
            }
            written += batch.len() as u64;
        }
        if self.journal.number > 0 {
            self.disk.release(Place::Journal(self.journal.number));
            self.old.push(Spent { number: self.journal.number, len: self.journal.durable });
            self.checkpoint_wanted = true;
        }
        self.journal = Segment { number, written, durable: 0, began: now, fresh: true, bad: false };
        Ok(())
    }

    /// What a segment begins with, sealed.
    fn first_batch(&mut self, place: Place, at: Wall, orderly: bool) -> Batch {
        let checkpoint = Checkpoint {
            at,
            open: self.known_open(),
            log: self.log(Book::Cdr).open_segment(),
            audit: self.log(Book::Audit).open_segment(),
            keeping: self.log(Book::Keeping).open_segment(),
            size: self.frontier.size(),
            peaks: self.frontier.peaks().to_vec(),
            heads: self.heads,
            orderly,
        };
        let mut first = Batch::default();
        let filled: Result<(), ()> = first.write(place, 0, |out| {
            out.extend_from_slice(&checkpoint.to_bytes());
            Ok(())
        });
        debug_assert!(filled.is_ok());
        first.seal(self.next_batch);
        self.next_batch += 1;
        first
    }
}
