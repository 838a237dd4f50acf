//! Who is there, what waits, and phones that are asked to fetch their configuration.

use ledgerline::presence::{Report, Waiting};
use ledgerline::switch::{Answer, Command};

use crate::world::*;

/// A PUBLISH of a user's own presence.
fn publish(user: &str, more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/pidf+xml\n" };
    format!(
        "PUBLISH sip:{user}@pbx.test SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:{{user}}@pbx.test>;tag={{tag}}\n\
         To: <sip:{user}@pbx.test>\nCall-ID: {{call_id}}\nCSeq: 1 PUBLISH\nEvent: presence\n{more}{{proof}}{kind}\
         Content-Length: {{length}}\n\n{body}"
    )
}

const IN_A_MEETING: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:bob@pbx.test'><tuple id='t'><status>\
    <basic>open</basic></status><note>back at &lt;3&gt;</note></tuple><p:person xmlns:p='urn:ietf:params:xml:ns:pidf:data-model'>\
    <r:activities xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'><r:meeting/></r:activities></p:person></presence>";

/// The lines of what Carol was told of Bob: open or closed, what he does, and his note.
fn told(world: &mut World) -> Vec<String> {
    let mut told = Vec::new();
    for notice in &world.phone("carol").watch().notices {
        let after = |mark: &str| notice.body.split(mark).nth(1).unwrap_or_default();
        let until = |text: &str, mark: &str| text.split(mark).next().unwrap_or_default().to_string();
        let line = [
            until(after("<basic>"), "<"),
            until(after("<rpid:activities>"), "</rpid:activities>"),
            until(after("<note>"), "</note>"),
        ]
        .join(" ");
        if told.last() != Some(&line) {
            told.push(line);
        }
    }
    told
}

#[test]
fn presence_follows_registrations_and_calls() {
    let mut world = World::seeded(330);
    world.phone("alice").dials("8002").at(secs(5));
    world.phone("alice").hangs_up().after(secs(5));
    world.phone("bob").answers().after(secs(2));
    world.phone("bob").unregisters().at(secs(20));
    world.phone("bob").registers_for(60).at(secs(25));
    world.phone("carol").watches("presence", "bob").at(secs(1));
    world.run_until(secs(100));
    let busy = "open <rpid:on-the-phone/> ";
    assert_eq!(told(&mut world), ["open  ", busy, "open  ", "closed  ", "open  ", "closed  "]);
    world.settle();
}

#[test]
fn what_a_phone_publishes_is_told_until_it_lapses() {
    let mut world = World::seeded(331);
    world.phone("bob").says(&publish("bob", "Expires: 60\n", IN_A_MEETING)).at(secs(5));
    world.phone("carol").watches("presence", "8002").at(secs(1));
    world.run_until(secs(100));
    let meeting = "open <rpid:meeting/> back at &lt;3&gt;";
    assert_eq!(told(&mut world), ["open  ", meeting, "open  "]);
    world.settle();
}

#[test]
fn a_publish_that_is_wrong_changes_nothing() {
    let bomb =
        "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;&b;\">]><presence><note>&c;</note></presence>";
    for (user, more, body, status) in [
        ("bob", "", IN_A_MEETING, 200),
        ("alice", "", IN_A_MEETING, 403),
        ("bob", "", bomb, 400),
        ("bob", "", "", 400),
        ("bob", "SIP-If-Match: whatever\n", IN_A_MEETING, 412),
        ("bob", "Expires: 1\n", IN_A_MEETING, 423),
        ("bob", "Content-Encoding: gzip\n", IN_A_MEETING, 415),
    ] {
        let mut world = World::seeded(332);
        world.phone("alice");
        world.phone("bob").says(&publish(user, more, body)).at(secs(2));
        world.phone("carol").watches("presence", "bob").at(secs(1));
        world.run_until(secs(5));
        assert_eq!(
            world.phone("bob").answers.last(),
            Some(&("PUBLISH".to_string(), status)),
            "{user} {more}"
        );
        assert_eq!(told(&mut world).len(), if status == 200 { 2 } else { 1 }, "{more}");
        world.settle();
    }
}

#[test]
fn a_mailbox_lights_the_lamp_of_its_owner() {
    let mut world = World::seeded(333);
    world.phone("bob").watches("message-summary", "bob").at(secs(1));
    let waiting =
        |new, old| Command::Waiting { user: "8002".into(), waiting: Waiting { new, old, urgent: 0 } };
    world.at(secs(5), Deed::Ask(waiting(2, 1)));
    world.at(secs(10), Deed::Ask(waiting(0, 3)));
    world.at(secs(12), Deed::Ask(waiting(0, 3)));
    world.run_until(secs(20));
    let counts: Vec<String> = world
        .phone("bob")
        .watch()
        .notices
        .iter()
        .map(|notice| {
            notice
                .body
                .lines()
                .map(|line| line.split(": ").nth(1).unwrap_or_default())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let account = "sip:bob@pbx.test";
    assert_eq!(
        counts,
        [
            format!("no {account} 0/0 (0/0)"),
            format!("yes {account} 2/1 (0/0)"),
            format!("no {account} 0/3 (0/0)")
        ]
    );
    let nobody = Command::Waiting { user: "nobody".into(), waiting: Waiting::default() };
    world.at(secs(21), Deed::Ask(nobody));
    world.run_until(secs(22));
    assert_eq!(world.answers, [Answer::Done, Answer::Done, Answer::Done, Answer::NotFound]);
    world.settle();
}

#[test]
fn every_phone_of_a_user_is_asked_to_synchronise() {
    let mut world = World::seeded(334);
    world.phone("bob");
    world.phone("bob/softphone");
    world.phone("alice");
    world.at(secs(1), Deed::Ask(Command::Sync { user: "8002".into(), reboot: false }));
    world.at(secs(2), Deed::Ask(Command::Sync { user: "bob".into(), reboot: true }));
    world.at(secs(3), Deed::Ask(Command::Sync { user: "carol".into(), reboot: true }));
    world.run_until(secs(10));
    for phone in ["bob", "bob/softphone"] {
        let events: Vec<&str> = world.phone(phone).unasked.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(events, ["check-sync;reboot=false", "check-sync;reboot=true"]);
    }
    assert!(world.phone("alice").unasked.is_empty());
    assert_eq!(world.answers, [Answer::Asked(2), Answer::Asked(2), Answer::Asked(0)]);
    assert!(world.reports.iter().all(|report| matches!(report, Report::Sync { status: 200, .. })));
    assert_eq!(world.reports.len(), 4);
    world.settle();
}
