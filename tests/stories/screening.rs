//! Words in the live call: who is listened to, what is done about what is said, and what the records hold of it.

use ledgerline::speech::{News, Said};
use ledgerline::vault::Event;

use crate::world::*;

/// Alice talks with Bob, who answered her, from 2 s on; Dave is a boss. At 3 s.
fn talking(seed: u64) -> World {
    let mut world = World::with_plan(seed, Plan::Screened);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("dave").answers().after(secs(1));
    world.run_until(secs(3));
    world
}

/// A segment that was begun half a second ago, after `from_ms` of what is listened to.
fn said(segment: u64, text: &str, from_ms: u64, last: bool) -> News {
    News::Said(Said { segment, text: text.into(), from_ms, to_ms: from_ms + 500, marks: Vec::new(), last })
}

fn tags(world: &World) -> Vec<String> {
    let recording = world.store.of(world.calls()[0]).expect("recorded").1;
    let tag = |event: &(u64, Event)| match &event.1 {
        Event::Tag { name, .. } => Some(name.clone()),
        _ => None,
    };
    recording.events.iter().filter_map(tag).collect()
}

#[test]
fn what_an_agent_may_not_say_is_kept_from_the_customer_told_to_the_agent_and_written_down() {
    let mut world = talking(800);
    assert_eq!(world.listened(), ["alice", "bob"]);
    assert_eq!((world.delay_of("bob"), world.delay_of("alice")), (ms(1_200), ms(0)));
    // Talk began a second ago; what stands at 0.5 to 1.0 s of it is still on its way for another 1.2 s.
    world.hears("bob", said(0, "这个产品包本报息", 500, false));
    let before = world.heard("alice", "bob");
    world.run_until(secs(3) + ms(500));
    assert!(world.heard("alice", "bob") > before + ms(400), "what was said before the words is heard");
    assert_eq!(world.texts_of("bob"), ["do not say: 保本保息"]);
    world.run_until(secs(3) + ms(900));
    let (silent, heard) = (world.heard("alice", "bob"), world.heard("bob", "alice"));
    world.run_until(secs(4) + ms(300));
    assert_eq!(world.heard("alice", "bob"), silent, "what is on its way is not heard");
    assert!(world.heard("bob", "alice") > heard, "the customer goes on");
    // The same words once more, corrected and final: still one hit, and the line is open again.
    world.hears("bob", said(0, "这个产品保本保息吗", 500, true));
    world.run_until(secs(6));
    assert!(world.heard("alice", "bob") > silent + secs(1));
    world.hears("alice", said(0, "我还不上了", 3_000, true));
    world.phone("alice").hangs_up().at(secs(8));
    world.settle();
    let words = &world.only_cdr().words;
    assert_eq!(words.len(), 2, "{words:#?}");
    let hit = &words[0];
    assert_eq!((hit.agent, &*hit.set, &*hit.version, &*hit.phrase), (true, "promises", "v1", "保本保息"));
    assert_eq!(
        (&*hit.level, hit.intercepted, hit.to_ms - hit.from_ms < 500),
        ("homophone", Some(true), true)
    );
    assert_eq!((words[1].agent, &*words[1].phrase, words[1].intercepted), (false, "还不上", None));
    assert_eq!(tags(&world), ["promise", "owes"]);
    // WORD-06: the event track has it too, with version and decision.
    let recording = world.store.of(world.only_cdr().call).expect("recorded").1;
    let track: Vec<String> = recording
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Other { name, value } if name == "words" => {
                Some(format!("{} {} {}", value["phrase"], value["version"], value["intercepted"]))
            }
            _ => None,
        })
        .collect();
    assert!(track.contains(&"\"保本保息\" \"v1\" true".to_string()), "{track:?}");
    assert!(world.spoken.iter().any(|spoken| spoken.phrase == "保本保息"), "for the audit book");
}

#[test]
fn repeated_hits_bring_a_boss_in_and_the_third_ends_it() {
    let mut world = talking(801);
    world.hears("bob", said(0, "稳赚不赔", 0, true));
    world.hears("bob", said(1, "保本保息", 600, true));
    world.run_until(secs(6));
    let heard = world.heard("dave", "alice");
    assert!(heard > secs(0), "dave listens: {}", world.ladder());
    world.hears("bob", said(2, "真的保本保息", 3_000, true));
    world.run_until(secs(12));
    world.settle();
    let trace = world.only_cdr().trace.iter().map(|entry| format!("{:?}\n", entry.what)).collect::<String>();
    assert!(trace.contains("play sorry") || trace.contains("-> apology"), "{trace}");
    assert_eq!(tags(&world), ["promise", "promise", "promise"]);
}

