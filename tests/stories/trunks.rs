//! Trunks: fail-over, challenges to every request, who may be sent out over them, and secrets that change.

use ledgerline::base::{Secret, bounds};
use ledgerline::config::ForwardedBy;
use ledgerline::registrar::{Setting, SettingsBook, When as Forwarding, change};
use ledgerline::trunk::Rules;

use crate::world::*;

const FIRST: &str = "198.51.100.1";
const SECOND: &str = "198.51.100.2";

/// A node with two carriers in one group, the first of them preferred; whoever they ring answers after a second.
fn world(seed: u64) -> World {
    world_with(seed, |_| ())
}

fn world_with(seed: u64, settings: impl FnOnce(&mut SettingsBook)) -> World {
    let mut world = World::made(seed, Plan::Required, |setup| settings(&mut setup.settings))
        .with_trunks(vec![carrier_rules("first", FIRST, 1), carrier_rules("second", SECOND, 2)]);
    for host in [FIRST, SECOND] {
        world.stranger(host).answers().after(secs(1));
        world.stranger(host).is_carrier();
    }
    world
}

fn rung(world: &mut World, host: &str) -> usize {
    world.stranger(host).dialogs.len()
}

/// The first line of the last INVITE that a carrier got, and whom it was told as the caller.
fn told(world: &mut World, host: &str) -> (String, String) {
    let invite = world.stranger(host).rung.clone().expect("it was rung");
    let uri = invite.split(' ').nth(1).unwrap_or_default().to_string();
    let from = invite.lines().find(|line| line.starts_with("From:")).unwrap_or_default().to_string();
    (uri, from)
}

#[test]
fn a_call_goes_out_and_comes_in_over_a_trunk() {
    let mut world = world(700);
    world.phone("alice").dials("6123").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").hangs_up().after(secs(3));
    world.run_until(secs(8));
    assert!(world.talked("alice", FIRST), "{}", world.ladder());
    let (uri, from) = told(&mut world, FIRST);
    assert!(uri.contains("+49123@") && from.contains("+4930100") && !from.contains("alice"), "{uri} {from}");
    world.stranger(FIRST).dials("8002").at(secs(10));
    world.run_until(secs(15));
    assert!(world.talked(FIRST, "bob"), "{}", world.ladder());
    world.settle();
}

/// What a plan demands of a trunk holds beside the trunk's own rules: the only number shown, and how numbers are written.
#[test]
fn what_a_plan_demands_of_a_trunk_is_done() {
    let demands = r#"trunk carriers { caller-id only "+49308002"; number "6{rest: X.}" as "00{rest}" }"#;
    let program = Plan::Required.changed("flow outside {", &format!("{demands}\n\nflow outside {{"));
    let mut world = World::made(701, Plan::Required, |setup| setup.program = program)
        .with_trunks(vec![carrier_rules("first", FIRST, 1)]);
    world.stranger(FIRST).answers().after(secs(1));
    world.stranger(FIRST).is_carrier();
    world.phone("alice").dials("6123").at(secs(1));
    world.run_until(secs(4));
    let (uri, from) = told(&mut world, FIRST);
    assert!(uri.contains("00123@") && from.contains("+49308002"), "{uri} {from}");
    world.phone("alice").hangs_up().at(secs(5));
    world.settle();
}

