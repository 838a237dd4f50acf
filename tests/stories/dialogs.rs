//! What happens within dialogs beyond RFC 3261: reliable provisional responses, UPDATE, session timers, glare, reasons.

use super::golden;
use crate::world::*;

/// Alice calls Bob at 1 s, who answers four seconds later.
fn ringing(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(4));
    world
}

fn statuses(world: &mut World, name: &str) -> Vec<u16> {
    world.phone(name).last().map(|dialog| dialog.statuses.clone()).unwrap_or_default()
}

#[test]
fn a_caller_that_requires_100rel_is_rung_reliably() {
    let mut world = ringing(300);
    world.phone("alice").skills.reliable = Some(true);
    world.run_until(secs(10));
    assert_eq!(statuses(&mut world, "alice"), [401, 180, 200], "{}", world.ladder());
    assert!(world.phone("alice").last_sent("PRACK").is_some());
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "requires_100rel");
}

#[test]
fn a_caller_that_supports_100rel_hears_early_media_reliably() {
    let mut world = World::seeded(301);
    world.phone("alice").skills.reliable = Some(false);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.run_until(secs(4));
    assert!(world.heard("alice", "bob") > secs(2), "{}", world.ladder());
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "reliable_early_media");
}

#[test]
fn a_caller_without_an_offer_gets_one_in_its_reliable_180() {
    let mut world = World::seeded(302);
    world.phone("alice").skills.reliable = Some(true);
    world.phone("alice").dials_without_offer("8002").at(secs(1));
    world.phone("bob").answers().after(secs(4));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "offer_in_reliable_180");
}

#[test]
fn a_called_phone_s_reliable_responses_are_acknowledged() {
    let mut world = World::seeded(303);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").skills.reliable = Some(false);
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "called_reliably");
}

#[test]
fn reliable_responses_survive_a_line_that_loses_a_fifth() {
    for seed in 0..30 {
        for (alice, bob) in
            [(Some(true), None), (Some(false), Some(false)), (None, Some(false)), (Some(true), Some(false))]
        {
            let mut world = World::seeded(seed).loss_percent(20).duplicate_percent(20).delay_ms(10..90);
            world.phone("alice").skills.reliable = alice;
            world.phone("bob").skills.reliable = bob;
            world.phone("alice").dials("8002").at(secs(1));
            world.phone("bob").answers_with_early_media().after(secs(3));
            world.run_until(secs(90));
            assert!(world.talked("alice", "bob"), "seed {seed} {alice:?} {bob:?}\n{}", world.ladder());
            world.settle();
        }
    }
}

#[test]
fn a_caller_that_never_acknowledges_its_180_is_refused() {
    let mut world = ringing(304);
    world.phone("alice").skills.reliable = Some(true);
    world.phone("alice").skills.never_pracks = true;
    world.run_until(secs(60));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(504)), "{}", world.ladder());
    assert!(world.ladder().contains("no PRACK for a reliable provisional response"));
    world.settle();
}

