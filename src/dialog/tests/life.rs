//! One dialog.

use super::*;
use crate::base::bounds;
use crate::dialog::{Dialog, Id, Late, Phase, contact, contact_for, ends_dialog};
use crate::sip::{Method, Uri};

fn answering(lines: &str) -> Dialog {
    let invite = message(&format!("INVITE sip:us@ledgerline SIP/2.0\n{lines}"));
    Dialog::answering(&invite, flow(), "t", &contact(Some("us"), &flow())).expect("a dialog")
}

#[test]
fn a_peers_invite_makes_a_dialog_that_its_requests_find() {
    let dialog = answering("");
    assert_eq!((dialog.phase(), dialog.we_invited()), (Phase::Early, false));
    let bye = message("BYE sip:us@192.0.2.1 SIP/2.0\nTo: <sip:us@ledgerline>;tag=t\nCSeq: 11 BYE");
    assert_eq!(Id::of_request(&bye).as_ref(), Some(dialog.id()));
    for wrong in [
        "To: <sip:us@ledgerline>;tag=T",
        "To: <sip:us@ledgerline>;tag=t\nFrom: <sip:bob@ledgerline>;tag=x",
        "To: <sip:us@ledgerline>;tag=t\nCall-ID: C1",
    ] {
        let bye = message(&format!("BYE sip:us@192.0.2.1 SIP/2.0\n{wrong}"));
        assert_ne!(Id::of_request(&bye).as_ref(), Some(dialog.id()), "{wrong}");
    }
    assert_eq!(Id::of_request(&message("BYE sip:us@192.0.2.1 SIP/2.0")), None);
}

#[test]
fn requests_are_written_by_the_route_set() {
    let requests = |lines: &str| {
        let bye = answering(lines).request(&Method::Bye).message().expect("a message");
        let routes: Vec<_> = bye.list(Name::Route).map(|r| String::from_utf8_lossy(r).into_owned()).collect();
        (String::from_utf8_lossy(bye.request_uri_raw()).into_owned(), routes)
    };
    for (lines, uri, routes) in [
        ("", "sip:bob@192.0.2.9:5062", &[][..]),
        (
            "Record-Route: <sip:p2;lr>, <sip:p1;lr>\nRecord-Route: <sip:p0;lr>",
            "sip:bob@192.0.2.9:5062",
            &["<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr>"],
        ),
        (
            "Record-Route: <sip:strict;transport=udp>, <sip:p1;lr>",
            "sip:strict;transport=udp",
            &["<sip:p1;lr>", "<sip:bob@192.0.2.9:5062>"],
        ),
        ("Contact: <sip:bob@h;method=BYE;x=1?Subject=a>", "sip:bob@h;x=1", &[]),
    ] {
        assert_eq!(
            requests(lines),
            (uri.to_string(), routes.iter().map(|r| r.to_string()).collect()),
            "{lines}"
        );
    }
}

#[test]
fn requests_carry_the_dialog_and_rising_numbers() {
    let mut dialog = answering("");
    let bye = dialog.request(&Method::Bye).message().expect("a message");
    assert_eq!(header(&bye, Name::From), "<sip:us@ledgerline>;tag=t");
    assert_eq!(header(&bye, Name::To), "\"Bob\" <sip:bob@ledgerline>;tag=b");
    assert_eq!(
        (header(&bye, Name::CSeq).as_str(), header(&bye, Name::MaxForwards).as_str()),
        ("1 BYE", "70")
    );
    assert_eq!(header(&bye, Name::Contact), "");
    let invite = dialog.request(&Method::Invite).message().expect("a message");
    assert_eq!(header(&invite, Name::CSeq), "2 INVITE");
    assert_eq!(header(&invite, Name::Contact), "<sip:us@192.0.2.1:5060>");
    assert_eq!(dialog.last_seq(), 2);
}

#[test]
fn older_and_repeated_requests_are_late() {
    let mut dialog = answering("");
    let info = |seq: u32| message(&format!("INFO sip:us@192.0.2.1 SIP/2.0\nCSeq: {seq} INFO"));
    for (seq, taken) in
        [(9, Err(Late)), (10, Err(Late)), (11, Ok(())), (11, Err(Late)), (40, Ok(())), (39, Err(Late))]
    {
        assert_eq!(dialog.take(&info(seq), flow()), taken, "{seq}");
    }
}

