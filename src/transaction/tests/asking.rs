//! Client transactions.

use std::time::Duration;

use super::*;
use crate::sip::{Builder, Method};
use crate::transaction::ClientKey;

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn request(method: &Method) -> Builder {
    Builder::request(method, "sip:bob@192.0.2.9")
        .header(Name::Route, "<sip:192.0.2.9;lr>, <sip:proxy;lr>")
        .header(Name::MaxForwards, "70")
        .header(Name::From, "<sip:alice@ledgerline>;tag=a")
        .header(Name::To, "<sip:bob@ledgerline>")
        .header(Name::CallId, "c2")
        .header(Name::CSeq, format!("7 {method}"))
}

/// Sends a request; gives its key and what went out.
fn send(bench: &mut Bench, method: &Method) -> (ClientKey, Message) {
    let key = bench.layer.request(bench.now, bench.flow, request(method)).expect("room");
    (key, bench.sent().remove(0))
}

/// The peer answers `to` with `status`.
fn answer(bench: &mut Bench, to: &Message, status: u16) -> Received {
    let response = Builder::reply_to(to, status).to_tag("b").message().expect("a message");
    bench.layer.receive(bench.now, bench.flow, response)
}

fn passed(received: Received) -> bool {
    matches!(received, Received::Response { .. })
}

