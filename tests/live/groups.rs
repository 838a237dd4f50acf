//! Who rings when: forwards, several phones of one user, ring groups, and being called back by whoever was busy. SIPp's phones.

use std::time::Duration;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Sipp, Task};
use crate::talk;
use crate::world::{entered, wait_until};

const PLAN: &str = include_str!("plans/groups.plan");

/// Alice (8001), Bob (8002), Carol (8003), and where their phones are, apart enough for SIPp's media ports; Bob has a second one.
const ALICE: (&str, u16) = ("alice", 5_071);
const BOB: (&str, u16) = ("bob", 5_081);
const CAROL: (&str, u16) = ("carol", 5_091);
const BOBS_OTHER: (&str, u16) = ("bob", 5_101);

const GROUPS: &str = r#"
[features.ring.everybody]
strategy = "all"
members = ["bob", "carol"]

[features.ring.ordered]
strategy = "in-order"
members = ["bob", "carol"]
each_s = 5

[features.ring.turns]
strategy = "round-robin"
members = ["bob", "carol"]
each_s = 20
"#;

/// A node with these users and groups, which does not serve yet.
fn office() -> Node {
    let node = talk::node(PLAN);
    node.user("carol", "8003");
    let config = std::fs::read_to_string(node.path("ledgerline.toml")).expect("configuration");
    node.write("ledgerline.toml", (config + GROUPS).as_bytes());
    node
}

/// A node that serves, and at which `phones` are registered.
fn open(mut node: Node, phones: &[(&str, u16)]) -> Node {
    node.serve();
    for (user, port) in phones {
        sipp::register(Over::Udp, user, *port, 3_600);
    }
    node
}

fn phone((user, port): (&str, u16), scenario: Scenario) -> Sipp {
    sipp::start(Task { over: Over::Udp, user, port, scenario, more: &["-m", "1", "-d", "500"] })
}

/// Alice calls `number`.
fn calls(number: &str, scenario: Scenario) -> Sipp {
    caller(ALICE, number, scenario)
}

fn caller((user, port): (&str, u16), number: &str, scenario: Scenario) -> Sipp {
    let more = ["-m", "1", "-d", "500", "-s", number];
    sipp::start(Task { over: Over::Udp, user, port, scenario, more: &more })
}

fn talks() -> Scenario {
    Scenario::new().call().answered().ack().talk().bye()
}

fn answers() -> Scenario {
    Scenario::new().rings().answers().hung_up_on()
}

fn quiet_again(node: &Node) {
    wait_until("the last call's end", Duration::from_secs(15), || node.ask(&["status"])["calls"] == 0);
}

#[test]
fn calls_are_forwarded_when_a_phone_is_busy_silent_or_not_there() {
    if !entered() {
        return;
    }
    for (when, more, bob, reason) in [
        ("busy", &[][..], Some(Scenario::new().refuses("486 Busy Here")), "user-busy"),
        ("no-answer", &["--after", "5"], Some(Scenario::new().rings().cancelled()), "no-answer"),
        ("unregistered", &[], None, "unavailable"),
    ] {
        let node = office();
        let forward = [&["user", "forward", "bob", when, "8003"], more].concat();
        node.command(&forward).succeeded();
        let there: &[(&str, u16)] = if bob.is_some() { &[BOB, CAROL] } else { &[CAROL] };
        let mut node = open(node, there);
        let bob = bob.map(|scenario| phone(BOB, scenario));
        let told = format!("8002@.*reason={reason}");
        let carol = phone(CAROL, Scenario::new().rings_if("Diversion:", &told).answers().hung_up_on());
        calls("8002", talks()).succeeded();
        carol.succeeded();
        if let Some(bob) = bob {
            bob.succeeded();
        }
        quiet_again(&node);
        node.stop();
    }
}

#[test]
fn a_users_preferred_phone_rings_first_and_the_other_when_it_fails() {
    if !entered() {
        return;
    }
    let node = open(office(), &[]);
    for ((user, port), q) in [(BOB, "1.0"), (BOBS_OTHER, "0.5")] {
        sipp::register_preferred(Over::Udp, user, port, q);
    }
    assert_eq!(node.rows(&["phones", "bob"]).len(), 2);
    // It takes the call, and the other never hears of it: a SIPp that was asked for a call would have to end.
    let first = phone(BOB, answers());
    let mut second = phone(BOBS_OTHER, answers());
    calls("8002", talks()).succeeded();
    first.succeeded();
    assert!(!second.has_ended(), "the other phone was rung");
    let refusing = phone(BOB, Scenario::new().refuses("480 Temporarily Unavailable"));
    calls("8002", talks()).succeeded();
    refusing.succeeded();
    second.succeeded();
    quiet_again(&node);
}

#[test]
fn a_ring_group_rings_at_once_in_order_and_in_turns() {
    if !entered() {
        return;
    }
    let node = open(office(), &[BOB, CAROL]);
    // All: the phone that does not answer hears that somebody else has.
    let bob = phone(BOB, Scenario::new().rings().cancelled_because("completed elsewhere"));
    let carol = phone(CAROL, Scenario::new().rings().wait(500).answers().hung_up_on());
    calls("8050", talks()).succeeded();
    carol.succeeded();
    bob.succeeded();
    // In order: Bob rings for five seconds, then Carol.
    let bob = phone(BOB, Scenario::new().rings().cancelled());
    let carol = phone(CAROL, answers());
    calls("8051", talks()).succeeded();
    carol.succeeded();
    bob.succeeded();
    // In turns: Bob takes the first call, Carol the second.
    for turn in [BOB, CAROL] {
        let rung = phone(turn, answers());
        calls("8052", talks()).succeeded();
        rung.succeeded();
    }
    quiet_again(&node);
}

#[test]
fn whoever_found_a_user_busy_is_called_back() {
    if !entered() {
        return;
    }
    let node = open(office(), &[ALICE, BOB, CAROL]);
    let bob = phone(BOB, Scenario::new().refuses("486 Busy Here"));
    calls("8002", Scenario::new().call().refused(486)).succeeded();
    bob.succeeded();
    // A beep, then the switch hangs up.
    calls("*66", Scenario::new().call().answered().ack().hung_up_on()).succeeded();
    // Bob uses his phone, and has done with it: Alice's rings, and then his.
    let alice = phone(ALICE, Scenario::new().rings_if("From:", "8002").answers().hung_up_on());
    let carol = phone(CAROL, answers());
    caller(BOB, "8003", talks()).succeeded();
    carol.succeeded();
    phone(BOB, Scenario::new().rings_if("From:", "8001").answers().hangs_up()).succeeded();
    alice.succeeded();
    quiet_again(&node);
    // Once, and no more.
    calls("*66", Scenario::new().call().refused(480)).succeeded();
}
