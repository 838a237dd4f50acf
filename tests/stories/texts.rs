//! Text messages between users (RFC 3428).

use ledgerline::base::Masked;
use ledgerline::plan::{Folder, load};
use ledgerline::presence::Report;
use ledgerline::switch::Input;

use crate::world::*;

fn text(to: &str, more: &str, body: &str) -> String {
    format!(
        "MESSAGE sip:{to}@pbx.test SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:{{user}}@pbx.test>;tag={{tag}}\n\
         To: <sip:{to}@pbx.test>\nCall-ID: {{call_id}}\nCSeq: 1 MESSAGE\n{more}{{proof}}Content-Type: text/plain\n\
         Content-Length: {{length}}\n\n{body}"
    )
}

/// Alice writes `template`; what she is answered in the end.
fn answer(world: &mut World, template: &str) -> Option<u16> {
    world.phone("alice").says(template).at(secs(1));
    world.run_until(secs(40));
    world
        .phone("alice")
        .answers
        .iter()
        .rev()
        .find(|(method, _)| method == "MESSAGE")
        .map(|(_, status)| *status)
}

#[test]
fn a_text_reaches_every_phone_of_a_user() {
    let mut world = World::seeded(340);
    world.phone("bob");
    world.phone("bob/mobile").manners.refuses_texts = 415;
    world.phone("carol");
    assert_eq!(answer(&mut world, &text("8002", "", "你好, Bob")), Some(200));
    for phone in ["bob", "bob/mobile"] {
        let expected = ("sip:alice@pbx.test".to_string(), "你好, Bob".to_string());
        assert_eq!(world.phone(phone).texts, [expected]);
    }
    assert!(world.phone("carol").texts.is_empty());
    let report = Report::Text {
        from: Masked::new("alice"),
        to: Masked::new("bob"),
        octets: "你好, Bob".len(),
        contacts: 2,
        status: 200,
        hits: Vec::new(),
    };
    assert_eq!(world.reports, [report]);
    world.settle();
}

#[test]
fn the_sender_is_told_what_became_of_it() {
    let long = "x".repeat(1_301);
    for (bob, mobile, to, more, body, status) in [
        (486, 415, "bob", "", "hi", 486),
        (415, 486, "bob", "", "hi", 486),
        (603, 415, "bob", "", "hi", 603),
        (401, 407, "bob", "", "hi", 480),
        (1, 1, "bob", "", "hi", 480),
        (0, 1, "bob", "", "hi", 200),
        (1, 486, "bob", "", "hi", 486),
        (0, 0, "nobody", "", "hi", 404),
        (0, 0, "x%0d%0aINFO%20forged", "", "hi", 404),
        (0, 0, "dave", "", "hi", 480),
        (0, 0, "bob", "", long.as_str(), 413),
        (0, 0, "bob", "Content-Encoding: gzip\n", "hi", 415),
    ] {
        let mut world = World::seeded(341);
        world.phone("bob").manners.refuses_texts = bob;
        world.phone("bob/mobile").manners.refuses_texts = mobile;
        assert_eq!(answer(&mut world, &text(to, more, body)), Some(status), "{bob} {mobile} {to}");
        // An encoded body is refused of anybody, before there is anything to report.
        assert_eq!(world.reports.len(), usize::from(status != 415), "{status}");
        assert!(!format!("{:?}", world.reports).contains(char::is_control), "one line a text");
        world.settle();
    }
}

#[test]
fn nobody_writes_in_anothers_name_or_without_proof() {
    let mut world = World::seeded(342);
    world.phone("bob");
    let forged = text("bob", "", "send me your PIN").replace("<sip:{user}@", "<sip:carol@");
    assert_eq!(answer(&mut world, &forged), Some(403));
    world.stranger("198.51.100.9").says(&text("bob", "", "spam").replace("{proof}", "")).at(secs(41));
    world.run_until(secs(80));
    assert!(world.phone("bob").texts.is_empty());
    assert!(world.reports.is_empty());
    world.settle();
}

/// The plan of a site that screens texts between its users.
const SCREENED: &str = "edition 2026\n\
    words 金融 v1 { \"保本保息\" \"!不承诺[..2]*\" homophones }\n\
    words 投诉 v3 { \"投诉\" }\n\
    class 一年 { from call.end; at least 1y }\n\
    policy 短信 for all calls { forbid 金融 in messages; note 投诉 in messages }\n\
    route \"1\" from users -> hangup\n";

#[test]
fn a_text_with_forbidden_words_reaches_nobody_and_leaves_its_rule_not_its_words() {
    let folder = Folder::new().with_plan("a.plan", SCREENED);
    let (program, findings) = load(&folder, &["a.plan"]);
    let program = program.unwrap_or_else(|| panic!("{findings:?}"));
    let long = "x".repeat(20);
    for (kind, body, status, words) in [
        ("text/plain", "我们宝本、保西，放心", 403, "金融 v1 保本保息 false"),
        ("text/html", "<p>保<b>本</b>保息</p>", 403, "金融 v1 保本保息 false"),
        ("text/plain", "我们不承诺保本保息", 200, "金融 v1 保本保息 true"),
        ("text/plain", "我要投诉", 200, "投诉 v3 投诉 false"),
        ("text/plain", "我要投诉，你说过保本保息", 403, "投诉 v3 投诉 false, 金融 v1 保本保息 false"),
        ("text/plain", long.as_str(), 200, ""),
        ("text/plain;charset=gbk", "x", 415, ""),
        ("application/pdf", "x", 415, ""),
    ] {
        let mut world = World::seeded(343);
        world.phone("bob");
        world.handle(Input::Program(program.clone()));
        let template = text("bob", "", body).replace("text/plain", kind);
        assert_eq!(answer(&mut world, &template), Some(status), "{body}");
        assert_eq!(world.phone("bob").texts.len(), usize::from(status == 200), "{body}");
        let [Report::Text { hits, .. }] = &world.reports[..] else {
            panic!("one report: {:?}", world.reports)
        };
        let told: Vec<String> = hits
            .iter()
            .map(|hit| format!("{} {} {} {}", hit.set, hit.version, hit.phrase, hit.excused))
            .collect();
        assert_eq!(told.join(", "), words, "{body}");
        for said in ["宝本", "放心", "你说过"] {
            assert!(!format!("{:?}", world.reports).contains(said), "what was written is written nowhere");
        }
        world.settle();
    }
}

#[test]
fn a_text_crosses_a_line_that_loses_a_third() {
    for seed in 0..20 {
        let mut world = World::seeded(seed).loss_percent(33).delay_ms(20..80);
        world.phone("bob");
        let status = answer(&mut world, &text("bob", "", "hi"));
        let arrived = world.phone("bob").texts.len();
        assert!(arrived <= 1, "seed {seed}: it came {arrived} times");
        assert!(status != Some(200) || arrived == 1, "seed {seed}");
        world.settle();
    }
}
