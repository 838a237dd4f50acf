//! Encryption of media by policy: of the node, of a user, of a trunk. Where it is required nothing goes in clear, whatever happens in the
//! call, and the call's log says why one was refused.

use std::sync::Arc;

use ledgerline::config::Srtp;
use ledgerline::plan::{Folder, load};
use ledgerline::registrar::{Setting, change};
use ledgerline::switch::Input;
use ledgerline::trunk::Rules;

use crate::world::*;
use Encryption::{Insists, Never, Offers};

/// A world in which these users' phones are under these policies, and their phones do so.
fn office(seed: u64, people: &[(&str, Option<Srtp>, Encryption)]) -> World {
    let mut world = World::made(seed, Plan::Required, |setup| {
        for (user, policy, _) in people {
            change(&mut setup.settings, user, &Setting::Srtp(*policy));
        }
    });
    for (user, _, encryption) in people {
        world.phone(user).encryption = *encryption;
    }
    world
}

/// Whether media towards a phone was ever aimed in clear, and ever under keys.
fn aimed(world: &mut World, name: &str) -> (bool, bool) {
    let ports: Vec<_> = world.phone(name).dialogs.iter().map(|at| at.session.here).collect();
    let aims = world.plane.aimed.iter().filter(|(_, _, aim)| ports.contains(&aim.rtp));
    aims.fold((false, false), |(clear, sealed), (_, _, aim)| match aim.secure {
        Some(_) => (clear, true),
        None => (true, sealed),
    })
}

const CLEAR: (bool, bool) = (true, false);
const SEALED: (bool, bool) = (false, true);
const NOTHING: (bool, bool) = (false, false);

#[test]
fn each_side_is_held_to_its_own_policy() {
    let (off, optional, required) = (Some(Srtp::Off), Some(Srtp::Optional), Some(Srtp::Required));
    for (seed, alice, bob, hears) in [
        (600, (None, Never), (None, Never), Some((CLEAR, CLEAR))),
        (601, (None, Offers), (None, Never), Some((SEALED, CLEAR))),
        (602, (optional, Insists), (optional, Offers), Some((SEALED, SEALED))),
        (603, (off, Offers), (off, Offers), Some((CLEAR, CLEAR))),
        (604, (required, Offers), (None, Never), Some((SEALED, CLEAR))),
        (605, (required, Insists), (required, Insists), Some((SEALED, SEALED))),
        // A phone that takes RTP/SAVP only is rung once more with it.
        (606, (None, Never), (optional, Insists), Some((CLEAR, SEALED))),
        // Refused: the caller has no key, or may have none; the phone that is rung has none.
        (607, (required, Never), (None, Never), None),
        (608, (off, Insists), (None, Never), None),
        (609, (None, Never), (required, Never), None),
        (610, (None, Never), (off, Insists), None),
    ] {
        let people = [("alice", alice.0, alice.1), ("bob", bob.0, bob.1)];
        let mut world = office(seed, &people);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(10));
        assert_eq!(world.talked("alice", "bob"), hears.is_some(), "{people:?}\n{}", world.ladder());
        match hears {
            Some((alice, bob)) => {
                assert_eq!(aimed(&mut world, "alice"), alice, "{people:?}");
                assert_eq!(aimed(&mut world, "bob"), bob, "{people:?}");
            }
            None => {
                let ended = world.phone("alice").ended();
                assert!(matches!(ended, Some(How::Refused(488))), "{ended:?} {people:?}\n{}", world.ladder());
            }
        }
        world.settle();
    }
}

