//! The life of a plan on the command line of a running binary: loaded, gone back, proposed, approved, refused; over restarts.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledgerline::base::{PersonId, Wall};
use ledgerline::compliance::approval::Weighty;
use ledgerline::compliance::needs::Need;
use ledgerline::compliance::role::Role;
use ledgerline::io::motions::Motions;
use ledgerline::io::store::load_keys;
use serde_json::Value;

const WORD: &str = "correct-horse-7";
const PHRASE: &str = "four plain words here";

/// A node with people, which may run.
struct Site {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

impl Site {
    /// A node in `mode` that listens nowhere else than on one port of its own.
    fn new(mode: &str) -> Site {
        let site = Site { folder: tempfile::tempdir().expect("a folder"), process: None };
        let made = site.run(&["init", site.path("node").to_str().expect("text"), "--json"], "").json();
        let text = fs::read_to_string(site.config()).expect("text");
        let listen = text.lines().find(|line| line.starts_with("listen = ")).expect("a line").to_string();
        let text = text
            .replace(&listen, r#"listen = ["udp://127.0.0.1:0"]"#)
            .replace("realm = ", &format!("mode = \"{mode}\"\nrealm = "))
            .replace("[store]", "[plan.roles]\n\"合规\" = \"quality\"\n[store]");
        fs::write(site.config(), text).expect("written");
        let admin = made["password"].as_str().expect("told once");
        assert_eq!(site.run(&["login", "admin", "--password-stdin"], admin).code, 0);
        for (name, role) in [("anna", "quality"), ("zhao", "quality"), ("wang", "security"), ("li", "system")]
        {
            let add = ["person", "add", name, "--role", role, "--no-code", "--password-stdin"];
            assert_eq!(site.run(&add, WORD).code, 0, "{name}");
        }
        let second = ["person", "add", "anna2", "--role", "quality", "--same-as", "anna", "--no-code"];
        assert_eq!(site.run(&[&second[..], &["--password-stdin"]].concat(), WORD).code, 0);
        site.log_out();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("node/ledgerline.toml")
    }

    fn run(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command.args(arguments).env("LEDGERLINE_SESSION", self.path("session"));
        command.env("HOME", self.path("home"));
        if arguments[0] != "init" {
            command.arg("--config").arg(self.config());
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("runs");
        // Whoever reads nothing may be gone already.
        let _ = writeln!(child.stdin.take().expect("piped"), "{input}");
        let done = child.wait_with_output().expect("ends");
        Done {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    fn as_person(&self, name: &str, arguments: &[&str], input: &str) -> Done {
        assert_eq!(self.run(&["login", name, "--password-stdin"], WORD).code, 0, "{name}");
        let done = self.run(arguments, input);
        self.log_out();
        done
    }

    fn log_out(&self) {
        self.run(&["logout"], "");
    }

    /// The plan that the node follows: users ring for so long, under this header.
    fn write(&self, header: &str, seconds: u32) {
        let text = format!(
            "edition 2026\n{header}\nroute \"8XXX\" from users -> dial user {{callee}} for {seconds}s\n\
             route names from users -> dial user {{callee}} for {seconds}s\n"
        );
        fs::write(self.path("node/dialplans/hello.plan"), text).expect("written");
    }

    fn key(&self, name: &str) {
        let made = self.as_person(name, &["user", "key", name, "--passphrase-stdin"], PHRASE);
        assert_eq!(made.code, 0, "{name}: {}", made.err);
    }

    /// Lays the folder before others, as anna; the program's hash.
    fn propose(&self) -> String {
        let done = self.as_person("anna", &["plan", "propose", "--reason", "spring", "--json"], "");
        assert_eq!(done.code, 0, "{}", done.err);
        done.json()["program"].as_str().expect("a hash").to_string()
    }

    fn approve(&self, name: &str, program: &str) -> Done {
        self.as_person(name, &["plan", "approve", &program[..12], "--passphrase-stdin"], PHRASE)
    }

    fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        let mut child = command
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        for line in &mut lines {
            if line.expect("a line").contains("listening") {
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(child);
        self.await_that("the node answers", || self.run(&["status"], "").code != 3);
    }

    fn stop(&mut self) {
        let mut child = self.process.take().expect("runs");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
        assert!(child.wait().expect("ends").success());
    }

    fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// The first digits of the program that new calls follow.
    fn runs(&self) -> String {
        self.run(&["status", "--json"], "").json()["program"].as_str().expect("a hash").to_string()
    }

    fn await_that(&self, what: &str, holds: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn history(&self) -> Vec<String> {
        let lines = self.run(&["plan", "history", "--json"], "").json();
        let step = |line: &Value| {
            format!("{} {}", line["step"].as_str().expect("a word"), line["who"].as_str().expect("a name"))
        };
        lines.as_array().expect("a list").iter().map(step).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A reload is all or nothing, what was loaded is remembered with its text, and a way back holds over a restart.
#[test]
fn a_plan_is_loaded_gone_back_from_and_shown() {
    let mut site = Site::new("open");
    site.write("", 20);
    site.start();
    let first = site.runs();
    site.await_that("the start is in the history", || site.history() == ["started node"]);
    site.write("", 30);
    let done = site.run(&["plan", "reload", "--json"], "").json();
    let second = site.runs();
    assert!(first != second && done["program"].as_str().expect("a hash").starts_with(&second), "{done}");
    let change = done["change"].as_str().expect("words");
    assert!(change.contains("30") && change.ends_with("(hello.plan +2 -2)"), "{change}");
    assert_eq!(site.run(&["plan", "reload", "--json"], "").json()["unchanged"], true);
    // What has errors changes nothing and says where.
    fs::write(site.path("node/dialplans/hello.plan"), "edition 2026\nroute oops\n").expect("written");
    let failed = site.run(&["plan", "reload"], "");
    assert!(failed.code == 4 && failed.err.contains("hello.plan:2"), "{}", failed.err);
    assert_eq!((site.runs(), site.history().len()), (second.clone(), 2));
    // The texts of both are there, whatever the folder says.
    for (program, seconds) in [(&first, "20s"), (&second, "30s")] {
        let shown = site.run(&["plan", "show", program], "");
        assert!(shown.code == 0 && shown.out.contains(seconds), "{}{}", shown.out, shown.err);
    }
    let copy = site.path("copy");
    assert_eq!(site.run(&["plan", "show", &first, "-o", copy.to_str().expect("text")], "").code, 0);
    assert!(fs::read_to_string(copy.join("hello.plan")).expect("a file").contains("20s"));
    assert_eq!(site.run(&["plan", "rollback"], "").code, 0);
    assert_eq!(site.runs(), first);
    site.write("", 40);
    site.restart();
    assert_eq!(site.runs(), first, "a way back holds until somebody reloads");
    assert_eq!(site.run(&["plan", "reload"], "").code, 0);
    assert!(![&first, &second].contains(&&site.runs()));
    site.restart();
    assert!(![&first, &second].contains(&&site.runs()), "and then the folder counts again");
    let history = site.history();
    assert!(history[1].starts_with("rolled_back ") && history[0].starts_with("loaded "), "{history:?}");
    for wrong in [&["plan", "show", "00ff"][..], &["plan", "rollback", "00ff"]] {
        assert_eq!(site.run(wrong, "").code, 1, "{wrong:?}");
    }
}

/// A telephone system comes up after a power cut, with what ran before when the folder has errors, and says so.
#[test]
fn a_broken_folder_does_not_keep_an_open_node_down() {
    let mut site = Site::new("open");
    site.write("", 20);
    site.start();
    let ran = site.runs();
    site.await_that("the program is kept", || site.run(&["plan", "show", &ran], "").code == 0);
    fs::write(site.path("node/dialplans/hello.plan"), "edition 2026\nroute oops\n").expect("written");
    site.restart();
    assert_eq!(site.runs(), ran);
    let status = site.run(&["status"], "");
    assert!(status.code == 1 && status.out.contains("plan folder has errors"), "{}", status.out);
    site.write("", 25);
    assert_eq!(site.run(&["plan", "reload"], "").code, 0);
    assert!(!site.run(&["status"], "").out.contains("plan folder"));
}

/// SIGHUP, and the folder itself where it is watched.
#[test]
fn a_plan_is_reloaded_by_a_signal_and_by_its_folder() {
    let mut site = Site::new("open");
    site.write("", 20);
    site.start();
    let first = site.runs();
    site.write("", 30);
    let pid = rustix::process::Pid::from_child(site.process.as_ref().expect("runs"));
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("sent");
    site.await_that("the signal reloads", || site.runs() != first);
    let text = fs::read_to_string(site.config()).expect("text");
    fs::write(site.config(), text.replace("[plan]", "[plan]\nwatch_s = 1")).expect("written");
    site.restart();
    let second = site.runs();
    site.write("", 40);
    site.await_that("the folder reloads", || site.runs() != second);
    let by_folder = site.run(&["plan", "history", "--json"], "").json()[0]["from"].clone();
    assert_eq!(by_folder, "plan folder");
}

const HEADER: &str = "module hello owner ops approve by 合规 x1, author-not-approver";

/// M3, F5, DUAL-01: nothing runs in production that others have not approved, each of them in person, on exactly this text.
#[test]
fn production_runs_what_others_approved_and_nothing_else() {
    let mut site = Site::new("production");
    site.write(HEADER, 20);
    for name in ["anna", "anna2", "zhao", "wang", "li"] {
        site.key(name);
    }
    let refused = site.run(&["serve"], "");
    assert!(refused.code != 0 && refused.err.contains("plan propose"), "{}", refused.err);
    assert_eq!(site.run(&["plan", "propose"], "").code, 4, "nobody in person");
    let first = site.propose();
    for (name, why) in [
        ("anna", "by no account"),
        ("anna2", "by no account"),
        ("wang", "give no vote"),
        ("li", "may not do this"),
    ] {
        let done = site.approve(name, &first);
        assert!(done.code == 4 && done.err.contains(why), "{name}: {}", done.err);
    }
    let early = site.run(&["serve"], "");
    assert!(
        early.code != 0 && early.err.contains("1 approval(s) missing of 合规 x1 (quality)"),
        "{}",
        early.err
    );
    assert_eq!(site.approve("zhao", &first).code, 0);
    site.start();
    assert!(first.starts_with(&site.runs()));
    // Somebody edits the folder: nothing of it runs, not even after a restart.
    site.write(HEADER, 30);
    let edited = site.run(&["plan", "reload"], "");
    assert!(edited.code == 4 && edited.err.contains("nobody has proposed it"), "{}", edited.err);
    site.restart();
    assert!(first.starts_with(&site.runs()));
    // What was approved is not what lies there any more; by its hash it can be loaded all the same.
    let second = site.propose();
    assert_eq!(site.approve("zhao", &second).code, 0);
    site.write(HEADER, 35);
    let changed = site.run(&["plan", "reload"], "");
    assert!(changed.code == 4 && changed.err.contains("the plan was changed since"), "{}", changed.err);
    let loaded = site.run(&["plan", "reload", &second, "--json"], "").json();
    assert_eq!(loaded["approved_by"][0], "zhao", "{loaded}");
    assert!(second.starts_with(&site.runs()));
    // The way back needs nobody: it was approved. A way to what never ran is none.
    assert_eq!(site.run(&["plan", "rollback"], "").code, 0);
    assert!(first.starts_with(&site.runs()));
    let third = site.propose();
    assert_eq!(site.run(&["plan", "rollback", &third], "").code, 4);
    site.restart();
    assert!(first.starts_with(&site.runs()));
    // AUD-01: who changed and approved what.
    for (act, count) in [("plan.propose", 4), ("approve.sign", 6), ("plan.reload", 3), ("plan.rollback", 2)] {
        let book = site.as_person("li", &["audit", "list", "--json", "--act", act], "").json();
        let told = book.as_array().expect("a list").iter().filter(|entry| entry["result"] != "begun").count();
        assert_eq!(told, count, "{act}: {book:#}");
    }
    let history = site.history();
    assert_eq!(history.iter().filter(|line| *line == "proposed anna").count(), 3, "{history:?}");
}

/// An emergency plan takes a second person to be switched on and none to be switched off; it stays on over a restart, in the core
/// and not only in the book, and nobody overlooks that it is.
#[test]
fn an_emergency_plan_is_switched_on_by_two_people_and_stays_on() {
    let mut site = Site::new("open");
    site.key("zhao");
    site.write("emergency flood { route \"8001\" from users -> dial user crisis for 60s }", 20);
    site.start();
    let on = ["plan", "emergency", "on", "flood", "--reason", "the river"];
    let is_on = |site: &Site| site.run(&["status", "--json"], "").json()["emergency"].clone();
    // A name that is not in the plan; nobody in particular; then somebody, who is not enough.
    let unknown = site.as_person("anna", &["plan", "emergency", "on", "fire", "--reason", "x"], "");
    assert!(unknown.code == 1 && unknown.err.contains("it has: flood"), "{} {}", unknown.code, unknown.err);
    assert_eq!(site.run(&on, "").code, 4);
    let laid = site.as_person("anna", &on, "");
    assert!(laid.code == 4 && laid.err.contains("laid before others"), "{} {}", laid.code, laid.err);
    assert_eq!((site.as_person("anna", &on, "").code, is_on(&site)), (4, Value::Null), "still alone");
    let motions = site.as_person("zhao", &["approve", "list", "--json"], "").json();
    let motion = motions[0]["id"].as_str().expect("an id").to_string();
    let text = motions[0]["text"].as_str().expect("a text").to_string();
    assert!(text.contains("switch on the emergency plan flood") && text.contains("route \"8001\""), "{text}");
    let sign = ["approve", "sign", &motion, "--passphrase-stdin"];
    let signed = site.as_person("zhao", &sign, PHRASE);
    assert_eq!(signed.code, 0, "{}", signed.err);
    let shown = site.as_person("zhao", &["approve", "show", &motion], "").out;
    assert!(shown.contains("anna, anna2 (p-") && shown.contains("zhao (p-"), "{shown}");
    // Other words are another motion.
    let mut other = on;
    other[5] = "the weather";
    assert_eq!((site.as_person("anna", &other, "").code, is_on(&site)), (4, Value::Null));
    let done = site.as_person("anna", &on, "");
    assert_eq!((done.code, is_on(&site)), (0, Value::from("flood")), "{}", done.err);
    assert!(site.run(&["status"], "").out.contains("emergency plan flood is ON"));
    assert!(site.run(&["status"], "").out.contains("the emergency plan flood is on since"), "an alarm");
    site.restart();
    assert_eq!(is_on(&site), Value::from("flood"));
    let listed = site.run(&["plan", "emergency", "list", "--json"], "").json();
    assert_eq!((&listed[0]["name"], &listed[0]["on"]["reason"]), (&"flood".into(), &"the river".into()));
    // A program without it says so instead of forgetting it.
    site.write("", 20);
    assert_eq!(site.run(&["plan", "reload"], "").code, 0);
    assert!(site.run(&["status"], "").out.contains("the program that runs does not have it"));
    assert_eq!(site.as_person("anna", &["plan", "emergency", "off"], "").code, 0);
    assert_eq!(is_on(&site), Value::Null);
    site.restart();
    assert_eq!(is_on(&site), Value::Null);
    assert_eq!(site.as_person("anna", &["plan", "emergency", "off"], "").code, 1, "nothing is on");
    let book = site.run(&["audit", "list", "--json"], "").out;
    assert!(book.contains("emergency.on") && book.contains("emergency.off"), "{book}");
}

/// A signature counts for its day, under a key in force, by whom the header names.
#[test]
fn an_approval_that_is_late_or_under_a_lost_key_is_none() {
    let mut site = Site::new("production");
    site.write(HEADER, 20);
    site.key("zhao");
    let first = site.propose();
    assert_eq!(site.approve("zhao", &first).code, 0);
    site.start();
    // The key is lost after it signed, and before the plan is loaded.
    site.write(HEADER, 30);
    let second = site.propose();
    assert_eq!(site.approve("zhao", &second).code, 0);
    assert_eq!(site.as_person("anna", &["user", "key", "zhao", "--revoke"], "").code, 4, "not her key");
    assert_eq!(site.as_person("wang", &["user", "key", "zhao", "--revoke"], "").code, 0);
    let lost = site.run(&["plan", "reload"], "");
    assert!(lost.code == 4 && lost.err.contains("not in force"), "{}", lost.err);
    let none = site.approve("zhao", &second);
    assert!(none.code == 4, "{}", none.err);
    // Whoever approved is not with the house any more when the plan is loaded.
    fs::remove_file(site.path("home/.config/ledgerline/zhao.key")).expect("the lost key is gone");
    site.key("zhao");
    site.write(HEADER, 32);
    let third = site.propose();
    assert_eq!(site.approve("zhao", &third).code, 0);
    assert_eq!(site.as_person("wang", &["person", "disable", "zhao"], "").code, 0);
    let gone = site.run(&["plan", "reload"], "");
    assert!(gone.code == 4 && gone.err.contains("not in force"), "{}", gone.err);
    assert_eq!(site.as_person("wang", &["person", "enable", "zhao"], "").code, 0);
    // The same role means other people meanwhile.
    site.write(HEADER, 34);
    let fourth = site.propose();
    assert_eq!(site.approve("zhao", &fourth).code, 0);
    let text = fs::read_to_string(site.config()).expect("text");
    fs::write(site.config(), text.replace("\"合规\" = \"quality\"", "\"合规\" = \"audit\""))
        .expect("written");
    site.restart();
    let other = site.run(&["plan", "reload"], "");
    assert!(other.code == 4 && other.err.contains("is not what it was"), "{}", other.err);
    fs::write(site.config(), text).expect("written");
    site.restart();
    // A proposal of yesterday: it is voted on no more, and loads nothing.
    site.write(HEADER, 40);
    let third = site.propose();
    let yesterday = Wall::from_micros(now_us() - 25 * 3_600 * 1_000_000);
    site.write(HEADER, 50);
    let old =
        site.run(&["plan", "check", "--json"], "").json()[0]["program"].as_str().expect("a hash").to_string();
    let keys = Arc::new(load_keys(&site.path("node/keys")).expect("keys"));
    let need = Need { title: "合规".into(), roles: vec![Role::Quality], count: 1 };
    Motions::new(&site.path("node/store"), keys)
        .propose_to(
            Weighty::Plan,
            &format!("load the plan program {old}\n"),
            vec![need],
            PersonId::from_bytes([9; 16]),
            yesterday,
        )
        .expect("proposed");
    let late = site.run(&["plan", "reload"], "");
    assert!(late.code == 4 && late.err.contains("the day in which"), "{}", late.err);
    assert_ne!(old, third);
    // A role that nobody here has.
    site.write("module hello owner ops approve by 宇航员 x1", 20);
    let unknown = site.as_person("anna", &["plan", "propose"], "");
    assert!(unknown.code == 4 && unknown.err.contains("宇航员"), "{}", unknown.err);
    assert!(first.starts_with(&site.runs()));
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("fits")
}
