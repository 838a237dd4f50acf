//! Reports: ours where the switch is the far end, relayed ones where it is not; what they come to; and sound that goes one way.

use super::transcode::{Talker, only};
use super::*;
use crate::base::PromptId;
use crate::rtp::report::{self, Block, LONGEST, Said};
use crate::rtp::{Codec, Kind, demux, rtcp::CNAME};

const RTCP_OF_ALICE: &str = "198.51.100.1:4001";
const RTCP_OF_BOB: &str = "198.51.100.2:5001";

/// The RTCP among what was sent to a leg.
fn reports(sent: &[Sent], leg: LegId) -> Vec<Sent> {
    sent.iter().filter(|sent| sent.leg == leg && demux(&sent.octets) == Kind::Rtcp).cloned().collect()
}

/// What a phone reports of the stream `ours`.
fn told(ssrc: u32, ours: u32, lost: u32, last_sr: u32, delay: u32) -> Vec<u8> {
    let block = Block { ssrc: ours, lost, jitter: 80, last_sr, delay, ..Block::default() };
    let mut buffer = [0; LONGEST];
    let len = report::write(&mut buffer, ssrc, None, Some(&block), &[b'x'; CNAME]).unwrap();
    buffer[..len].to_vec()
}

/// A phone's own SR.
fn sender(ssrc: u32, seconds: u64) -> Vec<u8> {
    let sent = report::Sent { ntp: seconds << 32, timestamp: 9, packets: 1, octets: 160 };
    let mut buffer = [0; LONGEST];
    let len = report::write(&mut buffer, ssrc, Some(&sent), None, &[b'x'; CNAME]).unwrap();
    buffer[..len].to_vec()
}

#[test]
fn a_phone_alone_with_the_switch_is_reported_to() {
    let mut stage = Stage::new();
    stage.leg(A, aim(alice()));
    let sounds = vec![Sound::Silence(Duration::from_secs(60))];
    stage.order(Order::Play { call: stage.call, leg: A, play: 1, sounds, repeat: true });
    for n in 0..150 {
        if n != 50 {
            stage.says(A, alice(), &rtp(8, n, 0xa, &[1; 160]));
        }
        stage.pass(20);
    }
    let sent = stage.sent();
    let told_by_us = reports(&sent, A);
    let [first] = &told_by_us[..] else { panic!("{} reports within 3 s", told_by_us.len()) };
    assert_eq!((first.channel, first.to), (Channel::Rtcp, at(RTCP_OF_ALICE)));
    let before = sent.iter().filter(|one| one.channel == Channel::Rtp && one.at < first.at).count() as u32;
    let word = |at: usize| u32::from_be_bytes(first.octets[at..at + 4].try_into().unwrap());
    assert_eq!(first.octets[..4], [0x81, 200, 0, 12], "an SR with one block");
    let ours = sent.iter().find(|one| one.channel == Channel::Rtp).unwrap().packet();
    assert_eq!(word(4), ours.ssrc);
    assert!(word(20).abs_diff(before) <= 1 && word(24).abs_diff(before * 160) <= 160, "packets and octets");
    let at_report = ours.timestamp.wrapping_add(before * 160);
    assert!(
        word(16).wrapping_sub(at_report).wrapping_add(320) <= 640,
        "the stream's time is that of the report"
    );
    let Some(Said::Heard(block)) = report::read(&first.octets).nth(1) else { panic!("no block") };
    assert_eq!((block.ssrc, block.lost, block.last_sr), (0xa, 1, 0));
    assert_eq!(first.octets[52..56], [0x81, 202, 0, 6], "and a description");

    // The phone answers 100 ms later; it says that it held our report for 60 ms, and that a tenth was lost.
    stage.pass(100);
    let held = 65_536 * 60 / 1_000;
    let waited = stage.now.since(first.at);
    let packets = stage.facts(A).packets_out as u32;
    let middle = word(8) << 16 | word(12) >> 16;
    stage.comes(A, Channel::Rtcp, at(RTCP_OF_ALICE), &told(0xa, word(4), packets / 10, middle, held));
    let facts = stage.facts(A);
    let round_trip = u128::from(facts.round_trip_us.unwrap());
    assert!(round_trip.abs_diff((waited - Duration::from_millis(60)).as_micros()) < 100, "{round_trip}");
    assert_eq!((facts.far_lost, facts.far_jitter_us), (Some(packets / 10), Some(10_000)));
    let (mos_in, mos_out) = (facts.mos_in.unwrap(), facts.mos_out.unwrap());
    assert!((420..=435).contains(&mos_in) && (300..=340).contains(&mos_out), "{mos_in} {mos_out}");
    // Of an answer to a report that was never sent nothing is computed.
    stage.comes(A, Channel::Rtcp, at(RTCP_OF_ALICE), &told(0xa, word(4), 0, middle ^ 1, 0));
    assert_eq!(stage.facts(A).round_trip_us, Some(round_trip as u32));
    // And none of a stream that is not ours.
    stage.comes(A, Channel::Rtcp, at(RTCP_OF_ALICE), &told(0xa, word(4) ^ 1, 77, 0, 0));
    assert_eq!(stage.facts(A).far_lost, Some(0));
}