#[test]
fn what_a_recogniser_takes_back_or_an_exception_covers_is_marked_so() {
    let mut world = talking(802);
    world.hears("bob", said(0, "保本保息", 0, false));
    world.hears("bob", said(0, "宝贝", 0, true));
    world.phone("alice").hangs_up().at(secs(5));
    world.settle();
    let words = &world.only_cdr().words;
    assert_eq!(words.iter().map(|one| one.withdrawn).collect::<Vec<_>>(), [true]);
}

#[test]
fn a_tone_is_put_over_the_words_where_the_policy_wants_one() {
    let program = Plan::Screened.changed("mode intercept delay", "mode bleep delay");
    let mut world = World::made(808, Plan::Screened, |setup| setup.program = program);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(3));
    world.hears("bob", said(0, "保本保息", 500, true));
    assert!(!world.bleeps(), "what was said before is heard");
    world.run_until(secs(4));
    assert!(world.bleeps());
    world.run_until(secs(6));
    assert!(!world.bleeps(), "the line is open again");
    world.phone("alice").hangs_up().at(secs(7));
    world.settle();
}

#[test]
fn what_a_correction_charges_again_is_kept_from_the_customer_and_acted_on() {
    let mut world = talking(806);
    // 0.2 s before it reaches Alice an exception covers it; the correction takes the exception away.
    world.hears("bob", said(0, "不承诺保本保息", 700, false));
    world.run_until(secs(3) + ms(100));
    assert_eq!(tags(&world), [""; 0], "an exception covers it");
    world.hears("bob", said(0, "我承诺保本保息", 700, true));
    world.run_until(secs(4) + ms(50));
    let silent = world.heard("alice", "bob");
    world.run_until(secs(4) + ms(350));
    assert_eq!(world.heard("alice", "bob"), silent, "what is on its way is not heard: {}", world.ladder());
    world.phone("alice").hangs_up().at(secs(6));
    world.settle();
    assert_eq!(tags(&world), ["promise"]);
    let words = &world.only_cdr().words;
    assert_eq!(
        words.iter().map(|one| (one.excused, one.intercepted)).collect::<Vec<_>>(),
        [(false, Some(true))]
    );
}

#[test]
fn a_record_that_is_full_is_cut_and_what_is_said_then_is_acted_on_all_the_same() {
    let mut world = talking(807);
    let many = 230;
    for n in 0..many {
        world.hears("alice", said(n, "我还不上了", 500, true));
    }
    world.phone("alice").hangs_up().at(secs(5));
    world.settle();
    assert_eq!(tags(&world).len(), many as usize, "every hit is acted on");
    let words = &world.only_cdr().words;
    let cut: Vec<usize> = (0..words.len()).filter(|at| words[*at].cut_here).collect();
    assert_eq!((words.len(), cut), (200, vec![199]), "the last that was written says that more was said");
    assert_eq!(world.spoken.len(), 201, "the audit book is told once that it is cut");
}

#[test]
fn nobody_listening_is_an_event_and_the_plans_arm_and_never_silence() {
    let mut world = talking(803);
    let deaf = || News::Deaf { why: "recogniser one: closed by the server".into() };
    world.hears("bob", deaf());
    world.hears("bob", deaf());
    world.run_until(secs(4));
    world.hears("bob", News::Hears);
    world.hears("bob", said(1 << 32, "保本保息", 2_000, true));
    world.phone("alice").hangs_up().at(secs(5));
    world.settle();
    assert_eq!(tags(&world), ["unheard", "promise"], "told once, and heard again");
    let recording = world.store.of(world.only_cdr().call).expect("recorded").1;
    let spans: Vec<String> = recording
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Other { name, value } if name == "unheard" => Some(value["when"].to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(spans, ["\"begins\"", "\"ends\""]);
}

#[test]
fn urgent_words_reach_a_call_that_runs_and_others_do_not() {
    for (urgent, hits) in [("", 0), ("urgent", 1)] {
        let mut world = talking(804);
        world.hears("bob", said(0, "内部消息", 0, false));
        world.loads_words(&format!("words promises v2 {{ \"内部消息\" {urgent} }}"));
        world.run_until(secs(4));
        world.phone("alice").hangs_up().at(secs(5));
        world.settle();
        assert_eq!(world.only_cdr().words.len(), hits, "{urgent}");
    }
}

#[test]
fn whoever_is_held_apart_or_gone_is_not_listened_to() {
    let mut world = talking(805);
    world.phone("bob").hangs_up().at(secs(4));
    world.run_until(secs(5));
    assert!(world.listened().is_empty(), "{:?}", world.listened());
    world.hears("bob", said(0, "保本保息", 0, true));
    world.settle();
    assert!(world.only_cdr().words.is_empty());
}
