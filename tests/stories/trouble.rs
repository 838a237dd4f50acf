//! What goes wrong on lines, phones and disks.

use super::golden;
use crate::world::*;

#[test]
fn a_call_survives_a_line_that_loses_a_third() {
    for seed in 0..40 {
        let mut world = World::seeded(seed).loss_percent(33).delay_ms(20..80);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(3));
        world.run_until(secs(60));
        assert!(world.talked("alice", "bob"), "seed {seed}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn doubled_and_overtaken_packets_change_nothing() {
    for seed in 0..40 {
        let mut world = World::seeded(seed).duplicate_percent(40).late_percent(30).delay_ms(1..60);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(ms(300));
        world.phone("alice").holds(Notation::SendOnly).after(secs(2));
        world.phone("alice").resumes().after(secs(4));
        world.phone("bob").hangs_up().after(secs(8));
        world.run_until(secs(30));
        assert!(world.talked("alice", "bob"), "seed {seed}\n{}", world.ladder());
        assert_eq!(world.calls().len(), 1);
        world.settle();
    }
}

#[test]
fn a_cancel_crosses_the_answer() {
    let mut world = World::seeded(40).delay_ms(50..50);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(2));
    // The INVITE needs four hops to Bob; his answer and this CANCEL meet at the switch.
    world.phone("alice").cancels().after(ms(2_240));
    world.run_until(secs(10));
    assert!(
        world.phone("alice").last().is_some_and(|dialog| dialog.statuses.contains(&200)),
        "{}",
        world.ladder()
    );
    golden(&mut world, "cancel_crosses_answer");
}

#[test]
fn a_cancel_meets_the_answer_at_every_moment() {
    for gap in (2_000..2_500).step_by(10) {
        let mut world = World::seeded(41).delay_ms(50..50);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(2));
        world.phone("alice").cancels().after(ms(gap));
        world.run_until(secs(10));
        world.settle();
    }
}

#[test]
fn both_hang_up_at_once() {
    let mut world = World::seeded(42).delay_ms(50..50);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").hangs_up().at(secs(10));
    world.phone("bob").hangs_up().at(secs(10));
    world.run_until(secs(20));
    golden(&mut world, "byes_cross");
}

#[test]
fn a_caller_that_never_acknowledges_is_hung_up_on() {
    let mut world = World::seeded(43);
    world.phone("alice").manners.never_acks = true;
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(33));
    assert_eq!(world.phone("alice").ended(), None, "64 × T1 are not over\n{}", world.ladder());
    world.run_until(secs(36));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp), "{}", world.ladder());
    assert_eq!(world.phone("bob").ended(), Some(How::FarSideHungUp), "{}", world.ladder());
    assert_eq!(world.only_cdr().cause, "leg0 stopped answering");
    golden(&mut world, "never_acknowledged");
}

#[test]
fn an_acknowledgement_counts_though_a_change_came_before_it() {
    let mut world = World::seeded(61);
    world.network.swallows = ("ACK", 2);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").holds(Notation::SendOnly).after(ms(300));
    world.run_until(secs(60));
    assert_eq!(world.phone("alice").ended(), None, "{}", world.ladder());
    let statuses = &world.phone("alice").last().expect("in a call").statuses;
    assert_eq!(statuses[1..], [180, 200, 500, 200], "the hold came too early once");
    golden(&mut world, "late_acknowledgement");
}

#[test]
fn a_callee_that_never_answers_a_bye_keeps_nothing() {
    let mut world = World::seeded(44);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").manners.never_answers_bye = true;
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").hangs_up().after(secs(5));
    world.run_until(secs(20));
    world.settle();
}

#[test]
fn a_callee_that_vanishes_while_it_rings_is_given_up() {
    let mut world = World::seeded(45);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").vanishes().at(secs(3));
    world.run_until(secs(40));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    world.settle();
}

#[test]
fn a_callee_that_is_not_there_is_not_waited_for() {
    let mut world = World::seeded(46);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").vanishes().at(ms(500));
    world.run_until(secs(60));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    golden(&mut world, "callee_vanished");
}

#[test]
fn a_caller_that_vanishes_in_mid_call_costs_the_callee_a_hang_up() {
    let mut world = World::seeded(47);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").vanishes().after(secs(5));
    world.phone("bob").hangs_up().after(secs(9));
    world.run_until(secs(60));
    world.settle();
}

#[test]
fn both_phones_vanish_and_the_call_still_ends() {
    let mut world = World::seeded(48);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").vanishes().after(secs(5));
    world.phone("bob").vanishes().after(secs(5));
    world.run_until(secs(60));
    world.settle();
    assert!(world.only_cdr().cause.ends_with("stopped answering"), "{}", world.ladder());
    assert!(world.only_cdr().duration_ms < 60_000, "{}", world.ladder());
}