/// What the first host does, and how long a caller waits for the second.
#[test]
fn a_call_goes_past_a_host_that_fails_and_the_host_is_left_alone_for_a_while() {
    for (seed, fails, within) in [
        (710, Act::Reject(503), secs(2)),
        (711, Act::Reject(500), secs(2)),
        (712, Act::Vanish, bounds::TRUNK_SILENCE + secs(2)),
    ] {
        let mut world = world(seed);
        match fails {
            Act::Vanish => world.at(ms(10), Deed::Do(FIRST, Act::Vanish)),
            Act::Reject(status) => world.stranger(FIRST).rejects(status).after(ms(100)),
            _ => {}
        }
        world.phone("alice").dials("6123").at(secs(1));
        world.phone("alice").hangs_up().after(secs(2));
        world.run_until(secs(1) + within);
        assert!(world.talked("alice", SECOND), "{fails:?}\n{}", world.ladder());
        let before = rung(&mut world, FIRST);
        // The next call goes to the second host at once.
        world.phone("alice").dials("6124").at(secs(15));
        world.run_until(secs(18));
        assert!(told(&mut world, SECOND).0.contains("+49124"));
        assert_eq!(rung(&mut world, FIRST), before, "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn what_a_person_says_ends_the_dial_and_what_all_hosts_fail_at_the_plan_hears() {
    // Busy: the plan hangs up as busy; the second carrier is not asked.
    let mut world = world(720);
    world.stranger(FIRST).rejects(486).after(ms(100));
    world.phone("alice").dials("6123").at(secs(1));
    world.run_until(secs(5));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(486)), "{}", world.ladder());
    assert_eq!(rung(&mut world, SECOND), 0);
    world.settle();
    // Everything fails: the plan's `else` says so.
    for (seed, dead) in [(721, true), (722, false)] {
        let mut world = self::world(seed);
        for host in [FIRST, SECOND] {
            match dead {
                true => world.at(ms(10), Deed::Do(host, Act::Vanish)),
                false => world.stranger(host).rejects(503).after(ms(100)),
            }
        }
        world.phone("alice").dials("6123").at(secs(1));
        world.run_until(secs(60));
        assert!(world.ladder().contains("play sorry"), "{}", world.ladder());
        world.settle();
    }
}

/// The ways of a node whose carriers want everything proved.
fn proving(seed: u64, method: &'static str, update: bool) -> World {
    let mut world = World::made(seed, Plan::Required, |setup| setup.manner.session_s = 90)
        .with_trunks(vec![carrier_rules("first", FIRST, 1)]);
    let carrier = world.stranger(FIRST);
    carrier.answers().after(secs(1));
    carrier.skills.updates = update;
    if method == "PRACK" {
        carrier.skills.reliable = Some(true);
    }
    let wants = carrier.is_carrier();
    wants.proves = vec!["INVITE", method];
    wants.secret = "open sesame".into();
    world
}

/// RFC 3261 §22: a carrier may want any request proved, not only the first INVITE.
#[test]
fn every_request_to_a_carrier_is_proved_when_it_is_challenged() {
    for (seed, method, update) in
        [(730, "BYE", false), (731, "INVITE", false), (732, "UPDATE", true), (733, "PRACK", false)]
    {
        let mut world = proving(seed, method, update);
        world.phone("alice").dials("6123").at(secs(1));
        world.run_until(secs(100));
        assert!(world.heard("alice", FIRST) > secs(90), "{method}\n{}", world.ladder());
        world.at(secs(100), Deed::Do("alice", Act::HangUp));
        world.run_until(secs(110));
        let proved = world.stranger(FIRST).is_carrier().proved.clone();
        let expected = if method == "INVITE" { 2 } else { 1 };
        assert!(
            proved.iter().filter(|of| *of == method).count() >= expected,
            "{method}: {proved:?}\n{}",
            world.ladder()
        );
        assert_eq!(
            world.stranger(FIRST).last().map(|d| d.stage),
            Some(Stage::Over(How::FarSideHungUp)),
            "{}",
            world.ladder()
        );
        world.settle();
    }
}

/// RFC 3261 §22.1: the ACK repeats the proof of its INVITE.
#[test]
fn the_ack_carries_the_proof_of_its_invite() {
    let mut world = proving(735, "BYE", false);
    world.phone("alice").dials("6123").at(secs(1));
    world.run_until(secs(5));
    let acks: Vec<String> =
        world.stranger(FIRST).heard.iter().filter(|text| text.starts_with("ACK ")).cloned().collect();
    assert!(acks.iter().any(|ack| ack.contains("Proxy-Authorization: Digest")), "{acks:?}");
    world.settle();
}

