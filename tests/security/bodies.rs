//! Classes 18, 20 to 24: bodies and lengths that were made to hurt.

use std::time::{Duration, Instant};

use crate::bench::*;

/// The first final answer to an INVITE of alice with this body, and how long it took.
fn offered(kind: &str, more: &str, body: &str) -> (u16, Duration) {
    let mut bench = Bench::with_phones();
    let first = bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", "", "");
    let key = Key::of(&bench.say(ALICE, &first)[0]);
    let proof = key.proof("alice", &word("alice"), "INVITE", "sip:8002@pbx", 1);
    let lines = format!("{proof}Content-Type: {kind}\n{more}");
    let request = bench.request(ALICE, "alice", "INVITE", "sip:8002@pbx", &lines, body);
    let began = Instant::now();
    let answers = bench.say(ALICE, &request);
    let took = began.elapsed();
    let answer = answers.iter().map(|answer| status(answer)).find(|status| *status >= 200).unwrap_or(100);
    let options = bench.request(STRANGER, "x", "OPTIONS", "sip:pbx", "", "");
    assert_eq!(status(&bench.say(STRANGER, &options)[0]), 200, "alive");
    (answer, took)
}

/// Class 18.
#[test]
fn class_18_session_descriptions_that_explode() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\n";
    let formats: Vec<String> = (0..128).map(|n| n.to_string()).collect();
    for (name, body, allowed) in [
        (
            "2 000 media lines",
            format!("{head}{}", "m=audio 40000 RTP/AVP 8\n".repeat(2_000)),
            &[413, 488][..],
        ),
        (
            "1 200 candidates",
            format!("{OFFER}{}", "a=candidate:1 1 UDP 1 192.0.2.10 40000 typ host\n".repeat(1_200)),
            &[413, 488],
        ),
        (
            "128 rtpmaps of one codec",
            format!(
                "{head}m=audio 40000 RTP/AVP {}\n{}",
                formats.join(" "),
                formats.iter().map(|n| format!("a=rtpmap:{n} PCMU/8000\n")).collect::<String>()
            ),
            &[413, 488],
        ),
        ("an empty o=", OFFER.replace("o=- 1 1 IN IP4 192.0.2.10", "o="), &[400, 413, 488]),
        ("an empty m=", format!("{head}m=\n"), &[400, 413, 488]),
        ("no media", head.to_string(), &[488]),
        ("a port that is none", OFFER.replace("40000", "99999"), &[400, 488]),
    ] {
        let (answer, took) = offered("application/sdp", "", &body);
        assert!(allowed.contains(&answer), "{name}: {answer}");
        // Ten milliseconds in a release build; a debug build on a shared machine gets more.
        assert!(took < Duration::from_millis(500), "{name}: {took:?}");
    }
}

/// Class 20.
#[test]
fn class_20_bodies_of_many_parts_are_refused_as_one() {
    let part = "--b\nContent-Type: text/plain\n\nx\n";
    for (kind, body) in [
        ("multipart/mixed;boundary=b", format!("{}--b--\n", part.repeat(1_000))),
        ("multipart/mixed", "--b\n\nx\n--b--\n".into()),
        ("multipart/mixed;boundary=", "--\n".into()),
        (&*format!("multipart/mixed;boundary=\"{}\"", "b".repeat(8_000)), part.into()),
        ("multipart/mixed;boundary=b", part.replace("text/plain", "multipart/mixed;boundary=b").repeat(500)),
        ("multipart/related;boundary=b", String::from("--b\n--b\n--b")),
    ] {
        let (answer, _) = offered(kind, "", &body);
        assert!(matches!(answer, 400 | 415), "{}: {answer}", &kind[..kind.len().min(40)]);
    }
}

/// Class 21: lengths and numbers beyond what they may be.
#[test]
fn class_21_lengths_and_numbers_that_wrap() {
    for (line, value) in [
        ("Content-Length", "4294967295"),
        ("Content-Length", "18446744073709551616"),
        ("Content-Length", "-1"),
        ("Content-Length", "0\nContent-Length: 4"),
        ("CSeq", &*format!("{} INVITE", "9".repeat(300))),
        ("CSeq", "4294967296 INVITE"),
        ("CSeq", "-1 INVITE"),
        ("Max-Forwards", "4294967366"),
    ] {
        let mut bench = Bench::new();
        let request = bench.request(STRANGER, "alice", "INVITE", "sip:8002@pbx", "", "");
        let old = request.lines().find(|at| at.starts_with(&format!("{line}:"))).expect("there").to_string();
        let answers = bench.say(STRANGER, &request.replace(&old, &format!("{line}: {value}")));
        assert!(answers.iter().all(|answer| status(answer) == 400), "{line}: {value}: {answers:?}");
        assert!(bench.switch.is_quiet());
    }
    let mut bench = Bench::with_phones();
    for expires in ["4294967296", "99999999999999999999999", "-1"] {
        let lines = format!("Contact: <sip:alice@{ALICE}>;expires={expires}\n");
        let answer = bench.proven(ALICE, "alice", "REGISTER", "sip:pbx", &lines, "");
        assert!(matches!(status(&answer), 200 | 400), "{expires}: {answer}");
    }
}

