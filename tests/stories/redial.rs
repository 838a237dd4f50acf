//! Call back on busy (`*66`, `*86`), the last number again (`*61`), the last caller (`*69`).

use std::time::Duration;

use ledgerline::base::bounds;
use ledgerline::call::view::Change;
use ledgerline::registrar::{Setting, change};

use crate::world::*;

/// Carol and Bob talk until `until`, and Bob's phone refuses others; Alice, who found him busy, has dialled `*66` and heard its beep. It is 10 s.
fn bob_is_busy(seed: u64, until: Duration) -> World {
    let mut world = World::seeded(seed);
    world.phone("carol").dials("8002").at(ms(100));
    world.phone("carol").will(When::At(until), Act::HangUp);
    world.phone("bob").answers().after(ms(200));
    world.phone("alice").answers().after(secs(1));
    world.phone("dave").answers().after(ms(100));
    world.run_until(secs(2));
    world.phone("bob").rejects(486).after(ms(100));
    world.phone("alice").dials("8002").at(secs(2));
    world.phone("alice").dials("*66").at(secs(4));
    world.run_until(secs(10));
    world
}

fn dialogs(world: &mut World, name: &str, side: Side) -> Vec<Stage> {
    world.phone(name).dialogs.iter().filter(|dialog| dialog.side == side).map(|dialog| dialog.stage).collect()
}

/// How the calls ended that a phone has made.
fn made(world: &mut World, name: &str) -> Vec<Stage> {
    dialogs(world, name, Side::Caller)
}

/// How often a phone was rung.
fn rung(world: &mut World, name: &str) -> usize {
    dialogs(world, name, Side::Callee).len()
}

#[test]
fn whoever_was_busy_is_called_when_free() {
    let mut world = bob_is_busy(600, secs(20));
    assert_eq!(
        made(&mut world, "alice"),
        [Stage::Over(How::Refused(486)), Stage::Over(How::FarSideHungUp)],
        "busy, then the beep"
    );
    world.run_until(secs(20) + bounds::CALL_BACK_PAUSE - ms(100));
    assert_eq!(rung(&mut world, "alice"), 0, "{}", world.ladder());
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(40));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    let rang = world.phone("alice").rung.clone().expect("Alice was rung");
    assert!(rang.contains("8002"), "her phone shows whom she will reach:\n{rang}");
    world.settle();
}

#[test]
fn nobody_is_called_back_who_wants_it_no_more_or_waited_too_long_or_is_in_a_call() {
    // Alice cancels.
    let mut world = bob_is_busy(601, secs(20));
    world.phone("alice").dials("*86").at(secs(11));
    world.run_until(secs(60));
    assert_eq!(rung(&mut world, "alice"), 0, "{}", world.ladder());
    world.settle();
    // Bob talks for longer than a call back waits.
    let long = bounds::CALL_BACK + secs(10);
    let mut world = bob_is_busy(602, long);
    world.run_until(long + secs(60));
    assert_eq!(rung(&mut world, "alice"), 0);
    world.settle();
    // Alice talks when Bob is free; she is rung after she has hung up.
    let mut world = bob_is_busy(603, secs(20));
    world.phone("alice").dials("8004").at(secs(15));
    world.phone("alice").will(When::At(secs(45)), Act::HangUp);
    world.run_until(secs(44));
    assert_eq!(rung(&mut world, "alice"), 0, "{}", world.ladder());
    world.run_until(secs(60));
    assert_eq!(rung(&mut world, "alice"), 1, "{}", world.ladder());
    world.settle();
}

#[test]
fn there_is_nothing_to_wait_for_where_nobody_was_busy() {
    for (seed, number, status) in [
        // Nobody was called; nobody there; a number of nobody; several people; one who is not to be disturbed.
        (610, "", 480),
        (611, "8004", 480),
        (612, "8099", 480),
        (613, "7", 480),
        (614, "8005", 480),
    ] {
        let mut world = World::made(seed, Plan::Required, |setup| {
            drop(change(&mut setup.settings, "erin", &Setting::Dnd(true)))
        });
        for name in ["bob", "carol"] {
            world.phone(name).rejects(486).after(ms(100));
        }
        world.phone("erin");
        if !number.is_empty() {
            world.phone("alice").dials(number).at(secs(1));
        }
        world.phone("alice").dials("*66").at(secs(5));
        world.run_until(secs(10));
        assert_eq!(made(&mut world, "alice").last(), Some(&Stage::Over(How::Refused(status))), "{number}");
        world.settle();
    }
}

