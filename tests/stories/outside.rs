//! Systems outside that plans ask and tell: an answer is used, a late one is not waited for, and nobody is told more than may be.

use std::sync::Arc;

use ledgerline::base::Masked;
use ledgerline::call::trace::What;
use ledgerline::call::{Answered, Question};
use ledgerline::plan::{Ended, Value};
use ledgerline::switch::Input;

use crate::world::*;

fn world(seed: u64) -> World {
    World::with_plan(seed, Plan::Verbs)
}

/// Lets the world run until the call has asked, and takes the question.
fn asked(world: &mut World, until: u64) -> Question {
    world.run_until(ms(until));
    world.asked.pop().expect("a question")
}

fn answers(world: &mut World, question: &Question, json: &str) {
    let answer = question.lookup.read(json.as_bytes()).map_err(|_| Ended::Failed);
    let why = answer.is_err().then(|| "it answers nonsense".to_string());
    let (call, number) = (question.call, question.number);
    world.handle(Input::Found(Answered { call, number, answer, why }));
}

fn said(world: &World) -> Vec<String> {
    let lines = world.only_cdr().trace.iter().map(|entry| match &entry.what {
        What::Plan { text, .. } => text.to_string(),
        other => format!("{other:?}"),
    });
    lines.collect()
}

fn holds(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[test]
fn an_answer_decides_where_the_call_goes() {
    let mut world = world(800);
    world.phone("alice").dials("40").at(secs(1));
    let question = asked(&mut world, 1_200);
    assert_eq!(question.values, [Value::Text(Masked::new("8001"))]);
    answers(&mut world, &question, r#"{"grade":"gold","owes":3,"idcard":"110105199001011234"}"#);
    world.phone("alice").hangs_up().at(secs(20));
    world.run_until(secs(40));
    world.settle();
    let lines = said(&world);
    assert!(holds(&lines, "grade gold") && !holds(&lines, "110105199001011234"), "{lines:#?}");
}

/// The core minds the time itself: whatever the shell does, the `else` comes when the lookup says.
#[test]
fn a_late_answer_is_not_waited_for_and_changes_nothing() {
    for (late, json) in [(true, r#"{"grade":"gold","owes":3}"#), (false, r#"{"grade":"brass","owes":3}"#)] {
        let mut world = world(801);
        world.phone("alice").dials("40").at(secs(1));
        let question = asked(&mut world, 1_200);
        if late {
            world.run_until(secs(3));
        }
        answers(&mut world, &question, json);
        answers(&mut world, &question, json);
        world.phone("alice").hangs_up().at(secs(20));
        world.run_until(secs(40));
        answers(&mut world, &question, json);
        world.settle();
        let lines = said(&world);
        assert!(holds(&lines, "grade plain") && !holds(&lines, "grade gold"), "{lines:#?}");
        assert_eq!(holds(&lines, "it answers nonsense"), !late, "{lines:#?}");
    }
}

#[test]
fn a_caller_who_goes_while_a_system_is_asked_leaves_nothing_behind() {
    let mut world = world(802);
    world.phone("alice").dials("40").at(secs(1));
    world.phone("alice").hangs_up().at(secs(1) + ms(400));
    let question = asked(&mut world, 1_200);
    world.run_until(secs(1) + ms(900));
    answers(&mut world, &question, r#"{"grade":"gold","owes":3}"#);
    world.run_until(secs(20));
    world.settle();
}

/// A secret goes into the lookup that accepts it, and is nowhere else.
#[test]
fn a_secret_reaches_its_lookup_and_no_print() {
    let mut world = world(803);
    world.phone("alice").dials("41").at(secs(1));
    for (n, key) in "246813".chars().enumerate() {
        world.phone("alice").presses(key).at(secs(2) + ms(250 * n as u64));
    }
    world.run_until(secs(8));
    let question = world.asked.pop().expect("a question");
    assert!(!format!("{question:?}").contains("246813"));
    let (_, body) = question.lookup.request(&question.values);
    assert!(body.expect("a body").contains("246813"));
    answers(&mut world, &question, r#"{"ok":true}"#);
    world.run_until(secs(30));
    world.settle();
    assert!(!holds(&said(&world), "246813"));
}

/// WORD-08, PII-02: told once where the plan says once; numbers are masked unless a policy names the host.
#[test]
fn a_webhook_is_told_masked_and_once() {
    let mut world = world(804);
    world.phone("alice").dials("40").at(secs(1));
    world.phone("alice").hangs_up().at(secs(10));
    world.run_until(secs(30));
    world.settle();
    let [told] = &world.letters[..] else { panic!("{:?}", world.letters) };
    assert_eq!((&*told.webhook.name, told.text.as_deref(), told.clear), ("crm", Some("call"), false));
    assert_eq!(told.call, world.only_cdr().call);
    let _: &Arc<ledgerline::plan::Webhook> = &told.webhook;
}
