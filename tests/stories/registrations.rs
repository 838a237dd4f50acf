//! Phones come and go.

use crate::world::*;

/// How a call to Bob ends that Alice makes at this moment of the story.
fn call_at(world: &mut World, at: u64) -> Option<How> {
    world.phone("alice").dials("8002").at(secs(at));
    world.run_until(secs(at + 5));
    world.phone("alice").ended()
}

#[test]
fn a_phone_that_says_goodbye_is_not_rung() {
    let mut world = World::seeded(100);
    world.phone("alice");
    world.phone("bob").rejects(486).after(ms(10));
    world.phone("bob").unregisters().at(secs(10));
    assert_eq!(call_at(&mut world, 1), Some(How::Refused(486)));
    assert_eq!(call_at(&mut world, 12), Some(How::Refused(480)));
    world.settle();
}

#[test]
fn a_registration_lapses_when_it_is_not_renewed() {
    let mut world = World::seeded(101);
    world.phone("alice");
    world.phone("bob").rejects(486).after(ms(10));
    world.phone("bob").registers_for(90).at(secs(1));
    assert_eq!(call_at(&mut world, 85), Some(How::Refused(486)));
    assert_eq!(call_at(&mut world, 95), Some(How::Refused(480)));
    world.phone("bob").registers().at(secs(110));
    assert_eq!(call_at(&mut world, 120), Some(How::Refused(486)));
    world.settle();
}

#[test]
fn a_registration_that_is_too_brief_is_refused() {
    let mut world = World::seeded(102);
    world.phone("bob").registers_for(5).at(secs(1));
    world.run_until(secs(5));
    assert_eq!(world.phone("bob").answers.last(), Some(&("REGISTER".to_string(), 423)));
    world.settle();
}

#[test]
fn a_user_has_five_phones_and_no_more() {
    let mut world = World::seeded(103);
    for name in ["bob", "bob/2", "bob/3", "bob/4", "bob/5"] {
        world.phone(name);
    }
    let sixth = world.phone("bob/6");
    sixth.registers_first = false;
    sixth.registers().at(secs(1));
    world.run_until(secs(5));
    assert_eq!(world.phone("bob/6").answers.last(), Some(&("REGISTER".to_string(), 403)));
    world.settle();
}

#[test]
fn a_phone_registers_over_a_line_that_loses_a_third() {
    for seed in 0..20 {
        let mut world = World::seeded(seed).loss_percent(33).delay_ms(20..80);
        let bob = world.phone("bob");
        bob.registers_first = false;
        bob.registers().at(secs(1));
        world.run_until(secs(70));
        assert!(world.phone("bob").registered, "seed {seed}");
        world.settle();
    }
}

#[test]
fn a_stream_that_breaks_takes_its_registration_with_it() {
    let mut world = World::seeded(104);
    world.phone("alice");
    let bob = world.phone("bob").over(Over::Tcp);
    bob.rejects(486).after(ms(10));
    bob.loses_its_connection().at(secs(10));
    assert_eq!(call_at(&mut world, 1), Some(How::Refused(486)));
    // The phone comes back by itself half a second later.
    assert_eq!(call_at(&mut world, 12), Some(How::Refused(486)));
    world.settle();
}

#[test]
fn an_administrator_forgets_a_users_phones() {
    let mut world = World::seeded(105);
    world.phone("alice");
    world.phone("bob").rejects(486).after(ms(10));
    world.at(secs(2), Deed::Ask(ledgerline::switch::Command::Unregister { user: "bob".into() }));
    assert_eq!(call_at(&mut world, 5), Some(How::Refused(480)));
    world.settle();
}
