//! Classes 7, 8, 10: who says who they are, and who is asked for it.

use ledgerline::sip::Transport;

use crate::bench::*;

const METHODS: [&str; 14] = [
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "MESSAGE",
    "SUBSCRIBE",
    "PUBLISH",
    "REFER",
    "NOTIFY",
    "INFO",
    "UPDATE",
    "PRACK",
    "BYE",
    "ACK",
    "CANCEL",
];

/// Class 7: neither From nor an asserted identity of somebody else.
#[test]
fn class_07_nobody_speaks_in_anothers_name() {
    let mut bench = Bench::with_phones();
    bench.take();
    for (method, uri, lines, body) in [
        ("INVITE", "sip:8002@pbx", SDP, OFFER),
        ("SUBSCRIBE", "sip:8002@pbx", "Event: dialog\n", ""),
        ("PUBLISH", "sip:8002@pbx", "Event: presence\n", ""),
        ("REGISTER", "sip:pbx", "", ""),
    ] {
        let first = bench.request(ALICE, "bob", method, uri, lines, body);
        let key = Key::of(&bench.say(ALICE, &first)[0]);
        let proof = key.proof("alice", &word("alice"), method, uri, 1);
        let second = bench.request(ALICE, "bob", method, uri, &format!("{lines}{proof}"), body);
        let answer = bench.say(ALICE, &second).pop().unwrap_or_default();
        assert_eq!(status(&answer), 403, "{method}: {answer}");
    }
    assert!(bench.calls().is_empty());
    assert!(!bench.take().iter().any(|(to, text)| to == BOB && text.starts_with("INVITE")));
}

/// Class 8: every method but ACK and CANCEL, over every transport. OPTIONS to the switch itself tells what the switch is, to anybody.
#[test]
fn class_08_every_method_is_challenged() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
        let mut bench = Bench::with_phones();
        bench.transport = transport;
        for method in METHODS {
            let uri = if method == "REGISTER" { "sip:pbx" } else { "sip:8002@pbx" };
            let lines = match method {
                "SUBSCRIBE" | "PUBLISH" | "NOTIFY" => "Event: dialog\nSubscription-State: active\n",
                "REFER" => "Refer-To: <sip:8001@pbx>\n",
                "PRACK" => "RAck: 1 1 INVITE\n",
                _ => "",
            };
            let request = bench.request(STRANGER, "alice", method, uri, lines, "");
            let answers: Vec<u16> =
                bench.say(STRANGER, &request).iter().map(|answer| status(answer)).collect();
            let expected: &[u16] = match method {
                "ACK" => &[],
                "CANCEL" => &[481],
                _ => &[401],
            };
            assert_eq!(answers, expected, "{method} over {transport}");
        }
        let own = bench.request(STRANGER, "alice", "OPTIONS", "sip:pbx", "", "");
        assert_eq!(status(&bench.say(STRANGER, &own)[0]), 200);
        assert!(bench.calls().is_empty());
    }
}

/// Class 10: what a phone says of itself in any header, in any spelling, stays here.
#[test]
fn class_10_forged_identities_are_stripped_in_every_spelling() {
    for spelling in [
        "P-Asserted-Identity: \"Boss\" <sip:1999@pbx>\n",
        "p-asserted-identity:<sip:1999@pbx>\n",
        "P-Asserted-Identity : <sip:1999@pbx>\n",
        "P-Asserted-Identity\t:\t<sip:1999@pbx>\n",
        "P-Asserted-Identity:\n <sip:1999@pbx>\n",
        "P-Preferred-Identity: <sip:1999@pbx>\n",
        "Remote-Party-ID: <sip:1999@pbx>;party=calling;screen=yes\n",
        "Diversion: <sip:1999@pbx>;reason=unconditional\n",
        "History-Info: <sip:1999@pbx>;index=1\n",
        "Referred-By: <sip:1999@pbx>\n",
        "b: <sip:1999@pbx>\n",
        "Identity: 1999\n",
        "X-Account: 1999\n",
    ] {
        let mut bench = Bench::with_phones();
        bench.take();
        bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", &format!("{spelling}{SDP}"), OFFER);
        let sent = bench.take();
        let invite = sent.iter().find(|(to, text)| to == BOB && text.starts_with("INVITE"));
        let (_, invite) = invite.unwrap_or_else(|| panic!("bob is rung: {spelling} {sent:?}"));
        assert!(!invite.contains("1999") && !invite.contains("Boss"), "{spelling}\n{invite}");
        assert!(header(invite, "From")[0].contains("8001@pbx"), "{invite}");
    }
}
