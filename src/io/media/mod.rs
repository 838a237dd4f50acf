//! The data plane's shell: one pinned thread a core, each owning its calls, sockets and timers.
//!
//! A call lives on one worker from its first leg to its end. Orders reach it over a bounded queue and an eventfd; news go
//! to the core over one bounded queue. A leg's sockets are bound by whoever orders it, who so knows its address at once, and
//! travel to the worker with the order. Invariant: between a readable socket and the send that answers it there is no lock,
//! no allocation and no other thread.

mod back_end;
mod epoll;
mod port;
mod ring;
mod socket;
#[cfg(test)]
mod tests;
mod thread;
mod uring;

use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::TrySendError;
use std::thread::JoinHandle;

use rustix::event::EventfdFlags;
use rustix::process::Resource;
use rustix::thread::CpuSet;
use tokio::sync::mpsc;

use crate::base::{CallId, Random, bounds};
use crate::config;
use crate::io::clock::Clock;
use crate::io::feeds::Feeds;
use crate::io::queue::{Sender, bounded};
use crate::media::{News, Order, Worker};
use crate::vault::TapItem;

use back_end::{BackEnd, Pair, Socketry};
use epoll::Epoll;
use port::Ports;
use thread::{Shared, Thread};
use uring::Uring;

/// How the plane is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker threads; 0 is one a core.
    pub workers: usize,
    /// Whether worker `n` is pinned to the n-th core that the process may use.
    pub pin: bool,
    /// UDP ports for media; pairs begin at even ones. One range for all addresses.
    pub ports: RangeInclusive<u16>,
    /// Differentiated services code point of what is sent: 46 is expedited forwarding (RFC 3246).
    pub dscp: u8,
    /// Whether a leg's sockets are connected once its source is certain: cheaper sends, and the kernel refuses strangers
    /// (uncounted). Off: every stranger is counted in [`LegFacts::rejected`](crate::media::LegFacts::rejected).
    pub connect: bool,
    /// How packets come from the kernel and go to it.
    pub back_end: config::BackEnd,
    /// The node's clock.
    pub clock: Clock,
}

/// The running plane. Dropping it stops the workers and closes all sockets.
#[derive(Debug)]
pub struct Plane {
    workers: Vec<Handle>,
    socketry: Socketry,
    feeds: Feeds,
    back_end: &'static str,
}

/// An order on its way to a worker, with the sockets of the leg that it opens.
#[derive(Debug)]
struct Job {
    order: Order,
    pair: Option<Pair>,
}

#[derive(Debug)]
struct Handle {
    orders: Sender<Job>,
    /// Whether it was left an order since it was last woken.
    left: AtomicBool,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A worker's queue has no room ([`bounds::MEDIA_ORDERS`]): the order comes back. The plane is overloaded; new calls should
/// be refused, and an order that ends something tried again a little later.
#[derive(Debug, thiserror::Error)]
#[error("the media plane has no room for another order")]
pub struct Full(pub Box<Order>);

impl Plane {
    /// Starts the workers. `random` seeds stream identifiers; `tap` takes what recordings gather (one clone a worker; it must
    /// not block, and answers whether it had room: `store.tap()`'s `try_send(item).is_ok()`).
    ///
    /// News come out of the receiver, at most [`bounds::MEDIA_NEWS`] waiting; when the core reads too slowly each worker
    /// keeps up to [`bounds::MEDIA_NEWS_KEPT`] itself, then drops the newest and says how many ([`News::Missed`]). Packets
    /// never wait for news.
    ///
    /// # Errors
    /// When a thread, an epoll or an eventfd cannot be made.
    pub fn start<T>(config: &Config, random: &mut Random, tap: T) -> io::Result<(Plane, mpsc::Receiver<News>)>
    where
        T: FnMut(TapItem) -> bool + Clone + Send + 'static,
    {
        raise_file_limit();
        let (news, receiver) = mpsc::channel(bounds::MEDIA_NEWS);
        let socketry = Socketry::new(Arc::new(Ports::new(config.ports.clone())), config.dscp);
        let mut plane = Plane { workers: Vec::new(), socketry, feeds: Feeds::default(), back_end: "none" };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let count = if config.workers == 0 { cores } else { config.workers };
        for number in 0..count {
            let worker = Worker::new(random.fork());
            let socketry = plane.socketry.clone();
            let out = (news.clone(), tap.clone(), plane.feeds.clone());
            let (handle, back_end) = Handle::start(config, number, worker, out, socketry)?;
            plane.back_end = back_end;
            plane.workers.push(handle);
        }
        Ok((plane, receiver))
    }

    /// Where recognisers subscribe to what parties say.
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Hands an order to the worker that owns its call (or to all). Never blocks. The news, if any, is what the order has brought
    /// about already: whether a leg has its ports.
    ///
    /// # Errors
    /// [`Full`] with the order when that worker's queue has no room.
    pub fn order(&self, order: Order) -> Result<Option<News>, Full> {
        let ordered = self.leave(order);
        self.wake();
        ordered
    }

    /// As [`Plane::order`], but the worker need not look at it before [`Plane::wake`]: what one event wants of a worker wakes it once.
    /// A leg that opens wakes nobody: before its next order it hears and says nothing.
    ///
    /// # Errors
    /// As [`Plane::order`].
    pub fn leave(&self, order: Order) -> Result<Option<News>, Full> {
        let Some(call) = order.call() else {
            let all = self.workers.iter().try_for_each(|worker| worker.leave(order.clone(), None));
            return all.map(|()| None);
        };
        let Some(worker) = self.worker_of(call) else { return Ok(None) };
        let Order::Open { leg, local, .. } = order else { return worker.leave(order, None).map(|()| None) };
        let Some(pair) = self.socketry.bind(local) else { return Ok(Some(News::NoPort { call, leg })) };
        let local = pair.local();
        worker.leave(order, Some(pair))?;
        Ok(Some(News::Opened { call, leg, local }))
    }

