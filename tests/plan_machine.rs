//! Plans at work: a list of replies goes in, the list of asks that comes out is written down beside it.

use std::fmt::Write;
use std::sync::Arc;

use expect_test::{Expect, expect};
use ledgerline::base::{Masked, PromptId, Wall};
use ledgerline::plan::{Ask, Facts, Folder, Lang, Machine, Origin, Outcome, Program, Reply, load};

/// Thursday 2026-11-26 10:00 in Shanghai.
const WORKDAY: &str = "2026-11-26T10:00:00+08:00";
/// The same day at 22:00.
const NIGHT: &str = "2026-11-26T22:00:00+08:00";

fn wall(at: &str) -> Wall {
    let at: jiff::Timestamp = at.parse().expect("a moment");
    Wall::from_micros(at.as_microsecond())
}

fn program(text: &str) -> Arc<Program> {
    let folder = Folder::new().with_plan("test.plan", text).with_any_sound();
    let (program, found) = load(&folder, &["test.plan"]);
    let said: String = found.iter().map(|found| found.render(Lang::En)).collect();
    program.unwrap_or_else(|| panic!("{said}"))
}

fn facts(dialled: &str, at: &str) -> Facts {
    Facts {
        caller: Masked::new("8001"),
        dialled: Masked::new(dialled),
        display: Masked::new("Alice"),
        origin: Origin::Users,
        wall: wall(at),
    }
}

fn names(program: &Program, prompts: &[PromptId]) -> String {
    let name =
        |id: &PromptId| program.prompts().iter().find(|prompt| prompt.id == *id).map(|prompt| &*prompt.name);
    prompts.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}

fn said(program: &Program, ask: &Ask) -> String {
    match ask {
        Ask::Play { prompts, notice: true } => format!("notice {}", names(program, prompts)),
        Ask::Play { prompts, notice: false } => format!("play {}", names(program, prompts)),
        Ask::Collect { prompts, min, max, first, between, end, secret } => format!(
            "collect {min}..{max} {first:?} {between:?} end {end:?}{} {}",
            if *secret { " secret" } else { "" },
            names(program, prompts)
        ),
        Ask::Dial { targets, ring, turns: None } => format!("dial {targets:?} {ring:?}"),
        Ask::Dial { targets, ring, turns: Some(turns) } => format!("dial {targets:?} {ring:?} {turns:?}"),
        Ask::Say { parts } => format!("say {parts:?}"),
        Ask::Lookup { lookup, values } => format!("lookup {} {values:?}", lookup.name),
        Ask::Do(deed) => format!("{} {deed:?}", deed.word()),
        Ask::Hangup { cause } => format!("hangup {} {}", cause.word(), cause.status()),
    }
}

/// `start`, `played`, `key 123`, `silence`, or the word of a dial's outcome.
fn reply(word: &str) -> Reply {
    match word.split_once(' ') {
        Some(("key", keys)) => Reply::Keys(Masked::new(keys)),
        _ => match word {
            "start" => Reply::Start,
            "played" => Reply::Played,
            "silence" => Reply::NoKeys,
            outcome => Reply::Dialled(
                Outcome::ALL
                    .into_iter()
                    .find(|known| known.word() == outcome)
                    .expect("the word of an outcome"),
            ),
        },
    }
}

/// Runs a call through its replies; prints them and the asks.
fn run(program: &Arc<Program>, dialled: &str, at: &str, replies: &[&str], expect: Expect) {
    expect.assert_eq(&transcript(program, dialled, at, replies).0);
}

/// As [`run`], with the trace behind.
fn run_traced(program: &Arc<Program>, dialled: &str, at: &str, replies: &[&str], expect: Expect) {
    let (asks, trace) = transcript(program, dialled, at, replies);
    expect.assert_eq(&(asks + &trace));
}

fn transcript(program: &Arc<Program>, dialled: &str, at: &str, replies: &[&str]) -> (String, String) {
    let route = program.route(&Origin::Users, dialled).expect("a route");
    let mut machine = Machine::start(program.clone(), route, facts(dialled, at));
    let mut out = String::new();
    for word in std::iter::once(&"start").chain(replies) {
        let ask = machine.resume(wall(at), reply(word));
        let _ = writeln!(out, "{word:<12} {}", said(program, &ask));
    }
    let mut trace = String::new();
    for line in machine.take_trace() {
        let _ = writeln!(trace, "  {}:{} {}", line.file, line.line, line.text);
    }
    (out, trace)
}

