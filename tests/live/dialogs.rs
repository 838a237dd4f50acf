//! SIPp's phones do what goes beyond a plain call: reliable ringing, UPDATE, session timers, transfer.

use std::time::Duration;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Sipp, Task};
use crate::talk::{self, OFFICE};
use crate::world::{entered, wait_for, wait_until};

const ALICE: u16 = 5071;
const BOB: u16 = 5072;
/// SIPp takes the RTP ports from 10 000 above up to three more.
const CAROL: u16 = 5090;

fn office() -> Node {
    let mut node = talk::node(OFFICE);
    node.user("carol", "8003");
    node.serve();
    for (user, port) in [("alice", ALICE), ("bob", BOB), ("carol", CAROL)] {
        sipp::register(Over::Udp, user, port, 3_600);
    }
    node
}

fn phone(user: &str, port: u16, scenario: Scenario) -> Sipp {
    let more = ["-m", "1", "-s", "8002", "-d", "1000"];
    sipp::start(Task { over: Over::Udp, user, port, scenario, more: &more })
}

fn answers() -> Scenario {
    Scenario::new().rings().answers().hung_up_on()
}

/// Waits for the last call's end; returns what was explained of it.
fn explained(node: &Node) -> String {
    wait_until("the last call's end", Duration::from_secs(10), || node.ask(&["status"])["calls"] == 0);
    let found =
        wait_for("the recording", Duration::from_secs(10), || node.rows(&["rec", "search", "8002"]).pop());
    let id = found["call"].as_str().expect("a call").to_string();
    node.command(&["call", "explain", &id]).succeeded().out
}

#[test]
fn a_phone_that_requires_100rel_is_rung_reliably_and_changes_its_session_by_update() {
    if !entered() {
        return;
    }
    let node = office();
    let bob = phone("bob", BOB, answers());
    let calling = Scenario::new()
        .call_with("Require: 100rel\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\n")
        .rung_reliably()
        .answered()
        .ack()
        .update("sendonly", "a=recvonly")
        .update("sendrecv", "a=sendrecv")
        .bye();
    phone("alice", ALICE, calling).succeeded();
    bob.succeeded();
    let explained = explained(&node);
    for part in ["PRACK", "UPDATE (sdp)", "leg0 holds", "leg0 resumes"] {
        assert!(explained.contains(part), "{part} in\n{explained}");
    }
}

#[test]
fn a_session_interval_that_is_too_small_is_refused() {
    if !entered() {
        return;
    }
    let _node = office();
    let calling = Scenario::new().call_with("Supported: timer\nSession-Expires: 60\n").refused(422);
    phone("alice", ALICE, calling).succeeded();
}

#[test]
fn a_caller_transfers_whom_it_has_called_and_is_let_go() {
    if !entered() {
        return;
    }
    let node = office();
    let carol = phone("carol", CAROL, Scenario::new().rings().answers().hangs_up());
    let bob = phone("bob", BOB, answers());
    let calling = Scenario::new().call().answered().ack().talk().refer("8003");
    phone("alice", ALICE, calling).succeeded();
    carol.succeeded();
    bob.succeeded();
    let explained = explained(&node);
    for part in ["leg0 transfers leg1 to 8003", "NOTIFY (200)", "leg1 and leg2 are joined"] {
        assert!(explained.contains(part), "{part} in\n{explained}");
    }
    assert_eq!(node.rows(&["rec", "search", "8002"]).len(), 1, "one recording of it all");
    assert_eq!(node.command(&["rec", "verify"]).code, 0);
}

#[test]
fn a_call_begins_for_a_user_at_the_command_line() {
    if !entered() {
        return;
    }
    let node = office();
    let alice = phone("alice", ALICE, Scenario::new().rings().answers().hangs_up());
    let bob = phone("bob", BOB, answers());
    node.command(&["call", "start", "alice", "8002", "--auto-answer"]).succeeded();
    alice.succeeded();
    bob.succeeded();
    let explained = explained(&node);
    assert!(explained.contains("begun by an administrator"), "{explained}");
}
