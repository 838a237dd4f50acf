//! A writer over a disk that loses power, lies about fdatasync and fills up: thousands of crashes by seed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::base::{CallId, Masked, Random, RecordingId, Secret, Time, Wall};
use crate::vault::{
    AuditEntry, Batch, Book, Closing, Ended, Event, Frame, Frames, Frontier, HEAD_BYTES, Item, Keyring, Kind,
    LEAF_BYTES, Leaf, LedgerKey, News, Opening, Order, Outcome, Story, Suite, TreeHead, Unsealed, Who,
};

use super::checkpoint::Job;
use super::commit::Sync;
use super::disk::{Disk, Place};
use super::keys::Keys;
use super::note::{Note, Setup, Told};
use super::recover::{examine, recover};
use super::simulated_disk::SimDisk;
use super::writer::{Work, Writer};

/// A node that records, and what it was promised.
struct Node {
    disk: SimDisk,
    writer: Option<Writer<SimDisk>>,
    /// Flushes that are not promised yet: when, and how much had been handed over.
    written: Vec<(Wall, BTreeMap<RecordingId, u32>, u64)>,
    /// An fdatasync that is under way, and checkpoints.
    syncs: Vec<Sync>,
    jobs: Vec<Job>,
    now: Time,
    random: Random,
    /// Per recording: how many packets were handed over, and how many of them were acknowledged.
    sent: BTreeMap<RecordingId, (u32, u32)>,
    /// Recordings that still take packets.
    open: Vec<RecordingId>,
    /// Leaf by recording, as it was told.
    closed: HashMap<RecordingId, u64>,
    cdrs_sent: u64,
    cdrs_acked: u64,
    /// Entries of the audit book: how many were given, which were acknowledged with which leaf, and how many refused.
    tickets: u64,
    noted: BTreeMap<u64, u64>,
    not_noted: u64,
    writable: bool,
    lost: u64,
    refused: u64,
}

const KEK: [u8; 32] = [7; 32];
const SEED: [u8; 32] = [9; 32];

fn ring() -> Keyring {
    let mut ring = Keyring::new();
    ring.insert(1, Secret::new(KEK));
    ring
}

impl Node {
    fn new(seed: u64) -> Node {
        let mut node = Node {
            disk: SimDisk::new(seed),
            writer: None,
            written: Vec::new(),
            syncs: Vec::new(),
            jobs: Vec::new(),
            now: Time::from_millis(1),
            random: Random::from_number(seed ^ 0xface),
            sent: BTreeMap::new(),
            open: Vec::new(),
            closed: HashMap::new(),
            cdrs_sent: 0,
            cdrs_acked: 0,
            tickets: 0,
            noted: BTreeMap::new(),
            not_noted: 0,
            writable: false,
            lost: 0,
            refused: 0,
        };
        node.start();
        node
    }

    fn wall(&self) -> Wall {
        Wall::from_micros(1_795_337_972_000_000 + self.now.as_micros() as i64)
    }

    fn start(&mut self) {
        let setup = Setup {
            keys: Keys::new(ring()),
            ledger_key: LedgerKey::from_seed(&Secret::new(SEED)),
            clock_state: || "simulated",
            random: self.random.fork(),
            low_water_bytes: Some(100_000),
            reserve_bytes: Some(50_000),
        };
        self.writer = recover(self.disk.clone(), setup, self.now, self.wall()).ok();
    }

    fn writer(&mut self) -> &mut Writer<SimDisk> {
        self.writer.as_mut().expect("started")
    }

    fn begin(&mut self) {
        let (at, now) = (self.wall(), self.now);
        let recording = RecordingId::new(at, &mut self.random);
        let call = CallId::new(at, &mut self.random);
        let facts = Box::new(Opening { caller: Masked::new("1001"), ..Opening::default() });
        self.writer().order(Order::Open { recording, call, at, facts }, now);
        self.listen();
    }

