//! The key files of a store: `kek-NNNNNNNN.key` (32 octets, one a version) and `ledger.key` (32 octets, Ed25519
//! seed) or `ledger-sm2.key` (32 octets, SM2 scalar), which is what says the suite. In a
//! locked folder they have 40: see [`lock`].
//!
//! Invariant: a key file is read only when its owner is this process's user (or root) and nobody else may read or write
//! it; it is never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::base::Secret;
use crate::vault::{Keyring, LedgerKey, LedgerPublic, Suite};

use super::disk::make_folder;
use super::lock::{self, Lock};
use super::{StoreError, disk_error};

/// The name of the ledger's signing key says the store's suite.
const LEDGER: [(Suite, &str); 2] = [(Suite::Intl, "ledger.key"), (Suite::Gm, "ledger-sm2.key")];

/// Draws the first key-encryption key and the ledger's key into `folder`; the ledger's public key comes back.
pub(super) fn create(folder: &Path, suite: Suite) -> Result<LedgerPublic, StoreError> {
    make_folder(folder).map_err(disk_error(folder))?;
    if suite_of(folder).is_some() || !versions(folder)?.is_empty() {
        return Err(StoreError::Exists(folder.to_path_buf()));
    }
    let first = random_octets(folder)?;
    write_new(&folder.join(kek_name(1)), first.as_slice())?;
    let (seed, key) = loop {
        let seed = random_octets(folder)?;
        // Nearly every 256 bits are a key of SM2: the rest is drawn again.
        if let Some(key) = LedgerKey::of(suite, &Secret::new(*seed)) {
            break (seed, key);
        }
    };
    write_new(&ledger_path(folder, suite), seed.as_slice())?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk_error(folder))?;
    Ok(key.public())
}

/// Draws the next key-encryption key; the whole ring comes back.
pub(super) fn add(folder: &Path) -> Result<Keyring, StoreError> {
    let next = keyring(folder)?.current() + 1;
    if let Some(Lock::Token(mut lock)) = Lock::of(folder)? {
        let root = lock::root_of(folder)?.ok_or_else(|| StoreError::Locked(folder.to_path_buf()))?;
        lock.make(folder, &root, next)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk_error(folder))?;
        return keyring(folder);
    }
    let key = random_octets(folder)?;
    match lock::root_of(folder)? {
        Some(root) => write_new(&folder.join(kek_name(next)), &lock::wrap(&root, &key))?,
        None => write_new(&folder.join(kek_name(next)), key.as_slice())?,
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk_error(folder))?;
    keyring(folder)
}

/// Draws the key of `version` into `folder`, wrapped by `root`.
pub(super) fn draw_wrapped(folder: &Path, root: &lock::Root, version: u32) -> Result<(), StoreError> {
    write_new(&folder.join(kek_name(version)), &lock::wrap(root, &*random_octets(folder)?))
}

/// Overwrites and removes the key of `version`, in its token too; the rest of the ring comes back.
pub(super) fn destroy(folder: &Path, version: u32) -> Result<Keyring, StoreError> {
    if let Some(Lock::Token(mut lock)) = Lock::of(folder)?
        && lock.held.contains(&version)
    {
        lock.destroy(folder, version)?;
    }
    let path = folder.join(kek_name(version));
    let wipe = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&path)?;
        file.write_all(&[0; 40])?;
        file.sync_all()?;
        fs::remove_file(&path)?;
        File::open(folder)?.sync_all()
    };
    wipe().map_err(disk_error(&path))?;
    keyring(folder)
}

/// Reads all key-encryption keys of `folder`.
pub(super) fn keyring(folder: &Path) -> Result<Keyring, StoreError> {
    let mut ring = Keyring::of(suite_of(folder).unwrap_or_default());
    for version in versions(folder)? {
        ring.insert(version, read(&folder.join(kek_name(version)))?);
    }
    if ring.current() == 0 {
        return Err(StoreError::Keys(
            folder.to_path_buf(),
            "no key-encryption key (kek-00000001.key) is here",
        ));
    }
    if let Some(Lock::Token(lock)) = Lock::of(folder)? {
        lock.put_into(&mut ring, folder)?;
    }
    Ok(ring)
}

/// Reads the ledger's signing key.
pub(super) fn ledger_key(folder: &Path) -> Result<LedgerKey, StoreError> {
    let suite = suite_of(folder).unwrap_or_default();
    let path = ledger_path(folder, suite);
    LedgerKey::of(suite, &read(&path)?).ok_or(StoreError::Keys(path, "is no key of SM2"))
}

