//! People at the command line of the binary: who may what, who hears what, and what leaves the house only when two agree.

mod packages;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ledgerline::base::{CallId, LegId, Masked, Random, RecordingId, Wall};
use ledgerline::call::{Line, Transcript};
use ledgerline::compliance::disclosure;
use ledgerline::io::store::{Making, Options, Store};
use ledgerline::vault::{
    Batch, Certificate, Closing, Event, Frame, LedgerPublic, Opening, Order, Party, Retention, TapItem,
};
use serde_json::{Value, json};

const WORD: &str = "correct-horse-7";
/// The recording whose plan said who may hear it, and what unmasking takes.
const MUCH_IS_ASKED_OF: i64 = 1;
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
    /// A node with two recordings, anna (quality), wang (security), zhao (supervisor) and li (system).
    fn new() -> Office {
        Office::of("intl", 2)
    }

    /// The same with a store of `suite` and so many recordings.
    fn of(suite: &str, recordings: i64) -> Office {
        let folder = tempfile::tempdir().expect("a folder");
        let mut office = Office { folder, recordings: Vec::new() };
        let node = office.path("node");
        let made = office.run(&["init", node.to_str().expect("text"), "--suite", suite, "--json"], "");
        let made: Value = serde_json::from_str(&made.out).expect("JSON");
        office.recordings = record(&node, recordings);
        let admin = made["password"].as_str().expect("told once");
        assert_eq!(office.run(&["login", "admin", "--password-stdin"], admin).code, 0);
        for (name, role) in
            [("anna", "quality"), ("wang", "security"), ("zhao", "supervisor"), ("li", "system")]
        {
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command
            .args(arguments)
            .env("LEDGERLINE_SESSION", self.path("session"))
            .env("HOME", self.path("home"));
        if arguments[0] != "init" && arguments[0] != "verify" {
            command.arg("--config").arg(self.path("node/ledgerline.toml"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(arguments);
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

    /// Has anna ask for an export and zhao agree.
    fn approves(&self, to: &Path, more: &[&str]) {
        self.log_in("anna");
        assert_eq!(self.exports(to, more).code, 4);
        let motion = self.motion();
        self.log_in("zhao");
        // The key that zhao has may be from before.
        self.run(&["user", "key", "zhao", "--passphrase-stdin"], PHRASE);
        assert_eq!(self.run(&["approve", "sign", &motion, "--passphrase-stdin"], PHRASE).code, 0);
        self.log_in("anna");
    }

    /// An export by anna that zhao has agreed to.
    fn approved_export(&self, to: &Path, more: &[&str]) {
        self.approves(to, more);
        let made = self.exports(to, more);
        assert_eq!(made.code, 0, "{}", made.err);
    }

    fn motion(&self) -> String {
        let listed = self.run(&["approve", "list", "--json"], "");
        let listed: Value = serde_json::from_str(&listed.out).unwrap_or_else(|_| panic!("{}", listed.err));
        listed[0]["id"].as_str().expect("a motion").to_string()
    }

    /// Has `name` register a key and sign `motion`.
    fn sign(&self, name: &str, motion: &str) -> Done {
        self.log_in(name);
        let made = self.run(&["user", "key", name, "--passphrase-stdin"], PHRASE);
        assert_eq!(made.code, 0, "{name}: {}", made.err);
        self.run(&["approve", "sign", motion, "--passphrase-stdin"], PHRASE)
    }

    fn verify(&self, package: &Path) -> Done {
        let key = self.path("node/store/ledger/ledger.pub");
        let [package, key] = [package, &key].map(|path| path.to_str().expect("text"));
        self.run(&["verify", package, "--key", key], "")
    }
}

/// Recordings of half a second, one a second and a day, the first today: each with a gap that was meant, and a class that keeps
/// for ten days.
fn record(node: &Path, count: i64) -> Vec<RecordingId> {
    let options = Options { keys: Some(node.join("keys")), ..Options::default() };
    let store = Store::open(&node.join("store"), &options, |_| {}).expect("opens");
    let mut random = Random::from_number(1);
    let ids = (0..count).map(|n| {
        let at = Wall::from_micros(1_795_337_972_120_000 + n * 1_000_000 - n % 30 * 86_400_000_000);
        let (recording, call) = (RecordingId::new(at, &mut random), CallId::new(at, &mut random));
        let facts = Opening {
            caller: Masked::new("13812345678"),
            dialled: Masked::new("8000"),
            retention: Some(Retention {
                class: "普通".into(),
                anchor: "call end".into(),
                min_seconds: Some(10 * 86_400),
                max_seconds: None,
            }),
            ..Opening::default()
        };
        store.order(Order::Open { recording, call, at, facts: Box::new(facts) }).expect("taken");
        if count < 10 {
            store.settle();
        }
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
        let demands = json!([
            { "to": "play", "role": "合规听音" }, { "to": "reveal", "second": true, "limit": 2 },
        ]);
        let demanding = (n == MUCH_IS_ASKED_OF)
            .then_some((50_000, Event::Other { name: disclosure::EVENT.into(), value: demands }));
        for (offset_us, event) in demanding
            .into_iter()
            .chain([(100_000, Event::GapStart { reason: "secret".into() }), (200_000, Event::GapEnd)])
        {
            store.order(Order::Event { recording, offset_us, event }).expect("taken");
        }
        store.tap().try_send(TapItem::Ended { recording }).expect("never refused");
        let parties = vec![Party { leg: LegId(1), who: Masked::new("8002"), name: Masked::new("Bob") }];
        let facts = Box::new(Closing { parties, ..Closing::default() });
        store
            .order(Order::Close { recording, at: Wall::from_micros(at.as_micros() + 1), facts })
            .expect("taken");
        if count < 10 || n % 50 == 49 {
            store.settle();
        }
        recording
    });
    let ids: Vec<RecordingId> = ids.collect();
    if count < 10 {
        store.settle();
        transcribe(&store, ids[0]);
    }
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

/// What the plan of a call says of hearing and unmasking holds for its recording: a role, a second person, so often a day.
#[test]
fn a_recording_is_disclosed_as_its_plan_has_it() {
    let office = Office::new();
    let id = office.recordings[MUCH_IS_ASKED_OF as usize].to_string();
    let wav = office.path("a.wav");
    let play = ["rec", "play", &id, "-o", wav.to_str().expect("text"), "--purpose", "case 7"];
    let reveal = ["rec", "reveal", &id, "--purpose", "case 7"];
    office.log_in("anna");
    let refused = office.run(&play, "");
    assert!(refused.code == 4 && refused.err.contains("[plan.roles]"), "a role of nobody: {}", refused.err);
    let config = office.path("node/ledgerline.toml");
    let text = std::fs::read_to_string(&config).expect("there");
    std::fs::write(&config, text + "\n[plan.roles]\n\"合规听音\" = \"supervisor\"\n").expect("written");
    let refused = office.run(&play, "");
    assert!(refused.code == 4 && refused.err.contains("supervisor"), "{}", refused.err);
    let refused = office.run(&reveal, "");
    assert!(refused.code == 4 && refused.err.contains("approve sign"), "{}", refused.err);
    let motion = office.motion();
    assert!(office.sign("anna", &motion).err.contains("by no account"), "the author");
    assert_eq!(office.sign("wang", &motion).code, 0);
    office.log_in("anna");
    for (purpose, code) in [("case 8", 4), ("case 7", 0), ("case 7", 0), ("case 7", 4)] {
        let done = office.run(&["rec", "reveal", &id, "--purpose", purpose], "");
        assert_eq!(done.code, code, "{purpose}: twice a day, for what was approved: {}", done.err);
    }
    office.log_in("zhao");
    assert_eq!(office.run(&play, "").code, 0, "a supervisor");
}

/// What was said in a recorded call, beside its recording.
fn transcribe(store: &Store, recording: RecordingId) {
    let line = |agent, from_ms, text: &str| Line { agent, from_ms, to_ms: from_ms + 900, text: text.into() };
    let transcript = Transcript {
        recording,
        call: CallId::from_bytes([7; 16]),
        began: Wall::from_micros(1_795_337_972_120_000),
        lines: vec![line(true, 0, "请注意投资有风险"), line(false, 1_000, "我还不上了，电话13912345678")],
        words: Vec::new(),
        findings: Vec::new(),
        cut: false,
    };
    let making = Making { kind: ledgerline::call::TRANSCRIPT, media_type: "application/json", by: "a test" };
    let octets = serde_json::to_vec(&transcript).expect("plain");
    store.append_derived(recording, &making, &octets).expect("kept");
}

/// A transcript is read, masked, by who may hear the recording, and found by what was said in it; in clear by who may unmask.
#[test]
fn a_transcript_is_read_and_searched_by_who_may_hear() {
    let office = Office::new();
    let id = office.recordings[0].to_string();
    let show = ["rec", "transcript", &id, "--purpose", "case 7"];
    let said = ["rec", "search", "--said", "还部上", "--purpose", "case 7", "--json"];
    for refused in [&show[..], &said] {
        let done = office.run(refused, "");
        assert!(done.code == 4 && !done.out.contains("还不上"), "root reads nothing: {}", done.out);
    }
    office.log_in("anna");
    assert_eq!(office.run(&show[..3], "").code, 2, "no purpose");
    let done = office.run(&show, "");
    assert!(done.out.contains("customer  我还不上了，电话139****5678"), "{}{}", done.out, done.err);
    let clear = office.run(&[&show[..], &["--reveal"]].concat(), "");
    assert!(clear.out.contains("13912345678"), "{}{}", clear.out, clear.err);
    let found: Value = serde_json::from_str(&office.run(&said, "").out).expect("JSON");
    assert_eq!((found.as_array().map(Vec::len), &found[0]["recording"]), (Some(1), &json!(id)));
    assert_eq!(
        found[0]["said"],
        json!([{ "agent": false, "from_ms": 1_000, "to_ms": 1_900 }]),
        "where, not what"
    );
    let none = office.run(&["rec", "search", "--said", "保本保息", "--purpose", "case 7", "--json"], "");
    assert_eq!(none.out.trim(), "[]");
    let other = office.run(&["rec", "transcript", &office.recordings[1].to_string(), "--purpose", "x"], "");
    assert!(other.code != 0 && !other.out.contains("还不上"));
    let none = office.run(&["rec", "review"], "");
    assert_eq!(none.code, 0, "no findings: {}{}", none.out, none.err);
    office.run(&["logout"], "");
    let book = office.run(&["audit", "list", "--json", "--act", "rec.transcript"], "").out;
    assert!(book.contains("case 7") && book.contains("anna") && !book.contains("还不上"), "{book}");
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

/// DES-01, DES-02, DES-05, DUAL-04: a destruction at the command line, from the proposal to the certificate. It takes two others, is
/// done to the letter, and leaves a tombstone that verifies.
#[test]
fn a_destruction_takes_three_people_and_leaves_a_certificate() {
    let office = Office::of("gm", 9);
    // Nothing is past ten days but what began that long ago.
    let aged = record_aged(&office.path("node"), 400);
    office.log_in("wang");
    let order = [
        "--org",
        "××医院",
        "--counterparty",
        "××外包",
        "--basis",
        "合同终止",
        "--basis-at",
        "2026-11-21T00:00:00Z",
    ];
    let propose = |id: RecordingId| {
        let id = id.to_string();
        office
            .run(&[&["rec", "destroy", "propose"], &order[..], &["--recording", &id, "--json"]].concat(), "")
    };
    let young = propose(office.recordings[0]);
    assert!(
        young.code != 0 && young.err.contains("nothing of it may be destroyed"),
        "{}{}",
        young.out,
        young.err
    );
    let laid = propose(aged);
    assert_eq!(laid.code, 0, "{}", laid.err);
    let laid: Value = serde_json::from_str(&laid.out).expect("JSON");
    let motion = laid["motion"].as_str().expect("a motion").to_string();
    assert!(laid["text"].as_str().expect("words").contains(&aged.to_string()));
    let run = |office: &Office| office.run(&["rec", "destroy", "run", &motion, "--json"], "");
    assert_eq!(run(&office).code, 4, "nobody agreed");
    assert_eq!(office.sign("zhao", &motion).code, 0);
    office.log_in("wang");
    assert_eq!(run(&office).code, 4, "one is not two");
    assert_eq!(office.sign("anna", &motion).code, 0);
    office.log_in("wang");
    let done = run(&office);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(run(&office).code, 4, "once");
    let done: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(done["destroyed"], 1);
    let page = PathBuf::from(done["certificate"].as_str().expect("a path"));
    assert!(std::fs::read(&page).expect("a page").starts_with(b"%PDF"));
    let json = std::fs::read_to_string(page.with_extension("json")).expect("text");
    let public = std::fs::read_to_string(office.path("node/store/ledger/ledger.pub")).expect("text");
    let public = LedgerPublic::parse(&public).expect("a point");
    let certificate = Certificate::verify(&json, &public).expect("its signature holds");
    assert_eq!((certificate.scope.recordings, certificate.approved_by.len()), (1, 2));
    assert!(certificate.scope.tombstone_root.starts_with("sm3:") && certificate.sig[0].starts_with("sm2:"));
    assert!(Certificate::verify(&json.replace("××医院", "××诊所"), &public).is_none());
    assert!(!json.contains("13812345678"), "a certificate holds no personal data");
    office.log_in("anna");
    let id = aged.to_string();
    let wav = office.path("gone.wav");
    let play = ["rec", "play", &id, "-o", wav.to_str().expect("text"), "--purpose", "case 7"];
    assert_ne!(office.run(&play, "").code, 0);
    let verified = office.run(&["rec", "verify"], "");
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("destroyed"), "{}", verified.out);
    let copy = office.run(
        &[
            "verify",
            office.path("node/store").to_str().expect("text"),
            "--key",
            office.path("node/store/ledger/ledger.pub").to_str().expect("text"),
        ],
        "",
    );
    assert_eq!(copy.code, 0, "{}{}", copy.out, copy.err);
}

/// A recording that began so many days ago.
fn record_aged(node: &Path, days: i64) -> RecordingId {
    let options = Options { keys: Some(node.join("keys")), ..Options::default() };
    let store = Store::open(&node.join("store"), &options, |_| {}).expect("opens");
    let mut random = Random::from_number(9);
    let at = Wall::from_micros(1_795_337_972_120_000 - days * 86_400_000_000);
    let (recording, call) = (RecordingId::new(at, &mut random), CallId::new(at, &mut random));
    let class = Retention {
        class: "普通".into(),
        anchor: "call end".into(),
        min_seconds: Some(10 * 86_400),
        max_seconds: None,
    };
    let facts = Opening { caller: Masked::new("13812345678"), retention: Some(class), ..Opening::default() };
    store.order(Order::Open { recording, call, at, facts: Box::new(facts) }).expect("taken");
    store.tap().try_send(TapItem::Ended { recording }).expect("never refused");
    let facts = Box::new(Closing { ended_at: Some(at), ..Closing::default() });
    store.order(Order::Close { recording, at, facts }).expect("taken");
    store.settle();
    store.close();
    recording
}

/// A key is destroyed when nothing is under it, and another person agreed.
#[test]
fn a_key_is_retired_by_two_people() {
    let office = Office::new();
    office.log_in("li");
    let act = |arguments: &[&str]| office.run(&[&["key"], arguments].concat(), "");
    assert_eq!(act(&["rotate"]).code, 0);
    let early = act(&["retire", "1"]);
    assert!(early.code != 0 && !early.err.contains("approve"), "files are under it: {}", early.err);
    assert_eq!(act(&["rewrap"]).code, 0);
    let asked = act(&["retire", "1"]);
    assert!(asked.code == 4 && asked.err.contains("one approval"), "{}{}", asked.out, asked.err);
    let key = office.path("node/keys/kek-00000001.key");
    assert!(key.exists());
    let motion = office.motion();
    assert_eq!(office.sign("zhao", &motion).code, 0);
    office.log_in("li");
    let done = act(&["retire", "1"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!key.exists());
    assert_eq!(office.run(&["rec", "verify"], "").code, 0);
}
