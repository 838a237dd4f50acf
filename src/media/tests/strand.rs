//! Video and fax: what came goes on as it came, from whom was announced to whom was announced, and nothing else.

use super::*;
use crate::base::{RecordingId, bounds};
use crate::media::Secure;
use crate::rtp::srtp::{Master, OVERHEAD, Receiver, Sender, Suite};

const TYPES: u128 = 1 << 97 | 1 << 98;

fn camera_a() -> SocketAddr {
    at("198.51.100.1:6000")
}

fn camera_b() -> SocketAddr {
    at("198.51.100.2:7000")
}

fn above(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port() + 1)
}

fn strand_aim(to: SocketAddr) -> StrandAim {
    StrandAim {
        to,
        rtcp: None,
        types: TYPES,
        send: true,
        receive: true,
        trust: Trust::Announced,
        secure: None,
        bits_per_s: 0,
    }
}

/// The stage of a call with a strand on both legs. The keys of its strands stand under legs of their own: 10 for A's, 11 for B's.
fn seen(strand: Strand, a: StrandAim, b: StrandAim) -> Stage {
    let mut stage = Stage::joined();
    for (leg, own, aim) in [(A, LegId(10), a), (B, LegId(11), b)] {
        act(&mut stage, leg, strand, StrandAct::Open("192.0.2.1".parse().unwrap()));
        stage.keys.insert(own, *stage.wire.legs.last().unwrap());
        act(&mut stage, leg, strand, StrandAct::Aim(Box::new(aim)));
    }
    act(&mut stage, A, strand, StrandAct::Link(B));
    stage.news();
    stage
}

const OF_A: LegId = LegId(10);
const OF_B: LegId = LegId(11);

fn act(stage: &mut Stage, leg: LegId, strand: Strand, act: StrandAct) {
    let call = stage.call;
    stage.order(Order::Strand { call, leg, strand, act });
}

/// Closes a leg's strand; what was counted on it.
fn counted(stage: &mut Stage, leg: LegId, strand: Strand) -> StrandFacts {
    stage.news();
    act(stage, leg, strand, StrandAct::Close);
    let facts = stage.news().into_iter().find_map(|news| match news {
        News::Strand { news: StrandNews::Facts(facts), .. } => Some(*facts),
        _ => None,
    });
    facts.expect("facts")
}

/// A picture with a contributing source and a header extension: what a relay of sound would cut off.
fn picture(pt: u8, n: u16) -> Vec<u8> {
    let mut packet = vec![0x91, pt];
    packet.extend_from_slice(&n.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 0xaa, 0, 0, 0, 7]);
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 1, 0, 0]);
    packet.extend_from_slice(b"a slice of it");
    packet
}

/// Picture loss indication (RFC 4585 §6.3.1).
fn loss() -> Vec<u8> {
    vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0xaa]
}

#[test]
fn video_and_its_feedback_pass_untouched_both_ways() {
    let mut stage = seen(Strand::Video, strand_aim(camera_a()), strand_aim(camera_b()));
    for n in 0..3 {
        let sent = stage.says(OF_A, camera_a(), &picture(97, n)).expect("passed on");
        assert_eq!((sent.leg, sent.channel, sent.to), (OF_B, Channel::Rtp, camera_b()));
        assert_eq!(sent.octets, picture(97, n));
        let sent = stage.says(OF_B, camera_b(), &picture(98, n)).expect("passed back");
        assert_eq!((sent.to, sent.octets), (camera_a(), picture(98, n)));
    }
    let sent = stage.comes(OF_B, Channel::Rtcp, above(camera_b()), &loss()).expect("feedback");
    assert_eq!((sent.leg, sent.channel, sent.to), (OF_A, Channel::Rtcp, above(camera_a())));
    assert_eq!(sent.octets, loss());
    // Multiplexed by a phone that was not told to: taken, and sent where it was announced.
    let sent = stage.comes(OF_B, Channel::Rtp, camera_b(), &loss()).expect("feedback");
    assert_eq!((sent.channel, sent.to), (Channel::Rtcp, above(camera_a())));
    // The sound beside it is none of this.
    assert!(stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160])).is_some());
    let facts = counted(&mut stage, A, Strand::Video);
    assert_eq!((facts.packets_in, facts.packets_out, facts.rtcp_in), (3, 3, 0));
    assert_eq!((facts.rejected, facts.malformed, facts.excess), (0, 0, 0));
    assert_eq!(stage.says(OF_B, camera_b(), &picture(98, 9)), None, "the other side is closed");
}

