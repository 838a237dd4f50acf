//! A disk that is full: a small file system of its own, mounted through a loop device (needs root).

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use ledgerline::base::{CallId, Masked, RecordingId, Wall};
use ledgerline::io::store::StoreError;
use ledgerline::vault::{AuditEntry, Ended, News, Opening, Order, Outcome, Query, Scope, Who};

use crate::world::{CALLER, World};

/// A mounted file system of 16 MB; unmounted on drop.
struct Small {
    mount: PathBuf,
    _folder: tempfile::TempDir,
}

impl Small {
    fn new() -> Option<Small> {
        let folder = tempfile::tempdir().expect("a folder");
        let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
        std::fs::create_dir(&mount).expect("room");
        File::create(&image).and_then(|file| file.set_len(16 << 20)).expect("room");
        let run = |program: &str, arguments: &[&Path]| {
            let done = Command::new(program).args(arguments).output();
            done.is_ok_and(|done| done.status.success())
        };
        let flag = Path::new;
        let mounted = run("mkfs.ext4", &[flag("-q"), flag("-m"), flag("0"), &image])
            && run("mount", &[flag("-o"), flag("loop"), &image, &mount]);
        if !mounted {
            let message = "a loop-mounted file system needs root and e2fsprogs";
            assert!(std::env::var_os("LEDGERLINE_LIVE").is_none(), "{message}");
            eprintln!("not run: {message}");
            return None;
        }
        Some(Small { mount, _folder: folder })
    }

    /// Writes until nothing fits any more.
    fn fill(&self) {
        let mut file = File::create(self.mount.join("filler")).expect("room");
        for portion in [64 << 10, 4 << 10, 512] {
            loop {
                match file.write_all(&vec![1; portion]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        file.sync_all().expect("room");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mount).status();
    }
}

#[test]
fn a_full_disk_refuses_what_is_new_and_lets_what_runs_end() {
    let Some(small) = Small::new() else { return };
    let mut world = World::within(&small.mount);
    world.expect(|news| matches!(news, News::Health { writable: true, .. }));
    let (running, call) = world.begin();
    world.talk(running, 0, 500, 0x2a);
    world.store().settle();
    small.fill();
    let mut ms = 500;
    loop {
        world.talk(running, ms, ms + 1_000, 0x2a);
        ms += 1_000;
        let news = world.news.recv_timeout(std::time::Duration::from_millis(100));
        if matches!(news, Ok(News::Health { writable: false, .. })) {
            break;
        }
        assert!(ms < 600_000, "ten minutes of sound went into a full disk");
    }

    let at = Wall::from_micros(world.now);
    let (recording, other) = (RecordingId::new(at, &mut world.random), CallId::new(at, &mut world.random));
    let facts = Box::new(Opening { caller: Masked::new(CALLER), ..Opening::default() });
    world.store().order(Order::Open { recording, call: other, at, facts }).expect("taken");
    world.expect(|news| matches!(news, News::Refused { recording: refused, .. } if *refused == recording));

    world.end(running);
    world.cdr(call);
    assert_eq!(world.store().cdrs_of(call).expect("an index").len(), 1, "the record went into the reserve");
    assert!(!world.store().status().writable);

    std::fs::remove_file(small.mount.join("filler")).expect("ours");
    world.expect(|news| matches!(news, News::Health { writable: true, .. }));
    let (later, _) = world.record(200);
    world.store().settle();
    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!(report.findings, []);
    assert_eq!(report.ended, [(running, Ended::InOrder), (later, Ended::InOrder)]);
    assert_eq!(world.store().search(&Query::default()).expect("an index").len(), 2);
    world.store.take().expect("open").close();
}

/// AUD-03, promise 6: on a full disk the reserve keeps the audit book going; when that is used up too, what must be audited
/// is refused, and with room it goes on.
#[test]
fn a_full_disk_audits_from_its_reserve_and_then_refuses() {
    let Some(small) = Small::new() else { return };
    let mut world = World::within(&small.mount);
    world.expect(|news| matches!(news, News::Health { writable: true, .. }));
    let audit = |world: &World| {
        world.store().audit(AuditEntry {
            at: Wall::from_micros(world.now),
            who: Who::node(),
            act: "rec.play".into(),
            on: None,
            about: vec![],
            result: Outcome::Begun,
            reason: Some("a".repeat(2_000)),
            of: None,
            detail: serde_json::Value::Null,
        })
    };
    audit(&world).expect("room");
    small.fill();
    let mut written = 1;
    let refused = loop {
        match audit(&world) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 5_000, "a full disk takes everything");
    };
    assert!(matches!(refused, StoreError::NotAudited), "{refused:?}");
    assert!(written > 10, "the reserve took {written}");
    assert!(!world.store().status().alarms.is_empty(), "and somebody is told");
    std::fs::remove_file(small.mount.join("filler")).expect("ours");
    world.expect(|news| matches!(news, News::Health { writable: true, .. }));
    audit(&world).expect("room again");
    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!(report.findings, []);
    assert!(report.entries > written, "{} of {written}", report.entries);
    world.store.take().expect("open").close();
}

/// Promise 6 (AUD-03): what the reserve is good for. An entry as full as they get costs so many octets for good, so that the reserve
/// of a disk of 6.4 GB and more (64 MiB) audits for hours; the journal takes it once more until its segment is given back.
#[test]
fn the_reserve_is_hours_of_audit() {
    const ENTRIES: u64 = 400;
    const RESERVE: u64 = 64 << 20;
    let world = World::new();
    let size = |world: &World| -> u64 {
        let grown = crate::world::files(world.dir()).into_iter().filter(|path| {
            ["audit", "ledger"]
                .iter()
                .any(|folder| path.parent().is_some_and(|parent| parent.ends_with(folder)))
        });
        grown.map(|path| path.metadata().map_or(0, |facts| facts.len())).sum()
    };
    world.store().settle();
    let before = size(&world);
    for number in 0..ENTRIES {
        let entry = AuditEntry {
            at: Wall::from_micros(1_795_337_972_120_000),
            who: Who::node(),
            act: "rec.export.item".into(),
            on: Some("r-01J00000000000000000000000".into()),
            about: vec![Masked::new(CALLER)],
            result: Outcome::Done,
            reason: Some("案件 2026-88 的监管检查，第三方调阅".into()),
            of: Some(number),
            detail: serde_json::json!({ "motion": "m-01J00000000000000000000000" }),
        };
        world.store().audit_later(entry).expect("room");
        if number % 100 == 99 {
            world.store().settle();
        }
    }
    world.store().settle();
    let each = (size(&world) - before) / ENTRIES;
    // Once for good and once in the journal; two entries an act.
    let acts_a_second = RESERVE / (2 * 2 * each) / 3_600;
    eprintln!("an entry costs {each} octets: the reserve is an hour of {acts_a_second} acts a second");
    assert!((100..1_000).contains(&each) && acts_a_second >= 4, "{each} octets");
}
