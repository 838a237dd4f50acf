//! Retention, holds and destruction over a real store. Recordings are made in the past, so that terms are over now.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledgerline::base::{CallId, LegId, Masked, RecordingId, Wall};
use ledgerline::compliance::retention::{Select, State, Use};
use ledgerline::io::store::{Listing, StoreError, verify_copy};
use ledgerline::vault::{
    Anchor, Certificate, Closing, Damage, Erasure, Grounds, Holding, Job, LedgerPublic, News, Opening, Order,
    Party, Query, Retention, Scope, TapItem,
};

use crate::world::{CALLEE, CALLER, World, files};

const DAY: u64 = 86_400;

fn ago(days: u64) -> Wall {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Wall::from_micros((now - Duration::from_secs(days * DAY)).as_micros() as i64)
}

pub fn class(anchor: &str, min_days: u64, max_days: Option<u64>) -> Retention {
    Retention {
        class: "试验+合作项目".into(),
        anchor: anchor.into(),
        min_seconds: Some(min_days * DAY),
        max_seconds: max_days.map(|days| days * DAY),
    }
}

/// A recording that was made `days` ago under `retention`.
pub fn made(world: &mut World, days: u64, retention: Retention) -> (RecordingId, CallId) {
    let at = ago(days);
    let recording = RecordingId::new(at, &mut world.random);
    let call = CallId::new(at, &mut world.random);
    let facts = Box::new(Opening {
        caller: Masked::new(CALLER),
        dialled: Masked::new("95599"),
        retention: Some(retention),
        ..Opening::default()
    });
    world.store().order(Order::Open { recording, call, at, facts }).expect("taken");
    world.expect(|news| *news == News::Opened { recording });
    world.talk(recording, 0, 200, 0x2a);
    world.store().tap().try_send(TapItem::Ended { recording }).expect("never refused");
    let facts = Box::new(Closing {
        ended_at: Some(at + Duration::from_secs(60)),
        parties: vec![Party { leg: LegId(1), who: Masked::new(CALLEE), name: Masked::new("Alice") }],
        ..Closing::default()
    });
    world.store().order(Order::Close { recording, at, facts }).expect("taken");
    world.expect(|news| matches!(news, News::Closed { recording: closed, .. } if *closed == recording));
    world.store().settle();
    (recording, call)
}

fn listed(world: &World, listing: Listing) -> Vec<RecordingId> {
    let found = world.store().retention(listing, 100).expect("index");
    found.into_iter().map(|kept| kept.recording).collect()
}

fn one(recording: RecordingId) -> Select {
    Select { recordings: vec![recording], ..Select::default() }
}

pub fn job(world: &World, recordings: Vec<RecordingId>) -> Job {
    Job {
        no: world.store().next_job(),
        grounds: Grounds {
            org: "××医院".into(),
            counterparty: "××外包".into(),
            basis: "合同终止".into(),
            basis_at: ago(1),
        },
        scope: "合作项目".into(),
        recordings,
        also: vec!["index".into()],
        requested_by: "li".into(),
        approved_by: vec!["wang".into(), "zhao".into()],
        ..Job::default()
    }
}

fn holding(case: &str, select: Select) -> Holding {
    Holding { case: case.into(), select, reason: "court".into() }
}

fn public(world: &World) -> LedgerPublic {
    let text = std::fs::read_to_string(world.dir().join("ledger/ledger.pub")).expect("there");
    LedgerPublic::parse(&text).expect("a point")
}

