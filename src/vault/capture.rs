//! The tracks of a recording that are no sound, as a capture file that every protocol analyser reads: `docs/recording-format.md`,
//! "Video and fax".
//!
//! Invariant: each packet stands with the moment at which it arrived and with the octets of its payload; what was around them on
//! the wire (addresses, identifiers of streams) was never kept, and stands there as a number of the track.

use crate::base::Wall;

use super::tap::Frame;

/// The first track that is no sound.
pub const BESIDE: u8 = 2;
/// Tracks of video: RTP. Those behind them are fax: UDPTL.
const VIDEO: std::ops::Range<u8> = 2..4;

const IP: usize = 20;
const UDP: usize = 8;
const RTP: usize = 12;

/// The head of the file: microseconds, IP packets without a link layer, all of each (pcap 2.4, LINKTYPE_RAW).
pub const fn capture_head() -> [u8; 24] {
    let mut head = [0; 24];
    let magic = 0xa1b2_c3d4_u32.to_be_bytes();
    [head[0], head[1], head[2], head[3]] = magic;
    [head[5], head[7]] = [2, 4];
    [head[18], head[19]] = [0xff, 0xff];
    head[23] = 101;
    head
}

/// Appends one packet of a recording that began at `started`. `false`: it is sound, or larger than any datagram.
pub fn capture(out: &mut Vec<u8>, started: Wall, frame: &Frame<'_>) -> bool {
    let is_rtp = VIDEO.contains(&frame.track);
    let header = if is_rtp { RTP } else { 0 };
    let len = IP + UDP + header + frame.payload.len();
    let Some(len) = u16::try_from(len).ok().filter(|_| frame.track >= BESIDE) else { return false };
    let arrived_us = started.as_micros().saturating_add(i64::try_from(frame.arrival_us).unwrap_or(i64::MAX));
    let seconds = u32::try_from(arrived_us.div_euclid(1_000_000)).unwrap_or(u32::MAX);
    let micros = u32::try_from(arrived_us.rem_euclid(1_000_000)).unwrap_or(0);
    for number in [seconds, micros, u32::from(len), u32::from(len)] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&ip_header(frame.track, len));
    let port = |track: u8| 10_000 + 2 * u16::from(track);
    let (from, to) = (port(frame.track), port(frame.track ^ 1));
    for number in [from, to, len.saturating_sub(IP as u16), 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    if is_rtp {
        out.push(0x80);
        out.push(frame.payload_type & 0x7f | u8::from(frame.marker) << 7);
        out.extend_from_slice(&frame.sequence.to_be_bytes());
        out.extend_from_slice(&frame.timestamp.to_be_bytes());
        out.extend_from_slice(&u32::from(frame.track).to_be_bytes());
    }
    out.extend_from_slice(frame.payload);
    true
}

/// From 192.0.2.1 (the caller's side) to 192.0.2.2 or back: addresses that nobody has (RFC 5737).
fn ip_header(track: u8, len: u16) -> [u8; IP] {
    let side = track & 1;
    let [high, low] = len.to_be_bytes();
    let mut header = [0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1 + side, 192, 0, 2, 2 - side];
    let words = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let [high, low] = (!(folded as u16)).to_be_bytes();
    [header[10], header[11]] = [high, low];
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(track: u8, payload: &[u8]) -> Frame<'_> {
        Frame {
            track,
            arrival_us: 1_500_000,
            payload_type: 97,
            marker: true,
            sequence: 7,
            timestamp: 9_000,
            payload,
        }
    }

    #[test]
    fn a_packet_stands_with_its_moment_and_its_octets() {
        let started = Wall::from_micros(1_700_000_000_600_000);
        for (track, is_rtp, hosts, ports) in [
            (2, true, [1, 2], [10_004, 10_006]),
            (3, true, [2, 1], [10_006, 10_004]),
            (4, false, [1, 2], [10_008, 10_010]),
            (5, false, [2, 1], [10_010, 10_008]),
        ] {
            let mut out = Vec::new();
            assert!(capture(&mut out, started, &frame(track, b"picture")));
            let word = |at: usize| u32::from_be_bytes(out[at..at + 4].try_into().unwrap());
            let half = |at: usize| u16::from_be_bytes(out[at..at + 2].try_into().unwrap());
            assert_eq!((word(0), word(4)), (1_700_000_002, 100_000));
            assert_eq!((word(8) as usize, word(12) as usize), (out.len() - 16, out.len() - 16));
            assert_eq!([out[16 + 15], out[16 + 19]], hosts);
            // One's complement over a header with its own sum is all ones.
            let sum: u32 = (0..10).map(|n| u32::from(half(16 + 2 * n))).sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
            assert_eq!([half(36), half(38)], ports);
            assert_eq!(usize::from(half(40)), out.len() - 16 - IP);
            let body = &out[16 + IP + UDP..];
            match is_rtp {
                true => {
                    let packet = crate::rtp::Packet::read(body).expect("RTP");
                    assert_eq!(
                        (packet.pt, packet.marker, packet.seq, packet.timestamp),
                        (97, true, 7, 9_000)
                    );
                    assert_eq!(&body[packet.payload], b"picture");
                }
                false => assert_eq!(body, b"picture"),
            }
        }
    }

    #[test]
    fn sound_is_none_of_it_and_the_head_is_the_formats() {
        let mut out = Vec::new();
        assert!(!capture(&mut out, Wall::from_micros(0), &frame(1, b"speech")) && out.is_empty());
        assert_eq!(capture_head(), *b"\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\x65");
    }
}
