//! Server transactions.

use std::time::Duration;

use super::*;
use crate::sip::{Builder, Refusal};

const INVITE: &str = "INVITE sip:bob@ledgerline SIP/2.0";

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn an_invite_gets_100_after_200_ms_unless_it_was_answered() {
    let mut slow = Bench::over(Transport::Udp);
    slow.request(INVITE);
    assert_eq!(slow.run(secs(10)), [(200, "100".to_string())]);

    let mut quick = Bench::over(Transport::Udp);
    let key = quick.request(INVITE);
    quick.respond(key, 180);
    assert_eq!(quick.run(secs(10)), [(0, "180".to_string())]);
    assert!(matches!(quick.receive(INVITE), Received::Absorbed));
    assert_eq!(quick.kinds(), ["180"], "the last provisional response is repeated");

    let mut asked = Bench::over(Transport::Udp);
    let key = asked.request(INVITE);
    asked.layer.trying(asked.now, key);
    asked.layer.trying(asked.now, key);
    assert_eq!(asked.run(secs(10)), [(0, "100".to_string())]);
}

#[test]
fn a_refusal_is_repeated_until_the_ack_and_the_ack_is_absorbed() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request(INVITE);
    bench.respond(key, 486);
    let times: Vec<_> = bench.run(secs(4)).into_iter().map(|(at, kind)| format!("{at} {kind}")).collect();
    assert_eq!(times, ["0 486", "500 486", "1500 486", "3500 486"]);
    assert!(matches!(bench.receive("ACK sip:bob@ledgerline SIP/2.0\nCSeq: 1 ACK"), Received::Absorbed));
    assert!(matches!(bench.receive("ACK sip:bob@ledgerline SIP/2.0\nCSeq: 1 ACK"), Received::Absorbed));
    assert_eq!(bench.run(secs(10)), []);
    assert_eq!(bench.told_of(Key::Server(key)), ["ended"]);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_refusal_without_an_ack_times_out() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::over(transport);
        let key = bench.request(INVITE);
        bench.respond(key, 603);
        let sent = bench.run(secs(40)).len();
        assert_eq!(sent, if transport == Transport::Udp { 11 } else { 1 }, "{transport}");
        assert_eq!(bench.told_of(Key::Server(key)), ["timed out", "ended"], "{transport}");
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn a_2xx_is_repeated_by_the_user_and_its_ack_passes_up() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request(INVITE);
    bench.respond(key, 200);
    assert_eq!(bench.kinds(), ["200"]);
    assert!(matches!(bench.receive(INVITE), Received::Absorbed), "RFC 6026: absorbed, not answered");
    assert_eq!(bench.kinds(), Vec::<String>::new());
    bench.layer.repeat(key);
    assert_eq!(bench.kinds(), ["200"]);
    let own_branch =
        "ACK sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKb\nCSeq: 1 ACK";
    assert!(matches!(bench.receive(own_branch), Received::Ack { .. }));
    assert!(
        matches!(bench.receive("ACK sip:bob@192.0.2.1 SIP/2.0\nCSeq: 1 ACK"), Received::Ack { .. }),
        "old phones"
    );
    assert_eq!(bench.run(secs(40)), []);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_final_answer_is_final() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request(INVITE);
    let (early, late) = (bench.layer.reply(key, 486), bench.layer.reply(key, 200));
    bench.layer.respond(bench.now, key, early.expect("open"));
    bench.layer.respond(bench.now, key, late.expect("open"));
    assert_eq!(bench.kinds(), ["486"]);
    assert!(bench.layer.reply(key, 200).is_none());
}

#[test]
fn other_requests_are_answered_once_and_repeated_to_retransmissions() {
    let text = "OPTIONS sip:ledgerline SIP/2.0";
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request(text);
    assert!(matches!(bench.receive(text), Received::Absorbed));
    assert_eq!(bench.kinds(), Vec::<String>::new());
    bench.respond(key, 200);
    assert!(matches!(bench.receive(text), Received::Absorbed));
    let answers = bench.sent();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].as_bytes(), answers[1].as_bytes());
    assert_eq!(bench.run(secs(31)), []);
    assert!(matches!(bench.receive(text), Received::Absorbed));
    assert_eq!(bench.run(secs(2)), [(0, "200".to_string())]);
    assert!(bench.layer.is_empty());
}

#[test]
fn rfc_4320_holds_for_other_requests() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request("OPTIONS sip:ledgerline SIP/2.0");
    bench.respond(key, 180);
    bench.respond(key, 408);
    assert_eq!(bench.kinds(), Vec::<String>::new());
    assert!(bench.layer.is_empty());

    let key = bench.request("OPTIONS sip:ledgerline SIP/2.0");
    bench.respond(key, 100);
    assert_eq!(bench.run(secs(40)), [(0, "100".to_string())]);
    assert_eq!(
        bench.told_of(Key::Server(key)),
        ["timed out", "ended"],
        "a user that forgets leaves nothing behind"
    );
}

