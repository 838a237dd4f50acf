//! Two parties without a common codec: each hears the other's sound, whole, in its own.

use super::*;
use crate::rtp::Codec;
use crate::rtp::linear::{Decoder, ENCODED, Encoder, FRAME, LONGEST, RATE};
use std::f64::consts::TAU;

/// A phone's sending side: a tone that goes on from packet to packet.
pub(super) struct Talker {
    encoder: Encoder,
    format: Format,
    hertz: f64,
    n: u32,
}

impl Talker {
    pub(super) fn new(map: &str, hertz: f64) -> Talker {
        let format = Format::from_rtpmap(map).unwrap();
        Talker { encoder: Encoder::new(format.codec).unwrap(), format, hertz, n: 0 }
    }

    pub(super) fn packet(&mut self) -> Vec<u8> {
        let first = self.n as usize * FRAME;
        let at =
            |k: usize| (8_000.0 * ((first + k) as f64 / f64::from(RATE) * self.hertz * TAU).sin()) as i16;
        let mut payload = [0; ENCODED];
        let len = self.encoder.encode(&std::array::from_fn(at), &mut payload);
        let timestamp = self.n.wrapping_mul(self.format.clock / 50);
        let (pt, seq) = (self.format.pt, self.n as u16);
        self.n += 1;
        let header = Packet { marker: seq == 0, pt, seq, timestamp, ssrc: 0xa, payload: 0..0 }.header();
        [&header[..], &payload[..len]].concat()
    }
}

pub(super) fn only(rtp: SocketAddr, map: &str, keys: bool) -> Aim {
    Aim { formats: formats(&[map]), telephone_event: keys.then(|| Format::telephone_event(101)), ..aim(rtp) }
}

/// All that was sent to a leg, decoded; with it the packets' sequence numbers and timestamps.
pub(super) fn decoded(sent: &[Sent], leg: LegId, map: &str) -> (Vec<i16>, Vec<(u16, u32)>) {
    let format = Format::from_rtpmap(map).unwrap();
    let mut decoder = Decoder::new(format.codec).unwrap();
    let (mut sound, mut places) = (Vec::new(), Vec::new());
    for sent in sent.iter().filter(|sent| sent.leg == leg && sent.packet().pt == format.pt) {
        let mut samples = [0; LONGEST];
        let len = decoder.decode(sent.payload(), &mut samples);
        sound.extend(&samples[..len]);
        places.push((sent.packet().seq, sent.packet().timestamp));
    }
    (sound, places)
}

/// Amplitude of `hertz` as a part of full scale.
pub(super) fn level(sound: &[i16], hertz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let turn = n as f64 / f64::from(RATE) * hertz * TAU;
        (re, im) = (re + f64::from(*sample) * turn.cos(), im + f64::from(*sample) * turn.sin());
    }
    2.0 * (re * re + im * im).sqrt() / sound.len() as f64 / 32_768.0
}

/// Signal to noise of a pure tone, dB.
fn purity_db(sound: &[i16], hertz: f64) -> f64 {
    let total = sound.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum::<f64>() / sound.len() as f64;
    let tone = level(sound, hertz).powi(2) / 2.0;
    10.0 * (tone / (total - tone).max(1e-9)).log10()
}

#[test]
fn a_silence_is_described_to_whoever_takes_comfort_noise() {
    for (takes, described) in [(true, true), (false, false)] {
        let mut stage = Stage::new();
        let list: &[&str] = if takes { &["8 PCMA/8000", "13 CN/8000"] } else { &["8 PCMA/8000"] };
        stage.leg(A, Aim { formats: formats(list), ..aim(alice()) });
        stage.leg(B, only(bob(), "9 G722/8000", true));
        stage.order(Order::Join { call: stage.call, a: A, b: B });
        let mut bobs = Talker::new("9 G722/8000", 600.0);
        let mut sent = Vec::new();
        for n in 0..300 {
            if !(50..200).contains(&n) {
                stage.says(B, bob(), &bobs.packet());
            }
            stage.pass(20);
            sent.extend(
                stage.sent().into_iter().filter(|sent| sent.channel == Channel::Rtp && sent.leg == A),
            );
        }
        let noise: Vec<&Sent> = sent.iter().filter(|sent| sent.packet().pt == 13).collect();
        assert_eq!(noise.len(), if described { 3 } else { 0 }, "at once, then every second of three");
        let mut last: Option<Packet> = None;
        for packet in sent.iter().map(Sent::packet) {
            if let Some(last) = &last {
                assert_eq!(packet.seq, last.seq.wrapping_add(1));
                let passed = packet.timestamp.wrapping_sub(last.timestamp);
                let most = if takes { 8_320 } else { 30_000 };
                assert!((160..=most).contains(&passed), "{passed} after {last:?}: {packet:?}");
                if last.pt == 13 && packet.pt == 8 {
                    assert!(packet.marker, "a talkspurt begins");
                }
            }
            assert!(packet.pt != 13 || !packet.marker);
            last = Some(packet);
        }
        assert!(
            noise.iter().all(|sent| (40..=127).contains(&sent.payload()[0]) && sent.payload().len() == 1)
        );
    }
}

