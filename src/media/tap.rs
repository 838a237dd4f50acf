//! The recording tap: payloads as they arrived, gathered per recording, handed on ten times a second.
//!
//! Invariant: copying a payload into a batch is all that a packet waits for; one allocation a recording and 100 ms.

use std::collections::VecDeque;

use crate::base::{RecordingId, Time};
use crate::vault::{Batch, Frame, TapItem};

/// Octets set aside for one batch: 100 ms of two tracks of G.711 at 20 ms a packet, and one packet more each.
const BATCH_ROOM: usize = 12 * (160 + 16);

/// A batch goes out at every fifth turn of 20 ms.
pub(super) const TURNS: u64 = 5;

/// All recordings of one worker.
#[derive(Debug, Default)]
pub(super) struct Taps {
    slots: Vec<Option<Tap>>,
    live: usize,
    out: VecDeque<TapItem>,
}

#[derive(Debug)]
struct Tap {
    recording: RecordingId,
    started: Time,
    batch: Option<Batch>,
}

/// Which recording of the worker, by slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TapIndex(u32);

impl Taps {
    /// Begins gathering for a recording.
    pub(super) fn open(&mut self, recording: RecordingId, started: Time) -> TapIndex {
        let tap = Some(Tap { recording, started, batch: None });
        self.live += 1;
        let place = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        match self.slots.get_mut(place) {
            Some(slot) => *slot = tap,
            None => self.slots.push(tap),
        }
        TapIndex(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Hands on what is gathered and tells that no more comes.
    pub(super) fn close(&mut self, index: TapIndex) {
        let Some(tap) = self.slots.get_mut(index.0 as usize).and_then(Option::take) else { return };
        self.live -= 1;
        self.out.extend(tap.batch.map(TapItem::Batch));
        self.out.push_back(TapItem::Ended { recording: tap.recording });
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
    }

    /// Copies one packet; its `arrival_us` is computed here from `now`.
    pub(super) fn push(&mut self, index: TapIndex, now: Time, frame: Frame<'_>) {
        let Some(Some(tap)) = self.slots.get_mut(index.0 as usize) else { return };
        let arrival_us = now.as_micros().saturating_sub(tap.started.as_micros());
        let frame = Frame { arrival_us, ..frame };
        let recording = tap.recording;
        let batch = tap.batch.get_or_insert_with(|| Batch::with_capacity(recording, BATCH_ROOM));
        if batch.push(frame).is_err() {
            let full = std::mem::replace(batch, Batch::with_capacity(recording, BATCH_ROOM));
            self.out.push_back(TapItem::Batch(full));
            // A datagram is far smaller than a batch, so this one has room.
            let _ = batch.push(frame);
        }
    }

    /// Hands on the batches whose turn it is: each recording every [`TURNS`] turns, spread over them.
    pub(super) fn turn(&mut self, turn: u64) {
        let phase = (turn % TURNS) as usize;
        for tap in self.slots.iter_mut().skip(phase).step_by(TURNS as usize).flatten() {
            self.out.extend(tap.batch.take().map(TapItem::Batch));
        }
    }

    /// What is to be handed to the vault.
    pub(super) fn poll(&mut self) -> Option<TapItem> {
        self.out.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sequence: u16, payload: &[u8]) -> Frame<'_> {
        Frame { track: 0, arrival_us: 0, payload_type: 8, marker: false, sequence, timestamp: 0, payload }
    }

    #[test]
    fn every_packet_is_handed_on_once_in_order_with_its_arrival() {
        let recording = RecordingId::from_bytes([1; 16]);
        let mut taps = Taps::default();
        let index = taps.open(recording, Time::from_millis(1_000));
        for n in 0..50u16 {
            let now = Time::from_millis(1_000 + u64::from(n) * 20);
            taps.push(index, now, frame(n, &[1; 160]));
            taps.turn(u64::from(n));
        }
        taps.close(index);
        taps.push(index, Time::from_millis(9_000), frame(99, &[1]));
        let mut seen = Vec::new();
        let mut batches = 0;
        while let Some(item) = taps.poll() {
            match item {
                TapItem::Batch(batch) => {
                    assert_eq!(batch.recording(), recording);
                    seen.extend(batch.frames().map(|frame| (frame.sequence, frame.arrival_us)));
                    batches += 1;
                }
                TapItem::Ended { recording: ended } => assert_eq!((ended, seen.len()), (recording, 50)),
            }
        }
        assert_eq!(seen, (0..50u16).map(|n| (n, u64::from(n) * 20_000)).collect::<Vec<_>>());
        assert!((10..=11).contains(&batches), "{batches}");
        assert!(taps.is_empty());
    }

    #[test]
    fn a_batch_that_is_full_goes_out_early() {
        let mut taps = Taps::default();
        let index = taps.open(RecordingId::from_bytes([1; 16]), Time::ZERO);
        for n in 0..300 {
            taps.push(index, Time::ZERO, frame(n, &[0; 1_400]));
        }
        taps.close(index);
        let frames = std::iter::from_fn(|| taps.poll()).filter_map(|item| match item {
            TapItem::Batch(batch) => Some(batch.frames().count()),
            TapItem::Ended { .. } => None,
        });
        assert_eq!(frames.sum::<usize>(), 300);
    }
}
