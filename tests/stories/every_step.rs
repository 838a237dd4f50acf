//! The same few calls, again and again: each time one packet more has gone its way before something happens.

use ledgerline::switch::Command;

use crate::world::*;

/// A call with everything that two phones can do in it.
fn talk() -> World {
    let mut world = World::seeded(110);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(400));
    world.phone("alice").holds(Notation::SendOnly).after(secs(3));
    world.phone("alice").presses_by_info('5').after(secs(6));
    world.phone("alice").resumes().after(secs(9));
    world.phone("bob").renews_without_offer().after(secs(12));
    world.phone("bob").hangs_up().after(secs(16));
    world
}

/// Several phones ring, with early media; one answers.
fn group() -> World {
    let mut world = World::seeded(111);
    world.phone("alice").dials("7").at(secs(1));
    world.phone("bob").rejects(486).after(ms(700));
    world.phone("bob/mobile");
    world.phone("carol").answers_with_early_media().after(secs(4));
    world.phone("dave");
    world.phone("alice").hangs_up().after(secs(4));
    world
}

/// A caller without an offer is told of the recording and asked what it wants.
fn menu() -> World {
    let mut world = World::with_plan(112, Plan::Announced);
    world.phone("alice").dials_without_offer("9").at(secs(1));
    world.phone("alice").presses_by_info('1').after(ms(3_500));
    world.phone("bob").answers().after(secs(1));
    world.phone("bob").hangs_up().after(secs(4));
    world
}

/// A caller who gives up.
fn given_up() -> World {
    let mut world = World::seeded(113);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("alice").cancels().after(secs(4));
    world.phone("bob");
    world
}

const TALES: [fn() -> World; 4] = [talk, group, menu, given_up];

/// What became of everybody.
fn outcome(world: &World) -> String {
    let mut text = String::new();
    for phone in &world.phones {
        for dialog in &phone.dialogs {
            text.push_str(&format!("{} {:?} {}\n", phone.id.name, dialog.stage, dialog.was_confirmed()));
        }
    }
    for call in world.calls() {
        if let Some(cdr) = world.cdr(call) {
            text.push_str(&format!("{} with {} parties\n", cdr.cause, cdr.parties.len()));
        }
    }
    text
}

#[test]
fn one_packet_more_or_less_changes_nothing() {
    for (n, tale) in TALES.iter().enumerate() {
        let mut world = tale();
        world.run_until(secs(60));
        world.settle();
        let (expected, datagrams) = (outcome(&world), world.network.datagrams);
        assert!(datagrams > 15, "tale {n}");
        for nth in 0..datagrams {
            for fate in [Fate::Lost, Fate::Doubled, Fate::Late] {
                let mut world = tale();
                world.network.fate = Some((nth, fate));
                world.run_until(secs(60));
                world.settle();
                assert_eq!(outcome(&world), expected, "tale {n}, packet {nth} {fate:?}\n{}", world.ladder());
            }
        }
    }
}

#[test]
fn whatever_happens_at_whatever_moment_the_call_comes_to_its_end() {
    let deeds = [
        Deed::Do("alice", Act::HangUp),
        Deed::Do("alice", Act::Vanish),
        Deed::Do("bob", Act::HangUp),
        Deed::Do("bob", Act::Vanish),
        Deed::HangUpAll,
        Deed::Ask(Command::Drain),
        Deed::Unreachable("bob".into()),
        Deed::Unreachable("alice".into()),
        Deed::Ports(0),
        Deed::Store(Mood::Full),
        Deed::Store(Mood::Silent),
    ];
    for (n, tale) in TALES.iter().enumerate() {
        let mut world = tale();
        world.run_until(secs(60));
        for arrivals in 0..world.arrivals() {
            for deed in &deeds {
                let mut world = tale();
                world.at_packet(arrivals, deed.clone());
                world.run_until(secs(12));
                let faults = world.faults_at_the_end();
                assert!(
                    faults.is_empty(),
                    "tale {n}, {deed:?} at packet {arrivals}: {faults:#?}\n{}",
                    world.ladder()
                );
            }
        }
    }
}

/// As a tale, with everybody on TCP.
fn over_tcp(tale: fn() -> World) -> World {
    let mut world = tale();
    for name in ["alice", "bob"] {
        world.phone(name).over(Over::Tcp);
    }
    world
}

#[test]
fn a_stream_may_be_cut_at_every_packet() {
    for (n, tale) in TALES.iter().enumerate() {
        let mut world = over_tcp(*tale);
        world.run_until(secs(60));
        for arrivals in 0..world.arrivals() {
            for who in ["alice", "bob"] {
                let mut world = over_tcp(*tale);
                world.at_packet(arrivals, Deed::Do(who, Act::Cut));
                world.run_until(secs(12));
                let faults = world.faults_at_the_end();
                assert!(
                    faults.is_empty(),
                    "tale {n}, {who}'s stream cut at packet {arrivals}: {faults:#?}\n{}",
                    world.ladder()
                );
            }
        }
    }
}
