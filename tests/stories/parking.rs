//! Calls that wait in a slot: parked by a code or by a transfer, taken by whoever dials the slot, brought back to the parker.

use crate::world::*;

/// Presses each of `keys`, a quarter of a second apart, from so long after the call was joined.
fn types(world: &mut World, who: &str, keys: &str, from: u64) {
    for (n, key) in keys.chars().enumerate() {
        world.phone(who).presses(key).after(secs(from) + ms(250 * n as u64));
    }
}

/// Alice talks with Bob from 2 s on; one of them parks the other in slot 701, 3 s later.
fn parked(seed: u64, parker: &str) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    types(&mut world, parker, "*68701", 3);
    world
}

#[test]
fn either_party_parks_the_other_and_a_colleague_takes_it() {
    for (seed, parker, waits) in [(380, "bob", "alice"), (381, "alice", "bob")] {
        let mut world = parked(seed, parker);
        world.phone("carol").dials("701").at(secs(12));
        world.phone("carol").hangs_up().after(secs(8));
        world.run_until(secs(40));
        assert!(world.talked("carol", waits), "{parker}\n{}", world.ladder());
        assert_eq!(world.phone(parker).ended(), Some(How::FarSideHungUp), "the parker is let go");
        assert!(world.heard("carol", waits) >= secs(7));
        world.settle();
    }
}

#[test]
fn the_lamp_of_a_slot_burns_while_somebody_waits() {
    let mut world = parked(382, "bob");
    world.phone("dave").watches("dialog", "701").at(secs(1));
    world.phone("carol").dials("701").at(secs(12));
    world.phone("carol").hangs_up().after(secs(3));
    world.run_until(secs(30));
    let watch = world.phone("dave").watch();
    assert_eq!(watch.story(), ["", "confirmed", "terminated"]);
    let burns =
        &watch.notices.iter().find(|notice| notice.body.contains("confirmed")).expect("it burnt").body;
    assert!(burns.contains("entity=\"sip:701@pbx.test\"") && burns.contains("sip:alice@pbx.test"), "{burns}");
    world.settle();
}

#[test]
fn any_free_slot_will_do() {
    let mut world = World::seeded(383);
    for (caller, number, callee) in [("alice", "8002", "bob"), ("carol", "8004", "dave")] {
        world.phone(caller).dials(number).at(secs(1));
        world.phone(callee).answers().after(secs(1));
    }
    types(&mut world, "bob", "*68#", 2);
    types(&mut world, "dave", "*68#", 4);
    world.phone("erin").dials("702").at(secs(12));
    world.phone("frank").dials("701").at(secs(12));
    world.run_until(secs(20));
    assert!(world.talked("erin", "carol") && world.talked("frank", "alice"), "{}", world.ladder());
    world.settle();
}

#[test]
fn nobody_comes_and_the_parker_is_rung_again() {
    for (seed, parker, waits) in [(384, "bob", "alice"), (385, "alice", "bob")] {
        let mut world = parked(seed, parker);
        if parker == "alice" {
            world.phone("alice").answers().after(secs(1));
        }
        world.run_until(secs(60));
        let again = world.phone(parker).last().expect("rung").clone();
        assert_eq!((again.side, again.stage), (Side::Callee, Stage::Confirmed), "{}", world.ladder());
        assert!(world.heard(parker, waits) > secs(15), "they talk again");
        world.settle();
    }
}

#[test]
fn a_parker_who_does_not_answer_loses_the_call() {
    let mut world = parked(386, "bob");
    world.run_until(secs(12));
    world.phone("bob").unregisters().at(secs(13));
    world.run_until(secs(60));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    world.settle();
}

#[test]
fn what_is_no_slot_or_taken_or_empty_changes_nothing() {
    let mut world = World::seeded(387);
    for (caller, number, callee) in [("alice", "8002", "bob"), ("carol", "8004", "dave")] {
        world.phone(caller).dials(number).at(secs(1));
        world.phone(callee).answers().after(secs(1));
    }
    // Slot 701 is taken when Dave wants it; 709 is none; a code that is typed too slowly is none.
    types(&mut world, "bob", "*68701", 2);
    types(&mut world, "dave", "*68701", 6);
    types(&mut world, "dave", "*68709", 9);
    world.phone("dave").presses('*').after(secs(12));
    types(&mut world, "dave", "68702", 16);
    world.phone("erin").dials("702").at(secs(22));
    world.run_until(secs(25));
    assert!(world.heard("carol", "dave") > secs(20), "{}", world.ladder());
    assert_eq!(world.phone("erin").ended(), Some(How::Refused(480)));
    world.settle();
}

