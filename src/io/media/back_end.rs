//! The seam between the worker's loop and the kernel: epoll now, io_uring beside it later.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::Time;
use crate::io::clock::Clock;
use crate::media::{Channel, Forward, LegKey, Wire};

/// A datagram in the back end's own buffer.
pub(super) struct Arrival<'a> {
    pub(super) at: Time,
    pub(super) key: LegKey,
    pub(super) channel: Channel,
    pub(super) from: SocketAddr,
    /// The buffer, with [`BUFFER_SPARE`](crate::media::BUFFER_SPARE) octets beyond the datagram at least.
    pub(super) buffer: &'a mut [u8],
    /// Octets of the datagram; 0 for one that was longer than the buffer.
    pub(super) len: usize,
}

/// Sockets, readiness and sending, owned by one worker.
pub(super) trait BackEnd: Wire {
    /// Waits until a datagram or an order comes, at most `wait`; hands every datagram that is there (up to a bound) to
    /// `take` and sends what it says from the same buffer. Says when the wait was over, and whether orders may wait.
    ///
    /// # Errors
    /// Only those after which waiting again is of no use.
    fn turn(
        &mut self,
        wait: Option<Duration>,
        clock: Clock,
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> io::Result<(Time, bool)>;
}
