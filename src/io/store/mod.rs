//! The recording store: files, journal, index, and the one thread that writes them.
//!
//! ```text
//! DIR/keys/        kek-00000001.key, ledger.key             mode 0600
//! DIR/recordings/  YYYY/MM/DD/r-….llr                       one sealed file a recording
//! DIR/cdr/         NNNNNNNN.llc                             sealed segments of call detail records
//! DIR/audit/       NNNNNNNN.lla                             sealed segments of the audit book
//! DIR/keeping/     NNNNNNNN.llk                             sealed segments of the book of keeping
//! DIR/ledger/      leaves, heads, ledger.pub                Merkle leaves, signed heads, the key that verifies them
//! DIR/journal/     NNNNNNNNNNNNNNNN.llj                     redo log of the last half minute
//! DIR/index/       N/                                       sled: blind terms, sealed rows; can be thrown away
//! DIR/reserve      space kept for closing records
//! DIR/store.lock   held while open
//! ```
//!
//! Invariants: what is acknowledged ([`News::Closed`](crate::vault::News::Closed), everything before a returned
//! [`Store::settle`]) was covered by an fdatasync that returned success; sled holds nothing that the files do not; one
//! process has the store open.

mod alarm;
mod backup;
mod certificate;
mod checkpoint;
mod commit;
mod copy;
mod destroy;
mod disk;
mod files;
mod heads;
mod index;
mod journal;
mod keeper;
mod keeping;
mod keyfile;
mod keys;
pub mod lock;
mod log;
mod recover;
mod retain;
mod running;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_disk;
mod space;
mod tables;
mod thread;
mod verify;
mod witness;
mod writer;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::fs::FlockOperation;

use crate::base::{CallId, Random, RecordingId, Wall};
use crate::vault::{
    AuditEntry, AuditQuery, Book, CdrEntry, Consistency, Inclusion, Keyring, LedgerKey, LedgerPublic, News,
    Order, Query, RATE_HZ, Record, Report, Row, Scope, Sound, TapItem, TreeHead,
};

use super::clock::{Clock, wall};
use crate::compliance::retention::{JUMP, State};
use alarm::Alarms;
pub use backup::{BackupReport, restore};
pub use copy::{Depth, verify_copy};
use disk::{RealDisk, make_folder};
use files::{Files, Published};
use index::Index;
use keeper::Keeper;
pub use keeping::Hold;
use keeping::Keeping;
use keys::Keys;
pub use keys::{KeyUse, Rewrapped};
pub use retain::{Kept, Listing};
use thread::{Board, Inlet};
use verify::Verifier;
pub use witness::HeadsTo;
use witness::Witnesses;
use writer::{Note, Setup};

/// The open store. Cheap to clone; every function may be called from any thread and may block on the disk (wrap it in
/// `spawn_blocking`), except [`Store::order`], [`Store::status`] and [`TapSender::try_send`], which never block.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Everything of an open store.
pub(crate) struct Inner {
    files: Files,
    keys: Keys,
    keys_folder: PathBuf,
    public: LedgerPublic,
    published: Arc<Published>,
    index: Arc<Index>,
    inlet: Inlet,
    board: Board,
    thread: Mutex<Option<JoinHandle<()>>>,
    witnesses: Mutex<Option<Witnesses>>,
    keeper: Mutex<Option<Keeper>>,
    keeping: Mutex<Keeping>,
    /// Held while an entry of the book of keeping is on its way, so that they are taken in the book's order.
    keeps: Mutex<()>,
    /// Held while recordings are destroyed: one job after the other.
    destroying: Mutex<()>,
    alarms: Alarms,
    /// Signs certificates.
    signer: LedgerKey,
    /// Held as long as the store is open.
    _lock: File,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the keys; `None`: `keys` in the store's folder.
    pub keys: Option<PathBuf>,
    /// Country code of numbers that are written without one, for search: `86`.
    pub country_code: String,
    /// Free space below which no new recording begins. `None`: 2 % of the file system, at least 256 KiB, at most 1 GiB.
    pub low_water_bytes: Option<u64>,
    /// Size of the reserve file that is given up for closing records when the disk is full. `None`: 1 % of the file
    /// system, at least 128 KiB, at most 64 MiB.
    pub reserve_bytes: Option<u64>,
    /// Where signed heads go besides: see [`HeadsTo`].
    pub heads_to: Vec<HeadsTo>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            keys: None,
            country_code: "86".into(),
            low_water_bytes: None,
            reserve_bytes: None,
            heads_to: Vec::new(),
        }
    }
}

