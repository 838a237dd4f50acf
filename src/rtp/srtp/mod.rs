//! Secure RTP: octets protected and opened in place. RFC 3711, with RFC 6188 (AES-256) and RFC 7714 (AES-GCM).
//!
//! One [`Sender`] and one [`Receiver`] a leg and master key; nothing here knows how keys are agreed on (SDES: RFC 4568).
//! Invariant: nothing of a packet that does not authenticate, or came before, changes any state or leaves this room.

mod derive;
mod stream;
mod suite;
#[cfg(test)]
mod tests;
mod transform;

pub use suite::{Master, Suite};

use stream::Streams;
use transform::Keys;

/// Octets that protection adds to a packet at most: the RTCP index and a GCM tag.
pub const OVERHEAD: usize = 20;

/// Why a packet is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejected {
    /// Too short for what its header says, or for a tag.
    #[error("not a protected packet")]
    Malformed,
    /// Forged, damaged, or under another key.
    #[error("does not authenticate")]
    Forged,
    /// Came before, or is older than the window.
    #[error("replayed")]
    Replayed,
}

/// Protects what is sent under one master key.
#[derive(Debug)]
pub struct Sender {
    rtp: Keys,
    rtcp: Keys,
    streams: Streams,
    /// Reports sent so far: RFC 3711 §3.4, 31 bits.
    reports: u32,
}

impl Sender {
    /// Derives the session keys of `master`.
    pub fn new(master: &Master) -> Sender {
        Sender { rtp: Keys::rtp(master), rtcp: Keys::rtcp(master), streams: Streams::default(), reports: 0 }
    }

    /// Protects the RTP packet in the first `len` octets of `buffer`, which has [`OVERHEAD`] more; its length then. `None`
    /// for what is no RTP packet, or when the buffer has no room: it must not be sent.
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let head = transform::Head::read(buffer.get(..len)?)?;
        let index = self.streams.estimate(head.ssrc, head.seq);
        let len = self.rtp.protect(buffer, len, &head, index)?;
        self.streams.reach(head.ssrc, index);
        Some(len)
    }

    /// Protects the RTCP packet in the first `len` octets of `buffer`, as [`Sender::protect`].
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        self.reports = self.reports.wrapping_add(1) & 0x7fff_ffff;
        self.rtcp.protect_rtcp(buffer, len, self.reports)
    }
}

/// Opens what comes in under one master key.
#[derive(Debug)]
pub struct Receiver {
    rtp: Keys,
    rtcp: Keys,
    streams: Streams,
    reports: Streams,
}

impl Receiver {
    /// Derives the session keys of `master`.
    pub fn new(master: &Master) -> Receiver {
        let (rtp, rtcp) = (Keys::rtp(master), Keys::rtcp(master));
        Receiver { rtp, rtcp, streams: Streams::default(), reports: Streams::default() }
    }

    /// Opens the RTP packet that `datagram` is; how many of its octets are the plain packet.
    ///
    /// # Errors
    /// [`Rejected`]: the octets may be changed then, and mean nothing.
    pub fn open(&mut self, datagram: &mut [u8]) -> Result<usize, Rejected> {
        let head = transform::Head::read(datagram).ok_or(Rejected::Malformed)?;
        let index = self.streams.estimate(head.ssrc, head.seq);
        if self.streams.has_seen(head.ssrc, index) {
            return Err(Rejected::Replayed);
        }
        let len = self.rtp.open(datagram, &head, index)?;
        self.streams.see(head.ssrc, index);
        Ok(len)
    }

    /// Opens the RTCP packet that `datagram` is, as [`Receiver::open`].
    ///
    /// # Errors
    /// As [`Receiver::open`].
    pub fn open_rtcp(&mut self, datagram: &mut [u8]) -> Result<usize, Rejected> {
        let (ssrc, index) = self.rtcp.rtcp_index(datagram).ok_or(Rejected::Malformed)?;
        if self.reports.has_seen(ssrc, index.into()) {
            return Err(Rejected::Replayed);
        }
        let len = self.rtcp.open_rtcp(datagram, ssrc, index)?;
        self.reports.see(ssrc, index.into());
        Ok(len)
    }
}
