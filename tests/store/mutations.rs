//! Promise 8: whatever is done to a store at rest is found. `LEDGERLINE_MUTATIONS=100000` for the whole figure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ledgerline::base::{ItemId, Random, RecordingId, Wall};
use ledgerline::compliance::retention::Select;
use ledgerline::io::store::{Depth, HeadsTo, Making, Options, load_keys, verify_copy};
use ledgerline::vault::{AuditEntry, Book, Holding, Keyring, LedgerPublic, Opener, Outcome, Suite, Who};

use crate::world::{World, files};

struct Evidence {
    world: World,
    public: LedgerPublic,
    keyring: Keyring,
    heads: String,
    /// Everything that is under the ledger, as it was.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The ledger's files as they were before the last recordings.
    earlier: BTreeMap<PathBuf, Vec<u8>>,
    _elsewhere: tempfile::TempDir,
}

fn read(dir: &Path, folders: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = folders.iter().flat_map(|folder| files(&dir.join(folder)));
    all.filter(|path| path.extension().is_none_or(|ending| ending != "pub"))
        .map(|path| (path.clone(), std::fs::read(&path).expect("there")))
        .collect()
}

fn audit(world: &World) {
    let entry = AuditEntry {
        at: Wall::from_micros(5),
        who: Who::node(),
        act: "rec.play".into(),
        on: None,
        about: vec![],
        result: Outcome::Done,
        reason: None,
        of: None,
        detail: serde_json::Value::Null,
    };
    world.store().audit(entry).expect("durable");
}

impl Evidence {
    fn new(suite: Suite) -> Evidence {
        let mut world = World::of(suite);
        let elsewhere = tempfile::tempdir().expect("a folder");
        let file = elsewhere.path().join("heads");
        world.options = Options { heads_to: vec![HeadsTo::File(file.clone())], ..Options::default() };
        world.restart();
        let mut earlier = BTreeMap::new();
        for round in 0..3 {
            for _ in 0..2 {
                let (recording, call) = world.record(200);
                world.cdr(call);
                let making = Making { kind: "transcript", media_type: "application/json", by: "tests" };
                world.store().append_derived(recording, &making, b"{\"said\":\"yes\"}").expect("taken");
            }
            audit(&world);
            let select = Select { name: Some("alice".into()), ..Select::default() };
            let holding = Holding { case: format!("C-{round}"), select, reason: String::new() };
            world.store().hold("li", holding).expect("laid");
            world.restart();
            if round == 1 {
                earlier = read(world.dir(), &["ledger"]);
            }
        }
        // The running head covers more than the last that is kept.
        audit(&world);
        audit(&world);
        world.store.take().expect("open").close();
        let text = std::fs::read_to_string(world.dir().join("ledger/ledger.pub")).expect("there");
        let public = LedgerPublic::parse(&text).expect("a point");
        let keyring = load_keys(&world.dir().join("keys")).expect("ours");
        let files = read(world.dir(), &["recordings", "cdr", "audit", "keeping", "ledger"]);
        let heads = std::fs::read_to_string(&file).expect("told");
        Evidence { world, public, keyring, heads, files, earlier, _elsewhere: elsewhere }
    }

    /// Whether anything is found: by a stranger, or by who has the keys.
    fn is_found(&self) -> bool {
        let report = verify_copy(self.world.dir(), &self.public, &self.heads, Depth::Content, &mut |_, _| {});
        !report.expect("readable").is_clean() || self.files.keys().any(|path| self.is_damaged(path))
    }

    fn is_damaged(&self, path: &Path) -> bool {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("");
        let book = Book::ALL.into_iter().find(|book| book.folder().0 == folder);
        let expected = match book {
            Some(book) => book.segment_id(u32::from_str_radix(stem, 16).expect("a number")),
            None => match (stem.parse::<RecordingId>(), stem.split_once('.')) {
                (Ok(id), _) => id,
                (_, Some((_, item))) => {
                    RecordingId::from_bytes(item.parse::<ItemId>().expect("an item").to_bytes())
                }
                _ => return false,
            },
        };
        let Ok(bytes) = std::fs::read(path) else { return true };
        let mut opener = Opener::new(&self.keyring, Some(expected));
        opener.push(&bytes);
        !opener.finish().damages.is_empty()
    }

    fn put_back(&self) {
        for (path, bytes) in &self.files {
            if std::fs::read(path).ok().as_ref() != Some(bytes) {
                std::fs::write(path, bytes).expect("ours");
            }
        }
    }
}

/// Does something to the files; says what. Empty: nothing changed.
fn mutate(evidence: &Evidence, random: &mut Random) -> String {
    let paths: Vec<&PathBuf> = evidence.files.keys().collect();
    let mut below = |bound: usize| random.below(bound.max(1) as u64) as usize;
    let path = paths[below(paths.len())];
    let mut bytes = evidence.files[path].clone();
    let name = path.strip_prefix(evidence.world.dir()).expect("within").display().to_string();
    let what = match below(8) {
        0..=2 => {
            let (at, bit) = (below(bytes.len()), below(8));
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of octet {at}")
        }
        3 => {
            let len = below(bytes.len());
            bytes.truncate(len);
            format!("cut at {len}")
        }
        4 => {
            let (at, len) = (below(bytes.len()), 1 + below(200));
            let until = (at + len).min(bytes.len());
            bytes.drain(at..until);
            format!("{at}..{until} taken out")
        }
        5 => {
            let at = below(bytes.len());
            let more: Vec<u8> = (0..1 + below(100)).map(|_| 0).collect();
            let len = more.len();
            bytes.splice(at..at, more);
            format!("{len} octets put in at {at}")
        }
        6 => {
            std::fs::remove_file(path).expect("ours");
            return format!("{name}: removed");
        }
        _ if below(2) == 0 => {
            for (path, bytes) in &evidence.earlier {
                std::fs::write(path, bytes).expect("ours");
            }
            return "the ledger as it was before".into();
        }
        _ => {
            let other = paths[below(paths.len())];
            if evidence.files[other] == bytes || other.extension() != path.extension() {
                return String::new();
            }
            std::fs::write(path, &evidence.files[other]).expect("ours");
            std::fs::write(other, bytes).expect("ours");
            return format!("{name} and {} swapped", other.display());
        }
    };
    if evidence.files[path] == bytes {
        return String::new();
    }
    std::fs::write(path, bytes).expect("ours");
    format!("{name}: {what}")
}

/// TAM-01.
#[test]
fn every_mutation_is_found() {
    let count: u64 = std::env::var("LEDGERLINE_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    // Both suites (KEY-05); the second gets a tenth more on top.
    all_found(Suite::Intl, count);
    all_found(Suite::Gm, count / 10 + 20);
}

fn all_found(suite: Suite, count: u64) {
    let evidence = Evidence::new(suite);
    assert!(!evidence.is_found(), "nothing was done yet");
    let mut done = 0;
    for seed in 0.. {
        if done == count {
            break;
        }
        let what = mutate(&evidence, &mut Random::from_number(seed));
        if !what.is_empty() {
            assert!(evidence.is_found(), "seed {seed}: {what} is not found");
            evidence.put_back();
            done += 1;
        }
    }
    assert!(!evidence.is_found(), "everything was put back");
}
