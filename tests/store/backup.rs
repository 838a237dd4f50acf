//! Copies of a running store: whole, incremental, refused where they do not belong, and brought back.

use std::path::Path;

use ledgerline::io::store::{Depth, Options, Store, restore};
use ledgerline::vault::{LedgerPublic, Query, Scope};

use crate::keeping::{class, job, made};
use crate::world::{World, files};

fn public(store: &Path) -> LedgerPublic {
    let text = std::fs::read_to_string(store.join("ledger/ledger.pub")).expect("a key");
    LedgerPublic::parse(&text).expect("a point")
}

#[test]
fn a_backup_of_a_running_store_is_whole_incremental_and_comes_back() {
    let mut world = World::new();
    let outer = tempfile::tempdir().expect("a folder");
    let to = outer.path().join("backup");
    let (first, call) = world.record(200);
    world.cdr(call);
    // One that runs is not in it, and does not disturb it.
    let (running, _) = world.begin();
    let report = world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert_eq!((report.recordings, report.destroyed), (1, 0));
    assert!(!to.join("keys").exists(), "a backup holds no key");

    let (second, _) = world.record(200);
    let report = world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert_eq!(report.recordings, 2);
    let again = world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert_eq!((again.copied, again.leaves), (0, report.leaves), "nothing new is nothing to copy");

    let back = outer.path().join("back");
    restore(&to, &back, &public(world.dir()), None, &mut |_| ()).expect("brought back");
    assert!(restore(&to, &back, &public(world.dir()), None, &mut |_| ()).is_err(), "nothing is overwritten");
    let options = Options { keys: Some(world.dir().join("keys")), ..Options::default() };
    let store = Store::open(&back, &options, |_| {}).expect("opens");
    store.settle();
    let found = store.search(&Query { newest_first: false, ..Query::default() }).expect("an index");
    assert_eq!(found.iter().map(|row| row.recording).collect::<Vec<_>>(), [first, second]);
    let verified = store.verify(Scope::All).expect("readable");
    assert_eq!(verified.findings, [], "what is brought back is whole");
    assert_eq!(store.cdrs_of(call).expect("an index").len(), 1);
    world.end(running);
}

#[test]
fn a_backup_is_refused_where_another_ledger_lies_and_seen_when_it_was_changed() {
    let mut world = World::new();
    let outer = tempfile::tempdir().expect("a folder");
    let to = outer.path().join("backup");
    world.record(200);
    world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    let mut other = World::new();
    other.record(200);
    assert!(other.store().backup(&to, Depth::Content, &mut |_, _| ()).is_err(), "another ledger");
    let file = files(&to.join("recordings")).remove(0);
    let mut octets = std::fs::read(&file).expect("octets");
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&file, octets).expect("written");
    assert!(restore(&to, &outer.path().join("back"), &public(world.dir()), None, &mut |_| ()).is_err());
    assert!(world.store().backup(&to, Depth::Content, &mut |_, _| ()).is_err(), "and the next one says so");
}

