//! One recording between its opening and its closing, as the writer holds it.
//!
//! Invariant: what was sealed is in the batch; what waits here is bounded by one flush of the tap and
//! [`bounds::EVENT_BYTES`].

use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::{CallId, RecordingId, Time, Wall, bounds};
use crate::vault::{
    Batch as Tapped, Closing, ClosingRecord, Ended, Event, Kind, NoRoom, Opening, Row, Sealed, Sealer, Story,
    closing_bytes, push_event,
};

/// How long after its `Close` a recording waits for the media plane's `Ended`.
const MEDIA_GRACE: Duration = Duration::from_secs(2);

pub(super) struct Running {
    sealer: Sealer,
    pub call: CallId,
    pub opening: Opening,
    /// Time 0 by both clocks.
    pub started: Wall,
    began: Time,
    tapped: Vec<Tapped>,
    events: Zeroizing<Vec<u8>>,
    packets: u64,
    last_us: u64,
    /// Packets lost since it was last told.
    lost: u64,
    /// Whether sound is left out because there is no space.
    gap: bool,
    media_ended: bool,
    closing: Option<Due>,
    ended: Ended,
}

/// The facts of the end, and by when it is written at the latest.
struct Due {
    facts: Option<Closing>,
    duration_us: u64,
    latest: Time,
}

impl Running {
    /// A recording that begins at `now`.
    pub(super) fn new(sealer: Sealer, call: CallId, opening: Opening, started: Wall, now: Time) -> Running {
        Running {
            sealer,
            call,
            opening,
            started,
            began: now,
            tapped: Vec::new(),
            events: Zeroizing::default(),
            packets: 0,
            last_us: 0,
            lost: 0,
            gap: false,
            media_ended: false,
            closing: None,
            ended: Ended::InOrder,
        }
    }

    /// A recording that a crash cut: `sealer` continues it, `story` is what it holds; it closes at once.
    pub(super) fn crashed(sealer: Sealer, call: CallId, started: Wall, story: Story, now: Time) -> Running {
        let record = story.crashed();
        let mut running = Running::new(sealer, call, story.opening.unwrap_or_default(), started, now);
        running.ended = record.ended;
        running.packets = record.packets;
        running.last_us = record.duration_us;
        running.closing = Some(Due { facts: None, duration_us: record.duration_us, latest: now });
        running
    }

    pub(super) fn id(&self) -> RecordingId {
        self.sealer.id()
    }

    /// Length of the file when everything sealed is written.
    pub(super) fn len_bytes(&self) -> u64 {
        self.sealer.len_bytes()
    }

    pub(super) fn tap(&mut self, batch: Tapped) {
        self.tapped.push(batch);
    }

    /// Packets were lost on the way here.
    pub(super) fn lose(&mut self, packets: u64) {
        self.lost += packets;
    }

    /// Drops the sound that waits when it is more than `keep_bytes`; the gap is marked on the event track.
    pub(super) fn leave_out(&mut self, now: Time, keep_bytes: usize) {
        let waits: usize = self.tapped.iter().map(|batch| batch.as_bytes().len()).sum();
        if waits <= keep_bytes {
            return;
        }
        let packets: u64 = self.tapped.drain(..).map(|batch| u64::from(batch.packets())).sum();
        self.lost += packets;
        if packets > 0 && !self.gap {
            self.gap = true;
            self.event(self.offset(now), &Event::GapStart { reason: "no space".into() });
        }
    }

    /// Sound is taken again.
    pub(super) fn take_up(&mut self, now: Time) {
        if std::mem::take(&mut self.gap) {
            self.event(self.offset(now), &Event::GapEnd);
        }
    }

    /// Appends to the event track; false when too much waits already.
    pub(super) fn event(&mut self, offset_us: u64, event: &Event) -> bool {
        if self.events.len() > bounds::EVENT_BYTES {
            return false;
        }
        self.last_us = self.last_us.max(offset_us);
        push_event(&mut self.events, offset_us, event);
        true
    }

    pub(super) fn media_ended(&mut self) {
        self.media_ended = true;
    }

    /// The core closed it; a second time changes nothing.
    pub(super) fn close(&mut self, facts: Option<Closing>, now: Time) {
        let duration_us = self.offset(now);
        self.closing.get_or_insert(Due { facts, duration_us, latest: now + MEDIA_GRACE });
    }

    /// Whether it is to be closed at `now`.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.closing.as_ref().is_some_and(|due| self.media_ended || now >= due.latest)
    }

    /// How many packets were lost since this was last asked; they are marked on the event track.
    pub(super) fn take_lost(&mut self, now: Time) -> u64 {
        let packets = std::mem::take(&mut self.lost);
        if packets > 0 {
            self.event(self.offset(now), &Event::Lost { packets });
        }
        packets
    }

    /// Whether something waits to be sealed.
    pub(super) fn has_data(&self) -> bool {
        !self.tapped.is_empty() || !self.events.is_empty()
    }

    /// Seals what waits and appends it to `out`. Packets that the file does not take any more are counted as lost.
    pub(super) fn seal(&mut self, out: &mut Vec<u8>) {
        let tapped = std::mem::take(&mut self.tapped);
        let mut from = 0;
        while from < tapped.len() {
            let mut len = 0;
            let fits = |batch: &&Tapped| {
                len += batch.as_bytes().len();
                len <= bounds::CHUNK_BYTES
            };
            // One batch always fits one chunk: bounds::BATCH_BYTES is smaller.
            let count = tapped[from..].iter().take_while(fits).count().max(1);
            let chunk = &tapped[from..from + count];
            let packets: u64 = chunk.iter().map(|batch| u64::from(batch.packets())).sum();
            match self.sealer.seal(Kind::Media, chunk.iter().map(Tapped::as_bytes), out) {
                Ok(_) => self.note(chunk, packets),
                Err(NoRoom) => self.lost += packets,
            }
            from += count;
        }
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            if self.sealer.seal(Kind::Events, [&events[..]], out).is_err() {
                tracing::error!(recording = %self.id(), "events do not fit the file any more");
            }
        }
    }

    fn note(&mut self, chunk: &[Tapped], packets: u64) {
        self.packets += packets;
        let last = chunk.iter().map(Tapped::last_arrival_us).max();
        self.last_us = self.last_us.max(last.unwrap_or(0));
    }

    /// Seals what waits and the closing record: what the ledger needs, and the row of the index (without leaf).
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(Sealed, Row), NoRoom> {
        self.seal(out);
        let due = self.closing.take();
        let duration_us = due.as_ref().map_or(0, |due| due.duration_us).max(self.last_us);
        let facts = due.and_then(|due| due.facts);
        let record =
            ClosingRecord { ended: self.ended, duration_us, packets: self.packets, facts: facts.clone() };
        let recording = self.sealer.id();
        let sealed = self.sealer.close(&closing_bytes(&record), out)?;
        let row = Row {
            recording,
            call: self.call,
            started: self.started,
            duration_us: Some(duration_us),
            ended: Some(self.ended),
            leaf: None,
            len_bytes: sealed.len_bytes,
            packets: self.packets,
            opening: self.opening,
            closing: facts,
        };
        Ok((sealed, row))
    }

    /// The row of the index while it runs.
    pub(super) fn row(&self) -> Row {
        Row {
            recording: self.id(),
            call: self.call,
            started: self.started,
            duration_us: None,
            ended: None,
            leaf: None,
            len_bytes: self.len_bytes(),
            packets: self.packets,
            opening: self.opening.clone(),
            closing: None,
        }
    }

    fn offset(&self, now: Time) -> u64 {
        u64::try_from(now.since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}
