//! What the packet logic asks of whatever carries packets: sockets in production, a list in a simulation.
//!
//! The seam for other back ends. Packets that come in are not here: the back end hands them to
//! [`Worker::packet`](super::Worker::packet) in its own receive buffer and sends what comes back from that same buffer.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::LegKey;

/// The two ports of a leg.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port above it.
    Rtcp,
}

/// Where packets leave, and where ports come from.
pub trait Wire {
    /// Takes a pair of ports at `local` for a leg; the RTP address, or `None` when there is no free pair.
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr>;

    /// From now on only `far` can be heard on this channel (`None`: again anybody). A hint that lets the kernel refuse
    /// strangers and know the route; the packet logic checks every source all the same.
    fn narrow(&mut self, key: LegKey, channel: Channel, far: Option<SocketAddr>);

    /// Sends a datagram that the switch made.
    fn send(&mut self, key: LegKey, channel: Channel, to: SocketAddr, datagram: &[u8]);

    /// Gives the pair of ports back.
    fn close(&mut self, key: LegKey);
}

/// What becomes of a packet that came in: sent on, from the buffer it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forward {
    /// The leg whose socket sends it.
    pub key: LegKey,
    /// Through which of its sockets.
    pub channel: Channel,
    /// To whom.
    pub to: SocketAddr,
    /// Which octets of the buffer.
    pub place: Range<usize>,
}
