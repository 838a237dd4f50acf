//! Recognisers' end of the feeds: each subscriber has a queue of its own, and none can hold up the media plane.
//!
//! Usage: [`Feeds::subscribe`], then [`Order::Feed`](crate::media::Order::Feed) with the subscription's number for each leg
//! that it is to hear; dropping the subscription ends its queue, [`Order::Unfeed`](crate::media::Order::Unfeed) the work.
//! Invariant: what finds no room is dropped and counted, and the count is in the next piece that arrives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::media::{FeedId, FeedPiece};

/// All subscribers of one node.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    last: u64,
    queues: HashMap<FeedId, Queue>,
}

#[derive(Debug)]
struct Queue {
    sender: Sender<FeedPiece>,
    missed: u32,
}

/// One subscriber's end.
#[derive(Debug)]
pub struct Subscription {
    /// Its number, for orders.
    pub feed: FeedId,
    /// Its pieces, in order.
    pub pieces: Receiver<FeedPiece>,
}

impl Feeds {
    /// A queue with room for so many pieces of 20 ms.
    pub fn subscribe(&self, room: usize) -> Subscription {
        let (sender, pieces) = channel(room);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.last += 1;
        let feed = FeedId(shared.last);
        shared.queues.insert(feed, Queue { sender, missed: 0 });
        Subscription { feed, pieces }
    }

    /// The subscriber is gone, and so is its queue.
    pub(super) fn forget(&self, feed: FeedId) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).queues.remove(&feed);
    }

    /// Hands a piece to its subscriber, or counts it; a subscriber that is gone is forgotten.
    pub(super) fn hand_on(&self, mut piece: FeedPiece) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = piece.feed;
        let Some(queue) = shared.queues.get_mut(&feed) else { return };
        piece.dropped = piece.dropped.saturating_add(queue.missed);
        match queue.sender.try_send(piece) {
            Ok(()) => queue.missed = 0,
            Err(TrySendError::Full(piece)) => queue.missed = piece.dropped.saturating_add(1),
            Err(TrySendError::Closed(_)) => {
                shared.queues.remove(&feed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId, Time};
    use crate::media::FeedRate;

    fn piece(feed: FeedId, sample: u64, dropped: u32) -> FeedPiece {
        FeedPiece {
            feed,
            call: CallId::from_bytes([1; 16]),
            leg: LegId(0),
            at: Time::ZERO,
            sample,
            rate: FeedRate::Narrow,
            samples: [0; 160].into(),
            silence: false,
            dropped,
        }
    }

    #[test]
    fn a_slow_subscriber_loses_pieces_and_is_told_how_many() {
        let feeds = Feeds::default();
        let (mut quick, mut slow) = (feeds.subscribe(100), feeds.subscribe(2));
        assert_ne!(quick.feed, slow.feed);
        for n in 0..5 {
            feeds.hand_on(piece(quick.feed, n * 160, 0));
            // The plane itself has dropped one before the fourth.
            feeds.hand_on(piece(slow.feed, n * 160, u32::from(n == 3)));
        }
        let dropped = |subscription: &mut Subscription| {
            std::iter::from_fn(|| subscription.pieces.try_recv().ok())
                .map(|piece| piece.dropped)
                .collect::<Vec<_>>()
        };
        assert_eq!(dropped(&mut quick), [0; 5]);
        assert_eq!(dropped(&mut slow).len(), 2);
        feeds.hand_on(piece(slow.feed, 9 * 160, 0));
        assert_eq!(dropped(&mut slow), [4]);
    }

    #[test]
    fn whoever_has_left_is_forgotten() {
        let feeds = Feeds::default();
        let gone = feeds.subscribe(1).feed;
        feeds.hand_on(piece(gone, 0, 0));
        assert!(feeds.shared.lock().expect("not poisoned").queues.is_empty());
    }
}
