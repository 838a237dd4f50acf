//! The binary as a node: made by `init` in a folder that goes when the test does, served as a child process, administered
//! over its command line as an operator would.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::probe;
use crate::world::{run, wait_for};

/// How long a node may take to answer its first request: a cold machine under load, not the target of `docs/performance.md`.
const START: Duration = Duration::from_secs(20);

/// Where every node listens: its network is its own, so the port is always free.
pub const SIP: &str = "127.0.0.1:5060";

/// Every account's password.
pub const PASSWORD: &str = "correct-horse-7";

/// A node of one test.
pub struct Node {
    folder: TempDir,
    binary: PathBuf,
    serving: Option<Child>,
}

/// How a command ended.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Node {
    /// Makes a node whose only plan is `plan`, with the binary that cargo built for this test.
    pub fn new(plan: &str) -> Node {
        Node::with_binary(Path::new(env!("CARGO_BIN_EXE_ledgerline")), plan)
    }

    /// As [`Node::new`], with another binary.
    pub fn with_binary(binary: &Path, plan: &str) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let node = Node { folder, binary: binary.to_path_buf(), serving: None };
        let place = node.path("");
        let made = node.ask(&["init", place.to_str().expect("UTF-8")]);
        node.listener(made["password"].as_str().expect("a password"));
        node.write("dialplans/live.plan", plan.as_bytes());
        node.set("files", r#"["live.plan"]"#);
        // SIPp 3.6 and baresip 1.0 give up at a challenge that they do not know, whatever stands beside it.
        node.add("sip", r#"digest = ["MD5"]"#);
        node.set("level", r#""info,ledgerline::admin=warn""#);
        node
    }

    /// A path in the node's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("node").join(name)
    }

    /// Writes a file into the node's folder.
    pub fn write(&self, name: &str, octets: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, octets).expect("written");
    }

    /// Gives a key of the configuration another value; the key must be there.
    pub fn set(&self, key: &str, value: &str) {
        let text = fs::read_to_string(self.config()).expect("configuration");
        let is_it = |line: &&str| line.split('=').next().is_some_and(|name| name.trim() == key);
        assert_eq!(text.lines().filter(is_it).count(), 1, "one line sets {key}:\n{text}");
        let changed: String = text
            .lines()
            .map(|line| if is_it(&line) { format!("{key} = {value}\n") } else { format!("{line}\n") })
            .collect();
        fs::write(self.config(), changed).expect("written");
    }

    /// Adds a line to a section of the configuration, which is made if it is not there.
    pub fn add(&self, section: &str, line: &str) {
        let text = fs::read_to_string(self.config()).expect("configuration");
        let head = format!("[{section}]\n");
        let changed = match text.contains(&head) {
            true => text.replace(&head, &format!("{head}{line}\n")),
            false => format!("{text}\n{head}{line}\n"),
        };
        fs::write(self.config(), changed).expect("written");
    }

    /// Adds an account with [`PASSWORD`].
    pub fn user(&self, name: &str, number: &str) {
        let mut child = self
            .start(&["user", "add", name, "--number", number, "--password-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        writeln!(child.stdin.take().expect("a pipe"), "{PASSWORD}").expect("told");
        assert!(child.wait().expect("ends").success(), "user add {name}");
    }

    /// Adds a person who may hear recordings, one who may be brought into conversations, and bob, an agent, as the node's security
    /// administrator does.
    fn listener(&self, administrators: &str) {
        self.person(&["login", "admin", "--password-stdin"], administrators);
        for (name, role) in [("listener", "listener"), ("supervisor", "supervisor"), ("bob", "agent")] {
            self.person(&["person", "add", name, "--role", role, "--no-code", "--password-stdin"], PASSWORD);
        }
        self.command(&["logout"]).succeeded();
    }

    /// A command that the person `name`, who logs in for it, gives.
    pub fn command_of(&self, name: &str, arguments: &[&str]) -> Done {
        self.person(&["login", name, "--password-stdin"], PASSWORD);
        let done = self.command(arguments);
        self.command(&["logout"]).succeeded();
        done
    }

    /// A command whose secret comes on standard input; it must succeed.
    fn person(&self, arguments: &[&str], secret: &str) {
        let mut command = self.start(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("runs");
        writeln!(child.stdin.take().expect("a pipe"), "{secret}").expect("told");
        assert!(child.wait().expect("ends").success(), "{arguments:?}");
    }

    /// Plays a recording into a file, as the listener.
    pub fn play(&self, recording: &str, to: &Path) {
        self.person(&["login", "listener", "--password-stdin"], PASSWORD);
        let to = to.to_str().expect("UTF-8");
        self.command(&["rec", "play", recording, "-o", to, "--purpose", "a test"]).succeeded();
        self.command(&["logout"]).succeeded();
    }

    /// Starts the switch and waits until it answers SIP.
    pub fn serve(&mut self) {
        self.serve_unwaited();
        wait_for("the first SIP answer", START, || {
            self.assert_serving();
            probe::options_once(SIP, Duration::from_millis(100))
        });
    }

    /// Starts the switch.
    pub fn serve_unwaited(&mut self) {
        assert!(self.serving.is_none(), "it serves already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let also = log.try_clone().expect("a second handle");
        // Dies with the thread that started it, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.binary)
            .args(["serve", "--config"])
            .arg(self.config())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also)
            .spawn()
            .expect("the binary runs");
        self.serving = Some(child);
    }

    /// The process that serves.
    pub fn process(&self) -> u32 {
        self.serving.as_ref().expect("it serves").id()
    }

    /// Fails with the log when the switch has ended.
    pub fn assert_serving(&mut self) {
        let child = self.serving.as_mut().expect("it was started");
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("the switch ended: {status}\n{}", self.log());
        }
    }

    /// Asks the switch to stop and waits until it has; its failure is the test's.
    pub fn stop(&mut self) {
        let status = self.end(Signal::SIGTERM);
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Ends the switch as a power cut would end the process: without a word.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.serving.take().expect("it serves");
        kill(Pid::from_raw(child.id().try_into().expect("an id")), signal).expect("signalled");
        let gone =
            wait_for("the switch's end", START, || child.try_wait().expect("a child").map(Ok::<_, ()>));
        gone.expect("ended")
    }

    /// Runs a command of the binary against this node.
    pub fn command(&self, arguments: &[&str]) -> Done {
        let done = self.start(arguments).stdin(Stdio::null()).output().expect("the binary runs");
        Done {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// What a command answers as JSON; the command must succeed.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let done = self.command(&[arguments, &["--json"]].concat()).succeeded();
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", done.out))
    }

    /// The rows of what a command answers as a JSON list.
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        match self.ask(arguments) {
            Value::Array(rows) => rows,
            other => panic!("{arguments:?}: not a list: {other}"),
        }
    }

    /// A command of the binary against this node, to be run.
    pub fn start(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.folder.path());
        command.env("LEDGERLINE_SESSION", self.folder.path().join("session"));
        if arguments.first() != Some(&"init") {
            command.arg("--config").arg(self.config());
        }
        command
    }

    /// What the switch has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Octets of memory that are resident (`VmRSS`, proc(5)).
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process())).expect("proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Files of the store whose names end so, oldest first.
    pub fn files(&self, ending: &str) -> Vec<PathBuf> {
        let store = self.path("store");
        let listed =
            run("find", &[store.to_str().expect("UTF-8"), "-type", "f", "-name", &format!("*{ending}")]);
        let mut files: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
        files.sort();
        files
    }

    fn config(&self) -> PathBuf {
        self.path("ledgerline.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("the end of the switch's log, of {} lines:\n{last}", lines.len());
            if let Some(call) = log.rsplit("call ended id=").next().and_then(|rest| rest.split(' ').next()) {
                let explained = self.command(&["call", "explain", call]);
                eprintln!("the last call:\n{}{}", explained.out, explained.err);
            }
        }
        if let Some(child) = &mut self.serving {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Done {
    /// Itself, if the command succeeded; else the test fails with what it said.
    pub fn succeeded(self) -> Done {
        assert_eq!(self.code, 0, "\n{}{}", self.out, self.err);
        self
    }
}
