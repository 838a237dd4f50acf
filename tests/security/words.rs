//! Classes 26, 28, 29: text that means something else where it is written down, and what comes in the wrong order.

use std::time::Duration;

use ledgerline::base::is_treacherous;
use ledgerline::switch::{Answer, Command};

use crate::bench::*;

/// Names that would hurt a log, a table, a spreadsheet, a path or a screen.
fn names() -> Vec<String> {
    vec![
        "a\u{202e}drowssap".into(),
        "\u{feff}\u{200b}alice".into(),
        "=cmd|' /C calc'!A0".into(),
        "*)(uid=*".into(),
        "'; DROP TABLE calls; --".into(),
        "../../../etc/passwd".into(),
        "n".repeat(10_000),
        "\u{1b}[2Jgone".into(),
    ]
}

/// Class 28: what people are shown of a stranger's words has one line, one direction and an end.
#[test]
fn class_28_names_do_no_harm_where_they_are_shown() {
    for name in names() {
        let mut bench = Bench::with_phones();
        bench.take();
        let lines = format!("User-Agent: {name}\nSubject: {name}\n{SDP}");
        let first = bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", &lines, OFFER);
        let key = Key::of(&bench.say(ALICE, &first)[0]);
        let proof = key.proof("alice", &word("alice"), "INVITE", "sip:8002@pbx", 1);
        let second =
            bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", &format!("{proof}{lines}"), OFFER);
        let quoted = name.replace('"', "");
        bench.say(ALICE, &second.replace("From: <", &format!("From: \"{quoted}\" <")));
        for (to, text) in bench.take() {
            if to == BOB {
                let from = header(&text, "From").join("");
                assert!(from.chars().count() < 300 && !from.chars().any(is_treacherous), "{from}");
            }
        }
        for call in bench.calls() {
            let shown = format!("{:?}", bench.ask(Command::Call { id: call }));
            assert!(!shown.chars().any(is_treacherous), "{shown}");
            let Answer::Trace(trace) = bench.ask(Command::Explain { id: call }) else { panic!("a trace") };
            let shown = ledgerline::call::ladder::ladder(&trace);
            assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
            assert!(!shown.chars().any(|c| c != '\n' && is_treacherous(c)), "{shown}");
        }
        assert!(bench.logged.iter().all(|line| !line.chars().any(is_treacherous)), "{:?}", bench.logged);
    }
}

/// Class 28: what a phone calls itself goes into a table.
#[test]
fn class_28_a_phones_own_name_fits_its_row() {
    for name in names() {
        let mut bench = Bench::new();
        let lines =
            format!("User-Agent: {name}\nContact: <sip:alice@{ALICE}>;+sip.instance=\"<urn:x:{name}>\"\n");
        bench.proven(ALICE, "alice", "REGISTER", "sip:pbx", &lines, "");
        let Answer::Phones(phones) = bench.ask(Command::Phones) else { panic!("phones") };
        for phone in phones {
            for text in [&phone.agent, &phone.instance, &phone.contact] {
                assert!(text.chars().count() < 200 && !text.chars().any(is_treacherous), "{text}");
            }
        }
    }
}

/// Class 28: what is dialled, and what a callee says, stand in the log of the call on one line.
#[test]
fn class_28_escapes_in_numbers_forge_no_line() {
    let mut bench = Bench::with_phones();
    for dialled in ["sip:80%0d%0a02@pbx", "sip:%e2%80%ae8002@pbx", "sip:8002%00@pbx"] {
        bench.take();
        bench.proven(ALICE, "alice", "INVITE", dialled, SDP, OFFER);
        for call in bench.calls() {
            let shown = format!("{:?}", bench.ask(Command::Call { id: call }));
            assert!(!shown.chars().any(is_treacherous), "{shown}");
        }
        let sent = bench.take();
        let lines = sent.iter().flat_map(|(_, text)| text.split("\r\n"));
        assert!(
            lines.clone().all(|line| !line.contains(['\r', '\n']) || line.starts_with("v=0")),
            "{sent:?}"
        );
        bench.wait(Duration::from_secs(64));
    }
}

/// Class 29: names of things are made here, whatever a peer calls them.
#[test]
fn class_29_no_identifier_of_a_peer_becomes_a_name_of_ours() {
    for call_id in
        ["../../../etc/passwd", "/etc/shadow", "..%2f..%2f", "c-01J00000000000000000000000", "a/../../b"]
    {
        let mut bench = Bench::with_phones();
        let first = bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
        let key = Key::of(&bench.say(ALICE, &first)[0]);
        let proof = key.proof("alice", &word("alice"), "INVITE", "sip:8002@pbx", 1);
        let second = bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", &format!("{proof}{SDP}"), OFFER);
        let own = second.lines().find(|line| line.starts_with("Call-ID:")).expect("one").to_string();
        bench.say(ALICE, &second.replace(&own, &format!("Call-ID: {call_id}")));
        let calls = bench.calls();
        assert_eq!(calls.len(), 1, "{call_id}");
        assert_ne!(calls[0].to_string(), call_id);
        assert!(calls[0].to_string().chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    }
}

/// Class 26: the messages of a call in an order that nobody means.
#[test]
fn class_26_messages_out_of_order_leave_nothing_behind() {
    let mut bench = Bench::with_phones();
    bench.take();
    bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
    let sent = bench.take();
    let (_, invite) =
        sent.iter().find(|(to, text)| to == BOB && text.starts_with("INVITE")).expect("bob is rung");
    let copied: String = invite
        .lines()
        .filter(|line| ["Via", "From", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\n"))
        .collect();
    let answer = |status: u16, body: &str| {
        let kind = if body.is_empty() { "" } else { SDP };
        format!(
            "SIP/2.0 {status} X\n{copied}To: <sip:8002@pbx>;tag=b\nContact: <sip:bob@{BOB}>\n{kind}Content-Length: {}\n\n{body}",
            body.replace('\n', "\r\n").len()
        )
    };
    for text in [
        answer(183, OFFER),
        answer(183, OFFER),
        answer(180, ""),
        answer(200, OFFER),
        answer(183, OFFER),
        answer(486, ""),
    ] {
        bench.say(BOB, &text);
    }
    let (from, call_id) = (header(invite, "From")[0], header(invite, "Call-ID")[0]);
    let within = |method: &str, cseq: u32, body: &str| {
        let kind = if body.is_empty() { "" } else { SDP };
        format!(
            "{method} sip:192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP {BOB};branch=z9hG4bKw{cseq};rport\nMax-Forwards: 70\nFrom: <sip:8002@pbx>;tag=b\n\
             To: {from}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\nContact: <sip:bob@{BOB}>\n{kind}Content-Length: {}\n\n{body}",
            body.replace('\n', "\r\n").len()
        )
    };
    assert_eq!(status(&bench.say(BOB, &within("BYE", 1, ""))[0]), 200);
    for (method, cseq, body) in [("INVITE", 2, OFFER), ("BYE", 3, ""), ("UPDATE", 4, OFFER), ("INFO", 5, "")]
    {
        let answers = bench.say(BOB, &within(method, cseq, body));
        assert!(answers.iter().all(|answer| status(answer) == 481), "{method}: {answers:?}");
    }
    bench.say(BOB, &within("ACK", 2, OFFER));
    bench.wait(Duration::from_secs(200));
    assert!(bench.calls().is_empty());
    assert!(bench.switch.is_quiet(), "nothing is left");
}
