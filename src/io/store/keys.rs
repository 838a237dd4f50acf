//! Key-encryption keys of an open store: the ring that all its parts share, its rotation, and the end of an old key.
//!
//! Invariants: a rotation rewrites key slots and nothing else, one slot after the other, each within one sector: a file opens
//! before, during and after. A key is destroyed only when nothing is wrapped or sealed under it (KEY-02).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::{Place, day_folders, derived_in, derived_path, recordings_in, started};
use super::{Store, StoreError, disk_error, keyfile};
use crate::base::Wall;
use crate::io::clock::wall;
use crate::vault::{Book, ESCROW, Header, Keyring};

/// The ring, shared: who asks gets it as it is at that moment.
#[derive(Debug, Clone)]
pub(super) struct Keys(Arc<RwLock<Arc<Keyring>>>);

impl Keys {
    pub(super) fn new(keyring: Keyring) -> Keys {
        Keys(Arc::new(RwLock::new(Arc::new(keyring))))
    }

    pub(super) fn get(&self) -> Arc<Keyring> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, keyring: Keyring) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }
}

/// Files that became durable together while they are wrapped anew.
const AT_ONCE: usize = 256;
/// A file younger than this may be in a journal segment that would bring its old slot back.
const SETTLED_AFTER: Duration = Duration::from_secs(300);
/// First octets of a small sealed file; its key's version follows (`io::sealed`).
const SEALED_MARK: &[u8; 8] = b"LLSEAL1\n";

/// What is under which key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyUse {
    /// The current version.
    pub current: u32,
    /// Per version at hand: recordings and segments whose data key it wraps, and small files sealed under it.
    pub versions: BTreeMap<u32, (u64, u64)>,
    /// Whether the index still is under an older version: a restart moves it.
    pub index: u32,
}

/// What a wrapping anew did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rewrapped {
    /// Files whose slot was rewritten.
    pub rewrapped: u64,
    /// Files that are too young, or run: for another time.
    pub left: u64,
    /// Files whose key does not unwrap: verification names them.
    pub damaged: u64,
}

impl Store {
    /// Makes a new key-encryption key; whatever begins from now on is wrapped by it. Its version comes back.
    ///
    /// # Errors
    /// The key cannot be written down.
    pub fn rotate(&self) -> Result<u32, StoreError> {
        let folder = &self.inner.keys_folder;
        let keyring = keyfile::add(folder)?;
        let version = keyring.current();
        self.inner.keys.set(keyring);
        self.inner.inlet.end_logs();
        Ok(version)
    }

    /// Wraps the data keys of all files by the current key; `progress` gets (done, all) now and then. Sound is not touched.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; what was done before stays done.
    pub fn rewrap(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Rewrapped, StoreError> {
        let (keyring, now) = (self.inner.keys.get(), wall());
        let files = self.wrapped_files()?;
        let (all, mut done) = (files.len() as u64, Rewrapped::default());
        for (number, portion) in (1_u64..).zip(files.chunks(AT_ONCE)) {
            let mut written = Vec::new();
            for (path, begun) in portion {
                match slot_of(path, &keyring).map_err(disk_error(path))? {
                    Slot::Current | Slot::None => {}
                    Slot::Old(..) if *begun + SETTLED_AFTER > now || self.is_open(path) => done.left += 1,
                    Slot::Damaged => done.damaged += 1,
                    Slot::Old(at, slot) => {
                        let file = OpenOptions::new().write(true).open(path).map_err(disk_error(path))?;
                        file.write_all_at(&slot, at).map_err(disk_error(path))?;
                        written.push((path, file));
                    }
                }
            }
            for (path, file) in written {
                file.sync_data().map_err(disk_error(path))?;
                done.rewrapped += 1;
            }
            progress((number * AT_ONCE as u64).min(all), all);
        }
        Ok(done)
    }

    /// What is under which key. Reads every header.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn key_use(&self) -> Result<KeyUse, StoreError> {
        let keyring = self.inner.keys.get();
        let mut found =
            KeyUse { current: keyring.current(), index: self.inner.index.key_version(), ..KeyUse::default() };
        found.versions.extend(keyring.versions().map(|version| (version, (0, 0))));
        for (path, _) in self.wrapped_files()? {
            if let Some(header) = header_of(&path).map_err(disk_error(&path))? {
                found.versions.entry(header.kek_version).or_default().0 += 1;
            }
        }
        for path in small_files(self.folder()).map_err(disk_error(self.folder()))? {
            if let Some(version) = sealed_under(&path).map_err(disk_error(&path))? {
                found.versions.entry(version).or_default().1 += 1;
            }
        }
        Ok(found)
    }