    fn listen(&mut self) {
        let told: Vec<Told> = self.writer().told().collect();
        for told in told {
            match told {
                Told::News(News::Opened { recording }) => {
                    self.sent.insert(recording, (0, 0));
                    self.open.push(recording);
                }
                Told::News(News::Closed { recording, leaf, .. }) => {
                    self.closed.insert(recording, leaf);
                }
                Told::News(News::Refused { .. }) => self.refused += 1,
                Told::News(News::Lost { packets, .. }) => self.lost += packets,
                Told::News(News::Health { writable, .. }) => self.writable = writable,
                Told::Noted { ticket, leaf } => {
                    self.noted.insert(ticket, leaf);
                }
                Told::NotNoted { .. } => self.not_noted += 1,
                Told::Row(_) | Told::Cdr(_) | Told::Derived(_) => {}
                Told::Audit { .. } | Told::Kept { .. } => {}
            }
        }
    }

    /// Hands over a few packets, numbered without gap.
    fn talk(&mut self, recording: RecordingId) {
        let count = 1 + self.random.below(4) as u32;
        let mut batch = Batch::new(recording);
        let sent = self.sent.get_mut(&recording).expect("opened");
        for number in sent.0..sent.0 + count {
            let payload = [recording.to_bytes()[15]; 40];
            let frame = Frame {
                track: (number % 2) as u8,
                arrival_us: u64::from(number) * 20_000,
                payload_type: 8,
                marker: false,
                sequence: number as u16,
                timestamp: number,
                payload: &payload,
            };
            batch.push(frame).expect("room");
        }
        sent.0 += count;
        self.writer().tap(batch);
    }

    fn end(&mut self, recording: RecordingId) {
        let (at, now) = (self.wall(), self.now);
        self.open.retain(|open| *open != recording);
        self.writer().media_ended(recording);
        self.writer().order(Order::Close { recording, at, facts: Box::new(Closing::default()) }, now);
    }

    /// A flush on a disk that is done with every fdatasync at once.
    fn flush(&mut self) {
        self.write();
        self.syncs_end();
    }

    /// A flush whose fdatasync takes its time.
    fn write(&mut self) {
        self.now = self.now + Duration::from_millis(100);
        let (now, wall) = (self.now, self.wall());
        self.writer().flush(now, wall);
        let sent = self.sent.iter().map(|(id, (sent, _))| (*id, *sent)).collect();
        self.written.push((wall, sent, self.cdrs_sent));
        self.take_work();
        self.listen();
    }

    fn take_work(&mut self) {
        while let Some(work) = self.writer().work() {
            match work {
                Work::Sync(sync) => self.syncs.push(sync),
                Work::Checkpoint(job) => self.jobs.push(job),
            }
        }
    }

    /// Every fdatasync of the journal comes to its end: what was written before it is promised from now on.
    fn syncs_end(&mut self) {
        while let Some(sync) = self.syncs.pop() {
            let (now, result) = (self.now, sync.run(&mut self.disk));
            let failed = result.is_err();
            self.writer().synced(sync, result, now);
            if !failed {
                self.take_work();
            }
        }
        self.take_work();
        let durable_at = self.writer().durable_at();
        self.listen();
        let durable = self.written.iter().take_while(|(wall, ..)| Some(*wall) <= durable_at).count();
        for (_, sent, cdrs) in self.written.drain(..durable) {
            if self.lost == 0 {
                for (id, count) in sent {
                    self.sent.entry(id).and_modify(|(_, acked)| *acked = count);
                }
                self.cdrs_acked = cdrs;
            }
        }
    }

    fn checkpoint_ends(&mut self) {
        for job in std::mem::take(&mut self.jobs) {
            let failed = job.run(&mut self.disk);
            self.writer().checkpointed(job, failed);
        }
    }

    /// Somebody does what must be audited.
    fn note(&mut self) {
        self.tickets += 1;
        let (at, ticket) = (self.wall(), self.tickets);
        let entry = AuditEntry {
            at,
            who: Who::node(),
            act: format!("act {ticket}"),
            on: None,
            about: Vec::new(),
            result: Outcome::Begun,
            reason: None,
            of: None,
            detail: serde_json::Value::Null,
        };
        self.writer().note(Note::Audit(Box::new(entry)), Some(ticket));
    }

