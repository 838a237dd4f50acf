//! Every state of a call against every class of event: whatever comes in, wherever a call stands, it goes on or ends, and nothing is left.
//!
//! Each state is a story that has come so far (what administrators see then is checked, so that no state is only thought to be there); each
//! event is put into it by every party that it could come from.

use ledgerline::switch::{Answer, Command};

use crate::world::*;

/// A story that is in its state after so long, and what is seen of its first running call: its state, and its legs'.
struct State {
    name: &'static str,
    tale: fn() -> World,
    at_ms: u64,
    seen: (&'static str, &'static [&'static str]),
}

const fn state(
    name: &'static str,
    tale: fn() -> World,
    at_ms: u64,
    call: &'static str,
    legs: &'static [&'static str],
) -> State {
    State { name, tale, at_ms, seen: (call, legs) }
}

/// Alice calls `number`; Bob and Carol are there.
fn calls(number: &str) -> World {
    let mut world = World::with_music(800);
    world.phone("alice").dials(number).at(secs(1));
    world.phone("bob");
    world.phone("carol").answers().after(ms(500));
    world
}

fn slow_ports() -> World {
    let mut world = calls("8002");
    world.plane.delay = ms(500)..ms(501);
    world
}

fn silent_phone() -> World {
    let mut world = calls("8002");
    world.phone("bob").manners.never_rings = true;
    world.phone("bob").answers().after(secs(30));
    world
}

fn rings() -> World {
    calls("8002")
}

fn forks() -> World {
    let mut world = calls("7");
    world.phone("bob/mobile");
    world.phone("carol").rejects(486).after(ms(300));
    world
}

fn reliably(never_pracks: bool) -> World {
    let mut world = calls("8002");
    for name in ["alice", "bob"] {
        world.phone(name).skills =
            Skills { reliable: Some(name == "alice"), updates: true, ..Skills::default() };
    }
    world.phone("alice").skills.never_pracks = never_pracks;
    world.phone("bob").answers_with_early_media().after(if never_pracks { ms(300) } else { secs(20) });
    world
}

fn talks() -> World {
    let mut world = calls("8002");
    world.phone("bob").answers().after(ms(400));
    world
}

fn unacknowledged() -> World {
    let mut world = talks();
    world.phone("alice").manners.never_acks = true;
    world
}

fn held() -> World {
    let mut world = talks();
    world.phone("bob").holds(Notation::SendOnly).after(secs(1));
    world
}

fn plays() -> World {
    calls("9")
}

fn waits_for_the_offers_answer() -> World {
    let mut world = World::with_music(801);
    world.phone("alice").dials_without_offer("9").at(secs(1));
    world.phone("alice").manners.never_acks = true;
    world.phone("bob");
    world.phone("carol");
    world
}

fn collects() -> World {
    calls("95")
}

fn parks() -> World {
    let mut world = talks();
    for (n, key) in (0..).zip("*68701".chars()) {
        world.phone("bob").presses(key).after(secs(1) + ms(250 * n));
    }
    world
}

fn transfers() -> World {
    let mut world = talks();
    world.phone("carol").answers().after(secs(30));
    world.phone("bob").will(When::At(secs(3)), Act::Refer("8003".into(), ""));
    world
}

fn fetches() -> World {
    let mut world = talks().delay_ms(200..201);
    world.phone("bob").dials("8003").at(secs(5));
    world.phone("bob").will(When::At(secs(9)), Act::ReferAttended);
    world
}

fn summoned() -> World {
    let mut world = World::with_music(802);
    world.phone("alice");
    world.phone("bob");
    world.phone("carol");
    let start = Command::Start { from: "alice".into(), to: "8002".into(), answers_itself: false };
    world.at(secs(1), Deed::Ask(start));
    world
}

fn outside(answers: bool) -> World {
    let mut world = calls("6123").with_trunks(vec![carrier_rules("first", CARRIER, 1)]);
    let carrier = world.stranger(CARRIER);
    carrier.is_carrier().secret = "open sesame".into();
    if answers {
        carrier.answers().after(ms(300));
    }
    world
}

fn ends() -> World {
    let mut world = talks();
    world.phone("bob").manners.never_answers_bye = true;
    world.phone("alice").hangs_up().after(secs(1));
    world
}

const CARRIER: &str = "198.51.100.1";

const STATES: [State; 20] = [
    state("opening", slow_ports, 1_200, "opening", &["asking"]),
    state("a leg waits for its port", slow_ports, 1_700, "ringing", &["asking", "calling"]),
    state("INVITE is out", silent_phone, 2_000, "ringing", &["asking", "calling"]),
    state("rings", rings, 2_000, "ringing", &["asking", "ringing"]),
    state("several ring", forks, 1_200, "ringing", &["asking", "ringing", "ringing", "ringing"]),
    state("reliable early media", || reliably(false), 2_000, "ringing", &["asking", "calling"]),
    state("a 200 waits for a PRACK", || reliably(true), 2_000, "talking", &["answered", "answered"]),
    state("talks", talks, 3_000, "talking", &["answered", "answered"]),
    state("no ACK yet", unacknowledged, 2_000, "talking", &["answered", "answered"]),
    state("held", held, 4_000, "talking", &["answered", "holds"]),
    state("a prompt plays", plays, 1_500, "playing", &["answered"]),
    state("the caller owes an answer", waits_for_the_offers_answer, 2_000, "playing", &["answered"]),
    state("keys are collected", collects, 3_500, "playing", &["answered"]),
    state("parked", parks, 6_000, "parked", &["answered", "gone"]),
    state("transferred, rings", transfers, 5_000, "ringing", &["answered", "answered", "ringing"]),
    state("comes over", fetches, 9_500, "ringing", &["answered", "answered", "answered"]),
    state("begun for a user", summoned, 2_000, "ringing", &["ringing"]),
    state("a carrier rings", || outside(false), 2_000, "ringing", &["asking", "ringing"]),
    state("a carrier talks", || outside(true), 3_000, "talking", &["answered", "answered"]),
    state("ends", ends, 5_000, "ending", &["gone", "gone"]),
];

/// What a party says that is no act of a well-behaved phone: a request within its dialog.
fn within(method: &str, cseq: &str, lines: &str, body: &str) -> Act {
    let text = format!(
        "{method} sip:pbx.test SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:{{user}}@pbx.test>;tag={{local_tag}}\n\
         To: <sip:x@pbx.test>{{to_tag}}\nCall-ID: {{dialog_call_id}}\nCSeq: {cseq} {method}\n\
         Contact: <sip:{{user}}@{{own}}>\n{lines}{{proof}}Content-Length: {{length}}\n\n{body}"
    );
    Act::Say(text)
}

fn next(method: &str, lines: &str, body: &str) -> Act {
    within(method, "{next_cseq}", lines, body)
}

/// Everything that one party can do to a call.
fn acts() -> Vec<(&'static str, Act)> {
    let dial = |number: &str| Act::Dial { number: number.into(), offer: true };
    let mut acts = vec![
        ("BYE or CANCEL", Act::HangUp),
        ("CANCEL", Act::Cancel),
        ("BYE within an early dialog", Act::LeaveEarly),
        ("hold", Act::Hold(Notation::Inactive)),
        ("resume", Act::Resume),
        ("INVITE without an offer", Act::Renew),
        ("another port", Act::Rehouse),
        ("an unusable offer", Act::OfferUnusable),
        ("UPDATE", Act::Update(Some(Notation::SendOnly))),
        ("blind REFER", Act::Refer("8003".into(), "")),
        ("REFER to nobody", Act::Refer("00999".into(), "")),
        ("REFER to oneself", Act::Refer("8001".into(), "")),
        ("attended REFER", Act::ReferAttended),
        ("a key", Act::Press('1')),
        ("a key by INFO", Act::PressByInfo('#')),
        ("answers", Act::Answer),
        ("rejects", Act::Reject(486)),
        ("declines", Act::Reject(603)),
        ("redirects", Act::Redirect("8003".into())),
        ("rings", Act::Ring { early_media: false }),
        ("early media", Act::Ring { early_media: true }),
        ("vanishes", Act::Vanish),
        ("picks up", dial("*8")),
        ("picks up one", dial("**8002")),
        ("takes a parked call", dial("701")),
        ("asks to be called back", dial("*66")),
        ("dials the last caller", dial("*69")),
        ("calls too", dial("8002")),
    ];
    for (name, method, lines, body) in [
        ("OPTIONS", "OPTIONS", "", ""),
        ("an empty INFO", "INFO", "", ""),
        ("INFO of another package", "INFO", "Info-Package: x\nContent-Type: x/y\n", "z"),
        ("a PRACK for nothing", "PRACK", "RAck: 1 1 INVITE\n", ""),
        ("a PRACK without RAck", "PRACK", "", ""),
        ("NOTIFY", "NOTIFY", "Event: refer\nSubscription-State: active\n", ""),
        ("SUBSCRIBE", "SUBSCRIBE", "Event: dialog\nExpires: 60\n", ""),
        ("MESSAGE", "MESSAGE", "Content-Type: text/plain\n", "hi"),
        ("an unknown method", "FROBNICATE", "", ""),
        ("REGISTER within a dialog", "REGISTER", "", ""),
        ("REFER without a target", "REFER", "", ""),
        ("REFER to another scheme", "REFER", "Refer-To: <http://x>\n", ""),
        ("what is required is unknown", "UPDATE", "Require: nothing-known\n", ""),
        ("UPDATE of a small interval", "UPDATE", "Session-Expires: 10\nSupported: timer\n", ""),
        ("UPDATE with broken SDP", "UPDATE", "Content-Type: application/sdp\n", "v=0\nnothing"),
        ("INVITE with broken SDP", "INVITE", "Content-Type: application/sdp\n", "v=0\nnothing"),
    ] {
        acts.push((name, next(method, lines, body)));
    }
    acts.push(("an old CSeq", within("OPTIONS", "0", "", "")));
    acts.push(("an ACK for nothing", next("ACK", "", "")));
    acts.push(("a CANCEL for nothing", next("CANCEL", "", "")));
    acts
}

/// What happens to the node.
fn deeds() -> Vec<Deed> {
    let command = |command| Deed::Ask(command);
    vec![
        Deed::HangUpAll,
        command(Command::Drain),
        command(Command::Unregister { user: "bob".into() }),
        command(Command::Start { from: "carol".into(), to: "8002".into(), answers_itself: true }),
        Deed::Leaves("bob"),
        Deed::Leaves("alice"),
        Deed::Plan(Plan::Announced),
        Deed::Ports(0),
        Deed::Store(Mood::Full),
        Deed::Store(Mood::Silent),
        Deed::StoreFillsUnnoticed,
        Deed::StoreLosesPackets,
        Deed::Unreachable("alice".into()),
        Deed::Unreachable("bob".into()),
        Deed::ClockJumps { forward: false, by: secs(86_400) },
        Deed::ClockJumps { forward: true, by: secs(86_400) },
        Deed::LookAround,
    ]
}

#[test]
fn every_state_is_what_it_is_called() {
    for State { name, tale, at_ms, seen } in &STATES {
        let mut world = tale();
        world.at(ms(*at_ms), Deed::Ask(Command::Calls));
        world.run_until(ms(*at_ms));
        let Some(Answer::Calls(mut calls)) = world.answers.pop() else { panic!("{name}: nobody answers") };
        calls.sort_by_key(|call| call.id);
        let call = calls.first().unwrap_or_else(|| panic!("{name}: there is no call\n{}", world.ladder()));
        let legs: Vec<&str> = call.legs.iter().map(|leg| &*leg.state).collect();
        assert_eq!((&*call.state, legs.as_slice()), *seen, "{name}\n{}", world.ladder());
    }
}

/// In `state` something happens; what is wrong in the end.
fn faults_after(state: &State, deed: Deed) -> Option<String> {
    let mut world = (state.tale)();
    world.at(ms(state.at_ms), deed);
    world.run_until(ms(state.at_ms) + secs(8));
    let faults = world.faults_at_the_end();
    (!faults.is_empty()).then(|| format!("{faults:#?}\n{}", world.ladder()))
}

#[test]
fn every_state_takes_every_act_of_every_party() {
    let mut wrong = Vec::new();
    for state in &STATES {
        for (name, act) in acts() {
            for who in ["alice", "bob", "carol"] {
                if let Some(faults) = faults_after(state, Deed::Do(who, act.clone())) {
                    wrong.push(format!("{}: {who}: {name}: {faults}", state.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[0]);
}

#[test]
fn every_state_takes_whatever_happens_to_the_node() {
    let mut wrong = Vec::new();
    for state in &STATES {
        for deed in deeds() {
            if let Some(faults) = faults_after(state, deed.clone()) {
                wrong.push(format!("{}: {deed:?}: {faults}", state.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[0]);
}