/// Reads the key-encryption keys in `keys` (a folder, see [`Options::keys`]).
///
/// # Errors
/// [`StoreError::Rights`] when others may read or write one, [`StoreError::Keys`] when one is missing or malformed.
pub fn load_keys(keys: &Path) -> Result<Keyring, StoreError> {
    keyfile::keyring(keys)
}

impl Store {
    /// Makes the folders, the key files (mode 0600) and an empty ledger in `dir`. For `init` and `demo`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there are keys already: nothing is overwritten.
    pub fn create(dir: &Path, options: &Options) -> Result<(), StoreError> {
        let ledger = dir.join("ledger");
        make_folder(&ledger).map_err(disk_error(&ledger))?;
        let public = keyfile::create(&options.keys_of(dir))?;
        let path = ledger.join("ledger.pub");
        let text: String = public.to_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
        std::fs::write(&path, text + "\n").map_err(disk_error(&path))
    }

    /// Opens the store exclusively: recovers what a crash left, then starts the writer. `news` is called from the
    /// writer's thread and must not block.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process (the node) has it: ask that one through the admin socket.
    /// [`StoreError::Rights`] when a key file is open to others. [`StoreError::Keys`], [`StoreError::Disk`].
    pub fn open(
        dir: &Path,
        options: &Options,
        news: impl FnMut(News) + Send + 'static,
    ) -> Result<Store, StoreError> {
        let lock = take_lock(dir)?;
        let keys = options.keys_of(dir);
        let ring = Keys::new(keyfile::keyring(&keys)?);
        let ledger_key = keyfile::ledger_key(&keys)?;
        let public = ledger_key.public();
        let mut random = Random::seeded(seed()?);
        let index_random = random.fork();
        let setup = Setup {
            keys: ring.clone(),
            ledger_key,
            clock_state: super::clock::state,
            random,
            low_water_bytes: options.low_water_bytes,
            reserve_bytes: options.reserve_bytes,
        };
        let clock = Clock::start();
        let writer =
            recover::recover(RealDisk::new(dir), setup, clock.now(), wall()).map_err(disk_error(dir))?;
        let alarms = Alarms::default();
        if !writer.agrees {
            alarms.raise(
                "ledger",
                "the ledger does not agree with its signed heads: `rec verify` names what is wrong",
            );
        }
        // The last moment that was signed: a clock that stands before it was turned back (RET-05).
        let last_seen = writer.last_signed();
        let published = Arc::new(Published::default());
        published.leaves.store(writer.applied_leaves(), Ordering::Release);
        published.heads.store(writer.applied_heads(), Ordering::Release);
        let files = Files::new(dir, ring.clone(), published.clone());
        let keeping = Keeping::read(&files, &options.country_code).map_err(disk_error(dir))?;
        let index = Arc::new(Index::open(
            dir.join("index"),
            files.clone(),
            &ring.get(),
            &options.country_code,
            index_random,
            writer.orderly,
        )?);
        let (inlet, board, thread) =
            thread::start(writer, dir.to_path_buf(), clock, published.clone(), index.clone(), news)
                .map_err(disk_error(dir))?;
        let thread = Mutex::new(Some(thread));
        let witnesses = Witnesses::start(&options.heads_to, files.clone(), public, alarms.clone());
        let witnesses = Mutex::new(witnesses.map_err(disk_error(dir))?);
        let inner = Inner {
            files,
            signer: keyfile::ledger_key(&keys)?,
            keys: ring,
            keys_folder: keys,
            public,
            published,
            index,
            inlet,
            board,
            thread,
            witnesses,
            keeper: Mutex::new(None),
            keeping: Mutex::new(keeping),
            keeps: Mutex::new(()),
            destroying: Mutex::new(()),
            alarms,
            _lock: lock,
        };
        inner.bury_again()?;
        let inner = Arc::new(inner);
        if let Some(before) = last_seen.filter(|before| wall() + JUMP < *before) {
            let back_s = (wall().as_micros() - before.as_micros()) / 1_000_000;
            inner.look_at_clock(Some(back_s));
        }
        let keeper = keeper::start(&inner, clock).map_err(disk_error(dir))?;
        *inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Ok(Store { inner })
    }

