//! A disk that loses power, lies about fdatasync and fills up, and a writer over it: thousands of crashes by seed.
//!
//! The model: a write is in the cache until a sync of its file succeeds. A loss of power keeps any part of what was not
//! synced, torn anywhere, and forgets names that were not synced. After a failed sync the cache calls its pages clean
//! and they never come down, as on Linux.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::base::{CallId, Masked, Random, RecordingId, Secret, Time, Wall};
use crate::vault::{
    Batch, Closing, Ended, Event, Frame, Frames, Frontier, HEAD_BYTES, Item, Keyring, Kind, LEAF_BYTES, Leaf,
    LedgerKey, News, Opening, Order, Story, TreeHead, leaf_hash,
};

use super::checkpoint::Job;
use super::disk::{Disk, Place, Space, started};
use super::log::segment_id;
use super::recover::{examine, recover};
use super::writer::{Setup, Told, Writer};

#[derive(Default, Clone)]
struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<(usize, Vec<u8>)>,
    /// The length is cached only.
    named: bool,
}

struct State {
    files: BTreeMap<Place, File>,
    random: Random,
    capacity: u64,
    /// Of a thousand syncs so many fail.
    bad_syncs: u64,
    /// After so many verbs every verb fails: the process is as good as dead.
    dies_in: Option<u64>,
}

