//! How a store is made, opened and closed.
//!
//! Invariant: one process has it open; whatever a crash left is recovered before anything new is taken.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::alarm::Alarms;
use super::archive::Archivist;
use super::boot::Seen;
use super::disk::{RealDisk, make_folder};
use super::files::{Files, Published};
use super::index::Index;
use super::keeping::Keeping;
use super::keys::Keys;
use super::note::Setup;
use super::witness::{HeadsTo, Witnesses};
use super::{Inner, Store, StoreError, disk_error, keeper, keyfile, recover, thread};
use crate::base::Random;
use crate::compliance::retention::JUMP;
use crate::io::clock::{self, Clock, wall};
use crate::vault::{Keyring, News, Suite, hex};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a store that is made writes with; one that is there says it itself.
    pub suite: Suite,
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
    /// From which age on closed recordings get an Opus copy beside them, one by one in the background; `None`: none does.
    pub opus_after: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            suite: Suite::Intl,
            keys: None,
            country_code: "86".into(),
            low_water_bytes: None,
            reserve_bytes: None,
            heads_to: Vec::new(),
            opus_after: None,
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
        let public = keyfile::create(&options.keys_of(dir), options.suite)?;
        let path = ledger.join("ledger.pub");
        std::fs::write(&path, hex(&public.to_bytes()) + "\n").map_err(disk_error(&path))
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
            clock_state: clock::state,
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
        super::derive::take_up(dir, &files).map_err(disk_error(dir))?;
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
            archivist: Mutex::new(None),
            keeping: Mutex::new(keeping),
            keeps: Mutex::new(()),
            deriving: RwLock::new(()),
            destroying: Mutex::new(()),
            alarms,
            _lock: lock,
        };
        inner.bury_again()?;
        inner.bury_told()?;
        let inner = Arc::new(inner);
        if let Some(before) = last_seen.filter(|before| wall() + JUMP < *before) {
            let back_s = (wall().as_micros() - before.as_micros()) / 1_000_000;
            inner.look_at_clock(Some(back_s));
        } else if let Some(jump_s) = Seen::of(dir).and_then(|before| before.jumped(&Seen::now())) {
            inner.look_at_clock(Some(jump_s));
        }
        Seen::now().keep(dir);
        let keeper = keeper::start(&inner, clock).map_err(disk_error(dir))?;
        *inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        if let Some(age) = options.opus_after {
            let archivist = Archivist::start(Arc::downgrade(&inner), age).map_err(disk_error(dir))?;
            *inner.archivist.lock().unwrap_or_else(PoisonError::into_inner) = Some(archivist);
        }
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
}

impl Inner {
    pub(super) fn close(&self) {
        let archivist = self.archivist.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(archivist) = archivist {
            archivist.close();
        }
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
pub(super) fn seed() -> Result<[u8; 32], StoreError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| StoreError::Disk { path: "/dev/urandom".into(), source: io::Error::other(error) })?;
    Ok(seed)
}
