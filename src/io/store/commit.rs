//! The writer's way to the disk: the batch into the journal, then into the files; checkpoints that let old segments go.
//!
//! Invariants: a batch is applied only after the fdatasync of its segment returned success; a segment whose fdatasync
//! failed is never written again; a segment goes only after every file it feeds was synced.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::base::{RecordingId, Time, Wall, bounds};
use crate::vault::News;

use super::checkpoint::{Checkpoint, Job};
use super::disk::{Disk, Place};
use super::journal::Batch;
use super::recover::replay;
use super::writer::{Told, Writer};

/// How often the journal is begun anew when anything was written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// Memory that an empty batch keeps.
const BATCH_KEEP_BYTES: usize = 1 << 20;

/// The journal segment that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub number: u64,
    pub len: u64,
    pub began: Time,
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

impl<D: Disk> Writer<D> {
    /// Brings the batch into the journal and makes it durable. False: it could not be; it stays for the next flush.
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
            self.durable_at = Some(wall);
            self.fresh.clear();
            self.apply(now);
            self.out.extend(self.then.drain(..));
        }
        if self.space.set_failed(!done) {
            self.tell_health();
        }
        done
    }

    /// Appends the batch to the current segment. After a failed fdatasync the kernel may call the lost pages clean: such
    /// a segment is never written again.
    fn commit_here(&mut self, now: Time) -> bool {
        let (place, len) = (Place::Journal(self.journal.number), self.journal.len);
        if let Err(error) = self.disk.write(place, len, self.batch.seal(self.next_batch)) {
            self.refused(place, &error, now);
            // A full disk gave up the reserve just now: there may be room.
            if self.disk.write(place, len, self.batch.seal(self.next_batch)).is_err() {
                return false;
            }
        }
        if let Err(error) = self.disk.sync(place) {
            tracing::error!(%error, segment = self.journal.number, "journal not durable; segment abandoned");
            self.journal.bad = true;
            return false;
        }
        self.journal.len += self.batch.len() as u64;
        self.next_batch += 1;
        true
    }

    /// Brings the committed batch into the files.
    fn apply(&mut self, now: Time) {
        let batch = std::mem::take(&mut self.batch);
        for write in batch.writes() {
            self.dirty.insert(write.place);
            if let Err(error) = self.disk.write(write.place, write.offset, write.bytes) {
                self.refused(write.place, &error, now);
                self.unapplied.push((write.place, write.offset, write.bytes.to_vec()));
            }
        }
        self.batch = batch;
        self.batch.clear(BATCH_KEEP_BYTES);
        self.note_applied();
        let done = self.then.iter().filter_map(|told| match told {
            Told::News(News::Closed { recording, .. }) => Some(Place::Recording(*recording)),
            _ => None,
        });
        for place in done {
            self.disk.release(place);
        }
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
        if self.batch.is_empty() && self.unapplied.is_empty() {
            self.applied = (self.frontier.size(), self.heads);
        }
    }

    /// Nothing can be committed: sound waits as long as memory for it is granted, then it is dropped and counted.
    pub(super) fn leave_out(&mut self, now: Time) {
        for running in self.running.values_mut() {
            running.leave_out(now, bounds::UNSEALED_BYTES);
        }
    }

    /// Writes down, after an orderly stop, that there is nothing to recover (or what there is).
    pub(super) fn end_in_order(&mut self, settled: bool, now: Time, wall: Wall) {
        if let Err(error) = self.begin_segment(now, wall, settled) {
            tracing::error!(%error, "the end is not written down; the next start recovers");
            return;
        }
        let job = Job { places: std::mem::take(&mut self.dirty), segments: std::mem::take(&mut self.old) };
        let failed = job.run(&mut self.disk);
        self.checkpointed(job, failed);
    }

    pub(super) fn rotate_when_due(&mut self, now: Time, wall: Wall) -> Option<Job> {
        let old = now.since(self.journal.began) >= CHECKPOINT_EVERY && !self.dirty.is_empty();
        let due = old || self.journal.len >= self.space.journal_bytes() || !self.old.is_empty();
        if !due || self.syncing || !self.batch.is_empty() || !self.unapplied.is_empty() {
            return None;
        }
        self.checkpoint(now, wall)
    }

    /// Begins a new segment and asks for the files of the segments before to be synced.
    pub(super) fn checkpoint(&mut self, now: Time, wall: Wall) -> Option<Job> {
        if let Err(error) = self.begin_segment(now, wall, false) {
            tracing::error!(%error, "no new journal segment");
            return None;
        }
        self.syncing = true;
        Some(Job { places: std::mem::take(&mut self.dirty), segments: std::mem::take(&mut self.old) })
    }

    /// Takes the result of a checkpoint: the segments are removed, or what failed is written again from them.
    pub(super) fn checkpointed(&mut self, job: Job, failed: Vec<(Place, io::Error)>) {
        self.syncing = false;
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
        let current = Spent { number: self.journal.number, len: self.journal.len };
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

    pub(super) fn begin_segment(&mut self, now: Time, wall: Wall, orderly: bool) -> io::Result<()> {
        // A number is used once: what a failed attempt left behind is never built upon.
        let number = self.next_segment;
        self.next_segment += 1;
        let checkpoint = Checkpoint {
            at: wall,
            open: self.known_open(),
            log: self.log.open_segment(),
            size: self.frontier.size(),
            peaks: self.frontier.peaks().to_vec(),
            heads: self.heads,
            orderly,
        };
        let mut first = Batch::default();
        let place = Place::Journal(number);
        let filled: Result<(), ()> = first.write(place, 0, |out| {
            out.extend_from_slice(&checkpoint.to_bytes());
            Ok(())
        });
        debug_assert!(filled.is_ok());
        let written = self.disk.write(place, 0, first.seal(self.next_batch));
        let synced = written.and_then(|()| match self.disk.sync_all(&BTreeSet::from([place])).pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        });
        if let Err(error) = synced {
            let _ = self.disk.remove(place);
            return Err(error);
        }
        if self.journal.number > 0 {
            self.disk.release(Place::Journal(self.journal.number));
            self.old.push(Spent { number: self.journal.number, len: self.journal.len });
        }
        self.next_batch += 1;
        self.journal = Segment { number, len: first.len() as u64, began: now, bad: false };
        Ok(())
    }
}