/// Class 22: parameters, escapes, brackets; nothing here may be taken apart wrongly or panic. The corpora say more.
#[test]
fn class_22_addresses_that_are_traps() {
    let traps = [
        "sip:",
        "sip:@",
        "sip:@pbx",
        "sip:%00@pbx",
        "sip:%zz@pbx",
        "sip:a:b:c@pbx",
        "sip:[::1",
        "sip:[]",
        "sip:a@pbx;;;;=;=x",
        "sip:a@pbx;lr;lr;maddr=;ttl=999",
        "sip:a@pbx?x=%0d%0aINVITE",
        "sip:a@pbx:99999",
        "sip:a@pbx:-1",
        "tel:",
        "sips:a@[::ffff:1.2.3.4]:1",
    ];
    for trap in traps {
        for header in ["request", "From", "To", "Contact", "Route", "Via"] {
            let mut bench = Bench::with_phones();
            let request = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", "Route: <sip:x;lr>\n", "");
            let request = match header {
                "request" => request.replacen("REGISTER sip:pbx", &format!("REGISTER {trap}"), 1),
                "Via" => request.replacen(";rport", &format!(";rport;x=<{trap}>"), 1),
                _ => {
                    let old =
                        request.lines().find(|at| at.starts_with(&format!("{header}:"))).expect("there");
                    request.replace(old, &format!("{header}: <{trap}>;tag=x"))
                }
            };
            let answers = bench.say(ALICE, &request);
            assert!(answers.iter().all(|answer| status(answer) >= 200), "{header} {trap}: {answers:?}");
        }
    }
}

/// Class 23: many fields, and bodies larger than any buffer.
#[test]
fn class_23_more_than_anybody_would_send() {
    let mut bench = Bench::with_phones();
    let accepts = "Accept: application/x\n".repeat(50);
    let request = bench.request(
        STRANGER,
        "alice",
        "SUBSCRIBE",
        "sip:8002@pbx",
        &format!("{accepts}Event: dialog\n"),
        "",
    );
    assert_eq!(status(&bench.say(STRANGER, &request)[0]), 401);
    let body = format!("Messages-Waiting: yes\nMessage-Account: sip:{}@pbx\n", "a".repeat(4_096));
    let lines = "Event: message-summary\nContent-Type: application/simple-message-summary\n";
    for method in ["NOTIFY", "PUBLISH", "MESSAGE"] {
        let request = bench.request(ALICE, "alice", method, "sip:8002@pbx", lines, &body);
        assert!(bench.say(ALICE, &request).iter().all(|answer| status(answer) >= 400), "{method}");
    }
    let many = "X-Field: x\n".repeat(1_000);
    let request = bench.request(STRANGER, "alice", "OPTIONS", "sip:pbx", &many, "");
    assert!(bench.say(STRANGER, &request).iter().all(|answer| status(answer) >= 400));
}

/// Class 24: nothing is unpacked, and a document that defines itself larger is not read.
#[test]
fn class_24_what_is_packed_stays_packed() {
    for method in ["INVITE", "MESSAGE", "PUBLISH", "SUBSCRIBE", "REGISTER"] {
        let mut bench = Bench::with_phones();
        let lines = "Event: presence\nContent-Type: application/sdp\nContent-Encoding: gzip\n";
        let request = bench.request(STRANGER, "alice", method, "sip:8002@pbx", lines, "\u{1f}\u{8b}x");
        let answer = bench.say(STRANGER, &request).remove(0);
        assert_eq!(
            (status(&answer), header(&answer, "Accept-Encoding")),
            (415, vec!["identity"]),
            "{method}"
        );
    }
    let mut bench = Bench::with_phones();
    let bomb = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"{}\">{}]><presence>&z;</presence>",
        "x".repeat(1_000),
        ('b'..='z').map(|c| format!("<!ENTITY {c} \"{}\">", "&a;".repeat(100))).collect::<String>()
    );
    let lines = "Event: presence\nContent-Type: application/pidf+xml\nExpires: 60\n";
    let answer = bench.proven(ALICE, "alice", "PUBLISH", "sip:alice@pbx", lines, &bomb);
    assert!((400..500).contains(&status(&answer)), "{answer}");
}
