//! Video between two baresip phones and T.38 between two SIPp fax machines, through a switch that records both.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Sipp, Task};
use crate::talk::{self, ALICE, BOB, OFFICE, Office, Phones};
use crate::world::{entered, wait_for, wait_until};
use crate::{ear, probe};

/// Where the fax machines receive UDPTL.
const FAX_OF_ALICE: u16 = 18_100;
const FAX_OF_BOB: u16 = 18_200;

/// Two phones with cameras.
fn seeing(node: Node, srtp: [Option<&str>; 2]) -> Office {
    Office::with(node, "udp", Phones { srtp, video: true, ..Phones::default() })
}

fn whole() -> String {
    OFFICE.replace("two tracks,", "two tracks, video, fax,")
}

/// What a capture file holds, by track: the payloads of its UDP packets.
fn captured(path: &Path) -> BTreeMap<u16, Vec<Vec<u8>>> {
    let octets = fs::read(path).expect("a capture");
    assert_eq!(octets[..4], [0xa1, 0xb2, 0xc3, 0xd4]);
    let mut tracks: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
    let mut rest = &octets[24..];
    while !rest.is_empty() {
        let len = u32::from_be_bytes(rest[8..12].try_into().expect("four")) as usize;
        let packet = &rest[16..16 + len];
        let port = u16::from_be_bytes([packet[20], packet[21]]);
        tracks.entry((port - 10_000) / 2).or_default().push(packet[28..].to_vec());
        rest = &rest[16 + len..];
    }
    tracks
}

#[test]
fn two_phones_with_cameras_see_each_other_and_the_recording_has_both() {
    if !entered() {
        return;
    }
    for srtp in [[None, None], [Some("srtp-mand"), None]] {
        let mut office = seeing(talk::node(&whole()), srtp);
        let call = office.call("8002");
        let id = call["id"].as_str().expect("an id").to_string();
        office.talk(4);
        let shown = office.node.ask(&["call", "show", &id]);
        for leg in shown["legs"].as_array().expect("legs") {
            assert_eq!(leg["besides"], serde_json::json!(["video"]), "{shown}");
        }
        office.hang_up();
        let recording = call["recording"].as_str().expect("it is recorded").to_string();
        let explained = office.node.command(&["call", "explain", &id]).succeeded().out;
        let counts: Vec<u64> = explained
            .lines()
            .filter_map(|line| line.split("video: ").nth(1)?.split(" packets in").next()?.parse().ok())
            .collect();
        assert_eq!(counts.len(), 2, "{explained}");
        let seen = office.node.path("seen.pcap");
        office.node.play(&recording, &seen);
        let tracks = captured(&seen);
        for (track, count) in [(2, counts[0]), (3, counts[1])] {
            let pictures =
                tracks.get(&track).unwrap_or_else(|| panic!("track {track} of {:?}", tracks.keys()));
            assert!(pictures.len() as u64 == count && count > 20, "{srtp:?}: {} of {count}", pictures.len());
            // VP8 as it came: one after the other without a hole, and not one twice.
            let numbers: Vec<u16> = pictures.iter().map(|it| u16::from_be_bytes([it[2], it[3]])).collect();
            let whole = numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
            assert!(whole, "{srtp:?} track {track}: {numbers:?}");
        }
        assert!(tracks.keys().all(|track| [2, 3].contains(track)), "{:?}", tracks.keys());
        // The sound is there as ever.
        let heard = office.node.path("heard.wav");
        office.node.play(&recording, &heard);
        let sound = ear::read(&heard);
        assert!(ear::seconds_of(&sound[0], ALICE) > 3.0 && ear::seconds_of(&sound[1], BOB) > 3.0);
        assert_eq!(office.node.command(&["rec", "verify"]).code, 0);
        office.node.stop();
    }
}

#[test]
fn cameras_stay_dark_in_a_call_whose_policy_records_sound_alone() {
    if !entered() {
        return;
    }
    let mut office = seeing(talk::node(OFFICE), [None, None]);
    let call = office.call("8002");
    office.talk(2);
    let shown = office.node.ask(&["call", "show", call["id"].as_str().expect("an id")]);
    assert!(!shown.to_string().contains("video"), "{shown}");
    office.hang_up();
    office.node.stop();
}

