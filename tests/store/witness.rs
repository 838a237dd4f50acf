//! What strangers can check: a copy with the public key and heads from outside, proofs of inclusion and growth.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ledgerline::base::{CallId, RecordingId, Wall};
use ledgerline::io::store::{Depth, HeadsTo, Options, verify_copy};
use ledgerline::vault::{
    Damage, Ended, Frontier, Item, Leaf, LedgerPublic, Report, Scope, Subject, Suite, TreeHead,
};

use crate::world::World;

fn public(store: &Path) -> LedgerPublic {
    let text = std::fs::read_to_string(store.join("ledger/ledger.pub")).expect("there");
    LedgerPublic::parse(&text).expect("a point")
}

fn check(store: &Path, public: &LedgerPublic, outside: &str, depth: Depth) -> Report {
    verify_copy(store, public, outside, depth, &mut |_, _| {}).expect("readable")
}

/// Copies everything but the keys: what a stranger may have.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("named");
        if path.is_dir() && name != "keys" && name != "index" {
            std::fs::create_dir_all(to.join(name)).expect("room");
            copy(&path, &to.join(name));
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name)).expect("room");
        }
    }
}

fn alter(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("there");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("ours");
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < late, "{what}");
        std::thread::yield_now();
    }
}

/// A world whose heads go to a file elsewhere; the file.
fn witnessed() -> (World, tempfile::TempDir, PathBuf) {
    let mut world = World::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("heads");
    world.options = Options { heads_to: vec![HeadsTo::File(file.clone())], ..Options::default() };
    world.restart();
    (world, elsewhere, file)
}

/// TAM-02: another machine, the public key, the heads, nothing else.
#[test]
fn a_copy_is_verified_with_the_public_key_and_the_heads_alone() {
    let (mut world, elsewhere, file) = witnessed();
    let ids: Vec<_> = (0..3).map(|_| world.record(200)).collect();
    world.cdr(ids[0].1);
    world.restart();
    world.record(100);
    world.store.take().expect("open").close();
    let heads = std::fs::read_to_string(&file).expect("told");
    assert_eq!(heads.lines().count(), 2, "one of each run: {heads}");
    let public = public(world.dir());
    let there = elsewhere.path().join("copy");
    std::fs::create_dir(&there).expect("room");
    copy(world.dir(), &there);
    assert!(!there.join("keys").exists());
    for depth in [Depth::Content, Depth::Index] {
        let report = check(&there, &public, &heads, depth);
        assert_eq!(report.findings, [], "{depth:?}");
        assert_eq!((report.recordings, report.cdrs, report.leaves), (4, 1, 5), "{depth:?}");
    }

    let file_of = |index: usize| {
        let path = world.file_of(ids[index].0);
        there.join(path.strip_prefix(world.dir()).expect("within"))
    };
    alter(&file_of(0), |bytes| bytes[500] ^= 1);
    std::fs::remove_file(file_of(1)).expect("ours");
    alter(&there.join("cdr/00000000.llc"), |bytes| bytes[300] ^= 1);
    let report = check(&there, &public, &heads, Depth::Content);
    let found: Vec<(&Subject, &Damage)> =
        report.findings.iter().map(|finding| (&finding.subject, &finding.damage)).collect();
    assert!(found.contains(&(&Subject::Recording(ids[0].0), &Damage::NotTheLeaf { leaf: 0 })), "{found:?}");
    assert!(found.contains(&(&Subject::Recording(ids[1].0), &Damage::Gone { leaf: 1 })), "{found:?}");
    assert!(found.contains(&(&Subject::Cdr(ids[0].1), &Damage::NotTheLeaf { leaf: 3 })), "{found:?}");
    assert_eq!(found.len(), 3, "{found:?}");
    let other = ledgerline::vault::LedgerKey::from_seed(&ledgerline::base::Secret::new([3; 32])).public();
    assert!(!check(&there, &other, &heads, Depth::Index).is_clean(), "another key signs nothing here");
}

