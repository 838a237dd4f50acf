//! Calls that go elsewhere because somebody has said so, and people who are not to be disturbed.

use ledgerline::registrar::{Setting, SettingsBook, When, change};

use crate::world::*;

fn forward(when: When, to: &str) -> Setting {
    Setting::Forward { when, to: Some(to.into()), after_s: Some(5) }
}

/// A world where these users have set this.
fn world(seed: u64, set: &[(&str, Setting)]) -> World {
    let mut book = SettingsBook::new();
    for (user, setting) in set {
        change(&mut book, user, setting);
    }
    World::made(seed, Plan::Required, |setup| setup.settings = book)
}

/// The values of a header of the last INVITE that a phone got.
fn fields(world: &mut World, name: &str, header: &str) -> Vec<String> {
    let invite = world.phone(name).rung.clone().unwrap_or_default();
    let lines = invite.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(at, _)| *at == header).map(|(_, value)| value.to_string()).collect()
}

#[test]
fn a_call_goes_where_its_callee_has_said() {
    for (n, when, reason, cause) in [
        (0, When::Always, "unconditional", 302),
        (1, When::Busy, "user-busy", 486),
        (2, When::NoAnswer, "no-answer", 408),
        (3, When::Unregistered, "unavailable", 503),
    ] {
        let mut world = world(300 + n, &[("bob", forward(when, "8003"))]);
        world.phone("alice").dials("8002").at(secs(1));
        match when {
            When::Busy => world.phone("bob").rejects(486).after(ms(100)),
            When::NoAnswer | When::Always => drop(world.phone("bob")),
            When::Unregistered => {}
        }
        world.phone("carol").answers().after(secs(1));
        world.run_until(secs(12));
        assert!(world.talked("alice", "carol"), "{when:?}\n{}", world.ladder());
        let diversion = fields(&mut world, "carol", "Diversion");
        assert_eq!(diversion, [format!("<sip:8002@pbx.test>;reason={reason};counter=1")], "{when:?}");
        let history = fields(&mut world, "carol", "History-Info");
        assert_eq!(
            history,
            [
                "<sip:8002@pbx.test>;index=1".to_string(),
                format!("<sip:8003@pbx.test;cause={cause}>;index=1.1;mp=1")
            ]
        );
        if when != When::Unregistered {
            let rung = world.phone("bob").last().is_some();
            assert_eq!(rung, when != When::Always, "{when:?}");
        }
        world.settle();
    }
}

#[test]
fn one_phone_of_two_that_is_busy_forwards_nothing() {
    let mut world = world(310, &[("bob", forward(When::Busy, "8003"))]);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob/desk").rejects(486).after(ms(100));
    world.phone("bob/mobile").answers().after(secs(2));
    world.phone("carol").answers().after(ms(100));
    world.run_until(secs(10));
    assert!(
        world.talked("alice", "bob/mobile") && world.phone("carol").last().is_none(),
        "{}",
        world.ladder()
    );
    world.settle();
}

#[test]
fn whoever_is_not_to_be_disturbed_is_busy_or_elsewhere() {
    let mut quiet = world(311, &[("bob", Setting::Dnd(true))]);
    quiet.phone("alice").dials("8002").at(secs(1));
    quiet.phone("bob").answers().after(ms(100));
    quiet.run_until(secs(5));
    assert_eq!(quiet.phone("alice").ended(), Some(How::Refused(486)));
    assert!(quiet.phone("bob").last().is_none());
    quiet.settle();
    let mut elsewhere = world(312, &[("bob", Setting::Dnd(true)), ("bob", forward(When::Busy, "8003"))]);
    elsewhere.phone("alice").dials("8002").at(secs(1));
    elsewhere.phone("bob");
    elsewhere.phone("carol").answers().after(ms(100));
    elsewhere.run_until(secs(5));
    assert!(elsewhere.talked("alice", "carol"), "{}", elsewhere.ladder());
    elsewhere.settle();
}

#[test]
fn forwards_that_lead_back_end() {
    for (n, set) in [
        vec![("bob", forward(When::Always, "8003")), ("carol", forward(When::Always, "8002"))],
        vec![("bob", forward(When::Always, "8002"))],
        vec![
            ("bob", forward(When::Always, "8003")),
            ("carol", forward(When::Busy, "8004")),
            ("dave", forward(When::Busy, "8002")),
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = world(320 + n as u64, &set);
        world.phone("alice").dials("8002").at(secs(1));
        for name in ["bob", "carol", "dave"] {
            world.phone(name).rejects(486).after(ms(100));
        }
        world.run_until(secs(30));
        assert!(matches!(world.phone("alice").ended(), Some(How::Refused(_))), "{}", world.ladder());
        world.settle();
    }
}

/// A forward is dialled with the rights of whoever set it: what the plan does not route, it does not reach.
#[test]
fn a_forward_reaches_only_what_its_user_may_dial() {
    for (n, to) in ["0086900", "nobody", "9"].into_iter().enumerate() {
        let mut world = world(330 + n as u64, &[("bob", forward(When::Always, to))]);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(ms(100));
        world.run_until(secs(10));
        assert!(matches!(world.phone("alice").ended(), Some(How::Refused(_))), "{to}\n{}", world.ladder());
        assert!(world.phone("bob").last().is_none());
        world.settle();
    }
}

#[test]
fn codes_set_and_unset_and_are_answered() {
    let mut world = World::with_plan(340, Plan::Unrecorded);
    world.phone("bob").dials("*728003").at(secs(1));
    world.phone("carol").answers().after(ms(100));
    world.run_until(secs(8));
    assert_eq!(world.phone("bob").ended(), Some(How::FarSideHungUp), "a beep, and over\n{}", world.ladder());
    let (user, settings) = world.set.last().cloned().expect("it is to be kept");
    assert_eq!((user.as_str(), settings.forward(When::Always)), ("bob", Some("8003")));
    world.phone("alice").dials("8002").at(secs(9));
    world.phone("alice").hangs_up().after(secs(3));
    world.run_until(secs(18));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    world.phone("bob").dials("*73").at(secs(19));
    world.phone("bob").rejects(486).after(ms(10));
    world.phone("alice").dials("8002").at(secs(30));
    world.run_until(secs(35));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(486)));
    assert!(world.set.last().is_some_and(|(_, settings)| settings.is_plain()));
    world.settle();
}

#[test]
fn nobody_sets_anything_for_somebody_else() {
    let mut world = World::with_plan(341, Plan::Unrecorded);
    world.phone("alice");
    world.phone("bob");
    world.run_until(secs(1));
    world.phone("alice").claims("bob").dials("*78").at(secs(2));
    world.run_until(secs(5));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(403)));
    assert!(world.set.is_empty());
    world.settle();
}