/// RET-01: a day before its term nobody destroys it, whoever approves; and a file that is removed behind the store's back
/// is named. RET-04: past the maximum it is on the list.
#[test]
fn nothing_goes_before_its_time() {
    let mut world = World::new();
    let (young, _) = made(&mut world, 364, class("call.end", 365, None));
    let (old, _) = made(&mut world, 366, class("call.end", 365, None));
    let (overdue, _) = made(&mut world, 500, class("call.end", 365, Some(400)));
    assert_eq!(listed(&world, Listing::In(State::Active)), [young]);
    assert_eq!(listed(&world, Listing::In(State::Expired)), [overdue, old], "oldest first");
    assert_eq!(listed(&world, Listing::Due), [overdue]);
    for recordings in [vec![young], vec![old, young]] {
        let refused = world.store().destroy("li", job(&world, recordings));
        assert!(
            matches!(refused, Err(StoreError::Withheld(id, State::Active)) if id == young),
            "{refused:?}"
        );
    }
    assert!(world.file_of(old).exists(), "not even the other one");
    assert!(world.store().verify(Scope::All).expect("readable").is_clean());
    std::fs::remove_file(world.file_of(young)).expect("ours");
    let found = world.store().verify(Scope::All).expect("readable").findings;
    assert!(matches!(found[..], [ref one] if one.damage == Damage::Gone { leaf: 0 }), "{found:?}");
}

/// RET-02: an anchor that has not come keeps, is listed, and moves the term only later unless two agree.
#[test]
fn anchors_come_and_only_lengthen() {
    let mut world = World::new();
    let (recording, _) = made(&mut world, 3_000, class("contract.end", 365, None));
    assert_eq!(listed(&world, Listing::Pending), [recording]);
    assert_eq!(listed(&world, Listing::In(State::Active)), [recording]);
    let store = world.store();
    let set = |days, approved: &[&str]| {
        let approved = approved.iter().map(|name| name.to_string()).collect();
        let anchor = Anchor { event: "contract.end".into(), moment: ago(days), select: one(recording) };
        store.anchor("li", anchor, approved)
    };
    set(100, &[]).expect("known now");
    assert_eq!(listed(&world, Listing::Pending), []);
    assert_eq!(listed(&world, Listing::In(State::Active)), [recording]);
    for approved in [&[][..], &["wang"]] {
        assert!(matches!(set(1_000, approved), Err(StoreError::Rule(_))), "{approved:?}");
    }
    set(50, &[]).expect("later is nobody's loss");
    set(1_000, &["wang", "zhao"]).expect("two agreed");
    assert_eq!(listed(&world, Listing::In(State::Expired)), [recording]);
    world.restart();
    assert_eq!(listed(&world, Listing::In(State::Expired)), [recording], "the book remembers");
    let anchor = Anchor { event: "contract.end".into(), moment: ago(1), select: Select::default() };
    assert!(world.store().anchor("li", anchor, vec![]).is_err());
}

/// RET-07: asked to be erased while the term runs: guarded, and neither played, found nor exported.
#[test]
fn what_is_sealed_is_not_used() {
    let mut world = World::new();
    let (recording, _) = made(&mut world, 10, class("call.end", 365, None));
    let asked = Erasure { recording, reason: "PIPL 47".into() };
    world.store().ask_erasure("li", asked).expect("written down");
    for (wanted, allowed) in [
        (Use::Play, false),
        (Use::Search, false),
        (Use::Export, false),
        (Use::RegulatorExport, true),
        (Use::Destroy, false),
    ] {
        assert_eq!(world.store().may(recording, wanted).is_ok(), allowed, "{wanted:?}");
    }
    assert_eq!(listed(&world, Listing::In(State::Sealed)), [recording]);
}

/// HOLD-01 to HOLD-04: by number in any writing, what comes later too; nothing held is destroyed; a second person ends it.
#[test]
fn a_hold_holds_what_is_there_and_what_comes() {
    let mut world = World::new();
    let (before, _) = made(&mut world, 400, class("call.end", 365, None));
    let select = Select { number: Some("+86 138 1234 5678".into()), ..Select::default() };
    world.store().hold("li", holding("C-7", select.clone())).expect("laid");
    let (after, _) = made(&mut world, 400, class("call.end", 365, None));
    let mut both = [before, after];
    both.sort();
    let mut held = listed(&world, Listing::Held);
    held.sort();
    assert_eq!(held, both);
    let (free, withheld) = world.store().destroyable(both).expect("index");
    assert_eq!((free, withheld), (vec![], vec![("C-7".to_string(), 2)]));
    assert!(matches!(world.store().destroy("li", job(&world, vec![before])), Err(StoreError::Withheld(..))));
    assert!(world.store().hold("wang", holding("C-7", select)).is_err(), "a case is not overwritten");
    assert!(world.store().hold("wang", holding("C-8", Select::default())).is_err());
    for (approved, done) in
        [(vec![], false), (vec!["li".to_string()], false), (vec!["wang".to_string()], true)]
    {
        assert_eq!(world.store().release("li", "C-7", approved).is_ok(), done);
    }
    world.restart();
    assert_eq!(listed(&world, Listing::Held), []);
    assert_eq!(world.store().destroyable(both).expect("index").0.len(), 2, "the old term counts again");
}