#[test]
fn both_ends_of_a_leg_hold_the_same_keys() {
    let mut world =
        office(620, &[("alice", Some(Srtp::Required), Insists), ("bob", Some(Srtp::Required), Insists)]);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    for name in ["alice", "bob"] {
        let session = world.phone(name).last().expect("a call").session.clone();
        let theirs = session.there.as_ref().and_then(|there| there.key.clone()).expect("keyed").1;
        let secure = world.plane.aimed.iter().rev().find(|(_, _, aim)| aim.rtp == session.here);
        let secure = secure.and_then(|(_, _, aim)| aim.secure.clone()).expect("keyed");
        let written =
            |octets: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, octets);
        assert_eq!(written(secure.receive.expose()), session.key(), "{name} sends");
        assert_eq!(written(secure.send.expose()), theirs, "{name} hears");
    }
    world.settle();
}

#[test]
fn the_log_says_why_a_call_was_refused() {
    for (seed, alice, bob, words) in [
        (
            630,
            (Some(Srtp::Required), Never),
            (None, Never),
            "leg0: it offers no encryption (SRTP), which is required",
        ),
        (
            631,
            (Some(Srtp::Off), Insists),
            (None, Never),
            "leg0: it insists on encryption (RTP/SAVP), and its policy is off",
        ),
        (
            632,
            (None, Never),
            (Some(Srtp::Optional), Insists),
            "leg1 refuses what it is offered: leg2 offers it encryption only",
        ),
    ] {
        let mut world = office(seed, &[("alice", alice.0, alice.1), ("bob", bob.0, bob.1)]);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(5));
        world.settle();
        let log = world.ladder();
        assert!(log.contains(words), "{words}\n{log}");
    }
}

