//! Messages that have killed or fooled other switches, sent to a running one: it must judge each as the standards do, and
//! answer the next OPTIONS as if nothing had been.

#[path = "../torture/corpus.rs"]
mod corpus;
#[path = "../torture/traps.rs"]
mod traps;

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ledgerline::sip::Message;

use crate::node::{Node, SIP};
use crate::probe;
use crate::world::{entered, wait_for};
use corpus::corpus;
use traps::{Verdict, traps};

const LOAD: &str = include_str!("plans/load.plan");

/// How long the switch may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Who sends: an answer that goes to the port of a Via without one goes to 5060 here and not to the switch.
const SENDER: &str = "127.0.0.2";

fn serving() -> Node {
    let mut node = Node::new(LOAD);
    node.set("listen", r#"["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"]"#);
    node.user("alice", "8001");
    node.serve();
    node
}

/// Whether an answer (or none) is what `expected` asks for; see [`corpus::Row`].
fn fits(expected: &str, answer: Option<u16>) -> bool {
    expected.split('|').any(|one| match (one, answer) {
        ("none", answer) => answer.is_none(),
        (_, None) => false,
        ("!5xx", Some(status)) => !(500..600).contains(&status),
        (one, Some(status)) => match one.strip_prefix('!') {
            Some(not) => not.parse() != Ok(status),
            None => one.parse() == Ok(status),
        },
    })
}

/// The port that the top Via names, where answers go (RFC 3261 §18.2.2).
fn answered_at(octets: &[u8]) -> u16 {
    let message = Message::parse(bytes::Bytes::copy_from_slice(octets)).ok();
    message.and_then(|message| message.top_via()?.port).unwrap_or(5060)
}

/// Sends one datagram and then a probe from the same socket. Answers come in the order of the questions, so whatever has not
/// been said when the probe is answered is not said at all. The final answer, or why there is no telling.
fn over_udp(octets: &[u8]) -> Result<Option<u16>, String> {
    let from: SocketAddr = format!("{SENDER}:{}", answered_at(octets)).parse().expect("an address");
    // A process that another test is just starting holds this one's last socket until it runs.
    let socket = wait_for("the port", ANSWER, || UdpSocket::bind(from).ok());
    socket.connect(SIP).expect("an address");
    socket.send(octets).expect("sent");
    let asked = probe::options(from, "UDP");
    let mine = probe::field(asked.as_bytes(), "Call-ID");
    socket.send(asked.as_bytes()).expect("sent");
    let mut answer = None;
    for datagram in probe::datagrams(&socket, ANSWER) {
        if probe::field(&datagram, "Call-ID") == mine {
            return Ok(answer);
        }
        answer = probe::status(&datagram).filter(|status| *status >= 200).or(answer);
    }
    Err(format!("{answer:?}, and the next OPTIONS was not answered"))
}

/// Sends octets over a stream of their own and leaves it open; meanwhile a newcomer must be served at once.
fn over_tcp(octets: &[u8]) -> Result<(TcpStream, Duration), String> {
    let mut stream = TcpStream::connect(SIP).map_err(|error| error.to_string())?;
    stream.write_all(octets).map_err(|error| error.to_string())?;
    let asked = Instant::now();
    match probe::options_over_tcp(SIP, ANSWER) {
        // A stranger who asks for a user is challenged: that is service, too.
        Some(401) => Ok((stream, asked.elapsed())),
        other => Err(format!("the next OPTIONS got {other:?}")),
    }
}

#[test]
fn every_message_of_the_rfcs_gets_its_verdict_from_a_running_switch() {
    if !entered() {
        return;
    }
    let Some(mut rows) = corpus() else { return };
    let mut node = serving();
    rows.retain(|row| row.expected != "-");
    let mut wrong = Vec::new();
    for row in &rows {
        match over_udp(&row.octets) {
            Ok(answer) if fits(&row.expected, answer) => {}
            met => {
                let (file, valid, layer) = (&row.file, &row.valid, &row.layer);
                wrong.push(format!("{file} ({valid}, {layer}): {met:?}, wanted {}", row.expected));
            }
        }
        node.assert_serving();
    }
    println!("{} of {} verdicts over UDP", rows.len() - wrong.len(), rows.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    node.stop();
}

#[test]
fn every_trap_of_ours_springs_nothing() {
    if !entered() {
        return;
    }
    let mut node = serving();
    let mut wrong = Vec::new();
    for (number, (name, octets, verdict)) in traps().into_iter().enumerate() {
        let fits = match (over_udp(&apart(&octets, number)), verdict) {
            (Ok(answer), Verdict::Refused(status)) => answer == Some(status),
            (Ok(answer), Verdict::Silent) => answer.is_none(),
            (Ok(_), Verdict::Passed) => true,
            (Err(_), _) => false,
        };
        if !fits {
            wrong.push(format!("{name}: {:?}, wanted {verdict:?}", over_udp(&octets)));
        }
        node.assert_serving();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    node.stop();
}

/// The message as a transaction of its own: ours all carry one branch.
fn apart(octets: &[u8], number: usize) -> Vec<u8> {
    const BRANCH: &[u8] = b"z9hG4bK-trap-1";
    let Some(at) = octets.windows(BRANCH.len()).position(|part| part == BRANCH) else {
        return octets.to_vec();
    };
    [&octets[..at], format!("z9hG4bK-trap-{number}-").as_bytes(), &octets[at + BRANCH.len()..]].concat()
}

#[test]
fn no_message_over_a_stream_keeps_others_from_being_served() {
    if !entered() {
        return;
    }
    let mut node = serving();
    let theirs = corpus().unwrap_or_default().into_iter().map(|row| (row.file, row.octets));
    let ours = traps().into_iter().map(|(name, octets, _)| (name.to_string(), octets));
    let (mut wrong, mut open, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    for (name, octets) in theirs.chain(ours) {
        match over_tcp(&octets) {
            Ok((stream, took)) => {
                open.push(stream);
                slowest = slowest.max(took);
            }
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
        node.assert_serving();
    }
    println!("{} streams left open, the slowest newcomer waited {slowest:?}", open.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!node.log().contains("panicked"));
    node.stop();
}
