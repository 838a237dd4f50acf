//! Legs and calls come and go; nothing is left, nothing is told twice, no order does harm.

use super::*;
use crate::base::{PromptId, RecordingId, bounds};

#[test]
fn a_call_is_opened_heard_counted_and_gone() {
    let mut stage = Stage::joined();
    let local = stage.wire.open[&stage.keys[&A]];
    let call = stage.call;
    assert_eq!(stage.news()[0], News::Opened { call, leg: A, local });
    for n in 0..100 {
        stage.pass(20);
        if n % 10 != 3 {
            stage.says(A, alice(), &rtp(8, n, 0xa, &[1; 160]));
        }
        stage.says(B, bob(), &rtp(8, n, 0xb, &[1; 80]));
    }
    let heard: Vec<_> = stage.news().into_iter().filter(|news| matches!(news, News::Heard { .. })).collect();
    let expected = [(A, alice()), (B, bob())].map(|(leg, from)| News::Heard { call, leg, from });
    assert_eq!(heard, expected);
    stage.order(Order::End { call });
    let news = stage.news();
    let [News::Facts { facts: a, .. }, News::Facts { facts: b, .. }, News::Ended { .. }] = &news[..] else {
        panic!("{news:?}")
    };
    assert_eq!(
        (a.packets_in, a.octets_in, a.lost, a.packets_out, a.octets_out),
        (90, 14_400, 10, 100, 8_000)
    );
    assert_eq!((b.packets_in, b.packets_out, b.lost, b.rejected), (100, 90, 0, 0));
    assert_eq!((a.codec_in, a.codec_out), (Some(crate::rtp::Codec::Pcma), Some(crate::rtp::Codec::Pcma)));
    assert!(stage.wire.open.is_empty());
    assert_eq!((stage.worker.deadline(), stage.worker.legs()), (None, 0));
}

#[test]
fn the_source_of_an_announced_leg_is_narrowed_before_it_speaks() {
    let stage = Stage::joined();
    assert_eq!(stage.wire.narrowed[&(stage.keys[&A], Channel::Rtp)], Some(alice()));
    assert_eq!(stage.wire.narrowed[&(stage.keys[&A], Channel::Rtcp)], Some(at("198.51.100.1:4001")));
}

#[test]
fn silence_is_told_every_ten_seconds_while_it_lasts() {
    let mut stage = Stage::joined();
    let quiet = |stage: &mut Stage| -> Vec<(LegId, u64)> {
        let told = stage.news().into_iter().filter_map(|news| match news {
            News::Quiet { leg, lasting, .. } => Some((leg, lasting.as_secs())),
            _ => None,
        });
        told.collect()
    };
    stage.aim(B, Aim { receive: false, ..aim(bob()) });
    stage.pass(21_500);
    assert_eq!(quiet(&mut stage), [(A, 10), (A, 20)]);
    stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160]));
    stage.pass(9_000);
    stage.comes(A, Channel::Rtcp, at("198.51.100.1:4001"), &[0x80, 201, 0, 1, 0, 0, 0, 0xa]);
    stage.pass(9_500);
    assert_eq!(quiet(&mut stage), [], "a report is a sign of life");
    stage.aim(B, aim(bob()));
    stage.pass(2_000);
    assert_eq!(quiet(&mut stage), [(A, 10)], "a leg that is listened to again has its time");
}

#[test]
fn ports_and_legs_run_out_politely() {
    let mut stage = Stage::joined();
    stage.news();
    stage.wire.full = true;
    let (call, local) = (stage.call, "192.0.2.1".parse().unwrap());
    stage.order(Order::Open { call, leg: LegId(5), local });
    assert_eq!(stage.news(), [News::NoPort { call, leg: LegId(5) }]);
    stage.wire.full = false;
    for n in 2..300 {
        stage.order(Order::Open { call, leg: LegId(n), local });
    }
    assert_eq!(stage.worker.legs(), bounds::LEGS_PER_CALL);
    stage.order(Order::Open { call, leg: A, local });
    assert!(matches!(stage.news().last(), Some(News::Opened { leg: A, .. })), "opened before");
    stage.order(Order::End { call });
    assert!(stage.wire.open.is_empty());
}

