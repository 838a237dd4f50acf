//! What one party says is what the other hears: in order, in its own format, as one stream.

use std::collections::{HashMap, HashSet};

use super::super::tone::tests::level;
use super::*;
use crate::rtp::g711::{A_LAW, MU_LAW, encode_a_law};

/// A line that loses, repeats and reorders; seeded. Yields the numbers of packets as they arrive.
fn line(seed: u64, packets: u32) -> Vec<u32> {
    let mut random = Random::from_number(seed);
    let mut arrivals: Vec<(u32, u32)> = Vec::new();
    for n in 0..packets {
        let copies = match random.below(20) {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            arrivals.push((n + random.below(4) as u32 * u32::from(random.below(5) == 0), n));
        }
    }
    arrivals.sort_by_key(|(place, _)| *place);
    arrivals.into_iter().map(|(_, n)| n).collect()
}

#[test]
fn a_bad_line_is_passed_on_as_it_is_without_its_copies() {
    for seed in 0..50 {
        let mut stage = Stage::joined();
        let arrivals = line(seed, 500);
        let base = 65_300; // the numbers wrap on the way
        let mut offsets = HashSet::new();
        let mut heard = Vec::new();
        for n in &arrivals {
            stage.now = stage.now + Duration::from_millis(20);
            let Some(sent) = stage.says(A, alice(), &rtp(8, base + n, 0xa, &n.to_be_bytes())) else {
                continue;
            };
            let packet = sent.packet();
            assert_eq!((sent.to, packet.pt, sent.payload()), (bob(), 8, &n.to_be_bytes()[..]));
            offsets.insert((
                packet.seq.wrapping_sub((base + n) as u16),
                packet.timestamp.wrapping_sub((base + n) * 160),
            ));
            heard.push(*n);
        }
        assert_eq!(offsets.len(), 1, "seed {seed}: the far end sees more than one splice");
        let mut expected = Vec::new();
        let first = arrivals[0];
        for n in arrivals.iter().filter(|n| **n >= first) {
            if !expected.contains(n) {
                expected.push(*n);
            }
        }
        assert_eq!(heard, expected, "seed {seed}");
        let distinct = expected.len() as u64;
        let facts = stage.facts(A);
        assert_eq!(
            facts.lost,
            u64::from(expected.iter().max().unwrap() - first + 1) - distinct,
            "seed {seed}"
        );
        assert_eq!(stage.facts(B).packets_out, distinct, "seed {seed}");
    }
}

#[test]
fn the_far_end_never_notices_who_speaks() {
    let mut stage = Stage::joined();
    stage.leg(LegId(2), aim(at("198.51.100.3:6000")));
    let speakers =
        [(A, alice(), 0xa, 900), (LegId(2), at("198.51.100.3:6000"), 0xc, 31_000), (A, alice(), 0xaa, 7)];
    let mut stream = Vec::new();
    for (turn, (leg, from, ssrc, base)) in speakers.into_iter().enumerate() {
        stage.order(Order::Join { call: stage.call, a: leg, b: B });
        for n in 0..40 {
            stage.pass(20);
            stream.extend(stage.says(leg, from, &rtp(8, base + n, ssrc, &[1; 160])));
        }
        let beep = vec![Sound::Tone(Tone::Beep)];
        stage.order(Order::Play { call: stage.call, leg: B, play: turn as u32, sounds: beep, repeat: false });
        for n in 40..62 {
            stage.pass(20);
            stream.extend(stage.sent());
            stream.extend(stage.says(leg, from, &rtp(8, base + n, ssrc, &[1; 160])));
        }
        stage.order(Order::Keys { call: stage.call, leg: B, keys: "7".into() });
        stage.pass(180);
        stream.extend(stage.sent());
    }
    let packets: Vec<Packet> = stream.iter().map(Sent::packet).collect();
    assert!(packets.len() > 3 * (40 + 20 + 7), "{}", packets.len());
    for (pair, sent) in packets.windows(2).zip(stream.windows(2)) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(after.ssrc, before.ssrc);
        assert_eq!(after.seq, before.seq.wrapping_add(1));
        let (ticks, passed) = (after.timestamp.wrapping_sub(before.timestamp), sent[1].at.since(sent[0].at));
        assert!(ticks < 8_000, "time went back or leapt: {before:?} {after:?}");
        assert!(before.pt == 101 || after.pt == 101 || ticks >= 160, "{before:?} {after:?}");
        // The packets of a key stay at the time of its beginning.
        let allowed = passed.as_millis() as u64 * 8 + if before.pt == 101 { 1_280 } else { 240 };
        assert!(u64::from(ticks) <= allowed, "{ticks} ticks in {passed:?}");
    }
    let total = packets.last().unwrap().timestamp.wrapping_sub(packets[0].timestamp);
    let passed = stream.last().unwrap().at.since(stream[0].at).as_millis() as u32 * 8;
    assert!(total.abs_diff(passed) < 1_600, "{total} ticks in {passed}");
}

