//! The journal: a redo log. One batch of writes to any files of the store is made durable by one fdatasync; the files
//! themselves follow. `docs/recording-format.md`, "Journal".
//!
//! Invariant: a batch is whole or not there. Applying a batch twice is applying it once: writes have fixed offsets.

use crate::base::RecordingId;
use crate::vault::Book;

use super::disk::Place;

/// First octets of a batch.
const MARKER: [u8; 4] = *b"LLJB";
/// Marker, batch number, length, CRC-32.
const HEAD_BYTES: usize = 20;
/// Kind, key, offset, length.
const WRITE_BYTES: usize = 29;

/// A batch that grows: octets are sealed straight into it, written to the journal, then applied to the files.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

/// One write of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Write<'a> {
    pub place: Place,
    pub offset: u64,
    pub bytes: &'a [u8],
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEAD_BYTES
    }

    /// Length in the journal.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a write to `place` at `offset` of whatever `fill` appends. When `fill` fails or appends nothing, the batch
    /// is as before.
    pub(super) fn write<T, E>(
        &mut self,
        place: Place,
        offset: u64,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.bytes.is_empty() {
            self.bytes.resize(HEAD_BYTES, 0);
        }
        let start = self.bytes.len();
        let (kind, key) = encode(place);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&key);
        self.bytes.extend_from_slice(&offset.to_be_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        let filled = fill(&mut self.bytes);
        let len = self.bytes.len() - start - WRITE_BYTES;
        match u32::try_from(len) {
            Ok(len) if len > 0 && filled.is_ok() => {
                let place = start + WRITE_BYTES - 4..start + WRITE_BYTES;
                self.bytes[place].copy_from_slice(&len.to_be_bytes());
            }
            _ => self.bytes.truncate(start),
        }
        filled
    }

    /// The batch as it is written to the journal, under `number`.
    pub(super) fn seal(&mut self, number: u64) -> &[u8] {
        if self.bytes.is_empty() {
            self.bytes.resize(HEAD_BYTES, 0);
        }
        let len = (self.bytes.len() - HEAD_BYTES) as u32;
        self.bytes[..4].copy_from_slice(&MARKER);
        self.bytes[4..12].copy_from_slice(&number.to_be_bytes());
        self.bytes[12..16].copy_from_slice(&len.to_be_bytes());
        let sum = checksum(&self.bytes);
        self.bytes[16..20].copy_from_slice(&sum.to_be_bytes());
        &self.bytes
    }

    /// The batch as it was sealed last.
    pub(super) fn sealed(&self) -> &[u8] {
        &self.bytes
    }

    /// The writes in it.
    pub(super) fn writes(&self) -> Writes<'_> {
        Writes { rest: self.bytes.get(HEAD_BYTES..).unwrap_or_default() }
    }

    /// Empties it and keeps up to `keep` octets of its memory.
    pub(super) fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
    }
}

/// The writes of a batch.
pub(super) struct Writes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Writes<'a> {
    type Item = Write<'a>;

    fn next(&mut self) -> Option<Write<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<WRITE_BYTES>()?;
        let place = decode(head[0], head[1..17].try_into().ok()?)?;
        let offset = u64::from_be_bytes(head[17..25].try_into().ok()?);
        let len = u32::from_be_bytes(head[25..29].try_into().ok()?);
        let (bytes, rest) = rest.split_at_checked(len as usize)?;
        self.rest = rest;
        Some(Write { place, offset, bytes })
    }
}

/// Reads the batches of a segment until the first that is not whole.
pub(super) struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    pub(super) fn new(segment: &'a [u8]) -> Batches<'a> {
        Batches { rest: segment }
    }
}

impl<'a> Iterator for Batches<'a> {
    /// Number and writes.
    type Item = (u64, Writes<'a>);

    fn next(&mut self) -> Option<(u64, Writes<'a>)> {
        let head: &[u8; HEAD_BYTES] = self.rest.first_chunk()?;
        let number = u64::from_be_bytes(head[4..12].try_into().ok()?);
        let len = u32::from_be_bytes(head[12..16].try_into().ok()?) as usize;
        let (batch, rest) = self.rest.split_at_checked(HEAD_BYTES + len)?;
        if head[..4] != MARKER || checksum(batch).to_be_bytes() != head[16..20] {
            return None;
        }
        self.rest = rest;
        Some((number, Writes { rest: &batch[HEAD_BYTES..] }))
    }
}

/// CRC-32 over everything but the place of the sum.
fn checksum(batch: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&batch[4..16]);
    sum.update(&batch[HEAD_BYTES..]);
    sum.finalize()
}

