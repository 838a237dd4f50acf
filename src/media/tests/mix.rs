//! Mixes: each party's sound is a tone of its own, and who hears what is read off the energies.

use super::transcode::{Talker, decoded, level, only};
use super::*;
use crate::base::PromptId;
use crate::rtp::linear::FRAME;

const PCMA: &str = "8 PCMA/8000";

/// A call whose legs all talk: leg n says `TONES[n]` in its own codec.
struct Room {
    stage: Stage,
    talkers: Vec<(LegId, SocketAddr, &'static str, Talker)>,
    sent: Vec<Sent>,
}

const TONES: [f64; 4] = [500.0, 900.0, 1_300.0, 2_300.0];
/// The level of one party's tone, as a part of full scale.
const SAID: f64 = 8_000.0 / 32_768.0;

impl Room {
    fn new(codecs: &[&'static str]) -> Room {
        let (mut stage, mut talkers) = (Stage::new(), Vec::new());
        for (n, map) in codecs.iter().enumerate() {
            let (leg, at) = (LegId(n as u16), SocketAddr::from(([198, 51, 100, 10 + n as u8], 4_000)));
            stage.leg(leg, only(at, map, true));
            talkers.push((leg, at, *map, Talker::new(map, TONES[n])));
        }
        Room { stage, talkers, sent: Vec::new() }
    }

    fn order(&mut self, order: impl FnOnce(CallId) -> Order) {
        let order = order(self.stage.call);
        self.stage.order(order);
    }

    fn mix(&mut self, leg: u16, role: Role) {
        self.order(|call| Order::Mix { call, leg: LegId(leg), role });
    }

    /// Everybody talks for so long.
    fn talk(&mut self, ms: u64) {
        self.sent.clear();
        self.goes_on(ms);
    }

    /// So much longer.
    fn goes_on(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            for (leg, at, _, talker) in &mut self.talkers {
                let forwarded = self.stage.says(*leg, *at, &talker.packet());
                self.sent.extend(forwarded);
            }
            self.stage.pass(20);
            self.sent.extend(self.stage.sent());
        }
    }

    /// Whom a leg heard in the last talk, by the tones in the second half of it: `1` for each of the four that is there at
    /// its own level, `0` for one that is not; `?` for anything between.
    fn hears(&self, leg: u16) -> String {
        let sound = self.sound(leg);
        let steady = &sound[sound.len() / 2..];
        let mark = |hertz: &f64| match level(steady, *hertz) / SAID {
            part if part < 0.02 => '0',
            part if (0.85..1.15).contains(&part) => '1',
            _ => '?',
        };
        TONES.iter().map(mark).collect()
    }

    fn sound(&self, leg: u16) -> Vec<i16> {
        decoded(&self.sent, LegId(leg), self.talkers[usize::from(leg)].2).0
    }
}

#[test]
fn each_of_three_hears_the_two_others() {
    let mut room = Room::new(&[PCMA, "0 PCMU/8000", "9 G722/8000"]);
    for leg in 0..3 {
        room.mix(leg, Role::Party);
    }
    room.talk(1_000);
    assert_eq!([0, 1, 2].map(|leg| room.hears(leg)), ["0110", "1010", "1100"]);
    // One packet every 20 ms each, in one stream.
    for leg in 0..3 {
        let packets: Vec<_> =
            room.sent.iter().filter(|sent| sent.leg == LegId(leg)).map(Sent::packet).collect();
        assert_eq!(packets.len(), 50);
        assert!(packets.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 160));
    }
    room.order(|call| Order::Mute { call, leg: LegId(1), muted: true });
    room.talk(1_000);
    assert_eq!([0, 1, 2].map(|leg| room.hears(leg)), ["0010", "1010", "1000"]);
    room.order(|call| Order::Mute { call, leg: LegId(1), muted: false });
    room.order(|call| Order::Unmix { call, leg: LegId(0) });
    room.talk(1_000);
    assert_eq!([1, 2].map(|leg| room.hears(leg)), ["0010", "0100"]);
    assert!(room.sent.iter().filter(|sent| sent.leg == LegId(0)).count() < 3);
}

