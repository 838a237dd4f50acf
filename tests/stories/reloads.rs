//! Programs that change while calls run: each call keeps its own to the end.

use std::sync::Arc;

use ledgerline::plan::{Folder, Lang, Program, load};
use ledgerline::switch::Input;

use crate::world::*;

const OFFICE: &str = include_str!("../world/plans/office.plan");

pub fn program(text: &str) -> Arc<Program> {
    let folder = Folder::new().with_plan("office.plan", text).with_any_sound();
    let (program, findings) = load(&folder, &["office.plan"]);
    program.unwrap_or_else(|| {
        panic!("{}", findings.iter().map(|found| found.render(Lang::En)).collect::<String>())
    })
}

/// The 1 000 reloads of the issue, in virtual time: three phones call each other without end while the program changes every
/// 40 ms; not one call is lost, and each record names the program that was there when its call came.
#[test]
fn a_thousand_reloads_lose_no_call() {
    let programs = [
        program(OFFICE),
        program(&OFFICE.replace("for 20s", "for 21s")),
        program(&OFFICE.replace("\"80XX\"", "\"800X\"")),
    ];
    let mut world = World::with_plan(900, Plan::Required);
    let (gap, reloads) = (ms(40), 1_000_u32);
    for round in 0..8 {
        let at = secs(1 + 5 * round);
        world.phone("alice").dials("8002").at(at);
        world.phone("bob").answers().after(ms(700));
        world.phone("alice").hangs_up().at(at + ms(3_500));
    }
    for number in 0..reloads {
        world.run_until(gap * number);
        world.handle(Input::Program(Arc::clone(&programs[number as usize % programs.len()])));
    }
    world.run_until(secs(60));
    world.settle();
    let calls = world.calls();
    assert_eq!(calls.len(), 8);
    let known: Vec<String> = programs.iter().map(|program| program.hash_hex()).collect();
    for call in calls {
        let cdr = world.cdr(call).expect("a record");
        assert!(known.contains(&cdr.program), "{}", cdr.program);
        assert!(cdr.trace.iter().any(|entry| format!("{:?}", entry.what).contains("80")), "{call}");
    }
    assert!(world.heard("alice", "bob") >= secs(8 * 2), "{:?}", world.heard("alice", "bob"));
}

/// A call keeps its program where it matters: the route that it took is gone from the new one, and it goes on all the same.
#[test]
fn a_call_walks_its_own_program_to_the_end() {
    let mut world = World::with_plan(901, Plan::Required);
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('1').at(secs(5));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(2));
    let other = OFFICE.replace("1 -> dial user bob for 15s", "1 -> dial user carol for 15s");
    world.handle(Input::Program(program(&other)));
    world.run_until(secs(15));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.phone("alice").hangs_up().at(secs(16));
    world.run_until(secs(40));
    world.settle();
}

/// While an emergency plan is on, its route goes before the one that calls took; the call that runs stays where it is, and
/// what it is transferred to goes the new way; off again, all is as before.
#[test]
fn an_emergency_plan_takes_new_calls_and_gives_them_back() {
    let text =
        format!("{OFFICE}\nemergency flood {{ route \"8002\" from users -> dial user carol for 20s }}\n");
    let mut world = World::with_plan(902, Plan::Required);
    world.handle(Input::Program(program(&text)));
    for at in [1, 10, 20] {
        world.phone("alice").dials("8002").at(secs(at));
        world.phone("alice").hangs_up().at(secs(at + 6));
    }
    world.phone("bob").answers().after(secs(1));
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(3));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    // In the middle of the first call.
    world.handle(Input::Emergency(Some("flood".into())));
    world.run_until(secs(6));
    assert!(!world.talked("alice", "carol"), "{}", world.ladder());
    world.run_until(secs(18));
    assert!(world.talked("alice", "carol"), "{}", world.ladder());
    world.handle(Input::Emergency(None));
    world.run_until(secs(40));
    world.settle();
    let routes: Vec<String> = world.calls().into_iter().map(|call| routed(&world, call)).collect();
    let flood = "route \"8002\" of the emergency plan flood";
    assert_eq!(routes, ["route \"80XX\"", flood, "route \"80XX\""]);
}

/// A plan that has lost the emergency plan which is on: calls go the ordinary way.
#[test]
fn an_emergency_plan_that_the_program_has_lost_holds_nobody_up() {
    let mut world = World::with_plan(903, Plan::Required);
    world.handle(Input::Emergency(Some("flood".into())));
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").hangs_up().at(secs(6));
    world.run_until(secs(20));
    world.settle();
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
}

/// The route that a call took, as its trace says.
fn routed(world: &World, call: ledgerline::base::CallId) -> String {
    let cdr = world.cdr(call).expect("a record");
    let said = cdr.trace.iter().find_map(|entry| {
        let said = format!("{:?}", entry.what);
        let from = said.find("route \\\"")?;
        Some(said[from..].split_once("\" }")?.0.replace('\\', ""))
    });
    said.expect("a route")
}
