//! Ring groups, and what a phone is told of who calls.

use std::time::Duration;

use ledgerline::config::{Identity, Ring, Strategy};
use ledgerline::registrar::{Setting, change};

use crate::world::*;

/// A world where the plan's `dial user {callee}` for 8050 is a ring group.
fn world(seed: u64, strategy: Strategy, members: &[&str]) -> World {
    World::made(seed, Plan::Required, |setup| {
        let members = members.iter().map(|member| member.to_string()).collect();
        setup.features.ring.insert("8050".into(), Ring { strategy, members, each: Duration::from_secs(6) });
    })
}

fn rung(world: &mut World, name: &str) -> usize {
    world.phone(name).dialogs.len()
}

#[test]
fn a_group_dialled_by_its_name_rings_though_somebody_is_called_so() {
    let mut world = World::made(405, Plan::Required, |setup| {
        let members = vec!["bob".to_string(), "carol".to_string()];
        let ring = Ring { strategy: Strategy::RoundRobin, members, each: Duration::from_secs(6) };
        setup.features.ring.insert("erin".into(), ring);
    });
    world.phone("erin");
    for name in ["bob", "carol"] {
        world.phone(name).answers().after(ms(100));
    }
    for (n, who) in [(0, "bob"), (1, "carol")] {
        world.phone("alice").dials("8060").at(secs(1 + 10 * n));
        world.phone("alice").hangs_up().after(secs(2));
        world.run_until(secs(10 + 10 * n));
        assert_eq!(rung(&mut world, who), 1, "{}", world.ladder());
    }
    assert_eq!(rung(&mut world, "erin"), 0);
    world.settle();
}

#[test]
fn a_group_rings_at_once_and_the_others_hear_that_it_was_answered() {
    let mut world = world(400, Strategy::All, &["bob", "8003", "nobody"]);
    world.phone("alice").dials("8050").at(secs(1));
    world.phone("bob");
    world.phone("carol").answers().after(secs(2));
    world.run_until(secs(8));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    let reasons = world.phone("bob").last().expect("it rang").reasons.join(" ");
    assert!(reasons.contains("cause=200"), "{reasons}");
    world.settle();
}

#[test]
fn a_group_in_order_rings_one_after_another() {
    let mut world = world(401, Strategy::InOrder, &["bob", "carol", "dave"]);
    world.phone("alice").dials("8050").at(secs(1));
    world.phone("bob");
    world.phone("carol").rejects(486).after(ms(500));
    world.phone("dave").answers().after(secs(1));
    world.run_until(secs(5));
    assert_eq!([rung(&mut world, "bob"), rung(&mut world, "carol"), rung(&mut world, "dave")], [1, 0, 0]);
    world.run_until(secs(14));
    assert!(world.talked("alice", "dave"), "{}", world.ladder());
    assert!(world.phone("bob").ended().is_some(), "bob rings no more\n{}", world.ladder());
    world.settle();
}

#[test]
fn a_round_robin_begins_with_another_each_time() {
    let mut world = world(402, Strategy::RoundRobin, &["bob", "carol", "dave"]);
    for name in ["bob", "carol", "dave"] {
        world.phone(name).answers().after(ms(100));
    }
    for n in 0..3 {
        world.phone("alice").dials("8050").at(secs(1 + 10 * n));
        world.phone("alice").hangs_up().after(secs(2));
        world.run_until(secs(10 + 10 * n));
    }
    assert_eq!([rung(&mut world, "bob"), rung(&mut world, "carol"), rung(&mut world, "dave")], [1, 1, 1]);
    world.settle();
}

#[test]
fn a_member_who_is_not_to_be_disturbed_is_left_out() {
    for (seed, strategy) in [(403, Strategy::All), (404, Strategy::InOrder)] {
        let mut world = World::made(seed, Plan::Required, |setup| {
            let members = vec!["bob".to_string(), "carol".to_string()];
            setup
                .features
                .ring
                .insert("8050".into(), Ring { strategy, members, each: Duration::from_secs(6) });
            change(&mut setup.settings, "bob", &Setting::Dnd(true));
        });
        world.phone("alice").dials("8050").at(secs(1));
        world.phone("bob").answers().after(ms(100));
        world.phone("carol").answers().after(ms(100));
        world.run_until(secs(4));
        assert!(world.talked("alice", "carol") && world.phone("bob").last().is_none(), "{}", world.ladder());
        world.settle();
    }
}

/// The values of a header of the last INVITE that bob got.
fn told(world: &mut World, header: &str) -> Vec<String> {
    let invite = world.phone("bob").rung.clone().unwrap_or_default();
    let lines = invite.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(at, _)| *at == header).map(|(_, value)| value.to_string()).collect()
}

#[test]
fn a_phone_is_told_who_calls_in_its_own_dialect() {
    let who = "\"Alice\" <sip:8001@pbx.test>";
    for (n, identity, pai, rpid) in [
        (0, Identity::Pai, true, false),
        (1, Identity::Rpid, false, true),
        (2, Identity::Both, true, true),
        (3, Identity::Off, false, false),
    ] {
        let mut world = World::made(410 + n, Plan::Required, |setup| setup.manner.identity = identity);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob");
        world.run_until(secs(3));
        let expected =
            |there: bool, more: &str| if there { vec![format!("{who}{more}")] } else { Vec::new() };
        assert_eq!(told(&mut world, "P-Asserted-Identity"), expected(pai, ""));
        assert_eq!(
            told(&mut world, "Remote-Party-ID"),
            expected(rpid, ";party=calling;privacy=off;screen=yes")
        );
        world.settle();
    }
}

/// RFC 3323: the phone learns nobody's name, the record knows it.
#[test]
fn whoever_wants_privacy_is_nobody_to_the_phone_and_somebody_in_the_record() {
    let mut world = World::seeded(420);
    world.phone("bob");
    let invite = "INVITE sip:8002@pbx.test SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: \"Alice\" <sip:alice@pbx.test>;tag={tag}\n\
        To: <sip:8002@pbx.test>\nCall-ID: {call_id}\nCSeq: 1 INVITE\nContact: <sip:alice@{own}>\nPrivacy: id\n{proof}\
        Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}";
    world.phone("alice").says(invite).at(secs(1));
    world.run_until(secs(3));
    let text = world.phone("bob").rung.clone().expect("it rings");
    assert!(!text.contains("8001") && !text.to_lowercase().contains("alice"), "{text}");
    assert!(told(&mut world, "From")[0].starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    assert_eq!(told(&mut world, "Privacy"), ["id"]);
    world.run_until(secs(60));
    let parties = serde_json::to_string(&world.only_cdr().parties).expect("JSON");
    assert!(parties.contains("alice") || parties.contains("8001"), "{parties}");
    world.settle();
}