#[test]
fn a_supervisor_listens_whispers_barges_in_and_takes_over() {
    // 0 the customer, 1 the agent, 2 the supervisor.
    let mut room = Room::new(&[PCMA, PCMA, PCMA]);
    room.order(|call| Order::Join { call, a: A, b: B });
    room.talk(200);
    for (roles, heard) in [
        ([Role::Party, Role::Party, Role::Listener], ["0100", "1000", "1100"]),
        ([Role::Party, Role::Party, Role::Whisper(B)], ["0100", "1010", "1100"]),
        ([Role::Party, Role::Party, Role::Party], ["0110", "1010", "1100"]),
    ] {
        for (leg, role) in roles.into_iter().enumerate() {
            room.mix(leg as u16, role);
        }
        room.talk(1_000);
        assert_eq!([0, 1, 2].map(|leg| room.hears(leg)), heard, "{roles:?}");
    }
    room.order(|call| Order::Unmix { call, leg: B });
    room.talk(1_000);
    assert_eq!([0, 2].map(|leg| room.hears(leg)), ["0010", "1000"]);
    // Back to a plain relay: nobody is decoded for nothing.
    room.order(|call| Order::Join { call, a: A, b: B });
    room.talk(200);
    assert_eq!(room.hears(0), "0100");
    for leg in [A, B] {
        let key = room.stage.keys[&leg];
        assert!(room.stage.worker.table.get(key).unwrap().listening.is_none());
    }
}

#[test]
fn nothing_clicks_when_parties_come_go_and_are_muted() {
    let mut room = Room::new(&[PCMA, PCMA, PCMA]);
    room.mix(0, Role::Party);
    room.mix(1, Role::Party);
    room.talk(300);
    let steepest = |sound: &[i16]| sound.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
    let alone = steepest(&room.sound(0)[3_200..]);
    let step = |order: &dyn Fn(CallId) -> Order| order(room.stage.call);
    let orders = [
        step(&|call| Order::Mute { call, leg: B, muted: true }),
        step(&|call| Order::Mute { call, leg: B, muted: false }),
        step(&|call| Order::Unmix { call, leg: B }),
        step(&|call| Order::Mix { call, leg: B, role: Role::Party }),
    ];
    for order in orders {
        let name = format!("{order:?}");
        room.talk(100);
        room.stage.order(order);
        room.goes_on(200);
        // The beginning, where the listener's decoder begins, is not the room's.
        let steepest = steepest(&room.sound(0)[FRAME..]);
        assert!(steepest <= alone + 600, "{name}: {steepest}, {alone} before");
    }
}

#[test]
fn an_announcement_stands_above_the_talk_and_a_locked_mix_is_closed() {
    let mut room = Room::new(&[PCMA, PCMA, PCMA]);
    let mut library = PromptLibrary::new();
    let prompt: Vec<i16> = (0..16_000)
        .map(|n| (8_000.0 * (f64::from(n) / 8_000.0 * 1_700.0 * std::f64::consts::TAU).sin()) as i16)
        .collect();
    library.insert(PromptId(1), Prompt::from_samples(&prompt));
    room.stage.order(Order::Prompts(std::sync::Arc::new(library)));
    let announce = |call| Order::Announce { call, play: 7, sounds: vec![Sound::Prompt(PromptId(1))] };
    room.order(announce);
    assert!(
        matches!(room.stage.news().last(), Some(News::Announced { play: 7, whole: false, .. })),
        "no mix"
    );
    room.mix(0, Role::Party);
    room.mix(1, Role::Party);
    room.order(|call| Order::Lock { call, locked: true });
    room.mix(2, Role::Party);
    assert!(room.stage.news().iter().any(|news| matches!(news, News::Refused { leg: LegId(2), .. })));
    room.talk(400);
    room.order(announce);
    room.talk(1_000);
    let sound = room.sound(0);
    let steady = &sound[8_000..];
    assert!((level(steady, 1_700.0) / SAID - 1.0).abs() < 0.1);
    assert!((level(steady, TONES[1]) / SAID - 0.25).abs() < 0.05, "12 dB below");
    room.talk(2_000);
    assert_eq!(room.hears(0), "0100");
    assert!(
        room.stage.news().iter().any(|news| matches!(news, News::Announced { play: 7, whole: true, .. }))
    );
}

