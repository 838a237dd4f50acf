//! What plans have their switch do, in live calls; and that a simulated call is traced line for line as the live one.

use std::sync::Arc;
use std::time::Duration;

use ledgerline::base::{Masked, Wall};
use ledgerline::call::trace::What;
use ledgerline::plan::sim::{self, Caller, Player};
use ledgerline::plan::{Deed, Ended, Lookup, Origin, Outcome, Target, Value};

use crate::world::*;

fn world(seed: u64) -> World {
    World::with_plan(seed, Plan::Verbs)
}

/// Alice presses `keys`, a quarter of a second apart, from so many seconds on.
fn types(world: &mut World, keys: &str, from: u64) {
    for (n, key) in keys.chars().enumerate() {
        world.phone("alice").presses(key).at(secs(from) + ms(250 * n as u64));
    }
}

/// The plan's lines of the only call.
fn told(world: &World) -> Vec<String> {
    let lines = world.only_cdr().trace.iter().filter_map(|entry| match &entry.what {
        What::Plan { file, line, text } => Some(format!("{file}:{line} {text}")),
        _ => None,
    });
    lines.collect()
}

fn all_said(world: &World) -> String {
    world.only_cdr().trace.iter().map(|entry| format!("{:?}\n", entry.what)).collect()
}

/// A node like the world's: nothing outside answers, no queue, the phones do as they are told.
struct LikeTheNode {
    keys: Vec<&'static str>,
    dialled: Outcome,
}

impl Player for LikeTheNode {
    fn keys(&mut self, _most: u8, _secret: bool) -> Option<String> {
        self.keys.pop().map(str::to_string)
    }
    fn dial(&mut self, _targets: &[Target], _ring: Duration) -> (Outcome, Option<Duration>) {
        (self.dialled, None)
    }
    fn lookup(&mut self, _lookup: &Lookup, _values: &[Value]) -> Option<Arc<[Value]>> {
        None
    }
    fn deed(&mut self, deed: &Deed) -> (Ended, Option<Duration>) {
        match deed {
            Deed::Tag(_) | Deed::Event { .. } | Deed::Wait(_) | Deed::Notify { .. } => (Ended::Done, None),
            Deed::Park { .. } => (Ended::Timeout, None),
            _ => (Ended::Failed, None),
        }
    }
    fn says(&mut self) -> Option<(bool, Arc<str>)> {
        None
    }
}

fn simulated(number: &str, keys: &[&'static str], dialled: Outcome) -> Vec<String> {
    let caller = Caller {
        from: Masked::new("8001"),
        to: Masked::new(number),
        origin: Some(Origin::Users),
        at: Wall::from_micros(1_795_000_010_000_000),
        during: None,
    };
    let mut player = LikeTheNode { keys: keys.iter().rev().copied().collect(), dialled };
    let run = sim::run(&Plan::Verbs.program(), &caller, &mut player).expect("a route");
    run.lines.iter().map(|(_, line)| format!("{}:{} {}", line.file, line.line, line.text)).collect()
}

#[test]
fn a_simulated_call_is_traced_line_for_line_as_the_live_one() {
    let mut live = world(700);
    live.phone("alice").dials("40").at(secs(1));
    types(&mut live, "8002", 11);
    live.phone("bob").answers().after(secs(2));
    live.phone("bob").hangs_up().after(secs(5));
    live.run_until(secs(60));
    assert!(live.talked("alice", "bob"), "{}", live.ladder());
    live.settle();
    let said = told(&live);
    assert_eq!(said, simulated("40", &["8002"], Outcome::Answered));
    assert!(said.iter().any(|line| line.ends_with("tag \"grade {c.grade}\": grade plain")), "{said:#?}");
}

#[test]
fn a_secret_leaves_no_trace_and_a_gap_in_the_recording() {
    let mut world = world(701);
    world.phone("alice").dials("41").at(secs(1));
    types(&mut world, "246813", 2);
    world.run_until(secs(30));
    world.settle();
    let said = all_said(&world);
    assert!(said.contains("6 digits") && said.contains("a secret key"), "{said}");
    assert!(!said.contains("246813") && !said.contains("key 2"), "{said}");
    let events = world.recorded_events();
    assert!(events.contains("GapStart { reason: \"secret\" }") && events.contains("GapEnd"), "{events}");
    assert!(!events.contains("Key {"), "{events}");
}

#[test]
fn people_ring_in_the_order_that_the_plan_says() {
    let mut world = world(702);
    world.phone("alice").dials("42").at(secs(1));
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(20));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    assert!(!world.talked("alice", "bob"));
    world.settle();
}

