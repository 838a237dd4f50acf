//! Two baresip phones in conversation through a recording switch: what most tests of media and recordings begin with.

use std::time::Duration;

use serde_json::Value;

use crate::baresip::{Baresip, Phone};
use crate::ear;
use crate::node::Node;
use crate::world::{PHONES, wait_for, wait_until};

/// Users reach each other, 7000 is a menu in front of bob; every call is recorded or refused.
pub const OFFICE: &str = include_str!("plans/office.plan");

/// What alice's phone speaks, in Hz.
pub const ALICE: f64 = 440.0;
/// What bob's phone speaks, in Hz.
pub const BOB: f64 = 1_000.0;
/// What the switch's menu speaks, in Hz.
pub const MENU: f64 = 600.0;

/// A node that records and two registered phones: alice (8001), and bob (8002), who answers by himself.
pub struct Office {
    pub node: Node,
    pub alice: Baresip,
    pub bob: Baresip,
}

/// What alice's and bob's phones are like.
pub struct Phones<'a> {
    /// What each says of SRTP.
    pub srtp: [Option<&'a str>; 2],
    /// What each speaks.
    pub codecs: [&'a str; 2],
    /// Tones that bob says (see [`Phone::phrase`]); empty: his tone.
    pub bob_says: &'a [f64],
    /// Whether they have cameras.
    pub video: bool,
}

impl Default for Phones<'_> {
    fn default() -> Self {
        Phones { srtp: [None, None], codecs: ["pcmu,pcma"; 2], bob_says: &[], video: false }
    }
}

/// A node that both kinds of phones reach, its menu's prompt in place, with alice's and bob's accounts; it does not serve yet.
pub fn node(plan: &str) -> Node {
    let node = Node::new(plan);
    let listen = format!(
        r#"["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060", "udp://[::1]:5060", "udp://{PHONES}:5060", "tcp://{PHONES}:5060", "tls://{PHONES}:5061"]"#
    );
    node.set("listen", &listen);
    // SIPp takes any request for the call that it waits for, an OPTIONS too.
    node.add("registrar", "ping_s = 0");
    node.write("dialplans/prompts/live/choose.wav", b"");
    ear::write_tone(&node.path("dialplans/prompts/live/choose.wav"), MENU, 2);
    node.user("alice", "8001");
    node.user("bob", "8002");
    node
}

impl Office {
    /// Opens the office: the node serves, the phones are registered.
    pub fn open() -> Office {
        Office::of(node(OFFICE), "udp")
    }

    /// As [`Office::open`], at a node that was made ready, with phones that register over `transport`.
    pub fn of(node: Node, transport: &str) -> Office {
        Office::with(node, transport, Phones::default())
    }

    /// As [`Office::of`], with what alice's and bob's phones speak.
    pub fn speaking(node: Node, transport: &str, codecs: [&str; 2]) -> Office {
        Office::with(node, transport, Phones { codecs, ..Phones::default() })
    }

    /// As [`Office::of`], with what alice's and bob's phones say of SRTP (see [`Phone::srtp`]).
    pub fn encrypted(node: Node, transport: &str, srtp: [Option<&str>; 2]) -> Office {
        Office::with(node, transport, Phones { srtp, ..Phones::default() })
    }

    /// As [`Office::of`], with phones of another kind.
    pub fn with(mut node: Node, transport: &str, phones: Phones<'_>) -> Office {
        node.serve();
        let certificates = &node.path("certs");
        let phone = |user, port, tone, answers, phrase, n: usize| {
            let (srtp, codecs) = (phones.srtp[n], phones.codecs[n]);
            Baresip::start(&Phone {
                user,
                port,
                tone,
                phrase,
                answers,
                codecs,
                transport,
                srtp,
                video: phones.video,
                certificates,
            })
        };
        let alice = phone("alice", 6_100, ALICE, false, &[], 0);
        let bob = phone("bob", 6_200, BOB, true, phones.bob_says, 1);
        wait_until("both phones registered", Duration::from_secs(10), || {
            node.ask(&["status"])["contacts"] == 2
        });
        Office { node, alice, bob }
    }

    /// Alice calls `number`; returns the call once it talks.
    pub fn call(&mut self, number: &str) -> Value {
        self.alice.dial(number);
        wait_for("the conversation", Duration::from_secs(10), || {
            self.node.rows(&["calls"]).into_iter().find(|call| call["state"] == "talking")
        })
    }

    /// Lets both talk until each has written down `seconds` more of what it hears.
    pub fn talk(&self, seconds: u64) {
        let goals = [&self.alice, &self.bob].map(|phone| (phone, phone.heard_octets() + seconds * 16_000));
        wait_until("the conversation to go on", Duration::from_secs(seconds + 20), || {
            goals.iter().all(|(phone, goal)| phone.heard_octets() >= *goal)
        });
    }

    /// Alice hangs up; returns when the switch has let the call go.
    pub fn hang_up(&mut self) {
        self.alice.hang_up();
        self.alice.wait_for("CALL_CLOSED");
        wait_until("the call's end", Duration::from_secs(10), || self.node.ask(&["status"])["calls"] == 0);
    }

    /// One recorded conversation of about so many seconds, over; returns its recording.
    pub fn recorded(&mut self, seconds: u64) -> String {
        let call = self.call("8002");
        self.talk(seconds);
        self.hang_up();
        call["recording"].as_str().expect("it is recorded").to_string()
    }
}
