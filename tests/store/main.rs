//! The recording store from outside: record, find, verify, decode, break, repair.

mod backup;
mod derived;
mod full;
mod keeping;
mod keys;
mod mutations;
mod python;
mod search;
mod token;
mod witness;
mod world;

use ledgerline::base::{Masked, Wall};
use ledgerline::io::store::{Options, Store, StoreError};
use ledgerline::vault::{Damage, Ended, Query, Scope, Subject};
use world::{CALLEE, CALLER, CALLER_NAME, DIALLED, World, files};

fn by_number(number: &str) -> Query {
    Query { number: Some(Masked::new(number)), ..Query::default() }
}

fn by_name(name: &str) -> Query {
    Query { name: Some(Masked::new(name)), ..Query::default() }
}

#[test]
fn a_recording_is_found_verified_and_played() {
    let mut world = World::new();
    let (recording, call) = world.begin();
    world.talk(recording, 0, 500, 0x2a);
    world.talk(recording, 500, 1_000, 0x2a);
    assert_eq!(world.store().search(&by_number(CALLER)).expect("index").len(), 1, "found while it runs");
    world.end(recording);
    world.cdr(call);
    world.store().settle();

    let rows = world.store().search(&by_number("+86 138 1234 5678")).expect("index");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.recording, row.call, row.packets, row.leaf), (recording, call, 100, Some(0)));
    assert_eq!(row.ended, Some(Ended::InOrder));
    assert!(row.duration_us.expect("closed") >= 1_000_000);
    assert_eq!(world.store().recordings_of(call).expect("index"), [recording]);
    let cdrs = world.store().cdrs_of(call).expect("index");
    assert_eq!((cdrs.len(), cdrs[0].cdr["from"].as_str()), (1, Some(CALLER)));
    assert_eq!(world.store().cdrs(&by_number(CALLER)).expect("index").len(), 1);

    let record = world.store().show(recording).expect("opens");
    assert_eq!(record.row.opening.caller.reveal(), CALLER);
    assert_eq!(record.row.closing.expect("closed").cause, "caller hung up");

    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!(report.findings, []);
    assert_eq!((report.recordings, report.cdrs, report.leaves), (1, 1, 2));
    assert_eq!(world.store().verify(Scope::One(recording)).expect("readable").recordings, 1);

    let wav = world.dir().join("out.wav");
    let decoded = world.store().decode(recording, &wav).expect("opens");
    assert_eq!((decoded.undecodable.len(), decoded.damages.len()), (0, 0));
    let mut sound = hound::WavReader::open(&wav).expect("a WAV");
    assert_eq!((sound.spec().channels, sound.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = sound.samples::<i16>().map(|sample| sample.expect("16 bit")).collect();
    assert!(samples.len() >= 2 * 8_000);
    let (left, right) = (samples[2 * 4_000], samples[2 * 4_000 + 1]);
    assert!(left != 0 && left == -right, "each track on its side: {left} {right}");
    assert!(matches!(world.store().decode(recording, &wav), Err(StoreError::Exists(_))));
}

#[test]
fn search_knows_numbers_names_times_and_limits() {
    let mut world = World::new();
    let ids: Vec<_> = (0..5).map(|_| world.record(100).0).collect();
    world.store().settle();
    let mut newest: Vec<_> = ids.clone();
    newest.reverse();
    let found = |query: &Query| -> Vec<_> {
        world.store().search(query).expect("index").iter().map(|row| row.recording).collect()
    };
    for query in
        [by_number(CALLER), by_number("010-62581234"), by_name(CALLER_NAME), by_name(" ALICE.Wonder")]
    {
        assert_eq!(found(&query), newest, "{query:?}");
    }
    for query in [by_number("13812345679"), by_name("张三"), by_number(CALLER_NAME.trim_end_matches('丰'))]
    {
        assert_eq!(found(&query), [], "{query:?}");
    }
    let both = Query { name: Some(Masked::new("Alice")), ..by_number(DIALLED) };
    assert_eq!(found(&both), newest);
    let neither = Query { name: Some(Masked::new("Bob")), ..by_number(DIALLED) };
    assert_eq!(found(&neither), []);
    assert_eq!(found(&Query { newest_first: false, limit: 2, ..Query::default() }), ids[..2]);
    assert_eq!(found(&Query { limit: 2, ..by_number(CALLER) }), newest[..2]);
    let started = |index: i64| Some(Wall::from_micros(world.now - (4 - index) * 1_000_000));
    let middle = Query { from: started(1), until: started(3), newest_first: false, ..by_number(CALLER) };
    assert_eq!(found(&middle), ids[1..3]);
    let middle = Query { number: None, ..middle };
    assert_eq!(found(&middle), ids[1..3]);
}

/// KEY-01: a copy of the disk shows no number and no name.
#[test]
fn nothing_personal_is_in_clear_on_the_disk() {
    let mut world = World::new();
    let (recording, call) = world.record(1_000);
    world.cdr(call);
    let (open, _) = world.begin();
    world.talk(open, 0, 200, 0x2a);
    world.store().settle();
    // What a thief of the running machine's disk gets, and what one gets after an orderly stop.
    for round in ["running", "stopped"] {
        if round == "stopped" {
            world.store.take().expect("open").close();
        }
        let seeds: [&[u8]; 8] = [
            CALLER.as_bytes(),
            CALLER_NAME.as_bytes(),
            CALLEE.as_bytes(),
            DIALLED.as_bytes(),
            b"1062581234",
            b"Alice",
            b"caller hung up",
            &[0x2a; 20],
        ];
        let mut seen = 0;
        for path in files(world.dir()) {
            let bytes = std::fs::read(&path).expect("ours");
            seen += bytes.len();
            for seed in seeds {
                assert!(
                    memchr::memmem::find(&bytes, seed).is_none(),
                    "{round}: {seed:?} in {}",
                    path.display()
                );
            }
        }
        assert!(seen > 10_000, "there was something to look at");
    }
    let _ = recording;
}

#[test]
fn what_is_done_to_the_files_is_named() {
    let mut world = World::new();
    let ids: Vec<_> = (0..6).map(|_| world.record(300)).collect();
    for (_, call) in &ids {
        world.cdr(*call);
    }
    world.store().settle();
    world.store.take().expect("open").close();
    let path = |index: usize| world.file_of(ids[index].0);
    let mut flipped = std::fs::read(path(0)).expect("there");
    let place = flipped.len() / 2;
    flipped[place] ^= 4;
    std::fs::write(path(0), flipped).expect("ours");
    let cut = std::fs::read(path(1)).expect("there");
    std::fs::write(path(1), &cut[..cut.len() - 30]).expect("ours");
    std::fs::copy(path(3), path(2)).expect("ours");
    std::fs::remove_file(path(4)).expect("ours");
    let stray = path(5).with_file_name(format!("{}.llr", ids[5].0).replace("r-0", "r-1"));
    std::fs::copy(path(5), &stray).expect("ours");
    std::fs::write(path(5).with_file_name("notes.txt"), "x").expect("ours");
    let log = files(&world.dir().join("cdr")).remove(0);
    let mut bytes = std::fs::read(&log).expect("there");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&log, bytes).expect("ours");

    let store = Store::open_stopped(world.dir(), &Options::default()).expect("opens");
    let report = store.verify(Scope::All).expect("readable");
    let about = |subject: Subject| -> Vec<&Damage> {
        report.findings.iter().filter(|found| found.subject == subject).map(|found| &found.damage).collect()
    };
    let recording = |index: usize| about(Subject::Recording(ids[index].0));
    assert!(matches!(recording(0)[..], [Damage::Altered { .. }, Damage::NotTheLeaf { leaf: 0 }]));
    assert!(matches!(recording(1)[..], [Damage::Torn { .. }, Damage::NotTheLeaf { leaf: 1 }]));
    assert!(matches!(recording(2)[..], [Damage::OtherFile { .. }, Damage::NotTheLeaf { leaf: 2 }]));
    assert_eq!(recording(3), [&Damage::Gone { leaf: 4 }; 0]);
    assert_eq!(recording(4), [&Damage::Gone { leaf: 4 }]);
    assert_eq!(recording(5), [&Damage::Gone { leaf: 4 }; 0]);
    let strangers = report.findings.iter().filter(|found| found.damage == Damage::NotInLedger).count();
    assert_eq!(strangers, 2, "the copy and the note: {:?}", report.findings);
    assert!(matches!(about(Subject::Log(ledgerline::vault::Book::Cdr, 0))[..], [Damage::Altered { .. }]));
    let lost = report.findings.iter().filter(|found| matches!(found.subject, Subject::Cdr(_))).count();
    assert_eq!(lost, 1, "the record of the altered chunk: {:?}", report.findings);
    assert_eq!((report.recordings, report.cdrs), (2, 5));
    assert!(!store.verify(Scope::One(ids[0].0)).expect("readable").is_clean());
    assert!(store.verify(Scope::One(ids[3].0)).expect("readable").is_clean());
}

