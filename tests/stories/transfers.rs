//! Transfers: blind and attended, done and failed, by either side; the recording stays one.

use super::golden;
use crate::world::*;

/// Alice calls Bob at 1 s, who answers a second later. Carol and Dave are there too.
fn talking(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("carol").answers().after(secs(2));
    world
}

/// What a transferor's phone was told of its transfers.
fn progress(world: &mut World, name: &str) -> Vec<u16> {
    world.phone(name).progress.clone()
}

fn refers(world: &mut World, who: &str, to: &str, at: u64) {
    world.phone(who).will(When::At(secs(at)), Act::Refer(to.into(), ""));
}

#[test]
fn either_side_transfers_the_other_blindly() {
    for (seed, by, stays) in [(400, "bob", "alice"), (401, "alice", "bob")] {
        for leaves in [false, true] {
            let mut world = talking(seed);
            world.phone(by).skills.hangs_up_on_202 = leaves;
            refers(&mut world, by, "8003", 6);
            world.run_until(secs(20));
            assert!(world.talked(stays, "carol"), "{by}\n{}", world.ladder());
            assert!(world.phone(by).last().is_some_and(Dialog::is_over), "{by}\n{}", world.ladder());
            assert_eq!(world.calls().len(), 1);
            if !leaves {
                assert_eq!(progress(&mut world, by), [100, 180, 200], "{}", world.ladder());
                golden(&mut world, &format!("transfer_by_{by}"));
            } else {
                world.settle();
            }
        }
    }
}

#[test]
fn the_target_hears_who_calls_and_who_transferred() {
    let mut world = talking(402);
    refers(&mut world, "alice", "8003", 6);
    world.run_until(secs(20));
    let rung = world.phone("carol").rung.clone().expect("it rings");
    assert!(rung.contains("From: \"Bob\" <sip:8002@pbx.test>"), "{rung}");
    assert!(rung.contains("Referred-By: <sip:alice@pbx.test>"), "{rung}");
    world.settle();
}

#[test]
fn a_failed_transfer_gives_the_transferor_back() {
    for (seed, by, stays) in [(403, "bob", "alice"), (404, "alice", "bob")] {
        for (status, told) in [(486, 486), (603, 603)] {
            let mut world = talking(seed);
            world.phone("carol").rejects(status).after(secs(1));
            refers(&mut world, by, "8003", 6);
            world.run_until(secs(20));
            assert_eq!(progress(&mut world, by).last(), Some(&told), "{by}\n{}", world.ladder());
            assert!(world.heard(by, stays) > secs(15), "{by}\n{}", world.ladder());
            if status == 486 {
                golden(&mut world, &format!("transfer_by_{by}_fails"))
            } else {
                world.settle()
            }
        }
    }
}

#[test]
fn a_transferor_who_has_hung_up_is_rung_again() {
    for (seed, by, stays) in [(405, "bob", "alice"), (406, "alice", "bob")] {
        let mut world = talking(seed);
        world.phone("alice").answers().after(secs(1));
        world.phone("carol").rejects(486).after(secs(1));
        world.phone(by).skills.hangs_up_on_202 = true;
        refers(&mut world, by, "8003", 6);
        world.run_until(secs(9));
        let before = world.heard(by, stays);
        world.run_until(secs(20));
        assert!(world.heard(by, stays) > before + secs(5), "{by}\n{}", world.ladder());
        golden(&mut world, &format!("recall_of_{by}"));
    }
}

#[test]
fn nobody_is_left_over_when_the_recall_fails_too() {
    for (seed, by) in [(407, "bob"), (408, "alice")] {
        let mut world = talking(seed);
        world.phone("carol").rejects(486).after(secs(1));
        world.phone(by).skills.hangs_up_on_202 = true;
        refers(&mut world, by, "8003", 6);
        world.at(secs(7), Deed::Do(by, Act::Vanish));
        world.run_until(secs(120));
        for name in ["alice", "bob"] {
            assert!(
                name == by || world.phone(name).last().is_some_and(Dialog::is_over),
                "{}",
                world.ladder()
            );
        }
        world.settle();
    }
}

#[test]
fn a_transfer_to_a_flow_is_done_when_it_speaks() {
    let mut world = talking(409);
    refers(&mut world, "bob", "9", 6);
    world.run_until(secs(12));
    assert_eq!(progress(&mut world, "bob"), [100, 200], "{}", world.ladder());
    assert!(world.phone("bob").last().is_some_and(Dialog::is_over), "{}", world.ladder());
    world.settle();
}