/// TAM-03: who has the live key rewrites a whole day; its own heads agree with it, those outside do not.
#[test]
fn a_day_rewritten_with_the_live_key_is_seen_from_outside() {
    let (mut world, _elsewhere, file) = witnessed();
    for _ in 0..3 {
        world.record(100);
    }
    world.restart();
    world.record(100);
    world.store.take().expect("open").close();
    let heads = std::fs::read_to_string(&file).expect("told");
    let public = public(world.dir());
    // The forger has the keys: a new store under them, with other recordings and heads of the same sizes.
    let mut forged = World::new();
    forged.store.take().expect("open").close();
    for name in ["keys", "ledger"] {
        std::fs::remove_dir_all(forged.dir().join(name)).expect("ours");
    }
    std::fs::create_dir(forged.dir().join("keys")).expect("room");
    std::fs::create_dir(forged.dir().join("ledger")).expect("room");
    for entry in std::fs::read_dir(world.dir().join("keys")).expect("there") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, forged.dir().join("keys").join(path.file_name().expect("named"))).expect("room");
    }
    std::fs::copy(world.dir().join("ledger/ledger.pub"), forged.dir().join("ledger/ledger.pub"))
        .expect("room");
    forged.open();
    for _ in 0..5 {
        forged.record(100);
    }
    forged.store.take().expect("open").close();
    assert_eq!(check(forged.dir(), &public, "", Depth::Content).findings, [], "in itself it is whole");
    let seen = check(forged.dir(), &public, &heads, Depth::Content).findings;
    assert!(
        seen.iter().any(|finding| matches!(finding.damage, Damage::Outside { line: 1, size: 1 })),
        "{seen:?}"
    );
    // Rolled back to before the last recording, heads and all.
    let rolled = check(world.dir(), &public, &heads, Depth::Index);
    assert_eq!(rolled.findings, []);
    alter(&world.dir().join("ledger/leaves"), |leaves| leaves.truncate(3 * 96));
    alter(&world.dir().join("ledger/heads"), |heads| heads.truncate(136));
    std::fs::remove_file(world.dir().join("ledger/head")).expect("ours");
    let rolled = check(world.dir(), &public, &heads, Depth::Index).findings;
    assert!(
        rolled.iter().any(|found| found.damage == Damage::LedgerCut { signed: 4, present: 3 }),
        "{rolled:?}"
    );
}

#[test]
fn recordings_and_growth_are_proved_to_strangers() {
    let mut world = World::new();
    let ids: Vec<_> = (0..5).map(|_| world.record(100)).collect();
    world.restart();
    ids.iter().for_each(|(_, call)| world.cdr(*call));
    let public = public(world.dir());
    for (leaf, (id, call)) in ids.iter().enumerate() {
        let proof = world.store().prove(*id).expect("readable").expect("in the ledger");
        let (proved, head) = proof.check(&public).expect("holds");
        assert_eq!((proved.number, head.size), (leaf as u64, 10));
        let named = matches!(proved.item, Item::Recording { recording, call: of, .. } if (recording, of) == (*id, *call));
        assert!(named);
        let mut bad = proof.clone();
        bad.path[0] = bad.path[1].clone();
        assert_eq!(bad.check(&public), None);
    }
    let (running, _) = world.begin();
    assert_eq!(world.store().prove(running).expect("readable"), None, "it has no leaf yet");
    let growth = world.store().prove_growth(0, None).expect("readable").expect("a kept head");
    let (from, to) = growth.check(&public).expect("holds");
    assert_eq!((from.size, to.size), (1, 10));
    let mut bad = growth.clone();
    bad.path.pop();
    assert_eq!(bad.check(&public), None);
    assert_eq!(world.store().prove_growth(99, None).expect("readable"), None);
    assert_eq!(world.store().heads(10).expect("readable").len(), 2);
}

