//! SIPp's phones watch each other, pick up for each other, park calls, write texts and are asked to synchronise.

use std::time::Duration;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Sipp, Task};
use crate::talk::{self, OFFICE};
use crate::world::{entered, wait_until};

const ALICE: u16 = 5071;
const BOB: u16 = 5081;
const CAROL: u16 = 5091;

/// A node with two park slots, at which alice (8001), bob (8002) and carol (8003) are registered.
fn office() -> Node {
    let mut node = talk::node(OFFICE);
    node.user("carol", "8003");
    node.add("features", "slots = \"701-702\"");
    node.serve();
    for (user, port) in [("alice", ALICE), ("bob", BOB), ("carol", CAROL)] {
        sipp::register(Over::Udp, user, port, 3_600);
    }
    node
}

/// One call (or subscription, or text) of a phone; `number` is whom it is for.
fn phone(user: &str, port: u16, number: &str, scenario: Scenario) -> Sipp {
    let more = ["-m", "1", "-s", number, "-d", "3000"];
    sipp::start(Task { over: Over::Udp, user, port, scenario, more: &more })
}

fn calls(node: &Node) -> usize {
    node.ask(&["status"])["calls"].as_u64().expect("a number") as usize
}

fn subscriptions(node: &Node) -> u64 {
    node.ask(&["status"])["subscriptions"].as_u64().expect("a number")
}

fn wait_for_subscriptions(node: &Node, count: u64) {
    wait_until("the subscriptions", Duration::from_secs(10), || subscriptions(node) == count);
}

#[test]
fn a_busy_lamp_follows_a_call() {
    if !entered() {
        return;
    }
    let mut node = office();
    let lamp = Scenario::new()
        .subscribe("dialog", 600)
        .notified("version=\"0\" state=\"full\" entity=\"sip:8002@ledgerline\"/>")
        .notified("version=\"1\".*direction=\"recipient\".*<state>trying</state>")
        .notified("<state>confirmed</state>.*<remote>.*sip:8001@ledgerline")
        .notified("<state>terminated</state>")
        .subscribe("dialog", 0)
        .notified("version=\"4\"");
    let carol = phone("carol", CAROL, "8002", lamp);
    wait_for_subscriptions(&node, 1);
    // Each state lasts longer than the second that lies between two NOTIFYs: the watcher is told every one.
    let bob = phone("bob", BOB, "8001", Scenario::new().hesitates(2_500).answers().hung_up_on());
    phone("alice", ALICE, "8002", Scenario::new().call().answered().ack().talk().bye()).succeeded();
    bob.succeeded();
    carol.succeeded();
    wait_for_subscriptions(&node, 0);
    node.stop();
}

#[test]
fn a_mailbox_lamp_lights_and_goes_out() {
    if !entered() {
        return;
    }
    let mut node = office();
    let lamp = Scenario::new()
        .subscribe("message-summary", 600)
        .notified("Messages-Waiting: yes.*Voice-Message: 2/5")
        .notified("Messages-Waiting: no.*Voice-Message: 0/0");
    node.ask(&["phones", "waiting", "alice", "--new", "2", "--old", "5"]);
    let alice = phone("alice", ALICE, "alice", lamp);
    wait_for_subscriptions(&node, 1);
    node.ask(&["phones", "waiting", "8001"]);
    alice.succeeded();
    node.stop();
}

#[test]
fn a_colleague_picks_up_and_another_takes_from_a_slot() {
    if !entered() {
        return;
    }
    let mut node = office();
    // Bob's phone rings, Carol takes the call by its number.
    let bob = phone("bob", BOB, "8001", Scenario::new().rings().cancelled());
    let alice = phone("alice", ALICE, "8002", Scenario::new().call().answered().ack().hung_up_on());
    wait_until("a ringing phone", Duration::from_secs(10), || {
        node.rows(&["calls"]).iter().any(|call| call["state"] == "ringing")
    });
    phone("carol", CAROL, "**8002", Scenario::new().call().answered().ack().talk().bye()).succeeded();
    alice.succeeded();
    bob.succeeded();
    // Alice parks Bob, Carol takes him.
    let bob = phone("bob", BOB, "8001", Scenario::new().rings().answers().hung_up_on());
    let parks = Scenario::new().call().answered().ack().wait(500).press("*68701").hung_up_on();
    phone("alice", ALICE, "8002", parks).succeeded();
    wait_until("a parked call", Duration::from_secs(10), || {
        node.rows(&["calls"]).iter().any(|call| call["state"] == "parked")
    });
    phone("carol", CAROL, "701", Scenario::new().call().answered().ack().talk().bye()).succeeded();
    bob.succeeded();
    wait_until("the last call's end", Duration::from_secs(10), || calls(&node) == 0);
    node.stop();
}

#[test]
fn a_text_arrives_and_a_phone_is_asked_to_synchronise() {
    if !entered() {
        return;
    }
    let mut node = office();
    let bob = phone("bob", BOB, "8001", Scenario::new().reads("lunch at noon"));
    phone("alice", ALICE, "8002", Scenario::new().writes("lunch at noon?")).succeeded();
    bob.succeeded();
    let bob = phone("bob", BOB, "8001", Scenario::new().synchronised());
    assert_eq!(node.ask(&["phones", "sync", "bob", "--reboot"]), 1);
    bob.succeeded();
    wait_until("the log's lines", Duration::from_secs(10), || {
        let log = node.log();
        log.contains("text message") && log.contains("phone asked to synchronise")
    });
    assert!(!node.log().contains("lunch"), "the text itself is in no log");
    node.stop();
}
