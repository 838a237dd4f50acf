//! The tap: what was said, once, on the right track, at its time.

use super::*;
use crate::base::{PromptId, RecordingId};

fn recording() -> RecordingId {
    RecordingId::from_bytes([3; 16])
}

/// A frame without its payload's length: track, arrival in ms, type, number, first octet.
type Kept = (u8, u64, u8, u16, u8);

fn kept(items: &[TapItem]) -> Vec<Kept> {
    let mut kept = Vec::new();
    for item in items {
        if let TapItem::Batch(batch) = item {
            kept.extend(batch.frames().map(|frame| {
                let first = frame.payload.first().copied().unwrap_or(0);
                (frame.track, frame.arrival_us / 1_000, frame.payload_type, frame.sequence, first)
            }));
        }
    }
    kept
}

fn tap(stage: &mut Stage, leg: LegId, track: u8) {
    let started = stage.now;
    stage.order(Order::Tap {
        call: stage.call,
        recording: recording(),
        started,
        leg,
        track,
        alone: track == 0,
    });
}

#[test]
fn prompts_then_people_on_two_tracks() {
    let mut stage = Stage::new();
    stage.leg(A, aim(alice()));
    stage.leg(B, aim(bob()));
    let mut library = PromptLibrary::new();
    library.insert(PromptId(1), Prompt::from_samples(&[5_000; 480]));
    stage.order(Order::Prompts(std::sync::Arc::new(library)));
    tap(&mut stage, A, 0);
    tap(&mut stage, B, 1);
    stage.order(Order::Play {
        call: stage.call,
        leg: A,
        play: 1,
        sounds: vec![Sound::Prompt(PromptId(1))],
        repeat: false,
    });
    stage.pass(100);
    stage.says(A, alice(), &rtp(8, 10, 0xa, &[1; 160])); // to the prompt
    stage.says(B, bob(), &rtp(8, 20, 0xb, &[2; 160])); // to nobody
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    stage.pass(50);
    stage.says(A, alice(), &rtp(8, 11, 0xa, &[3; 160]));
    stage.says(B, bob(), &rtp(8, 21, 0xb, &[4; 160]));
    stage.order(Order::Play {
        call: stage.call,
        leg: A,
        play: 2,
        sounds: vec![Sound::Prompt(PromptId(1))],
        repeat: false,
    });
    stage.pass(100); // heard by Alice alone and not by the recording: Bob's track is Bob's
    stage.order(Order::Part { call: stage.call, leg: A });
    stage.says(B, bob(), &rtp(8, 22, 0xb, &[5; 160]));
    stage.says(A, alice(), &rtp(8, 12, 0xa, &[6; 160]));
    stage.order(Order::Untap { call: stage.call, recording: recording() });
    stage.says(A, alice(), &rtp(8, 13, 0xa, &[7; 160]));
    stage.pass(500);
    let items = stage.taps();
    let prompt = crate::rtp::g711::encode_a_law(5_000);
    let all = kept(&items);
    assert_eq!(all.iter().take(3).map(|k| (k.0, k.2, k.4)).collect::<Vec<_>>(), [(1, 8, prompt); 3]);
    assert!(all[0].1 <= 5 && all[2].1 == all[0].1 + 40);
    let people: Vec<_> = all[3..].to_vec();
    assert_eq!(people, [(0, 100, 8, 10, 1), (0, 150, 8, 11, 3), (1, 150, 8, 21, 4), (0, 250, 8, 12, 6)]);
    assert_eq!(items.last(), Some(&TapItem::Ended { recording: recording() }));
    assert_eq!(items.iter().filter(|item| matches!(item, TapItem::Ended { .. })).count(), 1);
}

#[test]
fn batches_leave_within_a_tenth_of_a_second() {
    let mut stage = Stage::joined();
    tap(&mut stage, A, 0);
    let mut oldest = Duration::ZERO;
    let mut batches = 0;
    let began = stage.now;
    for n in 0..500 {
        stage.says(A, alice(), &rtp(8, n, 0xa, &[1; 160]));
        stage.pass(20);
        for item in stage.taps() {
            let TapItem::Batch(batch) = item else { panic!("ended") };
            let first = batch.frames().next().unwrap().arrival_us;
            oldest = oldest.max(stage.now.since(began + Duration::from_micros(first)));
            batches += 1;
        }
    }
    assert!(oldest <= Duration::from_millis(120), "{oldest:?}");
    assert!((99..=101).contains(&batches), "{batches}");
}

#[test]
fn the_recording_holds_what_was_heard_on_a_bad_line() {
    for seed in 0..50 {
        let mut random = Random::from_number(seed);
        let mut stage = Stage::joined();
        tap(&mut stage, A, 0);
        tap(&mut stage, B, 1);
        let mut heard: Vec<(u8, Vec<u8>)> = Vec::new();
        for n in 0..400u32 {
            stage.pass(10);
            let late = n.saturating_sub(random.below(3) as u32);
            for (leg, from, track) in [(A, alice(), 0), (B, bob(), 1)] {
                if random.below(10) == 0 {
                    continue;
                }
                let payload = [late.to_be_bytes(), [track; 4]].concat();
                if stage.says(leg, from, &rtp(8, late, u32::from(track), &payload)).is_some() {
                    heard.push((track, payload));
                }
                let forged = stage.says(leg, at("203.0.113.66:1"), &rtp(8, n, 9, &[9; 160]));
                assert_eq!(forged, None);
            }
        }
        stage.order(Order::End { call: stage.call });
        let mut kept: Vec<(u8, Vec<u8>)> = Vec::new();
        for item in stage.taps() {
            if let TapItem::Batch(batch) = item {
                kept.extend(batch.frames().map(|frame| (frame.track, frame.payload.to_vec())));
            }
        }
        // Packets that are too late for the listener's splice are still evidence.
        kept.retain(|frame| heard.contains(frame));
        assert_eq!(kept, heard, "seed {seed}");
    }
}

#[test]
fn keys_and_refused_types_are_not_recorded_and_laws_keep_their_static_types() {
    let mut stage = Stage::joined();
    stage.aim(A, Aim { formats: formats(&["98 PCMU/8000", "8 PCMA/8000", "18 G729/8000"]), ..aim(alice()) });
    tap(&mut stage, A, 0);
    for (n, pt) in (0..).zip([98, 8, 101, 18, 77]) {
        stage.says(A, alice(), &rtp(pt, n, 0xa, &[5, 0, 0, 160]));
    }
    stage.order(Order::Untap { call: stage.call, recording: recording() });
    let types: Vec<u8> = kept(&stage.taps()).iter().map(|kept| kept.2).collect();
    assert_eq!(types, [0, 8, 18]);
}

#[test]
fn the_end_of_a_call_ends_its_recordings() {
    let mut stage = Stage::joined();
    tap(&mut stage, A, 0);
    stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160]));
    stage.order(Order::Close { call: stage.call, leg: A });
    assert_eq!(stage.taps(), [], "a recording outlives a leg");
    stage.order(Order::End { call: stage.call });
    let items = stage.taps();
    assert_eq!((kept(&items).len(), items.len()), (1, 2));
}