/// What a party of these formats hears when the other, of those, sends a tone of 1 004 Hz.
fn heard_tone(speaker: &str, listener: &str) -> (u8, Vec<i16>) {
    let mut stage = Stage::new();
    stage.leg(A, Aim { formats: formats(&[speaker]), ..aim(alice()) });
    stage.leg(B, Aim { formats: formats(&[listener]), ..aim(bob()) });
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    let speaks_a = speaker.contains("PCMA");
    let pt = Format::from_rtpmap(speaker).unwrap().pt;
    let mut samples = Vec::new();
    let mut types = HashSet::new();
    for n in 0..100u32 {
        let sound = (0..160u32).map(|k| {
            let turn = std::f64::consts::TAU * 1_004.0 * f64::from(n * 160 + k) / 8_000.0;
            (turn.sin() * 8_000.0) as i16
        });
        let encode =
            |sample| if speaks_a { encode_a_law(sample) } else { crate::rtp::g711::encode_mu_law(sample) };
        let payload: Vec<u8> = sound.map(encode).collect();
        stage.pass(20);
        let sent = stage.says(A, alice(), &rtp(pt, n, 0xa, &payload)).unwrap();
        types.insert(sent.packet().pt);
        let table = if listener.contains("PCMA") { &A_LAW } else { &MU_LAW };
        samples.extend(sent.payload().iter().map(|octet| table[usize::from(*octet)]));
    }
    assert_eq!(types.len(), 1);
    (types.into_iter().next().unwrap(), samples)
}

#[test]
fn a_tone_comes_through_each_pair_of_laws() {
    for (speaker, listener, pt) in [
        ("8 PCMA/8000", "8 PCMA/8000", 8),
        ("8 PCMA/8000", "0 PCMU/8000", 0),
        ("0 PCMU/8000", "8 PCMA/8000", 8),
        ("0 PCMU/8000", "98 PCMU/8000", 98),
    ] {
        let (seen, samples) = heard_tone(speaker, listener);
        assert_eq!(seen, pt, "{speaker} to {listener}");
        assert_eq!(samples.len(), 16_000, "{speaker} to {listener}");
        let tone = level(&samples, 1_004.0);
        assert!((tone - 8_000.0 / 32_768.0).abs() < 0.005, "{speaker} to {listener}: {tone}");
        // Everything that is not the tone: 30 dB below it at least.
        let power =
            samples.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum::<f64>() / samples.len() as f64;
        let noise = power - tone * tone / 2.0;
        assert!(noise < tone * tone / 2.0 / 1_000.0, "{speaker} to {listener}: noise {noise}");
    }
}