/// Both parties talk for three seconds; what each was sent.
fn talk(a: &str, b: &str) -> (Stage, Vec<Sent>) {
    let mut stage = Stage::new();
    stage.leg(A, only(alice(), a, true));
    stage.leg(B, only(bob(), b, true));
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    let (mut alices, mut bobs) = (Talker::new(a, 600.0), Talker::new(b, 1_100.0));
    let mut sent = Vec::new();
    for _ in 0..150 {
        for (leg, from, datagram) in [(A, alice(), alices.packet()), (B, bob(), bobs.packet())] {
            assert_eq!(stage.says(leg, from, &datagram), None, "decoded sound goes out by the clock");
        }
        stage.pass(20);
        sent.extend(stage.sent());
    }
    (stage, sent)
}

#[test]
fn each_hears_the_other_clearly_and_without_a_gap() {
    const PCMA: &str = "8 PCMA/8000";
    const G722: &str = "9 G722/8000";
    const OPUS: &str = "111 opus/48000/2";
    for (a, b, least_db) in [(PCMA, G722, 25.0), ("0 PCMU/8000", OPUS, 15.0), (G722, OPUS, 15.0)] {
        let (mut stage, sent) = talk(a, b);
        for (leg, map, hertz) in [(B, b, 600.0), (A, a, 1_100.0)] {
            let (sound, places) = decoded(&sent, leg, map);
            let clock = Format::from_rtpmap(map).unwrap().clock;
            assert!(places.len() > 140, "{a} {b}: {} packets", places.len());
            for pair in places.windows(2) {
                assert_eq!(pair[1].0, pair[0].0.wrapping_add(1));
                assert_eq!(pair[1].1.wrapping_sub(pair[0].1), clock / 50, "{map}");
            }
            // A whole tone from end to end: 20 ms twice or left out would turn its phase and spoil it.
            let steady = &sound[20 * FRAME..140 * FRAME];
            let quality = purity_db(steady, hertz);
            assert!(quality > least_db, "{a} to {b}: {hertz} Hz with {quality:.1} dB");
            assert!((level(steady, hertz) / 0.244 - 1.0).abs() < 0.12, "{}", level(steady, hertz));
        }
        let facts = stage.facts(A);
        let codec = Format::from_rtpmap(a).unwrap().codec;
        assert_eq!((facts.unusable, facts.codec_in, facts.codec_out), (0, Some(codec), Some(codec)));
    }
}

#[test]
fn what_both_have_passes_untouched() {
    for map in ["18 G729/8000", "97 iLBC/8000", "9 G722/8000"] {
        let mut stage = Stage::new();
        let pt = Format::from_rtpmap(map).unwrap().pt;
        stage.leg(A, only(alice(), map, true));
        stage.leg(B, only(bob(), map, true));
        stage.order(Order::Join { call: stage.call, a: A, b: B });
        let sent = stage.says(A, alice(), &rtp(pt, 0, 7, &[1, 2, 3])).unwrap();
        assert_eq!((sent.packet().pt, sent.payload()), (pt, &[1, 2, 3][..]));
    }
    // What nobody here can decode reaches nobody who lacks it.
    let mut stage = Stage::new();
    stage.leg(A, only(alice(), "18 G729/8000", true));
    stage.leg(B, only(bob(), "8 PCMA/8000", true));
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    assert_eq!(stage.says(A, alice(), &rtp(18, 0, 7, &[0; 20])), None);
    stage.pass(200);
    assert_eq!(stage.sent(), []);
}

