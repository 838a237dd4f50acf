//! The recording store: files, journal, index, and the one thread that writes them.
//!
//! ```text
//! DIR/keys/        kek-00000001.key, ledger.key             mode 0600
//! DIR/recordings/  YYYY/MM/DD/r-….llr                       one sealed file a recording
//!                              …/r-….d-….lld                     what was derived from one
//! DIR/making/      r-….d-….lld                              derived items before the ledger knows them
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
mod archive;
mod ask;
mod backup;
mod boot;
mod certificate;
mod checkpoint;
mod commit;
mod copy;
mod derive;
mod destroy;
mod disk;
mod error;
mod files;
mod heads;
pub mod held;
mod index;
mod journal;
mod keeper;
mod keeping;
mod keyfile;
mod keys;
pub mod lock;
mod log;
mod note;
mod open;
mod recover;
mod retain;
mod running;
mod sealing;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_disk;
mod space;
mod tables;
mod thread;
mod token;
mod verify;
mod witness;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use crate::base::Wall;
use crate::vault::{AuditEntry, Keyring, LedgerKey, LedgerPublic, Order, Suite, TapItem};

use alarm::Alarms;
use archive::Archivist;
pub use ask::Decoded;
pub use backup::{BackupReport, restore};
pub use copy::{Depth, verify_copy};
pub use derive::Making;
use error::disk_error;
pub use error::{StoreError, Stuck};
use files::{Files, Published};
use index::Index;
use keeper::Keeper;
pub use keeping::Hold;
use keeping::Keeping;
use keys::Keys;
pub use keys::{KeyUse, Rewrapped};
use note::Note;
pub use open::{Options, load_keys};
pub use retain::{Kept, Listing};
use thread::{Board, Inlet};
pub use witness::HeadsTo;
use witness::Witnesses;

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
    archivist: Mutex<Option<Archivist>>,
    keeping: Mutex<Keeping>,
    /// Held while an entry of the book of keeping is on its way, so that they are taken in the book's order.
    keeps: Mutex<()>,
    /// Read while an item is derived; a destruction that has begun waits for those that had begun before it.
    deriving: RwLock<()>,
    /// Held while recordings are destroyed: one job after the other.
    destroying: Mutex<()>,
    alarms: Alarms,
    /// Signs certificates.
    signer: LedgerKey,
    /// Held as long as the store is open.
    _lock: File,
}

impl Store {
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

    /// Writes `entry` into the audit book; its leaf comes back when it is durable.
    ///
    /// # Errors
    /// [`StoreError::NotAudited`] when the store does not take it: then what it speaks of must not be done (AUD-03).
    pub fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.inner.inlet.note(Note::Audit(Box::new(entry))).map_err(|_| StoreError::NotAudited)
    }

    /// As [`Store::audit`] of several, in order, made durable together.
    ///
    /// # Errors
    /// As there; some of them may stand in the book all the same.
    pub fn audit_all(&self, entries: Vec<AuditEntry>) -> Result<Vec<u64>, StoreError> {
        let notes = entries.into_iter().map(|entry| Note::Audit(Box::new(entry))).collect();
        self.inner.inlet.note_all(notes).map_err(|_| StoreError::NotAudited)
    }

    /// As [`Store::audit`], and waits for nothing: for outcomes of acts that were audited when they began. Never blocks.
    ///
    /// # Errors
    /// [`Stuck`] when the writer does not keep up; the entry is lost.
    pub fn audit_later(&self, entry: AuditEntry) -> Result<(), Stuck> {
        self.inner.inlet.note_later(Note::Audit(Box::new(entry)))
    }

    /// What it seals, hashes and signs with.
    pub fn suite(&self) -> Suite {
        self.inner.public.suite()
    }

    /// Signs a statement with the ledger's key; signature and public key come back.
    pub fn sign_statement(&self, statement: &str) -> ([u8; 64], LedgerPublic) {
        (self.inner.signer.sign_statement(statement), self.inner.public)
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
