//! Classes 9, 14, 25: whom our answers and requests reach.

use std::time::Duration;

use crate::bench::*;

/// Class 9: nobody reaches what the plan does not route, by whatever detour.
#[test]
fn class_09_no_detour_leads_outside() {
    let mut bench = Bench::with_phones();
    for dialled in [
        "sip:900861234567@pbx",
        "tel:+8613800000000",
        "sip:8002@evil.example;maddr=203.0.113.1",
        "sip:%2b@pbx",
    ] {
        bench.take();
        let answer = bench.proven(ALICE, "alice", "INVITE", dialled, SDP, OFFER);
        let foreign = |to: &str| to != ALICE && to != BOB;
        assert!(!bench.take().iter().any(|(to, _)| foreign(to)), "{dialled}");
        assert!(dialled.contains("8002") || status(&answer) == 404, "{dialled}: {answer}");
        bench.wait(Duration::from_secs(64));
    }
    // 302 to elsewhere.
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
    bench.say(
        BOB,
        &format!(
            "SIP/2.0 302 Moved\n{copied}To: <sip:8002@pbx>;tag=b\nContact: <sip:0086900@evil.example>\nContent-Length: 0\n\n"
        ),
    );
    bench.wait(Duration::from_secs(64));
    let sent = bench.take();
    assert!(sent.iter().all(|(to, _)| to == ALICE || to == BOB), "{sent:?}");
}