fn encode(place: Place) -> (u8, [u8; 16]) {
    let number = |number: u64| {
        let mut key = [0; 16];
        key[8..].copy_from_slice(&number.to_be_bytes());
        key
    };
    match place {
        Place::Recording(id) => (1, id.to_bytes()),
        Place::Log(Book::Cdr, segment) => (2, number(segment.into())),
        Place::Log(Book::Audit, segment) => (7, number(segment.into())),
        Place::Log(Book::Keeping, segment) => (8, number(segment.into())),
        Place::Leaves => (3, [0; 16]),
        Place::Heads => (4, [0; 16]),
        Place::Journal(segment) => (5, number(segment)),
        Place::Head => (9, [0; 16]),
        Place::Reserve => (6, [0; 16]),
    }
}

fn decode(kind: u8, key: [u8; 16]) -> Option<Place> {
    let number = u64::from_be_bytes(*key.last_chunk()?);
    Some(match kind {
        1 => Place::Recording(RecordingId::from_bytes(key)),
        2 => Place::Log(Book::Cdr, u32::try_from(number).ok()?),
        7 => Place::Log(Book::Audit, u32::try_from(number).ok()?),
        8 => Place::Log(Book::Keeping, u32::try_from(number).ok()?),
        3 => Place::Leaves,
        4 => Place::Heads,
        // A journal says about itself which recordings are open (`Checkpoint`).
        5 => Place::Journal(number),
        9 => Place::Head,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(bytes: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), ()> {
        |out| {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn sample() -> Vec<u8> {
        let mut segment = Vec::new();
        let mut batch = Batch::default();
        for (number, bytes) in [(7, &b"one"[..]), (8, b"two, longer")] {
            batch
                .write(Place::Recording(RecordingId::from_bytes([9; 16])), 128, fill(bytes))
                .expect("filled");
            batch.write(Place::Leaves, 96, fill(b"leaf")).expect("filled");
            segment.extend_from_slice(batch.seal(number));
            batch.clear(1_024);
        }
        segment
    }

    #[test]
    fn batches_come_back_as_they_were() {
        let segment = sample();
        let batches: Vec<(u64, Vec<Write>)> =
            Batches::new(&segment).map(|(number, writes)| (number, writes.collect())).collect();
        let recording = Place::Recording(RecordingId::from_bytes([9; 16]));
        let leaf = Write { place: Place::Leaves, offset: 96, bytes: b"leaf" };
        assert_eq!(
            batches,
            [
                (7, vec![Write { place: recording, offset: 128, bytes: b"one" }, leaf]),
                (8, vec![Write { place: recording, offset: 128, bytes: b"two, longer" }, leaf]),
            ]
        );
    }

    #[test]
    fn a_torn_or_altered_batch_ends_the_segment() {
        let segment = sample();
        let first = Batches::new(&segment).next().map(|_| 20 + 29 + 3 + 29 + 4).expect("one");
        for cut in 0..segment.len() {
            assert_eq!(Batches::new(&segment[..cut]).count(), usize::from(cut >= first), "cut at {cut}");
        }
        for bit in 0..segment.len() * 8 {
            let mut bad = segment.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Batches::new(&bad).count(), usize::from(bit / 8 >= first), "bit {bit}");
        }
    }

    #[test]
    fn a_write_that_fails_leaves_no_trace() {
        let mut batch = Batch::default();
        assert_eq!(
            batch.write(Place::Heads, 0, |out| {
                out.push(1);
                Err::<(), i32>(5)
            }),
            Err(5)
        );
        assert_eq!(batch.write(Place::Heads, 0, |_| Ok::<(), i32>(())), Ok(()));
        assert!(batch.is_empty());
        assert_eq!(batch.writes().count(), 0);
    }
}
