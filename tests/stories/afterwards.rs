//! What a finished conversation is held to, and its transcript beside the recording.

use ledgerline::call::Finding;
use ledgerline::speech::{News, Said, Spoke};
use ledgerline::vault::Event;

use crate::world::*;

const RULES: &str = r#"  screen customer for excuses {
    tag "owes"
    on recogniser-down { event unheard-customer }
  }
  transcript agent, customer
  on call end {
    when silence >= 3s { tag "silent" }
    when overlap >= 1s { tag "both" }
    when rate agent >= 400 { tag "fast" }
    when missing agent notice { tag "no-notice" }
  }
}
words notice v1 { "投资有风险" "!没有[..4]*" homophones }"#;

/// Alice talks with Bob, who answered her, from 2 s on. At 3 s.
fn talking(seed: u64) -> World {
    let before = "  screen customer for excuses {\n    tag \"owes\"\n    on recogniser-down { event unheard-customer }\n  }\n}";
    let program = Plan::Screened.changed(before, RULES);
    let mut world = World::made(seed, Plan::Screened, |setup| setup.program = program);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(3));
    world
}

/// A voice, in milliseconds since the two were joined.
fn voice(world: &mut World, name: &str, from_ms: u64, to_ms: u64) {
    world.hears(name, News::Spoke(Spoke { from_ms: 0, to_ms: 0 }));
    world.hears(name, News::Spoke(Spoke { from_ms, to_ms }));
}

fn says(world: &mut World, name: &str, segment: u64, text: &str, (from_ms, to_ms): (u64, u64), last: bool) {
    let said = Said { segment, text: text.into(), from_ms, to_ms, marks: Vec::new(), last };
    world.hears(name, News::Said(said));
}

/// Ends the call at 12 s and returns what was found, and the tags.
fn found(world: &mut World) -> (Vec<Finding>, Vec<String>) {
    world.phone("alice").hangs_up().at(secs(12));
    world.run_until(secs(13));
    world.settle();
    let cdr = world.only_cdr().clone();
    let recording = world.store.of(cdr.call).expect("recorded").1;
    let tag = |event: &(u64, Event)| match &event.1 {
        Event::Tag { name, value } => Some(format!("{name}={value}")),
        _ => None,
    };
    let tags = recording.events.iter().filter_map(tag).collect();
    (cdr.findings, tags)
}

#[test]
fn silence_and_both_talking_are_found_without_any_recogniser() {
    let mut world = talking(840);
    world.hears("bob", News::Deaf { why: "no recogniser is configured".into() });
    world.hears("alice", News::Deaf { why: "no recogniser is configured".into() });
    assert_eq!(world.gauged(), ["alice", "bob"]);
    // Bob speaks for two seconds, Alice falls in; then nobody for nearly seven.
    voice(&mut world, "bob", 0, 1_000);
    voice(&mut world, "bob", 0, 2_000);
    voice(&mut world, "alice", 800, 3_000);
    let (findings, tags) = found(&mut world);
    let told: Vec<_> =
        findings.iter().map(|it| (it.what.as_str(), it.unjudged, it.from_ms.is_some())).collect();
    assert_eq!(
        told,
        [("silence", false, true), ("overlap", false, true), ("rate", true, false), ("missing", true, false)],
        "what nobody heard is not judged"
    );
    assert!((6_500..7_500).contains(&findings[0].value.expect("measured")), "{findings:#?}");
    assert_eq!(findings[1].value, Some(1_200));
    assert!(
        ["review=", "review.silence=", "silent=", "review.overlap=", "both=", "review.unjudged="]
            .iter()
            .all(|tag| { tags.iter().any(|set| set == tag) })
    );
    assert!(!tags.iter().any(|tag| tag == "no-notice=" || tag == "fast="), "{tags:?}");
    assert!(world.gauged().is_empty());
}

#[test]
fn what_must_be_said_is_missed_when_it_was_not_and_speed_is_measured() {
    for (text, to_ms, expected) in [
        ("请注意投资有风险", 9_000, &["missing-not"][..]),
        ("请注意头子有封险", 9_000, &["missing-not"]),
        ("没有投资有风险", 9_000, &["missing"]),
        ("您好", 9_000, &["missing"]),
        (&"说".repeat(80), 11_000, &["rate", "missing"]),
    ] {
        let mut world = talking(841);
        voice(&mut world, "bob", 0, 9_900);
        voice(&mut world, "alice", 9_800, 10_000);
        says(&mut world, "bob", 0, text, (0, to_ms), true);
        let (findings, _) = found(&mut world);
        let told: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
        let expected: Vec<&str> = expected.iter().copied().filter(|what| *what != "missing-not").collect();
        assert_eq!(told, expected, "{text}: {findings:#?}");
    }
}

#[test]
fn a_transcript_has_each_text_once_and_the_last_words_too() {
    let mut world = talking(842);
    says(&mut world, "bob", 0, "投资有封", (100, 900), false);
    says(&mut world, "bob", 0, "投资有风险", (100, 1_200), true);
    says(&mut world, "alice", 0, "我还不上了", (1_500, 2_500), true);
    says(&mut world, "bob", 1, "那好吧", (3_000, 3_800), false);
    found(&mut world);
    let [transcript] = &world.transcripts[..] else { panic!("one call, one transcript") };
    let lines: Vec<_> = transcript.lines.iter().map(|line| (line.agent, line.text.as_str())).collect();
    assert_eq!(lines, [(true, "投资有风险"), (false, "我还不上了"), (true, "那好吧")]);
    assert_eq!(transcript.words.len(), 1, "{:#?}", transcript.words);
    assert!(!format!("{transcript:?}").contains("还不上"), "a transcript does not print");
    assert!((2_000..3_000).contains(&transcript.lines[0].from_ms) || transcript.lines[0].from_ms > 1_000);
}

#[test]
fn a_hold_is_no_silence() {
    let mut world = talking(843);
    voice(&mut world, "bob", 0, 1_000);
    voice(&mut world, "alice", 900, 1_500);
    world.at(secs(4), Deed::Do("bob", Act::Hold(Notation::SendOnly)));
    world.run_until(secs(6));
    assert!(world.gauged().is_empty(), "nobody is gauged: {:?}", world.gauged());
    let (findings, _) = found(&mut world);
    assert!(!findings.iter().any(|finding| finding.what == "silence"), "{findings:#?}");
}
