//! `plan diff`: what is said of pairs of plans, in English and Chinese; and that plans that differ in wording alone do not differ.

use std::sync::Arc;

use expect_test::{Expect, expect};
use ledgerline::plan::diff::{Change, diff};
use ledgerline::plan::{Folder, Lang, Program, load};

const PLAN: &str = r#"edition 2026
language zh
zone "Asia/Shanghai"

class 五年 { from call.end; at least 5y }
prompt 欢迎 zh "welcome.wav"
prompt 菜单 zh "menu.wav"
prompt 告知 zh "notice.wav"
hours 工作时间 { mon-fri 09:00-18:00 }
words 敏感词 { "保本" }
script 话术 v1 { zh "您好" }
lookup 客户(phone: phone) -> { 级别: VIP|普通 } get "http://crm/c" timeout 1s
group 坐席 { members user a, user b }
queue 客服 { agents 坐席; size 50 }

policy 录音 for calls to "95599" { record all, on failure refuse; retain 五年; notice prompt 告知 before media }

route "95599" from users -> 总机
route "8XXX"  from users -> dial user {callee} for 25s

flow 总机 {
  when not 工作时间 { -> 语音信箱 }
  play 欢迎
  menu prompt 菜单 wait 6s {
    1                 -> 人工
    0, none, wrong    -> 人工
  }
}
flow 人工 {
  let c = lookup 客户(caller) else { 级别: 普通 }
  queue 客服 priority (if c.级别 == VIP 7 else 3) wait 120s {
    answered              -> end
    timeout, full, failed -> 语音信箱
  }
}
flow 语音信箱 { voicemail 留言 max 60s }
flow 夜班 { dial user night for 30s }
emergency 停电 { route "95599" from anyone -> 夜班 }
"#;

fn program(text: &str) -> Arc<Program> {
    let (program, found) = load(&Folder::new().with_plan("a.plan", text).with_any_sound(), &["a.plan"]);
    program
        .unwrap_or_else(|| panic!("{}", found.iter().map(|found| found.render(Lang::En)).collect::<String>()))
}

/// The plan with pieces put in the place of others.
fn with(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(PLAN.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "the plan has {from}");
        text.replace(from, to)
    })
}

fn said(before: &str, now: &str) -> String {
    let changes = diff(&program(before), &program(now));
    let line = |change: &Change| format!("{}\n{}\n", change.say(Lang::En), change.say(Lang::Zh));
    changes.iter().map(line).collect()
}

fn check(edits: &[(&str, &str)], want: Expect) {
    want.assert_eq(&said(PLAN, &with(edits)));
}