#[test]
fn a_converted_pair_is_reported_to_and_a_relayed_one_reports_itself() {
    for (b, ours) in [("9 G722/8000", true), ("8 PCMA/8000", false)] {
        let mut stage = Stage::new();
        stage.leg(A, only(alice(), "8 PCMA/8000", true));
        stage.leg(B, only(bob(), b, true));
        stage.order(Order::Join { call: stage.call, a: A, b: B });
        let (mut alices, mut bobs) = (Talker::new("8 PCMA/8000", 600.0), Talker::new(b, 900.0));
        let mut sent = Vec::new();
        for _ in 0..800 {
            sent.extend(stage.says(A, alice(), &alices.packet()));
            sent.extend(stage.says(B, bob(), &bobs.packet()));
            stage.pass(20);
            sent.extend(stage.sent());
        }
        for leg in [A, B] {
            let told = reports(&sent, leg);
            assert_eq!(told.len(), if ours { 3 } else { 0 }, "{b} {leg}: 2.5 s, then every 5 to 6 s");
            assert_eq!(stage.facts(leg).rtcp_out, told.len() as u64);
        }
    }
}

#[test]
fn the_round_trip_to_a_relayed_phone_is_that_of_its_peers_report() {
    let mut stage = Stage::joined();
    stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160]));
    let to_bob = stage.says(A, alice(), &rtp(8, 1, 0xa, &[1; 160])).unwrap().packet();
    stage.says(B, bob(), &rtp(8, 0, 0xb, &[1; 160]));
    stage.comes(A, Channel::Rtcp, at(RTCP_OF_ALICE), &sender(0xa, 1_000)).expect("relayed");
    stage.pass(30);
    stage.comes(B, Channel::Rtcp, at(RTCP_OF_BOB), &told(0xb, to_bob.ssrc, 2, 1_000 << 16, 655));
    let facts = stage.facts(B);
    assert_eq!(facts.far_lost, Some(2));
    let round_trip = facts.round_trip_us.unwrap();
    assert!((19_000..21_000).contains(&round_trip), "30 ms less the 10 that Bob held it: {round_trip}");
    assert_eq!(stage.facts(A).round_trip_us, None);
}

#[test]
fn reports_are_multiplexed_where_that_was_agreed() {
    let mut stage = Stage::new();
    stage.leg(A, Aim { rtcp: Some(alice()), ..aim(alice()) });
    stage.order(Order::Play {
        call: stage.call,
        leg: A,
        play: 1,
        sounds: vec![Sound::Prompt(PromptId(99)), Sound::Silence(Duration::from_secs(60))],
        repeat: false,
    });
    stage.pass(4_000);
    let told = reports(&stage.sent(), A);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].channel, told[0].to), (Channel::Rtp, alice()));
}

fn one_way(stage: &mut Stage) -> Vec<(LegId, bool)> {
    let told = stage.news().into_iter().filter_map(|news| match news {
        News::OneWay { leg, lasting, .. } => {
            assert!((3_000..=5_000).contains(&lasting.as_millis()), "{lasting:?}");
            Some((leg, true))
        }
        News::BothWays { leg, .. } => Some((leg, false)),
        _ => None,
    });
    told.collect()
}

#[test]
fn sound_that_goes_one_way_is_told_once_and_its_return_too() {
    let mut stage = Stage::joined();
    let mut n = 0;
    let mut talk = |stage: &mut Stage, alices: bool, bobs: bool, ms: u64| {
        for _ in 0..ms / 20 {
            n += 1;
            if alices {
                stage.says(A, alice(), &rtp(8, n, 0xa, &[1; 160]));
            }
            if bobs {
                stage.says(B, bob(), &rtp(8, n, 0xb, &[1; 160]));
            }
            stage.pass(20);
        }
    };
    talk(&mut stage, true, true, 10_000);
    assert_eq!(one_way(&mut stage), []);
    talk(&mut stage, false, true, 2_000);
    assert_eq!(one_way(&mut stage), [], "a breath");
    talk(&mut stage, false, true, 8_000);
    assert_eq!(one_way(&mut stage), [(A, true)], "once");
    talk(&mut stage, true, true, 3_000);
    assert_eq!(one_way(&mut stage), [(A, false)]);
    let lasted = stage.facts(A).one_way_ms;
    assert!((8_000..=12_000).contains(&lasted), "{lasted}");
    talk(&mut stage, false, false, 10_000);
    assert_eq!(one_way(&mut stage), [], "nobody speaks");
    talk(&mut stage, true, false, 6_000);
    assert_eq!(one_way(&mut stage), [(B, true)]);
    stage.aim(B, Aim { receive: false, ..aim(bob()) });
    talk(&mut stage, true, true, 1_000);
    stage.news();
    stage.aim(A, Aim { receive: false, ..aim(alice()) });
    talk(&mut stage, false, true, 10_000);
    assert_eq!(one_way(&mut stage), [], "a party that holds is not expected to speak");
}

#[test]
fn a_phone_that_fell_silent_with_comfort_noise_is_there() {
    let mut stage = Stage::new();
    let quiet = formats(&["8 PCMA/8000", "13 CN/8000"]);
    stage.leg(A, Aim { formats: quiet.clone(), ..aim(alice()) });
    stage.leg(B, Aim { formats: quiet, ..aim(bob()) });
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    for n in 0..500 {
        stage.says(B, bob(), &rtp(8, n, 0xb, &[1; 160]));
        match n {
            0..100 => drop(stage.says(A, alice(), &rtp(8, n, 0xa, &[1; 160]))),
            100 => drop(stage.says(A, alice(), &rtp(13, n, 0xa, &[60]))),
            _ => {}
        }
        stage.pass(20);
    }
    assert_eq!(one_way(&mut stage), []);
    assert_eq!(stage.facts(A).codec_in, Some(Codec::Pcma));
}
