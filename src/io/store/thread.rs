//! The writer's thread: takes orders and packets and keeps the rhythm of the flushes. Whatever waits for the device runs
//! beside it: fdatasyncs of the journal in one thread, each checkpoint in one of its own.
//!
//! What has time until the next flush (records, events, ends of recordings) is left beside the door: it wakes the thread only
//! when that would otherwise sleep past the next flush.
//! Invariants: no sender ever waits. A packet that was handed over before `Ended` is taken before it. What was handed over
//! is in the page cache a flush later, however slow the device is.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::{RecordingId, Time, bounds};
use crate::io::clock::{Clock, wall};
use crate::io::queue::{Receiver, Sender, bounded};
use crate::vault::{Batch, Book, News, Order, TapItem};

use super::checkpoint::Job;
use super::commit::Sync;
use super::disk::{Disk, Place, RealDisk};
use super::files::Published;
use super::index::Index;
use super::note::{Note, Told};
use super::writer::{FLUSH_EVERY, Work, Writer};
use super::{Status, Stuck};

/// Without a running recording and anything waiting the thread looks up this often.
const IDLE_EVERY: Duration = Duration::from_secs(1);
/// How long somebody waits for an entry to be durable: twice a stuck disk's grace.
const NOTED_WITHIN: Duration = Duration::from_secs(10);
/// How many flushes a stop tries before it leaves the rest to the next start: 20 s, more than a slow disk's fdatasync takes.
const LAST_FLUSHES: u32 = 200;

/// The ends that the store's functions hold.
pub(super) struct Inlet {
    messages: Sender<Message>,
    calm: Sender<Order>,
    ring: Sender<Batch>,
    side: Arc<Side>,
}

/// What must arrive even when the ring is full.
#[derive(Default)]
struct Side {
    /// Something is in here.
    any: AtomicBool,
    /// The thread sleeps for longer than until the next flush would be.
    dozes: AtomicBool,
    ended: Mutex<Vec<RecordingId>>,
    lost: Mutex<HashMap<RecordingId, u64>>,
}

enum Message {
    Order(Order),
    /// Something calm waits for the next flush.
    Wake,
    /// An entry for a book; answer with its leaf when it is durable.
    Note(Box<Note>, Option<SyncSender<Result<u64, Stuck>>>),
    /// Answer when everything before is durable and in its file.
    Settle(SyncSender<()>),
    /// Work that ran beside the thread is done.
    Synced(Sync, io::Result<()>),
    Checkpointed(Job, Vec<(Place, io::Error)>),
    /// End the open segments of all books.
    EndLogs,
    Stop,
}

/// What the thread publishes after every flush.
pub(super) type Board = Arc<Mutex<Status>>;

impl Inlet {
    pub(super) fn order(&self, order: Order) -> Result<(), Stuck> {
        // A call waits for its recording to be open, and for nothing else.
        if matches!(order, Order::Open { .. }) {
            return self.messages.try_send(Message::Order(order)).map_err(|_| Stuck);
        }
        self.calm.try_send(order).map_err(|_| Stuck)?;
        fence(Ordering::SeqCst);
        if self.side.dozes.load(Ordering::Relaxed) && self.side.dozes.swap(false, Ordering::AcqRel) {
            self.messages.push(Message::Wake).map_err(|_| Stuck)?;
        }
        Ok(())
    }