#[test]
fn an_invite_is_repeated_until_somebody_answers() {
    let mut bench = Bench::over(Transport::Udp);
    let (key, invite) = send(&mut bench, &Method::Invite);
    let via = header(&invite, Name::Via);
    assert!(via.starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK") && via.ends_with(";rport"), "{via}");
    let times: Vec<_> = bench.run(secs(40)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(bench.told_of(Key::Client(key)), ["timed out", "ended"]);
    assert!(bench.layer.is_empty());

    let (_, invite) = send(&mut bench, &Method::Invite);
    assert!(passed(answer(&mut bench, &invite, 100)));
    assert_eq!(bench.run(secs(40)), [], "a provisional response calms it");
}

#[test]
fn a_stream_repeats_nothing() {
    for method in [Method::Invite, Method::Options] {
        let mut bench = Bench::over(Transport::Tcp);
        let (key, _) = send(&mut bench, &method);
        assert_eq!(bench.run(secs(40)), [], "{method}");
        assert_eq!(bench.told_of(Key::Client(key)), ["timed out", "ended"]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn a_failure_is_acknowledged_by_the_layer_each_time() {
    let mut bench = Bench::over(Transport::Udp);
    let (key, invite) = send(&mut bench, &Method::Invite);
    assert!(passed(answer(&mut bench, &invite, 486)));
    assert!(!passed(answer(&mut bench, &invite, 486)));
    let acks = bench.sent();
    assert_eq!(acks.len(), 2);
    assert_eq!(acks[0].as_bytes(), acks[1].as_bytes());
    let ack = &acks[0];
    assert_eq!((ack.method(), ack.request_uri_raw()), (Some(&Method::Ack), invite.request_uri_raw()));
    for name in [Name::Via, Name::Route, Name::From, Name::CallId] {
        assert_eq!(header(ack, name), header(&invite, name), "{name}");
    }
    assert_eq!(
        (header(ack, Name::To).as_str(), header(ack, Name::CSeq).as_str()),
        ("<sip:bob@ledgerline>;tag=b", "7 ACK")
    );
    assert_eq!(bench.run(secs(33)), []);
    assert_eq!(bench.told_of(Key::Client(key)), ["ended"]);
    assert!(bench.layer.is_empty());
}

#[test]
fn every_2xx_passes_up_for_64_t1() {
    let mut bench = Bench::over(Transport::Udp);
    let (_, invite) = send(&mut bench, &Method::Invite);
    for _ in 0..3 {
        assert!(passed(answer(&mut bench, &invite, 200)));
        assert_eq!(bench.run(secs(10)), []);
    }
    assert!(!passed(answer(&mut bench, &invite, 486)));
    assert_eq!(bench.run(secs(3)), []);
    assert!(matches!(answer(&mut bench, &invite, 200), Received::Stray));
    assert!(bench.layer.is_empty());
}

#[test]
fn other_requests_are_repeated_at_most_every_t2() {
    let mut bench = Bench::over(Transport::Udp);
    let (_, options) = send(&mut bench, &Method::Options);
    let times: Vec<_> = bench.run(secs(6)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1_500, 3_500]);
    assert!(passed(answer(&mut bench, &options, 100)));
    let times: Vec<_> = bench.run(secs(6)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [1_500, 5_500]);
    assert!(passed(answer(&mut bench, &options, 200)));
    assert!(!passed(answer(&mut bench, &options, 200)));
    assert_eq!(bench.run(secs(6)), []);
    assert!(bench.layer.is_empty());
}

#[test]
fn responses_match_by_branch_and_method_alone() {
    let mut bench = Bench::over(Transport::Udp);
    let (_, invite) = send(&mut bench, &Method::Invite);
    let stray = |text: &str| format!("SIP/2.0 200 OK\n{text}");
    for wrong in [
        stray("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother\nCSeq: 7 INVITE"),
        stray(&format!("Via: {}\nCSeq: 7 BYE", header(&invite, Name::Via))),
        stray(&format!("Via: {}\nCSeq: 7 CANCEL", header(&invite, Name::Via))),
        stray("Via: SIP/2.0/UDP 192.0.2.1:5060\nCSeq: 7 INVITE"),
    ] {
        assert!(matches!(bench.receive(&wrong), Received::Stray), "{wrong}");
    }
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let mut bench = Bench::over(Transport::Udp);
    let (key, invite) = send(&mut bench, &Method::Invite);
    bench.layer.cancel(bench.now, key, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    assert_eq!(bench.kinds(), Vec::<String>::new());
    answer(&mut bench, &invite, 180);
    bench.layer.cancel(bench.now, key, None);
    let sent = bench.sent();
    assert_eq!(sent.iter().map(kind).collect::<Vec<_>>(), ["CANCEL"], "one is enough");
    let cancel = &sent[0];
    for name in [Name::Via, Name::Route, Name::From, Name::To, Name::CallId] {
        assert_eq!(header(cancel, name), header(&invite, name), "{name}");
    }
    assert_eq!(header(cancel, Name::CSeq), "7 CANCEL");
    assert_eq!(header(cancel, Name::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    assert_eq!(cancel.request_uri_raw(), invite.request_uri_raw());
    assert!(matches!(answer(&mut bench, cancel, 200), Received::Absorbed), "the layer's own matter");
    assert!(passed(answer(&mut bench, &invite, 487)));
    assert_eq!(bench.kinds(), ["ACK"]);
    bench.run(secs(40));
    assert_eq!(bench.told_of(Key::Client(key)), ["ended"]);
    assert_eq!(bench.told.len(), 1, "nothing is told of the CANCEL's own transaction");
    assert!(bench.layer.is_empty());
}

#[test]
fn a_cancelled_invite_that_nobody_ends_is_given_up() {
    let mut bench = Bench::over(Transport::Udp);
    let (key, invite) = send(&mut bench, &Method::Invite);
    answer(&mut bench, &invite, 180);
    bench.layer.cancel(bench.now, key, None);
    bench.run(secs(33));
    assert_eq!(bench.told_of(Key::Client(key)), ["timed out", "ended"]);
    assert!(bench.layer.is_empty());
}

#[test]
fn cancel_and_answer_may_cross() {
    let mut bench = Bench::over(Transport::Udp);
    let (key, invite) = send(&mut bench, &Method::Invite);
    answer(&mut bench, &invite, 180);
    bench.layer.cancel(bench.now, key, None);
    assert!(passed(answer(&mut bench, &invite, 200)), "to be acknowledged and ended with BYE");
    bench.layer.cancel(bench.now, key, None);
    bench.sent();
    bench.run(secs(40));
    assert_eq!(bench.told_of(Key::Client(key)), ["ended"]);
    assert!(bench.layer.is_empty());

    let (key, invite) = send(&mut bench, &Method::Invite);
    bench.layer.cancel(bench.now, key, None);
    assert!(passed(answer(&mut bench, &invite, 200)));
    assert_eq!(bench.run(secs(40)), [], "no CANCEL once there is a final response");
}

#[test]
fn an_invite_that_rings_for_ever_is_cancelled_by_timer_c() {
    let mut bench = Bench::over(Transport::Udp);
    let (_, invite) = send(&mut bench, &Method::Invite);
    answer(&mut bench, &invite, 180);
    assert_eq!(bench.run(secs(299)), []);
    answer(&mut bench, &invite, 180);
    assert_eq!(bench.run(secs(299)), [], "a response sets timer C anew");
    answer(&mut bench, &invite, 100);
    assert_eq!(bench.run(secs(1)), [(1_000, "CANCEL".to_string())], "but 100 does not");
}

#[test]
fn a_dead_stream_is_told_at_once() {
    for (method, provisional) in [(Method::Invite, false), (Method::Invite, true), (Method::Options, false)] {
        let mut bench = Bench::over(Transport::Tcp);
        let (key, sent) = send(&mut bench, &method);
        if provisional {
            answer(&mut bench, &sent, 180);
        }
        let flow = bench.flow;
        bench.layer.transport_failed(bench.now, &flow);
        bench.sent();
        assert_eq!(bench.told_of(Key::Client(key)), ["unreachable", "ended"], "{method} {provisional}");
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn an_ack_of_a_2xx_has_a_branch_of_its_own_and_can_be_sent_again() {
    let mut bench = Bench::over(Transport::Udp);
    let (_, invite) = send(&mut bench, &Method::Invite);
    let flow = bench.flow;
    let bytes = bench.layer.send_ack(flow, request(&Method::Ack));
    bench.layer.send_again(flow, bytes);
    let acks = bench.sent();
    assert_eq!(acks.len(), 2);
    assert_eq!(acks[0].as_bytes(), acks[1].as_bytes());
    assert_ne!(header(&acks[0], Name::Via), header(&invite, Name::Via));
}

#[test]
fn outputs_and_transactions_print_no_message() {
    let mut bench = Bench::over(Transport::Udp);
    bench.layer.request(bench.now, bench.flow, request(&Method::Invite)).expect("room");
    let output = bench.layer.poll().expect("the INVITE");
    let text = format!("{output:?} {:?}", bench.layer);
    assert!(text.contains("octets") && !text.contains("alice"), "{text}");
}

/// A request of some 2 000 octets.
fn large(method: &Method) -> Builder {
    request(method).header(Name::Subject, "x".repeat(1_800))
}

#[test]
fn a_request_that_fits_no_datagram_goes_over_tcp() {
    for (size, expected) in [(100, Transport::Udp), (1_800, Transport::Tcp)] {
        let mut bench = Bench::over(Transport::Udp);
        let request = request(&Method::Invite).header(Name::Subject, "x".repeat(size));
        let key = bench.layer.request(bench.now, bench.flow, request).expect("room");
        let (flow, invite) = bench.sent_to().remove(0);
        assert_eq!(flow, Flow { transport: expected, ..bench.flow });
        assert!(header(&invite, Name::Via).starts_with(&format!("SIP/2.0/{expected} ")));
        let retried = bench.run(secs(1)).len();
        assert_eq!(retried, usize::from(expected == Transport::Udp), "a stream repeats nothing");
        assert!(passed(answer(&mut bench, &invite, 200)));
        bench.run(secs(40));
        assert_eq!(bench.told_of(Key::Client(key)), ["ended"]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn without_tcp_it_goes_over_udp_after_all_and_the_next_at_once() {
    for method in [Method::Invite, Method::Message] {
        let mut bench = Bench::over(Transport::Udp);
        let key = bench.layer.request(bench.now, bench.flow, large(&method)).expect("room");
        let (stream, first) = bench.sent_to().remove(0);
        assert_eq!(stream.transport, Transport::Tcp);
        bench.layer.transport_failed(bench.now, &stream);
        let (datagram, second) = bench.sent_to().remove(0);
        assert_eq!(datagram, bench.flow);
        let branch = |message: &Message| message.top_via().and_then(|via| via.branch().map(str::to_string));
        assert_eq!(branch(&first), branch(&second), "it is the same transaction");
        assert_eq!(bench.run(secs(1)).len(), 1, "repeated as a datagram is");
        assert!(passed(answer(&mut bench, &second, 200)));
        bench.layer.request(bench.now, bench.flow, large(&method)).expect("room");
        assert_eq!(bench.sent_to().remove(0).0, bench.flow, "known to have no TCP");
        // And when UDP fails too, that is the end.
        bench.layer.transport_failed(bench.now, &bench.flow.clone());
        bench.run(secs(40));
        assert_eq!(bench.told_of(Key::Client(key)), ["ended"]);
        assert!(bench.layer.is_empty());
    }
}

#[test]
fn a_stream_that_fails_after_an_answer_is_no_reason_to_begin_again() {
    let mut bench = Bench::over(Transport::Udp);
    let key = bench.layer.request(bench.now, bench.flow, large(&Method::Invite)).expect("room");
    let (stream, invite) = bench.sent_to().remove(0);
    assert!(passed(answer(&mut bench, &invite, 180)));
    bench.layer.transport_failed(bench.now, &stream);
    assert!(bench.sent().is_empty(), "the phone rings already: a second INVITE would be another call");
    bench.run(secs(301));
    assert!(!bench.told_of(Key::Client(key)).is_empty());
}
