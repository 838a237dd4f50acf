//! Phones that take the place of others (Replaces), calls that begin for somebody, second calls, answering by itself.

use super::golden;
use crate::world::*;

/// Alice calls Bob at 1 s, who answers after so long.
fn calling(seed: u64, answers: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(answers));
    world
}

/// A Replaces line for a phone's last dialog, as its lamp names it: `swapped` has the tags the other way round.
fn replaces(world: &mut World, name: &str, swapped: bool, more: &str) -> String {
    let dialog = world.phone(name).last().expect("a call").clone();
    let (to, from) = (dialog.remote_tag, dialog.local_tag);
    let (to, from) = if swapped { (from, to) } else { (to, from) };
    format!("Replaces: {};to-tag={to};from-tag={from}{more}\nRequire: replaces\n", dialog.call_id)
}

#[test]
fn another_phone_of_the_same_user_takes_the_conversation_over() {
    for (seed, who, other) in [(500, "bob", "alice"), (501, "alice", "bob")] {
        let mut world = calling(seed, 1);
        let second = format!("{who}/desk");
        world.phone(&second).skills.says = "Subject: none\n".into();
        world.run_until(secs(6));
        let line = replaces(&mut world, who, false, "");
        world.phone(&second).skills.says = line;
        world.phone(&second).dials("8009").at(secs(7));
        world.run_until(secs(20));
        assert!(world.talked(&second, other), "{who}\n{}", world.ladder());
        assert!(world.phone(who).was_hung_up_on(), "{who}\n{}", world.ladder());
        golden(&mut world, &format!("place_of_{who}"));
    }
}

#[test]
fn a_stranger_s_phone_takes_nobody_s_place() {
    let mut world = calling(502, 1);
    world.phone("dave");
    world.run_until(secs(6));
    let line = replaces(&mut world, "bob", false, "");
    world.phone("dave").skills.says = line;
    world.phone("dave").dials("8009").at(secs(7));
    world.run_until(secs(20));
    assert_eq!(world.phone("dave").ended(), Some(How::Refused(403)), "{}", world.ladder());
    assert!(world.heard("alice", "bob") > secs(16), "{}", world.ladder());
    world.settle();
}

#[test]
fn what_is_not_there_cannot_be_replaced() {
    for (line, status) in [
        ("Replaces: nothing;to-tag=a;from-tag=b\n", 481),
        ("Replaces: nothing\n", 400),
        ("Replaces: a;to-tag=a;from-tag=b\nReplaces: a;to-tag=a;from-tag=b\n", 400),
    ] {
        let mut world = calling(503, 1);
        world.phone("dave").skills.says = line.into();
        world.phone("dave").dials("8009").at(secs(7));
        world.run_until(secs(20));
        assert_eq!(world.phone("dave").ended(), Some(How::Refused(status)), "{line}");
        world.settle();
    }
}

