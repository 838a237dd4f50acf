//! A world for one test: a network and a mount table of the test thread's own, shared with every process that it starts.
//!
//! Nothing of a test reaches the machine's network, every port is free, and what was mounted goes when the last process
//! does. Invariant: whatever a test starts, it starts from the thread that entered its world.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

/// The address of every phone that refuses 127.0.0.1.
pub const PHONES: &str = "10.99.0.1";

/// Moves the calling thread into a world of its own. `false`: live tests were not asked for, and that was said.
///
/// Live tests run when `LEDGERLINE_LIVE=1` is set; then whatever they need must be there (`tests/run` sees to it).
pub fn entered() -> bool {
    if std::env::var_os("LEDGERLINE_LIVE").is_none_or(|value| value != "1") {
        println!("skipped: live tests run with LEDGERLINE_LIVE=1 (tests/run sets it)");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .expect("live tests make namespaces of their own: run them as root, or under `unshare -rn`");
    run("mount", &["--make-rprivate", "/"]);
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["address", "add", &format!("{PHONES}/24"), "dev", "lo"]);
    true
}

/// Runs a program of the machine to its end; its failure is the test's.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs what live tests need"));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}\n{said}{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    said
}

/// Asks `look` until it has something, again and again, at most `within`.
pub fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {within:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// As [`wait_for`], for a condition.
pub fn wait_until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, within, || holds().then_some(()));
}
