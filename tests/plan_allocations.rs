//! A step of a running plan allocates nothing on the common verbs: counted, not believed.
//!
//! A file of its own because the counting allocator is the whole program's.
#![allow(unsafe_code)] // a global allocator cannot be written without; it only counts and hands on

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use ledgerline::base::{Masked, Wall};
use ledgerline::plan::{Ask, Ended, Facts, Folder, Machine, Origin, Outcome, Program, Reply, load};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const PLAN: &str = "edition 2026
language en
zone \"Asia/Shanghai\"
prompt hello en \"hello.wav\"
prompt main  en \"main.wav\"
hours open { mon-sun 00:00-24:00 }
route \"1\" from users -> walk
route \"2\" from users -> live

flow walk {
  play hello
  tag \"complaint\"
  event seen \"from the menu\"
  wait 1s
  if caller matches \"9XXX\" { hangup busy }
  when not open { hangup }
  menu prompt main wait 6s { 1 -> next(caller)  none, wrong -> hangup }
}
flow next(who: phone) {
  dial user desk, user helper for 20s { busy -> again(who)  else -> end }
}
flow again(who: phone) { play hello; hangup }
flow live { dial user {caller} for 20s }
";

fn program() -> Arc<Program> {
    let folder = Folder::new().with_plan("a.plan", PLAN).with_any_sound();
    let (program, found) = load(&folder, &["a.plan"]);
    program.unwrap_or_else(|| panic!("{found:?}"))
}

fn machine(program: &Arc<Program>, dialled: &str) -> (Machine, Wall) {
    let wall = Wall::from_micros(1_795_337_972_120_000);
    let facts = Facts {
        caller: Masked::new("8001"),
        dialled: Masked::new(dialled),
        display: Masked::default(),
        origin: Origin::Users,
        wall,
    };
    let route = program.route(&Origin::Users, dialled).expect("a route");
    (Machine::start(program.clone(), route, facts), wall)
}

/// What `reply` costs, and what is asked then.
fn step(machine: &mut Machine, wall: Wall, reply: Reply) -> (u64, Ask) {
    // The call takes the trace after every step; its lines are texts for people and not the plan's step.
    machine.take_trace();
    let before = ALLOCATIONS.with(Cell::get);
    let ask = machine.resume(wall, reply);
    (ALLOCATIONS.with(Cell::get) - before, ask)
}

#[test]
fn a_step_of_the_common_verbs_allocates_nothing() {
    let program = program();
    let (mut machine, wall) = machine(&program, "1");
    let key = Masked::new("1");
    let replies = [
        ("play", Reply::Start),
        ("tag", Reply::Played),
        ("event", Reply::Did(Ended::Done)),
        ("wait", Reply::Did(Ended::Done)),
        ("if, when, menu", Reply::Did(Ended::Done)),
        ("key, flow, dial", Reply::Keys(key)),
        ("outcome, flow, play", Reply::Dialled(Outcome::Busy)),
        ("hangup", Reply::Played),
    ];
    let mut last = None;
    for (what, reply) in replies {
        let (cost, ask) = step(&mut machine, wall, reply);
        assert_eq!(cost, 0, "{what}: {ask:?}");
        last = Some(ask);
    }
    assert!(matches!(last, Some(Ask::Hangup { .. })), "{last:?}");
}

/// Whom a value names is known only in the call: the list of targets, and nothing else.
#[test]
fn a_dial_of_a_value_allocates_its_list() {
    let program = program();
    let (mut machine, wall) = machine(&program, "2");
    let (cost, ask) = step(&mut machine, wall, Reply::Start);
    assert!(cost <= 1 && matches!(ask, Ask::Dial { .. }), "{cost} {ask:?}");
}