    /// One random deed.
    fn step(&mut self) {
        match self.random.below(13) {
            12 => self.note(),
            0 => self.begin(),
            1 if !self.open.is_empty() => {
                let which = self.random.below(self.open.len() as u64) as usize;
                self.end(self.open[which]);
            }
            2 => {
                let (at, now) = (self.wall(), self.now);
                let call = CallId::new(at, &mut self.random);
                let cdr = serde_json::json!({"number": self.cdrs_sent});
                self.cdrs_sent += 1;
                self.writer().order(Order::Cdr { call, at, cdr: Unsealed::new(&cdr), numbers: vec![] }, now);
            }
            3 if !self.open.is_empty() => {
                let recording = self.open[0];
                let now = self.now;
                let event = Event::Tag { name: "a".into(), value: "b".into() };
                self.writer().order(Order::Event { recording, offset_us: 5, event }, now);
            }
            4 => self.checkpoint_ends(),
            5 if self.jobs.is_empty() => {
                let (now, wall) = (self.now, self.wall());
                if self.writer().is_settled() {
                    self.writer().rotate(now, wall);
                    self.take_work();
                }
            }
            6 => self.flush(),
            7 => self.write(),
            8 => self.syncs_end(),
            _ => {
                for recording in self.open.clone() {
                    self.talk(recording);
                }
            }
        }
    }

    /// The process is gone; what was not acknowledged may be lost.
    fn crash(&mut self, power: bool) {
        self.writer = None;
        self.jobs.clear();
        self.syncs.clear();
        self.written.clear();
        self.open.clear();
        if power {
            self.disk.lose_power()
        } else {
            self.disk.kill()
        }
        self.now = self.now + Duration::from_secs(1);
        for (sent, acked) in self.sent.values_mut() {
            *sent = *acked;
        }
        self.cdrs_sent = self.cdrs_acked;
        self.start();
        for _ in 0..1_000 {
            self.flush_quietly();
            if self.writer().is_settled() && self.writer().running.is_empty() {
                break;
            }
        }
        // A recording that had not come down at all is forgotten; one that was acknowledged is not.
        self.sent.retain(|id, (_, acked)| {
            *acked > 0 || self.disk.state().files.contains_key(&Place::Recording(*id))
        });
    }

    fn flush_quietly(&mut self) {
        self.flush();
        self.checkpoint_ends();
    }

    /// Everything that was promised is there, whole, closed and in the ledger.
    fn check(&mut self, tale: &str) {
        let ring = ring();
        let leaves = self.leaves(tale);
        let mut disk = self.disk.clone();
        let recordings = disk.recordings_since(Wall::from_micros(0)).expect("alive");
        for (id, (_, acked)) in &self.sent {
            assert!(*acked == 0 || recordings.contains(id), "{tale}: {id} is gone");
        }
        for id in recordings {
            let (mut story, mut numbers) = (Story::default(), Vec::new());
            let examined = examine(&mut disk, Place::Recording(id), &ring, id, |piece| {
                story.take(piece);
                if piece.kind == Kind::Media {
                    numbers.extend(Frames::new(piece.plaintext).map(|frame| frame.timestamp));
                }
            });
            let examined = examined.expect("alive");
            assert_eq!(examined.damages, [], "{tale}: {id}");
            assert_eq!(story.damages, [], "{tale}: {id}");
            let acked = self.sent.get(&id).map_or(0, |sent| sent.1);
            let whole = numbers.iter().copied().eq(0..numbers.len() as u32);
            let in_order = numbers.is_sorted_by(|a, b| a < b);
            assert!(whole || (self.lost > 0 && in_order), "{tale}: {id} {numbers:?}");
            assert!(numbers.len() as u32 >= acked, "{tale}: {id} has {} of {acked} packets", numbers.len());
            let leaf = leaves
                .iter()
                .filter(|leaf| matches!(leaf.item, Item::Recording { recording, .. } if recording == id));
            let leaf: Vec<&Leaf> = leaf.collect();
            assert_eq!(leaf.len(), 1, "{tale}: {id} has one leaf");
            assert_eq!((leaf[0].hash, leaf[0].len_bytes), (examined.sealed.hash, examined.sealed.len_bytes));
            if let Some(number) = self.closed.get(&id) {
                assert_eq!(leaf[0].number, *number, "{tale}: {id}");
            }
        }
        let mut cdrs = 0;
        let mut audits = HashMap::new();
        for (book, number) in Book::ALL
            .into_iter()
            .flat_map(|book| disk.logs(book).expect("alive").into_iter().map(move |number| (book, number)))
        {
            let place = Place::Log(book, number);
            let examined = examine(&mut self.disk.clone(), place, &ring, book.segment_id(number), |piece| {
                if piece.kind == Kind::Entry && book == Book::Audit {
                    let entry = AuditEntry::parse(piece.plaintext).expect("our own");
                    audits.insert((number, piece.offset), entry.act);
                }
                cdrs += u64::from(piece.kind == Kind::Entry && book == Book::Cdr);
            });
            assert_eq!(examined.expect("alive").damages, [], "{tale}: {book} {number}");
        }
        for (ticket, leaf) in &self.noted {
            let Item::Audit { segment, offset } = leaves[*leaf as usize].item else {
                panic!("{tale}: leaf {leaf} is no entry of the audit book");
            };
            assert_eq!(audits.get(&(segment, offset)), Some(&format!("act {ticket}")), "{tale}: leaf {leaf}");
        }
        assert!(cdrs >= self.cdrs_acked, "{tale}: {cdrs} of {} call detail records", self.cdrs_acked);
    }

