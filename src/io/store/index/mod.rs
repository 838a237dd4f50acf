//! The index: one thread that follows the ledger and keeps the tables up to it.
//!
//! Invariants: the writer never waits for the index, and what the index misses it reads from the files: its mark is a
//! number of leaves. A broken index is put aside and built anew; nothing but time is lost.

mod follow;
mod shared;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::{Random, RecordingId, Wall, bounds};
use crate::compliance::role::Scope;
use crate::io::queue::{Sender, bounded};
use crate::vault::{AuditEntry, AuditQuery, Blind, CdrEntry, DerivedRow, Keyring, Query, Row};

use super::StoreError;
use super::disk::started;
use super::files::Files;
use super::note::Told;
use super::tables::{IndexKeys, Tables, terms_of};
use follow::Follower;

/// By how much an entry may come later into the ledger than it was made.
const SLACK: Duration = Duration::from_secs(60);

/// The index as the store's functions see it.
pub(super) struct Index {
    shared: Arc<Shared>,
    sender: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    /// What the writer told; leaves in order.
    Told(Told),
    /// Answer when everything before is in the tables.
    Settle(SyncSender<()>),
    /// Use these tables from now on.
    Swap(Box<(Tables, PathBuf)>),
    Stop,
}

struct Shared {
    folder: PathBuf,
    files: Files,
    keys: IndexKeys,
    state: Mutex<State>,
    changed: Condvar,
    /// Recordings that run now: not in the tables yet.
    running: Mutex<BTreeMap<RecordingId, Row>>,
}

enum State {
    Opening,
    Ready(Arc<Tables>),
    Broken(String),
}

impl Index {
    /// Opens (or builds) the index of `files` in `folder` beside the caller. `orderly`: the last run stopped in order.
    pub(super) fn open(
        folder: PathBuf,
        files: Files,
        keyring: &Keyring,
        country_code: &str,
        random: Random,
        orderly: bool,
    ) -> Result<Index, StoreError> {
        let keys =
            IndexKeys::new(keyring, country_code).map_err(|error| StoreError::Index(error.to_string()))?;
        let shared = Arc::new(Shared {
            folder,
            files,
            keys,
            state: Mutex::new(State::Opening),
            changed: Condvar::new(),
            running: Mutex::new(BTreeMap::new()),
        });
        let (sender, receiver) = bounded(bounds::INDEX_MESSAGES);
        let follower = Follower {
            shared: shared.clone(),
            random,
            mark: 0,
            marked: 0,
            tables: None,
            path: PathBuf::new(),
        };
        let thread = std::thread::Builder::new()
            .name("ledgerline-index".into())
            .spawn(move || follower.run(&receiver, orderly))
            .map_err(|error| StoreError::Index(error.to_string()))?;
        Ok(Index { shared, sender, thread: Mutex::new(Some(thread)) })
    }

    /// Passes on what the writer told. Never blocks: what is dropped here is read from the files later.
    pub(super) fn tell(&self, told: Told) {
        if let Told::Row(row) = &told
            && row.leaf.is_none()
        {
            lock(&self.shared.running).insert(row.recording, Row::clone(row));
            return;
        }
        if let Err(TrySendError::Disconnected(_)) = self.sender.try_send(Message::Told(told)) {
            tracing::error!("the index's thread is gone");
        }
    }

    /// Whether searches are answered at once.
    pub(super) fn is_ready(&self) -> bool {
        matches!(*lock(&self.shared.state), State::Ready(_))
    }

    /// Version of the key-encryption key that the index is under.
    pub(super) fn key_version(&self) -> u32 {
        self.shared.keys.version
    }

    /// Whether this recording has no leaf yet.
    pub(super) fn is_running(&self, id: RecordingId) -> bool {
        lock(&self.shared.running).contains_key(&id)
    }

