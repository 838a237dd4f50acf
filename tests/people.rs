//! People at the command line of the binary: who may what, who hears what, and what leaves the house only when two agree.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ledgerline::base::{CallId, LegId, Masked, Random, RecordingId, Secret, Wall};
use ledgerline::io::store::{Options, Store};
use ledgerline::vault::{
    Batch, Closing, Event, Frame, Opening, Order, Party, Recipient, TapItem, open_envelope,
};
use serde_json::Value;

const WORD: &str = "correct-horse-7";
const PHRASE: &str = "four plain words here";

/// A node that does not run: its commands work beside it.
struct Office {
    folder: tempfile::TempDir,
    recordings: Vec<RecordingId>,
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Office {
    /// A node with two recordings, anna (quality), wang (security) and zhao (supervisor).
    fn new() -> Office {
        let folder = tempfile::tempdir().expect("a folder");
        let mut office = Office { folder, recordings: Vec::new() };
        let node = office.path("node");
        let made = office.run(&["init", node.to_str().expect("text"), "--json"], "");
        let made: Value = serde_json::from_str(&made.out).expect("JSON");
        office.recordings = record(&node);
        let admin = made["password"].as_str().expect("told once");
        assert_eq!(office.run(&["login", "admin", "--password-stdin"], admin).code, 0);
        for (name, role) in [("anna", "quality"), ("wang", "security"), ("zhao", "supervisor")] {
            let add = ["person", "add", name, "--role", role, "--no-code", "--password-stdin"];
            assert_eq!(office.run(&add, WORD).code, 0, "{name}");
        }
        let second = ["person", "add", "anna2", "--role", "supervisor", "--same-as", "anna", "--no-code"];
        assert_eq!(office.run(&[&second[..], &["--password-stdin"]].concat(), WORD).code, 0);
        office.run(&["logout"], "");
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command
            .args(arguments)
            .env("LEDGERLINE_SESSION", self.path("session"))
            .env("HOME", self.path("home"));
        if arguments[0] != "init" && arguments[0] != "verify" {
            command.arg("--config").arg(self.path("node/ledgerline.toml"));
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

    fn log_in(&self, name: &str) {
        let done = self.run(&["login", name, "--password-stdin"], WORD);
        assert_eq!(done.code, 0, "{name}: {}", done.err);
    }

    fn exports(&self, to: &Path, more: &[&str]) -> Done {
        let id = self.recordings[0].to_string();
        let order = [
            "rec",
            "export",
            &id,
            "-o",
            to.to_str().expect("text"),
            "--case",
            "C-7",
            "--purpose",
            "order 12",
        ];
        self.run(&[&order[..], more].concat(), "")
    }

    fn motion(&self) -> String {
        let listed = self.run(&["approve", "list", "--json"], "");
        let listed: Value = serde_json::from_str(&listed.out).unwrap_or_else(|_| panic!("{}", listed.err));
        listed[0]["id"].as_str().expect("a motion").to_string()
    }

    fn verify(&self, package: &Path) -> Done {
        let key = self.path("node/store/ledger/ledger.pub");
        let [package, key] = [package, &key].map(|path| path.to_str().expect("text"));
        self.run(&["verify", package, "--key", key], "")
    }
}

/// Two recordings of half a second, the first with a gap that was meant.
fn record(node: &Path) -> Vec<RecordingId> {
    let options = Options { keys: Some(node.join("keys")), ..Options::default() };
    let store = Store::open(&node.join("store"), &options, |_| {}).expect("opens");
    let mut random = Random::from_number(1);
    let ids = (0..2).map(|n| {
        let at = Wall::from_micros(1_795_337_972_120_000 + n * 1_000_000);
        let (recording, call) = (RecordingId::new(at, &mut random), CallId::new(at, &mut random));
        let facts = Opening {
            caller: Masked::new("13812345678"),
            dialled: Masked::new("8000"),
            ..Opening::default()
        };
        store.order(Order::Open { recording, call, at, facts: Box::new(facts) }).expect("taken");
        store.settle();
        let mut batch = Batch::new(recording);
        for ms in (0..500_u64).step_by(20) {
            let frame = Frame {
                track: 0,
                arrival_us: (ms + 20) * 1_000,
                payload_type: 8,
                marker: false,
                sequence: (ms / 20) as u16,
                timestamp: (ms * 8) as u32,
                payload: &[0x2a; 160],
            };
            batch.push(frame).expect("room");
        }
        store.tap().try_send(TapItem::Batch(batch)).expect("room");
        for (offset_us, event) in
            [(100_000, Event::GapStart { reason: "secret".into() }), (200_000, Event::GapEnd)]
        {
            store.order(Order::Event { recording, offset_us, event }).expect("taken");
        }
        store.tap().try_send(TapItem::Ended { recording }).expect("never refused");
        let parties = vec![Party { leg: LegId(1), who: Masked::new("8002"), name: Masked::new("Bob") }];
        let facts = Box::new(Closing { parties, ..Closing::default() });
        store
            .order(Order::Close { recording, at: Wall::from_micros(at.as_micros() + 1), facts })
            .expect("taken");
        store.settle();
        recording
    });
    let ids = ids.collect();
    store.close();
    ids
}

/// DUAL-03, DUAL-05, PII-04, SRCH-03: root finds, masked, and hears nothing; a person hears with presence and a purpose;
/// unmasking is an act of its own.
#[test]
fn root_hears_nothing_and_people_say_what_for() {
    let office = Office::new();
    let id = office.recordings[0].to_string();
    let wav = office.path("a.wav");
    let play = ["rec", "play", &id, "-o", wav.to_str().expect("text"), "--purpose", "case 7"];
    let found = office.run(&["rec", "search", "+86 138 1234 5678"], "");
    assert!(found.out.contains("138****5678") && !found.out.contains("13812345678"), "{}", found.out);
    assert_eq!(office.run(&play, "").code, 4);
    assert_eq!(office.run(&["rec", "reveal", &id, "--purpose", "case 7"], "").code, 4);
    assert_eq!(office.run(&["person", "add", "eve", "--role", "listener"], "").code, 4);
    assert!(!wav.exists(), "a refusal leaves nothing behind");
    office.log_in("anna");
    assert_eq!(office.run(&play[..5], "").code, 2, "no purpose");
    assert_eq!(office.run(&play, "").code, 0);
    assert!(!office.run(&["rec", "show", &id], "").out.contains("13812345678"));
    assert!(office.run(&["rec", "reveal", &id, "--purpose", "case 7"], "").out.contains("13812345678"));
    assert_eq!(office.run(&["user", "list"], "").code, 4, "who hears does not run the machine");
    office.run(&["logout"], "");
    // AUD-01: refusals and the person are in the book, with the purpose.
    let book = office.run(&["audit", "list", "--json", "--act", "rec.play"], "");
    let book: Value = serde_json::from_str(&book.out).expect("JSON");
    let told: Vec<_> =
        book.as_array().expect("a list").iter().filter(|entry| entry["result"] != "begun").collect();
    assert_eq!(told.len(), 3, "{book:#}");
    assert_eq!((&told[0]["who"]["person"], &told[0]["reason"]), (&"anna".into(), &"case 7".into()));
    assert_eq!((&told[2]["result"], &told[2]["who"]["person"]), (&"refused".into(), &Value::Null));
    let why = told[2]["detail"]["why"].as_str().expect("the rule, in the open");
    assert!(why.contains("listener"), "{why}");
}

/// DUAL-07: guessing locks the account; there is no default password.
#[test]
fn guessing_locks() {
    let office = Office::new();
    for _ in 0..5 {
        assert_eq!(office.run(&["login", "anna", "--password-stdin"], "admin").code, 4);
    }
    let locked = office.run(&["login", "anna", "--password-stdin"], WORD);
    assert!(locked.code == 4 && locked.err.contains("locked"), "{}", locked.err);
}

/// DUAL-01, DUAL-04, EXP-01, EXP-03: a package needs another human being's signature on exactly what it holds, and any
/// edit of it shows on another machine.
#[test]
fn a_package_takes_two_people_and_shows_every_edit() {
    let office = Office::new();
    let package = office.path("package");
    office.log_in("anna");
    let refused = office.exports(&package, &[]);
    assert!(refused.code == 4 && refused.err.contains("approve sign"), "{}", refused.err);
    let motion = office.motion();
    let key = |name: &str| {
        office.log_in(name);
        let made = office.run(&["user", "key", name, "--passphrase-stdin"], PHRASE);
        assert_eq!(made.code, 0, "{name}: {}", made.err);
    };
    let sign = |name: &str| {
        key(name);
        office.run(&["approve", "sign", &motion, "--passphrase-stdin"], PHRASE)
    };
    assert!(sign("anna").err.contains("by no account"), "the author");
    assert!(sign("anna2").err.contains("by no account"), "the author by another account");
    let signed = sign("wang");
    assert_eq!(signed.code, 0, "{}", signed.err);
    office.log_in("anna");
    assert_eq!(office.exports(&package, &["--flac"]).code, 4, "something else than what was approved");
    let made = office.exports(&package, &[]);
    assert_eq!(made.code, 0, "{}", made.err);
    // Taken up again, nothing is done twice.
    assert_eq!(office.exports(&package, &[]).code, 0);
    let checked = office.verify(&package);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let item = std::fs::read_to_string(package.join("items.jsonl")).expect("items");
    assert_eq!(item.lines().count(), 1);
    let item: Value = serde_json::from_str(&item).expect("JSON");
    assert_eq!((&item["gaps"][0]["reason"], &item["gaps"][0]["to"]), (&"secret".into(), &0.2.into()));
    for name in
        ["manifest.json", "items.jsonl", "index.csv", item["files"][0]["file"].as_str().expect("a file")]
    {
        let path = package.join(name);
        let whole = std::fs::read(&path).expect("octets");
        let mut other = whole.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        std::fs::write(&path, other).expect("written");
        assert_eq!(office.verify(&package).code, 1, "{name}");
        std::fs::write(&path, whole).expect("written");
    }
    std::fs::write(package.join("audio/extra.wav"), "x").expect("written");
    assert_eq!(office.verify(&package).code, 1, "what nobody named");
}

/// EXP-02: sealed to the recipient, nothing personal lies in the package in clear.
#[test]
fn a_package_for_a_recipient_opens_with_their_key_only() {
    let office = Office::new();
    let (package, file) = (office.path("package"), office.path("regulator.key"));
    let private = Secret::new([7; 32]);
    std::fs::write(&file, ledgerline::vault::hex(&Recipient::of(&private).to_bytes())).expect("written");
    let recipient = ["--recipient", file.to_str().expect("text"), "--flac"];
    office.log_in("anna");
    assert_eq!(office.exports(&package, &recipient).code, 4);
    let motion = office.motion();
    office.log_in("zhao");
    office.run(&["user", "key", "zhao", "--passphrase-stdin"], PHRASE);
    assert_eq!(office.run(&["approve", "sign", &motion, "--passphrase-stdin"], PHRASE).code, 0);
    office.log_in("anna");
    let made = office.exports(&package, &recipient);
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(office.verify(&package).code, 0);
    let id = office.recordings[0];
    let sealed = std::fs::read_to_string(package.join(format!("vcon/{id}.json.jwe"))).expect("sealed");
    let vcon: Value =
        serde_json::from_slice(&open_envelope(&sealed, &private).expect("opens")).expect("JSON");
    assert_eq!(vcon["parties"][0]["tel"], "13812345678");
    let audio = std::fs::read_to_string(package.join(format!("audio/{id}.flac.jwe"))).expect("sealed");
    assert!(open_envelope(&audio, &private).expect("opens").starts_with(b"fLaC"));
    assert_eq!(open_envelope(&audio, &Secret::new([8; 32])), None);
    for name in ["items.jsonl", "index.csv", "manifest.json"] {
        let text = std::fs::read_to_string(package.join(name)).expect("text");
        assert!(!text.contains("13812345678"), "{name}");
    }
}

/// DUAL-06: the account for emergencies opens at once, raises an alarm, and waits for an audit administrator's review.
#[test]
fn broken_glass_is_reviewed() {
    let folder = tempfile::tempdir().expect("a folder");
    let office = Office { folder, recordings: Vec::new() };
    let made = office.run(&["init", office.path("node").to_str().expect("text"), "--json"], "");
    let made: Value = serde_json::from_str(&made.out).expect("JSON");
    let word = |name: &str| made[name].as_str().expect("told once").to_string();
    office.run(&["login", "admin", "--password-stdin"], &word("password"));
    let add = ["person", "add", "sun", "--role", "audit", "--no-code", "--password-stdin"];
    assert_eq!(office.run(&add, WORD).code, 0);
    let opened = office.run(&["login", "break-glass", "--password-stdin"], &word("break_glass_password"));
    assert_eq!(opened.code, 0, "{}", opened.err);
    office.log_in("sun");
    assert!(office.run(&["person", "list"], "").out.contains("OPENED"));
    assert_eq!(office.run(&["audit", "list"], "").code, 0);
    let motion = office.motion();
    office.run(&["user", "key", "sun", "--passphrase-stdin"], PHRASE);
    let signed = office.run(&["approve", "sign", &motion, "--passphrase-stdin"], PHRASE);
    assert_eq!(signed.code, 0, "{}", signed.err);
    assert!(!office.run(&["person", "list"], "").out.contains("OPENED"));
    office.run(&["logout"], "");
    assert_eq!(office.run(&["audit", "list"], "").code, 4, "there is an audit administrator now");
}
