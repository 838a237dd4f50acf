//! Legs under SRTP: nothing in clear passes, whatever is played, relayed or transcoded, and keys may change in a call.

use super::*;
use crate::media::Secure;
use crate::rtp::srtp::{Master, OVERHEAD, Receiver, Sender, Suite};

/// A phone that protects what it says.
struct Phone {
    sender: Sender,
    receiver: Receiver,
}

fn master(suite: Suite, seed: u8) -> Master {
    Master::new(suite, &vec![seed; suite.master_bytes()]).unwrap()
}

/// The keys of a leg (the switch's first), and a phone that has them.
fn keys(suite: Suite, seed: u8) -> (Secure, Phone) {
    let secure = Secure { send: master(suite, seed), receive: master(suite, seed + 1) };
    let phone = Phone { sender: Sender::new(&secure.receive), receiver: Receiver::new(&secure.send) };
    (secure, phone)
}

impl Phone {
    fn says(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buffer = [packet, &[0; OVERHEAD]].concat();
        let len = match crate::rtp::demux(packet) {
            crate::rtp::Kind::Rtcp => self.sender.protect_rtcp(&mut buffer, packet.len()),
            _ => self.sender.protect(&mut buffer, packet.len()),
        };
        buffer.truncate(len.unwrap());
        buffer
    }

    fn hears(&mut self, sent: &[u8]) -> Option<Vec<u8>> {
        let mut datagram = sent.to_vec();
        let len = match crate::rtp::demux(sent) {
            crate::rtp::Kind::Rtcp => self.receiver.open_rtcp(&mut datagram),
            _ => self.receiver.open(&mut datagram),
        };
        datagram.truncate(len.ok()?);
        Some(datagram)
    }
}

/// Alice protected, Bob in clear, joined.
fn mixed(suite: Suite) -> (Stage, Phone) {
    let (secure, phone) = keys(suite, 1);
    let mut stage = Stage::new();
    stage.leg(A, Aim { secure: Some(secure), ..aim(alice()) });
    stage.leg(B, aim(bob()));
    stage.order(Order::Join { call: stage.call, a: A, b: B });
    (stage, phone)
}

#[test]
fn protected_and_clear_parties_hear_each_other_and_nothing_else_passes() {
    for suite in Suite::ALL {
        let (mut stage, mut phone) = mixed(suite);
        for n in 0..5 {
            let said = phone.says(&rtp(8, n, 0xa, &[n as u8; 160]));
            let heard = stage.says(A, alice(), &said).expect("Bob hears Alice");
            assert_eq!((heard.to, heard.payload()), (bob(), &[n as u8; 160][..]), "{suite:?}");
            assert_eq!(stage.says(A, alice(), &said), None, "a replayed packet");
            let clear = rtp(8, n + 5, 0xa, &[66; 160]);
            assert_eq!(stage.says(A, alice(), &clear), None, "a packet in clear");
            let mut forged = phone.says(&rtp(8, n + 100, 0xa, &[1; 160]));
            forged[20] ^= 1;
            assert_eq!(stage.says(A, alice(), &forged), None, "a forged packet");
            let sent = stage.says(B, bob(), &rtp(8, n, 0xb, &[n as u8; 160])).expect("Alice hears Bob");
            assert_ne!(&sent.payload()[..160], &[n as u8; 160], "{suite:?} sends in clear");
            assert_eq!(phone.hears(&sent.octets).expect("authentic")[12..], [n as u8; 160]);
        }
        let facts = stage.facts(A);
        assert_eq!((facts.packets_in, facts.unprotected, facts.rejected), (5, 15, 0));
        let report = |ssrc| [0x80, 201, 0, 1, 0, 0, 0, ssrc];
        let rtcp = SocketAddr::new(bob().ip(), bob().port() + 1);
        let sent = stage.comes(B, Channel::Rtcp, rtcp, &report(0xb)).expect("a report for Alice");
        let plain = phone.hears(&sent.octets).expect("authentic");
        assert!(plain.len() >= 8 && plain[1] == 201, "{suite:?} {plain:?}");
        let rtcp = SocketAddr::new(alice().ip(), alice().port() + 1);
        assert_eq!(stage.comes(A, Channel::Rtcp, rtcp, &report(0xa)), None, "a report in clear");
        let said = phone.says(&report(0xa));
        assert_eq!(stage.comes(A, Channel::Rtcp, rtcp, &said).expect("a report for Bob").octets[1], 201);
    }
}

#[test]
fn what_the_switch_says_is_protected_and_recorded_in_clear() {
    let (secure, mut phone) = keys(Suite::AesCm128Sha80, 1);
    let mut stage = Stage::new();
    stage.leg(A, Aim { secure: Some(secure), ..aim(alice()) });
    let recording = crate::base::RecordingId::from_bytes([1; 16]);
    stage.order(Order::Tap {
        call: stage.call,
        recording,
        started: stage.now,
        leg: A,
        track: 0,
        alone: true,
    });
    let sounds = vec![Sound::Tone(Tone::Busy)];
    stage.order(Order::Play { call: stage.call, leg: A, play: 1, sounds, repeat: false });
    stage.pass(700);
    let mut plain = Vec::new();
    for sent in stage.sent() {
        plain.push(phone.hears(&sent.octets).expect("authentic")[12..].to_vec());
    }
    assert_eq!(plain.len(), 35);
    stage.order(Order::End { call: stage.call });
    let kept: Vec<Vec<u8>> = stage
        .taps()
        .iter()
        .filter_map(|item| match item {
            TapItem::Batch(batch) => {
                Some(batch.frames().map(|frame| frame.payload.to_vec()).collect::<Vec<_>>())
            }
            TapItem::Ended { .. } => None,
        })
        .flatten()
        .collect();
    assert_eq!(kept, plain);
}

#[test]
fn a_roll_over_survives_a_new_description_and_new_keys_end_the_old_ones() {
    let suite = Suite::AesCm128Sha80;
    let (mut stage, mut phone) = mixed(suite);
    let (secure, _) = keys(suite, 1);
    for n in 65_530..65_545 {
        let said = phone.says(&rtp(8, n, 0xa, &[7; 160]));
        assert!(stage.says(A, alice(), &said).is_some(), "{n}");
        let sent = stage.says(B, bob(), &rtp(8, n, 0xb, &[7; 160])).expect("sent");
        assert!(phone.hears(&sent.octets).is_some(), "{n}");
        if n % 4 == 0 {
            // A hold, a resume: the same keys are said again.
            stage.aim(A, Aim { secure: Some(secure.clone()), ..aim(alice()) });
        }
    }
    let (other, mut anew) = keys(suite, 40);
    stage.aim(A, Aim { secure: Some(other), ..aim(alice()) });
    assert_eq!(stage.says(A, alice(), &phone.says(&rtp(8, 65_546, 0xa, &[7; 160]))), None);
    assert!(stage.says(A, alice(), &anew.says(&rtp(8, 10, 0xc, &[7; 160]))).is_some());
    let sent = stage.says(B, bob(), &rtp(8, 65_546, 0xb, &[7; 160])).expect("sent");
    assert!(phone.hears(&sent.octets).is_none());
    // In clear again, as another description may say.
    stage.aim(A, aim(alice()));
    assert!(stage.says(A, alice(), &rtp(8, 11, 0xc, &[7; 160])).is_some());
}
