//! A supervisor in a conversation of two baresip phones: who hears whom is measured on what each phone has written down.

use std::time::Duration;

use serde_json::Value;

use crate::baresip::{Baresip, Phone};
use crate::ear::seconds_with;
use crate::talk::{self, ALICE, BOB, OFFICE, Office};
use crate::world::{entered, wait_until};

/// What the supervisor's phone speaks, in Hz.
const CAROL: f64 = 1_600.0;

/// A tone that has more than this share of what is heard is heard, in a mix too.
const HEARD: f64 = 0.15;

#[test]
fn a_supervisor_listens_then_whispers_then_barges_in() {
    if !entered() {
        return;
    }
    let node = talk::node(OFFICE);
    node.user("carol", "8003");
    let mut office = Office::of(node, "udp");
    let carol = Phone {
        user: "carol",
        port: 6_300,
        tone: CAROL,
        phrase: &[],
        answers: true,
        codecs: "pcmu,pcma",
        transport: "udp",
        srtp: None,
        video: false,
        certificates: &office.node.path("certs"),
    };
    let carol = Baresip::start(&carol);
    wait_until("three phones", Duration::from_secs(10), || office.node.ask(&["status"])["contacts"] == 3);
    let call = office.call("8002");
    let id = call["id"].as_str().expect("an id").to_string();
    office.talk(2);
    for how in ["listen", "whisper", "barge"] {
        let supervise = ["call", how, &id, "--as", "carol"];
        assert_eq!(office.node.command(&supervise).code, 4, "root hears nothing: {how}");
        let done = office.node.command_of("supervisor", &supervise);
        assert_eq!(done.code, 0, "{how}: {}{}", done.out, done.err);
        wait_until("carol in the call", Duration::from_secs(10), || {
            let legs = office.node.ask(&["call", "show", &id])["legs"].take();
            legs.as_array()
                .is_some_and(|legs| legs.iter().filter(|leg| leg["state"] == "answered").count() == 3)
        });
        office.talk(4);
    }
    let shown: Value = office.node.ask(&["call", "show", &id]);
    let scores: Vec<&Value> =
        shown["legs"].as_array().into_iter().flatten().map(|leg| &leg["quality"]["mos_in"]).collect();
    assert!(scores.iter().all(|score| score.as_f64().is_some_and(|mos| mos > 4.0)), "{shown}");
    office.hang_up();
    // What a phone has heard lies in files that are whole when its call is over.
    let (alice, bob, carol) = (office.alice.heard(), office.bob.heard(), carol.heard());
    let supervisor = |samples: &[i16]| seconds_with(samples, CAROL, HEARD);
    let first = |samples: &[i16], seconds: usize| supervisor(&samples[..seconds * 8_000]);
    assert_eq!(first(&bob, 5), 0.0, "who listens is not heard by the agent");
    assert_eq!(first(&alice, 9), 0.0, "who listens or whispers is not heard by the caller");
    let (to_caller, to_agent) = (supervisor(&alice), supervisor(&bob));
    assert!((3.5..6.5).contains(&to_caller), "who barges in is heard by the caller: {to_caller} s");
    assert!((7.5..12.0).contains(&to_agent), "and by the agent, to whom it whispered before: {to_agent} s");
    for tone in [ALICE, BOB] {
        let seconds = seconds_with(&carol, tone, HEARD);
        assert!(seconds > 10.0, "the supervisor hears both: {tone} Hz for {seconds} s");
    }
    for (who, samples, tone) in [("alice", &alice, BOB), ("bob", &bob, ALICE)] {
        let seconds = seconds_with(samples, tone, HEARD);
        assert!(seconds > 12.0, "{who} hears the other all along: {seconds} s");
    }
    office.node.stop();
}