/// Reliability classes 4 and 5: nobody but a carrier, and no carrier for ever, is proved anything to.
#[test]
fn a_challenge_without_end_is_left_and_a_phones_challenge_is_never_answered() {
    for method in ["INVITE", "BYE"] {
        let mut world = proving(740, method, false);
        world.stranger(FIRST).is_carrier().secret = "another".into();
        if method == "BYE" {
            world.stranger(FIRST).is_carrier().proves = vec!["BYE"];
        }
        world.phone("alice").dials("6123").at(secs(1));
        world.phone("alice").hangs_up().after(secs(2));
        world.run_until(secs(10));
        let challenges = world.stranger(FIRST).is_carrier().challenges;
        assert_eq!(challenges, 1 + usize::from(bounds::PROOFS), "{method}\n{}", world.ladder());
        if method == "INVITE" {
            world.settle();
        }
    }
    let mut world = World::seeded(742);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(500));
    world.phone("bob").is_carrier().proves = vec!["BYE"];
    world.phone("alice").hangs_up().after(secs(3));
    world.run_until(secs(10));
    let challenges = world.phone("bob").is_carrier().challenges;
    assert_eq!(challenges, 1, "{}", world.ladder());
}

#[test]
fn a_new_secret_is_proved_with_at_once() {
    let mut world = proving(745, "INVITE", false);
    world.stranger(FIRST).is_carrier().secret = "the next one".into();
    world.phone("alice").dials("6123").at(secs(1));
    world.run_until(secs(5));
    assert!(!world.talked("alice", FIRST));
    let anew = Rules { secret: Some(Secret::new("the next one".into())), ..carrier_rules("first", FIRST, 1) };
    world.configure_trunks(vec![anew]);
    world.phone("alice").dials("6123").at(secs(20));
    world.run_until(secs(25));
    assert!(world.talked("alice", FIRST), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_user_transfers_to_the_world_outside_and_a_caller_from_there_does_not() {
    let mut world = world(750);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("bob").will(When::At(secs(5)), Act::Refer("6123".into(), ""));
    world.run_until(secs(15));
    assert!(world.talked("alice", FIRST), "{}", world.ladder());
    world.settle();

    let mut world = self::world(751);
    world.phone("bob").answers().after(secs(1));
    world.stranger(FIRST).dials("8002").at(secs(1));
    world.stranger(FIRST).will(When::At(secs(5)), Act::Refer("6123".into(), ""));
    world.run_until(secs(15));
    assert!(world.stranger(FIRST).answers.contains(&("REFER".into(), 403)), "{}", world.ladder());
    assert_eq!((rung(&mut world, FIRST), rung(&mut world, SECOND)), (1, 0), "its own call, and no other");
    assert!(world.heard(FIRST, "bob") > secs(12), "{}", world.ladder());
    world.settle();
}

#[test]
fn calls_are_forwarded_outside_as_far_as_the_user_may_dial() {
    for (seed, when, to, goes) in [
        (760, Forwarding::Always, "6123", true),
        (761, Forwarding::Busy, "6123", true),
        (762, Forwarding::NoAnswer, "6123", true),
        (763, Forwarding::Always, "00123", false),
        (764, Forwarding::Busy, "00123", false),
    ] {
        let mut world = world_with(seed, |book| {
            change(book, "bob", &Setting::Forward { when, to: Some(to.into()), after_s: Some(6) });
        });
        match when {
            Forwarding::Busy => world.phone("bob").rejects(486).after(ms(100)),
            _ => {
                world.phone("bob");
            }
        }
        world.phone("alice").dials("8002").at(secs(1));
        world.run_until(secs(15));
        assert_eq!(world.talked("alice", FIRST), goes, "{when:?} {to}\n{}", world.ladder());
        if goes {
            let (uri, from) = told(&mut world, FIRST);
            let invite = world.stranger(FIRST).rung.clone().unwrap_or_default();
            assert!(
                uri.contains("+49123@") && from.contains("+49308002"),
                "Bob's number is shown: {uri} {from}"
            );
            let told = format!("Diversion: <sip:+49308002@{FIRST}>;reason={};counter=1\r\n", when.reason());
            assert!(invite.contains(&told), "{invite}");
            assert!(!invite.contains("History-Info") && !invite.contains("pbx.test"), "{invite}");
        }
        world.settle();
    }
}

/// The fields called so of the last INVITE that a carrier got.
fn fields(world: &mut World, host: &str, name: &str) -> Vec<String> {
    let invite = world.stranger(host).rung.clone().unwrap_or_default();
    let lines = invite.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(of, _)| *of == name).map(|(_, value)| value.to_string()).collect()
}

/// Carol, whose number is not on the trunk's list, forwards to Bob, and Bob outside.
#[test]
fn a_trunk_is_told_who_forwarded_as_far_as_it_is_set_and_by_its_own_numbers() {
    let diversion = [
        format!("<sip:+49308002@{FIRST}>;reason=user-busy;counter=1"),
        format!("<sip:+4930100@{FIRST}>;reason=unconditional;counter=1"),
    ];
    let history = [
        format!("<sip:+4930100@{FIRST}>;index=1"),
        format!("<sip:+49308002@{FIRST};cause=302>;index=1.1;mp=1"),
        format!("<sip:+49123@{FIRST};cause=486>;index=1.1.1;mp=1.1"),
    ];
    for (seed, forwarded_by, diversion, history) in [
        (765, ForwardedBy::Off, &[][..], &[][..]),
        (766, ForwardedBy::Diversion, &diversion, &[]),
        (767, ForwardedBy::History, &[], &history),
        (768, ForwardedBy::Both, &diversion, &history),
    ] {
        let mut world = world_with(seed, |book| {
            let forward = |when, to: &str| Setting::Forward { when, to: Some(to.into()), after_s: None };
            change(book, "carol", &forward(Forwarding::Always, "8002"));
            change(book, "bob", &forward(Forwarding::Busy, "6123"));
        });
        world = world.with_trunks(vec![Rules { forwarded_by, ..carrier_rules("first", FIRST, 1) }]);
        world.phone("bob").rejects(486).after(ms(100));
        world.phone("alice").dials("8003").at(secs(1));
        world.run_until(secs(8));
        assert!(world.talked("alice", FIRST), "{}", world.ladder());
        assert_eq!(fields(&mut world, FIRST, "Diversion"), diversion, "{forwarded_by:?}");
        assert_eq!(fields(&mut world, FIRST, "History-Info"), history, "{forwarded_by:?}");
        world.settle();
    }
}

/// A call that two switches forward to each other over a carrier: what the carrier tells of its past is counted.
#[test]
fn a_call_that_has_been_passed_on_often_enough_elsewhere_is_not_passed_on() {
    for (seed, before, goes) in [(772, "", Some(1)), (773, "4", Some(5)), (774, "5", None)] {
        let mut world = world_with(seed, |book| {
            let forward =
                Setting::Forward { when: Forwarding::Always, to: Some("6123".into()), after_s: None };
            change(book, "bob", &forward);
        });
        world.phone("bob").answers().after(secs(1));
        let told = format!("Diversion: <sip:+49123@x>;reason=user-busy;counter={before}\n");
        let caller = world.stranger(SECOND);
        caller.skills.says = if before.is_empty() { String::new() } else { told };
        caller.dials("8002").at(secs(1));
        world.run_until(secs(8));
        let counters = fields(&mut world, FIRST, "Diversion");
        let expected: Vec<String> = goes
            .map(|n| format!("<sip:+49308002@{FIRST}>;reason=unconditional;counter={n}"))
            .into_iter()
            .collect();
        assert_eq!(counters, expected, "{before}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_forward_outside_goes_past_a_host_that_fails() {
    let mut world = world_with(770, |book| {
        let forward = Setting::Forward { when: Forwarding::Always, to: Some("6123".into()), after_s: None };
        change(book, "bob", &forward);
    });
    world.stranger(FIRST).rejects(503).after(ms(100));
    world.phone("alice").dials("8002").at(secs(1));
    world.run_until(secs(6));
    assert!(world.talked("alice", SECOND), "{}", world.ladder());
    world.settle();
}

#[test]
fn calls_over_trunks_leave_nothing_behind_on_a_line_that_loses_a_third() {
    for seed in 0..40 {
        let mut world = proving(seed, "BYE", seed % 2 == 0).loss_percent(33).delay_ms(20..80);
        world.stranger(FIRST).is_carrier().proves = vec!["INVITE", "BYE", "UPDATE", "PRACK"];
        world.phone("alice").dials("6123").at(secs(1));
        world.phone("alice").hangs_up().after(secs(seed % 100));
        world.run_until(secs(150));
        world.settle();
    }
}
