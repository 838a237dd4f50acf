//! Keys: heard once, passed on in the other side's type, sent when ordered.

use super::*;
use crate::rtp::telephone_event::{Event, code};

/// The packets of a press: type, timestamp, and the number of the first.
fn press(pt: u8, key: char, n: u32, timestamp: u32, clock: u32) -> Vec<Vec<u8>> {
    let step = |k: u32| {
        let event = Event {
            code: code(key).unwrap(),
            end: k >= 4,
            volume: 10,
            duration: ((k.min(4) + 1) * clock / 50) as u16,
        };
        let packet = Packet { marker: k == 0, pt, seq: (n + k) as u16, timestamp, ssrc: 0xa, payload: 0..0 };
        [&packet.header()[..], &event.write()].concat()
    };
    (0..7).map(step).collect()
}

fn pressed(stage: &mut Stage) -> String {
    let key = |news| match news {
        News::Key { key, .. } => Some(key),
        _ => None,
    };
    stage.news().into_iter().filter_map(key).collect()
}

#[test]
fn keys_are_told_once_and_passed_on_in_the_other_type() {
    for (theirs, passed) in [(Some(Format::telephone_event(97)), true), (None, false)] {
        for lost in 0..8 {
            let mut stage = Stage::joined();
            stage.aim(B, Aim { telephone_event: theirs, ..aim(bob()) });
            let mut sent = Vec::new();
            for (turn, key) in (0..).zip("15*D".chars()) {
                for (k, datagram) in (0..).zip(press(101, key, turn * 7, turn * 1_280, 8_000)) {
                    // Each packet in turn is lost; in the last round the three ends and a copy comes of the rest.
                    if k == lost || lost == 7 && k >= 4 {
                        continue;
                    }
                    stage.pass(20);
                    sent.extend(stage.says(A, alice(), &datagram));
                }
            }
            assert_eq!(pressed(&mut stage), "15*D", "lost {lost}");
            assert!(sent.iter().all(|sent| sent.packet().pt == 97));
            assert_eq!(sent.is_empty(), !passed);
            if passed {
                let codes: std::collections::BTreeSet<_> =
                    sent.iter().map(|sent| (sent.packet().timestamp, sent.payload()[0])).collect();
                assert_eq!(codes.len(), 4, "each press keeps one timestamp, lost {lost}");
            }
        }
    }
}

#[test]
fn a_key_is_told_without_anybody_joined() {
    let mut stage = Stage::new();
    stage.leg(A, aim(alice()));
    for datagram in press(101, '#', 5, 800, 8_000) {
        assert_eq!(stage.says(A, alice(), &datagram), None);
    }
    assert_eq!(pressed(&mut stage), "#");
    let facts = stage.facts(A);
    assert_eq!((facts.keys, facts.codec_in), (1, None));
}

#[test]
fn a_key_of_another_clock_keeps_its_length() {
    let wide = Format { clock: 16_000, ..Format::telephone_event(102) };
    let mut stage = Stage::joined();
    stage.aim(A, Aim { telephone_event: Some(wide), ..aim(alice()) });
    let sent: Vec<_> =
        press(102, '9', 0, 0, 16_000).iter().filter_map(|d| stage.says(A, alice(), d)).collect();
    let durations: Vec<_> = sent.iter().map(|sent| Event::read(sent.payload()).unwrap().duration).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
}

#[test]
fn a_leg_that_is_not_listened_to_presses_nothing() {
    let mut stage = Stage::joined();
    stage.aim(A, Aim { receive: false, ..aim(alice()) });
    for datagram in press(101, '1', 0, 0, 8_000) {
        assert_eq!(stage.says(A, alice(), &datagram), None);
    }
    assert_eq!(pressed(&mut stage), "");
}

