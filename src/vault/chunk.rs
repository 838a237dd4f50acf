//! The head of a chunk: `docs/recording-format.md`, "Chunk".
//!
//! Invariant: a head says whose chunk it is, which, and after which; all of it is under the chunk's tag.

use crate::base::{RecordingId, bounds};

use super::header::part;
use super::suite::TAG_BYTES;

/// First octets of every chunk.
pub(crate) const MARKER: [u8; 4] = *b"LLCK";
/// Length of a head.
pub(crate) const HEAD_BYTES: usize = 60;
/// The part of a head that is the chunk's associated data.
pub(crate) const COVERED_BYTES: usize = 56;
/// Head and tag: what a chunk costs beside its content.
pub(crate) const OVERHEAD_BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The facts of the beginning: JSON. Always chunk 0.
    Opening = 1,
    /// Packets of the tracks.
    Media = 2,
    /// Events: one JSON object a line.
    Events = 3,
    /// The facts of the end: JSON. Always the last, the only one with the end mark.
    Closing = 4,
    /// One record of a log: JSON.
    Entry = 5,
    /// Octets of a derived item.
    Data = 6,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Opening,
            2 => Kind::Media,
            3 => Kind::Events,
            4 => Kind::Closing,
            5 => Kind::Entry,
            6 => Kind::Data,
            _ => return None,
        })
    }
}

/// A chunk's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub kind: Kind,
    pub end: bool,
    pub index: u32,
    /// Length of the sealed content without the tag.
    pub len: u32,
    pub id: RecordingId,
    pub prefix: [u8; 8],
    /// Tag of the chunk before, or of the header.
    pub before: [u8; TAG_BYTES],
}

impl Head {
    pub(crate) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[..4].copy_from_slice(&MARKER);
        out[4] = self.kind as u8;
        out[5] = u8::from(self.end);
        out[8..12].copy_from_slice(&self.index.to_be_bytes());
        out[12..16].copy_from_slice(&self.len.to_be_bytes());
        out[16..32].copy_from_slice(&self.id.to_bytes());
        out[32..40].copy_from_slice(&self.prefix);
        out[40..56].copy_from_slice(&self.before);
        let sum = crc32fast::hash(&out[..COVERED_BYTES]);
        out[COVERED_BYTES..].copy_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads a head; `None` when the octets are none (marker, checksum, kind, bounds).
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Head> {
        if bytes[..4] != MARKER
            || crc32fast::hash(&bytes[..COVERED_BYTES]).to_be_bytes() != bytes[COVERED_BYTES..]
        {
            return None;
        }
        let head = Head {
            kind: Kind::from_byte(bytes[4])?,
            end: bytes[5] != 0,
            index: u32::from_be_bytes(part(bytes, 8)),
            len: u32::from_be_bytes(part(bytes, 12)),
            id: RecordingId::from_bytes(part(bytes, 16)),
            prefix: part(bytes, 32),
            before: part(bytes, 40),
        };
        let bounded = head.len as usize <= bounds::CHUNK_BYTES && head.index < u32::MAX;
        (bounded && bytes[5] <= 1 && bytes[6..8] == [0, 0]).then_some(head)
    }

    /// Length of the whole chunk.
    pub(crate) fn chunk_len(&self) -> usize {
        self.len as usize + OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_and_every_flipped_bit_is_noticed() {
        let head = Head {
            kind: Kind::Media,
            end: false,
            index: 0x0102_0304,
            len: 1_760,
            id: RecordingId::from_bytes([9; 16]),
            prefix: [8; 8],
            before: [7; 16],
        };
        let bytes = head.to_bytes();
        assert_eq!(Head::parse(&bytes), Some(head));
        for bit in 0..HEAD_BYTES * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::parse(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_head_with_a_right_sum_and_wrong_fields_is_none() {
        let good = Head {
            kind: Kind::Closing,
            end: true,
            index: 1,
            len: 0,
            id: RecordingId::from_bytes([0; 16]),
            prefix: [0; 8],
            before: [0; 16],
        };
        for (at, value) in [(4, 0), (4, 7), (5, 2), (6, 1), (12, 0x80)] {
            let mut bytes = good.to_bytes();
            bytes[at] = value;
            let sum = crc32fast::hash(&bytes[..COVERED_BYTES]).to_be_bytes();
            bytes[COVERED_BYTES..].copy_from_slice(&sum);
            assert_eq!(Head::parse(&bytes), None, "octet {at} = {value}");
        }
    }
}
