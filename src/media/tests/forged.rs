//! Forged packets: none in, none out, whenever and from wherever they come.

use super::*;

const NAT: &str = "203.0.113.7";

/// When the forger begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    BeforeLock,
    AfterLock,
    AfterHold,
    AfterReaim,
}

fn strangers(real: SocketAddr) -> [SocketAddr; 3] {
    let other = "203.0.113.66".parse().unwrap();
    [
        SocketAddr::new(other, real.port()),
        SocketAddr::new(real.ip(), real.port() + 2),
        SocketAddr::new(other, 9),
    ]
}

/// Brings Alice's leg into the state; returns her real address by then.
fn set(stage: &mut Stage, when: When, announced: SocketAddr, real: SocketAddr, trust: Trust) -> SocketAddr {
    let first = Aim { trust, ..aim(announced) };
    stage.aim(A, first.clone());
    if when == When::BeforeLock {
        return real;
    }
    stage.says(A, real, &rtp(8, 0, 0xa, &[1; 160])).expect("Alice is heard");
    match when {
        When::AfterHold => {
            stage.aim(A, Aim { send: false, receive: false, ..first.clone() });
            stage.aim(A, first);
            real
        }
        When::AfterReaim => {
            let moved = SocketAddr::new(real.ip(), real.port() + 100);
            let announced = SocketAddr::new(announced.ip(), announced.port() + 100);
            stage.aim(A, Aim { trust, ..aim(announced) });
            // Where any port will do, the old one may speak first and is taken, until the announced one says otherwise.
            let welcome = match trust {
                Trust::Announced => false,
                Trust::Signalled(ip) => real.ip() == ip,
                Trust::First => true,
            };
            assert_eq!(stage.says(A, real, &rtp(8, 1, 0xa, &[1; 160])).is_some(), welcome);
            if welcome {
                return real;
            }
            moved
        }
        _ => real,
    }
}

#[test]
fn nothing_forged_gets_in_and_nothing_gets_out_to_a_forger() {
    let behind: SocketAddr = SocketAddr::new(NAT.parse().unwrap(), 61_000);
    let inside = at("192.168.1.5:4000");
    for (announced, real, trust) in [
        (alice(), alice(), Trust::Announced),
        (inside, behind, Trust::Signalled(behind.ip())),
        (inside, inside, Trust::Signalled(behind.ip())),
        (inside, behind, Trust::First),
    ] {
        for when in [When::BeforeLock, When::AfterLock, When::AfterHold, When::AfterReaim] {
            for forger in strangers(real) {
                let welcome = when == When::BeforeLock
                    && match trust {
                        Trust::Announced => false,
                        Trust::Signalled(ip) => forger.ip() == ip,
                        Trust::First => true,
                    };
                if !welcome {
                    forge(announced, real, trust, when, forger);
                }
            }
        }
    }
}

fn forge(announced: SocketAddr, real: SocketAddr, trust: Trust, when: When, forger: SocketAddr) {
    let case = format!("{trust:?} {when:?} {forger}");
    let mut stage = Stage::joined();
    stage.says(B, bob(), &rtp(8, 0, 0xb, &[2; 160]));
    let real = set(&mut stage, when, announced, real, trust);
    stage.news();
    let report = rtcp_report(0xa);
    for n in 0..60 {
        for datagram in [rtp(8, n, 0xa, &[6; 160]), rtp(101, n, 0xa, &[5, 0, 0, 160]), vec![0x80], vec![]] {
            assert_eq!(stage.says(A, forger, &datagram), None, "{case}");
        }
        for channel in [Channel::Rtp, Channel::Rtcp] {
            for datagram in [&report[..], &report[..4], &rtp(8, n, 0xa, &[6; 160])] {
                assert_eq!(stage.comes(A, channel, forger, datagram), None, "{case} {channel:?}");
            }
        }
        let to_alice = stage.says(B, bob(), &rtp(8, n + 1, 0xb, &[2; 160]));
        assert!(to_alice.is_none_or(|sent| sent.to != forger), "{case}: sent to the forger");
    }
    assert_eq!(stage.news(), [], "{case}: told of a forger");
    // The real one is heard as if nothing had been.
    let heard =
        stage.says(A, real, &rtp(8, 2, 0xa, &[1; 160])).unwrap_or_else(|| panic!("{case}: Alice is deaf"));
    assert_eq!((heard.leg, heard.to, heard.payload()), (B, bob(), &[1; 160][..]), "{case}");
    let back = stage.says(B, bob(), &rtp(8, 100, 0xb, &[2; 160])).unwrap();
    assert_eq!((back.leg, back.to), (A, real), "{case}");
    let facts = stage.facts(A);
    assert!(facts.rejected >= 60 * 8, "{case}: {} counted", facts.rejected);
    assert_eq!(facts.from, Some(real), "{case}");
}