    /// Wakes the workers that were left orders.
    pub fn wake(&self) {
        for worker in self.workers.iter().filter(|worker| worker.left.swap(false, Ordering::AcqRel)) {
            worker.shared.wake();
        }
    }

    /// What each worker is doing, for `status` and metrics.
    pub fn workers(&self) -> Vec<WorkerState> {
        let state = |worker: &Handle| WorkerState {
            legs: worker.shared.legs.load(Ordering::Relaxed),
            packets: worker.shared.packets.load(Ordering::Relaxed),
            alive: worker.thread.as_ref().is_some_and(|thread| !thread.is_finished()),
        };
        self.workers.iter().map(state).collect()
    }

    /// How packets come from the kernel: `epoll` or `io_uring`.
    pub fn back_end(&self) -> &'static str {
        self.back_end
    }

    /// Pairs of ports that are free.
    pub fn free_ports(&self) -> usize {
        self.socketry.free()
    }

    fn worker_of(&self, call: CallId) -> Option<&Handle> {
        // The last octets of an identifier are random, so they spread calls evenly.
        let bytes = call.to_bytes();
        let number = bytes.last_chunk::<8>().map_or(0, |last| u64::from_be_bytes(*last));
        self.workers.get((number % self.workers.len().max(1) as u64) as usize)
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.shared.stop.store(true, Ordering::Release);
            worker.shared.awake.store(false, Ordering::Release);
            worker.shared.wake();
        }
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            let _ = thread.join();
        }
    }
}

impl Handle {
    /// Starts a worker's thread over the back end of the configuration; says which it is.
    fn start<T>(
        setup: &Config,
        number: usize,
        worker: Worker,
        (news, tap, feeds): (mpsc::Sender<News>, T, Feeds),
        socketry: Socketry,
    ) -> io::Result<(Handle, &'static str)>
    where
        T: FnMut(TapItem) -> bool + Send + 'static,
    {
        let wake: Arc<OwnedFd> =
            Arc::new(rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let inside =
            Inside { worker, news, tap, feeds, clock: setup.clock, pin: setup.pin.then_some(number) };
        if setup.back_end != config::BackEnd::Epoll {
            match Uring::new(Arc::clone(&wake), socketry.clone(), setup.connect) {
                Ok(back_end) => return Ok((inside.run_over(back_end, wake, number)?, "io_uring")),
                Err(error) if setup.back_end == config::BackEnd::IoUring => return Err(error),
                Err(error) => tracing::debug!(%error, "no io_uring here; epoll carries the media"),
            }
        }
        let back_end = Epoll::new(Arc::clone(&wake), socketry, setup.connect)?;
        Ok((inside.run_over(back_end, wake, number)?, "epoll"))
    }

    fn leave(&self, order: Order, pair: Option<Pair>) -> Result<(), Full> {
        let urgent = pair.is_none();
        self.orders.try_send(Job { order, pair }).map_err(|refused| match refused {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => Full(Box::new(job.order)),
        })?;
        self.left.fetch_or(urgent, Ordering::AcqRel);
        Ok(())
    }
}

/// What goes into a worker's thread, whatever its back end.
struct Inside<T> {
    worker: Worker,
    news: mpsc::Sender<News>,
    tap: T,
    feeds: Feeds,
    clock: Clock,
    pin: Option<usize>,
}

impl<T: FnMut(TapItem) -> bool + Send + 'static> Inside<T> {
    fn run_over<B>(self, back_end: B, wake: Arc<OwnedFd>, number: usize) -> io::Result<Handle>
    where
        B: BackEnd + Send + 'static,
    {
        let Inside { worker, news, tap, feeds, clock, pin } = self;
        let shared = Arc::new(Shared {
            wake,
            awake: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            legs: AtomicUsize::new(0),
            packets: AtomicU64::new(0),
        });
        let (orders, receiver) = bounded(bounds::MEDIA_ORDERS);
        let thread = Thread {
            worker,
            back_end,
            clock,
            shared: Arc::clone(&shared),
            orders: receiver,
            news,
            tap,
            feeds,
            kept: VecDeque::new(),
            missed: 0,
            relayed: None,
        };
        let thread = std::thread::Builder::new().name(format!("media-{number}")).spawn(move || {
            if let Some(number) = pin {
                pin_to(number);
            }
            thread.run();
        })?;
        Ok(Handle { orders, left: AtomicBool::new(false), shared, thread: Some(thread) })
    }
}

/// What a worker is doing, for `status` and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerState {
    /// Open legs.
    pub legs: usize,
    /// Datagrams received since the start.
    pub packets: u64,
    /// Whether its thread runs. One that does not is a fault of ours and has left an error line.
    pub alive: bool,
}

/// Pins the calling thread to the n-th of the cores that it may use. Without the right to do so it stays free.
fn pin_to(number: usize) {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    if let Some(core) = cores.get(number % cores.len().max(1)) {
        let mut only = CpuSet::new();
        only.set(*core);
        let _ = rustix::thread::sched_setaffinity(None, &only);
    }
}

/// Each leg takes two descriptors: the soft limit (often 1 024) goes up to the hard one.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = rustix::process::setrlimit(Resource::Nofile, limit);
    }
}