#[test]
fn silence_costs_no_packets_and_parting_ends_the_decoding() {
    let (mut stage, _) = talk("8 PCMA/8000", "9 G722/8000");
    stage.pass(1_000);
    stage.sent();
    stage.pass(1_000);
    assert_eq!(stage.sent(), [], "a party that is silent is not spoken for");
    stage.order(Order::Part { call: stage.call, leg: A });
    assert!(stage.worker.table.get(stage.keys[&A]).unwrap().listening.is_none());
    stage.pass(1_000);
    assert!(stage.worker.pace.is_empty(), "nobody is visited for nothing");
}

#[test]
fn a_key_crosses_once_and_the_sound_goes_on_around_it() {
    let (mut stage, _) = talk("8 PCMA/8000", "9 G722/8000");
    stage.news();
    let press = crate::rtp::telephone_event::Event { code: 5, end: false, volume: 10, duration: 160 };
    for n in 0..3 {
        let event = crate::rtp::telephone_event::Event { duration: 160 * (n + 1), end: n == 2, ..press };
        let header =
            Packet { marker: n == 0, pt: 101, seq: 150 + n, timestamp: 24_000, ssrc: 0xa, payload: 0..0 };
        assert_eq!(stage.says(A, alice(), &[&header.header()[..], &event.write()].concat()), None);
        stage.pass(20);
    }
    stage.pass(300);
    let keys: Vec<_> = stage.sent().into_iter().filter(|sent| sent.packet().pt == 101).collect();
    let stamps: std::collections::BTreeSet<u32> = keys.iter().map(|sent| sent.packet().timestamp).collect();
    assert_eq!((keys.len(), stamps.len()), (7, 1), "one press, with its end three times");
    assert!(keys.iter().all(|sent| sent.leg == B && sent.payload()[0] == 5));
    let news = stage.news();
    assert_eq!(news.iter().filter(|news| matches!(news, News::Key { key: '5', .. })).count(), 1);
}

#[test]
fn prompts_and_tones_reach_wideband_phones() {
    for (map, codec) in [("9 G722/8000", Codec::G722), ("111 opus/48000/2", Codec::Opus)] {
        let mut stage = Stage::new();
        stage.leg(A, only(alice(), map, false));
        stage.order(Order::Play {
            call: stage.call,
            leg: A,
            play: 3,
            sounds: vec![Sound::Tone(Tone::RingBack)],
            repeat: false,
        });
        stage.pass(6_000);
        let sent = stage.sent();
        let (sound, places) = decoded(&sent, A, map);
        assert_eq!(places.len(), 250, "{codec:?}: 1 s on, 4 s off");
        assert!((level(&sound[3_200..14_400], 450.0) / 0.1 - 1.0).abs() < 0.15, "{codec:?}");
        assert!(sound[32_000..].iter().all(|sample| sample.abs() < 100));
        assert!(stage.news().iter().any(|news| matches!(news, News::Played { play: 3, whole: true, .. })));
    }
}

#[test]
fn the_recording_keeps_what_each_said_as_it_said_it() {
    let mut stage = Stage::new();
    stage.leg(A, only(alice(), "8 PCMA/8000", true));
    stage.leg(B, only(bob(), "9 G722/8000", true));
    let recording = crate::base::RecordingId::from_bytes([1; 16]);
    for (leg, track) in [(A, 0), (B, 1)] {
        stage.order(Order::Tap {
            call: stage.call,
            recording,
            started: stage.now,
            leg,
            track,
            alone: track == 0,
        });
    }
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    let (mut alices, mut bobs) = (Talker::new("8 PCMA/8000", 600.0), Talker::new("9 G722/8000", 1_100.0));
    for _ in 0..10 {
        stage.says(A, alice(), &alices.packet());
        stage.says(B, bob(), &bobs.packet());
        stage.pass(20);
    }
    let frames: Vec<(u8, u8)> = stage
        .taps()
        .iter()
        .filter_map(|item| match item {
            TapItem::Batch(batch) => {
                Some(batch.frames().map(|f| (f.track, f.payload_type)).collect::<Vec<_>>())
            }
            TapItem::Ended { .. } => None,
        })
        .flatten()
        .collect();
    assert!(frames.len() >= 16 && frames.iter().all(|frame| matches!(frame, (0, 8) | (1, 9))), "{frames:?}");
}
