//! The seam between the worker's loop and the kernel, and what epoll and io_uring share: pairs of sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::Time;
use crate::io::clock::Clock;
use crate::media::{Channel, Forward, LegKey, Wire};

use super::port::Ports;
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

/// The two sockets of a leg.
pub(super) struct Pair {
    /// The even port of the two.
    pub(super) port: u16,
    rtp: Socket,
    rtcp: Socket,
}

impl Pair {
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

/// Takes a pair of ports and binds it at `local`.
pub(super) fn bind(ports: &Ports, local: IpAddr, dscp: u8) -> Option<Pair> {
    for _ in 0..TRIES {
        let port = ports.take()?;
        let socket = |port| Socket::bind(SocketAddr::new(local, port), dscp);
        match socket(port).and_then(|rtp| Ok(Pair { port, rtp, rtcp: socket(port + 1)? })) {
            Ok(pair) => return Some(pair),
            Err(error) => {
                ports.give(port);
                if error.kind() != io::ErrorKind::AddrInUse {
                    tracing::warn!(%error, port, "no media socket");
                    return None;
                }
            }
        }
    }
    tracing::warn!(tries = TRIES, "media ports are taken by other programs");
    None
}