#[test]
fn ordered_keys_are_heard_by_another_switch() {
    let mut stage = Stage::joined();
    stage.order(Order::Keys { call: stage.call, leg: B, keys: "13#".into() });
    stage.pass(1_000);
    let sent = stage.sent();
    assert!(sent.iter().all(|sent| sent.to == bob() && sent.packet().pt == 101));
    assert_eq!(sent.len(), 3 * 7);
    for press in sent.chunks(7) {
        let packets: Vec<_> = press.iter().map(Sent::packet).collect();
        assert!(packets.iter().all(|packet| packet.timestamp == packets[0].timestamp));
        assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 1);
        assert_eq!(press.iter().filter(|sent| sent.payload()[1] & 0x80 != 0).count(), 3);
    }
    // Another switch hears them.
    let mut other = Stage::new();
    other.leg(A, aim(alice()));
    for sent in &sent {
        other.says(A, alice(), &sent.octets);
    }
    assert_eq!(pressed(&mut other), "13#");
}

#[test]
fn keys_to_a_leg_without_events_are_tones() {
    let mut stage = Stage::joined();
    stage.aim(B, Aim { telephone_event: None, formats: formats(&["0 PCMU/8000"]), ..aim(bob()) });
    stage.order(Order::Keys { call: stage.call, leg: B, keys: "5".into() });
    stage.pass(400);
    let sent = stage.sent();
    assert_eq!(sent.len(), 8);
    let samples: Vec<i16> = sent[..5]
        .iter()
        .flat_map(|sent| sent.payload().iter().map(|octet| crate::rtp::g711::MU_LAW[usize::from(*octet)]))
        .collect();
    let level = |hertz| super::super::tone::tests::level(&samples, hertz);
    assert!(level(770.0) > 0.15 && level(1_336.0) > 0.15 && level(941.0) < 0.02);
}

/// The tones of keys as a phone without events sends them: A-law packets of 20 ms.
fn tones(keys: &str) -> Vec<Vec<u8>> {
    let mut other = Stage::new();
    other.leg(A, Aim { telephone_event: None, ..aim(alice()) });
    other.order(Order::Keys { call: other.call, leg: A, keys: keys.into() });
    other.pass(2_000);
    other.sent().into_iter().map(|sent| sent.octets).collect()
}

fn says_all(stage: &mut Stage, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        stage.says(A, alice(), datagram);
        stage.pass(20);
    }
    stage.pass(500);
}

#[test]
fn tones_of_a_phone_without_events_are_keys() {
    let mut stage = Stage::new();
    stage.leg(A, Aim { telephone_event: None, ..aim(alice()) });
    says_all(&mut stage, &tones("1590*#"));
    assert_eq!(pressed(&mut stage), "1590*#");
    // One that has events may say what it likes.
    let mut stage = Stage::new();
    stage.leg(A, aim(alice()));
    says_all(&mut stage, &tones("1590*#"));
    assert_eq!(pressed(&mut stage), "");
}

#[test]
fn keys_cross_every_kind_of_bridge_once() {
    let silent = |rtp| Aim { telephone_event: None, ..aim(rtp) };
    // In-band to events.
    let mut stage = Stage::joined();
    stage.aim(A, silent(alice()));
    stage.sent();
    says_all(&mut stage, &tones("42"));
    assert_eq!(pressed(&mut stage), "42");
    let mut other = Stage::new();
    other.leg(A, aim(alice()));
    for sent in stage.sent().iter().filter(|sent| sent.leg == B && sent.packet().pt == 101) {
        other.says(A, alice(), &sent.octets);
    }
    assert_eq!(pressed(&mut other), "42");
    // Events to in-band.
    let mut stage = Stage::joined();
    stage.aim(B, silent(bob()));
    for (n, key) in "73".chars().enumerate() {
        for datagram in press(101, key, 10 * n as u32, 4_000 * n as u32, 8_000) {
            assert_eq!(stage.says(A, alice(), &datagram), None);
            stage.pass(20);
        }
        stage.pass(200);
    }
    assert_eq!(pressed(&mut stage), "73");
    let heard: Vec<Vec<u8>> = stage.sent().into_iter().map(|sent| sent.octets).collect();
    let mut other = Stage::new();
    other.leg(A, silent(alice()));
    says_all(&mut other, &heard);
    assert_eq!(pressed(&mut other), "73");
}
