//! Calls that somebody else takes: `*8` for one's group, `**` and a number for one phone.

use ledgerline::switch::Input;

use super::reloads::program;

use crate::world::*;

/// Alice calls Bob, who does not answer. The groups: Alice, Bob and Carol; Dave and Erin.
fn bob_rings(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob");
    world
}

#[test]
fn a_colleague_takes_a_call_that_rings_in_the_group() {
    for (seed, code) in [(360, "*8"), (361, "**8002"), (362, "**bob")] {
        let mut world = bob_rings(seed);
        world.phone("bob/2");
        world.phone("carol").dials(code).at(secs(4));
        world.phone("alice").hangs_up().after(secs(10));
        world.run_until(secs(30));
        assert!(world.talked("alice", "carol"), "{code}\n{}", world.ladder());
        for phone in ["bob", "bob/2"] {
            let rung = world.phone(phone).last().expect("it rang");
            assert!(
                rung.reasons.iter().any(|reason| reason.contains("completed elsewhere")),
                "{:?}",
                rung.reasons
            );
        }
        assert_eq!(world.phone("carol").ended(), Some(How::FarSideHungUp));
        let cdr = world.only_cdr();
        assert_eq!((cdr.parties[1].who.reveal(), cdr.cause.as_str()), ("carol", "caller hung up"));
        world.settle();
    }
}

#[test]
fn who_may_not_or_finds_nothing_is_told_so() {
    for (who, code, status) in [
        // Another group, nobody, nobody's phone rings, oneself.
        ("dave", "*8", 480),
        ("dave", "**8002", 403),
        ("carol", "**8099", 404),
        ("carol", "**8001", 480),
        ("bob/2", "*8", 480),
    ] {
        let mut world = bob_rings(363);
        world.phone(who).dials(code).at(secs(4));
        world.run_until(secs(8));
        let how =
            world.phone(who).dialogs.iter().rev().find(|dialog| dialog.side == Side::Caller).map(|d| d.stage);
        assert_eq!(how, Some(Stage::Over(How::Refused(status))), "{who} {code}");
        assert_eq!(
            world.phone("bob").last().map(|dialog| dialog.is_over()),
            Some(false),
            "Bob's phone rings on"
        );
        world.settle();
    }
}

#[test]
fn ones_own_other_phone_takes_a_call_by_number() {
    let mut world = bob_rings(364);
    world.phone("bob/2").dials("**8002").at(secs(4));
    world.phone("bob/2").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob/2"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_call_without_an_offer_is_picked_up_without_an_offer() {
    for (seed, first, second) in [(365, true, false), (366, false, true), (367, false, false)] {
        let mut world = World::seeded(seed);
        let will = |world: &mut World, who: &str, number: &str, offer, at| {
            let act = Act::Dial { number: number.into(), offer };
            world.phone(who).will(When::At(at), act);
        };
        will(&mut world, "alice", "8002", first, secs(1));
        world.phone("bob");
        will(&mut world, "carol", "*8", second, secs(4));
        world.phone("alice").hangs_up().after(secs(8));
        world.run_until(secs(30));
        assert!(world.talked("alice", "carol"), "seed {seed}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn picking_up_races_with_everything() {
    // Bob answers, Alice gives up, Carol gives up, another colleague picks up too: at the same moment, or nearly.
    for seed in 0..60 {
        let mut world = bob_rings(seed).delay_ms(5..40);
        world.phone("carol").dials("*8").at(secs(4));
        let moment = secs(4) + ms(seed * 3);
        match seed % 4 {
            0 => world.at(moment, Deed::Do("bob", Act::Answer)),
            1 => world.at(moment, Deed::Do("alice", Act::HangUp)),
            2 => world.at(moment, Deed::Do("carol", Act::Cancel)),
            _ => world.phone("bob/2").dials("**8002").at(moment),
        }
        world.run_until(secs(20));
        world.settle();
    }
}

#[test]
fn picking_up_crosses_a_line_that_loses_a_third() {
    for seed in 0..30 {
        let mut world = bob_rings(seed).loss_percent(33).delay_ms(20..80);
        world.phone("carol").dials("*8").at(secs(5));
        world.run_until(secs(60));
        world.settle();
    }
}

#[test]
fn the_lamps_of_a_call_that_was_picked_up() {
    let mut world = bob_rings(368);
    world.phone("dave").watches("dialog", "carol").at(secs(1));
    world.phone("erin").watches("dialog", "bob").at(secs(1));
    world.phone("carol").dials("*8").at(secs(4));
    world.phone("alice").hangs_up().after(secs(5));
    world.run_until(secs(30));
    assert_eq!(world.phone("erin").watch().story(), ["", "early", "terminated"]);
    let carol = world.phone("dave").watch();
    assert_eq!(carol.story().last().map(String::as_str), Some("terminated"));
    let talks = carol.notices.iter().find(|notice| notice.body.contains("confirmed")).expect("she talks");
    assert!(talks.body.contains("direction=\"initiator\"") && talks.body.contains("8001"), "{}", talks.body);
    world.settle();
}

/// A plan's `pickup` does what the code does, for a party that the plan has talked to already, with the codes' groups.
#[test]
fn a_plan_takes_a_call_that_rings() {
    let text = include_str!("../world/plans/office.plan");
    let text = format!("{text}\nroute \"55{{who: 8XXX}}\" from users -> pickup {{who}}\n");
    let mut world = World::seeded(370);
    world.handle(Input::Program(program(&text)));
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob");
    world.phone("carol").dials("558002").at(secs(4));
    world.phone("alice").hangs_up().at(secs(12));
    world.run_until(secs(30));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    let rung = world.phone("bob").last().expect("it rang");
    assert!(rung.reasons.iter().any(|reason| reason.contains("completed elsewhere")), "{:?}", rung.reasons);
    let calls = world.calls();
    let parties: Vec<usize> =
        calls.iter().map(|call| world.cdr(*call).expect("a record").parties.len()).collect();
    assert_eq!(parties, [2, 1], "the call that rang has both, the other nobody more");
    world.settle();
}

/// Nothing rings, another group, nobody of that number: the plan goes its other way, and who rings rings on.
#[test]
fn a_plan_that_picks_up_nothing_goes_on() {
    let text = include_str!("../world/plans/office.plan");
    let text = format!(
        "{text}\nroute \"55{{who: 8XXX}}\" from users -> pickup {{who}} {{ failed -> dial user erin for 20s }}\n"
    );
    for (who, dials) in [("carol", "558001"), ("dave", "558002"), ("carol", "558777")] {
        let mut world = World::seeded(371);
        world.handle(Input::Program(program(&text)));
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob");
        world.phone("erin").answers().after(secs(1));
        world.phone(who).dials(dials).at(secs(4));
        world.run_until(secs(8));
        assert!(world.talked(who, "erin"), "{who} {dials}\n{}", world.ladder());
        assert_eq!(
            world.phone("bob").last().map(|dialog| dialog.is_over()),
            Some(false),
            "Bob's phone rings on"
        );
        world.phone(who).hangs_up().at(secs(9));
        world.settle();
    }
}
