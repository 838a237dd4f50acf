//! Two baresip phones hear each other through the switch, and the recording holds who said what.

use std::time::Duration;

use crate::ear::{self, seconds_of};
use crate::node::Node;
use crate::talk::{self, ALICE, BOB, MENU, OFFICE, Office};
use crate::world::{entered, wait_until};

#[test]
fn two_phones_hear_each_other_and_the_recording_holds_both_on_their_tracks() {
    if !entered() {
        return;
    }
    they_hear_each_other(Office::open());
}

#[test]
fn phones_that_keep_a_tcp_connection_are_reached_through_it() {
    if !entered() {
        return;
    }
    let office = Office::of(talk::node(OFFICE), "tcp");
    let phones = office.node.rows(&["phones"]);
    assert!(phones.iter().all(|phone| phone["transport"] == "tcp"), "{phones:?}");
    they_hear_each_other(office);
}

#[test]
fn phones_whose_media_is_encrypted_hear_each_other_and_those_whose_is_not() {
    if !entered() {
        return;
    }
    for srtp in [["srtp-mand", "srtp"].map(Some), [Some("srtp-mand"), None], [None, Some("srtp")]] {
        they_hear_each_other(Office::encrypted(talk::node(OFFICE), "udp", srtp));
    }
}

#[test]
fn a_node_that_requires_srtp_has_encrypted_calls_or_none() {
    if !entered() {
        return;
    }
    let required = || {
        let node = talk::node(OFFICE);
        node.add("media", r#"srtp = "required""#);
        node
    };
    they_hear_each_other(Office::encrypted(required(), "udp", ["srtp-mand", "srtp"].map(Some)));
    let mut office = Office::encrypted(required(), "udp", [None, Some("srtp")]);
    office.alice.dial("8002");
    office.alice.wait_for("CALL_CLOSED");
    let mut said = office.node.ask(&["status"]);
    assert_eq!((said["calls"].take(), said["calls_total"].take()), (0.into(), 1.into()), "refused, and over");
    assert_eq!(
        office.node.rows(&["rec", "search", "8002"]),
        Vec::<serde_json::Value>::new(),
        "nothing was recorded"
    );
    office.node.stop();
}

fn they_hear_each_other(mut office: Office) {
    let call = office.call("8002");
    office.talk(4);
    office.hang_up();

    let (heard_by_alice, heard_by_bob) = (office.alice.heard(), office.bob.heard());
    let heard = [
        (seconds_of(&heard_by_alice, BOB), seconds_of(&heard_by_alice, ALICE)),
        (seconds_of(&heard_by_bob, ALICE), seconds_of(&heard_by_bob, BOB)),
    ];
    for (theirs, own) in heard {
        assert!(theirs >= 3.5 && own == 0.0, "seconds of the other's tone and of one's own: {heard:?}");
    }

    let found = office.node.rows(&["rec", "search", "8002"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["recording"], call["recording"]);
    assert_eq!(office.node.rows(&["rec", "search", "8001"]), found, "the caller's number finds it too");
    let (left, right) = decoded(&office.node, call["recording"].as_str().expect("recorded"));
    let tracks = [
        seconds_of(&left, ALICE),
        seconds_of(&left, BOB),
        seconds_of(&right, BOB),
        seconds_of(&right, ALICE),
    ];
    assert!(tracks[0] >= 3.5 && tracks[2] >= 3.5, "seconds of who speaks on which track: {tracks:?}");
    assert_eq!((tracks[1], tracks[3]), (0.0, 0.0), "{tracks:?}");
    office.node.stop();
}

#[test]
fn a_menu_is_heard_takes_a_key_and_is_on_the_far_track() {
    if !entered() {
        return;
    }
    let mut office = Office::open();
    office.alice.dial("7000");
    office.alice.wait_for("CALL_ESTABLISHED");
    wait_until("a second of the menu", Duration::from_secs(10), || office.alice.heard_octets() > 16_000);
    office.alice.press('1');
    office.bob.wait_for("CALL_ESTABLISHED");
    office.talk(2);
    let call = office.node.rows(&["calls"]).remove(0);
    office.hang_up();

    let heard = office.alice.heard();
    let of_menu = seconds_of(&heard, MENU);
    assert!((0.5..1.9).contains(&of_menu), "the key cuts the menu short: {of_menu} s of it");
    assert!(seconds_of(&heard, BOB) >= 1.5);
    let (left, right) = decoded(&office.node, call["recording"].as_str().expect("recorded"));
    assert!(seconds_of(&left, ALICE) >= 2.0 && seconds_of(&left, MENU) == 0.0);
    assert!(seconds_of(&right, MENU) >= 0.5 && seconds_of(&right, BOB) >= 1.5);
}

/// Other people's G.722 and Opus, converted both ways, and decoded from the recording.
#[test]
fn phones_without_a_common_codec_hear_each_other() {
    if !entered() {
        return;
    }
    for codecs in [["g722/16000/1", "pcma"], ["pcmu", "g722/16000/1"], ["opus/48000/1", "pcma"]] {
        let mut office = Office::speaking(talk::node(OFFICE), "udp", codecs);
        let call = office.call("8002");
        office.talk(6);
        office.hang_up();
        for (name, phone, tone) in [("alice", &office.alice, BOB), ("bob", &office.bob, ALICE)] {
            let heard = seconds_of(&phone.heard(), tone);
            assert!(heard >= 1.5, "{codecs:?}: {name} hears {heard} s");
        }
        let (left, right) = decoded(&office.node, call["recording"].as_str().expect("recorded"));
        let seconds = (seconds_of(&left, ALICE), seconds_of(&right, BOB));
        assert!(seconds.0 >= 1.5 && seconds.1 >= 1.5, "{codecs:?}: recorded {seconds:?}");
    }
}

/// A recording, verified and decoded: left, right.
fn decoded(node: &Node, recording: &str) -> (Vec<i16>, Vec<i16>) {
    let verified = node.command(&["rec", "verify", recording]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let path = node.path("decoded.wav");
    node.play(recording, &path);
    let mut tracks = ear::read(&path);
    assert_eq!(tracks.len(), 2);
    let right = tracks.remove(1);
    (tracks.remove(0), right)
}