/// Bob refuses by hand: he is waited for until he has used his phone.
#[test]
fn whoever_refused_by_hand_is_not_rung_at_once() {
    let mut world = World::seeded(620);
    world.phone("bob").rejects(486).after(ms(100));
    world.phone("alice").answers().after(ms(100));
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("alice").dials("*66").at(secs(3));
    world.run_until(secs(60));
    assert_eq!(rung(&mut world, "alice"), 0, "{}", world.ladder());
    world.phone("bob").dials("8003").at(secs(60));
    world.phone("carol").answers().after(ms(100));
    world.phone("bob").hangs_up().after(secs(10));
    world.run_until(secs(80));
    assert_eq!((rung(&mut world, "alice"), rung(&mut world, "bob")), (1, 2), "{}", world.ladder());
    world.settle();
}

#[test]
fn two_who_wait_for_one_are_served_in_turn() {
    let mut world = bob_is_busy(630, secs(30));
    world.phone("dave").dials("8002").at(secs(12));
    world.phone("dave").dials("*66").at(secs(14));
    world.run_until(secs(29));
    world.phone("bob").answers().after(ms(100));
    world.phone("alice").will(When::At(secs(90)), Act::HangUp);
    world.run_until(secs(80));
    assert_eq!((rung(&mut world, "alice"), rung(&mut world, "dave")), (1, 0), "{}", world.ladder());
    world.run_until(secs(120));
    assert!(world.talked("alice", "bob") && world.talked("dave", "bob"), "{}", world.ladder());
    world.settle();
}

/// Everything that can happen to the two meanwhile leaves nothing behind.
#[test]
fn a_call_back_survives_whatever_happens_meanwhile() {
    for seed in 0..40 {
        let mut world = bob_is_busy(seed, secs(20));
        let moment = secs(20) + bounds::CALL_BACK_PAUSE + ms(seed * 60);
        let (at, deed) = match seed % 8 {
            0 => (secs(15), Deed::Leaves("bob")),
            1 => (secs(15), Deed::Leaves("alice")),
            2 => (moment, Deed::Do("alice", Act::Vanish)),
            3 => (moment, Deed::Do("bob", Act::Vanish)),
            4 => (moment, Deed::Do("bob", Act::Dial { number: "8003".into(), offer: true })),
            5 => (moment, Deed::Do("alice", Act::Dial { number: "8002".into(), offer: true })),
            6 => (moment, Deed::HangUpAll),
            _ => (moment, Deed::Do("alice", Act::Dial { number: "*86".into(), offer: true })),
        };
        world.at(at, deed);
        world.run_until(secs(90));
        world.settle();
    }
}

/// The numbers that were dialled, as the plan saw them.
fn dialled(world: &World) -> Vec<String> {
    let began = world.happenings.iter().filter(|(_, happening)| happening.change == Change::Began);
    began.map(|(_, happening)| happening.call.dialled.clone()).collect()
}

#[test]
fn a_number_is_dialled_again_and_the_last_caller_called() {
    let mut world = World::seeded(640);
    for name in ["bob", "carol"] {
        world.phone(name).rejects(480).after(ms(100));
    }
    world.phone("alice");
    world.phone("alice").dials("8003").at(secs(1));
    world.phone("alice").dials("*61").at(secs(3));
    world.phone("bob").dials("8001").at(secs(5));
    world.phone("bob").cancels().after(secs(1));
    world.phone("alice").dials("*69").at(secs(8));
    world.phone("alice").dials("*61").at(secs(10));
    world.run_until(secs(15));
    assert_eq!(dialled(&world), ["8003", "8003", "8001", "8002", "8002"]);
    assert_eq!((rung(&mut world, "carol"), rung(&mut world, "bob")), (2, 2));
    world.settle();
}

#[test]
fn there_is_nobody_to_call_again_who_was_not_there_or_would_not_say() {
    let mut world = World::seeded(641);
    world.phone("alice").dials("*61").at(secs(1));
    world.phone("alice").dials("*69").at(secs(2));
    world.phone("bob").dials("8001").at(secs(3));
    world.phone("bob").cancels().after(secs(1));
    world.run_until(secs(6));
    let invite = "INVITE sip:8001@pbx.test SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:carol@pbx.test>;tag={tag}\n\
        To: <sip:8001@pbx.test>\nCall-ID: {call_id}\nCSeq: 1 INVITE\nContact: <sip:carol@{own}>\nPrivacy: id\n{proof}\
        Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}";
    world.phone("carol").says(invite).at(secs(7));
    world.run_until(secs(40));
    world.phone("alice").dials("*69").at(secs(40));
    world.run_until(secs(45));
    assert_eq!(
        made(&mut world, "alice"),
        [Stage::Over(How::Refused(404)); 3],
        "the one who called last would not say who it is\n{}",
        world.ladder()
    );
    world.settle();
}
