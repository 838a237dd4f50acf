//! Calls as offices make them.

use super::golden;
use crate::world::*;

#[test]
fn a_call_is_answered_and_the_caller_hangs_up() {
    let mut world = World::seeded(1);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(800));
    world.phone("alice").hangs_up().after(secs(10));
    world.run_until(secs(60));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    assert_eq!(world.heard("bob", "alice").as_secs(), 10);
    assert_eq!(world.only_cdr().cause, "caller hung up");
    golden(&mut world, "caller_hangs_up");
}

#[test]
fn the_callee_hangs_up() {
    let mut world = World::seeded(2);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(800));
    world.phone("bob").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    golden(&mut world, "callee_hangs_up");
}

#[test]
fn the_callee_is_busy() {
    let mut world = World::seeded(3);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").rejects(486).after(ms(300));
    world.run_until(secs(5));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(486)));
    assert!(world.only_cdr().answered.is_none());
    golden(&mut world, "busy");
}

#[test]
fn nobody_answers() {
    let mut world = World::seeded(4);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob");
    world.run_until(secs(30));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    assert_eq!(world.phone("bob").ended(), Some(How::Cancelled));
    golden(&mut world, "no_answer");
}

#[test]
fn the_caller_gives_up() {
    let mut world = World::seeded(5);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("alice").cancels().after(secs(3));
    world.phone("bob");
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Cancelled));
    assert_eq!(world.phone("bob").ended(), Some(How::Cancelled));
    assert_eq!(world.only_cdr().cause, "caller gave up");
    golden(&mut world, "caller_gives_up");
}

#[test]
fn a_phone_redirects_to_a_colleague() {
    let mut world = World::seeded(6);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").redirects("8003").after(ms(200));
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(10));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    golden(&mut world, "redirected");
}

#[test]
fn a_redirection_leads_to_nobody_outside() {
    let mut world = World::seeded(7);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").redirects("13800000000").after(ms(200));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    world.settle();
}

#[test]
fn all_phones_of_a_user_ring_and_one_answers() {
    let mut world = World::seeded(8);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob");
    world.phone("bob/mobile").answers().after(secs(2));
    world.phone("bob/desk");
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob/mobile"), "{}", world.ladder());
    for other in ["bob", "bob/desk"] {
        let phone = world.phone(other);
        assert_eq!(phone.ended(), Some(How::Cancelled));
        let reasons = &phone.last().expect("it rang").reasons;
        assert!(reasons.iter().any(|reason| reason.contains("Call completed elsewhere")), "{reasons:?}");
    }
    golden(&mut world, "fork");
}

#[test]
fn a_group_rings_and_the_busy_ones_do_not_matter() {
    let mut world = World::seeded(9);
    world.phone("alice").dials("7").at(secs(1));
    world.phone("bob").rejects(486).after(ms(100));
    world.phone("carol").rejects(603).after(ms(400));
    world.phone("dave").answers().after(secs(3));
    world.phone("dave").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert!(world.talked("alice", "dave"), "{}", world.ladder());
    golden(&mut world, "group");
}

#[test]
fn two_phones_answer_at_once_and_one_of_them_loses() {
    let mut world = World::seeded(10).delay_ms(40..40);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(ms(500));
    world.phone("bob/mobile").answers().after(ms(501));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob") != world.talked("alice", "bob/mobile"), "{}", world.ladder());
    golden(&mut world, "two_answer_at_once");
}

#[test]
fn a_menu_leads_to_a_person() {
    let mut world = World::seeded(11);
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('1').after(ms(2_500));
    world.phone("bob").answers().after(secs(2));
    world.phone("alice").hangs_up().after(secs(12));
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "menu");
}

#[test]
fn a_caller_is_told_of_the_recording_before_anything_else() {
    let mut world = World::with_plan(143, Plan::Announced);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("bob").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "announced");
}

#[test]
fn keys_by_info_work_as_well() {
    let mut world = World::seeded(12);
    world.phone("alice").dials("95").at(secs(1));
    for (n, key) in "8003".chars().enumerate() {
        world.phone("alice").presses_by_info(key).after(ms(1_500 + 400 * n as u64));
    }
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(15));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    golden(&mut world, "collected_number");
}

#[test]
fn a_caller_who_presses_nothing_hears_the_apology() {
    let mut world = World::seeded(13);
    world.phone("alice").dials("9").at(secs(1));
    world.run_until(secs(40));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    assert_eq!(world.only_cdr().cause, "plan ended");
    golden(&mut world, "silent_caller");
}