#[test]
fn nobody_goes_on_in_clear_who_must_not() {
    for (seed, policy, encryption, who) in [
        (640, Some(Srtp::Required), Offers, "alice"),
        (641, Some(Srtp::Required), Insists, "alice"),
        (642, Some(Srtp::Required), Insists, "bob"),
    ] {
        let mut world = office(seed, &[(who, policy, encryption)]);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone(who).holds(Notation::SendOnly).after(secs(3));
        world.phone(who).resumes().after(secs(5));
        world.phone(who).goes_on_in_clear().after(secs(7));
        world.phone(who).moves_its_media().after(secs(9));
        world.run_until(secs(16));
        assert_eq!(aimed(&mut world, who), SEALED, "{}", world.ladder());
        assert!(world.ladder().contains("it offers no encryption (SRTP), which is required"));
        let before = world.heard("alice", "bob");
        world.run_until(secs(18));
        assert!(world.heard("alice", "bob") > before, "the call goes on as it was\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn an_optional_leg_may_change_its_mind() {
    let mut world = office(645, &[("alice", None, Offers)]);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").goes_on_in_clear().after(secs(4));
    world.run_until(secs(14));
    assert_eq!(aimed(&mut world, "alice"), (true, true));
    assert!(world.heard("alice", "bob") > secs(10), "{}", world.ladder());
    world.settle();
}

/// Whoever comes into a running call (by transfer, pickup, from a slot, attended) is held to its own policy.
#[test]
fn whoever_comes_later_is_held_to_the_policy_too() {
    type Comes = fn(&mut World);
    let by_transfer: Comes = |world| {
        world.phone("carol").answers().after(secs(1));
        world.phone("bob").will(When::At(secs(6)), Act::Refer("8003".into(), ""));
    };
    let by_pickup: Comes = |world| {
        world.phone("bob").answers().after(secs(30));
        world.phone("carol").dials("*8").at(secs(5));
    };
    let from_slot: Comes = |world| {
        for (n, key) in "*68701".chars().enumerate() {
            world.phone("bob").presses(key).after(secs(3) + ms(250 * n as u64));
        }
        world.phone("carol").dials("701").at(secs(12));
    };
    let attended: Comes = |world| {
        world.phone("carol").answers().after(secs(1));
        world.phone("bob").dials("8003").at(secs(6));
        world.phone("bob").will(When::At(secs(11)), Act::ReferAttended);
    };
    let ways =
        [("transfer", by_transfer), ("pickup", by_pickup), ("slot", from_slot), ("attended", attended)];
    for (n, (way, comes)) in ways.into_iter().enumerate() {
        for (encryption, works) in
            [(Insists, true), (Offers, way != "attended" && way != "transfer"), (Never, false)]
        {
            let seed = 650 + n as u64;
            let mut world = office(seed, &[("carol", Some(Srtp::Required), encryption)]);
            world.phone("alice").dials("8002").at(secs(1));
            world.phone("bob").answers().after(secs(1));
            comes(&mut world);
            world.run_until(secs(28));
            // What phones that only offer keys do with RTP/SAVP is theirs: this one takes it.
            let works = works || encryption == Offers;
            assert_eq!(world.talked("alice", "carol"), works, "{way} {encryption:?}\n{}", world.ladder());
            let expected = if works { SEALED } else { NOTHING };
            assert_eq!(aimed(&mut world, "carol"), expected, "{way} {encryption:?}\n{}", world.ladder());
            world.settle();
        }
    }
}

const CARRIER: &str = "edition 2026\nmodule office\npolicy all for all calls {\n  record off\n}\n\
    route \"5XXX\" from users -> dial trunk carrier number {callee} for 20s\n\
    route \"80XX\" from trunk carrier -> dial user {callee} for 20s\n";

/// Frank's phone is the carrier.
fn with_carrier(seed: u64, srtp: Option<Srtp>, encryption: Encryption) -> World {
    let (program, findings) =
        load(&Folder::new().with_plan("office.plan", CARRIER).with_any_sound(), &["office.plan"]);
    let program: Arc<_> = program.unwrap_or_else(|| panic!("{findings:?}"));
    let mut world = World::made(seed, Plan::Unrecorded, |setup| setup.program = program);
    let frank = world.phone("frank");
    frank.encryption = encryption;
    frank.registers_first = false;
    let at = frank.id.seen;
    let rules = Rules {
        name: "carrier".into(),
        group: None,
        priority: 1,
        weight: 1,
        to: vec![format!("sip:{at}").parse().expect("a URI")],
        from: Vec::new(),
        register: None,
        user: "us".into(),
        realm: None,
        secret: None,
        caller_ids: vec!["4930100".into()],
        calls: 0,
        outward: Vec::new(),
        inward: Vec::new(),
        ask: None,
        codecs: Vec::new(),
        srtp,
        video: false,
        forwarded_by: Default::default(),
    };
    let listeners = vec![(ledgerline::sip::Transport::Udp, setting_address())];
    let now = world.now;
    world.switch.handle(now, Input::Trunks { rules: vec![rules], listeners });
    world
}

fn setting_address() -> std::net::SocketAddr {
    "192.0.2.1:5060".parse().expect("an address")
}

#[test]
fn a_trunk_has_a_policy_of_its_own() {
    for (seed, policy, encryption, works) in [
        (680, Some(Srtp::Required), Insists, Some(SEALED)),
        (681, Some(Srtp::Required), Never, None),
        (682, Some(Srtp::Off), Offers, Some(CLEAR)),
        (683, None, Offers, Some(SEALED)),
    ] {
        let mut world = with_carrier(seed, policy, encryption);
        world.phone("frank").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(8));
        assert_eq!(world.talked("frank", "bob"), works.is_some(), "in: {policy:?}\n{}", world.ladder());
        assert_eq!(aimed(&mut world, "frank"), works.unwrap_or(NOTHING), "in: {policy:?}");
        world.settle();

        let mut world = with_carrier(seed, policy, encryption);
        world.phone("frank").id.user = "5001".into();
        world.phone("frank").answers().after(secs(1));
        world.phone("alice").dials("5001").at(secs(1));
        world.run_until(secs(8));
        assert_eq!(world.talked("frank", "alice"), works.is_some(), "out: {policy:?}\n{}", world.ladder());
        // Not settled: the model holds every phone for a registered one.
        assert_eq!(aimed(&mut world, "frank"), works.unwrap_or(NOTHING), "out: {policy:?}");
    }
}