    /// Opens the store of a stopped node for the `rec` commands: as [`Store::open`], and whatever a crash cut is closed
    /// when this returns.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_stopped(dir: &Path, options: &Options) -> Result<Store, StoreError> {
        let store = Store::open(dir, options, |_| {})?;
        store.settle();
        Ok(store)
    }

    /// Gives an order to the writer. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the writer does not keep up or has died; the order is lost. For `Open` that means: refused.
    pub fn order(&self, order: Order) -> Result<(), Stuck> {
        self.inner.inlet.order(order)
    }

    /// A sender for one media worker.
    pub fn tap(&self) -> TapSender {
        TapSender { inlet: self.inner.inlet.clone() }
    }

    /// Waits until everything that was given before is durable, in its file, and found by searches. On a full or failing
    /// disk that may be when it works again.
    pub fn settle(&self) {
        self.inner.inlet.settle();
        self.inner.index.settle();
    }

    /// The recordings that match, sorted by time; running ones too.
    ///
    /// # Errors
    /// [`StoreError::Index`] when the index is broken beyond its own repair.
    pub fn search(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.inner.index.search(query)
    }

    /// Reads and authenticates one recording's facts and events.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] when the file does not open.
    pub fn show(&self, recording: RecordingId) -> Result<Record, StoreError> {
        let leaf = self.inner.index.row(recording).ok().flatten().and_then(|row| row.leaf);
        self.inner.files.record(recording, leaf)
    }

    /// The recordings of a call, oldest first.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn recordings_of(&self, call: CallId) -> Result<Vec<RecordingId>, StoreError> {
        self.inner.index.recordings_of(call)
    }

    /// Checks files against their seals and against the ledger, and the ledger against its signed heads.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the one recording asked for is neither a file nor in the ledger. Otherwise only
    /// when the store itself cannot be read; what is wrong with its items is in the report.
    pub fn verify(&self, scope: Scope) -> Result<Report, StoreError> {
        let verifier = Verifier {
            files: &self.inner.files,
            public: self.inner.public,
            running: &|id| self.inner.index.is_running(id),
            leaving: &|id| self.inner.keeping().is_leaving(id),
            settle: &|| {
                self.inner.inlet.settle();
            },
            open_log: &|book| {
                let open =
                    Book::ALL.into_iter().zip(&self.inner.published.open_logs).find(|(of, _)| *of == book);
                open.and_then(|(_, number)| u32::try_from(number.load(Ordering::Acquire)).ok())
            },
        };
        verifier.run(scope)
    }

    /// The sound of one recording and what of it is damaged; gaps are silence.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`] when nothing of it opens, [`StoreError::Disk`].
    pub fn sound(&self, recording: RecordingId) -> Result<(Sound, Vec<crate::vault::Damage>), StoreError> {
        self.inner.files.sound(recording)
    }

    /// Decodes one recording to a stereo WAV (16 bit, 8 000 Hz; left track 0, right track 1) at `to`, which must not
    /// exist; mode 0600. Gaps are silence.
    ///
    /// # Errors
    /// As [`Store::sound`]; [`StoreError::Exists`].
    pub fn decode(&self, recording: RecordingId, to: &Path) -> Result<Decoded, StoreError> {
        let (sound, damages) = self.sound(recording)?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(to).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => StoreError::Exists(to.to_path_buf()),
            _ => disk_error(to)(error),
        })?;
        write_wav(file, &sound).map_err(|error| disk_error(to)(io::Error::other(error)))?;
        Ok(Decoded { samples: sound.left.len() as u64, undecodable: sound.undecodable, damages })
    }

    /// The call detail records of `call`, oldest first (usually one).
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs_of(&self, call: CallId) -> Result<Vec<CdrEntry>, StoreError> {
        self.inner.index.cdrs_of(call)
    }

    /// The call detail records that match (by the time of the call's beginning), sorted by time.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs(&self, query: &Query) -> Result<Vec<CdrEntry>, StoreError> {
        self.inner.index.cdrs(query)
    }

    /// Writes `entry` into the audit book; its leaf comes back when it is durable.
    ///
    /// # Errors
    /// [`StoreError::NotAudited`] when the store does not take it: then what it speaks of must not be done (AUD-03).
    pub fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.inner.inlet.note(Note::Audit(Box::new(entry))).map_err(|_| StoreError::NotAudited)
    }

    /// As [`Store::audit`], and waits for nothing: for outcomes of acts that were audited when they began. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the writer does not keep up; the entry is lost.
    pub fn audit_later(&self, entry: AuditEntry) -> Result<(), Stuck> {
        self.inner.inlet.note_later(Note::Audit(Box::new(entry)))
    }

    /// The entries of the audit book that match, newest first, each with its leaf.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn audits(&self, query: &AuditQuery) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
        // What was durable before this was asked is found.
        self.inner.index.settle();
        self.inner.index.audits(query)
    }

    /// Proves that a recording is under the running head; `None` when it has no leaf. Hashes the whole ledger.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn prove(&self, recording: RecordingId) -> Result<Option<Inclusion>, StoreError> {
        self.inner.files.prove(recording, &self.inner.public).map_err(disk_error(self.inner.files.root()))
    }

    /// Proves that kept head `to` (or the running one) holds everything that kept head `from` held; `None` when there is
    /// no such head. Hashes the whole ledger.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn prove_growth(&self, from: u64, to: Option<u64>) -> Result<Option<Consistency>, StoreError> {
        self.inner
            .files
            .prove_growth(from, to, &self.inner.public)
            .map_err(disk_error(self.inner.files.root()))
    }

    /// Signs a statement with the ledger's key; signature and public key come back.
    pub fn sign_statement(&self, statement: &str) -> ([u8; 64], LedgerPublic) {
        (self.inner.signer.sign_statement(statement), self.inner.public)
    }

    /// The last `count` kept heads, oldest first, as lines for a witness.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn heads(&self, count: u64) -> Result<Vec<String>, StoreError> {
        let files = &self.inner.files;
        let present = files.heads();
        let count = count.min(present);
        let bytes = files.read_heads(present - count, count).map_err(disk_error(files.root()))?;
        let heads = bytes.as_chunks::<{ crate::vault::HEAD_BYTES }>().0.iter();
        let verified = heads.filter_map(|head| Some((head, TreeHead::verify(head, &self.inner.public)?)));
        Ok(verified.map(|(bytes, head)| witness::head_line(bytes, &head)).collect())
    }

    /// Builds the index again from the files; `progress` gets (done, all) now and then. Searches see the old one until
    /// the new one is whole. Says how many leaves it holds.
    ///
    /// # Errors
    /// [`StoreError::Disk`], [`StoreError::Index`].
    pub fn reindex(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        self.inner.inlet.settle();
        self.inner.index.rebuild(progress)
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        self.inner.files.root()
    }

    /// How the store is.
    pub fn status(&self) -> Status {
        let mut status = self.inner.board.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status.index_ready = self.inner.index.is_ready();
        status.alarms = self.inner.alarms.list();
        if !status.writable {
            status
                .alarms
                .push("the store takes no new recordings: its disk is full, stuck or failing".into());
        }
        if status.abandoned > 0 {
            let text = "journal segments were abandoned since the start because the disk could not make them durable";
            status.alarms.push(format!("{} {text}", status.abandoned));
        }
        status
    }

    /// The keys of the store, for what else is sealed with them (the user store).
    pub fn keyring(&self) -> Arc<Keyring> {
        self.inner.keys.get()
    }

    /// Closes running recordings, writes everything down, stops the threads. Done on drop of the last clone too.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            keeper.close();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.inlet.stop();
            if thread.join().is_err() {
                tracing::error!("the store's writer died; the next start recovers");
            }
            self.index.close();
        }
        if let Some(witnesses) = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner).take() {
            witnesses.close();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Options {
    fn keys_of(&self, dir: &Path) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| dir.join("keys"))
    }
}