/// DES-01, DES-02, DES-04, DES-05: key and file are gone, the index forgets, a certificate is signed, tombstones verify.
#[test]
fn a_destruction_leaves_a_tombstone_and_a_certificate() {
    let mut world = World::new();
    let (gone, call) = made(&mut world, 400, class("call.end", 365, Some(380)));
    world.cdr(call);
    let (stays, _) = made(&mut world, 10, class("call.end", 365, None));
    let path = world.file_of(gone);
    let image = std::fs::read(&path).expect("there");
    let job_no = world.store().next_job();
    for approved in [
        vec![],
        vec!["wang".to_string()],
        vec!["wang".into(), "li".into()],
        vec!["wang".into(), "wang".into()],
    ] {
        let job = Job { approved_by: approved.clone(), ..job(&world, vec![gone]) };
        assert!(matches!(world.store().destroy("li", job), Err(StoreError::Rule(_))), "{approved:?}");
    }
    assert_eq!(world.store().destroy("li", job(&world, vec![gone])).expect("done"), 1);
    assert!(!path.exists());
    assert!(matches!(world.store().may(gone, Use::Play), Err(StoreError::Withheld(_, State::Destroyed))));
    let found = world.store().search(&Query { number: Some(Masked::new(CALLER)), ..Query::default() });
    assert_eq!(found.expect("index").into_iter().map(|row| row.recording).collect::<Vec<_>>(), [stays]);
    assert_eq!(world.store().cdrs_of(call).expect("index"), []);
    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!(
        (report.findings.len(), report.destroyed, report.recordings),
        (0, 1, 1),
        "{:?}",
        report.findings
    );

    let json =
        std::fs::read_to_string(world.dir().join(format!("certificates/{job_no}.json"))).expect("written");
    let certificate = Certificate::verify(&json, &public(&world)).expect("signed");
    assert_eq!((certificate.no.as_str(), certificate.scope.recordings), (job_no.as_str(), 1));
    assert_eq!((certificate.scope.seq, certificate.hours_since_basis.round()), ((0, 0), 24.0));
    let page = std::fs::read(world.dir().join(format!("certificates/{job_no}.pdf"))).expect("written");
    assert!(page.starts_with(b"%PDF"));
    for text in [CALLER, CALLEE] {
        assert!(!json.contains(text), "a certificate names no caller");
    }
    assert!(world.store().jobs().is_empty());

    // DES-07: a backup is brought back: it is buried again before anything is served, online and in a copy.
    world.store.take().expect("open").close();
    std::fs::write(&path, &image).expect("ours");
    let undead =
        verify_copy(world.dir(), &public(&world), "", ledgerline::io::store::Depth::Content, &mut |_, _| {});
    let undead = undead.expect("readable").findings;
    assert!(undead.iter().any(|finding| matches!(finding.damage, Damage::Undead { .. })), "{undead:?}");
    world.open();
    assert!(!path.exists());
    assert!(world.store().verify(Scope::All).expect("readable").is_clean());
    world.store().reindex(&mut |_, _| {}).expect("rebuilt");
    let found = world.store().search(&Query { number: Some(Masked::new(CALLER)), ..Query::default() });
    assert_eq!(found.expect("index").len(), 1, "a new index does not know it either");
}

