//! People at the command line of the binary: who may what, who hears what, and what leaves the house only when two agree.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ledgerline::base::{CallId, LegId, Masked, Random, RecordingId, Secret, Wall};
use ledgerline::compliance::disclosure;
use ledgerline::io::store::{Options, Store};
use ledgerline::vault::{
    Batch, Certificate, Closing, Event, Frame, LedgerPublic, Opening, Order, Party, Recipient, Retention,
    TapItem, open_envelope,
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
    for suite in ["intl", "gm"] {
        packaged(&Office::of(suite, 2));
    }
}

fn packaged(office: &Office) {
    let package = office.path("package");
    office.log_in("anna");
    let refused = office.exports(&package, &[]);
    assert!(refused.code == 4 && refused.err.contains("approve sign"), "{}", refused.err);
    let motion = office.motion();
    let sign = |name: &str| office.sign(name, &motion);
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

/// EXP-02: sealed to the recipient, by X25519 or SM2, nothing personal lies in the package in clear.
#[test]
fn a_package_for_a_recipient_opens_with_their_key_only() {
    let private = Secret::new([7; 32]);
    let sm2 = Recipient::of_sm2(&private).expect("a scalar");
    for (suite, recipient) in [("intl", Recipient::of(&private)), ("gm", sm2)] {
        packed_for(&Office::of(suite, 2), &recipient, &private);
    }
}

fn packed_for(office: &Office, recipient: &Recipient, private: &Secret<[u8; 32]>) {
    let (package, file) = (office.path("package"), office.path("regulator.key"));
    std::fs::write(&file, ledgerline::vault::hex(&recipient.to_bytes())).expect("written");
    let order = ["--recipient", file.to_str().expect("text"), "--flac"];
    office.approved_export(&package, &order);
    assert_eq!(office.verify(&package).code, 0);
    let id = office.recordings[0];
    let sealed = std::fs::read_to_string(package.join(format!("vcon/{id}.json.jwe"))).expect("sealed");
    let vcon: Value = serde_json::from_slice(&open_envelope(&sealed, private).expect("opens")).expect("JSON");
    assert_eq!(vcon["parties"][0]["tel"], "13812345678");
    let audio = std::fs::read_to_string(package.join(format!("audio/{id}.flac.jwe"))).expect("sealed");
    assert!(open_envelope(&audio, private).expect("opens").starts_with(b"fLaC"));
    assert_eq!(open_envelope(&audio, &Secret::new([8; 32])), None);
    for name in ["items.jsonl", "index.csv", "manifest.json"] {
        let text = std::fs::read_to_string(package.join(name)).expect("text");
        assert!(!text.contains("13812345678"), "{name}");
    }
}

/// TAM-04, EXP-06: a redacted copy is a new item beside the original, which stays as it is; a package of copies refers to the
/// originals and holds nothing else of them. A package of originals holds what was derived from them, proved alike.
#[test]
fn a_redacted_copy_refers_to_the_original() {
    let office = Office::of("intl", 1);
    let id = office.recordings[0].to_string();
    let copies = office.path("copies");
    office.log_in("anna");
    let cut = ["rec", "redact", &id, "--cut", "0.3-0.4", "--why", "third party", "--purpose", "order 12"];
    assert_eq!(office.run(&cut[..5], "").code, 2, "no purpose");
    office.approves(&copies, &["--redacted"]);
    let none = office.exports(&copies, &["--redacted"]);
    assert!(none.code == 4 && none.err.contains("rec redact"), "{}", none.err);
    let file = |node: &Path| {
        let day = std::fs::read_dir(node.join("store/recordings/2026/11/22")).expect("a day");
        let mut all = day.map(|entry| entry.expect("an entry").path());
        std::fs::read(all.find(|path| path.extension().is_some_and(|end| end == "llr")).expect("a file"))
    };
    let before = file(&office.path("node")).expect("octets");
    let made = office.run(&[&cut[..], &["--json"]].concat(), "");
    assert_eq!(made.code, 0, "{}", made.err);
    let made: Value = serde_json::from_str(&made.out).expect("JSON");
    let item = made["item"].as_str().expect("an item");
    assert_eq!(file(&office.path("node")).expect("octets"), before, "the original stays as it is");
    assert!(office.run(&["rec", "show", &id], "").out.contains(&format!("{item}  redacted")));
    let flac = office.path("copy.flac");
    let get = ["rec", "item", &id, item, "-o", flac.to_str().expect("text"), "--purpose", "order 12"];
    assert_eq!(office.run(&get[..6], "").code, 2, "no purpose");
    assert_eq!(office.run(&get, "").code, 0);
    assert!(std::fs::read(&flac).expect("written").starts_with(b"fLaC"));
    let done = office.exports(&copies, &["--redacted"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(office.verify(&copies).code, 0);
    let read = |package: &Path, name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(package.join(name)).expect(name)).expect("JSON")
    };
    let told = read(&copies, &format!("vcon/{id}.json"));
    assert_eq!(
        (&told["redacted"]["type"], &told["parties"][0]["tel"]),
        (&"third party".into(), &"138****5678".into())
    );
    assert!(!copies.join(format!("events/{id}.jsonl")).exists());
    let line = read(&copies, "items.jsonl");
    assert_eq!(
        line["gaps"][1],
        serde_json::json!({ "from": 0.3, "to": 0.4, "reason": "redacted: third party" })
    );
    let whole = office.path("whole");
    office.approved_export(&whole, &[]);
    let original = read(&whole, &format!("vcon/{id}.json"));
    assert_eq!(told["redacted"]["uuid"], original["uuid"]);
    assert_ne!(told["uuid"], original["uuid"]);
    assert_eq!(read(&whole, "items.jsonl")["derived"][0]["item"], *item);
    assert_eq!(
        std::fs::read(whole.join(format!("derived/{id}.{item}.redacted"))).ok(),
        std::fs::read(&flac).ok()
    );
    assert_eq!(office.verify(&whole).code, 0);
    std::fs::remove_file(whole.join(format!("proofs/{item}.json"))).expect("there");
    let found = office.verify(&whole);
    assert!(found.code == 1 && found.out.contains(&format!("{item} of {id}: no proof")), "{}", found.out);
}

/// EXP-07: a package goes to an endpoint that the configuration names, is tried again, goes on where it stopped, and the receipt is
/// kept beside it and in the audit book.
#[test]
fn a_package_is_uploaded_and_its_receipt_kept() {
    let office = Office::of("intl", 1);
    let (package, file) = (office.path("package"), office.path("regulator.key"));
    let recipient = Recipient::of(&Secret::new([7; 32]));
    std::fs::write(&file, ledgerline::vault::hex(&recipient.to_bytes())).expect("written");
    office.approved_export(&package, &["--recipient", file.to_str().expect("text")]);
    let endpoint = Endpoint::start();
    let to = format!("http://{}/intake/case-7", endpoint.address);
    let upload = ["rec", "upload", package.to_str().expect("text"), "--to", &to];
    let unknown = office.run(&upload, "");
    assert!(unknown.code == 4 && unknown.err.contains("[outside] uploads"), "{}", unknown.err);
    let toml = office.path("node/ledgerline.toml");
    let written = std::fs::read_to_string(&toml).expect("a file");
    let allowed = format!("[outside]\nuploads = [\"http://{}/intake/\"]\n", endpoint.address);
    std::fs::write(&toml, written + "\n" + &allowed).expect("written");
    // The second file is not taken at once, the fourth never: until somebody has looked.
    endpoint.answers(&[200, 503, 200, 200, 403]);
    let stopped = office.run(&upload, "");
    assert!(stopped.code == 1 && stopped.err.contains("403"), "{}{}", stopped.out, stopped.err);
    let before = endpoint.taken().len();
    assert_eq!(before, 3, "{:?}", endpoint.taken());
    let done = office.run(&upload, "");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let taken = endpoint.taken();
    let all = std::fs::read_dir(package.join("audio")).expect("a folder").count();
    assert!(all == 1 && taken.len() > 6, "{taken:?}");
    let mut names: Vec<&String> = taken.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names[names.len() - 2..],
        ["/intake/case-7/manifest.json", "/intake/case-7/manifest.json.sig"]
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len(), taken.len(), "nothing is sent twice");
    for (name, body) in &taken {
        let path = package.join(name.strip_prefix("/intake/case-7/").expect("below it"));
        assert_eq!(&std::fs::read(&path).expect("of the package"), body, "{name}");
    }
    let receipt: Value =
        serde_json::from_slice(&std::fs::read(office.path("package.receipt.json")).expect("kept"))
            .expect("JSON");
    assert_eq!(receipt["answer"], "receipt 77");
    let book = office.run(&["audit", "list", "--json", "--act", "rec.export.sent"], "");
    assert_eq!(book.code, 4, "anna reads no audit book");
    office.run(&["logout"], "");
    let book = office.run(&["audit", "list", "--json", "--act", "rec.export.sent"], "");
    let book: Value = serde_json::from_str(&book.out).unwrap_or_else(|_| panic!("{}", book.err));
    assert_eq!(book[0]["detail"]["receipt"]["answer"], "receipt 77", "{book:#}");
    assert_eq!(office.verify(&package).code, 0, "what is kept of the way does not lie in it");
    std::fs::write(package.join("index.csv"), "x").expect("written");
    assert_eq!(office.run(&upload, "").code, 4, "what was changed is not sent");
}