#[test]
fn an_ack_belongs_to_the_last_invite() {
    let mut dialog = answering("");
    let ack = |seq: u32| message(&format!("ACK sip:us@192.0.2.1 SIP/2.0\nCSeq: {seq} ACK"));
    dialog.take(&message("INFO sip:us@192.0.2.1 SIP/2.0\nCSeq: 11 INFO"), flow()).expect("in order");
    assert!(dialog.is_acknowledged_by(&ack(10)) && !dialog.is_acknowledged_by(&ack(11)));
    dialog.take(&message("INVITE sip:us@192.0.2.1 SIP/2.0\nCSeq: 12 INVITE"), flow()).expect("in order");
    assert!(dialog.is_acknowledged_by(&ack(12)) && !dialog.is_acknowledged_by(&ack(10)));
}

#[test]
fn only_some_requests_move_the_target() {
    let mut dialog = answering("");
    let with = |method: &str, seq: u32| {
        message(&format!("{method} sip:us SIP/2.0\nCSeq: {seq} {method}\nContact: <sip:new@{method}>"))
    };
    for (method, seq, target) in [
        ("INFO", 11, "sip:bob@192.0.2.9:5062"),
        ("INVITE", 12, "sip:new@INVITE"),
        ("OPTIONS", 13, "sip:new@INVITE"),
        ("UPDATE", 14, "sip:new@UPDATE"),
    ] {
        dialog.take(&with(method, seq), flow()).expect("in order");
        assert_eq!(dialog.target().as_str(), target, "{method}");
    }
    dialog.note(&message("SIP/2.0 486 Busy\nCSeq: 1 INVITE\nContact: <sip:busy@h>"));
    dialog.note(&message("SIP/2.0 200 OK\nCSeq: 1 INFO\nContact: <sip:info@h>"));
    assert_eq!(dialog.target().as_str(), "sip:new@UPDATE");
    dialog.note(&message("SIP/2.0 200 OK\nCSeq: 1 INVITE\nContact: <sip:answered@h>"));
    assert_eq!(dialog.target().as_str(), "sip:answered@h");
}

#[test]
fn requests_go_where_the_peer_listens() {
    for (lines, port) in [
        ("", 40_000),
        ("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa", 5_062),
        ("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa\nContact: <sip:bob@10.0.0.7:5062>", 40_000),
        ("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa\nContact: <sip:bob@victim.example:53>", 40_000),
        ("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa\nRecord-Route: <sip:192.0.2.9;lr>", 5_060),
    ] {
        let to = answering(lines).flow().remote;
        assert_eq!(
            to.to_string(),
            format!("192.0.2.9:{port}"),
            "{lines}: never another address than the peer's own"
        );
    }
}

#[test]
fn what_cannot_begin_a_dialog_is_refused() {
    let routes: Vec<String> = (0..=bounds::ROUTES).map(|i| format!("<sip:p{i};lr>")).collect();
    for lines in [
        "Contact: *".to_string(),
        format!("Record-Route: {}", routes.join(",")),
        "CSeq: x INVITE".to_string(),
    ] {
        let invite = message(&format!("INVITE sip:us@ledgerline SIP/2.0\n{lines}"));
        let refusal = Dialog::answering(&invite, flow(), "t", "<sip:us>").expect_err(&lines);
        assert_eq!(refusal.status, 400, "{lines}");
    }
}

#[test]
fn a_stranger_is_known_by_his_address() {
    let dialog = answering("");
    let mut other = flow();
    other.remote.set_port(1);
    assert!(dialog.is_peer(&other));
    other.remote.set_ip("192.0.2.66".parse().expect("an address"));
    assert!(!dialog.is_peer(&other));
}

#[test]
fn contacts_and_endings_are_as_the_rfcs_say() {
    let tcp = Flow {
        transport: Transport::Tcp,
        local: "[2001:db8::1]:5060".parse().expect("an address"),
        ..flow()
    };
    assert_eq!(contact(Some("a b"), &tcp), "<sip:a%20b@[2001:db8::1]:5060;transport=tcp>");
    assert_eq!(contact(None, &flow()), "<sip:192.0.2.1:5060>");
    let tls = Flow { transport: Transport::Tls, ..tcp };
    for (uri, flow, expected) in [
        ("sip:bob@h", tls, "<sip:[2001:db8::1]:5060;transport=tls>"),
        ("sips:bob@h", tls, "<sips:[2001:db8::1]:5060>"),
        // Nothing promises safety that the flow does not give.
        ("sips:bob@h", flow(), "<sip:192.0.2.1:5060>"),
    ] {
        assert_eq!(contact_for(Uri::parse(uri.as_bytes()).ok(), &flow), expected, "{uri}");
    }
    assert!(
        [408, 481].into_iter().all(ends_dialog)
            && ![401, 486, 488, 491, 500, 503].into_iter().any(ends_dialog)
    );
}
