//! Feeds: what subscribers get, when they read and when they do not.

use super::transcode::{Talker, level, only};
use super::*;
use crate::base::bounds;

const OPUS: &str = "111 opus/48000/2";

fn talk(stage: &mut Stage, talker: &mut Talker, packets: usize) {
    for _ in 0..packets {
        stage.says(A, alice(), &talker.packet());
        stage.pass(20);
    }
}

fn pieces(stage: &mut Stage) -> Vec<FeedPiece> {
    std::iter::from_fn(|| stage.worker.poll_feed()).collect()
}

#[test]
fn every_subscriber_hears_the_party_at_its_own_rate() {
    let mut stage = Stage::joined();
    let feeds = [(FeedId(1), FeedRate::Narrow), (FeedId(2), FeedRate::Wide), (FeedId(3), FeedRate::Wide)];
    for (feed, rate) in feeds {
        stage.order(Order::Feed { call: stage.call, leg: A, feed, rate });
    }
    // The relay goes on untouched beside it; a mute does not reach the feeds.
    let mut talker = Talker::new("8 PCMA/8000", 700.0);
    assert!(stage.says(A, alice(), &talker.packet()).is_some());
    stage.order(Order::Mute { call: stage.call, leg: A, muted: true });
    talk(&mut stage, &mut talker, 100);
    let all = pieces(&mut stage);
    for (feed, rate) in feeds {
        let own: Vec<&FeedPiece> = all.iter().filter(|piece| piece.feed == feed).collect();
        assert!(own.len() >= 99);
        let span = u64::from(rate.hertz() / 50);
        for (n, pair) in (1..).zip(own.windows(2)) {
            assert_eq!((pair[1].sample, pair[1].dropped), (n * span, 0));
            assert_eq!(pair[1].at.since(pair[0].at), Duration::from_millis(20));
        }
        let sound: Vec<i16> = own.iter().flat_map(|piece| piece.samples.iter().copied()).collect();
        // `level` counts at 16 000 a second.
        let hertz = 700.0 * 16_000.0 / f64::from(rate.hertz());
        let steady = &sound[sound.len() / 4..];
        assert!((level(steady, hertz) / (8_000.0 / 32_768.0) - 1.0).abs() < 0.05, "{feed:?}");
        assert!(own[10..].iter().all(|piece| !piece.silence && piece.leg == A));
    }
    stage.order(Order::Unfeed { call: stage.call, leg: A, feed: FeedId(2) });
    pieces(&mut stage);
    talk(&mut stage, &mut talker, 10);
    assert!(pieces(&mut stage).iter().all(|piece| piece.feed != FeedId(2)));
}

#[test]
fn nobody_waits_for_a_slow_subscriber() {
    let mut stage = Stage::new();
    stage.leg(A, only(alice(), OPUS, true));
    stage.order(Order::Feed { call: stage.call, leg: A, feed: FeedId(1), rate: FeedRate::Wide });
    // Silence is fed as well: time goes on.
    stage.pass(20 * bounds::FEED_PIECES as u64 + 1_000);
    let kept = pieces(&mut stage);
    assert_eq!(kept.len(), bounds::FEED_PIECES);
    assert!(kept.iter().all(|piece| piece.silence));
    stage.pass(20);
    let [next] = &pieces(&mut stage)[..] else { panic!("one piece a visit") };
    assert!((49..=51).contains(&next.dropped), "{}", next.dropped);
    assert_eq!(next.sample, (kept.len() as u64 + u64::from(next.dropped)) * 320, "time is told all the same");
}

#[test]
fn what_cannot_be_fed_is_refused() {
    let mut stage = Stage::new();
    stage.leg(A, only(alice(), OPUS, true));
    stage.leg(B, only(bob(), "18 G729/8000", true));
    stage.news();
    for feed in 0..=bounds::FEEDS as u64 {
        stage.order(Order::Feed { call: stage.call, leg: A, feed: FeedId(feed), rate: FeedRate::Wide });
    }
    stage.order(Order::Feed { call: stage.call, leg: B, feed: FeedId(99), rate: FeedRate::Wide });
    let refused: Vec<LegId> = stage
        .news()
        .iter()
        .filter_map(|news| match news {
            News::Refused { leg, .. } => Some(*leg),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [A, B]);
}