#[test]
fn early_only_does_not_take_a_conversation() {
    let mut world = calling(504, 1);
    world.phone("bob/desk");
    world.run_until(secs(6));
    let line = replaces(&mut world, "bob", false, ";early-only");
    world.phone("bob/desk").skills.says = line;
    world.phone("bob/desk").dials("8009").at(secs(7));
    world.run_until(secs(20));
    assert_eq!(world.phone("bob/desk").ended(), Some(How::Refused(486)), "{}", world.ladder());
    assert!(world.heard("alice", "bob") > secs(16), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_ringing_call_is_taken_by_replaces_in_both_orders_of_the_tags() {
    for swapped in [false, true] {
        let mut world = calling(505, 30);
        world.phone("bob/desk");
        world.run_until(secs(4));
        let line = replaces(&mut world, "bob", swapped, ";early-only");
        world.phone("bob/desk").skills.says = line;
        world.phone("bob/desk").dials("8009").at(secs(5));
        world.run_until(secs(20));
        assert!(world.talked("alice", "bob/desk"), "{}", world.ladder());
        assert_eq!(world.phone("bob").ended(), Some(How::Cancelled), "{}", world.ladder());
        let reasons = world.phone("bob").last().map(|dialog| dialog.reasons.clone()).unwrap_or_default();
        assert_eq!(reasons, ["SIP;cause=200;text=\"Call completed elsewhere\""]);
        world.settle();
    }
}

#[test]
fn a_place_may_be_left_while_it_is_taken() {
    for gap in (0..400).step_by(10) {
        let mut world = calling(506, 1).delay_ms(20..20);
        world.phone("bob/desk");
        world.run_until(secs(6));
        let line = replaces(&mut world, "bob", false, "");
        world.phone("bob/desk").skills.says = line;
        world.phone("bob/desk").dials("8009").at(secs(7));
        let who = ["alice", "bob", "bob/desk"][(gap / 10) % 3];
        world.phone(who).hangs_up().at(secs(7) + ms(gap as u64));
        world.run_until(secs(20));
        world.settle();
    }
}

#[test]
fn a_call_begins_for_a_user() {
    let mut world = World::seeded(507);
    world.phone("alice").answers().after(secs(2));
    world.phone("bob").answers().after(secs(2));
    let start =
        ledgerline::switch::Command::Start { from: "alice".into(), to: "8002".into(), answers_itself: true };
    world.at(secs(1), Deed::Ask(start));
    world.run_until(secs(12));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    let rung = world.phone("alice").rung.clone().expect("it rings");
    for line in [
        "Alert-Info: <http://pbx.test/>;info=alert-autoanswer;delay=0\r\n",
        "Call-Info: <sip:pbx.test>;answer-after=0\r\n",
        "Answer-Mode: Auto\r\n",
        "From: <sip:8002@pbx.test>",
    ] {
        assert!(rung.contains(line), "{line}\n{rung}");
    }
    let rung = world.phone("bob").rung.clone().expect("it rings");
    assert!(rung.contains("From: \"Alice\" <sip:8001@pbx.test>") && !rung.contains("Alert-Info"), "{rung}");
    golden(&mut world, "call_for_a_user");
}

#[test]
fn a_call_for_a_user_who_does_not_answer_ends() {
    for (seed, status) in [(508, 486), (509, 480)] {
        let mut world = World::seeded(seed);
        world.phone("alice").rejects(status).after(secs(1));
        world.phone("bob").answers().after(secs(1));
        let start = ledgerline::switch::Command::Start {
            from: "8001".into(),
            to: "8002".into(),
            answers_itself: false,
        };
        world.at(secs(1), Deed::Ask(start));
        world.run_until(secs(12));
        assert!(world.phone("bob").last().is_none(), "{}", world.ladder());
        world.settle();
    }
    let mut world = World::seeded(510);
    world.phone("alice");
    for (from, to) in [("nobody", "8002"), ("alice", "0013800138000")] {
        let start =
            ledgerline::switch::Command::Start { from: from.into(), to: to.into(), answers_itself: false };
        world.at(secs(1), Deed::Ask(start));
    }
    world.run_until(secs(5));
    assert!(world.calls().is_empty());
    world.settle();
}

#[test]
fn a_second_call_rings_a_busy_phone() {
    let mut world = calling(511, 1);
    world.phone("carol").dials("8002").at(secs(6));
    world.run_until(secs(12));
    assert_eq!(world.phone("bob").dialogs.len(), 2);
    assert!(world.talked("carol", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn an_intercom_call_asks_the_phone_to_answer_by_itself() {
    for (seed, dialled, asked) in [(508, "*808002", true), (509, "8002", false)] {
        let mut world = World::seeded(seed);
        world.phone("alice").dials(dialled).at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone("alice").hangs_up().after(secs(5));
        world.run_until(secs(12));
        assert!(world.talked("alice", "bob"), "{dialled}\n{}", world.ladder());
        let rung = world.phone("bob").rung.clone().expect("it rings");
        assert_eq!(rung.contains("Answer-Mode: Auto\r\n"), asked, "{dialled}\n{rung}");
        assert_eq!(world.only_cdr().dialled, "8002");
        world.settle();
    }
}
