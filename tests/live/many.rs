//! Many recorded calls at one time: no packet that the generator sent on time is lost, and every call is in the store, whole.
//!
//! Takes 200 calls (40 in an unoptimised build); `LEDGERLINE_MANY=1000` takes as many as the machine should.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::node::PASSWORD;
use crate::talk::{self, OFFICE};
use crate::world::{entered, run, wait_until};

/// The generator of `benches/load`, built into a folder of its own.
fn generator(folder: &Path) -> PathBuf {
    let load = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/load");
    for name in ["bench.py", "rtpload.c"] {
        fs::copy(load.join(name), folder.join(name)).expect("copied");
    }
    fs::create_dir(folder.join("scenarios")).expect("a folder");
    for file in fs::read_dir(load.join("scenarios")).expect("scenarios") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.join("scenarios").join(file.file_name())).expect("copied");
    }
    let at = |name: &str| folder.join(name).to_str().expect("UTF-8").to_string();
    run("cc", &["-O2", "-o", &at("rtpload"), &at("rtpload.c"), "-lm"]);
    folder.join("bench.py")
}

#[test]
fn many_recorded_calls_at_one_time_lose_nothing() {
    if !entered() {
        return;
    }
    let few = if cfg!(debug_assertions) { 40 } else { 200 };
    let calls: usize = std::env::var("LEDGERLINE_MANY").ok().and_then(|n| n.parse().ok()).unwrap_or(few);
    let folder = tempfile::tempdir().expect("a folder");
    let bench = generator(folder.path());
    let mut node = talk::node(OFFICE);
    node.serve();
    let (pid, calls_word) = (node.process().to_string(), calls.to_string());
    let said = Command::new("python3")
        .arg(&bench)
        .args(["media", "--server", "127.0.0.1:5060", "--pid", &pid, "--caller", "alice", "--callee", "bob"])
        .args(["--dial", "8002", "--password", PASSWORD, "--n", &calls_word, "--ramp", "20", "--settle", "2"])
        .args(["--secs", "8", "--after", "2"])
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&said.stdout);
    let told: Value =
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| {
            panic!("the generator said\n{text}{}", String::from_utf8_lossy(&said.stderr));
        });
    assert_eq!((told["ok"].as_u64(), told["fail"].as_u64()), (Some(calls as u64), Some(0)), "{told}");
    // Whoever sends in bursts because it was late itself loses in its own buffers.
    let on_time = told["late_ticks"] == 0 && told["rcvbuf_err"] == 0;
    let (sent, recv) = (told["sent"].as_u64().unwrap_or(0), told["recv"].as_u64().unwrap_or(0));
    assert!(sent as usize >= calls * 8 * 90, "the generator sent: {told}");
    if on_time {
        assert_eq!((told["loss_pct"].as_f64(), told["dup"].as_u64()), (Some(0.0), Some(0)), "{told}");
    } else {
        eprintln!("the generator was late ({}): {recv} of {sent} came", told["late_ticks"]);
    }
    let kept = || node.rows(&["rec", "search", "8002", "--limit", "100000"]);
    wait_until("the recordings", Duration::from_secs(30), || {
        let kept = kept();
        kept.len() == calls && kept.iter().all(|row| row["duration_ms"].as_u64().is_some_and(|ms| ms > 8_000))
    });
    for row in kept() {
        // Fifty packets a second and side, and none was left out for want of room.
        let (packets, ms) = (row["packets"].as_u64().unwrap_or(0), row["duration_ms"].as_u64().unwrap_or(0));
        assert!(packets * 1_000 >= ms * 60, "{row}");
    }
    let verified = node.command(&["rec", "verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    node.stop();
}