#[test]
fn calls_go_elsewhere() {
    check(
        &[("{ -> 语音信箱 }", "{ -> 夜班 }")],
        expect![[r#"
        calls to 95599, outside 工作时间: now 夜班, before 语音信箱
        呼叫 95599，在工作时间之外：现在夜班，之前语音信箱
    "#]],
    );
    check(
        &[("1                 -> 人工", "1                 -> 夜班")],
        expect![[r#"
        calls to 95599, within 工作时间, pressing 1: now 夜班, before 人工
        呼叫 95599，在工作时间内，按 1：现在夜班，之前人工
    "#]],
    );
    check(
        &[("    1                 -> 人工\n", "    1 -> 人工\n    5 -> 夜班\n")],
        expect![[r#"
        calls to 95599, within 工作时间, pressing 5: now 夜班, before 人工
        呼叫 95599，在工作时间内，按 5：现在夜班，之前人工
    "#]],
    );
}

/// One verb in the place of another is told as such, not arm by arm.
#[test]
fn another_verb_is_done() {
    check(
        &[("{ voicemail 留言 max 60s }", "{ park 701 for 60s }")],
        expect![[r#"
            calls to 95599, in 语音信箱: now parks the call at 701 for 60s, before takes a message for 留言, at most 60s
            呼叫 95599，进入语音信箱后：现在驻留 701，最长 60s，之前留言到 留言，最长 60s
        "#]],
    );
}

#[test]
fn more_or_less_is_done() {
    check(
        &[("  play 欢迎\n", "  play 欢迎\n  tag \"总机\"\n")],
        expect![[r#"
        calls to 95599, within 工作时间: new: tags the call "总机"
        呼叫 95599，在工作时间内：新增：打标签 "总机"
    "#]],
    );
    check(
        &[("  play 欢迎\n", "")],
        expect![[r#"
        calls to 95599, within 工作时间: no longer: plays 欢迎
        呼叫 95599，在工作时间内：不再有：播放 欢迎
    "#]],
    );
    check(
        &[("wait 120s", "wait 60s")],
        expect![[r#"
        calls to 95599, in 人工: now waits in the queue 客服, at most 60s, before waits in the queue 客服, at most 120s
        呼叫 95599，进入人工后：现在排队 客服，最长 60s，之前排队 客服，最长 120s
    "#]],
    );
    check(
        &[("c.级别 == VIP 7", "c.级别 == VIP 9")],
        expect![[r#"
        calls to 95599, in 人工: now waits in the queue 客服, priority 9 if 客户.级别 = VIP, before waits in the queue 客服, priority 7 if 客户.级别 = VIP
        呼叫 95599，进入人工后：现在排队 客服，优先级 客户.级别 = VIP时为 9，之前排队 客服，优先级 客户.级别 = VIP时为 7
    "#]],
    );
    check(
        &[("else { 级别: 普通 }", "else { 级别: VIP }")],
        expect![[r#"
        calls to 95599, in 人工: now asks 客户 (the caller's number), else {VIP}, before asks 客户 (the caller's number), else {普通}
        呼叫 95599，进入人工后：现在查询 客户（主叫号码），无答复时按 {VIP}，之前查询 客户（主叫号码），无答复时按 {普通}
    "#]],
    );
    check(
        &[("flow 人工 {", "flow 人工 priority 5 {")],
        expect![[r#"
        calls to 95599, in 人工: now priority 5, before priority 0
        呼叫 95599，进入人工后：现在优先级 5，之前优先级 0
    "#]],
    );
}

#[test]
fn hours_change() {
    check(
        &[("09:00-18:00", "09:00-17:30")],
        expect![[r#"
        calls to 95599, mon–fri 17:30–18:00: now 语音信箱, before plays 欢迎
        呼叫 95599，周一至周五 17:30–18:00：现在语音信箱，之前播放 欢迎
        hours 工作时间: now mon–fri 09:00–17:30, before mon–fri 09:00–18:00
        时段 工作时间：现在周一至周五 09:00–17:30，之前周一至周五 09:00–18:00
    "#]],
    );
    check(
        &[("  when not 工作时间 { -> 语音信箱 }\n", "")],
        expect![[r#"
        calls to 95599, outside 工作时间: now plays 欢迎, before 语音信箱
        呼叫 95599，在工作时间之外：现在播放 欢迎，之前语音信箱
    "#]],
    );
}

#[test]
fn routes_come_and_go() {
    check(
        &[("route \"8XXX\" ", "route \"8001\" from users -> 夜班\nroute \"8XXX\" ")],
        expect![[r#"
        calls to 8001: now rings user night for 30s, before rings user the dialled number for 25s
        呼叫 8001：现在呼叫 用户 night，最长 30s，之前呼叫 用户 被叫号码，最长 25s
    "#]],
    );
    check(
        &[("route \"8XXX\"  from users -> dial user {callee} for 25s\n", "")],
        expect![[r#"
        calls to 8XXX from users: now not taken (404), before rings user the dialled number for 25s
        内部用户呼叫 8XXX：现在无人受理（404），之前呼叫 用户 被叫号码，最长 25s
    "#]],
    );
    check(
        &[("\"8XXX\"  from users ->", "\"8XXX\"  from anyone ->")],
        expect![[r#"
        calls to 8XXX from any trunk: now rings user the dialled number for 25s, before not taken (404)
        任意中继呼叫 8XXX：现在呼叫 用户 被叫号码，最长 25s，之前无人受理（404）
    "#]],
    );
    check(
        &[("from anyone -> 夜班", "from anyone -> 语音信箱")],
        expect![[r#"
        calls to 95599 during 停电: now 语音信箱, before 夜班
        停电预案启用时，呼叫 95599：现在语音信箱，之前夜班
    "#]],
    );
}

#[test]
fn what_is_demanded_and_declared_is_said_in_its_own_terms() {
    check(
        &[("on failure refuse", "on failure continue")],
        expect![[r#"
        policy 录音, recording: now the whole call, both sides; if it cannot be recorded, the call goes on, before the whole call, both sides; no recording, no call
        策略 录音，录音：现在全程双轨录音；录音故障时通话继续，之前全程双轨录音；录不了音就不接通
    "#]],
    );
    check(
        &[("at least 5y", "at least 6y")],
        expect![[r#"
        policy 录音, kept: now 五年: at least 6y, from the end of the call, before 五年: at least 5y, from the end of the call
        策略 录音，保存期限：现在五年：自通话结束起至少 6y，之前五年：自通话结束起至少 5y
    "#]],
    );
    check(
        &[("; notice prompt 告知 before media", "")],
        expect![[r#"
        policy 录音, notice: no longer: 告知 before anything else is heard
        策略 录音，告知：不再有：任何媒体之前播放 告知
    "#]],
    );
    check(
        &[("\"保本\"", "\"保本\" \"保息\" homophones")],
        expect![[r#"
        words 敏感词: now 保息, 保本, and what sounds alike, before 保本
        词库 敏感词：现在保息、保本，含同音，之前保本
    "#]],
    );
    check(
        &[("\"您好\"", "\"您好，请问\"")],
        expect![[r#"
        script 话术, v1: now zh “您好，请问”, before zh “您好”
        话术 话术，v1：现在 zh “您好，请问”，之前 zh “您好”
    "#]],
    );
    check(
        &[("size 50", "size 80")],
        expect![[r#"
        queue 客服, size: now 80, before 50
        队列 客服，容量：现在 80，之前 50
    "#]],
    );
    check(
        &[("user a, user b", "user a")],
        expect![[r#"
        group 坐席, members: now user a, before user a, user b
        组 坐席，成员：现在用户 a，之前用户 a、用户 b
    "#]],
    );
    check(
        &[("\"welcome.wav\"", "\"hello.wav\"")],
        expect![[r#"
            prompt 欢迎, zh: now hello.wav (sound fabc7620), before welcome.wav (sound 20913ed2)
            提示音 欢迎，zh：现在 hello.wav（录音 fabc7620），之前 welcome.wav（录音 20913ed2）
        "#]],
    );
    check(
        &[("timeout 1s", "timeout 2s")],
        expect![[r#"
        lookup 客户, time limit: now 2s, before 1s
        查询 客户，时限：现在 2s，之前 1s
    "#]],
    );
}

#[test]
fn wording_alone_is_no_difference() {
    let comments = with(&[("flow 人工 {", "# 转人工\nflow 人工 {  # here")]);
    assert_eq!(said(PLAN, &comments), "");
    let (head, flows) = PLAN.split_once("flow 人工").expect("a flow");
    let (one, rest) = flows.split_once("flow 语音信箱").expect("a flow");
    assert_eq!(said(PLAN, &format!("{head}flow 语音信箱{rest}flow 人工{one}")), "", "order");
    assert_eq!(said(PLAN, &PLAN.replace("语音信箱", "留言箱")), "", "a flow by another name");
    assert_eq!(
        said(PLAN, &PLAN.replace("c.级别", "k.级别").replace("let c", "let k")),
        "",
        "a value by another name"
    );
    let moved = with(&[("  play 欢迎\n  menu", "  -> 迎接\n}\nflow 迎接 {\n  play 欢迎\n  menu")]);
    assert_eq!(said(PLAN, &moved), "", "a part that became a flow of its own");
}