/// The suite of the store whose keys these are; `None`: there is no ledger's key.
pub(super) fn suite_of(folder: &Path) -> Option<Suite> {
    LEDGER.into_iter().find(|(_, name)| folder.join(name).exists()).map(|(suite, _)| suite)
}

/// Where the ledger's key of `suite` lies.
pub(super) fn ledger_path(folder: &Path, suite: Suite) -> PathBuf {
    folder.join(LEDGER.into_iter().find(|(of, _)| *of == suite).map_or("ledger.key", |(_, name)| name))
}

fn kek_name(version: u32) -> String {
    format!("kek-{version:08}.key")
}

fn versions(folder: &Path) -> Result<Vec<u32>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(disk_error(folder))? {
        let name = entry.map_err(disk_error(folder))?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("kek-")?.strip_suffix(".key")?.parse().ok());
        found.extend(number.filter(|number: &u32| *number > 0));
    }
    found.sort_unstable();
    Ok(found)
}

fn read(path: &Path) -> Result<Secret<[u8; 32]>, StoreError> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Keys(path.to_path_buf(), "is missing"),
        _ => disk_error(path)(error),
    })?;
    let facts = file.metadata().map_err(disk_error(path))?;
    let owner = facts.uid();
    if facts.mode() & 0o177 != 0 || (owner != 0 && owner != rustix::process::geteuid().as_raw()) {
        return Err(StoreError::Rights(path.to_path_buf(), facts.mode() & 0o7777));
    }
    let mut octets = Zeroizing::new([0; 41]);
    let mut len = 0;
    while let Some(room) = octets.get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room).map_err(disk_error(path))? {
            0 => break,
            count => len += count,
        }
    }
    let folder = path.parent().unwrap_or(path);
    match (octets.first_chunk::<32>(), octets.first_chunk::<40>()) {
        (Some(key), _) if len == 32 => Ok(Secret::new(*key)),
        (_, Some(wrapped)) if len == 40 => {
            let root = lock::root_of(folder)?.ok_or_else(|| StoreError::Locked(folder.to_path_buf()))?;
            let key = lock::unwrap(&root, wrapped);
            key.map(|key| Secret::new(*key))
                .ok_or(StoreError::Keys(path.to_path_buf(), "does not open with this root key"))
        }
        _ => Err(StoreError::Keys(path.to_path_buf(), "must hold exactly 32 octets (locked: 40)")),
    }
}

fn write_new(path: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists(path.to_path_buf()),
            _ => disk_error(path)(error),
        })?;
    file.write_all(octets).and_then(|()| file.sync_all()).map_err(disk_error(path))
}

fn random_octets(folder: &Path) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let mut octets = Zeroizing::new([0; 32]);
    getrandom::fill(octets.as_mut_slice())
        .map_err(|_| StoreError::Keys(PathBuf::from(folder), "the system has no randomness to give"))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_read_only_when_nobody_else_can() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().join("keys");
        let public = create(&keys, Suite::Intl).expect("new");
        for suite in [Suite::Intl, Suite::Gm] {
            assert!(matches!(create(&keys, suite), Err(StoreError::Exists(_))));
        }
        assert_eq!(keyring(&keys).expect("fresh").current(), 1);
        assert_eq!(ledger_key(&keys).expect("fresh").public(), public);
        for name in ["kek-00000001.key", "ledger.key"] {
            assert_eq!(fs::metadata(keys.join(name)).expect("there").len(), 32);
        }
        for mode in [0o640, 0o604, 0o620, 0o602, 0o700, 0o666] {
            fs::set_permissions(keys.join("kek-00000001.key"), fs::Permissions::from_mode(mode))
                .expect("ours");
            match keyring(&keys) {
                Err(StoreError::Rights(_, found)) => assert_eq!(found, mode),
                other => panic!("mode {mode:o}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_ledger_s_key_says_the_suite() {
        for suite in [Suite::Intl, Suite::Gm] {
            let folder = tempfile::tempdir().expect("a folder");
            let public = create(folder.path(), suite).expect("new");
            assert_eq!((public.suite(), keyring(folder.path()).expect("fresh").suite()), (suite, suite));
            assert_eq!(ledger_key(folder.path()).expect("fresh").public(), public);
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        for len in [0, 31, 33, 64] {
            let path = folder.path().join("kek-00000002.key");
            fs::write(&path, vec![1; len]).expect("room");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
            assert!(matches!(keyring(folder.path()), Err(StoreError::Keys(..))), "{len} octets");
        }
        assert!(matches!(ledger_key(folder.path()), Err(StoreError::Keys(_, "is missing"))));
    }
}