    /// The rows that match. Waits while the index is being opened.
    pub(super) fn search(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let Some(terms) = self.terms(query) else { return Ok(Vec::new()) };
        // Before the tables: a recording that closes meanwhile is then met twice rather than not at all.
        let running = self.running(query, &terms);
        let mut rows: BTreeMap<RecordingId, Row> = BTreeMap::new();
        let tables = self.tables()?;
        for terms in self.ways(terms, query) {
            let mut found = 0;
            for id in tables.find(&terms, query) {
                if found >= query.limit {
                    break;
                }
                let row = tables.row(id.map_err(index_error)?, &self.shared.keys).map_err(index_error)?;
                let wanted = row.filter(|row| in_time(row, query) && query.takes(row));
                found += usize::from(wanted.is_some());
                rows.extend(wanted.map(|row| (row.recording, row)));
            }
        }
        for row in running.into_iter().filter(|row| query.takes(row)) {
            rows.entry(row.recording).or_insert(row);
        }
        let mut rows: Vec<Row> = rows.into_values().collect();
        rows.sort_by_key(|row| (row.started, row.recording));
        if query.newest_first {
            rows.reverse();
        }
        rows.truncate(query.limit);
        Ok(rows)
    }

    /// The recordings of a call.
    pub(super) fn recordings_of(&self, call: crate::base::CallId) -> Result<Vec<RecordingId>, StoreError> {
        let running: Vec<RecordingId> = {
            let running = lock(&self.shared.running);
            running.values().filter(|row| row.call == call).map(|row| row.recording).collect()
        };
        let mut found = self.tables()?.recordings_of(call).map_err(index_error)?;
        found.extend(running);
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The row of one recording, if the index has it.
    pub(super) fn row(&self, id: RecordingId) -> Result<Option<Row>, StoreError> {
        match self.tables()?.row(id, &self.shared.keys).map_err(index_error)? {
            Some(row) => Ok(Some(row)),
            None => Ok(lock(&self.shared.running).get(&id).cloned()),
        }
    }

    /// The items derived from a recording, oldest first.
    pub(super) fn derived(&self, of: RecordingId) -> Result<Vec<DerivedRow>, StoreError> {
        self.tables()?.derived(of, &self.shared.keys).map_err(index_error)
    }

    /// The first closed recording behind `after` (`None`: of all) that was begun before `until` and has no item of `kind`.
    pub(super) fn without(
        &self,
        kind: &str,
        after: Option<RecordingId>,
        until: Wall,
    ) -> Result<Option<RecordingId>, StoreError> {
        let tables = self.tables()?;
        for id in tables.behind(after) {
            let id = id.map_err(index_error)?;
            if started(id) >= until {
                break;
            }
            let items = tables.derived(id, &self.shared.keys).map_err(index_error)?;
            if items.iter().all(|row| row.derivation.kind != kind) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// The call detail records of a call.
    pub(super) fn cdrs_of(&self, call: crate::base::CallId) -> Result<Vec<CdrEntry>, StoreError> {
        let places = self.tables()?.cdrs_of(call).map_err(index_error)?;
        Ok(places.iter().filter_map(|place| self.shared.files.cdr(place)).collect())
    }

    /// The call detail records that match.
    pub(super) fn cdrs(&self, query: &Query) -> Result<Vec<CdrEntry>, StoreError> {
        let Some(terms) = self.terms(query) else { return Ok(Vec::new()) };
        let tables = self.tables()?;
        let mut found = Vec::new();
        for place in tables.find_cdrs(&terms, query) {
            if found.len() >= query.limit {
                break;
            }
            found.extend(self.shared.files.cdr(&place.map_err(index_error)?));
        }
        Ok(found)
    }

    /// The entries of the audit book that match, newest first, each with its leaf.
    pub(super) fn audits(&self, query: &AuditQuery) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
        let tables = self.tables()?;
        let mut found = Vec::new();
        let mut reader = self.shared.files.book();
        for item in tables.audits() {
            let (leaf, at, place) = item.map_err(index_error)?;
            if found.len() >= query.limit {
                break;
            }
            // The ledger's time may stand a flush behind the entry's own.
            if query.until.is_some_and(|until| at >= until + SLACK) {
                continue;
            }
            if query.from.is_some_and(|from| at < from) {
                break;
            }
            let entry = reader.entry(&place).and_then(|text| AuditEntry::parse(&text));
            found.extend(entry.filter(|entry| query.matches(entry)).map(|entry| (leaf, entry)));
        }
        Ok(found)
    }

    /// Gives every closed recording's row to `take`, oldest first, until it says false.
    pub(super) fn each_row(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<(), StoreError> {
        let tables = self.tables()?;
        let all = Query { newest_first: false, ..Query::default() };
        for id in tables.find(&[], &all) {
            let row = tables.row(id.map_err(index_error)?, &self.shared.keys).map_err(index_error)?;
            if row.is_some_and(|row| !take(row)) {
                break;
            }
        }
        Ok(())
    }

    /// Builds new tables from the files beside the old ones and puts them in their place.
    pub(super) fn rebuild(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let path = self.shared.next_generation().map_err(|error| StoreError::Index(error.to_string()))?;
        let tables = Tables::open(&path).map_err(index_error)?;
        tables.mark(&self.shared.keys).map_err(index_error)?;
        let mut random = Random::seeded(super::open::seed()?);
        let leaves = self.shared.files.leaves();
        self.shared.catch_up(&tables, 0, leaves, &mut random, progress).map_err(index_error)?;
        let gone = |_| StoreError::Closed;
        self.sender.push(Message::Swap(Box::new((tables, path)))).map_err(gone)?;
        Ok(leaves)
    }

    /// Waits until everything that was told before is found by searches.
    pub(super) fn settle(&self) {
        let (sender, receiver) = sync_channel(1);
        if self.sender.push(Message::Settle(sender)).is_ok() {
            let _ = receiver.recv();
        }
    }

    /// Stops the thread after what it was told.
    pub(super) fn close(&self) {
        let _ = self.sender.push(Message::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
        *lock(&self.shared.state) = State::Broken("closed".into());
        self.shared.changed.notify_all();
    }

    /// The tables; waits while they are being opened.
    fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        let mut state = lock(&self.shared.state);
        loop {
            match &*state {
                State::Ready(tables) => return Ok(tables.clone()),
                State::Broken(why) => return Err(StoreError::Index(why.clone())),
                State::Opening => {
                    state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// The terms to look under, once for every mark of the scope: what lies outside is never read (SRCH-02).
    fn ways(&self, terms: Vec<Blind>, query: &Query) -> Vec<Vec<Blind>> {
        let blinder = &self.shared.keys.blinder;
        match &query.scope {
            Scope::Everything => vec![terms],
            Scope::Nothing => Vec::new(),
            Scope::Marks(marks) => {
                let with = |mark| [&terms[..], &[mark]].concat();
                marks.iter().filter_map(|mark| blinder.mark(mark)).map(with).collect()
            }
        }
    }

    /// The blinded conditions of a query; `None` when one of them can match nothing.
    fn terms(&self, query: &Query) -> Option<Vec<Blind>> {
        let blinder = &self.shared.keys.blinder;
        let mut terms = Vec::new();
        if let Some(number) = &query.number {
            terms.push(blinder.number(number.reveal()).or_else(|| blinder.name(number.reveal()))?);
        }
        if let Some(name) = &query.name {
            terms.push(blinder.name(name.reveal())?);
        }
        if let Some(agent) = &query.agent {
            terms.push(blinder.number(agent.reveal()).or_else(|| blinder.name(agent.reveal()))?);
        }
        if let Some(tail) = &query.tail {
            terms.push(blinder.four(tail.reveal())?);
        }
        terms.extend(query.tags.iter().map(|(name, value)| blinder.tag(name, value)));
        terms.extend(query.queue.iter().map(|queue| blinder.queue(queue)));
        Some(terms)
    }

    fn running(&self, query: &Query, terms: &[Blind]) -> Vec<Row> {
        let running = lock(&self.shared.running);
        let matches = |row: &&Row| {
            in_time(row, query) && {
                let of_row =
                    if terms.is_empty() { Vec::new() } else { terms_of(row, &self.shared.keys.blinder) };
                terms.iter().all(|term| of_row.contains(term))
            }
        };
        running.values().filter(matches).cloned().collect()
    }
}

fn in_time(row: &Row, query: &Query) -> bool {
    query.from.is_none_or(|from| row.started >= from) && query.until.is_none_or(|until| row.started < until)
}

fn index_error(error: sled::Error) -> StoreError {
    StoreError::Index(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