#[test]
fn the_announced_source_wins_over_a_first_comer() {
    let mut stage = Stage::joined();
    stage.aim(A, Aim { trust: Trust::First, ..aim(alice()) });
    let forger = at("203.0.113.66:4000");
    stage.says(A, forger, &rtp(8, 0, 0xe, &[6; 160]));
    assert!(stage.says(A, alice(), &rtp(8, 0, 0xa, &[1; 160])).is_some());
    assert_eq!(stage.says(A, forger, &rtp(8, 1, 0xe, &[6; 160])), None);
    assert_eq!(stage.says(B, bob(), &rtp(8, 0, 0xb, &[2; 160])).map(|sent| sent.to), Some(alice()));
    assert_eq!(stage.wire.narrowed[&(stage.keys[&A], Channel::Rtp)], Some(alice()));
}

#[test]
fn only_a_sound_packet_locks() {
    let mut stage = Stage::joined();
    stage.aim(A, Aim { trust: Trust::First, ..aim(at("192.168.1.5:4000")) });
    let stranger = at("203.0.113.66:4000");
    let unknown_type = rtp(77, 0, 0xe, &[6; 160]);
    for datagram in [&b"hello"[..], &[0; 20], &rtcp_report(1), &unknown_type, &[0x80, 8]] {
        assert_eq!(stage.says(A, stranger, datagram), None);
    }
    let caller = at("203.0.113.7:61000");
    assert!(stage.says(A, caller, &rtp(8, 0, 0xa, &[1; 160])).is_some());
    assert_eq!(stage.facts(A).from, Some(caller));
}

#[test]
fn rtcp_follows_the_lock_of_rtp() {
    let mut stage = Stage::joined();
    let caller = at("203.0.113.7:61000");
    stage.aim(A, Aim { trust: Trust::First, ..aim(at("192.168.1.5:4000")) });
    stage.says(B, bob(), &rtp(8, 0, 0xb, &[2; 160]));
    let (good, bad) = (at("203.0.113.7:61001"), at("203.0.113.66:61001"));
    assert_eq!(stage.comes(A, Channel::Rtcp, bad, &rtcp_report(0xa)), None, "before RTP came");
    stage.says(A, caller, &rtp(8, 0, 0xa, &[1; 160]));
    assert_eq!(stage.comes(A, Channel::Rtcp, bad, &rtcp_report(0xa)), None);
    let early = stage.comes(B, Channel::Rtcp, at("198.51.100.2:5001"), &rtcp_report(0xb));
    assert_eq!(early, None, "sent to a port that is only a guess");
    let sent = stage.comes(A, Channel::Rtcp, good, &rtcp_report(0xa)).unwrap();
    assert_eq!((sent.leg, sent.channel, sent.to), (B, Channel::Rtcp, at("198.51.100.2:5001")));
    assert_eq!(stage.comes(A, Channel::Rtcp, at("203.0.113.7:61007"), &rtcp_report(0xa)), None);
    let back = stage.comes(B, Channel::Rtcp, at("198.51.100.2:5001"), &rtcp_report(0xb)).unwrap();
    assert_eq!(back.to, good);
    assert_eq!(stage.facts(A).rejected, 3);
}

#[test]
fn a_leg_without_an_aim_hears_and_tells_nothing() {
    let mut stage = Stage::joined();
    stage.order(Order::Open { call: stage.call, leg: LegId(2), local: "192.0.2.1".parse().unwrap() });
    stage.keys.insert(LegId(2), *stage.wire.legs.last().unwrap());
    stage.order(Order::Join { call: stage.call, a: A, b: LegId(2) });
    assert_eq!(stage.says(LegId(2), alice(), &rtp(8, 0, 1, &[1; 160])), None);
    assert_eq!(stage.says(A, alice(), &rtp(8, 0, 1, &[1; 160])), None);
    assert_eq!(stage.facts(LegId(2)).rejected, 1);
}

/// An empty receiver report.
fn rtcp_report(ssrc: u32) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
}
