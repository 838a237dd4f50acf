//! What the media plane hands to the vault: packets as they arrived, many at a time.
//!
//! Invariant: the bytes of a [`Batch`] are already the plaintext of a media chunk, so the writer copies and seals
//! without looking at single packets.

use crate::base::{RecordingId, bounds};

/// Octets in front of each payload: track, type, sequence number, timestamp, arrival, length.
pub(crate) const FRAME_HEAD_BYTES: usize = 16;

/// From the media plane to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapItem {
    /// Packets of one recording.
    Batch(Batch),
    /// No packet of this recording comes any more.
    Ended {
        /// Which recording.
        recording: RecordingId,
    },
}

/// One packet as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 0: what the caller said. 1: the far side.
    pub track: u8,
    /// Microseconds since the recording's time 0, by the monotonic clock; 48 bits are kept.
    pub arrival_us: u64,
    /// RTP payload type, 0–127.
    pub payload_type: u8,
    /// RTP marker bit.
    pub marker: bool,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Payload octets, at most 65 535.
    pub payload: &'a [u8],
}

/// Packets of one recording in the order of their arrival, up to [`bounds::BATCH_BYTES`].
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    recording: RecordingId,
    packets: u32,
    last_us: u64,
    bytes: Vec<u8>,
}

/// The packet does not fit: send the batch and begin another. A packet that does not fit an empty batch fits none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the batch is full")]
pub struct BatchFull;

impl Batch {
    /// An empty batch of `recording`.
    pub fn new(recording: RecordingId) -> Batch {
        Batch { recording, packets: 0, last_us: 0, bytes: Vec::new() }
    }

    /// An empty batch with room for `len_bytes` (a packet of 20 ms G.711 takes 176).
    pub fn with_capacity(recording: RecordingId, len_bytes: usize) -> Batch {
        let bytes = Vec::with_capacity(len_bytes.min(bounds::BATCH_BYTES));
        Batch { recording, packets: 0, last_us: 0, bytes }
    }

    /// Appends one packet.
    ///
    /// # Errors
    /// [`BatchFull`] when the batch would pass [`bounds::BATCH_BYTES`]; then it is unchanged.
    pub fn push(&mut self, frame: Frame<'_>) -> Result<(), BatchFull> {
        let len = u16::try_from(frame.payload.len()).map_err(|_| BatchFull)?;
        if self.bytes.len() + FRAME_HEAD_BYTES + frame.payload.len() > bounds::BATCH_BYTES {
            return Err(BatchFull);
        }
        self.bytes.push(frame.track);
        self.bytes.push(frame.payload_type & 0x7f | u8::from(frame.marker) << 7);
        self.bytes.extend_from_slice(&frame.sequence.to_be_bytes());
        self.bytes.extend_from_slice(&frame.timestamp.to_be_bytes());
        self.bytes.extend_from_slice(&frame.arrival_us.to_be_bytes()[2..]);
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(frame.payload);
        self.packets += 1;
        self.last_us = self.last_us.max(frame.arrival_us);
        Ok(())
    }

    /// Whose packets.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// How many packets.
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// The latest arrival, in microseconds since the recording's time 0; 0 when there is no packet.
    pub fn last_arrival_us(&self) -> u64 {
        self.last_us
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// The packets in the plaintext form of a media chunk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packets.
    pub fn frames(&self) -> Frames<'_> {
        Frames::new(&self.bytes)
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch({}, {} packets, {} bytes)", self.recording, self.packets, self.bytes.len())
    }
}

/// Reads the plaintext of media chunks packet by packet. Ends at the first head that does not fit the bytes.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Over the plaintext of one media chunk.
    pub fn new(plaintext: &'a [u8]) -> Frames<'a> {
        Frames { rest: plaintext }
    }

    /// Whether every octet was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<FRAME_HEAD_BYTES>()?;
        let [track, kind, s0, s1, t0, t1, t2, t3, a0, a1, a2, a3, a4, a5, l0, l1] = *head;
        let (payload, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        self.rest = rest;
        Some(Frame {
            track,
            arrival_us: u64::from_be_bytes([0, 0, a0, a1, a2, a3, a4, a5]),
            payload_type: kind & 0x7f,
            marker: kind & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Frame<'_> {
        Frame {
            track: 1,
            arrival_us: 0x0000_1122_3344_5566,
            payload_type: 8,
            marker: true,
            sequence: 0xfffe,
            timestamp: 0x0102_0304,
            payload,
        }
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut batch = Batch::new(RecordingId::from_bytes([7; 16]));
        let first = frame(&[1, 2, 3]);
        let second = Frame { track: 0, marker: false, payload: &[], ..first };
        batch.push(first).expect("fits");
        batch.push(second).expect("fits");
        assert_eq!(batch.frames().collect::<Vec<_>>(), [first, second]);
        assert_eq!(batch.packets(), 2);
        assert_eq!(
            &batch.as_bytes()[..19],
            b"\x01\x88\xff\xfe\x01\x02\x03\x04\x11\x22\x33\x44\x55\x66\x00\x03\x01\x02\x03"
        );
    }

    #[test]
    fn a_full_batch_refuses_and_stays_as_it_was() {
        let mut batch = Batch::new(RecordingId::from_bytes([7; 16]));
        let payload = vec![0; 60_000];
        while batch.push(frame(&payload)).is_ok() {}
        let (packets, len) = (batch.packets(), batch.as_bytes().len());
        assert!(len <= bounds::BATCH_BYTES && packets > 0);
        assert_eq!(batch.push(frame(&payload)), Err(BatchFull));
        assert_eq!((batch.packets(), batch.as_bytes().len()), (packets, len));
    }

    #[test]
    fn frames_end_at_the_first_head_that_does_not_fit() {
        let mut batch = Batch::new(RecordingId::from_bytes([7; 16]));
        batch.push(frame(&[1, 2, 3])).expect("fits");
        for cut in 0..batch.as_bytes().len() {
            assert_eq!(Frames::new(&batch.as_bytes()[..cut]).count(), 0, "cut at {cut}");
        }
    }
}
