//! The writer: orders and packets in, sealed chunks through the journal into files, news out.
//!
//! It is driven ([`Writer::order`], [`Writer::tap`], [`Writer::flush`]) and owns no clock and no thread, so that a test
//! drives it over a simulated disk. What blocks it gives away ([`Writer::work`]).
//! Invariants: nothing is told as done before an fdatasync that covers its batch returned success. A batch is applied to
//! the files after that, again and again until the disk takes it, and its journal segment stays until the files are
//! synced. Sealing and writing wait for no fdatasync.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

use crate::base::{RecordingId, Time, Wall, bounds};
use crate::vault::{self, Book, CdrNote, Frontier, News, Order};

use super::checkpoint::Job;
use super::commit::{Segment, Spent, Sync, Waiting};
use super::disk::{Disk, Place};
use super::journal::Batch;
use super::log::Log;
use super::note::{Note, Setup, Told};
use super::running::Running;
use super::space::Space;

/// How often what waits is sealed and made durable.
pub(super) const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// How often a signed head is kept while leaves are appended.
pub(super) const KEEP_HEAD_EVERY: Duration = Duration::from_secs(60);

/// What blocks for as long as the disk needs: to be run beside the writer, its result handed back.
#[derive(Debug)]
pub(super) enum Work {
    /// To [`Writer::synced`].
    Sync(Sync),
    /// To [`Writer::checkpointed`].
    Checkpoint(Job),
}

pub(super) struct Writer<D> {
    pub(super) disk: D,
    pub(super) setup: Setup,
    pub(super) running: BTreeMap<RecordingId, Running>,
    /// Those of them whose beginning is in no journal yet.
    pub(super) fresh: BTreeSet<RecordingId>,
    /// Recordings that a crash cut and that are still to be closed.
    pub(super) crashed: VecDeque<RecordingId>,
    pub(super) logs: [Log; 3],
    /// Entries that are to be sealed into the books, in order; each with who waits for it.
    pub(super) notes: Vec<(Note, Option<u64>)>,
    /// Sealed and not yet in the journal.
    pub(super) batch: Batch,
    /// In the current journal segment and not known to be durable, in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// An empty batch, for its memory.
    pub(super) spare: Batch,
    /// Durable in the journal and not yet in their files: the disk refused.
    pub(super) unapplied: Vec<(Place, u64, Vec<u8>)>,
    pub(super) journal: Segment,
    pub(super) next_segment: u64,
    /// Segments before the current one whose files are not synced yet.
    pub(super) old: Vec<Spent>,
    /// Files written since the last checkpoint began.
    pub(super) dirty: BTreeSet<Place>,
    /// Whether an fdatasync of the journal is under way.
    pub(super) syncing: bool,
    /// Whether a checkpoint is to begin, and whether one is under way.
    pub(super) checkpoint_wanted: bool,
    pub(super) checkpointing: bool,
    /// Whether the last run stopped in order.
    pub(super) orderly: bool,
    /// When the last run signed its running head.
    pub(super) left_at: Option<Wall>,
    /// Whether the last run's ledger agreed with its signed heads.
    pub(super) agrees: bool,
    /// The day that was opened last.
    pub(super) day: Option<i64>,
    pub(super) next_batch: u64,
    pub(super) frontier: Frontier,
    /// Heads that are kept.
    pub(super) heads: u64,
    /// Leaves under the running head, and under the last that is kept.
    pub(super) signed: u64,
    pub(super) kept: u64,
    /// When the last kept head was signed: by the wall's clock (from the files), by the other since the start.
    pub(super) kept_at: Option<Wall>,
    pub(super) kept_now: Option<Time>,
    /// Leaves and heads of the last batch that was brought into the files; and up to which the files have them all.
    pub(super) reached: (u64, u64),
    pub(super) applied: (u64, u64),
    pub(super) space: Space,
    /// Told when the batch in the making is durable.
    pub(super) then: Vec<Told>,
    pub(super) out: VecDeque<Told>,
    pub(super) durable_at: Option<Wall>,
    pub(super) lost_packets: u64,
    /// Journal segments given up after a failed fdatasync.
    pub(super) abandoned: u64,
}

impl<D: Disk> Writer<D> {
    /// A writer over what recovery found; [`Writer::begin`] must succeed before anything else.
    pub(super) fn new(mut disk: D, setup: Setup, frontier: Frontier, heads: u64, now: Time) -> Writer<D> {
        let space = Space::new(&mut disk, setup.low_water_bytes, setup.reserve_bytes);
        Writer {
            disk,
            setup,
            running: BTreeMap::new(),
            fresh: BTreeSet::new(),
            crashed: VecDeque::new(),
            logs: Book::ALL.map(Log::new),
            notes: Vec::new(),
            batch: Batch::default(),
            waiting: VecDeque::new(),
            spare: Batch::default(),
            unapplied: Vec::new(),
            journal: Segment { number: 0, written: 0, durable: 0, began: now, fresh: false, bad: false },
            next_segment: 1,
            old: Vec::new(),
            dirty: BTreeSet::new(),
            syncing: false,
            checkpoint_wanted: false,
            checkpointing: false,
            orderly: false,
            left_at: None,
            agrees: true,
            day: None,
            next_batch: 0,
            signed: frontier.size(),
            kept: 0,
            kept_at: None,
            kept_now: None,
            reached: (frontier.size(), heads),
            applied: (frontier.size(), heads),
            frontier,
            heads,
            space,
            then: Vec::new(),
            out: VecDeque::new(),
            durable_at: None,
            lost_packets: 0,
            abandoned: 0,
        }
    }