#[test]
fn what_is_done_to_the_ledger_is_named() {
    let named = |tamper: &dyn Fn(&mut Vec<u8>, &mut Vec<u8>)| -> Vec<Damage> {
        let mut world = World::new();
        // A head is kept a minute; a start begins its own.
        for _ in 0..4 {
            world.record(40);
            world.restart();
        }
        world.store.take().expect("open").close();
        let (leaves, heads) = (world.dir().join("ledger/leaves"), world.dir().join("ledger/heads"));
        let mut bytes = (std::fs::read(&leaves).expect("there"), std::fs::read(&heads).expect("there"));
        assert_eq!((bytes.0.len(), bytes.1.len()), (4 * 96, 4 * 136), "a leaf and a head each");
        tamper(&mut bytes.0, &mut bytes.1);
        std::fs::write(leaves, bytes.0).expect("ours");
        std::fs::write(heads, bytes.1).expect("ours");
        let store = Store::open_stopped(world.dir(), &Options::default()).expect("opens");
        let report = store.verify(Scope::All).expect("readable");
        let ledger = report.findings.into_iter().filter(|found| found.subject == Subject::Ledger);
        ledger.map(|found| found.damage).collect()
    };
    assert_eq!(named(&|_, _| {}), []);
    assert_eq!(named(&|leaves, _| leaves[96 + 70] ^= 1), [Damage::Root { from: 1, to: 1, head: 1 }]);
    assert_eq!(
        named(&|leaves, _| leaves[96] ^= 1),
        [Damage::Leaf { leaf: 1 }, Damage::Root { from: 1, to: 1, head: 1 }]
    );
    let deleted = named(&|leaves, _| drop(leaves.drain(96..192)));
    assert!(deleted.contains(&Damage::Leaf { leaf: 1 }), "{deleted:?}");
    assert!(deleted.contains(&Damage::LedgerCut { signed: 4, present: 3 }), "{deleted:?}");
    assert_eq!(named(&|leaves, _| leaves.truncate(3 * 96)), [Damage::LedgerCut { signed: 4, present: 3 }]);
    assert_eq!(named(&|_, heads| heads[2 * 136 + 40] ^= 1), [Damage::Head { head: 2 }]);
    assert_eq!(
        named(&|_, heads| heads.truncate(2 * 136)),
        [Damage::Head { head: 2 }, Damage::Unsigned { from: 2 }],
        "the running head is the next, and no other"
    );
}