    /// The leaves, checked against the newest head.
    fn leaves(&mut self, tale: &str) -> Vec<Leaf> {
        let mut disk = self.disk.clone();
        let bytes = disk.read(Place::Leaves, 0, 1 << 30).unwrap_or_default();
        let (leaves, rest) = bytes.as_chunks::<LEAF_BYTES>();
        assert!(rest.is_empty(), "{tale}: half a leaf");
        let mut tree = Frontier::new(Suite::Intl);
        let mut out = Vec::new();
        for (number, leaf) in leaves.iter().enumerate() {
            tree.push_leaf(leaf);
            let leaf = Leaf::parse(leaf).unwrap_or_else(|| panic!("{tale}: leaf {number}"));
            assert_eq!(leaf.number, number as u64, "{tale}");
            out.push(leaf);
        }
        if !out.is_empty() {
            let head = disk.read(Place::Head, 0, HEAD_BYTES).expect("alive");
            let last = head.first_chunk().unwrap_or_else(|| panic!("{tale}: no head"));
            let public = LedgerKey::from_seed(&Secret::new(SEED)).public();
            let head = TreeHead::verify(last, &public).unwrap_or_else(|| panic!("{tale}: head"));
            assert_eq!((head.size, head.root), (tree.size(), tree.root()), "{tale}");
        }
        out
    }
}