/// A view of the simulated disk; views share the disk.
#[derive(Clone)]
struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    fn new(seed: u64) -> SimDisk {
        let random = Random::from_number(seed);
        let state = State { files: BTreeMap::new(), random, capacity: 1 << 30, bad_syncs: 0, dies_in: None };
        SimDisk(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("one thread")
    }

    /// The next verb.
    fn verb(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if let Some(left) = &mut state.dies_in {
            if *left == 0 {
                return Err(io::Error::other("dead"));
            }
            *left -= 1;
        }
        Ok(state)
    }

    /// The process dies; the cache lives on.
    fn kill(&self) {
        self.state().dies_in = None;
    }

    /// Power is lost.
    fn lose_power(&self) {
        let mut state = self.state();
        state.dies_in = None;
        let State { files, random, .. } = &mut *state;
        files.retain(|_, file| file.named || random.below(2) == 0);
        for file in files.values_mut() {
            let mut kept = std::mem::take(&mut file.durable);
            for (offset, bytes) in std::mem::take(&mut file.dirty) {
                let len = match random.below(3) {
                    0 => continue,
                    1 => bytes.len(),
                    _ => random.below(bytes.len() as u64 + 1) as usize,
                };
                put(&mut kept, offset, &bytes[..len]);
            }
            *file = File { cached: kept.clone(), durable: kept, dirty: Vec::new(), named: true };
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, part: &[u8]) {
    if bytes.len() < offset + part.len() {
        bytes.resize(offset + part.len(), 0);
    }
    bytes[offset..offset + part.len()].copy_from_slice(part);
}

impl State {
    fn used(&self) -> u64 {
        self.files.values().map(|file| file.cached.len() as u64).sum()
    }

    fn sync(&mut self, place: Place) -> io::Result<()> {
        let bad = self.random.below(1_000) < self.bad_syncs;
        let file = self.files.get_mut(&place).ok_or(io::ErrorKind::NotFound)?;
        let dirty = std::mem::take(&mut file.dirty);
        if bad {
            return Err(io::Error::other("EIO"));
        }
        for (offset, bytes) in dirty {
            put(&mut file.durable, offset, &bytes);
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.verb()?;
        let len = state.files.get(&place).map_or(0, |file| file.cached.len());
        let grows = (offset as usize + bytes.len()).saturating_sub(len) as u64;
        let room = state.capacity.saturating_sub(state.used());
        let fits = bytes.len() - (grows.saturating_sub(room) as usize).min(bytes.len());
        let file = state.files.entry(place).or_default();
        put(&mut file.cached, offset as usize, &bytes[..fits]);
        file.dirty.push((offset as usize, bytes[..fits].to_vec()));
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, place: Place, len: u64) -> io::Result<()> {
        let mut state = self.verb()?;
        let file = state.files.get_mut(&place).ok_or(io::ErrorKind::NotFound)?;
        file.cached.truncate(len as usize);
        // Lengths come down in order with later data on a journaling file system.
        file.durable.truncate(len as usize);
        for (offset, bytes) in &mut file.dirty {
            bytes.truncate((len as usize).saturating_sub(*offset));
        }
        Ok(())
    }

    fn sync(&mut self, place: Place) -> io::Result<()> {
        self.verb()?.sync(place)
    }

    fn sync_all(&mut self, places: &BTreeSet<Place>) -> Vec<(Place, io::Error)> {
        let mut failed = Vec::new();
        for place in places {
            let done = self.verb().and_then(|mut state| {
                state.sync(*place)?;
                state.files.get_mut(place).ok_or(io::ErrorKind::NotFound)?.named = true;
                Ok(())
            });
            failed.extend(done.err().map(|error| (*place, error)));
        }
        failed
    }

    fn read(&mut self, place: Place, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.verb()?;
        let file = state.files.get(&place).ok_or(io::ErrorKind::NotFound)?;
        let from = (offset as usize).min(file.cached.len());
        Ok(file.cached[from..(from + len).min(file.cached.len())].to_vec())
    }

    fn len(&mut self, place: Place) -> io::Result<Option<u64>> {
        Ok(self.verb()?.files.get(&place).map(|file| file.cached.len() as u64))
    }

    fn journals(&mut self) -> io::Result<Vec<u64>> {
        let journal = |place: &Place| if let Place::Journal(number) = place { Some(*number) } else { None };
        Ok(self.verb()?.files.keys().filter_map(journal).collect())
    }

    fn logs(&mut self) -> io::Result<Vec<u32>> {
        let log = |place: &Place| if let Place::Log(number) = place { Some(*number) } else { None };
        Ok(self.verb()?.files.keys().filter_map(log).collect())
    }

    fn recordings_since(&mut self, since: Wall) -> io::Result<Vec<RecordingId>> {
        let recording = |place: &Place| if let Place::Recording(id) = place { Some(*id) } else { None };
        let all = self.verb()?.files.keys().filter_map(recording).collect::<Vec<_>>();
        Ok(all.into_iter().filter(|id| started(*id) >= since).collect())
    }

    fn remove(&mut self, place: Place) -> io::Result<()> {
        self.verb()?.files.remove(&place);
        Ok(())
    }

    fn allocate(&mut self, place: Place, len: u64) -> io::Result<()> {
        let mut state = self.verb()?;
        if state.used() + len > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = state.files.entry(place).or_default();
        file.cached.resize(len as usize, 0);
        Ok(())
    }

    fn space(&mut self) -> io::Result<Space> {
        let state = self.verb()?;
        Ok(Space { free: state.capacity.saturating_sub(state.used()), total: state.capacity })
    }

    fn release(&mut self, _: Place) {}
}

/// A node that records, and what it was promised.
struct Node {
    disk: SimDisk,
    writer: Option<Writer<SimDisk>>,
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
            jobs: Vec::new(),
            now: Time::from_millis(1),
            random: Random::from_number(seed ^ 0xface),
            sent: BTreeMap::new(),
            open: Vec::new(),
            closed: HashMap::new(),
            cdrs_sent: 0,
            cdrs_acked: 0,
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
            keyring: Arc::new(ring()),
            ledger_key: LedgerKey::from_seed(&Secret::new(SEED)),
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
                Told::Row(_) | Told::Cdr(_) => {}
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

    fn flush(&mut self) {
        self.now = self.now + Duration::from_millis(100);
        let (now, wall) = (self.now, self.wall());
        let job = self.writer().flush(now, wall);
        self.jobs.extend(job);
        let durable = self.writer().durable_at() == Some(wall) && self.writer().is_settled();
        self.listen();
        if durable && self.lost == 0 {
            for (sent, acked) in self.sent.values_mut() {
                *acked = *sent;
            }
            self.cdrs_acked = self.cdrs_sent;
        }
    }

    fn checkpoint_ends(&mut self) {
        for job in std::mem::take(&mut self.jobs) {
            let failed = job.run(&mut self.disk);
            self.writer().checkpointed(job, failed);
        }
    }

    /// One random deed.
    fn step(&mut self) {
        match self.random.below(12) {
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
                self.writer().order(Order::Cdr { call, at, cdr, numbers: vec![] }, now);
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
                    let job = self.writer().checkpoint(now, wall);
                    self.jobs.extend(job);
                }
            }
            6..=8 => self.flush(),
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
        self.open.clear();
        if power {
            self.disk.lose_power()
        } else {
            self.disk.kill()
        }
        self.now = self.now + Duration::from_secs(1);
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
        for (sent, acked) in self.sent.values_mut() {
            *sent = *acked;
        }
        self.cdrs_sent = self.cdrs_acked;
    }

    fn flush_quietly(&mut self) {
        self.now = self.now + Duration::from_millis(100);
        let (now, wall) = (self.now, self.wall());
        let job = self.writer().flush(now, wall);
        self.jobs.extend(job);
        self.checkpoint_ends();
        self.listen();
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
        for number in disk.logs().expect("alive") {
            let place = Place::Log(number);
            let examined = examine(&mut disk, place, &ring, segment_id(number), |piece| {
                cdrs += u64::from(piece.kind == Kind::Entry);
            });
            assert_eq!(examined.expect("alive").damages, [], "{tale}: log {number}");
        }
        assert!(cdrs >= self.cdrs_acked, "{tale}: {cdrs} of {} call detail records", self.cdrs_acked);
    }

    /// The leaves, checked against the newest head.
    fn leaves(&mut self, tale: &str) -> Vec<Leaf> {
        let mut disk = self.disk.clone();
        let bytes = disk.read(Place::Leaves, 0, 1 << 30).unwrap_or_default();
        let (leaves, rest) = bytes.as_chunks::<LEAF_BYTES>();
        assert!(rest.is_empty(), "{tale}: half a leaf");
        let mut tree = Frontier::new();
        let mut out = Vec::new();
        for (number, leaf) in leaves.iter().enumerate() {
            tree.push(leaf_hash(leaf));
            let leaf = Leaf::parse(leaf).unwrap_or_else(|| panic!("{tale}: leaf {number}"));
            assert_eq!(leaf.number, number as u64, "{tale}");
            out.push(leaf);
        }
        if !out.is_empty() {
            let heads = disk.read(Place::Heads, 0, 1 << 30).expect("alive");
            let last = heads.as_chunks::<HEAD_BYTES>().0.last().unwrap_or_else(|| panic!("{tale}: no head"));
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

/// Promise 5: an fdatasync that fails is never taken for success.
#[test]
fn a_sync_that_fails_is_not_taken_for_success() {
    for seed in 0..seeds(80) {
        let mut node = Node::new(seed);
        node.disk.state().bad_syncs = 250;
        for _ in 0..120 {
            node.step();
        }
        node.disk.state().bad_syncs = 0;
        node.crash(true);
        node.check(&format!("seed {seed}"));
    }
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