#[test]
fn a_muted_side_of_a_bridge_is_silence_and_is_recorded_all_the_same() {
    let mut room = Room::new(&[PCMA, "0 PCMU/8000"]);
    room.order(|call| Order::Join { call, a: A, b: B });
    let recording = crate::base::RecordingId::from_bytes([1; 16]);
    let started = room.stage.now;
    room.order(|call| Order::Tap { call, recording, started, leg: A, track: 0, alone: true });
    room.talk(400);
    assert_eq!([0, 1].map(|leg| room.hears(leg)), ["0100", "1000"]);
    room.stage.taps();
    room.order(|call| Order::Mute { call, leg: A, muted: true });
    room.talk(1_000);
    assert_eq!([0, 1].map(|leg| room.hears(leg)), ["0100", "0000"]);
    let kept = room.stage.taps().into_iter().map(|item| match item {
        TapItem::Batch(batch) => batch.frames().filter(|frame| frame.track == 0).count(),
        TapItem::Ended { .. } => 0,
    });
    assert!(kept.sum::<usize>() > 40);
    // A key of a muted side is told to the core and to nobody else.
    let event = crate::rtp::telephone_event::Event { code: 4, end: true, volume: 10, duration: 800 };
    let header =
        Packet { marker: true, pt: 101, seq: 70, timestamp: 11_200, ssrc: 0xa, payload: 0..0 }.header();
    let at = room.talkers[0].1;
    assert_eq!(room.stage.says(A, at, &[&header[..], &event.write()].concat()), None);
    room.stage.pass(300);
    assert!(room.stage.sent().iter().all(|sent| sent.packet().pt != 101));
    assert!(room.stage.news().iter().any(|news| matches!(news, News::Key { key: '4', .. })));
    // A tone in its place, and only until it is heard again.
    room.sound(1);
    room.order(|call| Order::Bleep { call, leg: A, on: true });
    room.talk(400);
    let tone = room.sound(1);
    let crossings = tone.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    assert!((340..=420).contains(&crossings), "{crossings} periods of 1 000 Hz in 0.4 s");
    assert!(tone.iter().any(|sample| *sample > 3_000));
    room.order(|call| Order::Bleep { call, leg: A, on: false });
    room.talk(400);
    room.order(|call| Order::Mute { call, leg: A, muted: false });
    room.talk(400);
    assert_eq!(room.hears(1), "1000");
}

#[test]
fn a_delayed_side_is_heard_later_and_the_other_at_once() {
    let mut room = Room::new(&[PCMA, PCMA]);
    room.order(|call| Order::Join { call, a: A, b: B });
    room.order(|call| Order::Delay { call, leg: A, delay: Duration::from_millis(800) });
    room.talk(1_600);
    let sound = room.sound(1);
    let first = sound.iter().position(|sample| sample.unsigned_abs() > 4_000).unwrap() / 16;
    // Bob is sent nothing before Alice's first packet was heard, 40 ms after it came; what he is sent begins with silence.
    assert!((760..=860).contains(&first), "{first} ms");
    assert_eq!([0, 1].map(|leg| room.hears(leg)), ["0100", "1000"]);
    room.order(|call| Order::Delay { call, leg: A, delay: Duration::ZERO });
    room.talk(1_000);
    assert_eq!(room.hears(1), "1000");
    // What cannot be decoded cannot be delayed, and that is said.
    room.stage.news();
    room.stage.aim(A, only(alice(), "18 G729/8000", true));
    room.order(|call| Order::Delay { call, leg: A, delay: Duration::from_secs(1) });
    assert!(room.stage.news().iter().any(|news| matches!(news, News::Refused { leg: A, .. })));
}
