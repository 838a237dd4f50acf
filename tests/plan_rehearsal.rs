//! The tests that stand in the shipped plans pass; a test that should fail does, and says why; and a simulated call is traced as it is live.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use expect_test::expect;
use ledgerline::config;
use ledgerline::io::plans;
use ledgerline::plan::{Folder, Lang, Program, coverage, load, rehearse};

fn shipped(file: &str) -> Arc<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let mut sources = Folder::new().with_any_sound();
    let profiles = fs::read_dir(folder.join("profiles")).expect("profiles");
    let profiles = profiles.map(|entry| format!("profiles/{}", entry.expect("a file").file_name().display()));
    for path in profiles.chain([file.to_string()]) {
        sources = sources.with_plan(&path, fs::read(folder.join(&path)).expect("readable"));
    }
    let (program, found) = load(&sources, &[file]);
    assert!(found.is_empty(), "{}", found.iter().map(|found| found.render(Lang::En)).collect::<String>());
    program.expect(file)
}

fn program(text: &str) -> Arc<Program> {
    let (program, found) = load(&Folder::new().with_plan("a.plan", text).with_any_sound(), &["a.plan"]);
    program
        .unwrap_or_else(|| panic!("{}", found.iter().map(|found| found.render(Lang::En)).collect::<String>()))
}

/// Each shipped plan loads on a node that has the trunks it names, and nothing else beside what `init` writes.
#[test]
fn the_shipped_plans_load_on_a_node_that_has_their_trunks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    for (file, trunks) in [
        ("hello.plan", &[][..]),
        ("office.plan", &[]),
        ("finance.plan", &["运营商A"]),
        ("medical.plan", &["市话"]),
        ("commerce.plan", &["运营商"]),
        ("government.plan", &["市话"]),
        ("education.plan", &["运营商"]),
        ("manufacturing.plan", &["运营商"]),
    ] {
        let trunk = |name| format!("[[trunk]]\nname = \"{name}\"\nto = [\"sip:203.0.113.1\"]\n");
        let trunks: String = trunks.iter().map(trunk).collect();
        let text = format!("[plan]\nfolder = \"{}\"\nfiles = [\"{file}\"]\n{trunks}", folder.display());
        let config = config::check(Path::new("ledgerline.toml"), &text).expect(file);
        let loaded = plans::load(&config.plan, &plans::site(&config)).expect(file);
        let found: String = loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
        assert!(loaded.program.is_some() && found.is_empty(), "{file}: {found}");
    }
}

#[test]
fn the_tests_of_the_shipped_plans_pass() {
    for (file, tests, least) in [
        ("finance.plan", 13, 50),
        ("medical.plan", 7, 50),
        ("commerce.plan", 6, 50),
        ("government.plan", 7, 50),
        ("education.plan", 6, 50),
        ("manufacturing.plan", 7, 50),
    ] {
        let program = shipped(file);
        let verdicts = rehearse(&program);
        assert!(verdicts.len() >= tests, "{file} has tests");
        for verdict in &verdicts {
            let lines =
                verdict.runs.iter().flat_map(|run| &run.lines).map(|(_, line)| format!("{}\n", line.text));
            assert!(
                verdict.passed(),
                "{}: {:?}\n{}",
                verdict.name,
                verdict.failures,
                lines.collect::<String>()
            );
        }
        assert!(coverage(&program, &verdicts).percent() >= least, "{file}");
    }
}

const PLAN: &str = r#"edition 2026
language zh
prompt 菜单 zh "m.wav"
lookup 客户(phone: phone) -> { 级别: VIP|普通, 姓名: name } get "http://h/c" timeout 1s
group 坐席 { members user a, user b }
queue 客服 { agents 坐席 }
route "1" from users -> 主
flow 主 {
  let c = lookup 客户(caller) else { 级别: 普通, 姓名: "无名" }
  tag "{c.级别} {c.姓名}"
  menu prompt 菜单 wait 5s tries 2 { 1 -> queue 客服 wait 60s { else -> hangup busy }  none, wrong -> hangup }
}
"#;