/// Locks the store for this process.
fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("store.lock");
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(disk_error(&path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse),
        Err(error) => Err(disk_error(&path)(error.into())),
    }
}

/// 256 bits from the system.
fn seed() -> Result<[u8; 32], StoreError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| StoreError::Disk { path: "/dev/urandom".into(), source: io::Error::other(error) })?;
    Ok(seed)
}

fn write_wav(file: File, sound: &Sound) -> hound::Result<()> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::new(io::BufWriter::new(file), spec)?;
    for sample in sound.interleaved() {
        wav.write_sample(sample)?;
    }
    wav.finalize()
}

/// An error of the file system at `path`.
fn disk_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Disk { path: path.to_path_buf(), source }
}

/// The media plane's end of the ring. One clone a worker.
#[derive(Clone)]
pub struct TapSender {
    inlet: Inlet,
}

impl TapSender {
    /// Hands `item` to the writer. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the ring is full: the batch is dropped and its packets are counted
    /// ([`News::Lost`] follows). `Ended` is never dropped.
    pub fn try_send(&self, item: TapItem) -> Result<(), Stuck> {
        self.inlet.tap(item)
    }
}

/// The writer does not keep up, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store does not keep up")]
pub struct Stuck;

/// The state of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Status {
    /// Whether a new recording would be accepted.
    pub writable: bool,
    /// Free space for ordinary users.
    pub free_bytes: u64,
    /// Recordings that run now.
    pub open: u64,
    /// Leaves in the ledger: closed recordings and call detail records.
    pub leaves: u64,
    /// Packets lost between tap and file since the start.
    pub lost_packets: u64,
    /// Moment of the newest group commit that fdatasync confirmed.
    pub durable_at: Option<Wall>,
    /// Whether the index answers (it is opened beside the start).
    pub index_ready: bool,
    /// Journal segments that were given up because an fdatasync failed, since the start.
    pub abandoned: u64,
    /// What somebody should be woken for, in words.
    pub alarms: Vec<String>,
}

