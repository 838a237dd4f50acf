//! The writer: orders and packets in, sealed chunks through the journal into files, news out.
//!
//! It is driven ([`Writer::order`], [`Writer::tap`], [`Writer::flush`]) and owns no clock and no thread, so that a test
//! drives it over a simulated disk.
//! Invariants: nothing is told as done before the fdatasync of its batch returned success. A batch is applied to the
//! files after that, again and again until the disk takes it, and its journal segment stays until the files are synced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, Masked, Random, RecordingId, Time, Wall, bounds};
use crate::vault::{
    self, CdrEntry, Content, Frontier, HEAD_BYTES, Item, Keyring, Kind, LEAF_BYTES, Leaf, LedgerKey, News,
    Opening, Order, Row, Sealed, Sealer, TreeHead, leaf_hash, opening_bytes,
};

use super::checkpoint::{Checkpoint, Job};
use super::disk::{Disk, Place};
use super::journal::Batch;
use super::log::Log;
use super::running::Running;
use super::space::{Room, Space};

/// How often what waits is sealed and made durable.
pub(super) const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// How often the journal is begun anew when anything was written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// Memory that an empty batch keeps.
const BATCH_KEEP_BYTES: usize = 1 << 20;

/// What the writer tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// To the core.
    News(News),
    /// To the index.
    Row(Box<Row>),
    /// To the index: a call detail record in the log.
    Cdr(Box<CdrRow>),
}

/// Where a call detail record lies and under what it is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CdrRow {
    pub call: CallId,
    pub leaf: u64,
    pub segment: u32,
    pub offset: u64,
    pub len_bytes: u64,
    pub numbers: Vec<Masked>,
}

/// What the writer is made of.
pub(super) struct Setup {
    pub keyring: Arc<Keyring>,
    pub ledger_key: LedgerKey,
    pub random: Random,
    /// See [`Options`](super::Options).
    pub low_water_bytes: Option<u64>,
    pub reserve_bytes: Option<u64>,
}

pub(super) struct Writer<D> {
    pub(super) disk: D,
    pub(super) setup: Setup,
    pub(super) running: BTreeMap<RecordingId, Running>,
    /// Recordings that a crash cut and that are still to be closed.
    pub(super) crashed: VecDeque<RecordingId>,
    pub(super) log: Log,
    cdrs: Vec<(CdrEntry, Vec<Masked>)>,
    /// Sealed and not yet in the journal.
    batch: Batch,
    /// In the journal and not yet in their files: the disk refused.
    unapplied: Vec<(Place, u64, Vec<u8>)>,
    pub(super) journal: Segment,
    /// Segments before the current one whose files are not synced yet.
    pub(super) old: Vec<u64>,
    /// Files written since the current segment began.
    dirty: BTreeSet<Place>,
    /// Whether a checkpoint is under way.
    syncing: bool,
    /// Whether the last run stopped in order.
    pub(super) orderly: bool,
    pub(super) next_batch: u64,
    pub(super) frontier: Frontier,
    pub(super) heads: u64,
    signed: u64,
    /// Leaves and heads that are in their files.
    applied: (u64, u64),
    space: Space,
    /// Told when the batch is durable.
    then: Vec<Told>,
    out: VecDeque<Told>,
    durable_at: Option<Wall>,
    pub(super) lost_packets: u64,
}

/// The journal segment that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub number: u64,
    pub len: u64,
    pub began: Time,
}

impl<D: Disk> Writer<D> {
    /// A writer over what recovery found; [`Writer::begin`] must succeed before anything else.
    pub(super) fn new(mut disk: D, setup: Setup, frontier: Frontier, heads: u64, now: Time) -> Writer<D> {
        let space = Space::new(&mut disk, setup.low_water_bytes, setup.reserve_bytes);
        Writer {
            disk,
            setup,
            running: BTreeMap::new(),
            crashed: VecDeque::new(),
            log: Log::default(),
            cdrs: Vec::new(),
            batch: Batch::default(),
            unapplied: Vec::new(),
            journal: Segment { number: 0, len: 0, began: now },
            old: Vec::new(),
            dirty: BTreeSet::new(),
            syncing: false,
            orderly: false,
            next_batch: 0,
            signed: frontier.size(),
            applied: (frontier.size(), heads),
            frontier,
            heads,
            space,
            then: Vec::new(),
            out: VecDeque::new(),
            durable_at: None,
            lost_packets: 0,
        }
    }

    /// Begins the first journal segment.
    pub(super) fn begin(&mut self, now: Time, wall: Wall) -> io::Result<()> {
        self.begin_segment(now, wall, false)?;
        self.space.watch(&mut self.disk, now, true);
        self.tell_health();
        Ok(())
    }

