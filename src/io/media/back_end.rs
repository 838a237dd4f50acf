//! The seam between the worker's loop and the kernel, and what epoll and io_uring share: pairs of sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::base::Time;
use crate::io::clock::Clock;
use crate::media::{Channel, Forward, LegKey, Wire};

use super::port::{Lease, Ports};
use super::socket::Socket;

/// The largest datagram taken: above an Ethernet frame; a longer one is malformed for us.
pub(super) const DATAGRAM: usize = 2_048;
/// Pairs tried when other programs sit in the port range.
const TRIES: usize = 64;

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
    /// Where the worker's sockets come from.
    fn sockets(&mut self) -> &mut Sockets;

    /// Waits until a datagram or an order comes, at most `wait`; hands every datagram that is there (up to a bound) to
    /// `take` and sends what it says from the same buffer. Says when the wait was over, and whether orders may wait. If it may
    /// `gather`, a few datagrams or orders need not end the wait: nobody is kept waiting by it (what only some kernels can do).
    ///
    /// # Errors
    /// Only those after which waiting again is of no use.
    fn turn(
        &mut self,
        wait: Option<Duration>,
        gather: bool,
        clock: Clock,
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> io::Result<(Time, bool)>;
}

/// The two sockets of a leg. Their ports go back when they are closed.
#[derive(Debug)]
pub(super) struct Pair {
    rtp: Socket,
    rtcp: Socket,
    local: SocketAddr,
    /// Dropped last: the ports are free again only when the sockets are gone.
    _lease: Lease,
}

impl Pair {
    /// The address of the first of the two.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn socket(&self, channel: Channel) -> &Socket {
        match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        }
    }

    pub(super) fn socket_mut(&mut self, channel: Channel) -> &mut Socket {
        match channel {
            Channel::Rtp => &mut self.rtp,
            Channel::Rtcp => &mut self.rtcp,
        }
    }
}

/// How sockets are made, for all workers alike.
#[derive(Clone, Debug)]
pub(super) struct Socketry {
    ports: Arc<Ports>,
    dscp: u8,
}

impl Socketry {
    /// Sockets at `ports`, marked with `dscp`.
    pub(super) fn new(ports: Arc<Ports>, dscp: u8) -> Socketry {
        Socketry { ports, dscp }
    }

    /// Pairs of ports that are free.
    pub(super) fn free(&self) -> usize {
        self.ports.free()
    }

    /// Takes a pair of ports and binds it at `local`.
    pub(super) fn bind(&self, local: IpAddr) -> Option<Pair> {
        for _ in 0..TRIES {
            let lease = self.ports.take()?;
            let at = |port| SocketAddr::new(local, port);
            let (first, second) = (at(lease.port()), at(lease.port() + 1));
            let bound =
                Socket::bind(first, self.dscp).and_then(|rtp| Ok((rtp, Socket::bind(second, self.dscp)?)));
            match bound {
                Ok((rtp, rtcp)) => return Some(Pair { rtp, rtcp, local: first, _lease: lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    tracing::warn!(%error, at = %first, "no media socket");
                    return None;
                }
            }
        }
        tracing::warn!(tries = TRIES, "media ports are taken by other programs");
        None
    }
}

/// Where one worker's sockets come from: bound by whoever ordered the leg, or here.
pub(super) struct Sockets {
    socketry: Socketry,
    /// For the leg that is opened next.
    lent: Option<Pair>,
}

impl Sockets {
    /// None is lent yet.
    pub(super) fn new(socketry: Socketry) -> Sockets {
        Sockets { socketry, lent: None }
    }

    /// Has the next leg that opens take this pair, if it does so before [`Sockets::take_back`].
    pub(super) fn lend(&mut self, pair: Pair) {
        self.lent = Some(pair);
    }

    /// Closes what was lent and not taken.
    pub(super) fn take_back(&mut self) {
        self.lent = None;
    }

    /// A pair at `local`.
    pub(super) fn take(&mut self, local: IpAddr) -> Option<Pair> {
        self.lent.take().or_else(|| self.socketry.bind(local))
    }
}
