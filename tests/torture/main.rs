//! The wire layer meets its traps: those of our own making (`traps`) and, where they are at hand, the RFCs' own (`corpus`).
//! `tests/live` sends the same to a running switch.

mod corpus;
mod traps;

use bytes::Bytes;
use ledgerline::sdp::Session;
use ledgerline::sip::framing::{Frame, Framer};
use ledgerline::sip::{Message, Method, Name, Scheme, accepts, unsupported_options};

use corpus::corpus;
use traps::Verdict::{self, Passed, Refused, Silent};
use traps::{gbk, message, options, request, traps, twice};

fn verdict(octets: &[u8]) -> (Verdict, Option<Message>) {
    match Message::receive(Bytes::copy_from_slice(octets)) {
        Ok(message) => (Passed, Some(message)),
        Err(refusal) => match refusal.answer("tag") {
            None => (Silent, None),
            Some(answer) => {
                let answer = Message::parse(answer).expect("an answer can be read");
                assert_eq!(answer.status(), Some(refusal.status));
                (Refused(refusal.status), None)
            }
        },
    }
}

#[test]
fn every_trap_gets_its_verdict() {
    let cases = traps();
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(_, octets, wanted)| verdict(octets).0 != *wanted)
        .map(|(name, octets, wanted)| {
            format!("{name}: {:?}, not {wanted:?}: {:?}", verdict(octets).0, why(octets))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn why(octets: &[u8]) -> Option<String> {
    Message::receive(Bytes::copy_from_slice(octets)).err().map(|refusal| refusal.to_string())
}

#[test]
fn what_passes_is_understood() {
    let read = |octets: Vec<u8>| verdict(&octets).1.expect("passes");
    let m = read(gbk());
    assert_eq!(m.header(Name::Subject), Some(&b"\xd5\xc5\xc8\xfd"[..]));
    assert_eq!(m.from().map(|f| f.display_raw()), Some(&b"\"\xd5\xc5\xc8\xfd\""[..]));
    assert_eq!(m.header_str(Name::Other("x-behind")), Some("here"));
    let m = read(options(&["To :\r\n  \"a\r\n  b\"\r\n <sip:x@b.example>\r\n ;tag\r\n =\r\n 9"]));
    assert_eq!(m.to().and_then(|t| t.tag()), Some("9"));
    assert_eq!(m.to().and_then(|t| t.display()).as_deref(), Some("a    b"));
    let m = read(request("OPTI%4FNS sip:a SIP/2.0", "OPTI%4FNS", &[]));
    assert_eq!(m.method(), Some(&Method::Other("OPTI%4FNS".into())));
    let m = read(request("OPTIONS sip:u;par=u%40d?x@b.example;lr?Subject=%41 SIP/2.0", "OPTIONS", &[]));
    let uri = m.request_uri().expect("sound");
    assert_eq!(
        (uri.user(), uri.params().has("lr"), uri.headers()),
        (Some("u;par=u%40d?x"), true, Some("Subject=%41"))
    );
    let m = read(request("OPTIONS tel:+1-201-555-0123;phone-context=a SIP/2.0", "OPTIONS", &[]));
    assert_eq!(m.request_uri().map(|u| (u.scheme(), u.user())), Some((Scheme::Tel, Some("+1-201-555-0123"))));
    let m = read(options(&[
        "Require: nothingSupportsThis, 100rel, other",
        "Accept: text/x, application/*;q=0.3",
    ]));
    assert_eq!(unsupported_options(&m, Name::Require, &["100REL"]), ["nothingSupportsThis", "other"]);
    assert!(accepts(&m, "application/sdp") && accepts(&m, "TEXT/X") && !accepts(&m, "text/y"));
    assert!(accepts(&read(options(&[])), "application/sdp"));
    assert!(!accepts(&read(options(&["Accept:"])), "application/sdp"));
}

#[test]
fn a_stream_is_closed_where_its_next_message_cannot_be_found() {
    for (name, octets, status) in [
        ("no length", message(&["OPTIONS sip:a SIP/2.0", "Via: SIP/2.0/TCP a", "", ""]), 400),
        ("negative", options(&["Content-Length: -1"]), 400),
        ("two", twice("l: 7"), 400),
        ("too long", options(&["Content-Length: 65535"]), 513),
        ("beyond 64 bits", options(&["Content-Length: 99999999999999999999"]), 400),
        ("lone LF", options(&["Subject: a\nContent-Length: 5"]), 400),
        ("endless head", format!("OPTIONS sip:{} SIP/2.0", "a".repeat(70_000)).into_bytes(), 513),
        ("not SIP", b"\x16\x03\x01\r\n\r\n".to_vec(), 400),
    ] {
        let mut framer = Framer::new();
        framer.push(&octets);
        assert_eq!(framer.pop().map_err(|refusal| refusal.status), Err(status), "{name}");
        framer.push(&options(&[]));
        assert!(matches!(framer.pop(), Ok(None)), "{name}: nothing more");
    }
    let mut framer = Framer::new();
    framer.push(&options(&["Content-Length: 3"]));
    assert!(matches!(framer.pop(), Ok(None)) && framer.is_partial(), "the body is awaited");
    framer.push(b"abc\r\n\r\n");
    assert!(matches!(framer.pop(), Ok(Some(Frame::Message(m))) if m.ends_with(b"abc")));
    assert_eq!(framer.pop().ok().flatten(), Some(Frame::Pong));
    assert_eq!(framer.pop().ok().flatten(), Some(Frame::Ping));
    assert!(!framer.is_partial());
}

#[test]
fn the_corpus_of_the_rfcs_gets_its_verdicts() {
    let Some(rows) = corpus() else { return };
    let (mut seen, mut wrong) = (0, Vec::new());
    for row in &rows {
        let (met, message) = verdict(&row.octets);
        message.iter().for_each(|m| drop(Session::parse(m.body())));
        over_a_stream(&row.octets);
        if row.layer == "-" {
            continue;
        }
        seen += 1;
        let response = row.octets.starts_with(b"SIP/");
        let fits = allowed(met, &row.expected, &row.layer, response);
        if !(fits && (row.valid == "invalid" || met != Refused(400))) {
            let why = why(&row.octets);
            wrong.push(format!("{}: {met:?} {why:?}, wanted {} by {}", row.file, row.expected, row.layer));
        }
    }
    assert!(seen >= 61, "only {seen} verdicts");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether what the wire layer did leaves the expected answer possible, and gives it where the wire layer owns it.
fn allowed(met: Verdict, expected: &str, layer: &str, response: bool) -> bool {
    let alternatives: Vec<&str> = expected.split('|').collect();
    match met {
        // A stray response is dropped above.
        Silent => expected == "none",
        Refused(status) => alternatives.iter().any(|a| match a.strip_prefix('!') {
            Some(not) => status.to_string() != *not,
            None => status.to_string() == *a,
        }),
        Passed if response => layer == "parse" || layer == "application",
        Passed => {
            let ours = ["parse", "header", "framing", "start-line", "uri", "semantic"].contains(&layer);
            !(ours && alternatives.iter().all(|a| matches!(*a, "400" | "505")))
        }
    }
}

/// The same octets over a stream, one by one: whatever comes out, nothing breaks and no frame is longer than what went in.
fn over_a_stream(octets: &[u8]) {
    let mut framer = Framer::new();
    for octet in octets {
        framer.push(&[*octet]);
        if let Ok(Some(Frame::Message(message))) = framer.pop() {
            assert!(message.len() <= octets.len());
            let _ = Message::receive(message);
        }
    }
}