/// A server that takes files by POST.
struct Endpoint {
    address: std::net::SocketAddr,
    state: std::sync::Arc<std::sync::Mutex<(Vec<u16>, Vec<(String, Vec<u8>)>)>>,
}

impl Endpoint {
    fn start() -> Endpoint {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = std::sync::Arc::<std::sync::Mutex<(Vec<u16>, Vec<(String, Vec<u8>)>)>>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                Endpoint::answer(stream, &shared);
            }
        });
        Endpoint { address, state }
    }

    /// The next answers; 200 afterwards.
    fn answers(&self, statuses: &[u16]) {
        self.state.lock().expect("ours").0 = statuses.iter().rev().copied().collect();
    }

    fn taken(&self) -> Vec<(String, Vec<u8>)> {
        self.state.lock().expect("ours").1.clone()
    }

    fn answer(mut stream: std::net::TcpStream, state: &std::sync::Mutex<(Vec<u16>, Vec<(String, Vec<u8>)>)>) {
        use std::io::{BufRead, BufReader, Read};
        let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
        let (mut line, mut head, mut len) = (String::new(), String::new(), 0);
        while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
            if let Some((_, value)) = line.to_ascii_lowercase().split_once("content-length:") {
                len = value.trim().parse().expect("a number");
            }
            head += &std::mem::take(&mut line);
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body).expect("a body");
        assert!(head.to_ascii_lowercase().contains("content-digest: sha-256=:"), "{head}");
        let name = head.split(' ').nth(1).expect("a path").to_string();
        let mut state = state.lock().expect("ours");
        let status = state.0.pop().unwrap_or(200);
        let last = name.ends_with(".sig");
        if status == 200 {
            state.1.push((name, body));
        }
        let text = if last { "receipt 77" } else { "" };
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(answer.as_bytes()).expect("sent");
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

