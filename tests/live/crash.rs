//! The switch dies in mid-call, and files are tampered with: what was recorded stays, and what is wrong is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::ear::{self, seconds_of};
use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Task};
use crate::talk::{ALICE, BOB, Office};
use crate::world::{entered, wait_until};

/// What a recording may lack at its end after `kill -9`.
const TAIL: f64 = 0.3;

#[test]
fn a_killed_switch_leaves_recordings_that_open_verify_and_lack_a_blink_at_most() {
    if !entered() {
        return;
    }
    let mut office = Office::open();
    let call = office.call("8002");
    let recording = call["recording"].as_str().expect("recorded").to_string();
    office.talk(3);
    let killed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    office.node.kill();

    let rows = office.node.rows(&["rec", "search", "8002"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["ended"], "by_crash", "{rows:?}");
    let verified = office.node.command(&["rec", "verify", &recording]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("ended by crash"), "{}", verified.out);

    let began: jiff::Timestamp = rows[0]["began"].as_str().expect("a time").parse().expect("RFC 3339");
    let lived = killed - began.as_microsecond() as f64 / 1e6;
    let path = office.node.path("crash.wav");
    office.node.play(&recording, &path);
    let tracks = ear::read(&path);
    for (track, tone) in tracks.iter().zip([ALICE, BOB]) {
        let kept = last_of(track, tone);
        println!("of {lived:.2} s until the kill, {kept:.2} s are kept");
        assert!(kept >= lived - TAIL, "kept {kept} s of {lived} s");
        assert!(seconds_of(track, tone) >= 2.5);
    }

    // The phones of before go: their registrations outlive the switch, and they would answer first.
    let Office { mut node, alice, bob } = office;
    drop((alice, bob));
    node.serve();
    sipp::register(Over::Udp, "bob", 5_072, 600);
    let answers = Scenario::new().rings().answers().hung_up_on();
    let bob = sipp::start(Task {
        over: Over::Udp,
        user: "bob",
        port: 5_072,
        scenario: answers,
        more: &["-m", "1"],
    });
    let calls = Scenario::new().call().answered().ack().talk().bye();
    let more = ["-m", "1", "-s", "8002", "-d", "100"];
    sipp::run(Task { over: Over::Udp, user: "alice", port: 5_071, scenario: calls, more: &more });
    bob.succeeded();
    wait_until("the call's end", Duration::from_secs(10), || node.ask(&["status"])["calls"] == 0);
    assert_eq!(node.rows(&["rec", "search", "8002"]).len(), 2);
    let verified = node.command(&["rec", "verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    node.stop();
}

/// Where the last tenth of a second ends in which `tone` is heard, in seconds.
fn last_of(track: &[i16], tone: f64) -> f64 {
    let tenth = ear::RATE as usize / 10;
    let tenths: Vec<&[i16]> = track.chunks(tenth).collect();
    let last = tenths
        .iter()
        .rposition(|chunk| seconds_of(&[*chunk, &vec![0; tenth - chunk.len()]].concat(), tone) > 0.0);
    last.map_or(0.0, |last| (last * tenth + tenths[last].len()) as f64 / f64::from(ear::RATE))
}

#[test]
fn every_kind_of_damage_is_named() {
    if !entered() {
        return;
    }
    let mut office = Office::open();
    let (first, second) = (office.recorded(4), office.recorded(2));
    office.node.stop();
    let node = &office.node;
    assert_eq!(node.command(&["rec", "verify"]).code, 0);

    let victim = file_of(node, &first);
    let whole = fs::read(&victim).expect("octets");
    let chunks = chunks(&whole);
    assert!(chunks.len() > 6, "{} chunks", chunks.len());

    let mut flipped = whole.clone();
    flipped[chunks[3].0 + 100] ^= 1;
    expect_named(node, &first, &flipped, "chunk 3", "altered");

    expect_named(node, &first, &whole[..chunks[5].0 + 10], "chunk 5", "cut");
    expect_named(node, &first, &whole[..chunks[5].0], "no closing record", "cut");

    let piece = |at: usize| &whole[chunks[at].0..chunks[at].1];
    let swapped = [&whole[..chunks[2].0], piece(3), piece(2), &whole[chunks[3].1..]].concat();
    expect_named(node, &first, &swapped, "where chunk 2 belongs, lies chunk 3", "chunk 3");

    let other = fs::read(file_of(node, &second)).expect("octets");
    expect_named(node, &first, &other, "the file is that of", &second);

    fs::remove_file(&victim).expect("removed");
    let gone = node.command(&["rec", "verify", &first]);
    assert!(
        gone.code == 1 && gone.out.contains("the file is gone"),
        "{}\n{}{}",
        gone.code,
        gone.out,
        gone.err
    );

    fs::write(&victim, &whole).expect("written");
    assert_eq!(node.command(&["rec", "verify"]).code, 0, "what was put back is whole again");
}

/// Puts `octets` in the place of a recording; verification must end with 1 and say both words, for this one and for all.
fn expect_named(node: &Node, recording: &str, octets: &[u8], what: &str, more: &str) {
    let victim = file_of(node, recording);
    let whole = fs::read(&victim).expect("octets");
    fs::write(&victim, octets).expect("written");
    for arguments in [&["rec", "verify", recording][..], &["rec", "verify"]] {
        let found = node.command(arguments);
        assert_eq!(found.code, 1, "{what}:\n{}{}", found.out, found.err);
        for word in [recording, what, more] {
            assert!(found.out.contains(word), "{word:?} in\n{}", found.out);
        }
    }
    let listed: Value = serde_json::from_str(&node.command(&["rec", "verify", "--json"]).out).expect("JSON");
    assert_eq!(listed["clean"], false, "{listed}");
    fs::write(&victim, whole).expect("written");
}

fn file_of(node: &Node, recording: &str) -> PathBuf {
    let name = format!("{recording}.llr");
    let found = node.files(&name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    Path::new(&found[0]).to_path_buf()
}

/// Where every chunk of a recording begins and ends (`docs/recording-format.md`, "Chunk": marker, length at 12, 60 octets of
/// head, 16 of tag).
fn chunks(octets: &[u8]) -> Vec<(usize, usize)> {
    let mut at = octets.windows(4).position(|four| four == b"LLCK").expect("a chunk");
    let mut found = Vec::new();
    while let Some(head) = octets.get(at..at + 60) {
        let len = u32::from_be_bytes(head[12..16].try_into().expect("four"));
        let end = at + 60 + len as usize + 16;
        found.push((at, end));
        at = end;
    }
    found
}