#[test]
fn only_the_far_end_is_heard_and_only_what_was_announced() {
    let mut stage = seen(Strand::Video, strand_aim(camera_a()), strand_aim(camera_b()));
    let strangers = [at("203.0.113.66:6000"), at("198.51.100.1:6002"), alice()];
    for from in strangers {
        assert_eq!(stage.says(OF_A, from, &picture(97, 0)), None, "{from} before the lock");
        assert_eq!(stage.comes(OF_A, Channel::Rtcp, from, &loss()), None, "{from}");
    }
    assert!(stage.says(OF_A, camera_a(), &picture(97, 0)).is_some());
    for from in strangers {
        assert_eq!(stage.says(OF_A, from, &picture(97, 1)), None, "{from} after the lock");
    }
    for strange in [picture(96, 1), vec![0x80], vec![], b"STUN or so, who knows".to_vec()] {
        assert_eq!(stage.says(OF_A, camera_a(), &strange), None);
    }
    assert_eq!(stage.comes(OF_A, Channel::Rtcp, above(camera_a()), &picture(97, 2)), None);
    let facts = counted(&mut stage, A, Strand::Video);
    assert_eq!((facts.packets_in, facts.rejected, facts.malformed), (1, 9, 5));
}

#[test]
fn behind_a_nat_the_first_of_the_right_address_is_locked_to_and_answered() {
    let nat: SocketAddr = at("203.0.113.7:61000");
    let aim = StrandAim { trust: Trust::Signalled(nat.ip()), ..strand_aim(at("192.168.1.5:6000")) };
    let mut stage = seen(Strand::Video, aim, strand_aim(camera_b()));
    // RTCP alone locks nothing.
    assert_eq!(stage.comes(OF_A, Channel::Rtp, nat, &loss()), None);
    assert!(stage.says(OF_A, nat, &picture(97, 0)).is_some());
    let told = stage.news();
    assert!(
        matches!(&told[..], [News::Strand { news: StrandNews::Heard(from), .. }] if *from == nat),
        "{told:?}"
    );
    assert_eq!(stage.says(OF_A, at("203.0.113.7:61002"), &picture(97, 1)), None);
    assert_eq!(stage.says(OF_B, camera_b(), &picture(97, 0)).expect("back").to, nat);
    // Reports go behind the NAT once one has come out of it.
    assert_eq!(stage.comes(OF_B, Channel::Rtcp, above(camera_b()), &loss()), None);
    assert!(stage.comes(OF_A, Channel::Rtcp, above(nat), &loss()).is_some());
    assert_eq!(stage.comes(OF_B, Channel::Rtcp, above(camera_b()), &loss()).expect("back").to, above(nat));
}