#[test]
fn a_caller_may_give_up_while_its_answer_waits_for_a_prack() {
    let mut world = World::seeded(305);
    world.phone("alice").skills.reliable = Some(true);
    world.phone("alice").skills.never_pracks = true;
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("alice").cancels().after(secs(5));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Cancelled), "{}", world.ladder());
    assert_eq!(world.phone("bob").ended(), Some(How::FarSideHungUp), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_prack_for_nothing_is_refused() {
    let mut world = ringing(306);
    world.phone("alice").skills.reliable = Some(true);
    world
        .phone("alice")
        .says(
            "PRACK {target} SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:alice@pbx.test>;tag={local_tag}\n\
             To: <sip:8002@pbx.test>;tag={remote_tag}\nCall-ID: {dialog_call_id}\nCSeq: {next_cseq} PRACK\n\
             RAck: 1 1 INVITE\nContent-Length: {length}\n\n",
        )
        .at(secs(3));
    world.run_until(secs(10));
    assert!(world.phone("alice").answers.contains(&("PRACK".into(), 481)), "{}", world.ladder());
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_session_changes_by_update() {
    for who in ["alice", "bob"] {
        let other = if who == "alice" { "bob" } else { "alice" };
        let mut world = ringing(307);
        world.phone(who).skills.updates = true;
        world.phone(who).will(When::After(secs(2)), Act::Update(Some(Notation::Inactive)));
        world.phone(who).will(When::After(secs(6)), Act::Update(None));
        world.run_until(secs(8));
        let then = world.heard(who, other);
        world.run_until(secs(10));
        assert_eq!(world.heard(who, other), then, "{who}\n{}", world.ladder());
        world.run_until(secs(20));
        assert!(world.heard(who, other) > then + secs(5), "{who}\n{}", world.ladder());
        assert_eq!(world.phone(who).answers.iter().filter(|(m, s)| m == "UPDATE" && *s == 200).count(), 2);
        world.settle();
    }
}

#[test]
fn an_early_session_changes_by_update() {
    let mut world = World::seeded(308);
    world.phone("alice").skills = Skills { reliable: Some(false), updates: true, ..Skills::default() };
    world.phone("bob").skills = Skills { reliable: Some(false), updates: true, ..Skills::default() };
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers_with_early_media().after(secs(10));
    world.phone("alice").will(When::At(secs(3)), Act::Update(Some(Notation::Inactive)));
    world.phone("alice").will(When::At(secs(4)), Act::Update(None));
    world.phone("bob").will(When::At(secs(5)), Act::Update(Some(Notation::Inactive)));
    world.phone("bob").will(When::At(secs(6)), Act::Update(None));
    world.run_until(secs(20));
    for name in ["alice", "bob"] {
        let accepted = world.phone(name).answers.iter().filter(|(m, s)| m == "UPDATE" && *s == 200).count();
        assert_eq!(accepted, 2, "{name}\n{}", world.ladder());
    }
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn an_offer_before_the_answer_is_refused() {
    let mut world = ringing(309);
    world.phone("alice").skills = Skills { reliable: Some(true), updates: true, ..Skills::default() };
    world.phone("alice").will(When::At(secs(3)), Act::Update(Some(Notation::Inactive)));
    world.run_until(secs(10));
    assert!(world.phone("alice").answers.contains(&("UPDATE".into(), 500)), "{}", world.ladder());
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn sessions_are_refreshed_by_whatever_the_phone_takes() {
    for updates in [false, true] {
        let mut world = ringing(310);
        for name in ["alice", "bob"] {
            world.phone(name).skills.updates = updates;
        }
        world.run_until(secs(3_600));
        for name in ["alice", "bob"] {
            let phone = world.phone(name);
            let (renewed, updated) = (phone.renewed, phone.updated);
            assert_eq!(
                (renewed, updated),
                if updates { (0, 3) } else { (3, 0) },
                "{name}\n{}",
                world.ladder()
            );
        }
        assert!(world.heard("alice", "bob") > secs(3_590), "{}", world.ladder());
        if updates {
            golden(&mut world, "refreshed_by_update")
        } else {
            golden(&mut world, "refreshed_by_invite")
        }
    }
}

#[test]
fn a_refresh_changes_nothing_of_a_hold() {
    let mut world = ringing(311);
    world.phone("bob").holds(Notation::SendOnly).after(secs(5));
    world.phone("bob").resumes().after(secs(2_500));
    world.run_until(secs(2_400));
    let then = world.heard("bob", "alice");
    assert!(then < secs(6), "{}", world.ladder());
    world.run_until(secs(2_600));
    assert!(world.heard("bob", "alice") > then + secs(80), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_dead_phone_on_hold_is_found_by_its_session_timer() {
    for name in ["alice", "bob"] {
        let other = if name == "alice" { "bob" } else { "alice" };
        let mut world = ringing(312);
        world.phone(name).holds(Notation::Inactive).after(secs(5));
        world.phone(name).vanishes().after(secs(8));
        world.run_until(secs(1_000));
        assert_eq!(world.phone(other).ended(), Some(How::FarSideHungUp), "{}", world.ladder());
        assert!(world.ladder().contains("session timer: re-INVITE came to 408"), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_phone_that_does_not_refresh_its_session_loses_it() {
    for (skills, seed) in [
        (Skills { session: Some("600;refresher=uac"), ..Skills::default() }, 313),
        (Skills { answers_session: Some("600;refresher=uas"), ..Skills::default() }, 314),
    ] {
        let name = if skills.session.is_some() { "alice" } else { "bob" };
        let mut world = ringing(seed);
        world.phone(name).skills = skills;
        world.run_until(secs(560));
        assert!(world.phone(name).ended().is_none(), "{}", world.ladder());
        world.run_until(secs(600));
        assert!(world.phone(name).was_hung_up_on(), "{}", world.ladder());
        let reasons = world.phone(name).last().map(|dialog| dialog.reasons.clone()).unwrap_or_default();
        assert_eq!(reasons, ["SIP;cause=408;text=\"Session timer expired\""]);
        assert!(world.ladder().contains("session timer of 600 s expired"), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn session_intervals_are_bounded_on_both_sides() {
    let mut world = ringing(315);
    world.phone("alice").skills.session = Some("60");
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(422)));
    world.settle();

    let mut world = ringing(316);
    world.phone("bob").skills.min_se = 3_600;
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    assert!(world.phone("bob").rung.clone().is_some_and(|rung| rung.contains("Session-Expires: 3600")));
    golden(&mut world, "wants_longer");

    let mut world = ringing(317);
    world.phone("bob").skills.min_se = 100_000;
    world.run_until(secs(10));
    assert!(matches!(world.phone("alice").ended(), Some(How::Refused(_))), "{}", world.ladder());
    world.settle();
}

#[test]
fn refreshes_give_way_to_a_phone_that_changes_at_the_same_moment() {
    for offset in (0..60).step_by(5) {
        let mut world = ringing(318).delay_ms(20..20);
        // The switch refreshes 900 s after the answer: some 5 s into the story.
        world.phone("bob").holds(Notation::SendOnly).after(secs(900) - ms(offset));
        world.phone("bob").resumes().after(secs(920));
        world.run_until(secs(990));
        assert!(world.heard("alice", "bob") > secs(950), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_refused_refresh_leaves_the_session_and_is_tried_again() {
    for (status, refreshed) in [(491, true), (500, true), (503, true), (488, true), (403, true)] {
        let mut world = ringing(319);
        world.phone("bob").skills.refuses_renewals = Some((status, 2));
        world.run_until(secs(3_000));
        assert_eq!(world.phone("bob").renewed > 0, refreshed, "{status}\n{}", world.ladder());
        assert!(world.heard("alice", "bob") > secs(2_990), "{status}\n{}", world.ladder());
        world.settle();
    }
    for status in [408, 481] {
        let mut world = ringing(320);
        world.phone("bob").skills.refuses_renewals = Some((status, 1));
        world.run_until(secs(1_000));
        assert!(world.phone("alice").was_hung_up_on(), "{status}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn two_byes_cross() {
    for gap in (0..60).step_by(5) {
        let mut world = ringing(321).delay_ms(20..20);
        world.phone("alice").hangs_up().at(secs(10));
        world.phone("bob").hangs_up().at(secs(10) + ms(gap));
        world.run_until(secs(20));
        world.settle();
    }
}

#[test]
fn a_bye_ends_an_early_dialog_too() {
    let mut world = ringing(322);
    world.phone("alice").skills.reliable = Some(true);
    world.phone("alice").will(When::At(secs(3)), Act::LeaveEarly);
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Cancelled), "{}", world.ladder());
    assert_eq!(world.phone("bob").ended(), Some(How::Cancelled), "{}", world.ladder());
    world.settle();
}

#[test]
fn forks_ring_reliably_each_for_itself() {
    let mut world = World::seeded(323);
    world.phone("alice").dials("8002").at(secs(1));
    for name in ["bob", "bob/mobile"] {
        world.phone(name).skills.reliable = Some(false);
        world.phone(name).answers_with_early_media().after(secs(if name == "bob" { 6 } else { 3 }));
    }
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob/mobile"), "{}", world.ladder());
    let reasons = world.phone("bob").last().map(|dialog| dialog.reasons.clone()).unwrap_or_default();
    assert_eq!(reasons, ["SIP;cause=200;text=\"Call completed elsewhere\""]);
    world.settle();
}