/// How many seeds: `LEDGERLINE_CRASHES` for long runs.
fn seeds(default: u64) -> u64 {
    std::env::var("LEDGERLINE_CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

#[test]
fn no_crash_loses_what_was_acknowledged() {
    for seed in 0..seeds(100) {
        let mut node = Node::new(seed);
        for round in 0..4 {
            let deeds = node.random.below(60);
            for _ in 0..deeds {
                node.step();
            }
            // The last deeds meet a machine that dies somewhere among its verbs.
            let verbs = node.random.below(40);
            node.disk.state().dies_in = Some(verbs);
            for _ in 0..12 {
                node.step();
            }
            let power = node.random.below(2) == 0;
            node.crash(power);
            node.check(&format!("seed {seed}, round {round}, power lost {power}"));
        }
    }
}

#[test]
fn a_crash_while_recovering_loses_nothing_either() {
    for seed in 0..seeds(40) {
        let mut node = Node::new(seed);
        for _ in 0..60 {
            node.step();
        }
        node.flush();
        node.writer = None;
        for _ in 0..3 {
            node.disk.lose_power();
            let verbs = node.random.below(60);
            node.disk.state().dies_in = Some(verbs);
            node.start();
            if node.writer.is_some() {
                for _ in 0..4 {
                    node.flush_quietly();
                }
            }
            node.writer = None;
        }
        node.crash(true);
        node.check(&format!("seed {seed}"));
    }
}

/// However slow the device: what was handed over a flush before the process was killed is there.
#[test]
fn a_killed_process_loses_nothing_that_was_written_while_an_fdatasync_took_its_time() {
    for seed in 0..seeds(40) {
        let mut node = Node::new(seed);
        for _ in 0..3 {
            node.begin();
        }
        for _ in 0..30 {
            for recording in node.open.clone() {
                node.talk(recording);
            }
            node.write();
        }
        assert_eq!(node.syncs.len(), 1, "seed {seed}: the fdatasync is still under way");
        let written: Vec<(RecordingId, u32)> = node.sent.iter().map(|(id, (sent, _))| (*id, *sent)).collect();
        node.crash(false);
        for (id, sent) in written {
            node.sent.insert(id, (sent, sent));
        }
        node.check(&format!("seed {seed}"));
    }
}

/// A disk that is stuck takes nothing new, and is not given more than its bound.
#[test]
fn a_stuck_fdatasync_refuses_what_is_new_until_it_returns() {
    let mut node = Node::new(1);
    node.flush();
    node.begin();
    for _ in 0..60 {
        node.talk(node.open[0]);
        node.write();
    }
    assert!(!node.writable, "five seconds without an fdatasync");
    node.begin();
    assert_eq!((node.refused, node.open.len()), (1, 1));
    node.syncs_end();
    assert!(node.writable);
    assert_eq!(node.sent[&node.open[0]].0, node.sent[&node.open[0]].1, "all of it is durable now");
    node.crash(true);
    node.check("stuck");
}

/// Promise 5: an fdatasync that fails is never taken for success.
#[test]
fn a_sync_that_fails_is_not_taken_for_success() {
    let mut abandoned = 0;
    for seed in 0..seeds(80) {
        let mut node = Node::new(seed);
        node.disk.state().bad_syncs = 250;
        for _ in 0..120 {
            node.step();
        }
        node.disk.state().bad_syncs = 0;
        abandoned += node.writer().abandoned;
        node.crash(true);
        node.check(&format!("seed {seed}"));
    }
    assert!(abandoned > 0, "some did fail, and were counted");
}

/// Promise 6: a full disk refuses what is new, closes what runs, and takes up again when there is room.
#[test]
fn a_full_disk_refuses_what_is_new_and_closes_what_runs() {
    for seed in 0..seeds(5) {
        let mut node = Node::new(seed);
        node.disk.state().capacity = 600_000;
        node.flush();
        for _ in 0..5 {
            node.begin();
        }
        let cut = node.open.clone();
        assert_eq!(cut.len(), 5);
        for _ in 0..2_000 {
            for recording in node.open.clone() {
                node.talk(recording);
            }
            node.flush();
            node.checkpoint_ends();
            if node.lost > 0 {
                break;
            }
        }
        assert!(node.lost > 0 && !node.writable, "seed {seed}: the disk fills up");
        let refused = node.refused;
        node.begin();
        assert_eq!((node.refused, node.open.len()), (refused + 1, 5), "seed {seed}: nothing new begins");
        for recording in cut.clone() {
            node.end(recording);
        }
        for _ in 0..3 {
            node.flush();
        }
        for recording in &cut {
            assert!(node.closed.contains_key(recording), "seed {seed}: {recording} is closed on a full disk");
        }
        node.disk.state().capacity = 2_000_000;
        for _ in 0..12 {
            node.flush();
        }
        assert!(node.writable, "seed {seed}: room again");
        node.begin();
        assert_eq!(node.open.len(), 1);
        node.crash(true);
        node.check(&format!("seed {seed}"));
        let mut disk = node.disk.clone();
        let mut story = Story::default();
        examine(&mut disk, Place::Recording(cut[0]), &ring(), cut[0], |piece| story.take(piece))
            .expect("alive");
        assert_eq!(story.closing.expect("closed").ended, Ended::InOrder);
        let gap = |(_, event): &(u64, Event)| matches!(event, Event::GapStart { .. });
        assert!(story.events.iter().any(gap), "seed {seed}: the gap is marked");
    }
}