    /// Begins the first journal segment.
    pub(super) fn begin(&mut self, now: Time, wall: Wall) -> io::Result<()> {
        self.begin_segment(now, wall, false)?;
        self.sync_here(now)?;
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
                if !self.note(Note::Cdr(Box::new(CdrNote { call, at, cdr, numbers })), None) {
                    tracing::error!(%call, "a call detail record is lost: the store takes nothing");
                }
            }
        }
    }

    /// Takes an entry for a book; false when too many wait. `ticket` is told when it is durable, or refused.
    pub(super) fn note(&mut self, note: Note, ticket: Option<u64>) -> bool {
        let room = self.notes.len() < bounds::STORE_ORDERS;
        if room {
            self.notes.push((note, ticket));
        } else {
            self.out.extend(ticket.map(|ticket| Told::NotNoted { ticket }));
        }
        room
    }

    /// Who waits for an entry that could not be sealed is told so: the act that it speaks of is not done (AUD-03).
    fn refuse_notes(&mut self) {
        let (waited, rest) =
            std::mem::take(&mut self.notes).into_iter().partition(|(_, ticket)| ticket.is_some());
        self.notes = rest;
        let waited: Vec<(Note, Option<u64>)> = waited;
        self.out.extend(
            waited.into_iter().filter_map(|(_, ticket)| ticket).map(|ticket| Told::NotNoted { ticket }),
        );
    }

    /// The log of `book`.
    pub(super) fn log(&self, book: Book) -> &Log {
        let [cdr, audit, keeping] = &self.logs;
        match book {
            Book::Cdr => cdr,
            Book::Audit => audit,
            Book::Keeping => keeping,
        }
    }

    /// The log of `book`, to be written.
    pub(super) fn log_mut(&mut self, book: Book) -> &mut Log {
        let [cdr, audit, keeping] = &mut self.logs;
        match book {
            Book::Cdr => cdr,
            Book::Audit => audit,
            Book::Keeping => keeping,
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

    /// Seals what waits and writes it into the journal. What blocks is left as [`Writer::work`].
    pub(super) fn flush(&mut self, now: Time, wall: Wall) {
        if self.space.watch(&mut self.disk, now, false) {
            self.tell_health();
        }
        self.apply_again(now);
        let written = self.write_down(now, wall);
        if !written {
            self.refuse_notes();
        }
        self.note_health(written, now);
        self.rotate_when_due(now, wall);
    }

    /// What is to be run beside the writer now.
    pub(super) fn work(&mut self) -> Option<Work> {
        self.next_sync().or_else(|| self.next_checkpoint())
    }

    fn write_down(&mut self, now: Time, wall: Wall) -> bool {
        // What could not be written comes first, and nothing is sealed behind it.
        let again = !self.journal.bad || self.begin_segment(now, wall, false).is_ok();
        if !again || (!self.batch.is_empty() && !self.commit(now, wall)) {
            self.leave_out(now);
            return false;
        }
        if self.is_behind() {
            self.leave_out(now);
        } else if !self.holds_back(now) {
            self.seal_all(now, wall);
        }
        self.batch.is_empty() || self.commit(now, wall)
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
        self.logs.iter_mut().for_each(Log::end);
    }

    /// Whether work that was given away has not come back.
    pub(super) fn is_working(&self) -> bool {
        self.syncing || self.checkpointing
    }

    /// Leaves that are in their file.
    pub(super) fn applied_leaves(&self) -> u64 {
        self.applied.0
    }

    /// When the newest head was signed that the last run left.
    pub(super) fn last_signed(&self) -> Option<Wall> {
        self.kept_at.max(self.left_at)
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

    /// When the newest durable batch was written.
    pub(super) fn durable_at(&self) -> Option<Wall> {
        self.durable_at
    }

    /// Whether everything that was taken is durable and in its file.
    pub(super) fn is_settled(&self) -> bool {
        let on_the_way = !self.batch.is_empty() || !self.waiting.is_empty() || !self.unapplied.is_empty();
        !on_the_way && self.crashed.is_empty() && self.notes.is_empty()
    }

    /// The disk refused `place`: why, in words for the core. A full disk gives up the reserve.
    pub(super) fn refused(&mut self, place: Place, error: &io::Error, now: Time) -> &'static str {
        tracing::error!(?place, %error, "the disk refuses");
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full && self.space.give_up_reserve(&mut self.disk, now) {
            self.tell_health();
        }
        if full { "no space" } else { "the disk fails" }
    }

    pub(super) fn tell_health(&mut self) {
        let (writable, free_bytes) = (self.space.is_writable(), self.space.free);
        if writable {
            tracing::info!(free_bytes, "the store takes recordings");
        } else {
            tracing::error!(free_bytes, "the store takes no new recordings");
        }
        self.out.push_back(Told::News(News::Health { writable, free_bytes }));
    }
}