#[test]
fn the_index_can_be_thrown_away() {
    let mut world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.record(100)).collect();
    world.cdr(ids[0].1);
    world.store().settle();
    let before = world.store().search(&by_number(CALLER)).expect("index");
    assert_eq!(before.len(), 3);
    let mut seen = Vec::new();
    assert_eq!(world.store().reindex(&mut |done, all| seen.push((done, all))).expect("rebuilt"), 4);
    assert_eq!(seen.last(), Some(&(4, 4)));
    assert_eq!(world.store().search(&by_number(CALLER)).expect("index"), before);
    // A start without an index, and one with a broken one.
    for damage in ["remove", "break"] {
        world.store.take().expect("open").close();
        for path in files(&world.dir().join("index")) {
            match damage {
                "remove" => std::fs::remove_file(&path).expect("ours"),
                _ => std::fs::write(&path, b"nonsense").expect("ours"),
            }
        }
        world.open();
        assert_eq!(world.store().search(&by_number(CALLER)).expect("index"), before, "{damage}");
        assert_eq!(world.store().cdrs_of(ids[0].1).expect("index").len(), 1, "{damage}");
    }
}

#[test]
fn a_snapshot_that_a_crash_of_sled_left_half_does_not_matter() {
    let mut world = World::new();
    world.record(100);
    world.store.take().expect("open").close();
    let generation = std::fs::read_dir(world.dir().join("index")).expect("there").next().expect("one");
    let half = generation.expect("readable").path().join("snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::write(half, b"").expect("ours");
    world.open();
    assert_eq!(world.store().search(&by_number(CALLER)).expect("index").len(), 1);
}

#[test]
fn a_stop_closes_what_runs_and_a_start_goes_on() {
    let mut world = World::new();
    let (first, _) = world.begin();
    world.talk(first, 0, 400, 0x2a);
    world.restart();
    let second = world.record(100).0;
    world.store().settle();
    let rows = world.store().search(&Query { newest_first: false, ..by_number(CALLER) }).expect("index");
    let seen: Vec<_> = rows.iter().map(|row| (row.recording, row.packets, row.leaf)).collect();
    assert_eq!(seen, [(first, 40, Some(0)), (second, 10, Some(1))]);
    assert_eq!(world.store().verify(Scope::All).expect("readable").findings, []);
    assert_eq!(files(&world.dir().join("journal")).len(), 1, "old segments are gone");
}

#[test]
fn only_one_opens_a_store_and_only_with_keys_that_are_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new();
    assert!(matches!(Store::open_stopped(world.dir(), &Options::default()), Err(StoreError::InUse)));
    assert!(matches!(Store::create(world.dir(), &Options::default()), Err(StoreError::Exists(_))));
    world.store.take().expect("open").close();
    let key = world.dir().join("keys/kek-00000001.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let opened = Store::open_stopped(world.dir(), &Options::default());
    assert!(matches!(opened, Err(StoreError::Rights(_, 0o644))));
}
