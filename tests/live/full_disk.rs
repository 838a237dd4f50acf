//! The recordings' disk is full: whoever must be recorded is refused, whoever talks goes on, and room brings everything back.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Task};
use crate::talk::{self, OFFICE, Office};
use crate::world::{entered, run, wait_until};

/// Mounts a small ext4 over the node's store, with what is in it. It goes with the test's mount table.
fn small_store(node: &Node, megabytes: u32) {
    let (store, image) = (node.path("store"), node.path("disk.img"));
    let (store, image) = (store.to_str().expect("UTF-8"), image.to_str().expect("UTF-8"));
    let kept = node.path("kept");
    let kept = kept.to_str().expect("UTF-8");
    run("cp", &["-a", store, kept]);
    // The reserve is made to the disk's measure: the small one gets a small one.
    run("rm", &["-f", &format!("{kept}/reserve")]);
    run("truncate", &["-s", &format!("{megabytes}M"), image]);
    run("mkfs.ext4", &["-q", "-m", "0", image]);
    run("mount", &["-o", "loop", image, store]);
    run("cp", &["-a", &format!("{kept}/."), store]);
    run("chmod", &["700", store]);
}

/// Fills a folder's disk to the last octet; removing the file frees it.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    for piece in [1 << 20, 4_096, 1] {
        let octets = vec![0; piece];
        while file.write_all(&octets).is_ok() {}
    }
}

#[test]
fn a_full_disk_refuses_new_calls_keeps_running_ones_and_recovers() {
    if !entered() {
        return;
    }
    let node = talk::node(OFFICE);
    small_store(&node, 48);
    let mut office = Office::of(node, "udp");
    sipp::register(Over::Udp, "alice", 5_071, 600);
    let call = office.call("8002");
    office.talk(1);

    let filler = office.node.path("store").join("filler");
    fill(&filler);
    wait_until("the node to notice", Duration::from_secs(10), || !takes_recordings(&office.node));
    refused(503);
    assert!(office.node.log().contains("ERROR"), "{}", office.node.log());

    office.talk(2);
    let still = office.node.rows(&["calls"]);
    assert_eq!(still.len(), 1, "{still:?}");
    assert_eq!((&still[0]["id"], &still[0]["state"]), (&call["id"], &"talking".into()));

    fs::remove_file(&filler).expect("removed");
    wait_until("the node to notice", Duration::from_secs(10), || takes_recordings(&office.node));
    office.hang_up();
    let later = office.recorded(1);
    assert_eq!(office.node.command(&["rec", "verify", &later]).code, 0);
    office.node.stop();
}

/// What `status` says of the store, in words and in its exit code.
fn takes_recordings(node: &Node) -> bool {
    let status = node.command(&["status", "--json"]);
    let takes = status.out.contains("\"store_writable\": true");
    assert_eq!(status.code, i32::from(!takes), "{}{}", status.out, status.err);
    takes
}

/// A call of alice's second phone is refused with this status.
fn refused(status: u16) {
    let scenario = Scenario::new().call().refused(status);
    let more = ["-m", "1", "-s", "8002"];
    sipp::run(Task { over: Over::Udp, user: "alice", port: 5_071, scenario, more: &more });
}
