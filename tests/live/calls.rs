//! SIPp's phones call each other through the switch: over UDP and IPv6, in the ways that calls begin, change and end.

use std::time::Duration;

use serde_json::Value;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Task};
use crate::talk::{self, OFFICE};
use crate::world::{entered, wait_for, wait_until};

const LOAD: &str = include_str!("plans/load.plan");

const ALICE: u16 = 5071;
const BOB: u16 = 5072;

/// A node at which alice (8001) and bob (8002) are registered.
fn office(plan: &str, over: Over) -> Node {
    let mut node = talk::node(plan);
    node.serve();
    sipp::register(over, "alice", ALICE, 3_600);
    sipp::register(over, "bob", BOB, 3_600);
    node
}

/// Bob's side: `count` calls.
fn bob(over: Over, scenario: Scenario, count: &str) -> sipp::Sipp {
    sipp::start(Task { over, user: "bob", port: BOB, scenario, more: &["-m", count] })
}

/// Alice's side of one call to `number`.
fn alice(over: Over, scenario: Scenario, number: &str) -> sipp::Sipp {
    let more = ["-m", "1", "-s", number, "-d", "1000"];
    sipp::start(Task { over, user: "alice", port: ALICE, scenario, more: &more })
}

/// One call of two scenarios; both must go through to their ends.
fn both(over: Over, calling: Scenario, called: Scenario) {
    let bob = bob(over, called, "1");
    alice(over, calling, "8002").succeeded();
    bob.succeeded();
}

fn plain() -> Scenario {
    Scenario::new().call().answered().ack().talk().bye()
}

fn answers() -> Scenario {
    Scenario::new().rings().answers().hung_up_on()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("a text {key} in {value}"))
}

/// After every test: no call is left, and nothing of a call is.
fn quiet_again(node: &Node) {
    wait_until("the last call's end", Duration::from_secs(10), || node.ask(&["status"])["calls"] == 0);
}

#[test]
fn phones_register_with_digest_and_are_listed_until_they_leave() {
    if !entered() {
        return;
    }
    let mut node = office(OFFICE, Over::Udp);
    let phones = node.rows(&["phones"]);
    let users: Vec<&str> = phones.iter().map(|phone| text(phone, "user")).collect();
    assert_eq!(users, ["alice", "bob"]);
    assert_eq!(text(&phones[1], "source"), "127.0.0.1:5072");
    assert_eq!((text(&phones[1], "transport"), text(&phones[1], "agent")), ("udp", "live-test"));
    sipp::register(Over::Udp, "bob", BOB, 0);
    assert_eq!(node.rows(&["phones", "bob"]).len(), 0, "a phone that signed off is not listed");
    assert_eq!(node.ask(&["status"])["contacts"], 1);
    node.stop();
}

#[test]
fn a_call_is_listed_while_it_lasts_and_explained_afterwards() {
    if !entered() {
        return;
    }
    let node = office(OFFICE, Over::Udp);
    let bob = bob(Over::Udp, answers(), "1");
    let alice = alice(Over::Udp, plain(), "8002");
    let call = wait_for("the call", Duration::from_secs(5), || {
        node.rows(&["calls"]).into_iter().find(|call| text(call, "state") == "talking")
    });
    let id = text(&call, "id");
    assert_eq!((text(&call, "caller"), text(&call, "dialled")), ("8001", "8002"));
    assert_eq!(call["legs"].as_array().map(Vec::len), Some(2));
    let shown = node.ask(&["call", "show", id]);
    assert_eq!(text(&shown, "recording"), text(&call, "recording"));
    alice.succeeded();
    bob.succeeded();
    quiet_again(&node);

    let explained = node.command(&["call", "explain", id]).succeeded().out;
    for part in ["INVITE", "live.plan:15", "180 Ringing", "200 OK", "BYE", "record", "media"] {
        assert!(explained.contains(part), "{part} in\n{explained}");
    }
    let found = node.rows(&["rec", "search", "8002"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((text(&found[0], "call"), text(&found[0], "recording")), (id, text(&call, "recording")));
    let verified = node.command(&["rec", "verify", text(&call, "recording")]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

#[test]
fn calls_go_over_ipv6() {
    if !entered() {
        return;
    }
    let node = office(OFFICE, Over::UdpV6);
    both(Over::UdpV6, plain(), answers());
    quiet_again(&node);
}

#[test]
fn calls_begin_change_and_end_as_the_standard_has_it() {
    if !entered() {
        return;
    }
    let node = office(OFFICE, Over::Udp);
    let held = Scenario::new()
        .call()
        .answered()
        .ack()
        .renew("sendonly", "a=recvonly")
        .renew("sendrecv", "a=sendrecv")
        .renew("inactive", "a=inactive")
        .renew("sendrecv", "a=sendrecv")
        .renew("0.0.0.0", "m=audio [1-9]")
        .renew("sendrecv", "a=sendrecv")
        .bye();
    both(Over::Udp, held, answers());
    both(Over::Udp, Scenario::new().call().cancel(), Scenario::new().rings().cancelled());
    both(Over::Udp, Scenario::new().call().refused(486), Scenario::new().refuses("486 Busy Here"));
    both(Over::Udp, Scenario::new().call().refused(603), Scenario::new().refuses("603 Decline"));
    let offerless = Scenario::new().call_without_offer().answered_with_offer().ack_with_answer().talk().bye();
    both(Over::Udp, offerless, answers());
    both(
        Over::Udp,
        Scenario::new().call().answered().ack().hung_up_on(),
        Scenario::new().rings().answers().hangs_up(),
    );
    alice(Over::Udp, Scenario::new().call().refused(404), "9999").succeeded();
    quiet_again(&node);
    let verified = node.command(&["rec", "verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

#[test]
fn a_menu_hears_the_key_that_a_phone_presses() {
    if !entered() {
        return;
    }
    let node = office(OFFICE, Over::Udp);
    let bob = bob(Over::Udp, answers(), "1");
    // SIPp has no way to wait for sound: the menu waits ten seconds for the key.
    let pressing = Scenario::new().call().answered().ack().wait(500).press("1").talk().bye();
    alice(Over::Udp, pressing, "7000").succeeded();
    bob.succeeded();
    quiet_again(&node);
    let found = node.rows(&["rec", "search", "7000"]);
    let record = node.ask(&["rec", "show", text(&found[0], "recording")]);
    assert!(record["events"].to_string().contains("key"), "{record}");
}

#[test]
fn a_thousand_calls_at_a_hundred_a_second_lose_none() {
    if !entered() {
        return;
    }
    let node = office(LOAD, Over::Udp);
    let before = node.resident();
    let bob = bob(Over::Udp, answers(), "1000");
    let more = ["-m", "1000", "-r", "100", "-s", "8002", "-d", "500"];
    let task = Task { over: Over::Udp, user: "alice", port: ALICE, scenario: plain(), more: &more };
    let counted = sipp::run(task);
    assert_eq!((counted.successful, counted.failed), (1_000, 0));
    assert_eq!(bob.succeeded().successful, 1_000);
    quiet_again(&node);
    let status = node.ask(&["status"]);
    assert_eq!(status["calls_total"], 1_000, "{status}");
    let grown = node.resident().saturating_sub(before);
    println!("a thousand calls: {counted:?}, memory grew by {} kB", grown / 1_024);
    assert!(grown < 64 << 20, "memory grew by {grown} octets");
}
