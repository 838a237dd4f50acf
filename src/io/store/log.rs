//! A book as it is written: sealed segments of the same format as recordings, one chunk an entry.
//!
//! Invariant: a segment is written by one process; after a start a new one begins.

use crate::base::{CallId, Wall, bounds};
use crate::vault::{Book, ClosingRecord, Ended, Sealed, Sealer, closing_bytes};

use super::disk::Place;
use super::journal::Batch;
use super::note::Setup;

pub(super) struct Log {
    book: Book,
    /// Number of the next segment.
    pub next: u32,
    open: Option<Segment>,
    /// A segment that a crash cut: to be closed.
    pub crashed: Option<(Sealer, u32, u64)>,
    ending: bool,
}

struct Segment {
    number: u32,
    sealer: Sealer,
    entries: u64,
}

impl Log {
    /// The log of `book`, before anything is known of it.
    pub(super) fn new(book: Book) -> Log {
        Log { book, next: 0, open: None, crashed: None, ending: false }
    }

    /// The segment without closing record.
    pub(super) fn open_segment(&self) -> Option<u32> {
        let crashed = self.crashed.as_ref().map(|(_, number, _)| *number);
        self.open.as_ref().map(|segment| segment.number).or(crashed)
    }

    /// Seals an entry; segment, place of its chunk, and the chunk's hash and length.
    pub(super) fn append(
        &mut self,
        content: &[u8],
        at: Wall,
        batch: &mut Batch,
        setup: &mut Setup,
    ) -> Result<(u32, u64, Sealed), &'static str> {
        if self.open.is_none() {
            self.open = Some(self.begin(at, batch, setup)?);
        }
        let Some(segment) = &mut self.open else { return Err("no segment") };
        let offset = segment.sealer.len_bytes();
        let sealer = &mut segment.sealer;
        let sealed =
            batch.write(Place::Log(self.book, segment.number), offset, |out| sealer.seal_entry(content, out));
        let sealed = sealed.map_err(|_| "the entry is too long")?;
        segment.entries += 1;
        Ok((segment.number, offset, sealed))
    }

    /// The open segment ends with the next batch.
    pub(super) fn end(&mut self) {
        self.ending = true;
    }

    /// Closes what is to be closed: a segment that a crash cut, one that is long enough.
    pub(super) fn close_when_due(&mut self, batch: &mut Batch) {
        if let Some((sealer, number, entries)) = self.crashed.take() {
            close(self.book, sealer, number, entries, Ended::ByCrash, batch);
        }
        let long =
            self.open.as_ref().is_some_and(|open| open.sealer.len_bytes() >= bounds::LOG_SEGMENT_BYTES);
        if (long || self.ending)
            && let Some(segment) = self.open.take()
        {
            close(self.book, segment.sealer, segment.number, segment.entries, Ended::InOrder, batch);
        }
        self.ending = false;
    }

    fn begin(&mut self, at: Wall, batch: &mut Batch, setup: &mut Setup) -> Result<Segment, &'static str> {
        let number = self.next;
        let id = self.book.segment_id(number);
        let content = self.book.content();
        let (keyring, random) = (&setup.keys.get(), &mut setup.random);
        let sealer = batch
            .write(Place::Log(self.book, number), 0, |out| {
                Sealer::begin(content, id, CallId::from_bytes([0; 16]), at, keyring, random, out)
            })
            .map_err(|_| "no key")?;
        self.next = number.checked_add(1).ok_or("no segment number is left")?;
        Ok(Segment { number, sealer, entries: 0 })
    }
}

fn close(book: Book, sealer: Sealer, number: u32, entries: u64, ended: Ended, batch: &mut Batch) {
    let record = ClosingRecord { ended, duration_us: 0, packets: entries, facts: None };
    let offset = sealer.len_bytes();
    let closing = closing_bytes(&record);
    if batch.write(Place::Log(book, number), offset, |out| sealer.close(&closing, out)).is_err() {
        tracing::error!(segment = number, "a log segment stays without closing record");
    }
}