#[test]
fn answers_go_back_the_way_the_request_came() {
    for (transport, via, to) in [
        (Transport::Udp, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", "192.0.2.9:5060"),
        (Transport::Udp, "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKx", "192.0.2.9:5070"),
        (Transport::Udp, "SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bKx", "192.0.2.9:40000"),
        (Transport::Udp, "SIP/2.0/UDP 6.6.6.6:53;maddr=6.6.6.7;branch=z9hG4bKx", "192.0.2.9:53"),
        (Transport::Tcp, "SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bKx", "192.0.2.9:40000"),
    ] {
        let mut bench = Bench::over(transport);
        bench.flow.remote.set_port(40_000);
        let key = bench.request(&format!("OPTIONS sip:ledgerline SIP/2.0\nVia: {via}"));
        bench.respond(key, 200);
        let (flow, answer) = bench.sent_to().remove(0);
        assert_eq!((flow.remote.to_string().as_str(), flow.connection), (to, bench.flow.connection), "{via}");
        let answered = answer.top_via().expect("a Via");
        assert_eq!(answered.rport(), via.contains("rport").then_some(40_000), "{via}");
        assert_eq!(answered.received().is_some(), !via.contains("UDP 192.0.2.9"), "{via}");
    }
}

#[test]
fn cancel_ends_what_is_open_and_only_for_its_sender() {
    const CANCEL: &str = "CANCEL sip:bob@ledgerline SIP/2.0";
    let mut bench = Bench::over(Transport::Udp);
    assert!(matches!(bench.receive(CANCEL), Received::Absorbed));
    assert_eq!(bench.kinds(), ["481"], "nothing to cancel");

    let key = bench.request(INVITE);
    bench.respond(key, 180);
    for forged in [
        "From: <sip:alice@ledgerline>;tag=x",
        "Call-ID: other",
        "CSeq: 2 CANCEL",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKz",
    ] {
        assert!(matches!(bench.receive(&format!("{CANCEL}\n{forged}")), Received::Absorbed), "{forged}");
    }
    let home = bench.flow.remote;
    bench.flow.remote = "192.0.2.66:5060".parse().expect("an address");
    assert!(matches!(bench.receive(CANCEL), Received::Absorbed), "a stranger who sniffed all of it");
    bench.flow.remote = home;
    assert_eq!(bench.kinds(), ["180", "481", "481", "481", "481", "481"]);

    assert!(matches!(bench.receive(CANCEL), Received::Cancel { key: k, .. } if k == key));
    assert!(matches!(bench.receive(CANCEL), Received::Absorbed), "retransmitted");
    bench.respond(key, 487);
    let answers = bench.sent();
    assert_eq!(answers.iter().map(kind).collect::<Vec<_>>(), ["200", "200", "487"]);
    let tag = |i: usize| answers[i].to().and_then(|to| to.tag().map(str::to_string));
    assert_eq!((tag(0), tag(1)), (tag(2), tag(2)), "RFC 3261 §9.2");

    assert!(matches!(bench.receive(CANCEL), Received::Absorbed), "too late, but it matches");
    assert_eq!(bench.kinds(), ["200"]);
}

#[test]
fn copies_of_a_forked_request_are_refused() {
    let mut bench = Bench::over(Transport::Udp);
    let first = bench.request(INVITE);
    let copy = format!("{INVITE}\nVia: SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bKb");
    assert!(matches!(bench.receive(&copy), Received::Absorbed));
    assert_eq!(bench.kinds(), ["482"]);
    bench.request(&format!("{copy}\nCSeq: 2 INVITE"));
    bench.request(&format!(
        "{INVITE}\nVia: SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bKc\nTo: <sip:bob@ledgerline>;tag=b"
    ));
    let refusal = bench.layer.reply(first, 401).expect("open");
    bench.layer.refuse(first, refusal);
    bench.request(&format!("{INVITE}\nVia: SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bKd"));
}

#[test]
fn a_refused_stranger_costs_nothing() {
    let mut bench = Bench::over(Transport::Udp);
    for _ in 0..3 {
        let key = bench.request(INVITE);
        let answer = bench.layer.reply(key, 401).expect("open");
        bench.layer.refuse(key, answer);
        assert!(bench.layer.is_empty());
        assert_eq!(bench.kinds(), ["401"]);
        assert_eq!(bench.told_of(Key::Server(key)), ["ended"]);
    }
    assert!(matches!(bench.receive("ACK sip:bob@ledgerline SIP/2.0\nCSeq: 1 ACK"), Received::Ack { .. }));
}

#[test]
fn peers_without_unique_branches_are_matched_by_rfc_2543() {
    for via in [
        "SIP/2.0/UDP 192.0.2.9:5060",
        "SIP/2.0/UDP 192.0.2.9:5060;branch=1",
        "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK",
    ] {
        let mut bench = Bench::over(Transport::Udp);
        let key = bench.request(&format!("{INVITE}\nVia: {via}"));
        assert!(matches!(bench.receive(&format!("{INVITE}\nVia: {via}")), Received::Absorbed), "{via}");
        bench.request(&format!("{INVITE}\nVia: {via}\nCall-ID: another"));
        bench.request(&format!("{INVITE}\nVia: {via}\nCSeq: 2 INVITE"));
        bench.respond(key, 404);
        let ack = format!(
            "ACK sip:bob@ledgerline SIP/2.0\nVia: {via}\nCSeq: 1 ACK\nTo: <sip:bob@ledgerline>;tag=x"
        );
        assert!(matches!(bench.receive(&ack), Received::Absorbed), "{via}");
    }
}

#[test]
fn a_dead_stream_ends_other_requests_but_not_an_invite() {
    let mut bench = Bench::over(Transport::Tcp);
    let invite = bench.request(INVITE);
    let options = bench.request("OPTIONS sip:ledgerline SIP/2.0");
    bench.respond(options, 100);
    let flow = bench.flow;
    bench.layer.transport_failed(bench.now, &Flow { connection: 2, ..flow });
    assert_eq!(bench.kinds().len(), 1);
    assert!(bench.told.is_empty(), "another connection");
    bench.layer.transport_failed(bench.now, &flow);
    bench.sent();
    assert_eq!(bench.told_of(Key::Server(options)), ["unreachable", "ended"]);
    assert_eq!(bench.told_of(Key::Server(invite)), ["unreachable"], "RFC 6026 §8.8");
    bench.respond(invite, 480);
    bench.run(secs(40));
    assert!(bench.layer.is_empty());
}

#[test]
fn what_is_no_message_is_answered_where_it_may_be() {
    let mut bench = Bench::over(Transport::Udp);
    let request =
        message("OPTIONS sip:ledgerline SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bKx");
    let refusal = |status, message| Refusal { status, why: "Because", header: None, message };
    bench.layer.reject(bench.flow, &refusal(505, Some(request)));
    bench
        .layer
        .reject(bench.flow, &refusal(400, Some(message("ACK sip:bob@ledgerline SIP/2.0\nCSeq: 1 ACK"))));
    bench.layer.reject(bench.flow, &refusal(400, None));
    let answers = bench.sent();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].status(), answers[0].reason()), (Some(505), &b"Because"[..]));
    assert!(answers[0].to().is_some_and(|to| to.tag().is_some()));
    assert!(bench.layer.is_empty());
}