/// DES-01: the old disk's image with the key slot overwritten opens with no key.
#[test]
fn an_image_without_its_key_slot_opens_no_more() {
    let mut world = World::new();
    let (recording, _) = made(&mut world, 400, class("call.end", 365, None));
    let path = world.file_of(recording);
    // Another name for the same octets on the disk: what a forensic tool would find of the file.
    let image = world.dir().join("image");
    std::fs::hard_link(&path, &image).expect("room");
    world.store().destroy("li", job(&world, vec![recording])).expect("done");
    let left = std::fs::read(&image).expect("the octets are still there");
    assert_eq!(left[68..112], [0; 44], "the wrapped key is not");
    let ring = ledgerline::io::store::load_keys(&world.dir().join("keys")).expect("ours");
    let mut opener = ledgerline::vault::Opener::new(&ring, Some(recording));
    opener.push(&left);
    opener.end();
    assert!(opener.piece().is_none(), "nothing of it opens");
}

/// DES-06: a job that was cut goes on at the next start, and is done only then.
#[test]
fn an_interrupted_job_goes_on() {
    let mut world = World::new();
    let ids: Vec<RecordingId> =
        (0..3).map(|day| made(&mut world, 400 + day, class("call.end", 365, None)).0).collect();
    let paths: Vec<_> = ids.iter().map(|id| world.file_of(*id)).collect();
    // The second cannot be destroyed: something else is in its place.
    let path = world.file_of(ids[1]);
    let image = std::fs::read(&path).expect("there");
    std::fs::remove_file(&path).expect("ours");
    std::fs::create_dir(&path).expect("room");
    let order = job(&world, ids.clone());
    assert!(matches!(world.store().destroy("li", order), Err(StoreError::Disk { .. })));
    assert_eq!(world.store().jobs().len(), 1, "open, and not done");
    assert!(!world.dir().join("certificates").exists());
    std::fs::remove_dir(&path).expect("ours");
    std::fs::write(&path, image).expect("ours");
    world.restart();
    let late = std::time::Instant::now() + Duration::from_secs(20);
    while !world.store().jobs().is_empty() {
        assert!(std::time::Instant::now() < late, "it does not go on");
        std::thread::yield_now();
    }
    assert!(paths.iter().all(|path| !path.exists()));
    assert_eq!(files(&world.dir().join("certificates")).len(), 2);
    assert_eq!(world.store().verify(Scope::All).expect("readable").findings, []);
}

/// RET-05: the last signed time lies in the future of the clock: somebody turned it back. Nothing is destroyed.
#[test]
fn a_clock_that_was_turned_back_freezes_destruction() {
    let mut world = World::new();
    let (recording, _) = made(&mut world, 400, class("call.end", 365, None));
    world.store().jumped(-3_600);
    assert!(world.store().status().alarms.iter().any(|alarm| alarm.contains("clock")));
    let refused = world.store().destroy("li", job(&world, vec![recording]));
    assert!(matches!(refused, Err(StoreError::Rule(_))), "{refused:?}");
    world.restart();
    assert!(world.store().destroy("li", job(&world, vec![recording])).is_err(), "a restart does not thaw");
    world.store().thaw("li", "the battery was changed").expect("thawed");
    assert!(world.store().thaw("li", "again").is_err());
    assert_eq!(world.store().destroy("li", job(&world, vec![recording])).expect("done"), 1);
}

/// RET-05 over a stop: a clock that was set forward while nobody looked makes nothing destroyable.
#[test]
fn a_clock_that_was_set_forward_while_stopped_freezes_destruction() {
    let mut world = World::new();
    let (recording, _) = made(&mut world, 400, class("call.end", 365, None));
    world.store.take().expect("open").close();
    let path = world.dir().join("clock.json");
    let text = std::fs::read_to_string(&path).expect("kept");
    let mut seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let wall = seen["wall"].as_i64().expect("microseconds");
    seen["wall"] = (wall - 400 * 86_400_000_000).into();
    std::fs::write(&path, seen.to_string()).expect("ours");
    world.open();
    assert!(world.store().status().alarms.iter().any(|alarm| alarm.contains("clock")));
    assert!(matches!(world.store().destroy("li", job(&world, vec![recording])), Err(StoreError::Rule(_))));
    world.store().thaw("li", "NTP was right").expect("thawed");
    world.restart();
    assert!(!world.store().status().alarms.iter().any(|alarm| alarm.contains("clock")), "it was looked at");
}
