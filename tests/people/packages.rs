//! Packages: what leaves the house when two agree, for whom, how much of it, and to where.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledgerline::base::Secret;
use ledgerline::vault::{Recipient, open_envelope};
use serde_json::Value;

use crate::Office;

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
    // What was said in the call lies beside it, too.
    let line = read(&whole, "items.jsonl");
    let derived = line["derived"].as_array().expect("a list");
    assert!(derived.iter().any(|one| one["item"] == *item), "{derived:?}");
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
    seen: Arc<Mutex<Seen>>,
}

/// What it is to answer, the next last; and what it has taken: paths and bodies.
#[derive(Default)]
struct Seen {
    answers: Vec<u16>,
    taken: Vec<(String, Vec<u8>)>,
}

impl Endpoint {
    fn start() -> Endpoint {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                Endpoint::answer(stream, &shared);
            }
        });
        Endpoint { address, seen }
    }

    /// The next answers; 200 afterwards.
    fn answers(&self, statuses: &[u16]) {
        self.seen.lock().expect("ours").answers = statuses.iter().rev().copied().collect();
    }

    fn taken(&self) -> Vec<(String, Vec<u8>)> {
        self.seen.lock().expect("ours").taken.clone()
    }

    fn answer(mut stream: std::net::TcpStream, seen: &Mutex<Seen>) {
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
        let mut seen = seen.lock().expect("ours");
        let status = seen.answers.pop().unwrap_or(200);
        let last = name.ends_with(".sig");
        if status == 200 {
            seen.taken.push((name, body));
        }
        let text = if last { "receipt 77" } else { "" };
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(answer.as_bytes()).expect("sent");
    }
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