    /// Takes an order.
    pub(super) fn order(&mut self, order: Order, now: Time) {
        match order {
            Order::Open { recording, call, at, facts } => self.open(recording, call, at, *facts, now),
            Order::Event { recording, offset_us, event } => {
                let taken = self.running.get_mut(&recording).map(|running| running.event(offset_us, &event));
                if taken == Some(false) {
                    tracing::warn!(%recording, "too many events wait; one is dropped");
                }
            }
            Order::Close { recording, at: _, facts } => {
                if let Some(running) = self.running.get_mut(&recording) {
                    running.close(Some(*facts), now);
                }
            }
            Order::Cdr { call, at, cdr, numbers } => {
                if self.cdrs.len() < bounds::STORE_ORDERS {
                    self.cdrs.push((CdrEntry::new(call, at, cdr, &numbers), numbers));
                } else {
                    tracing::error!(%call, "a call detail record is lost: the store takes nothing");
                }
            }
        }
    }

    /// Takes packets.
    pub(super) fn tap(&mut self, batch: vault::Batch) {
        match self.running.get_mut(&batch.recording()) {
            Some(running) => running.tap(batch),
            None => self.lost_packets += u64::from(batch.packets()),
        }
    }

    /// Packets were dropped before they came here.
    pub(super) fn lose(&mut self, recording: RecordingId, packets: u64) {
        match self.running.get_mut(&recording) {
            Some(running) => running.lose(packets),
            None => self.lost_packets += packets,
        }
    }

    /// The media plane is done with `recording`.
    pub(super) fn media_ended(&mut self, recording: RecordingId) {
        if let Some(running) = self.running.get_mut(&recording) {
            running.media_ended();
        }
    }

    /// Seals what waits, makes it durable, brings it into the files. A checkpoint may come back: run it (it blocks for
    /// as long as the disk needs) and hand its result to [`Writer::checkpointed`].
    pub(super) fn flush(&mut self, now: Time, wall: Wall) -> Option<Job> {
        if self.space.watch(&mut self.disk, now, false) {
            self.tell_health();
        }
        self.apply_again(now);
        // What could not be committed comes first, and nothing is sealed behind it.
        let free = self.batch.is_empty() || self.commit(now, wall);
        if free {
            self.seal_all(now, wall);
            if !self.batch.is_empty() {
                self.commit(now, wall);
            }
        } else {
            self.leave_out(now);
        }
        self.rotate_when_due(now, wall)
    }

