//! Listening for voices by loudness alone, for rules that no recogniser is needed for.
//!
//! Invariant: a gauge hears what the far end sent, before delay and mute; one that falls behind loses frames, and no call its time.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Told;
use crate::base::{CallId, LegId, bounds};
use crate::io::feeds::{Feeds, Subscription};
use crate::media::{FeedId, FeedRate, Order};
use crate::speech::{Activity, News, Spoke};

/// Who is gauged.
pub struct Gauges {
    feeds: Feeds,
    told: mpsc::Sender<Told>,
    running: HashMap<(CallId, LegId), (FeedId, AbortHandle)>,
}

impl Gauges {
    /// Nobody yet; what is heard goes where recognisers tell theirs.
    pub fn new(feeds: Feeds, told: mpsc::Sender<Told>) -> Gauges {
        Gauges { feeds, told, running: HashMap::new() }
    }

    /// Begins with a leg: the order that feeds its gauge.
    pub fn begin(&mut self, call: CallId, leg: LegId) -> Order {
        let Subscription { feed, pieces } = self.feeds.subscribe(bounds::HEARING);
        let task = tokio::spawn(listen(call, leg, pieces, self.told.clone()));
        if let Some((_, before)) = self.running.insert((call, leg), (feed, task.abort_handle())) {
            before.abort();
        }
        Order::Feed { call, leg, feed, rate: FeedRate::Narrow }
    }

    /// Ends it: the order that ends the feed.
    pub fn end(&mut self, call: CallId, leg: LegId) -> Option<Order> {
        let (feed, task) = self.running.remove(&(call, leg))?;
        task.abort();
        self.feeds.forget(feed);
        Some(Order::Unfeed { call, leg, feed })
    }
}

async fn listen(
    call: CallId,
    leg: LegId,
    mut pieces: mpsc::Receiver<crate::media::FeedPiece>,
    told: mpsc::Sender<Told>,
) {
    let mut activity = Activity::default();
    let mut alive = false;
    while let Some(piece) = pieces.recv().await {
        if !std::mem::replace(&mut alive, true) {
            // That there is something to hear at all.
            let sign = News::Spoke(Spoke { from_ms: 0, to_ms: 0 });
            let _ = told.send((call, leg, sign)).await;
        }
        let at_ms = piece.sample / u64::from(piece.rate.hertz() / 1_000);
        if let Some(spoke) = activity.hear(at_ms, &piece.samples) {
            let _ = told.send((call, leg, News::Spoke(spoke))).await;
        }
    }
}