fn hello() -> Arc<Program> {
    program(include_str!("../dialplans/hello.plan"))
}

fn office() -> Arc<Program> {
    program(include_str!("../dialplans/office.plan"))
}

#[test]
fn the_demo_hotline_tells_of_the_recording_and_connects() {
    run_traced(
        &hello(),
        "95599",
        WORKDAY,
        &["played", "played", "key 1", "played", "answered", "played"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            key 1        play 请稍候
            played       dial [user bob] 25s
            answered     hangup normal 480
            played       hangup normal 480
              test.plan:42 route "95599"
              test.plan:20 policy 全程录音
              test.plan:25 policy 热线告知
              test.plan:42 -> 热线
              test.plan:49 play 欢迎: the policy's notice first
              test.plan:49 play 欢迎
              test.plan:50 menu prompt 主菜单 wait 6s tries 2
              test.plan:50 menu prompt 主菜单 wait 6s tries 2: key 1
              test.plan:51 -> 人工
              test.plan:57 play 请稍候
              test.plan:58 dial user bob for 25s: rings user bob
              test.plan:58 dial user bob for 25s: answered
              test.plan:58 hangup normal
        "#]],
    );
}

#[test]
fn the_demo_hotline_says_good_bye_to_the_silent() {
    run(
        &hello(),
        "95599",
        WORKDAY,
        &["played", "played", "silence", "key 7", "played", "played"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            silence      collect 1..1 6s 1s end None 主菜单
            key 7        play 再见
            played       hangup normal 480
            played       hangup normal 480
        "#]],
    );
}

#[test]
fn an_extension_rings_through_without_an_answer_of_ours() {
    run(
        &hello(),
        "8002",
        WORKDAY,
        &["busy"],
        expect![[r#"
            start        dial [user 8002] 25s
            busy         hangup busy 486
        "#]],
    );
    run(
        &hello(),
        "bob",
        WORKDAY,
        &["unknown"],
        expect![[r#"
            start        dial [user bob] 25s
            unknown      hangup unknown 404
        "#]],
    );
}

#[test]
fn the_office_closes_at_night() {
    run_traced(
        &office(),
        "8000",
        NIGHT,
        &["played", "played", "played"],
        expect![[r#"
            start        notice 录音提示
            played       play 非工作时间
            played       play 再见
            played       hangup normal 480
              test.plan:58 route "8000"
              test.plan:19 policy 总机录音
              test.plan:58 -> 总机
              test.plan:66 when not 工作时间: yes
              test.plan:66 -> 夜间
              test.plan:115 play 非工作时间: the policy's notice first
              test.plan:115 play 非工作时间
              test.plan:116 -> 告别
              test.plan:120 play 再见
              test.plan:121 hangup normal
        "#]],
    );
}

#[test]
fn the_office_takes_extensions_by_keys() {
    run_traced(
        &office(),
        "8000",
        WORKDAY,
        &["played", "played", "key 0", "key 81", "key 8123", "no-answer", "played"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            key 0        collect 4..4 8s 3s end Some('#') 请拨分机
            key 81       collect 4..4 8s 3s end Some('#') 请拨分机
            key 8123     dial [user 8123] 25s
            no-answer    play 无人接听
            played       hangup no-answer 480
              test.plan:58 route "8000"
              test.plan:19 policy 总机录音
              test.plan:58 -> 总机
              test.plan:66 when not 工作时间: no
              test.plan:67 play 欢迎: the policy's notice first
              test.plan:67 play 欢迎
              test.plan:68 menu prompt 主菜单 wait 6s tries 3
              test.plan:68 menu prompt 主菜单 wait 6s tries 3: key 0
              test.plan:71 -> 直拨
              test.plan:87 collect 号码 digits 4 prompt 请拨分机 wait 8s between 3s tries 2 else -> 前台
              test.plan:87 collect 号码 digits 4 prompt 请拨分机 wait 8s between 3s tries 2 else -> 前台: 2 digits do not fit, asked again
              test.plan:87 collect 号码 digits 4 prompt 请拨分机 wait 8s between 3s tries 2 else -> 前台: 4 digits
              test.plan:88 if 号码 matches "8[1-9]XX": yes
              test.plan:88 -> 分机(号码)
              test.plan:94 dial user {号码} for 25s: rings user 8123
              test.plan:94 dial user {号码} for 25s: no-answer
              test.plan:96 play 无人接听
              test.plan:96 hangup no-answer
        "#]],
    );
}

#[test]
fn the_office_gives_up_on_entries_that_do_not_fit() {
    run(
        &office(),
        "8000",
        WORKDAY,
        &["played", "played", "key 0", "silence", "key 12*4", "unreachable", "played", "played"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            key 0        collect 4..4 8s 3s end Some('#') 请拨分机
            silence      collect 4..4 8s 3s end Some('#') 请拨分机
            key 12*4     dial [user 前台] 30s
            unreachable  play 无人接听
            played       play 再见
            played       hangup normal 480
        "#]],
    );
    run(
        &office(),
        "8000",
        WORKDAY,
        &["played", "played", "key 0", "key 9999", "played", "busy"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            key 0        collect 4..4 8s 3s end Some('#') 请拨分机
            key 9999     play 空号
            played       dial [user 前台] 30s
            busy         play 正忙
        "#]],
    );
}

#[test]
fn the_office_passes_captures_and_values_on() {
    run(
        &office(),
        "*8123",
        WORKDAY,
        &["busy", "played"],
        expect![[r#"
            start        dial [user 前台] 30s
            busy         play 非工作时间
            played       play 再见
        "#]],
    );
    run(
        &office(),
        "*8000",
        WORKDAY,
        &[],
        expect![[r#"
            start        hangup unknown 404
        "#]],
    );
    run(
        &office(),
        "8000",
        WORKDAY,
        &["played", "played", "key 1", "played", "busy", "answered"],
        expect![[r#"
            start        notice 录音提示
            played       play 欢迎
            played       collect 1..1 6s 1s end None 主菜单
            key 1        play 请稍候
            played       dial [user 销售] 20s
            busy         dial [user 前台] 30s
            answered     hangup normal 480
        "#]],
    );
}

#[test]
fn a_menu_counts_its_tries_and_takes_only_its_keys() {
    let plan = program(
        r##"edition 2026
prompt 菜单 { zh "a.wav"  en "b.wav" }
route "1" from users -> a
flow a {
  menu prompt 菜单 {zh, en} wait 4s tries 3 {
    *    -> hangup busy
    "#"  -> hangup rejected
    none -> hangup no-answer
    wrong -> hangup forbidden
  }
}
"##,
    );
    run(
        &plan,
        "1",
        WORKDAY,
        &["key *"],
        expect![[r#"
            start        collect 1..1 4s 1s end None 菜单, 菜单
            key *        hangup busy 486
        "#]],
    );
    run(
        &plan,
        "1",
        WORKDAY,
        &["silence", "key 5", "key #"],
        expect![[r#"
            start        collect 1..1 4s 1s end None 菜单, 菜单
            silence      collect 1..1 4s 1s end None 菜单, 菜单
            key 5        collect 1..1 4s 1s end None 菜单, 菜单
            key #        hangup rejected 603
        "#]],
    );
    run(
        &plan,
        "1",
        WORKDAY,
        &["key 5", "key 5", "silence"],
        expect![[r#"
            start        collect 1..1 4s 1s end None 菜单, 菜单
            key 5        collect 1..1 4s 1s end None 菜单, 菜单
            key 5        collect 1..1 4s 1s end None 菜单, 菜单
            silence      hangup no-answer 480
        "#]],
    );
    run(
        &plan,
        "1",
        WORKDAY,
        &["silence", "silence", "key 5"],
        expect![[r#"
            start        collect 1..1 4s 1s end None 菜单, 菜单
            silence      collect 1..1 4s 1s end None 菜单, 菜单
            silence      collect 1..1 4s 1s end None 菜单, 菜单
            key 5        hangup forbidden 403
        "#]],
    );
}

#[test]
fn conditions_compare_values() {
    let plan = program(
        r#"edition 2026
prompt p zh "a.wav"
route "1{rest: X}" from users -> a(rest, 3, 5s)
flow a(rest, n, t: duration) {
  let limit = 3
  let open = true
  if rest == "0" and caller.name == "Alice" { hangup busy }
  else if rest == "1" and (n < limit or t >= 6s) { hangup failed }
  else if rest == "2" and n >= limit and not (t == 4s) and open { -> b(rest, callee) }
  if callee matches "1[3-5]" and caller != callee { hangup rejected }
  when n != 3 or open == false { hangup failed }
  hangup
}
flow b(x, y) {
  -> c(y, x)
}
flow c(x: phone, y) {
  dial user {x}, number {y}, number "13812345678" for 20s
}
"#,
    );
    for (dialled, want) in [
        ("10", "hangup busy 486"),
        ("11", "hangup normal 480"),
        ("12", "dial [user 12, number 2, number 138****5678] 20s"),
        ("13", "hangup rejected 603"),
        ("19", "hangup normal 480"),
    ] {
        let route = plan.route(&Origin::Users, dialled).expect("a route");
        let mut machine = Machine::start(plan.clone(), route, facts(dialled, WORKDAY));
        assert_eq!(said(&plan, &machine.resume(wall(WORKDAY), Reply::Start)), want, "{dialled}");
    }
}

#[test]
fn every_outcome_that_is_not_handled_ends_the_call_with_its_cause() {
    let plan = program(
        "edition 2026\nroute \"1\" from users -> dial user bob for 20s { busy -> dial user eve for 10s }\n",
    );
    for outcome in Outcome::ALL {
        let route = plan.route(&Origin::Users, "1").expect("a route");
        let mut machine = Machine::start(plan.clone(), route, facts("1", WORKDAY));
        machine.resume(wall(WORKDAY), Reply::Start);
        let ask = machine.resume(wall(WORKDAY), Reply::Dialled(outcome));
        if outcome == Outcome::Busy {
            assert_eq!(said(&plan, &ask), "dial [user eve] 10s");
            continue;
        }
        assert_eq!(ask, Ask::Hangup { cause: outcome.cause() });
        assert_eq!(machine.resume(wall(WORKDAY), Reply::Played), ask, "a hang-up is final");
    }
}

#[test]
fn a_reply_that_does_not_fit_ends_the_call() {
    run_traced(
        &hello(),
        "8002",
        WORKDAY,
        &["played", "busy"],
        expect![[r#"
        start        dial [user 8002] 25s
        played       hangup failed 500
        busy         hangup failed 500
          test.plan:43 route "8XXX"
          test.plan:20 policy 全程录音
          test.plan:43 dial user {callee} for 25s: rings user 8002
          test.plan:43 dial user {callee} for 25s: a reply that does not fit
    "#]],
    );
    run_traced(
        &hello(),
        "95599",
        WORKDAY,
        &["key 1"],
        expect![[r#"
            start        notice 录音提示
            key 1        hangup failed 500
              test.plan:42 route "95599"
              test.plan:20 policy 全程录音
              test.plan:25 policy 热线告知
              test.plan:42 -> 热线
              test.plan:49 play 欢迎: the policy's notice first
              test.plan:49 play 欢迎: a reply that does not fit
        "#]],
    );
}

#[test]
fn a_route_of_another_program_fails_safely() {
    let small = program("edition 2026\nroute \"1\" from users -> end\n");
    let route =
        office().route(&Origin::Users, "8000").into_iter().chain(office().route(&Origin::Users, "bob")).max();
    let mut machine = Machine::start(small, route.expect("a route"), facts("1", WORKDAY));
    assert!(matches!(machine.resume(wall(WORKDAY), Reply::Start), Ask::Hangup { .. }));
}

#[test]
fn the_notice_comes_before_any_media_and_once() {
    let plan = program(
        r#"edition 2026
prompt 告知 zh "n.wav"
prompt p zh "p.wav"
class k { from call.end; at least 1y }
policy 录音 for calls to "1", "3" { record all; retain k }
policy 告知 for calls to "1", "2" { notice prompt 告知 before media }
policy 再告知 for calls from users to "2" { notice prompt 告知 before media }
route "1" from users -> dial user bob for 20s { busy -> play_p }
route "2" from users -> play_p
route "3" from users -> hangup busy
flow play_p { play p; hangup }
"#,
    );
    run(
        &plan,
        "1",
        WORKDAY,
        &["played", "busy", "played"],
        expect![[r#"
            start        notice 告知
            played       dial [user bob] 20s
            busy         play p
            played       hangup normal 480
        "#]],
    );
    run(
        &plan,
        "2",
        WORKDAY,
        &["played", "played"],
        expect![[r#"
            start        notice 告知
            played       play p
            played       hangup normal 480
        "#]],
    );
    run(
        &plan,
        "3",
        WORKDAY,
        &[],
        expect![[r#"
            start        hangup busy 486
        "#]],
    );
}