/// EXP-04: a package of many recordings is written in a memory that does not grow with them, and taken up where it stopped.
/// `LEDGERLINE_EXPORT` says how many.
#[test]
fn a_package_of_many_needs_little_memory_and_goes_on_where_it_stopped() {
    let count = std::env::var("LEDGERLINE_EXPORT").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let office = Office::of("intl", count);
    let package = office.path("package");
    let order = [
        "rec",
        "export",
        "-o",
        package.to_str().expect("text"),
        "--case",
        "C-9",
        "--purpose",
        "all",
        "--number",
        "13812345678",
    ];
    office.log_in("anna");
    assert_eq!(office.run(&order, "").code, 4);
    let motion = office.motion();
    assert_eq!(office.sign("wang", &motion).code, 0);
    office.log_in("anna");
    // Stopped in the middle: as many lines as there are then are not written again.
    let mut child = office.command(&order).spawn().expect("runs");
    let lines =
        || std::fs::read_to_string(package.join("items.jsonl")).map_or(0, |text| text.lines().count());
    while lines() < count as usize / 4 {
        assert!(child.try_wait().expect("ours").is_none(), "it ended before it could be stopped");
        std::thread::yield_now();
    }
    child.kill().expect("ours");
    child.wait().expect("ended");
    let begun = lines();
    assert!(begun < count as usize, "stopped in the middle");
    let started = std::time::Instant::now();
    let mut child = office.command(&order).spawn().expect("runs");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = 0;
    while child.try_wait().expect("ours").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak_kib = peak.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or(peak_kib);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let spent = started.elapsed();
    let rate = (count as usize - begun) as f64 / spent.as_secs_f64();
    eprintln!(
        "{count} recordings, {begun} before the stop; {rate:.0} a second after it, at most {} MiB",
        peak_kib >> 10
    );
    assert_eq!(lines(), count as usize);
    assert!((1..256 << 10).contains(&peak_kib), "{peak_kib} KiB");
    let checked = office.verify(&package);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
}
