//! One RTP packet in its datagram: told from RTCP, read through `rtp-rs`, rewritten in place.
//!
//! `rtp-rs` is used for reading only: its builder panics and leaks old octets (docs/dependencies.md), and it takes RTCP for
//! RTP, so [`demux`] comes first. Invariant: [`Packet::payload`] lies within the datagram that was read.

use std::ops::Range;

use rtp_rs::RtpReader;

/// Octets of an RTP header without contributing sources and extension.
pub const HEADER: usize = 12;

/// What a datagram on a media port is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Version 2, and not RTCP: an RTP packet, if it is well-formed.
    Rtp,
    /// Version 2, packet type 192 to 223.
    Rtcp,
    /// Anything else (STUN, DTLS, keep-alives, garbage).
    Other,
}

/// Tells RTP from RTCP on one port by the second octet: RFC 5761 §4.
pub fn demux(datagram: &[u8]) -> Kind {
    match datagram {
        [first, second, _, _, ..] if first >> 6 == 2 => match second {
            192..=223 => Kind::Rtcp,
            _ => Kind::Rtp,
        },
        _ => Kind::Other,
    }
}

/// The header of a packet (RFC 3550 §5.1), copied out so that the datagram can be rewritten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The marker: first packet of a talkspurt or of an event.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub pt: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp, in ticks of the format's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload is in the datagram: after contributing sources and extension, before padding.
    pub payload: Range<usize>,
}

/// Not a well-formed RTP packet: too short, not version 2, or its header, extension or padding exceed the datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed RTP packet")]
pub struct Malformed;

impl Packet {
    /// Reads the packet in `datagram`. The caller has asked [`demux`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(datagram: &[u8]) -> Result<Packet, Malformed> {
        let reader = RtpReader::new(datagram).map_err(|_| Malformed)?;
        let start = reader.payload_offset();
        let end = start + reader.payload().len();
        Ok(Packet {
            marker: reader.mark(),
            pt: reader.payload_type(),
            seq: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: start..end,
        })
    }

    /// Writes this header, without contributing sources, extension or padding, just before the payload in `datagram` (the
    /// one that was read) and returns where the new packet is in it.
    ///
    /// Contributing sources and extensions mean something only within the session that they come from; the padding's end
    /// is cut off.
    pub fn rewrite(&self, datagram: &mut [u8]) -> Range<usize> {
        let start = self.payload.start.saturating_sub(HEADER);
        if let Some(place) = datagram.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
            *place = self.header();
        }
        start..self.payload.end
    }

    /// This header as 12 octets: version 2, no padding, no extension, no contributing sources.
    pub fn header(&self) -> [u8; HEADER] {
        let [s0, s1] = self.seq.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        [0x80, u8::from(self.marker) << 7 | self.pt & 0x7f, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with two contributing sources, an extension of one word, four octets of payload and three of padding.
    fn full() -> Vec<u8> {
        let mut octets = vec![0xb2, 0x88, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef];
        octets.extend([1, 1, 1, 1, 2, 2, 2, 2]);
        octets.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        octets.extend([10, 11, 12, 13]);
        octets.extend([0, 0, 3]);
        octets
    }

    #[test]
    fn a_packet_is_read_and_loses_what_belongs_to_its_own_session() {
        let mut datagram = full();
        let mut packet = Packet::read(&datagram).unwrap();
        assert_eq!((packet.marker, packet.pt, packet.seq, packet.timestamp), (true, 8, 0x1234, 9));
        assert_eq!(packet.ssrc, 0xdead_beef);
        assert_eq!(&datagram[packet.payload.clone()], [10, 11, 12, 13]);
        (packet.pt, packet.seq, packet.timestamp, packet.ssrc, packet.marker) = (0, 7, 8, 9, false);
        let place = packet.rewrite(&mut datagram);
        assert_eq!(&datagram[place], [0x80, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn a_cut_packet_is_malformed_wherever_it_is_cut() {
        let whole = full();
        for len in 0..whole.len() {
            // A cut inside payload or padding can leave a last octet that happens to be a fitting padding length.
            if let Ok(packet) = Packet::read(&whole[..len]) {
                assert!(packet.payload.end <= len && len > 28, "{len}");
            }
        }
        let mut padded = full();
        *padded.last_mut().unwrap() = 0;
        assert_eq!(Packet::read(&padded), Err(Malformed));
        *padded.last_mut().unwrap() = 8;
        assert_eq!(Packet::read(&padded), Err(Malformed));
    }

    #[test]
    fn payloads_of_odd_sizes_are_read() {
        for len in [0, 1, 2, 3, 160, 1_460, 65_000] {
            let mut datagram = vec![0; HEADER + len];
            datagram[0] = 0x80;
            assert_eq!(Packet::read(&datagram).unwrap().payload, HEADER..HEADER + len);
        }
    }

    #[test]
    fn rtp_rtcp_and_strangers_are_told_apart() {
        for (datagram, kind) in [
            (&[0x80, 0, 0, 0][..], Kind::Rtp),
            (&[0x80, 0x88, 0, 0], Kind::Rtp),
            (&[0x80, 191, 0, 0], Kind::Rtp),
            (&[0x80, 192, 0, 0], Kind::Rtcp),
            (&[0x81, 200, 0, 6], Kind::Rtcp),
            (&[0x80, 223, 0, 0], Kind::Rtcp),
            (&[0x80, 224, 0, 0], Kind::Rtp),
            (&[0x00, 0x01, 0, 0], Kind::Other), // STUN
            (&[22, 254, 255, 0], Kind::Other),  // DTLS
            (&[0x40, 0, 0, 0], Kind::Other),    // version 1
            (&[0x80, 200, 0], Kind::Other),
            (&[], Kind::Other),
        ] {
            assert_eq!(demux(datagram), kind, "{datagram:?}");
        }
    }
}