    /// What is to be told, in order.
    pub(super) fn told(&mut self) -> impl Iterator<Item = Told> + '_ {
        self.out.drain(..)
    }

    /// Closes every recording and the log, for an orderly stop.
    pub(super) fn close_all(&mut self, now: Time) {
        for running in self.running.values_mut() {
            running.close(None, now);
            running.media_ended();
        }
        self.log.end();
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

    /// Whether a checkpoint is under way.
    pub(super) fn is_syncing(&self) -> bool {
        self.syncing
    }

    /// Leaves that are in their file.
    pub(super) fn applied_leaves(&self) -> u64 {
        self.applied.0
    }

    /// Heads that are in their file.
    pub(super) fn applied_heads(&self) -> u64 {
        self.applied.1
    }

    /// Whether a new recording would be accepted.
    pub(super) fn is_writable(&self) -> bool {
        self.space.is_writable()
    }

    /// Free space at the last look.
    pub(super) fn free_bytes(&self) -> u64 {
        self.space.free
    }

    /// Moment of the last commit.
    pub(super) fn durable_at(&self) -> Option<Wall> {
        self.durable_at
    }

    /// Whether everything that was taken is durable and in its file.
    pub(super) fn is_settled(&self) -> bool {
        self.crashed.is_empty() && self.batch.is_empty() && self.unapplied.is_empty() && self.cdrs.is_empty()
    }

    fn open(&mut self, recording: RecordingId, call: CallId, at: Wall, facts: Opening, now: Time) {
        if let Err(why) = self.try_open(recording, call, at, facts, now) {
            tracing::error!(%recording, why, "no recording begun");
            self.out.push_back(Told::News(News::Refused { recording, why }));
        }
    }

    fn try_open(
        &mut self,
        recording: RecordingId,
        call: CallId,
        at: Wall,
        facts: Opening,
        now: Time,
    ) -> Result<(), &'static str> {
        if self.running.contains_key(&recording) {
            return Err("there is a recording of this id");
        }
        if !self.space.is_writable() {
            return Err("no space");
        }
        let place = Place::Recording(recording);
        if !matches!(self.disk.len(place), Ok(None)) {
            return Err("there is a file of this id");
        }
        let mut bytes = Vec::with_capacity(1_024);
        let (keyring, random) = (&self.setup.keyring, &mut self.setup.random);
        let mut sealer = Sealer::begin(Content::Recording, recording, call, at, keyring, random, &mut bytes)
            .map_err(|_| "no key")?;
        sealer.seal(Kind::Opening, [&opening_bytes(&facts)[..]], &mut bytes).map_err(|_| "facts too long")?;
        // Written at once, so that a refusal of the disk is known before the call goes on; and in the next batch, so
        // that it survives.
        if let Err(error) = self.disk.write(place, 0, &bytes) {
            let _ = self.disk.remove(place);
            return Err(self.refused(place, &error, now));
        }
        self.append(place, 0, &bytes);
        let running = Running::new(sealer, call, facts, at, now);
        self.out.push_back(Told::Row(Box::new(running.row())));
        self.out.push_back(Told::News(News::Opened { recording }));
        self.running.insert(recording, running);
        Ok(())
    }

    /// Seals everything that waits into the batch.
    fn seal_all(&mut self, now: Time, wall: Wall) {
        let leave_out = self.space.room() == Room::ReserveOnly;
        let mut due = Vec::new();
        for (id, running) in &mut self.running {
            if leave_out {
                running.leave_out(now);
            } else {
                running.take_up(now);
            }
            let packets = running.take_lost(now);
            if packets > 0 {
                self.lost_packets += packets;
                self.then.push(Told::News(News::Lost { recording: *id, packets }));
            }
            if running.is_due(now) {
                due.push(*id);
            } else if running.has_data() {
                let offset = running.len_bytes();
                let done: Result<(), ()> = self.batch.write(Place::Recording(*id), offset, |out| {
                    running.seal(out);
                    Ok(())
                });
                debug_assert!(done.is_ok());
            }
        }
        if let Some(running) = self.next_crashed(now) {
            due.push(running.id());
            self.running.insert(running.id(), running);
        }
        for id in due {
            self.finish(id, wall);
        }
        self.seal_cdrs(wall);
        self.sign_head(wall);
    }

    /// Writes the closing record of `id` and its leaf.
    fn finish(&mut self, id: RecordingId, wall: Wall) {
        let Some(running) = self.running.remove(&id) else { return };
        let (place, offset, call) = (Place::Recording(id), running.len_bytes(), running.call);
        let Ok((sealed, mut row)) = self.batch.write(place, offset, |out| running.finish(out)) else {
            tracing::error!(recording = %id, "the closing record does not fit; recovery will close the file");
            return;
        };
        let ended = row.ended.unwrap_or(vault::Ended::InOrder);
        let leaf = self.append_leaf(wall, Item::Recording { recording: id, call, ended }, &sealed);
        row.leaf = Some(leaf);
        let (len_bytes, packets) = (sealed.len_bytes, row.packets);
        self.then.push(Told::News(News::Closed { recording: id, leaf, len_bytes, packets }));
        self.then.push(Told::Row(Box::new(row)));
    }

    fn seal_cdrs(&mut self, wall: Wall) {
        for (entry, numbers) in std::mem::take(&mut self.cdrs) {
            let call = entry.call;
            match self.log.append(&entry, wall, &mut self.batch, &mut self.setup) {
                Ok((segment, offset, sealed)) => {
                    let leaf = self.append_leaf(wall, Item::Cdr { call, segment, offset }, &sealed);
                    let len_bytes = sealed.len_bytes;
                    let row = CdrRow { call, leaf, segment, offset, len_bytes, numbers };
                    self.then.push(Told::Cdr(Box::new(row)));
                }
                Err(why) => tracing::error!(%call, why, "a call detail record is lost"),
            }
        }
        self.log.close_when_due(&mut self.batch);
    }

    fn append_leaf(&mut self, at: Wall, item: Item, sealed: &Sealed) -> u64 {
        let number = self.frontier.size();
        let leaf = Leaf { number, at, item, len_bytes: sealed.len_bytes, hash: sealed.hash }.to_bytes();
        self.frontier.push(leaf_hash(&leaf));
        self.append(Place::Leaves, number * LEAF_BYTES as u64, &leaf);
        number
    }

    fn sign_head(&mut self, at: Wall) {
        let size = self.frontier.size();
        if size == self.signed {
            return;
        }
        let head = TreeHead { number: self.heads, size, at, root: self.frontier.root() };
        let bytes = head.sign(&self.setup.ledger_key);
        self.append(Place::Heads, self.heads * HEAD_BYTES as u64, &bytes);
        self.heads += 1;
        self.signed = size;
    }

    fn append(&mut self, place: Place, offset: u64, bytes: &[u8]) {
        let done: Result<(), ()> = self.batch.write(place, offset, |out| {
            out.extend_from_slice(bytes);
            Ok(())
        });
        debug_assert!(done.is_ok());
    }

    /// Brings the batch into the journal and makes it durable. False: it could not be; it stays for the next flush.
    fn commit(&mut self, now: Time, wall: Wall) -> bool {
        let bytes = self.batch.seal(self.next_batch);
        let (place, len) = (Place::Journal(self.journal.number), self.journal.len);
        let written = self.disk.write(place, len, bytes).map(|()| self.disk.sync(place));
        let done = match written {
            Ok(Ok(())) => {
                self.journal.len += self.batch.len() as u64;
                self.next_batch += 1;
                true
            }
            // After a failed fdatasync the kernel may call the lost pages clean: this segment is never trusted again.
            Ok(Err(error)) => {
                tracing::error!(%error, segment = self.journal.number, "journal not durable; segment abandoned");
                self.commit_elsewhere(now, wall)
            }
            Err(error) => {
                self.refused(place, &error, now);
                self.disk.write(place, len, self.batch.seal(self.next_batch)).is_ok_and(|()| {
                    // The reserve made room: the same batch at the same place.
                    let durable = self.disk.sync(place).is_ok();
                    if durable {
                        self.journal.len += self.batch.len() as u64;
                        self.next_batch += 1;
                    }
                    durable
                }) || self.commit_elsewhere(now, wall)
            }
        };
        if done {
            self.durable_at = Some(wall);
            self.apply(now);
            self.out.extend(self.then.drain(..));
        }
        if self.space.set_failed(!done) {
            self.tell_health();
        }
        done
    }

    /// Begins another segment with the batch that this one did not take.
    fn commit_elsewhere(&mut self, now: Time, wall: Wall) -> bool {
        if let Err(error) = self.begin_segment(now, wall, false) {
            tracing::error!(%error, "no journal: nothing is recorded until the disk takes one");
            return false;
        }
        let place = Place::Journal(self.journal.number);
        let bytes = self.batch.seal(self.next_batch);
        let done = self.disk.write(place, self.journal.len, bytes).and_then(|()| self.disk.sync(place));
        match done {
            Ok(()) => {
                self.journal.len += self.batch.len() as u64;
                self.next_batch += 1;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the new journal segment is not durable either");
                false
            }
        }
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

    fn apply_again(&mut self, now: Time) {
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

    /// Nothing can be committed: sound that waits is dropped and counted.
    fn leave_out(&mut self, now: Time) {
        for running in self.running.values_mut() {
            running.leave_out(now);
        }
    }

    /// The disk refused `place`: why, in words for the core. A full disk gives up the reserve.
    fn refused(&mut self, place: Place, error: &io::Error, now: Time) -> &'static str {
        tracing::error!(?place, %error, "the disk refuses");
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full && self.space.give_up_reserve(&mut self.disk, now) {
            self.tell_health();
        }
        if full { "no space" } else { "the disk fails" }
    }

    fn tell_health(&mut self) {
        let (writable, free_bytes) = (self.space.is_writable(), self.space.free);
        if writable {
            tracing::info!(free_bytes, "the store takes recordings");
        } else {
            tracing::error!(free_bytes, "the store takes no new recordings");
        }
        self.out.push_back(Told::News(News::Health { writable, free_bytes }));
    }

    fn rotate_when_due(&mut self, now: Time, wall: Wall) -> Option<Job> {
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
                if let Err(error) = self.disk.remove(Place::Journal(segment)) {
                    tracing::warn!(%error, segment, "an old journal segment stays");
                }
            }
            return;
        }
        for (place, error) in &failed {
            tracing::error!(?place, %error, "not durable; written again from the journal");
            self.disk.release(*place);
        }
        let again: BTreeSet<Place> = failed.into_iter().map(|(place, _)| place).collect();
        for segment in &job.segments {
            super::recover::replay(&mut self.disk, *segment, |write| again.contains(&write.place));
        }
        // The segments stay; the next checkpoint tries these files again.
        self.dirty.extend(again);
        self.old.splice(0..0, job.segments);
    }

    fn begin_segment(&mut self, now: Time, wall: Wall, orderly: bool) -> io::Result<()> {
        let number = self.journal.number + 1;
        let checkpoint = Checkpoint {
            at: wall,
            open: self.running.keys().chain(&self.crashed).copied().collect(),
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
        self.disk.write(place, 0, first.seal(self.next_batch))?;
        if let Some((_, error)) = self.disk.sync_all(&BTreeSet::from([place])).into_iter().next() {
            return Err(error);
        }
        if self.journal.number > 0 {
            self.disk.release(Place::Journal(self.journal.number));
            self.old.push(self.journal.number);
        }
        self.next_batch += 1;
        self.journal = Segment { number, len: first.len() as u64, began: now };
        Ok(())
    }
}