/// What a decoded recording holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decoded {
    /// Samples per track, 8 000 a second.
    pub samples: u64,
    /// Packets whose codec is not decodable yet, as (track, codec or payload type, packets): silence in the WAV.
    pub undecodable: Vec<(u8, String, u64)>,
    /// What was damaged and left out.
    pub damages: Vec<crate::vault::Damage>,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store is in use by another process")]
    InUse,
    /// There is something already.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A key file may be read or written by others.
    #[error("{0}: mode {1:o} lets others in; it must be 0600 and yours")]
    Rights(PathBuf, u32),
    /// The keys are locked, and nobody has unsealed them.
    #[error("{0}: the keys are locked: `ledgerline vault unseal` while the switch starts")]
    Locked(PathBuf),
    /// Keys are missing or malformed.
    #[error("{0}: {1}")]
    Keys(PathBuf, &'static str),
    /// The file system said no.
    #[error("{path}: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// The index is broken and could not be rebuilt.
    #[error("index: {0}")]
    Index(String),
    /// No such recording.
    #[error("no recording {0}")]
    NotFound(RecordingId),
    /// The file does not open.
    #[error("{0}: {1}")]
    Damaged(RecordingId, crate::vault::Damage),
    /// Where it stands, that may not be done with it.
    #[error("{0} is {1:?}: that may not be done with it")]
    Withheld(RecordingId, State),
    /// A rule of keeping forbids it.
    #[error("{0}")]
    Rule(String),
    /// The audit book takes nothing.
    #[error("the audit book takes nothing now; what must be audited is not done")]
    NotAudited,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