#[test]
fn a_test_that_fails_says_what_came_instead() {
    let tests = r#"
test "各种期待" {
  stub 客户 = { 级别: VIP, 姓名: "张三丰" }
  stub 客服 full
  call from "13812345678" to "1" press 1
  expect tag "VIP 张**"
  expect tag "VIP 张三丰"
  expect ended normal
  expect not queued 客服
  expect rings a
  expect notified 无
}
"#;
    let text = format!("{PLAN}webhook 无 {{ post \"https://h/x\" }}\n{tests}");
    let program = program(&text);
    let verdicts = rehearse(&program);
    let said: String = verdicts
        .iter()
        .flat_map(|verdict| &verdict.failures)
        .map(|failure| format!("{}: {} / {}\n", failure.said, failure.why(Lang::En), failure.why(Lang::Zh)))
        .collect();
    expect![[r#"
        expect tag "VIP 张三丰": what came: VIP 张** / 实际是：VIP 张**
        expect ended normal: what came: busy / 实际是：busy
        expect not queued 客服: it came all the same / 结果却出现了
        expect rings a: it did not come / 没有出现
        expect notified 无: what came: 0 times / 实际是：0 times
    "#]]
    .assert_eq(&said);
}

#[test]
fn coverage_names_the_ways_that_no_test_has_gone() {
    let tests = "test \"沉默\" { call to \"1\"; expect ended normal }\n";
    let program = program(&format!("{PLAN}{tests}"));
    let verdicts = rehearse(&program);
    let covered = coverage(&program, &verdicts);
    assert!(covered.gone > 0 && covered.gone < covered.all);
    let missing: String =
        covered.missing.iter().map(|(file, line, said)| format!("{file}:{line} {said}\n")).collect();
    expect![[r#"
        a.plan:9 let c = lookup 客户(caller) else
        a.plan:11 menu prompt 菜单 wait 5s tries 2
        a.plan:11 queue 客服 wait 60s
    "#]]
    .assert_eq(&missing);
}

#[test]
fn a_script_lapses_to_the_minute_and_secrets_stay_where_they_are() {
    let text = r#"edition 2026
zone "Asia/Shanghai"
language zh
prompt 密码 zh "p.wav"
lookup 验密(pin: secret) -> { ok: bool } post "https://h/x" timeout 1s accepts secret
script 话术 v1 from 2026-01-01 until 2026-12-31T23:30 { zh "一" }
script 话术 v2 from 2027-01-01 { zh "二" }
route "1" from users -> 主
flow 主 {
  secret pin digits 4..8 prompt 密码 wait 5s else -> end
  let r = lookup 验密(pin) else -> end
  pop { 结果 r.ok, script 话术 }
  hangup
}
test "甲" at 2026-12-31 23:29 { expect script 话术 usable }
test "乙" at 2026-12-31 23:30 { expect script 话术 unusable }
test "丙" at 2027-01-01 00:00 { expect script 话术 usable }
test "丁" at 2026-12-31 23:40 {
  stub 验密 = { ok: true }
  call to "1" press "24681357"
  expect shown "没有"
  expect nowhere "24681357"
}
test "戊" at 2027-01-01 00:00 { stub 验密 = { ok: false };  call to "1" press "24681357"; expect shown "二"; expect gap secret }
"#;
    let verdicts =
        rehearse(&program(&text.replace("expect shown \"没有\"", "expect shown \"no version in force\"")));
    for verdict in &verdicts {
        assert!(verdict.passed(), "{}: {:?}", verdict.name, verdict.failures);
    }
}

#[test]
fn a_card_comes_up_once_when_the_customer_speaks_of_it_and_not_when_the_agent_does() {
    let program = program(
        r#"edition 2026
words 医保词 { "医保" homophones }
card 医保 { on customer says 医保词; title "医保政策" }
route "1" from users -> dial user bob for 25s
test "the customer" {
  call to "1"
  customer says "我的一保卡丢了"
  customer says "医保怎么补"
  expect shown "医保政策"
}
test "the agent" { call to "1"; agent says "您问医保吗"; expect shown "医保政策" }
"#,
    );
    let verdicts = rehearse(&program);
    let passed: Vec<bool> = verdicts.iter().map(|verdict| verdict.passed()).collect();
    assert_eq!(passed, [true, false]);
    let lines = verdicts[0].runs[0].lines.iter().filter(|(_, line)| line.text.contains("card 医保"));
    assert_eq!(lines.map(|(_, line)| line.line).collect::<Vec<_>>(), [3], "once, with the card's own line");
}

#[test]
fn a_flow_that_only_a_campaign_leads_to_is_used() {
    let text = |flow: &str| {
        format!(
            "edition 2026\nscript s {{ zh \"您好\" }}\nroute \"1\" from users -> end\n\
             campaign c {{ window 08:00-20:00; limit 3 per person per day; tier 1..30 script s; caller-id \"95599\"; answered -> f }}\n{flow}"
        )
    };
    let found = |flow: &str| {
        let (_, found) = load(&Folder::new().with_plan("a.plan", text(flow)).with_any_sound(), &["a.plan"]);
        found.iter().map(|found| found.code().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found("flow f { hangup }\n"), Vec::<String>::new());
    assert_eq!(found("flow f { hangup }\nflow g { hangup }\n"), ["P0410"]);
    assert_eq!(found("flow f(x: phone) { hangup }\n"), ["P0411"], "a campaign gives no values");
}
