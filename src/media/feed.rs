//! Feeding recognisers: what a party says, as linear samples with times, to any number of subscribers.
//!
//! A feed takes the sound before delay and mute, as the far end sent it: a recogniser that decides whether something may be
//! passed on must hear it first. Nothing waits for a slow subscriber: what has no room is dropped, counted, and told with the
//! next piece. Invariant: `sample` grows by what passed, dropped or not, so that a subscriber can always tell time.

use std::collections::VecDeque;

use crate::base::{CallId, LegId, Time, bounds};
use crate::rtp::linear::{FRAME, Frame};
use crate::rtp::resample::Down;

/// Names a feed: the subscriber's number, unique within the node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(pub u64);

/// Samples a second of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedRate {
    /// 8 000: 160 samples a piece.
    Narrow,
    /// 16 000: 320 samples a piece. Sound of G.711 has nothing above 4 kHz in it all the same.
    Wide,
}

impl FeedRate {
    /// Samples a second.
    pub fn hertz(self) -> u32 {
        match self {
            FeedRate::Narrow => 8_000,
            FeedRate::Wide => 16_000,
        }
    }
}

/// 20 ms of what one party says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedPiece {
    /// For whom.
    pub feed: FeedId,
    /// Whose sound.
    pub call: CallId,
    /// Which leg's.
    pub leg: LegId,
    /// When the piece was taken out of the jitter buffer.
    pub at: Time,
    /// Samples of this feed before this piece, dropped ones included.
    pub sample: u64,
    /// Samples a second.
    pub rate: FeedRate,
    /// 16 bit linear samples of one channel.
    pub samples: Box<[i16]>,
    /// Whether the far end said nothing, so that this is silence.
    pub silence: bool,
    /// Pieces dropped since the last one that arrived.
    pub dropped: u32,
}

/// One subscriber of one leg.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) id: FeedId,
    rate: FeedRate,
    down: Down,
    sample: u64,
    dropped: u32,
}

impl Feed {
    pub(super) fn new(id: FeedId, rate: FeedRate) -> Feed {
        Feed { id, rate, down: Down::default(), sample: 0, dropped: 0 }
    }

    /// Puts the next 20 ms into the queue, or counts them.
    pub(super) fn push(
        &mut self,
        now: Time,
        (call, leg): (CallId, LegId),
        frame: &Frame,
        silence: bool,
        queue: &mut VecDeque<FeedPiece>,
    ) {
        let mut narrow = [0; FRAME / 2];
        let samples = match self.rate {
            FeedRate::Narrow => {
                self.down.run(frame, &mut narrow);
                &narrow[..]
            }
            FeedRate::Wide => frame,
        };
        let sample = self.sample;
        self.sample += samples.len() as u64;
        if queue.len() >= bounds::FEED_PIECES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let dropped = std::mem::take(&mut self.dropped);
        let (feed, rate, samples) = (self.id, self.rate, samples.into());
        queue.push_back(FeedPiece { feed, call, leg, at: now, sample, rate, samples, silence, dropped });
    }
}