    /// Destroys the key of `version`: overwritten, then removed; in its token too. That it takes a second person is for who
    /// calls this to see to.
    ///
    /// # Errors
    /// As [`Store::may_retire`]; [`StoreError::Disk`].
    pub fn retire(&self, version: u32) -> Result<(), StoreError> {
        self.may_retire(version)?;
        let keyring = keyfile::destroy(&self.inner.keys_folder, version)?;
        self.inner.keys.set(keyring);
        Ok(())
    }

    /// Whether the key of `version` may be destroyed now.
    ///
    /// # Errors
    /// [`StoreError::Rule`] when it is the current one, or something is still under it.
    pub fn may_retire(&self, version: u32) -> Result<(), StoreError> {
        let found = self.key_use()?;
        let Some((files, small)) = found.versions.get(&version) else {
            return Err(StoreError::Rule(format!("there is no key of version {version}")));
        };
        if version >= ESCROW {
            return Err(StoreError::Rule("the escrow key stays as long as the token may go away".into()));
        }
        if version == found.current {
            return Err(StoreError::Rule("the current key stays: rotate first".into()));
        }
        if *files > 0 {
            return Err(StoreError::Rule(format!("{files} files are wrapped by it: `key rewrap` first")));
        }
        if *small > 0 || found.index == version {
            return Err(StoreError::Rule(
                "accounts or the index are still under it: restart the switch first".into(),
            ));
        }
        Ok(())
    }

    fn is_open(&self, path: &Path) -> bool {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("");
        if let Ok(id) = name.parse() {
            return self.inner.index.is_running(id);
        }
        let number = u64::from_str_radix(name, 16).ok();
        let logs = Book::ALL.iter().zip(&self.inner.published.open_logs);
        let folder = path.parent().and_then(|folder| folder.file_name()).and_then(|name| name.to_str());
        logs.into_iter().any(|(book, open)| {
            Some(book.folder().0) == folder && number == Some(open.load(std::sync::atomic::Ordering::Acquire))
        })
    }

    /// Recordings and segments, each with when it began as far as its name or age tells.
    fn wrapped_files(&self) -> Result<Vec<(PathBuf, Wall)>, StoreError> {
        let root = self.folder();
        let list = || -> io::Result<Vec<(PathBuf, Wall)>> {
            let mut found = Vec::new();
            for day in day_folders(root)? {
                found.extend(
                    recordings_in(&day)?.into_iter().map(|id| (Place::Recording(id).path(root), started(id))),
                );
                // They were never in a journal: none is too young.
                let items = derived_in(&day)?.into_iter();
                found.extend(items.map(|(of, item)| (derived_path(root, of, item), Wall::default())));
            }
            for book in Book::ALL {
                let segments = self.inner.files.logs(book)?;
                found.extend(
                    segments.into_iter().map(|number| (Place::Log(book, number).path(root), Wall::default())),
                );
            }
            Ok(found)
        };
        list().map_err(disk_error(root))
    }
}

enum Slot {
    /// It is wrapped by the current key.
    Current,
    /// Where the slot lies, and what belongs there.
    Old(u64, Vec<u8>),
    /// It does not unwrap.
    Damaged,
    /// There is no such file any more.
    None,
}

fn slot_of(path: &Path, keyring: &Keyring) -> io::Result<Slot> {
    let Some(header) = header_of(path)? else { return Ok(Slot::None) };
    if header.kek_version == keyring.current() {
        return Ok(Slot::Current);
    }
    Ok(match header.rewrapped(keyring) {
        Some(slot) => Slot::Old(Header::slot_range(header.len_bytes).start as u64, slot.to_vec()),
        None => Slot::Damaged,
    })
}

fn header_of(path: &Path) -> io::Result<Option<Header>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut front = Vec::new();
    file.take(Header::MAX_BYTES as u64).read_to_end(&mut front)?;
    Ok(Header::parse(&front).ok())
}

fn small_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "sealed") {
            found.push(path);
        }
    }
    Ok(found)
}

fn sealed_under(path: &Path) -> io::Result<Option<u32>> {
    let mut front = Vec::new();
    File::open(path)?.take(12).read_to_end(&mut front)?;
    let version = front.strip_prefix(SEALED_MARK).and_then(|rest| rest.first_chunk());
    Ok(version.map(|version| u32::from_be_bytes(*version)))
}