/// KEY-08: what is destroyed is destroyed in copies too, proved by bringing each of them back: the data key of a recording in the
/// replica; a retired key-encryption key for every older copy.
#[test]
fn the_end_of_a_key_reaches_copies() {
    let mut world = World::new();
    let (gone, _) = made(&mut world, 400, class("call.end", 365, None));
    let (stays, _) = made(&mut world, 400, class("call.end", 365, None));
    let outer = tempfile::tempdir().expect("a folder");
    let (old, replica, keys) =
        (outer.path().join("old"), outer.path().join("replica"), outer.path().join("keys"));
    for folder in [&old, &replica] {
        world.store().backup(folder, Depth::Content, &mut |_, _| ()).expect("copied");
    }
    copy_keys(&world.dir().join("keys"), &keys);
    let ledger = public(world.dir());
    let plays = |name: &str, from: &Path, keys: &Path, id| {
        let back = outer.path().join(name);
        restore(from, &back, &ledger, None, &mut |_| ()).expect("brought back");
        let options = Options { keys: Some(keys.to_path_buf()), ..Options::default() };
        Store::open(&back, &options, |_| {}).is_ok_and(|store| store.sound(id).is_ok())
    };
    world.store().destroy("li", job(&world, vec![gone])).expect("done");
    assert!(plays("before", &replica, &keys, gone), "until the replica is made again it has the key");
    world.store().backup(&replica, Depth::Content, &mut |_, _| ()).expect("copied");
    assert!(!plays("after", &replica, &keys, gone), "with every key that ever was");
    assert_eq!(files(&replica.join("certificates")).len(), 2, "its certificate is in the replica");
    assert!(plays("other", &replica, &keys, stays));

    world.store().rotate().expect("room");
    world.restart();
    world.store().rewrap(&mut |_, _| ()).expect("room");
    world.store().retire(1).expect("nothing is under it");
    assert!(world.store().sound(stays).is_ok());
    world.store().backup(&replica, Depth::Content, &mut |_, _| ()).expect("copied");
    let now = world.dir().join("keys");
    assert!(!plays("old with what is left of the keys", &old, &now, stays), "the old copy opens no more");
    assert!(plays("replica with them", &replica, &now, stays), "what was wrapped anew does");
    assert!(!plays("replica with the old key", &replica, &keys, stays), "and not by the old key");
}

fn copy_keys(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("room");
    for path in files(from) {
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("room");
    }
}

/// What programs were made of is in a backup, and comes back.
#[test]
fn a_backup_holds_the_texts_of_programs() {
    let mut world = World::new();
    world.record(200);
    let kept = world.dir().join("plans/ab12/texts");
    std::fs::create_dir_all(&kept).expect("room");
    std::fs::write(kept.join("main.plan"), "edition 2026").expect("room");
    let outer = tempfile::tempdir().expect("a folder");
    let (to, back) = (outer.path().join("backup"), outer.path().join("back"));
    world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    let again = world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert_eq!(again.copied, 0);
    restore(&to, &back, &public(world.dir()), None, &mut |_| ()).expect("brought back");
    assert_eq!(
        std::fs::read_to_string(back.join("plans/ab12/texts/main.plan")).expect("there"),
        "edition 2026"
    );
}

/// DES-07: a copy from before a destruction comes back without what was destroyed since, and with its tombstone, when a newer ledger
/// is at hand.
#[test]
fn what_was_destroyed_since_the_backup_does_not_come_back() {
    let mut world = World::new();
    let (gone, _) = made(&mut world, 400, class("call.end", 365, None));
    let (stays, _) = made(&mut world, 400, class("call.end", 365, None));
    let outer = tempfile::tempdir().expect("a folder");
    let to = outer.path().join("backup");
    world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert_eq!(world.store().destroy("li", job(&world, vec![gone])).expect("done"), 1);
    world.store.take().expect("open").close();
    let options = Options { keys: Some(world.dir().join("keys")), ..Options::default() };
    for (name, newer, remains) in [("old", None, true), ("new", Some(world.dir()), false)] {
        let back = outer.path().join(name);
        restore(&to, &back, &public(world.dir()), newer, &mut |_| ()).expect("brought back");
        let store = Store::open(&back, &options, |_| {}).expect("opens");
        store.settle();
        assert_eq!(store.sound(gone).is_ok(), remains, "{name}");
        assert!(store.sound(stays).is_ok());
        let report = store.verify(Scope::All).expect("readable");
        assert_eq!(
            (report.findings.len(), report.destroyed),
            (0, u64::from(!remains)),
            "{name}: {:?}",
            report.findings
        );
        let found = store.search(&Query::default()).expect("an index");
        assert_eq!(found.len(), if remains { 2 } else { 1 }, "{name}");
    }
    let leaves = world.dir().join("ledger/leaves");
    let mut octets = std::fs::read(&leaves).expect("there");
    octets[100] ^= 1;
    std::fs::write(&leaves, octets).expect("ours");
    let forged =
        restore(&to, &outer.path().join("forged"), &public(world.dir()), Some(world.dir()), &mut |_| ());
    assert!(forged.is_err(), "a ledger that is not signed names nothing");
}