#[test]
fn a_parked_party_hangs_up_and_its_slot_is_free() {
    let mut world = parked(388, "bob");
    world.phone("alice").hangs_up().after(secs(10));
    world.phone("carol").dials("701").at(secs(15));
    world.run_until(secs(20));
    assert_eq!(world.phone("carol").ended(), Some(How::Refused(480)));
    world.settle();
}

#[test]
fn two_want_the_same_parked_call() {
    for seed in 0..40 {
        let mut world = parked(seed, "bob").delay_ms(5..60);
        world.phone("carol").dials("701").at(secs(12));
        world.phone("dave").dials("701").at(secs(12) + ms(seed));
        world.run_until(secs(18));
        let got: Vec<&str> = ["carol", "dave"].into_iter().filter(|who| world.talked(who, "alice")).collect();
        assert_eq!(got.len(), 1, "seed {seed}: {got:?}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn parking_races_with_everything() {
    for seed in 0..60 {
        let mut world = parked(seed, if seed % 2 == 0 { "alice" } else { "bob" }).delay_ms(5..60);
        world.phone("carol").dials("701").at(secs(10));
        let moment = secs(6) + ms(seed * 75);
        match seed % 5 {
            0 => world.at(moment, Deed::Do("alice", Act::HangUp)),
            1 => world.at(moment, Deed::Do("bob", Act::HangUp)),
            2 => world.at(moment, Deed::Do("carol", Act::Cancel)),
            3 => world.at(moment, Deed::HangUpAll),
            _ => world.at(moment, Deed::Do("carol", Act::Vanish)),
        }
        world.run_until(secs(100));
        world.settle();
    }
}

#[test]
fn parking_crosses_a_line_that_loses_a_third() {
    for seed in 0..20 {
        let mut world = parked(seed, "bob").loss_percent(33).delay_ms(20..80);
        world.phone("carol").dials("701").at(secs(20));
        world.run_until(secs(100));
        world.settle();
    }
}

#[test]
fn a_transfer_to_a_slot_parks_too() {
    for (seed, parker, waits, to) in
        [(389, "bob", "alice", "701"), (390, "alice", "bob", "*68701"), (391, "bob", "alice", "*68")]
    {
        let mut world = World::seeded(seed);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone(parker).will(When::At(secs(6)), Act::Refer(to.into(), ""));
        world.phone("carol").dials("701").at(secs(12));
        world.run_until(secs(20));
        assert_eq!(world.phone(parker).progress, [100, 200], "{parker}");
        assert!(world.phone(parker).last().is_some_and(Dialog::is_over), "the parker is let go");
        assert!(world.talked("carol", waits), "{parker}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_transfer_to_a_taken_slot_gives_the_call_back() {
    let mut world = World::seeded(392);
    for (caller, number, callee) in [("alice", "8002", "bob"), ("carol", "8004", "dave")] {
        world.phone(caller).dials(number).at(secs(1));
        world.phone(callee).answers().after(secs(1));
    }
    types(&mut world, "bob", "*68701", 2);
    world.phone("dave").will(When::At(secs(8)), Act::Refer("701".into(), ""));
    world.run_until(secs(20));
    assert_eq!(world.phone("dave").progress, [100, 486]);
    assert!(world.heard("carol", "dave") > secs(16), "{}", world.ladder());
    world.settle();
}

/// Her answer to our offer never comes, and she is parked all the same: what plays in the slot waits for it.
#[test]
fn a_caller_who_has_not_answered_the_offer_is_parked_too() {
    let mut world = World::with_music(392);
    world.phone("alice").dials_without_offer("8002").at(secs(1));
    world.phone("alice").manners.never_acks = true;
    world.phone("bob").answers().after(secs(1));
    types(&mut world, "bob", "*68701", 3);
    world.run_until(secs(20));
    world.settle();
}
