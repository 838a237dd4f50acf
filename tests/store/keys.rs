//! Rotation of the key-encryption key over a running store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ledgerline::base::RecordingId;
use ledgerline::io::store::{StoreError, load_keys};
use ledgerline::vault::{Opener, Scope};

use crate::keeping::{class, made};
use crate::world::World;

/// The file without its key slot.
fn content(file: &std::path::Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).expect("there");
    bytes.drain(68..112);
    bytes
}

/// KEY-02: under load, no play fails, no octet of sound changes, and the old key opens nothing afterwards.
#[test]
fn a_rotation_rewraps_and_nothing_else() {
    let mut world = World::new();
    let ids: Vec<RecordingId> =
        (0..20).map(|day| made(&mut world, 10 + day, class("call.end", 365, None)).0).collect();
    world.restart();
    let paths: Vec<_> = ids.iter().map(|id| world.file_of(*id)).collect();
    let before: Vec<_> = paths.iter().map(|path| content(path)).collect();
    let old = load_keys(&world.dir().join("keys")).expect("ours");
    let (over, played) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let store = world.store().clone();
        let (over, played, ids) = (&over, &played, &ids);
        scope.spawn(move || {
            while !over.load(Ordering::Acquire) || played.load(Ordering::Acquire) < 40 {
                for id in ids {
                    let (sound, damages) = store.sound(*id).expect("plays");
                    assert_eq!((damages.len(), sound.left.is_empty()), (0, false), "{id}");
                    played.fetch_add(1, Ordering::AcqRel);
                }
            }
        });
        let store = world.store();
        while played.load(Ordering::Acquire) < 20 {
            std::thread::yield_now();
        }
        assert_eq!(store.rotate().expect("a new key"), 2);
        assert!(matches!(store.retire(1), Err(StoreError::Rule(_))), "files are under it");
        assert!(matches!(store.retire(2), Err(StoreError::Rule(_))), "it is current");
        let done = store.rewrap(&mut |_, _| {}).expect("done");
        assert_eq!((done.rewrapped, done.damaged), (20, 0));
        over.store(true, Ordering::Release);
    });
    assert_eq!(
        paths.iter().map(|path| content(path)).collect::<Vec<_>>(),
        before,
        "not an octet but the slot"
    );
    let (fresh, _) = world.record(100);
    assert_eq!(world.store().show(fresh).expect("opens").kek_version, 2);
    let uses = world.store().key_use().expect("readable");
    assert_eq!((uses.current, uses.versions[&1].0, uses.versions[&2].0), (2, 0, 21), "{uses:?}");
    assert!(
        matches!(world.store().retire(1), Err(StoreError::Rule(_))),
        "the index is under it until a restart"
    );
    world.restart();
    world.store().settle();
    world.store().retire(1).expect("nothing is under it");
    assert!(!world.dir().join("keys/kek-00000001.key").exists());
    let mut opener = Opener::new(&old, Some(ids[0]));
    opener.push(&std::fs::read(&paths[0]).expect("there"));
    opener.end();
    assert!(opener.piece().is_none(), "the old key opens nothing");
    world.restart();
    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!((report.findings.len(), report.recordings), (0, 21), "{:?}", report.findings);
}