#[test]
fn a_caller_goes_on_to_the_next_when_the_first_has_hung_up() {
    let mut world = World::seeded(14);
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('2').after(ms(2_500));
    world.phone("carol").answers().after(secs(1));
    world.phone("carol").hangs_up().after(secs(4));
    world.phone("dave").answers().after(secs(1));
    world.phone("dave").hangs_up().after(secs(4));
    world.run_until(secs(30));
    assert!(world.talked("alice", "carol") && world.talked("alice", "dave"), "{}", world.ladder());
    assert_eq!(world.only_cdr().parties.len(), 3);
    golden(&mut world, "one_after_the_other");
}

#[test]
fn a_keys_tone_reaches_the_other_phone() {
    let mut world = World::seeded(15);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").presses('5').after(secs(2));
    world.phone("bob").presses_by_info('#').after(secs(3));
    world.run_until(secs(10));
    assert_eq!(world.keys_sent_to("bob"), "5");
    assert_eq!(world.keys_sent_to("alice"), "#");
    world.settle();
}

#[test]
fn everybody_calls_everybody() {
    let mut world = World::seeded(16);
    for (n, (name, to)) in
        [("alice", "8002"), ("carol", "8004"), ("erin", "8006"), ("alice/mobile", "8002")].iter().enumerate()
    {
        world.phone(name).dials(to).at(ms(1_000 + 100 * n as u64));
        world.phone(name).hangs_up().after(secs(8));
    }
    for name in ["bob", "dave", "frank"] {
        world.phone(name).answers().after(secs(1));
    }
    world.run_until(secs(30));
    for (a, b) in [("alice", "bob"), ("carol", "dave"), ("erin", "frank"), ("alice/mobile", "bob")] {
        assert!(world.talked(a, b), "{a} {b}\n{}", world.ladder());
    }
    assert!(!world.talked("alice", "dave"));
    world.settle();
}

#[test]
fn a_number_that_nobody_has_is_refused() {
    let mut world = World::seeded(17);
    world.phone("alice").dials("8099").at(secs(1));
    world.phone("alice/mobile").dials("0").at(secs(1));
    world.phone("alice/desk").dials("8006").at(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(404)), "no such user");
    assert_eq!(world.phone("alice/mobile").ended(), Some(How::Refused(404)), "no such route");
    assert_eq!(world.refused, ["alice to 0: 404 no route"], "and the log says who dialled what");
    assert_eq!(world.phone("alice/desk").ended(), Some(How::Refused(480)), "not registered");
    world.settle();
}

#[test]
fn a_new_plan_is_for_new_calls() {
    let mut world = World::seeded(18);
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('2').after(ms(2_500));
    world.phone("carol").answers().after(secs(1));
    world.phone("carol").hangs_up().after(secs(5));
    world.phone("dave").answers().after(secs(1));
    world.at(secs(3), Deed::Plan(Plan::Unrecorded));
    world.phone("erin").dials("8002").at(secs(6));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(20));
    assert!(world.talked("alice", "carol") && world.talked("alice", "dave") && world.talked("erin", "bob"));
    world.settle();
    let records: Vec<(bool, String)> = world
        .calls()
        .iter()
        .filter_map(|call| world.cdr(*call))
        .map(|cdr| (cdr.recording.is_some(), cdr.program.clone()))
        .collect();
    assert!(records[0].0 && !records[1].0, "{records:?}");
    assert_ne!(records[0].1, records[1].1);
}

#[test]
fn a_hundred_calls_at_once_do_not_touch_each_other() {
    let mut world = World::seeded(19).loss_percent(5).delay_ms(5..50);
    let callers = ["alice", "carol", "erin"];
    for n in 0..100 {
        let caller = callers[n % 3];
        world.phone(caller).dials(["8002", "8004", "8006"][n % 3]).at(ms(1_000 + 40 * n as u64));
    }
    for name in ["bob", "dave", "frank"] {
        world.phone(name).answers().after(secs(2));
    }
    world.run_until(secs(40));
    for (a, b) in [("alice", "bob"), ("carol", "dave"), ("erin", "frank")] {
        assert!(world.heard(a, b) > secs(30 * 30), "{a} {b}: {:?}", world.heard(a, b));
    }
    assert!(!world.talked("alice", "dave") && !world.talked("carol", "bob"));
    assert_eq!(world.calls().len(), 100);
    world.settle();
}

#[test]
fn a_persons_number_stays_masked_wherever_people_look() {
    let mut world = World::seeded(140);
    world.phone("alice").dials(MOBILE).at(secs(1));
    world.phone("erin").answers().after(secs(1));
    world.at(secs(4), Deed::LookAround);
    world.run_until(secs(10));
    assert!(world.talked("alice", "erin"), "{}", world.ladder());
    world.settle();
    let shown = format!("{}{:?}", world.ladder(), world.happenings);
    assert!(!shown.contains(MOBILE) && shown.contains("138****8005"), "{shown}");
    assert_eq!(world.only_cdr().dialled, MOBILE, "the sealed record knows it");
}
