//! The recording store: files, journal, index, and the one thread that writes them.
//!
//! Invariants: what is acknowledged ([`News::Closed`], and every chunk that [`Store::durable`] counts) was covered by an
//! fdatasync that returned success; sled holds nothing that the files do not; one process has the store open.

use std::path::{Path, PathBuf};

use crate::base::{CallId, RecordingId, Wall};
use crate::vault::{Keyring, News, Order, Query, Record, Report, Row, Scope, TapItem};

/// The open store. Cheap to clone; every function may be called from any thread and may block on the disk (wrap it in
/// `spawn_blocking`), except [`Store::order`] and [`TapSender::try_send`], which never block.
#[derive(Clone)]
pub struct Store {}

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
}

impl Default for Options {
    fn default() -> Self {
        Options { keys: None, country_code: "86".into(), low_water_bytes: None, reserve_bytes: None }
    }
}

/// Reads the key files of `keys` (a folder, see [`Options::keys`]).
///
/// # Errors
/// [`StoreError::Rights`] when others may read or write one, [`StoreError::Keys`] when one is missing or malformed.
pub fn load_keys(keys: &Path) -> Result<Keyring, StoreError> {
    Err(StoreError::Keys(keys.to_path_buf(), "not there"))
}

impl Store {
    /// Makes the folders, the key files (mode 0600) and an empty ledger in `dir`. For `init` and `demo`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there are keys already: nothing is overwritten.
    pub fn create(dir: &Path, options: &Options) -> Result<(), StoreError> {
        let _ = (dir, options);
        Err(StoreError::Closed)
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
        let _ = (dir, options, news);
        Err(StoreError::Closed)
    }

    /// Gives an order to the writer. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the writer does not keep up or has died; the order is lost. For `Open` that means: refused.
    pub fn order(&self, order: Order) -> Result<(), Stuck> {
        let _ = order;
        Err(Stuck)
    }

    /// A sender for one media worker.
    pub fn tap(&self) -> TapSender {
        TapSender {}
    }

    /// The recordings that match, sorted by time.
    ///
    /// # Errors
    /// [`StoreError::Index`] when the index is broken beyond its own repair.
    pub fn search(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let _ = query;
        Err(StoreError::Closed)
    }

    /// Reads and authenticates one recording's facts and events.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] when the file does not open.
    pub fn show(&self, recording: RecordingId) -> Result<Record, StoreError> {
        let _ = recording;
        Err(StoreError::Closed)
    }

    /// The recordings of a call, oldest first.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn recordings_of(&self, call: CallId) -> Result<Vec<RecordingId>, StoreError> {
        let _ = call;
        Err(StoreError::Closed)
    }

    /// Checks files against their seals and against the ledger, and the ledger against its signed heads.
    ///
    /// # Errors
    /// Only when the store itself cannot be read; what is wrong with its items is in the report.
    pub fn verify(&self, scope: Scope) -> Result<Report, StoreError> {
        let _ = scope;
        Err(StoreError::Closed)
    }

    /// Decodes one recording to a stereo WAV (16 bit, 8 000 Hz; left track 0, right track 1) at `to`, which must not
    /// exist. Gaps are silence.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`] when nothing of it opens, [`StoreError::Disk`].
    pub fn decode(&self, recording: RecordingId, to: &Path) -> Result<Decoded, StoreError> {
        let _ = (recording, to);
        Err(StoreError::Closed)
    }

    /// The call detail records of `call`, oldest first (usually one).
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs_of(&self, call: CallId) -> Result<Vec<serde_json::Value>, StoreError> {
        let _ = call;
        Err(StoreError::Closed)
    }

    /// The call detail records that match (by the time of the call's beginning), sorted by time.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs(&self, query: &Query) -> Result<Vec<serde_json::Value>, StoreError> {
        let _ = query;
        Err(StoreError::Closed)
    }

    /// Throws the index away and builds it again from the files; `progress` gets (done, all) now and then. Searches see
    /// the new index when it is whole.
    ///
    /// # Errors
    /// [`StoreError::Disk`], [`StoreError::Index`].
    pub fn reindex(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let _ = progress;
        Err(StoreError::Closed)
    }

    /// How the store is.
    pub fn status(&self) -> Status {
        Status::default()
    }

    /// Closes running recordings, writes everything down, stops the writer. Called on drop of the last clone too.
    pub fn close(&self) {}
}

/// The media plane's end of the ring. One clone a worker.
#[derive(Clone)]
pub struct TapSender {}

impl TapSender {
    /// Hands `item` to the writer. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the ring is full: the batch is dropped and its packets are counted
    /// ([`News::Lost`] follows). `Ended` is never dropped.
    pub fn try_send(&self, item: TapItem) -> Result<(), Stuck> {
        let _ = item;
        Err(Stuck)
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
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
