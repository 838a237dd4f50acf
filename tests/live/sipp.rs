//! SIPp as a phone: one process, one scenario, judged by its own statistics.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::node::PASSWORD;
use crate::scenario::Scenario;
use crate::world::{wait_for, wait_until};

/// How SIPp reaches the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
    UdpV6,
}

impl Over {
    fn local(self) -> &'static str {
        if self == Over::UdpV6 { "::1" } else { "127.0.0.1" }
    }

    fn switch(self) -> &'static str {
        if self == Over::UdpV6 { "[::1]:5060" } else { "127.0.0.1:5060" }
    }

    /// `host:port` of a contact.
    pub fn contact(self, port: u16) -> String {
        if self == Over::UdpV6 { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") }
    }

    fn mode(self) -> &'static str {
        if self == Over::Tcp { "t1" } else { "u1" }
    }
}

/// What a phone is to do.
pub struct Task<'a> {
    pub over: Over,
    /// Its account.
    pub user: &'a str,
    /// Its SIP port; its RTP port is 10 000 above.
    pub port: u16,
    pub scenario: Scenario,
    /// More arguments: `-s`, `-m`, `-r`, `-d`, keys.
    pub more: &'a [&'a str],
}

/// A running SIPp.
pub struct Sipp {
    child: Child,
    folder: TempDir,
}

/// What SIPp counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    pub successful: u64,
    pub failed: u64,
    pub retransmissions: u64,
}

/// Starts a phone.
pub fn start(task: Task<'_>) -> Sipp {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("scenario.xml"), task.scenario.xml()).expect("written");
    let (sip, rtp) = (task.port.to_string(), (task.port + 10_000).to_string());
    let said = fs::File::create(folder.path().join("said")).expect("a file");
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "sipp", task.over.switch(), "-sf", "scenario.xml"])
        .args([
            "-i",
            task.over.local(),
            "-mi",
            task.over.local(),
            "-p",
            &sip,
            "-mp",
            &rtp,
            "-t",
            task.over.mode(),
        ])
        // SIPp proves itself to the address that it sends to; of its own accord it writes an IPv6 one without brackets.
        .args([
            "-key",
            "caller",
            task.user,
            "-au",
            task.user,
            "-ap",
            PASSWORD,
            "-auth_uri",
            task.over.switch(),
        ])
        .args([
            "-nostdin",
            "-trace_stat",
            "-stf",
            "stat.csv",
            "-fd",
            "1",
            "-trace_err",
            "-error_file",
            "errors",
        ])
        .args(["-default_behaviors", "all,-bye", "-timeout", "120s", "-timeout_error", "-max_socket", "4096"])
        .args(task.more)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("sipp runs; tests/run installs it");
    let mut sipp = Sipp { child, folder };
    if task.over != Over::Tcp {
        wait_until("sipp's port", Duration::from_secs(10), || is_bound(task.port) || sipp.has_ended());
    }
    sipp
}

/// Whether somebody in this world listens on a UDP port (proc(5), `/proc/net/udp`).
fn is_bound(port: u16) -> bool {
    let listed = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let all = listed("/proc/thread-self/net/udp") + &listed("/proc/thread-self/net/udp6");
    all.lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .any(|local| local.ends_with(&format!(":{port:04X}")))
}

/// Runs a phone to its end; nothing may fail.
pub fn run(task: Task<'_>) -> Counted {
    start(task).succeeded()
}

/// Registers an account's phone, as `run` would, for an hour or for `expires` seconds.
pub fn register(over: Over, user: &str, port: u16, expires: u32) {
    registering(over, user, port, expires, Scenario::new().register());
}

/// Registers a phone for an hour that is preferred as much as `q` says (RFC 3261 §10.2.1.2).
pub fn register_preferred(over: Over, user: &str, port: u16, q: &str) {
    registering(over, user, port, 3_600, Scenario::new().register_with(&format!(";q={q}")));
}

fn registering(over: Over, user: &str, port: u16, expires: u32, scenario: Scenario) {
    let (contact, expires) = (over.contact(port), expires.to_string());
    let more = ["-m", "1", "-key", "contact", &contact, "-key", "expires", &expires];
    run(Task { over, user, port, scenario, more: &more });
}

impl Sipp {
    /// Waits until it has done what `-m` said; nothing may have failed.
    pub fn succeeded(mut self) -> Counted {
        let status = self.ended();
        let counted = self.counted();
        assert!(
            status.success() && counted.failed == 0,
            "sipp: {status}, {counted:?}\n{}{}",
            self.file("errors"),
            self.file("messages")
        );
        counted
    }

    /// Whether it is gone.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("sipp's end", Duration::from_secs(150), || child.try_wait().expect("a child"))
    }

    /// Its statistics, the last line of what it wrote.
    fn counted(&self) -> Counted {
        let text = self.file("stat.csv");
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
        let last: Vec<&str> = lines.last().unwrap_or_default().split(';').collect();
        let value = |name: &str| {
            let at = head.iter().position(|column| *column == name).expect("a column of SIPp's statistics");
            last.get(at).and_then(|cell| cell.parse().ok()).unwrap_or(0)
        };
        Counted {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
            retransmissions: value("Retransmissions(C)"),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(Path::new(self.folder.path()).join(name)).unwrap_or_default()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