/// A node with two fax machines: alice's calls bob's.
fn machines(plan: &str, alice: Scenario, bob: Scenario) -> (Node, Sipp, Sipp) {
    let mut node = talk::node(plan);
    node.serve();
    sipp::register(Over::Udp, "alice", 5_071, 3_600);
    sipp::register(Over::Udp, "bob", 5_072, 3_600);
    let task = |user, port, scenario, more| Task { over: Over::Udp, user, port, scenario, more };
    let bob = sipp::start(task("bob", 5_072, bob, &["-m", "1"]));
    let alice = sipp::start(task("alice", 5_071, alice, &["-m", "1", "-s", "8002"]));
    (node, alice, bob)
}

/// The switch's ports for the fax of both legs, once it passes.
fn fax_ports(node: &Node) -> (String, [SocketAddr; 2]) {
    wait_for("the fax", Duration::from_secs(20), || {
        let call = node.rows(&["calls"]).into_iter().next()?;
        let id = call["id"].as_str()?.to_string();
        let explained = node.command(&["call", "explain", &id]).succeeded().out;
        explained.contains("fax: leg0 and leg1 are linked").then_some(())?;
        let port = |leg: &str| {
            let line = explained.lines().find(|line| line.contains(&format!("{leg}: fax: port ")))?;
            line.rsplit(' ').next()?.parse().ok()
        };
        Some((id, [port("leg0")?, port("leg1")?]))
    })
}

#[test]
fn two_fax_machines_turn_to_t38_and_back_and_every_datagram_comes_through() {
    if !entered() {
        return;
    }
    let alice = Scenario::new().call().answered().ack().wait(500).turns_to_fax(FAX_OF_ALICE).wait(6_000);
    let alice = alice.renew("sendrecv", "m=audio [1-9][0-9]* RTP/AVP").wait(500).bye();
    let bob = Scenario::new().rings().answers().takes_fax(FAX_OF_BOB).takes_sound().hung_up_on();
    // Bound before the machines say that they are there.
    let receive = |port| UdpSocket::bind(("127.0.0.1", port)).expect("free");
    let (at_alice, at_bob) = (receive(FAX_OF_ALICE), receive(FAX_OF_BOB));
    let (mut node, alice, bob) = machines(&whole(), alice, bob);
    let (id, ports) = fax_ports(&node);
    let pages =
        |who: u8| (0..60_u8).map(move |n| vec![0, n, who, n, n ^ 0xff, 0x80, 0xc8]).collect::<Vec<_>>();
    for (to_bob, to_alice) in pages(1).iter().zip(&pages(2)) {
        at_alice.send_to(to_bob, ports[0]).expect("sent");
        at_bob.send_to(to_alice, ports[1]).expect("sent");
        // A forger is not heard.
        let forger = UdpSocket::bind("127.0.0.1:0").expect("a port");
        forger.send_to(b"forged", ports[0]).expect("sent");
    }
    let came = |socket: &UdpSocket| -> Vec<Vec<u8>> {
        probe::datagrams(socket, Duration::from_secs(2)).take(60).collect()
    };
    assert_eq!((came(&at_bob), came(&at_alice)), (pages(1), pages(2)));
    alice.succeeded();
    bob.succeeded();
    wait_until("the end", Duration::from_secs(10), || node.ask(&["status"])["calls"] == 0);
    let recording = node.rows(&["rec", "search", "8002"])[0]["recording"].as_str().expect("one").to_string();
    let pages_kept = node.path("pages.pcap");
    node.play(&recording, &pages_kept);
    let tracks = captured(&pages_kept);
    assert_eq!((&tracks[&4], &tracks[&5]), (&pages(1), &pages(2)));
    let explained = node.command(&["call", "explain", &id]).succeeded().out;
    assert_eq!(explained.matches("fax: 60 packets in").count(), 2, "{explained}");
    assert_eq!(node.command(&["rec", "verify"]).code, 0);
    node.stop();
}

#[test]
fn a_machine_that_is_refused_t38_goes_on_with_tones() {
    if !entered() {
        return;
    }
    for plan in [whole(), OFFICE.to_string()] {
        let asked = plan != OFFICE;
        let alice = Scenario::new().call().answered().ack().wait(500).turns_to_fax_in_vain(FAX_OF_ALICE);
        let alice = alice.wait(500).renew("sendrecv", "m=audio [1-9][0-9]* RTP/AVP").wait(500).bye();
        let bob = Scenario::new().rings().answers();
        // Where the policy does not record fax nobody is even asked.
        let bob = if asked { bob.refuses_fax() } else { bob }.hung_up_on();
        let (mut node, alice, bob) = machines(&plan, alice, bob);
        alice.succeeded();
        bob.succeeded();
        node.stop();
    }
}