#[test]
fn whom_the_transferor_may_not_dial_is_not_dialled_for_it() {
    let mut world = talking(410);
    refers(&mut world, "bob", "0013800138000", 6);
    world.run_until(secs(20));
    assert!(world.phone("bob").answers.contains(&("REFER".into(), 403)), "{}", world.ladder());
    assert!(world.ladder().contains("transfer refused: leg1 may not dial"), "{}", world.ladder());
    assert!(world.phone("bob").progress.is_empty());
    assert!(world.heard("bob", "alice") > secs(16), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_transfer_without_a_subscription_tells_nothing() {
    let mut world = talking(411);
    world
        .phone("bob")
        .will(When::At(secs(6)), Act::Refer("8003".into(), "Refer-Sub: false\nSupported: norefersub\n"));
    world.run_until(secs(20));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    assert!(world.phone("bob").progress.is_empty());
    world.settle();
}

/// Bob, who talks to Alice, holds her and calls Carol at 6 s; at 12 s he joins them.
fn consulting(seed: u64) -> World {
    let mut world = talking(seed);
    world.phone("bob").holds(Notation::SendOnly).after(secs(3));
    world.phone("bob").dials("8003").at(secs(6));
    world.phone("bob").will(When::At(secs(12)), Act::ReferAttended);
    world
}

#[test]
fn an_attended_transfer_joins_the_two_others() {
    let mut world = consulting(412);
    world.run_until(secs(11));
    assert!(world.talked("bob", "carol"), "{}", world.ladder());
    world.run_until(secs(25));
    assert_eq!(progress(&mut world, "bob"), [100, 200], "{}", world.ladder());
    assert!(world.heard("alice", "carol") > secs(10), "{}", world.ladder());
    assert!(world.heard("carol", "alice") > secs(10), "{}", world.ladder());
    assert!(world.phone("bob").dialogs.iter().all(Dialog::is_over), "{}", world.ladder());
    assert_eq!(world.calls().len(), 2);
    golden(&mut world, "transfer_attended");
}

#[test]
fn the_caller_too_transfers_attended() {
    let mut world = talking(413);
    world.phone("alice").holds(Notation::Inactive).after(secs(3));
    world.phone("alice").dials("8003").at(secs(6));
    world.phone("alice").will(When::At(secs(12)), Act::ReferAttended);
    world.run_until(secs(25));
    assert!(world.heard("bob", "carol") > secs(10), "{}", world.ladder());
    world.phone("carol").hangs_up().at(secs(26));
    world.run_until(secs(30));
    assert!(world.phone("bob").last().is_some_and(Dialog::is_over), "{}", world.ladder());
    world.settle();
}

#[test]
fn an_attended_transfer_to_a_phone_that_still_rings_rings_it_for_the_other() {
    let mut world = consulting(414);
    world.phone("carol").answers().after(secs(9));
    world.run_until(secs(40));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    assert_eq!(progress(&mut world, "bob").last(), Some(&200), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_phone_that_refuses_to_come_over_leaves_the_first_call_as_it_was() {
    let mut world = consulting(415);
    world.phone("carol").skills.refuses_renewals = Some((488, 1));
    world.phone("bob").resumes().at(secs(20));
    world.run_until(secs(30));
    assert_eq!(progress(&mut world, "bob").last(), Some(&488), "{}", world.ladder());
    assert!(world.heard("bob", "alice") > secs(8), "{}", world.ladder());
    world.settle();
}

#[test]
fn somebody_elses_call_cannot_be_fetched() {
    let mut world = talking(416);
    world.phone("dave").dials("8003").at(secs(5));
    world.run_until(secs(8));
    let (call_id, to, from) = {
        let dialog = world.phone("dave").last().expect("a call");
        (dialog.call_id.clone(), dialog.remote_tag.clone(), dialog.local_tag.clone())
    };
    let target = format!("8003@pbx.test?Replaces={call_id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}");
    world.phone("bob").will(When::At(secs(9)), Act::Refer(target, ""));
    world.run_until(secs(20));
    assert_eq!(progress(&mut world, "bob").last(), Some(&481), "{}", world.ladder());
    assert!(world.heard("bob", "alice") > secs(16), "{}", world.ladder());
    assert!(world.heard("dave", "carol") > secs(10), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_second_transfer_waits_for_the_first() {
    let mut world = talking(417);
    refers(&mut world, "bob", "8003", 6);
    refers(&mut world, "bob", "8004", 7);
    world.run_until(secs(20));
    assert!(world.phone("bob").answers.contains(&("REFER".into(), 491)), "{}", world.ladder());
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    world.settle();
}

#[test]
fn the_transferred_party_may_hang_up_at_every_moment() {
    for gap in (0..4_000).step_by(100) {
        let mut world = consulting(418);
        world.phone("alice").hangs_up().at(secs(11) + ms(gap));
        world.run_until(secs(30));
        world.settle();
        let mut world = talking(419);
        refers(&mut world, "bob", "8003", 6);
        world.phone("alice").hangs_up().at(secs(5) + ms(gap));
        world.run_until(secs(30));
        world.settle();
    }
}

#[test]
fn transfers_survive_a_lossy_line() {
    for seed in 0..30 {
        let mut world = consulting(seed).loss_percent(15).duplicate_percent(15).delay_ms(10..90);
        world.phone("bob").skills.hangs_up_when_transferred = seed % 2 == 0;
        world.run_until(secs(60));
        world.settle();
        let mut world = talking(seed).loss_percent(15).duplicate_percent(15).delay_ms(10..90);
        refers(&mut world, "bob", "8003", 6);
        world.run_until(secs(60));
        world.settle();
    }
}

#[test]
fn a_transfer_follows_a_transfer() {
    let mut world = talking(420);
    refers(&mut world, "bob", "8003", 6);
    world.phone("dave").answers().after(secs(1));
    refers(&mut world, "carol", "8004", 14);
    world.run_until(secs(30));
    assert!(world.talked("alice", "dave"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_redirection_goes_only_where_the_redirecting_user_may_dial() {
    for (to, talks) in [("8003", true), ("0013800138000", false), ("8002", false)] {
        let mut world = World::seeded(421);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").redirects(to).after(secs(1));
        world.phone("carol").answers().after(secs(1));
        world.run_until(secs(10));
        assert_eq!(world.talked("alice", "carol"), talks, "{to}\n{}", world.ladder());
        let refused = world.ladder().contains("redirection refused: leg1 may not dial");
        assert_eq!(refused, to.starts_with('0'), "{to}\n{}", world.ladder());
        world.settle();
    }
}

/// A REFER outside the call's dialog that names it (RFC 4538), and with what it is answered.
const ABOUT: &str = "REFER sip:pbx.test SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:{user}@pbx.test>;tag={tag}\n\
    To: <sip:pbx.test>\nCall-ID: {call_id}\nCSeq: 1 REFER\nContact: <sip:{user}@{own}>\nRefer-To: <sip:8003@pbx.test>\n\
    Target-Dialog: {dialog_call_id};local-tag={local_tag};remote-tag={remote_tag}\n{proof}Content-Length: {length}\n\n";

#[test]
fn a_phone_transfers_from_outside_the_dialog_that_it_names() {
    for (seed, by, stays) in [(440, "bob", "alice"), (441, "alice", "bob")] {
        let mut world = talking(seed);
        world.phone(by).says(ABOUT).at(secs(6));
        world.run_until(secs(20));
        assert!(world.talked(stays, "carol"), "{by}\n{}", world.ladder());
        assert_eq!(progress(&mut world, by), [100, 180, 200], "{}", world.ladder());
        assert!(world.phone(by).last().is_some_and(Dialog::is_over), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn nobody_transfers_a_call_of_others_by_its_names() {
    // Dave knows the dialog's names; another tag; no dialog at all; broken.
    for (seed, who, about, status) in [
        (442, "dave", "", 481),
        (443, "bob", ";remote-tag=another", 481),
        (444, "bob", "none", 403),
        (445, "bob", "broken", 400),
    ] {
        let mut world = talking(seed);
        world.phone("dave");
        world.run_until(secs(5));
        let bob = world.phone("bob").last().expect("he talks").clone();
        let names = format!("{};local-tag={};remote-tag=", bob.call_id, bob.local_tag);
        let line = match about {
            "" => format!("Target-Dialog: {names}{}\n", bob.remote_tag),
            "none" => String::new(),
            "broken" => format!("Target-Dialog: {}\n", bob.call_id),
            _ => format!("Target-Dialog: {names}another\n"),
        };
        let whole = "Target-Dialog: {dialog_call_id};local-tag={local_tag};remote-tag={remote_tag}\n";
        world.phone(who).says(&ABOUT.replace(whole, &line)).at(secs(6));
        world.run_until(secs(20));
        assert!(
            world.phone(who).answers.contains(&("REFER".into(), status)),
            "{who} {about} {:?}",
            world.phone(who).answers
        );
        assert!(world.heard("bob", "alice") > secs(17), "{}", world.ladder());
        assert!(world.phone("carol").rung.is_none());
        world.settle();
    }
}
