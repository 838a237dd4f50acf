//! PJSIP as a watcher: a phone of another make subscribes to a colleague's presence and to its own mailbox (`buddy.py`, pjsua2).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::node::PASSWORD;
use crate::sipp::{self, Over};
use crate::talk::{self, OFFICE};
use crate::world::{PHONES, entered, wait_until};

/// A running PJSIP phone; what it is told stands in a file, line by line.
struct Buddy {
    child: Child,
    said: PathBuf,
    _folder: TempDir,
}

impl Buddy {
    fn start(user: &str, watched: &str) -> Buddy {
        let folder = tempfile::tempdir().expect("a folder");
        let said = folder.path().join("said");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/buddy.py");
        let out = fs::File::create(&said).expect("a file");
        let also = out.try_clone().expect("a second handle");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "python3"])
            .arg(script)
            .args([PHONES, "5060", user, PASSWORD, watched])
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(also)
            .spawn()
            .expect("python3 runs; tests/run installs pjsua2");
        Buddy { child, said, _folder: folder }
    }

    /// Waits until it has said a line that begins with `beginning` and holds `rest`.
    fn says(&self, beginning: &str, rest: &str) {
        wait_until(&format!("{beginning} {rest}"), Duration::from_secs(20), || {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            said.lines().any(|line| line.starts_with(beginning) && line.contains(rest))
        });
    }
}

impl Drop for Buddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn pjsip_watches_a_colleague_and_its_mailbox() {
    if !entered() {
        return;
    }
    let mut node = talk::node(OFFICE);
    node.serve();
    node.ask(&["phones", "waiting", "alice", "--new", "2", "--old", "1"]);
    let alice = Buddy::start("alice", "8002");
    alice.says("registered", "");
    alice.says("mailbox:", "Messages-Waiting: yes");
    alice.says("mailbox:", "2/1");
    alice.says("buddy:", "closed");
    sipp::register(Over::Udp, "bob", 5_081, 3_600);
    alice.says("buddy:", "open");
    node.ask(&["phones", "waiting", "alice"]);
    alice.says("mailbox:", "Messages-Waiting: no");
    node.stop();
}
