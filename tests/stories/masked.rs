//! What agents' phones may not see (`mask … in agent`), and how they call back all the same (PII-05).

use ledgerline::config::Shown;
use ledgerline::trunk::{Rewrite, Rules};

use crate::world::*;

const CARRIER: &str = "198.51.100.1";
/// Who calls over the trunk.
const CUSTOMER: &str = "61234567890";

/// A node whose policy says `clause`; the carrier delivers a call of the customer to bob, who answers.
fn world(seed: u64, clause: &str) -> World {
    let says = format!("  retain standard\n  {clause}\n}}");
    let program = Plan::Required.changed("  retain standard\n}", &says);
    let inward = vec![Rewrite { prefix: CARRIER.into(), with: CUSTOMER.into() }];
    let rules = Rules { inward, ..carrier_rules("first", CARRIER, 1) };
    let mut world = World::made(seed, Plan::Required, |setup| {
        setup.program = program;
        setup.presence.shown = Shown::All;
    })
    .with_trunks(vec![rules]);
    world.stranger(CARRIER).answers().after(secs(1));
    world.stranger(CARRIER).is_carrier();
    world.stranger(CARRIER).dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(4));
    assert!(world.talked(CARRIER, "bob"), "{}", world.ladder());
    world
}

/// Whom bob's phone was told as the caller: the whole INVITE, and the user of its From.
fn told(world: &mut World) -> (String, String) {
    let invite = world.phone("bob").rung.clone().expect("it was rung");
    let from = invite.lines().find(|line| line.starts_with("From:")).expect("a From").to_string();
    let user = from.split("sip:").nth(1).and_then(|rest| rest.split('@').next()).expect("a user").to_string();
    (invite, user)
}

#[test]
fn a_number_that_is_masked_for_agents_is_on_no_phone_and_can_be_called_back() {
    let mut world = world(830, "mask phone, name in agent");
    let (invite, stand_in) = told(&mut world);
    assert!(!invite.contains(CUSTOMER) && invite.contains("\"612****7890\""), "{invite}");
    world.stranger(CARRIER).hangs_up().at(secs(5));
    world.run_until(secs(8));
    // What the phone's list of calls dials.
    world.phone("bob").dials(&format!("1{}", &stand_in[1..])).at(secs(8));
    world.run_until(secs(10));
    assert_eq!(world.stranger(CARRIER).rung, None, "another number of the same form is nobody's");
    world.phone("bob").dials(&stand_in).at(secs(11));
    world.run_until(secs(15));
    let invite = world.stranger(CARRIER).rung.clone().unwrap_or_default();
    assert!(invite.contains("sip:+491234567890@"), "{invite}\n{}", world.ladder());
    world.settle();
}

#[test]
fn without_such_a_policy_the_number_is_shown_and_colleagues_always_are() {
    let mut world = world(831, "mask phone in log, api, cdr");
    assert_eq!(told(&mut world).1, CUSTOMER);
    world.settle();
    let mut world = self::world(832, "mask phone, name in agent");
    world.stranger(CARRIER).hangs_up().at(secs(5));
    world.phone("erin").dials("8002").at(secs(7));
    world.run_until(secs(10));
    assert!(told(&mut world).0.contains("Erin"), "who is of the house is shown");
    world.settle();
}

/// What the lamps of others show of bob's call.
#[test]
fn lamps_show_no_number_that_is_masked_for_agents() {
    let mut world = world(833, "mask phone in agent");
    world.phone("carol").watches("dialog", "8002").at(secs(4));
    world.run_until(secs(8));
    let seen: String =
        world.phone("carol").watch().notices.iter().map(|notice| notice.body.as_str()).collect();
    assert!(!seen.contains(CUSTOMER) && seen.contains("612****7890"), "{seen}");
    world.settle();
}