#[test]
fn fax_passes_whatever_it_looks_like() {
    let mut stage = seen(Strand::Fax, strand_aim(camera_a()), strand_aim(camera_b()));
    // UDPTL that looks like RTP, like RTCP, and like nothing.
    for datagram in
        [&[0, 1, 6][..], &[0x80, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[0x81, 200, 0, 0, 0, 0, 0, 0]]
    {
        let sent = stage.says(OF_A, camera_a(), datagram).expect("passed on");
        assert_eq!((sent.to, &sent.octets[..]), (camera_b(), datagram));
    }
    for (channel, datagram) in [(Channel::Rtp, &[0, 1][..]), (Channel::Rtp, &[]), (Channel::Rtcp, &[0, 1, 6])]
    {
        let from = if channel == Channel::Rtp { camera_a() } else { above(camera_a()) };
        assert_eq!(stage.comes(OF_A, channel, from, datagram), None);
    }
    // Nobody faxes any more: asked after as a silent phone is.
    stage.news();
    stage.pass(u64::try_from(bounds::QUIET.as_millis()).unwrap() + 1_100);
    let quiet = |news: &News| matches!(news, News::Quiet { leg, .. } if *leg == A);
    let news = stage.news();
    assert!(news.iter().filter(|news| quiet(news)).count() >= 1, "{news:?}");
    let facts = counted(&mut stage, A, Strand::Fax);
    assert_eq!((facts.packets_in, facts.malformed), (3, 3));
}

#[test]
fn what_is_recorded_is_what_passed() {
    let recording = RecordingId::from_bytes([7; 16]);
    let mut stage = seen(Strand::Video, strand_aim(camera_a()), strand_aim(camera_b()));
    let started = stage.now;
    for (leg, side) in [(A, 0), (B, 1)] {
        act(
            &mut stage,
            leg,
            Strand::Video,
            StrandAct::Tap { recording, started, track: Strand::Video.track(side) },
        );
    }
    stage.says(OF_A, camera_a(), &picture(97, 5));
    stage.says(OF_A, at("203.0.113.66:6000"), &picture(97, 6));
    stage.says(OF_B, camera_b(), &picture(98, 7));
    act(&mut stage, A, Strand::Video, StrandAct::Unlink);
    assert_eq!(stage.says(OF_A, camera_a(), &picture(97, 8)), None, "nobody sees it");
    stage.order(Order::Untap { call: stage.call, recording });
    act(&mut stage, A, Strand::Video, StrandAct::Link(B));
    stage.says(OF_A, camera_a(), &picture(97, 9));
    let mut kept = Vec::new();
    for item in stage.taps() {
        if let TapItem::Batch(batch) = item {
            kept.extend(batch.frames().map(|f| (f.track, f.payload_type, f.sequence, f.payload.to_vec())));
        }
    }
    let slice = b"a slice of it".to_vec();
    assert_eq!(kept, [(2, 97, 5, slice.clone()), (3, 98, 7, slice)]);
}

#[test]
fn a_party_that_leaves_takes_its_picture_along() {
    for (order, together) in [
        (Order::Part { call: CallId::from_bytes([9; 16]), leg: A }, false),
        (Order::Join { call: CallId::from_bytes([9; 16]), a: A, b: LegId(2) }, false),
        (Order::Join { call: CallId::from_bytes([9; 16]), a: A, b: B }, true),
        (Order::Mix { call: CallId::from_bytes([9; 16]), leg: A, role: Role::Party }, true),
        (Order::Close { call: CallId::from_bytes([9; 16]), leg: B }, false),
        (Order::End { call: CallId::from_bytes([9; 16]) }, false),
    ] {
        let mut stage = seen(Strand::Video, strand_aim(camera_a()), strand_aim(camera_b()));
        stage.leg(LegId(2), aim(at("198.51.100.3:5000")));
        let words = format!("{order:?}");
        stage.order(order);
        assert_eq!(stage.says(OF_A, camera_a(), &picture(97, 0)).is_some(), together, "{words}");
        stage.order(Order::End { call: stage.call });
        assert!(stage.wire.open.is_empty(), "ports stay open after {words}");
    }
}

#[test]
fn who_sends_more_than_it_may_is_cut_and_counted() {
    let aim = StrandAim { bits_per_s: 8 * 1_000, ..strand_aim(camera_a()) };
    let mut stage = seen(Strand::Video, aim, strand_aim(camera_b()));
    let len = picture(97, 0).len();
    let passed = (0..100).filter(|n| stage.says(OF_A, camera_a(), &picture(97, *n)).is_some()).count();
    assert_eq!(passed, 1_000 / len, "a second's worth at once");
    stage.pass(500);
    let passed = (0..100).filter(|n| stage.says(OF_A, camera_a(), &picture(97, *n)).is_some()).count();
    assert!((450 / len..=550 / len).contains(&passed), "{passed}");
    assert!(counted(&mut stage, A, Strand::Video).excess > 150);
}

#[test]
fn a_held_picture_is_not_sent_and_reports_go_on() {
    let mut stage = seen(Strand::Video, strand_aim(camera_a()), strand_aim(camera_b()));
    let held = StrandAim { send: false, ..strand_aim(camera_b()) };
    act(&mut stage, B, Strand::Video, StrandAct::Aim(Box::new(held)));
    assert_eq!(stage.says(OF_A, camera_a(), &picture(97, 0)), None);
    assert!(stage.says(OF_B, camera_b(), &picture(97, 0)).is_some());
    assert!(stage.comes(OF_A, Channel::Rtcp, above(camera_a()), &loss()).is_some());
}

#[test]
fn video_under_srtp_meets_video_in_clear_and_nothing_unprotected_passes() {
    let master = |seed: u8| {
        Master::new(Suite::AesCm128Sha80, &vec![seed; Suite::AesCm128Sha80.master_bytes()]).unwrap()
    };
    let secure = Secure { send: master(1), receive: master(2) };
    let (mut phone_sends, mut phone_hears) = (Sender::new(&master(2)), Receiver::new(&master(1)));
    let aim = StrandAim { secure: Some(secure), ..strand_aim(camera_a()) };
    let mut stage = seen(Strand::Video, aim, strand_aim(camera_b()));
    for n in 0..3 {
        let clear = picture(97, n);
        let mut sealed = [&clear[..], &[0; OVERHEAD]].concat();
        let len = phone_sends.protect(&mut sealed, clear.len()).unwrap();
        let sent = stage.says(OF_A, camera_a(), &sealed[..len]).expect("opened");
        assert_eq!((sent.to, sent.octets), (camera_b(), clear.clone()));
        assert_eq!(stage.says(OF_A, camera_a(), &sealed[..len]), None, "replayed");
        assert_eq!(stage.says(OF_A, camera_a(), &clear), None, "in clear");
        let mut sent = stage.says(OF_B, camera_b(), &clear).expect("protected").octets;
        assert_ne!(sent, clear);
        let len = phone_hears.open(&mut sent).expect("for the phone");
        assert_eq!(sent[..len], clear);
    }
    assert_eq!(counted(&mut stage, A, Strand::Video).unprotected, 6);
}

#[test]
fn a_strand_needs_its_leg_and_a_port() {
    let mut stage = Stage::joined();
    let open = || StrandAct::Open("192.0.2.1".parse().unwrap());
    stage.news();
    act(&mut stage, LegId(7), Strand::Video, open());
    stage.wire.full = true;
    act(&mut stage, A, Strand::Video, open());
    let told = stage.news();
    let refused = |news: &News| matches!(news, News::Strand { news: StrandNews::NoPort, .. });
    assert!(told.len() == 2 && told.iter().all(refused), "{told:?}");
    stage.wire.full = false;
    act(&mut stage, A, Strand::Video, open());
    act(&mut stage, A, Strand::Video, open());
    let opened = stage.news();
    assert!(opened.len() == 2 && opened[0] == opened[1], "the same port again: {opened:?}");
}