/// Class 14: an answer goes to where the request came from, whatever it says of itself.
#[test]
fn class_14_answers_go_to_the_source_alone() {
    let mut bench = Bench::new();
    for via in [
        "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKa;rport",
        "SIP/2.0/UDP victim.example;branch=z9hG4bKb;maddr=203.0.113.9",
        "SIP/2.0/UDP 198.51.100.66;branch=z9hG4bKc;received=203.0.113.9;rport=9",
        "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKd",
    ] {
        let request = bench.request(STRANGER, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
        let line = request.lines().find(|line| line.starts_with("Via:")).expect("a Via").to_string();
        bench.take();
        bench.say(STRANGER, &request.replace(&line, &format!("Via: {via}")));
        let sent = bench.take();
        assert!(!sent.is_empty(), "{via}");
        assert!(sent.iter().all(|(to, _)| to.starts_with("198.51.100.66:")), "{via}: {sent:?}");
    }
}

/// Class 14: before anybody has proven anything, more comes in than goes out.
#[test]
fn class_14_a_flood_is_not_made_larger() {
    let mut bench = Bench::new();
    for (method, uri, lines, body) in [
        ("INVITE", "sip:8002@pbx", SDP, OFFER),
        ("REGISTER", "sip:pbx", "", ""),
        ("OPTIONS", "sip:pbx", "", ""),
        ("OPTIONS", "sip:8002@pbx", "", ""),
        ("MESSAGE", "sip:8002@pbx", "", ""),
        ("BYE", "sip:8002@pbx", "", ""),
        ("NONSENSE", "sip:8002@pbx", "", ""),
    ] {
        let mut sent_octets = 0;
        bench.take();
        for _ in 0..400 {
            let request = bench.request(STRANGER, "alice", method, uri, lines, body);
            sent_octets += request.replace('\n', "\r\n").len();
            bench.say(STRANGER, &request);
        }
        bench.wait(Duration::from_secs(40));
        let answered: usize = bench.take().iter().map(|(_, text)| text.len()).sum();
        assert!(answered <= sent_octets, "{method} {uri}: {answered} octets for {sent_octets}");
        assert!(answered > 0, "{method} {uri}");
    }
    // Garbage with the look of a message.
    let request = bench.request(STRANGER, "alice", "INVITE", "sip:8002@pbx", "Content-Length: -1\n", "");
    let (mut sent, mut answered) = (0, 0);
    for n in 0..400 {
        let request = request.replace("z9hG4bK", &format!("z9hG4bKg{n}"));
        sent += request.replace('\n', "\r\n").len();
        answered += bench.say(STRANGER, &request).iter().map(String::len).sum::<usize>();
    }
    assert!(answered <= sent, "{answered} octets for {sent}");
}

/// Class 14 (RFC 5393): what has come back to us, or has no hops left, goes nowhere.
#[test]
fn class_14_loops_end() {
    let mut bench = Bench::with_phones();
    bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
    let sent = bench.take();
    let (_, ours) =
        sent.iter().find(|(to, text)| to == BOB && text.starts_with("INVITE")).expect("bob is rung");
    let call_id = header(ours, "Call-ID")[0].to_string();
    let first = bench.request(BOB, "bob", "INVITE", "sip:8001@pbx", SDP, OFFER);
    let key = Key::of(&bench.say(BOB, &first)[0]);
    let proof = key.proof("bob", &word("bob"), "INVITE", "sip:8001@pbx", 1);
    let second = bench.request(BOB, "bob", "INVITE", "sip:8001@pbx", &format!("{proof}{SDP}"), OFFER);
    let own = second.lines().find(|line| line.starts_with("Call-ID:")).expect("one").to_string();
    let back = bench.say(BOB, &second.replace(&own, &format!("Call-ID: {call_id}")));
    assert_eq!(status(back.last().expect("an answer")), 482);
    for (hops, expected) in [("0", 483), ("1", 401), ("70", 401)] {
        let request = bench.request(STRANGER, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
        let request = request.replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"));
        assert_eq!(status(&bench.say(STRANGER, &request)[0]), expected, "{hops}");
    }
}

/// Class 14: a registration that points at ourselves makes no call go round for ever.
#[test]
fn class_14_a_contact_that_is_the_switch_itself_makes_no_storm() {
    let mut bench = Bench::with_phones();
    let lines = "Contact: <sip:8001@192.0.2.1:5060>, <sip:8002@192.0.2.1:5060>\n";
    assert_eq!(status(&bench.proven(BOB, "bob", "REGISTER", "sip:pbx", lines, "")), 200);
    bench.take();
    bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
    bench.wait(Duration::from_secs(120));
    assert!(bench.take().len() < 200);
    assert!(bench.calls().is_empty());
}

/// Class 25.
#[test]
fn class_25_nobody_else_ends_a_call() {
    let mut bench = Bench::with_phones();
    bench.take();
    bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
    let sent = bench.take();
    let (_, ours) =
        sent.iter().find(|(to, text)| to == BOB && text.starts_with("INVITE")).expect("bob is rung");
    let (call_id, from) = (header(ours, "Call-ID")[0].to_string(), header(ours, "From")[0].to_string());
    let via = header(ours, "Via")[0].to_string();
    for (method, to, expected) in [
        ("BYE", format!("{from}x"), 481),
        ("BYE", from.clone(), 401),
        ("INVITE", from.clone(), 401),
        ("UPDATE", from.clone(), 401),
        ("REFER", from.clone(), 401),
        ("INFO", from.clone(), 401),
    ] {
        let request = bench.request(STRANGER, "bob", method, "sip:192.0.2.1", "", "");
        let swap = |text: &str, name: &str, value: &str| {
            let line =
                text.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("a line").to_string();
            text.replace(&line, &format!("{name}: {value}"))
        };
        let request = swap(&swap(&request, "Call-ID", &call_id), "To", &to);
        let answers = bench.say(STRANGER, &request);
        assert_eq!(answers.last().map(|answer| status(answer)), Some(expected), "{method} {to}");
    }
    // A CANCEL with the very branch, and a forged answer, from elsewhere.
    let cancel = format!(
        "CANCEL sip:8002@pbx SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: {from}\nTo: <sip:8002@pbx>\nCall-ID: {call_id}\n\
         CSeq: 1 CANCEL\nContent-Length: 0\n\n"
    );
    assert_eq!(status(&bench.say(STRANGER, &cancel)[0]), 481);
    assert_eq!(bench.calls().len(), 1, "it still rings");
}