#[test]
fn a_stream_that_breaks_in_mid_call_costs_nothing_but_itself() {
    let mut world = World::seeded(49);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").over(Over::Tcp).answers().after(secs(1));
    world.phone("bob").loses_its_connection().after(secs(4));
    world.phone("bob").hangs_up().after(secs(10));
    world.run_until(secs(30));
    assert!(world.heard("alice", "bob") > secs(9), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_phone_behind_nat_whose_stream_broke_is_still_itself() {
    for (seed, who) in [(65, "alice"), (66, "bob")] {
        let mut world = World::seeded(seed);
        world.phone(who).over(Over::Tcp).behind_nat();
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone(who).loses_its_connection().after(secs(3));
        world.phone(who).holds(Notation::Inactive).after(secs(5));
        world.phone(who).resumes().after(secs(8));
        world.phone(who).hangs_up().after(secs(12));
        world.run_until(secs(30));
        let (heard, statuses) = (
            world.heard("alice", "bob").as_secs(),
            world.phone(who).last().expect("in a call").statuses.clone(),
        );
        assert_eq!(heard, 8, "{}", world.ladder());
        assert!(statuses.ends_with(&[200, 200]), "nobody asked for a proof: {statuses:?}");
        world.settle();
    }
}

#[test]
fn a_full_disk_refuses_calls_that_must_be_recorded() {
    let mut world = World::seeded(50);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.at(secs(5), Deed::Store(Mood::Full));
    world.phone("carol").dials("8004").at(secs(6));
    world.phone("dave").answers().after(secs(1));
    world.run_until(secs(20));
    assert_eq!(world.phone("carol").ended(), Some(How::Refused(503)));
    assert!(world.phone("dave").last().is_none(), "nobody was rung");
    assert_eq!(world.phone("alice").ended(), None, "a call in progress goes on");
    world.at(secs(21), Deed::Store(Mood::Writes));
    world.phone("carol").dials("8004").at(secs(22));
    world.run_until(secs(30));
    assert!(world.talked("carol", "dave"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_disk_that_fills_while_a_call_begins_refuses_it() {
    let mut world = World::seeded(51);
    world.at(ms(500), Deed::StoreFillsUnnoticed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(503)));
    assert!(world.phone("bob").last().is_none(), "nobody was rung");
    assert_eq!(world.only_cdr().cause, "recording failed");
    golden(&mut world, "disk_full");
}

#[test]
fn a_vault_that_says_nothing_refuses_by_silence() {
    let mut world = World::seeded(52);
    world.at(ms(500), Deed::Store(Mood::Silent));
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(503)));
    assert!(world.phone("bob").last().is_none(), "nobody was rung");
    world.settle();
}

#[test]
fn where_a_recording_is_only_wished_for_the_call_goes_on_without() {
    for (seed, mood) in [(53, Mood::Full), (54, Mood::Silent)] {
        let mut world = World::with_plan(seed, Plan::Wished);
        world.at(ms(500), Deed::Store(mood));
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(15));
        assert!(world.talked("alice", "bob"), "{mood:?}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_caller_without_a_port_is_refused() {
    let mut world = World::seeded(55);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.at(secs(3), Deed::Ports(2));
    world.phone("carol").dials("8004").at(secs(4));
    world.phone("dave").answers().after(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("carol").ended(), Some(How::Refused(503)));
    assert!(world.phone("dave").last().is_none(), "nobody was rung");
    golden(&mut world, "no_port");
}

#[test]
fn a_callee_without_a_port_is_not_rung() {
    let mut world = World::seeded(56);
    world.at(ms(500), Deed::Ports(1));
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert!(matches!(world.phone("alice").ended(), Some(How::Refused(500 | 503))), "{}", world.ladder());
    assert!(world.phone("bob").last().is_none(), "nobody was rung");
    world.settle();
}

#[test]
fn an_administrator_ends_a_call() {
    let mut world = World::seeded(57);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.at(secs(8), Deed::HangUpAll);
    world.run_until(secs(15));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    assert_eq!(world.phone("bob").ended(), Some(How::FarSideHungUp));
    assert_eq!(world.only_cdr().cause, "administrator");
    golden(&mut world, "administrator");
}

#[test]
fn a_node_that_goes_down_ends_calls_and_takes_no_new_ones() {
    let mut world = World::seeded(58);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("carol").dials("8004").at(secs(3));
    world.phone("dave");
    world.at(secs(8), Deed::Ask(ledgerline::switch::Command::Drain));
    world.phone("erin").dials("8002").at(secs(9));
    world.run_until(secs(15));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    assert_eq!(world.phone("carol").ended(), Some(How::Refused(503)));
    assert_eq!(world.phone("erin").ended(), Some(How::Refused(503)));
    world.settle();
}

#[test]
fn the_machines_clock_jumps_and_no_call_notices() {
    for (seed, forward) in [(59, true), (60, false)] {
        let mut world = World::seeded(seed);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.at(secs(5), Deed::ClockJumps { forward, by: secs(7_200) });
        world.phone("bob").hangs_up().after(secs(10));
        world.run_until(secs(20));
        assert_eq!(world.only_cdr().duration_ms / 1_000, 11, "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_media_plane_that_does_not_answer_refuses_by_silence() {
    let mut world = World::seeded(62);
    world.plane.is_mute = true;
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(503)));
    world.run_until(secs(60));
    assert_eq!(world.only_cdr().cause, "no media port");
    assert!(world.switch.is_quiet(), "the record does not wait for the plane's facts");
}

#[test]
fn no_call_lasts_for_ever() {
    let mut world = World::seeded(63);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(23 * 3_600));
    assert_eq!(world.phone("alice").ended(), None);
    world.run_until(secs(25 * 3_600));
    assert_eq!(world.phone("alice").ended(), Some(How::FarSideHungUp));
    assert_eq!(world.only_cdr().cause, "time limit");
    world.settle();
}

#[test]
fn a_user_who_leaves_is_called_no_more_and_calls_no_more() {
    let mut world = World::seeded(64);
    world.phone("bob").answers().after(secs(1));
    world.phone("carol");
    world.phone("alice").dials("8002").at(secs(1));
    world.at(secs(5), Deed::Leaves("bob"));
    world.phone("carol").dials("8002").at(secs(6));
    world.phone("bob").dials("8003").at(secs(7));
    world.run_until(secs(20));
    assert_eq!(world.phone("alice").ended(), None, "a call in progress goes on");
    assert_eq!(world.phone("carol").ended(), Some(How::Refused(404)));
    assert_eq!(world.phone("bob").ended(), Some(How::Refused(401)));
    world.settle();
}