#[test]
fn every_response_but_100_has_a_tag_and_the_users_own_is_kept() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.request(INVITE);
    let ours = bench.layer.local_tag(key).expect("open").to_string();
    bench.respond(key, 100);
    bench.respond(key, 183);
    let own: Builder = bench.layer.reply(key, 180).expect("open").to_tag("mine");
    bench.layer.respond(bench.now, key, own);
    let tags: Vec<_> =
        bench.sent().iter().map(|m| m.to().and_then(|to| to.tag().map(str::to_string))).collect();
    assert_eq!(tags, [None, Some(ours), Some("mine".to_string())]);
}

#[test]
fn above_the_bound_new_requests_get_503_and_old_ones_go_on() {
    let mut bench = Bench::over(Transport::Udp);
    bench.layer.limit = 2;
    let first = bench.request(INVITE);
    bench.request("OPTIONS sip:ledgerline SIP/2.0");
    assert!(matches!(
        bench.receive("OPTIONS sip:ledgerline SIP/2.0\nCall-ID: c9\nVia: SIP/2.0/UDP h;branch=z9hG4bKn"),
        Received::Absorbed
    ));
    let busy = bench.sent().remove(0);
    assert_eq!((busy.status(), header(&busy, Name::RetryAfter).as_str()), (Some(503), "5"));
    let ours = Builder::request(&crate::sip::Method::Bye, "sip:b");
    assert_eq!(bench.layer.request(bench.now, bench.flow, ours), Err(crate::transaction::Unsent::Full));
    bench.respond(first, 486);
    assert!(matches!(bench.receive(INVITE), Received::Absorbed));
    assert_eq!(bench.kinds(), ["486", "486"]);
}