#[test]
fn directions_are_kept() {
    for (send, receive) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut stage = Stage::joined();
        stage.aim(A, Aim { send, receive, ..aim(alice()) });
        let to_b = stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160]));
        let to_a = stage.says(B, bob(), &rtp(8, 0, 0xb, &[1; 160]));
        assert_eq!((to_b.is_some(), to_a.is_some()), (receive, send));
    }
    let mut stage = Stage::joined();
    stage.aim(A, aim(at("0.0.0.0:4000")));
    assert_eq!(stage.says(B, bob(), &rtp(8, 0, 0xb, &[1; 160])), None, "sent to a hold's address");
}

#[test]
fn odd_payloads_and_types_harm_nobody() {
    let mut stage = Stage::joined();
    stage.aim(B, Aim { formats: formats(&["0 PCMU/8000"]), ..aim(bob()) });
    for (n, len) in (0..).zip([0, 1, 2, 3, 159, 161, 1_460, 2_000, 65_000]) {
        let sent = stage.says(A, alice(), &rtp(8, n, 0xa, &vec![0xd5; len])).unwrap();
        assert_eq!(sent.payload().len(), len);
    }
    for pt in (0..128).filter(|pt| ![8, 101].contains(pt)) {
        assert_eq!(stage.says(A, alice(), &rtp(pt, 50, 0xa, &[1; 160])), None, "type {pt}");
    }
    assert!(stage.says(A, alice(), &rtp(8, 20, 0xa, &[1; 160])).is_some());
    let facts = stage.facts(A);
    assert_eq!((facts.packets_in, facts.octets_in), (10, 159 + 161 + 1_460 + 2_000 + 65_000 + 6 + 160));
    // 64 to 95 with the marker look like RTCP (RFC 5761 §4); without it they are RTP of an unknown type.
    assert_eq!(facts.unusable, 126);
}

#[test]
fn header_extensions_and_padding_do_not_pass() {
    let mut stage = Stage::joined();
    let mut datagram = vec![0xb1, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 10];
    datagram.extend([7; 4]); // a contributing source
    datagram.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension
    datagram.extend([1; 160]);
    datagram.extend([0, 0, 0, 4]); // padding
    let sent = stage.says(A, alice(), &datagram).unwrap();
    assert_eq!((sent.octets[0], sent.payload()), (0x80, &[1; 160][..]));
}

#[test]
fn reports_pass_in_the_other_side_s_numbers() {
    let mut stage = Stage::joined();
    let mut ours = HashMap::new();
    for n in 0..3 {
        stage.pass(20);
        ours.insert(B, stage.says(A, alice(), &rtp(8, 700 + n, 0xa, &[1; 160])).unwrap().packet());
        ours.insert(A, stage.says(B, bob(), &rtp(8, 30 + n, 0xb, &[2; 160])).unwrap().packet());
    }
    // Alice reports: she sends 0xa, and heard our stream up to its last number.
    let words = [0xa, 1, 2, 702 * 160, 3, 480, ours[&A].ssrc, 0, u32::from(ours[&A].seq), 5, 6, 7];
    let report: Vec<u8> = [0x81, 200, 0, 12]
        .into_iter()
        .chain(words.iter().flat_map(|word: &u32| word.to_be_bytes()))
        .collect();
    let sent = stage.comes(A, Channel::Rtcp, at("198.51.100.1:4001"), &report).unwrap();
    let word = |at: usize| u32::from_be_bytes(sent.octets[at..at + 4].try_into().unwrap());
    assert_eq!((sent.to, word(4), word(16)), (at("198.51.100.2:5001"), ours[&B].ssrc, ours[&B].timestamp));
    assert_eq!((word(28), word(36) as u16), (0xb, 32), "Bob is told of his own stream in his own numbers");
    stage.aim(B, Aim { rtcp: Some(bob()), ..aim(bob()) });
    let muxed = stage.comes(A, Channel::Rtcp, at("198.51.100.1:4001"), &report).unwrap();
    assert_eq!((muxed.channel, muxed.to), (Channel::Rtp, bob()));
}
