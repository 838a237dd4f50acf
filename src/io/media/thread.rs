//! The loop of one worker thread.
//!
//! Packets first, then orders, then what is due by the clock; news and tap items leave at the end of each turn.
//! Invariant: nothing in the loop blocks but the wait for packets.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::base::{Time, bounds};
use crate::io::clock::Clock;
use crate::io::feeds::Feeds;
use crate::io::queue::Receiver;
use crate::media::{News, Order, Worker};
use crate::vault::TapItem;

use super::Job;
use super::back_end::{Arrival, BackEnd};

/// Orders carried out between two looks at the sockets: about a millisecond of them.
const ORDERS: usize = 128;

/// A wait that ends so soon anyway may gather what comes until then: a step of the grid on which prompts are played.
const GATHER: Duration = Duration::from_millis(5);
/// For how long after a packet was sent on the next one is waited for: pauses of speech are shorter.
const RELAYING: Duration = Duration::from_secs(2);

/// What the plane and a worker's thread share.
#[derive(Debug)]
pub(super) struct Shared {
    /// An eventfd; written when an order was put into an empty queue.
    pub(super) wake: Arc<OwnedFd>,
    /// Whether the wake-up was given and not yet taken.
    pub(super) awake: AtomicBool,
    pub(super) stop: AtomicBool,
    pub(super) legs: AtomicUsize,
    pub(super) packets: AtomicU64,
}

impl Shared {
    /// Wakes the worker; one system call for any number of orders that it has not looked at yet.
    pub(super) fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
        }
    }
}

/// One worker with everything that it owns.
pub(super) struct Thread<B, T> {
    pub(super) worker: Worker,
    pub(super) back_end: B,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: Receiver<Job>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) tap: T,
    pub(super) feeds: Feeds,
    pub(super) kept: VecDeque<News>,
    pub(super) missed: u64,
    /// When a packet was last sent on.
    pub(super) relayed: Option<Time>,
}

impl<B: BackEnd, T: FnMut(TapItem) -> bool> Thread<B, T> {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut more = false;
        let mut now = self.clock.now();
        while !self.shared.stop.load(Ordering::Acquire) {
            let wait = if more { Some(Duration::ZERO) } else { self.wait(now) };
            let gather = self.may_gather(now, wait);
            let (worker, relayed) = (&mut self.worker, &mut self.relayed);
            let turned = self.back_end.turn(wait, gather, self.clock, &mut |arrival: Arrival<'_>| {
                let Arrival { at, key, channel, from, buffer, len } = arrival;
                let forward = worker.packet(at, key, channel, from, buffer, len)?;
                *relayed = Some(at);
                Some(forward)
            });
            let woken;
            (now, woken) = match turned {
                Ok(turned) => turned,
                Err(error) => {
                    tracing::error!(%error, "a media worker cannot wait for packets and stops");
                    return;
                }
            };
            if woken || more {
                more = self.take_orders();
                now = self.clock.now();
            }
            if self.worker.deadline().is_some_and(|due| due <= now) {
                self.worker.tick(now, &mut self.back_end);
            }
            self.worker.settle(&mut self.back_end);
            self.hand_on();
        }
    }

    /// Whether what comes within `wait` may be looked at together: the switch itself is all that anybody talks to here, as in
    /// voice menus, and it speaks and listens at the same steps.
    fn may_gather(&self, now: Time, wait: Option<Duration>) -> bool {
        let relays = self.relayed.is_some_and(|at| now.since(at) < RELAYING);
        !relays && wait.is_some_and(|wait| wait <= GATHER)
    }

    /// How long nothing is due. Counted from the beginning of the turn: a frame may be late by what the turn took.
    fn wait(&self, now: Time) -> Option<Duration> {
        let due = self.worker.deadline().map(|due| due.since(now));
        // News that found no room are tried again soon.
        let untold = !self.kept.is_empty() || self.missed > 0;
        let retry = untold.then_some(Duration::from_millis(5));
        due.into_iter().chain(retry).min()
    }

    /// Carries out what is in the queue, up to a bound; true when there may be more.
    fn take_orders(&mut self) -> bool {
        // Read and written in one: an order whose sender saw the old value is seen below.
        self.shared.awake.swap(false, Ordering::AcqRel);
        for _ in 0..ORDERS {
            let Ok(job) = self.orders.try_recv() else { return false };
            self.carry_out(job);
        }
        true
    }

    fn carry_out(&mut self, Job { order, pair }: Job) {
        let now = self.clock.now();
        let (Some(pair), Order::Open { call, leg, .. }) = (pair, &order) else {
            return self.worker.order(now, order, &mut self.back_end);
        };
        let told = News::Opened { call: *call, leg: *leg, local: pair.local() };
        self.back_end.sockets().lend(pair);
        self.worker.order(now, order, &mut self.back_end);
        self.back_end.sockets().take_back();
        self.worker.unsay(&told);
    }

    fn hand_on(&mut self) {
        while let Some(item) = self.worker.poll_tap() {
            // The ring counts what it has no room for and tells the core.
            (self.tap)(item);
        }
        while let Some(piece) = self.worker.poll_feed() {
            self.feeds.hand_on(piece);
        }
        while let Some(news) = self.worker.poll_news() {
            if self.kept.len() < bounds::MEDIA_NEWS_KEPT {
                self.kept.push_back(news);
            } else {
                self.missed += 1;
            }
        }
        self.tell();
        self.shared.legs.store(self.worker.legs(), Ordering::Relaxed);
        self.shared.packets.store(self.worker.packets(), Ordering::Relaxed);
    }

    fn tell(&mut self) {
        while let Some(news) = self.kept.pop_front() {
            match self.news.try_send(news) {
                Ok(()) => {}
                Err(TrySendError::Full(news)) => {
                    self.kept.push_front(news);
                    return;
                }
                // Nobody listens any more.
                Err(TrySendError::Closed(_)) => self.kept.clear(),
            }
        }
        let missed = News::Missed { news: self.missed };
        if self.missed > 0 && !matches!(self.news.try_send(missed), Err(TrySendError::Full(_))) {
            self.missed = 0;
        }
    }
}
