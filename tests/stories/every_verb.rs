//! Every verb of a call at every moment: transfers, music, reliable responses, UPDATE, refreshes, calls begun for a user; each time one
//! packet more has gone its way before somebody vanishes, hangs up or is cut off, the store fails or ports run out.
//!
//! Whatever happens, no call, dialog, port or alarm may be left, and nobody may be left in a call that is over.

use ledgerline::switch::Command;

use crate::world::*;

/// Reliable early media on both sides, an offer by UPDATE before the answer and one after it.
fn reliably() -> World {
    let mut world = World::with_music(600);
    for name in ["alice", "bob"] {
        world.phone(name).skills = Skills { reliable: Some(false), updates: true, ..Skills::default() };
    }
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.phone("alice").will(When::At(secs(3)), Act::Update(None));
    world.phone("bob").will(When::After(secs(2)), Act::Update(Some(Notation::SendOnly)));
    world.phone("bob").will(When::After(secs(4)), Act::Update(None));
    world
}

/// A caller that requires 100rel and makes no offer.
fn required() -> World {
    let mut world = World::seeded(601);
    world.phone("alice").skills.reliable = Some(true);
    world.phone("alice").dials_without_offer("8002").at(secs(1));
    world.phone("bob").answers().after(secs(2));
    world.phone("bob").hangs_up().after(secs(3));
    world
}

fn talk(seed: u64) -> World {
    let mut world = World::with_music(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(400));
    world.phone("bob").holds(Notation::SendOnly).after(secs(1));
    world.phone("carol").answers().after(secs(1));
    world
}

/// Bob transfers Alice blindly.
fn blind() -> World {
    let mut world = talk(602);
    world.phone("bob").will(When::At(secs(4)), Act::Refer("8003".into(), ""));
    world.phone("carol").hangs_up().after(secs(3));
    world
}

/// Alice transfers Bob, hangs up, and is rung again since Carol is busy.
fn recalled() -> World {
    let mut world = talk(603);
    world.phone("alice").skills.hangs_up_on_202 = true;
    world.phone("alice").answers().after(secs(1));
    world.phone("carol").rejects(486).after(secs(1));
    world.phone("alice").will(When::At(secs(4)), Act::Refer("8003".into(), ""));
    world
}

/// Bob asks Carol first.
fn attended() -> World {
    let mut world = talk(604);
    world.phone("bob").dials("8003").at(secs(4));
    world.phone("bob").will(When::At(secs(8)), Act::ReferAttended);
    world
}

/// A call for Alice, begun by an administrator.
fn summoned() -> World {
    let mut world = World::seeded(605);
    world.phone("alice").answers().after(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("bob").hangs_up().after(secs(3));
    let start = Command::Start { from: "alice".into(), to: "8002".into(), answers_itself: false };
    world.at(secs(1), Deed::Ask(start));
    world
}

const TALES: [fn() -> World; 6] = [reliably, required, blind, recalled, attended, summoned];

fn comes_to_its_end(world: &mut World, what: &str) {
    world.run_until(secs(14));
    let faults = world.faults_at_the_end();
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{}", world.ladder());
}

#[test]
fn whatever_happens_at_whatever_moment_nothing_is_left() {
    let deeds = [
        Deed::Do("alice", Act::HangUp),
        Deed::Do("alice", Act::Vanish),
        Deed::Do("bob", Act::HangUp),
        Deed::Do("bob", Act::Vanish),
        Deed::Do("carol", Act::Vanish),
        Deed::HangUpAll,
        Deed::Ask(Command::Drain),
        Deed::Unreachable("bob".into()),
        Deed::Unreachable("carol".into()),
        Deed::Ports(0),
        Deed::Store(Mood::Full),
    ];
    for (n, tale) in TALES.iter().enumerate() {
        let mut world = tale();
        world.run_until(secs(14));
        for arrivals in 0..world.arrivals() {
            for deed in &deeds {
                let mut world = tale();
                world.phone("carol");
                world.at_packet(arrivals, deed.clone());
                comes_to_its_end(&mut world, &format!("tale {n}, {deed:?} at packet {arrivals}"));
            }
        }
    }
}

#[test]
fn one_packet_lost_doubled_or_late_leaves_nothing() {
    for (n, tale) in TALES.iter().enumerate() {
        let mut world = tale();
        world.run_until(secs(14));
        for nth in 0..world.network.datagrams {
            for fate in [Fate::Lost, Fate::Doubled, Fate::Late] {
                let mut world = tale();
                world.network.fate = Some((nth, fate));
                comes_to_its_end(&mut world, &format!("tale {n}, packet {nth} {fate:?}"));
            }
        }
    }
}

#[test]
fn a_stream_cut_at_every_packet_leaves_nothing() {
    for (n, tale) in TALES.iter().enumerate() {
        let over_tcp = || {
            let mut world = tale();
            for name in ["alice", "bob", "carol"] {
                world.phone(name).over(Over::Tcp);
            }
            world
        };
        let mut world = over_tcp();
        world.run_until(secs(14));
        for arrivals in 0..world.arrivals() {
            for who in ["alice", "bob", "carol"] {
                let mut world = over_tcp();
                world.at_packet(arrivals, Deed::Do(who, Act::Cut));
                comes_to_its_end(&mut world, &format!("tale {n}, {who}'s stream cut at packet {arrivals}"));
            }
        }
    }
}

#[test]
fn bad_lines_leave_nothing() {
    for seed in 0..25 {
        for tale in TALES {
            let mut world = tale().loss_percent(25).duplicate_percent(20).late_percent(20).delay_ms(5..120);
            world.reseed(seed);
            world.run_until(secs(60));
            let faults = world.faults_at_the_end();
            assert!(faults.is_empty(), "seed {seed}: {faults:#?}\n{}", world.ladder());
        }
    }
}