#[test]
fn packets_to_a_closed_leg_find_nobody() {
    let mut stage = Stage::joined();
    let old = stage.keys[&A];
    stage.order(Order::Close { call: stage.call, leg: A });
    assert_eq!(stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160])), None);
    stage.leg(LegId(2), aim(alice()));
    assert_eq!(stage.keys[&LegId(2)].index(), old.index(), "the slot is used again");
    stage.order(Order::Join { call: stage.call, a: LegId(2), b: B });
    assert_eq!(stage.says(A, alice(), &rtp(8, 1, 0xa, &[1; 160])), None, "an event of the old leg");
    assert!(stage.says(LegId(2), alice(), &rtp(8, 2, 0xa, &[1; 160])).is_some());
}

#[test]
fn any_orders_and_datagrams_in_any_order_end_clean() {
    for seed in 0..300 {
        let mut random = Random::from_number(seed);
        let mut stage = Stage::new();
        let (calls, local) = ([1, 2].map(|n| CallId::from_bytes([n; 16])), "192.0.2.1".parse().unwrap());
        for _ in 0..300 {
            let call = calls[random.below(2) as usize];
            let (leg, other) = (LegId(random.below(4) as u16), LegId(random.below(4) as u16));
            let recording = RecordingId::from_bytes([random.below(2) as u8; 16]);
            let trust =
                [Trust::Announced, Trust::First, Trust::Signalled(alice().ip())][random.below(3) as usize];
            let order = match random.below(24) {
                0..6 => Order::Open { call, leg, local },
                6..10 => {
                    let (send, receive) = (random.below(4) > 0, random.below(4) > 0);
                    let list = [&["8 PCMA/8000"][..], &["0 PCMU/8000", "8 PCMA/8000"], &["96 opus/48000/2"]];
                    let formats = formats(list[random.below(3) as usize]);
                    Order::Aim {
                        call,
                        leg,
                        aim: Box::new(Aim { send, receive, trust, formats, ..aim(alice()) }),
                    }
                }
                10..12 => {
                    let sounds = vec![Sound::Tone(Tone::Busy), Sound::Prompt(PromptId(1))];
                    Order::Play { call, leg, play: 1, sounds, repeat: random.below(2) == 0 }
                }
                12 => Order::Stop { call, leg },
                13..16 => Order::Join { call, a: leg, b: other },
                16 => Order::Part { call, leg },
                17 => Order::Keys { call, leg, keys: "1,*".into() },
                18..20 => Order::Tap {
                    call,
                    recording,
                    started: stage.now,
                    leg,
                    track: random.below(2) as u8,
                    alone: random.below(2) == 0,
                },
                20 => Order::Untap { call, recording },
                21 => Order::Report { call },
                22 => Order::Close { call, leg },
                _ if random.below(4) == 0 => Order::End { call },
                _ => continue,
            };
            stage.order(order);
            for _ in 0..random.below(8) {
                let mut datagram = rtp(8, random.next_u32(), random.below(3) as u32, &[1; 20]);
                let noise = random.below(datagram.len() as u64) as usize;
                datagram[noise] = random.next_u32() as u8;
                datagram.truncate(random.below(40) as usize);
                let Some(key) =
                    stage.wire.legs.get(random.below(stage.wire.legs.len().max(1) as u64) as usize)
                else {
                    continue;
                };
                let channel = if random.below(3) == 0 { Channel::Rtcp } else { Channel::Rtp };
                let len = datagram.len();
                datagram.resize(len + BUFFER_SPARE, 0);
                if let Some(forward) =
                    stage.worker.packet(stage.now, *key, channel, alice(), &mut datagram, len)
                {
                    stage.wire.send(forward.key, forward.channel, forward.to, &datagram[forward.place]);
                }
            }
            stage.pass(random.below(50));
        }
        for call in calls {
            stage.order(Order::End { call });
        }
        assert!(stage.wire.open.is_empty(), "seed {seed}");
        assert_eq!((stage.worker.legs(), stage.worker.calls.len()), (0, 0), "seed {seed}");
        stage.pass(100);
        assert_eq!(stage.worker.deadline(), None, "seed {seed}");
    }
}
