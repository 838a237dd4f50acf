//! Conferences: parties come by calls of their own, hear all others and not themselves, and go; the room's recording goes on.

use ledgerline::base::LegId;
use ledgerline::call::RoomAct;
use ledgerline::switch::{Answer, Command};

use crate::world::*;

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// The first of them call the room, two seconds apart from 1 s on.
fn meeting(seed: u64, people: usize) -> World {
    let mut world = World::with_music(seed);
    for (n, name) in PEOPLE.iter().take(people).enumerate() {
        world.phone(name).dials("600").at(secs(1 + 2 * n as u64));
    }
    world
}

fn act(world: &mut World, act: RoomAct) -> Option<Answer> {
    let (id, before) = (world.calls()[0], world.answers.len());
    world.at(world.since() + ms(1), Deed::Ask(Command::Room { id, act }));
    let soon = world.since() + ms(100);
    world.run_until(soon);
    world.answers.get(before).cloned()
}

#[test]
fn three_meet_and_each_hears_the_others() {
    let mut world = meeting(760, 3);
    world.run_until(secs(2));
    assert!(world.is_played_to("alice"), "alone she hears music");
    world.run_until(secs(8));
    assert_eq!(world.ways(), "ab ac ba bc ca cb ", "{}", world.ladder());
    for name in ["alice", "bob", "carol"] {
        assert!(!world.is_played_to(name) && world.phone(name).ended().is_none());
    }
    assert_eq!(world.switch.calls(), 1, "all are in one call");
    // The one who opened the room leaves: the others go on, then one is alone, then the room is closed.
    for (leaves, left) in [("alice", "bc cb "), ("bob", "")] {
        world.at(world.since() + ms(1), Deed::Do(leaves, Act::HangUp));
        let soon = world.since() + secs(1);
        world.run_until(soon);
        assert_eq!(world.ways(), left, "{leaves}\n{}", world.ladder());
    }
    assert!(world.is_played_to("carol"), "alone she hears music");
    world.at(world.since() + ms(1), Deed::Do("carol", Act::HangUp));
    let soon = world.since() + secs(40);
    world.run_until(soon);
    assert_eq!(world.switch.calls(), 0);
    world.settle();
}

#[test]
fn a_room_that_is_full_or_locked_lets_nobody_in() {
    let mut world = meeting(761, 4);
    world.run_until(secs(12));
    assert!(
        world.phone("dave").ended().is_some_and(|how| how == How::FarSideHungUp),
        "the room is for three"
    );
    assert_eq!(world.ways(), "ab ac ba bc ca cb ");
    world.settle();
    let mut world = meeting(762, 2);
    world.run_until(secs(6));
    assert_eq!(act(&mut world, RoomAct::Lock(true)), Some(Answer::Done));
    world.phone("carol").dials("600").at(secs(8));
    world.run_until(secs(14));
    assert!(world.phone("carol").ended().is_some(), "{}", world.ladder());
    assert_eq!(act(&mut world, RoomAct::Lock(false)), Some(Answer::Done));
    world.phone("dave").dials("600").at(secs(16));
    world.run_until(secs(20));
    assert_eq!(world.ways(), "ab ad ba bd da db ", "{}", world.ladder());
    world.settle();
}

#[test]
fn parties_are_muted_and_shown_out() {
    let mut world = meeting(763, 3);
    world.run_until(secs(8));
    for (what, heard) in [
        (RoomAct::Mute(LegId(1), true), "ac ba bc ca "),
        (RoomAct::Mute(LegId(1), false), "ab ac ba bc ca cb "),
        (RoomAct::Kick(LegId(1)), "ac ca "),
    ] {
        assert_eq!(act(&mut world, what), Some(Answer::Done));
        assert_eq!(world.ways(), heard, "{what:?}");
    }
    assert_eq!(act(&mut world, RoomAct::Kick(LegId(7))), Some(Answer::NotFound));
    assert!(world.phone("bob").ended().is_some());
    // One who holds plays its own music to nobody.
    world.at(world.since() + ms(1), Deed::Do("carol", Act::Hold(Notation::SendOnly)));
    let soon = world.since() + secs(1);
    world.run_until(soon);
    assert_eq!(world.ways(), "");
    world.at(world.since() + ms(1), Deed::Do("carol", Act::Resume));
    let soon = world.since() + secs(1);
    world.run_until(soon);
    assert_eq!(world.ways(), "ac ca ", "{}", world.ladder());
    world.settle();
}

#[test]
fn each_may_stay_for_so_long() {
    let mut world = meeting(764, 2);
    world.run_until(secs(10));
    let before = world.ways();
    world.run_until(secs(4 * 3_600 + 30));
    assert_eq!(
        (before.as_str(), world.switch.calls()),
        ("ab ba ", 0),
        "four hours, if the plan says nothing"
    );
    world.settle();
}

#[test]
fn the_recordings_are_linked() {
    let mut world = meeting(765, 2);
    world.run_until(secs(10));
    world.settle();
    let (room, came) = (world.calls()[0], world.calls()[1]);
    let linked = |call, key: &str| {
        let (_, recording) = world.store.of(call).expect("recorded");
        recording.events.iter().find_map(|(_, event)| match event {
            ledgerline::vault::Event::Other { name, value } if name == "conference" => {
                value[key].as_str().map(str::to_string)
            }
            _ => None,
        })
    };
    assert_eq!(linked(came, "into"), Some(room.to_string()));
    assert_eq!(linked(room, "from"), Some(came.to_string()));
    assert_eq!(world.cdr(came).map(|cdr| cdr.cause.as_str()), Some("went into a conference"));
}

#[test]
fn coming_and_going_race_with_everything() {
    for seed in 0..80 {
        let mut world = meeting(seed, 3).delay_ms(5..40);
        let moment = secs(5) + ms(seed * 7);
        let who = ["alice", "bob", "carol"][seed as usize % 3];
        let deed = match seed % 5 {
            0 => Deed::Do(who, Act::HangUp),
            1 => Deed::Do(who, Act::Vanish),
            2 => Deed::Do(who, Act::Hold(Notation::Inactive)),
            3 => Deed::HangUpAll,
            _ => Deed::Do(who, Act::Refer("8004".into(), "")),
        };
        world.at(moment, deed);
        world.at(moment + ms(20), Deed::Do("alice", Act::HangUp));
        world.run_until(secs(60));
        world.settle();
    }
}

#[test]
fn a_conference_crosses_a_line_that_loses_a_third() {
    for seed in 0..20 {
        let mut world = meeting(seed, 3).loss_percent(33).delay_ms(20..80);
        world.run_until(secs(60));
        world.settle();
    }
}