/// A witness that cannot be reached is an alarm, and gets everything when it is back.
#[test]
fn a_witness_that_was_away_gets_what_it_missed() {
    let mut world = World::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("mount/heads");
    world.options = Options { heads_to: vec![HeadsTo::File(file.clone())], ..Options::default() };
    world.restart();
    world.record(100);
    until("an alarm", || !world.store().status().alarms.is_empty());
    assert!(world.store().status().alarms[0].contains("do not reach"), "{:?}", world.store().status().alarms);
    std::fs::create_dir(elsewhere.path().join("mount")).expect("room");
    until("no alarm", || world.store().status().alarms.is_empty());
    world.restart();
    world.record(100);
    world.store.take().expect("open").close();
    assert_eq!(std::fs::read_to_string(&file).expect("told").lines().count(), 2);
}

#[test]
fn the_index_check_names_what_is_missing_or_short() {
    let mut world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.record(100)).collect();
    assert_eq!(world.store().verify(Scope::Index).expect("readable").recordings, 3);
    std::fs::remove_file(world.file_of(ids[0].0)).expect("ours");
    alter(&world.file_of(ids[1].0), |bytes| bytes.truncate(200));
    let found = world.store().verify(Scope::Index).expect("readable").findings;
    let found: Vec<Damage> = found.into_iter().map(|finding| finding.damage).collect();
    assert_eq!(found, [Damage::Gone { leaf: 0 }, Damage::NotTheLeaf { leaf: 1 }]);
}

/// Promise 8: a million records a minute. `LEDGERLINE_RECORDS=1000000` for the whole figure; prints the rate.
#[test]
fn the_index_check_is_quick() {
    let records: u64 = std::env::var("LEDGERLINE_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let folder = tempfile::tempdir().expect("a folder");
    let signer = ledgerline::vault::LedgerKey::from_seed(&ledgerline::base::Secret::new([3; 32]));
    let (mut tree, mut leaves, mut heads) = (Frontier::new(Suite::Intl), Vec::new(), Vec::new());
    let mut random = ledgerline::base::Random::from_number(1);
    for number in 0..records {
        // 12 a second, as of a million calls a day.
        let at = Wall::from_micros(1_795_337_972_000_000 + number as i64 * 86_400);
        let recording = RecordingId::new(at, &mut random);
        let item = Item::Recording { recording, call: CallId::new(at, &mut random), ended: Ended::InOrder };
        let leaf = Leaf { suite: Suite::Intl, number, at, item, len_bytes: 1 + number % 7, hash: [7; 32] };
        tree.push_leaf(&leaf.to_bytes());
        leaves.extend_from_slice(&leaf.to_bytes());
        if number % 720 == 719 || number + 1 == records {
            let head =
                TreeHead { number: (heads.len() / 136) as u64, size: number + 1, at, root: tree.root() };
            heads.extend_from_slice(&head.sign(&signer));
        }
        let day = at.rfc3339()[..10].replace('-', "/");
        let path = folder.path().join("recordings").join(day);
        if number % 1_000 == 0 || at.as_micros() % 86_400_000_000 < 86_400 {
            std::fs::create_dir_all(&path).expect("room");
        }
        std::fs::File::create(path.join(format!("{recording}.llr")))
            .and_then(|file| file.set_len(leaf.len_bytes))
            .expect("room");
    }
    std::fs::create_dir(folder.path().join("ledger")).expect("room");
    std::fs::write(folder.path().join("ledger/leaves"), leaves).expect("room");
    std::fs::write(folder.path().join("ledger/heads"), heads).expect("room");
    let begun = Instant::now();
    let report = check(folder.path(), &signer.public(), "", Depth::Index);
    let took = begun.elapsed();
    assert_eq!((report.findings, report.recordings), (Vec::new(), records));
    let a_minute = records as f64 / took.as_secs_f64() * 60.0;
    eprintln!("{records} records in {took:?}: {a_minute:.0} a minute");
    assert!(records < 1_000_000 || took < Duration::from_secs(60), "{took:?}");
}