    pub(super) fn tap(&self, item: TapItem) -> Result<(), Stuck> {
        match item {
            TapItem::Batch(batch) => {
                let (recording, packets) = (batch.recording(), u64::from(batch.packets()));
                self.ring.try_send(batch).map_err(|_| {
                    *lock(&self.side.lost).entry(recording).or_default() += packets;
                    self.side.any.store(true, Ordering::Release);
                    Stuck
                })
            }
            TapItem::Ended { recording } => {
                lock(&self.side.ended).push(recording);
                self.side.any.store(true, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Waits until `note` is durable in its book; its leaf comes back.
    ///
    /// # Errors
    /// [`Stuck`] when the store does not take it, or not within [`NOTED_WITHIN`].
    pub(super) fn note(&self, note: Note) -> Result<u64, Stuck> {
        let (sender, receiver) = sync_channel(1);
        self.messages.try_send(Message::Note(Box::new(note), Some(sender))).map_err(|_| Stuck)?;
        receiver.recv_timeout(NOTED_WITHIN).unwrap_or(Err(Stuck))
    }

    /// As [`Inlet::note`] of several, in order and together.
    ///
    /// # Errors
    /// [`Stuck`] when one of them was not taken; those before it may have been.
    pub(super) fn note_all(&self, notes: Vec<Note>) -> Result<Vec<u64>, Stuck> {
        let mut waiting = Vec::with_capacity(notes.len());
        for note in notes {
            let (sender, receiver) = sync_channel(1);
            self.messages.try_send(Message::Note(Box::new(note), Some(sender))).map_err(|_| Stuck)?;
            waiting.push(receiver);
        }
        waiting
            .into_iter()
            .map(|receiver| receiver.recv_timeout(NOTED_WITHIN).unwrap_or(Err(Stuck)))
            .collect()
    }

    /// As [`Inlet::note`], and waits for nothing.
    pub(super) fn note_later(&self, note: Note) -> Result<(), Stuck> {
        self.messages.try_send(Message::Note(Box::new(note), None)).map_err(|_| Stuck)
    }

    /// Waits until everything that was given before is durable and in its file; false when the thread is gone.
    pub(super) fn settle(&self) -> bool {
        let (sender, receiver) = sync_channel(1);
        self.messages.push(Message::Settle(sender)).is_ok() && receiver.recv().is_ok()
    }

    /// Ends the open segments of all books, so that those to come are under the current key.
    pub(super) fn end_logs(&self) {
        // Without room they end when they are long enough.
        let _ = self.messages.try_send(Message::EndLogs);
    }

    /// Asks the thread to stop.
    pub(super) fn stop(&self) {
        let _ = self.messages.push(Message::Stop);
    }
}

impl Clone for Inlet {
    fn clone(&self) -> Self {
        let Inlet { messages, calm, ring, side } = self;
        Inlet { messages: messages.clone(), calm: calm.clone(), ring: ring.clone(), side: side.clone() }
    }
}

/// Starts the thread over `writer`.
pub(super) fn start(
    writer: Writer<RealDisk>,
    root: PathBuf,
    clock: Clock,
    published: Arc<Published>,
    index: Arc<Index>,
    news: impl FnMut(News) + Send + 'static,
) -> io::Result<(Inlet, Board, JoinHandle<()>)> {
    let (messages, orders) = bounded(bounds::STORE_ORDERS);
    let (calm, calm_orders) = bounded(bounds::STORE_ORDERS);
    let (ring, batches) = bounded(bounds::TAP_BATCHES);
    let (syncs, syncs_wanted) = sync_channel(1);
    sync_beside(syncs_wanted, messages.clone(), &root)?;
    let side = Arc::new(Side::default());
    let board = Board::default();
    let mut thread = Thread {
        writer,
        root,
        clock,
        published,
        index,
        news,
        orders,
        calm: calm_orders,
        batches,
        side: side.clone(),
        done: messages.clone(),
        syncs,
        settling: Vec::new(),
        noting: HashMap::new(),
        tickets: 0,
        hurried: false,
        board: board.clone(),
        stopping: false,
    };
    thread.tell();
    let handle = std::thread::Builder::new().name("ledgerline-store".into()).spawn(move || thread.run())?;
    Ok((Inlet { messages, calm, ring, side }, board, handle))
}

/// Runs fdatasyncs of the journal, one after the other, for as long as somebody wants any.
fn sync_beside(wanted: mpsc::Receiver<Sync>, done: Sender<Message>, root: &Path) -> io::Result<()> {
    let mut disk = RealDisk::new(root);
    let work = move || {
        let mut last = None;
        for sync in wanted {
            if let Some(before) = last.replace(sync.place()).filter(|before| *before != sync.place()) {
                disk.release(before);
            }
            let result = sync.run(&mut disk);
            let _ = done.push(Message::Synced(sync, result));
        }
    };
    std::thread::Builder::new().name("ledgerline-fsync".into()).spawn(work).map(|_| ())
}

struct Thread<N> {
    writer: Writer<RealDisk>,
    root: PathBuf,
    clock: Clock,
    published: Arc<Published>,
    index: Arc<Index>,
    news: N,
    orders: Receiver<Message>,
    calm: Receiver<Order>,
    batches: Receiver<Batch>,
    side: Arc<Side>,
    /// Where results of work come in.
    done: Sender<Message>,
    syncs: SyncSender<Sync>,
    settling: Vec<SyncSender<()>>,
    /// Who waits for an entry to be durable, by ticket; whether one came since the last flush.
    noting: HashMap<u64, SyncSender<Result<u64, Stuck>>>,
    tickets: u64,
    hurried: bool,
    board: Board,
    stopping: bool,
}

impl<N: FnMut(News)> Thread<N> {
    fn run(mut self) {
        let mut next = self.clock.now() + FLUSH_EVERY;
        while !self.stopping {
            next = self.rest_until(next);
            match self.orders.recv_timeout(next.since(self.clock.now())) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.stopping = true,
            }
            let now = self.clock.now();
            let hurried = std::mem::take(&mut self.hurried);
            if now >= next || self.stopping || hurried || !self.settling.is_empty() {
                self.flush(now);
                next = now + if self.is_idle() { IDLE_EVERY } else { FLUSH_EVERY };
            } else {
                next = next.min(now + FLUSH_EVERY);
            }
            self.work();
            self.tell();
            self.settle();
        }
        self.stop();
    }

    /// How long the thread may sleep, which wants to until `next`: not past a flush of what is there already.
    fn rest_until(&self, next: Time) -> Time {
        let soon = self.clock.now() + FLUSH_EVERY;
        let dozes = next > soon;
        self.side.dozes.store(dozes, Ordering::Relaxed);
        if !dozes {
            return next;
        }
        fence(Ordering::SeqCst);
        if self.calm.is_empty() {
            return next;
        }
        self.side.dozes.store(false, Ordering::Relaxed);
        soon
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Order(order) => self.writer.order(order, self.clock.now()),
            Message::Wake => {}
            Message::Note(note, sender) => {
                let ticket = sender.map(|sender| {
                    self.tickets += 1;
                    self.noting.insert(self.tickets, sender);
                    self.tickets
                });
                self.writer.note(*note, ticket);
                self.hurried |= ticket.is_some();
            }
            Message::Settle(sender) => self.settling.push(sender),
            Message::EndLogs => self.writer.logs.iter_mut().for_each(super::log::Log::end),
            Message::Stop => self.stopping = true,
            Message::Synced(sync, result) => self.writer.synced(sync, result, self.clock.now()),
            Message::Checkpointed(job, failed) => self.writer.checkpointed(job, failed),
        }
    }

    fn flush(&mut self, now: Time) {
        self.drain();
        self.writer.flush(now, wall());
    }

    /// Gives away what blocks.
    fn work(&mut self) {
        while let Some(work) = self.writer.work() {
            match work {
                Work::Sync(sync) => {
                    // One is asked for at a time, so that there is room; the thread ends after this one.
                    let _ = self.syncs.try_send(sync);
                }
                Work::Checkpoint(job) => self.run_beside(job),
            }
        }
    }

    /// Answers those who wait for everything to be durable.
    fn settle(&mut self) {
        if self.writer.is_settled() {
            for sender in self.settling.drain(..) {
                let _ = sender.send(());
            }
        }
    }

    /// Takes everything that was handed over. `Ended` is looked at first and acted on last, so that no packet sent
    /// before it comes after it; orders come before packets, so that a recording is open when its packets come.
    fn drain(&mut self) {
        let mut ended = Vec::new();
        if self.side.any.swap(false, Ordering::AcqRel) {
            ended = std::mem::take(&mut *lock(&self.side.ended));
            for (recording, packets) in lock(&self.side.lost).drain() {
                self.writer.lose(recording, packets);
            }
        }
        let waiting = std::iter::from_fn(|| self.batches.try_recv().ok());
        let batches: Vec<Batch> = waiting.take(bounds::TAP_BATCHES).collect();
        while let Ok(message) = self.orders.try_recv() {
            self.take(message);
        }
        while let Ok(order) = self.calm.try_recv() {
            self.writer.order(order, self.clock.now());
        }
        for batch in batches {
            self.writer.tap(batch);
        }
        for recording in ended {
            self.writer.media_ended(recording);
        }
    }

    /// Gives out what the writer told and publishes how far it is.
    fn tell(&mut self) {
        self.published.leaves.store(self.writer.applied_leaves(), Ordering::Release);
        self.published.heads.store(self.writer.applied_heads(), Ordering::Release);
        for (book, open) in Book::ALL.into_iter().zip(&self.published.open_logs) {
            let number = self.writer.log(book).open_segment().map_or(u64::MAX, u64::from);
            open.store(number, Ordering::Release);
        }
        for told in self.writer.told() {
            let (ticket, answer) = match told {
                Told::News(news) => {
                    (self.news)(news);
                    continue;
                }
                Told::Noted { ticket, leaf } => (ticket, Ok(leaf)),
                Told::NotNoted { ticket } => (ticket, Err(Stuck)),
                row => {
                    self.index.tell(row);
                    continue;
                }
            };
            if let Some(waits) = self.noting.remove(&ticket) {
                let _ = waits.send(answer);
            }
        }
        let mut board = lock(&self.board);
        board.writable = self.writer.is_writable();
        board.free_bytes = self.writer.free_bytes();
        board.open = self.writer.running.len() as u64;
        board.leaves = self.writer.applied_leaves();
        board.lost_packets = self.writer.lost_packets;
        board.abandoned = self.writer.abandoned;
        board.durable_at = self.writer.durable_at();
    }

    /// Runs a checkpoint in a thread of its own: a sync of many files must not hold up the next flush.
    fn run_beside(&mut self, job: Job) {
        let (done, root) = (self.done.clone(), self.root.clone());
        let work = move || {
            let failed = job.run(&mut RealDisk::new(&root));
            let _ = done.push(Message::Checkpointed(job, failed));
        };
        if let Err(error) = std::thread::Builder::new().name("ledgerline-sync".into()).spawn(work) {
            tracing::error!(%error, "no thread for a checkpoint: the journal grows until the next start");
        }
    }

    fn is_idle(&self) -> bool {
        self.writer.running.is_empty() && self.writer.is_settled()
    }

    fn stop(&mut self) {
        for _ in 0..LAST_FLUSHES {
            self.drain();
            self.writer.close_all(self.clock.now());
            self.writer.flush(self.clock.now(), wall());
            self.work();
            self.tell();
            if self.is_idle() && !self.writer.is_working() {
                break;
            }
            if let Ok(message) = self.orders.recv_timeout(FLUSH_EVERY) {
                self.take(message);
            }
        }
        self.writer.end_in_order(self.is_idle(), self.clock.now(), wall());
        self.settling.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