#[test]
fn a_plan_parks_its_caller_until_somebody_comes_or_the_time_is_over() {
    let mut fetched = world(703);
    fetched.phone("alice").dials("43").at(secs(1));
    fetched.phone("carol").dials("701").at(secs(6));
    fetched.phone("carol").hangs_up().after(secs(4));
    fetched.run_until(secs(30));
    assert!(fetched.talked("alice", "carol"), "{}", fetched.ladder());
    fetched.settle();

    let mut waiting = world(704);
    waiting.phone("alice").dials("43").at(secs(1));
    waiting.run_until(secs(40));
    waiting.settle();
    assert!(
        told(&waiting).iter().any(|line| line.ends_with("park for 10s: timeout")),
        "{:#?}",
        told(&waiting)
    );
}

#[test]
fn what_a_node_cannot_do_takes_its_failed_arm_and_says_so() {
    let mut world = world(705);
    world.phone("alice").dials("44").at(secs(1));
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(30));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    world.settle();
    assert!(all_said(&world).contains("queue: not available on this node"), "{}", all_said(&world));
}

/// Alice talks with Bob, who presses `code` 3 s later.
fn pressed(seed: u64, code: &str) -> World {
    let mut world = world(seed);
    world.phone("alice").dials("45").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    for (n, key) in code.chars().enumerate() {
        world.phone("bob").presses(key).after(secs(3) + ms(250 * n as u64));
    }
    world
}

#[test]
fn a_code_of_the_plan_notes_what_it_says_and_the_talk_goes_on() {
    let mut world = pressed(706, "*7");
    world.phone("bob").hangs_up().after(secs(9));
    world.run_until(secs(30));
    assert!(world.heard("alice", "bob") >= secs(6), "{}", world.ladder());
    world.settle();
    let events = world.recorded_events();
    assert!(events.contains("Tag { name: \"complaint\"") && events.contains("by code"), "{events}");
    assert!(
        told(&world).iter().any(|line| line.ends_with("tag \"complaint\": complaint")),
        "{:#?}",
        told(&world)
    );
}

#[test]
fn a_code_lets_the_agent_go_and_the_customer_walk_on() {
    let mut world = pressed(707, "*9");
    world.run_until(secs(30));
    assert_eq!(world.phone("bob").ended(), Some(How::FarSideHungUp));
    world.settle();
    let said = told(&world);
    assert!(said.iter().any(|line| line.ends_with("play sorry")), "{said:#?}");
}

#[test]
fn whoever_gives_up_in_the_middle_of_a_verb_leaves_nothing_behind() {
    for number in ["40", "41", "42", "43", "44"] {
        for quarters in 0..40 {
            let mut world = world(720 + quarters);
            world.phone("alice").dials(number).at(secs(1));
            types(&mut world, "2468", 3);
            world.phone("alice").hangs_up().at(secs(1) + ms(250 * quarters));
            world.run_until(secs(60));
            world.settle();
        }
    }
    for quarters in 0..24 {
        let mut world = pressed(760 + quarters, if quarters % 2 == 0 { "*7" } else { "*9" });
        world.phone("alice").hangs_up().at(secs(4) + ms(250 * quarters));
        world.run_until(secs(60));
        world.settle();
    }
}
