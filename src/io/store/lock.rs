//! Keys that do not lie open: each key file is wrapped by a root key that comes from a passphrase, from M of N shares or from a
//! token, at every start.
//!
//! Invariants: the root key is written nowhere but into memory, its own hand-over on a memory file system included; fewer
//! than M shares tell nothing of it (Shamir); a wrong one opens nothing (RFC 3394 checks itself).

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aes_kw::{KeyInit, KwAes256};
use argon2::{Algorithm, Argon2, Params, Version};
use blahaj::{Share, Sharks};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::held::{self, InToken};
use super::{StoreError, disk_error, keyfile};
use crate::base::Secret;
use crate::vault::{hex, unhex};

/// A root key.
pub type Root = Secret<[u8; 32]>;

/// Says how the keys of a folder are locked.
const LOCK: &str = "lock.json";
/// A passphrase that the service manager brings (`LoadCredential=ledgerline.passphrase:…`).
const CREDENTIAL: &str = "ledgerline.passphrase";
/// Where `vault unseal` hands the root key to a node that waits: memory, not a disk.
const MEMORY: &str = "/dev/shm";
/// Argon2id: RFC 9106 §4, second recommendation.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// How often a node that waits looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What unlocks a folder of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Lock {
    /// A passphrase: Argon2id with these parameters.
    Passphrase {
        /// 32 hexadecimal digits.
        salt: String,
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// So many of so many shares.
    Shares {
        /// How many are needed.
        need: u8,
        /// How many there are.
        of: u8,
    },
    /// A PKCS#11 token.
    Token(Box<InToken>),
}

/// Root keys that this process was given, by folder.
static ROOTS: Mutex<Option<HashMap<PathBuf, Root>>> = Mutex::new(None);

impl Lock {
    /// How the keys in `folder` are locked; `None`: they lie open.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn of(folder: &Path) -> Result<Option<Lock>, StoreError> {
        let path = folder.join(LOCK);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(disk_error(&path))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|_| StoreError::Keys(path, "is not understood"))
    }

    /// The root key of `folder` from what people bring: the passphrase, the PIN, or shares in hexadecimal, one a line.
    ///
    /// # Errors
    /// [`StoreError::Rule`]: too few shares, or none of ours; the token does not open.
    pub fn root(&self, folder: &Path, brought: &[Zeroizing<String>]) -> Result<Root, StoreError> {
        match self {
            Lock::Token(lock) => lock.unlock(folder, brought.first().map_or("", |pin| pin.trim())),
            Lock::Passphrase { salt, memory_kib, passes, lanes } => {
                let wrong = |_| StoreError::Rule("the lock's parameters are none of Argon2".into());
                let salt =
                    unhex::<16>(salt).ok_or_else(|| StoreError::Rule("the lock's salt is broken".into()))?;
                let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).map_err(wrong)?;
                let mut root = Zeroizing::new([0; 32]);
                let word = brought.first().map(|word| word.as_bytes()).unwrap_or_default();
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(word, &salt, root.as_mut_slice())
                    .map_err(wrong)?;
                Ok(Secret::new(*root))
            }
            Lock::Shares { need, .. } => {
                let shares = brought.iter().map(|text| unhex::<33>(text.trim()).map(Zeroizing::new));
                let shares: Option<Vec<Share>> =
                    shares.map(|octets| Share::try_from(octets?.as_slice()).ok()).collect();
                let shares =
                    shares.ok_or_else(|| StoreError::Rule("a share has 66 hexadecimal digits".into()))?;
                let few = |_: &str| StoreError::Rule(format!("it takes {need} different shares"));
                let root = Zeroizing::new(Sharks(*need).recover(&shares).map_err(few)?);
                let root: [u8; 32] = root
                    .as_slice()
                    .try_into()
                    .map_err(|_| StoreError::Rule("shares of another secret".into()))?;
                Ok(Secret::new(root))
            }
        }
    }
}

/// Locks the keys in `folder` by a passphrase.
///
/// # Errors
/// They are locked already; [`StoreError::Disk`].
pub fn lock_by_passphrase(folder: &Path, passphrase: Zeroizing<String>) -> Result<(), StoreError> {
    let salt = random::<16>()?;
    let lock = Lock::Passphrase { salt: hex(&*salt), memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES };
    let root = lock.root(folder, &[passphrase])?;
    put_on(folder, &lock, &root)
}

/// Locks the keys in `folder` by `of` shares of which `need` open them; the shares come back, in hexadecimal, once.
///
/// # Errors
/// As [`lock_by_passphrase`]; the numbers make no sense.
pub fn lock_by_shares(folder: &Path, need: u8, of: u8) -> Result<Vec<Zeroizing<String>>, StoreError> {
    if need < 2 || need > of {
        return Err(StoreError::Rule("at least 2 shares are needed, and not more than there are".into()));
    }
    let root = random::<32>()?;
    let dealt = Sharks(need).dealer(root.as_slice()).take(of.into());
    let shares = dealt.map(|share| Zeroizing::new(hex(&Zeroizing::new(Vec::<u8>::from(&share))))).collect();
    put_on(folder, &Lock::Shares { need, of }, &Secret::new(*root))?;
    Ok(shares)
}

/// Wraps every key file in `folder` by `root`, then says how. A crash between leaves both kinds, and both open.
pub(super) fn put_on(folder: &Path, lock: &Lock, root: &Root) -> Result<(), StoreError> {
    if Lock::of(folder)?.is_some() {
        return Err(StoreError::Rule("the keys are locked already".into()));
    }
    write(folder, lock)?;
    give(folder, root.clone());
    for entry in fs::read_dir(folder).map_err(disk_error(folder))? {
        let path = entry.map_err(disk_error(folder))?.path();
        let octets = Zeroizing::new(fs::read(&path).map_err(disk_error(&path))?);
        if path.extension().is_some_and(|ending| ending == "key")
            && let Some(key) = octets.first_chunk::<32>().filter(|_| octets.len() == 32)
        {
            replace(&path, &wrap(root, key))?;
        }
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk_error(folder))
}

/// Writes down how the keys in `folder` are locked.
pub(super) fn write(folder: &Path, lock: &Lock) -> Result<(), StoreError> {
    let text = serde_json::to_string_pretty(lock).unwrap_or_default();
    replace(&folder.join(LOCK), text.as_bytes())
}

/// A root key.
pub(super) fn fresh_root() -> Result<Root, StoreError> {
    Ok(Secret::new(*random::<32>()?))
}

/// `key` as it lies in a locked folder: wrapped by `root` (RFC 3394).
pub(super) fn wrap(root: &Root, key: &[u8; 32]) -> [u8; 40] {
    let mut wrapped = [0; 40];
    let done = KwAes256::new(root.expose().into()).wrap_key(key, &mut wrapped).map(|_| ());
    debug_assert!(done.is_ok());
    wrapped
}

/// The key in `wrapped`; `None` when `root` is not the one.
pub(super) fn unwrap(root: &Root, wrapped: &[u8; 40]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    KwAes256::new(root.expose().into()).unwrap_key(wrapped, key.as_mut_slice()).is_ok().then_some(key)
}

/// The root key of `folder`, if it is to be had without asking anybody: given before, brought by the service manager, or
/// handed over by `vault unseal`.
///
/// # Errors
/// The lock is broken.
pub(super) fn root_of(folder: &Path) -> Result<Option<Root>, StoreError> {
    let Some(lock) = Lock::of(folder)? else { return Ok(None) };
    let given = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(root) = given.as_ref().and_then(|roots| roots.get(folder)) {
        return Ok(Some(root.clone()));
    }
    drop(given);
    let root = match (handed_over(folder), &lock) {
        (Some(handed), Lock::Token(held)) => Some(held.unlock(folder, &String::from_utf8_lossy(&handed))?),
        (Some(handed), _) => handed.as_slice().try_into().ok().map(Secret::new),
        (None, Lock::Passphrase { .. } | Lock::Token(_)) => {
            credential(&lock).map(|word| lock.root(folder, &[word])).transpose()?
        }
        (None, Lock::Shares { .. }) => None,
    };
    if let Some(root) = &root {
        give(folder, root.clone());
    }
    Ok(root)
}

fn give(folder: &Path, root: Root) {
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.get_or_insert_with(HashMap::new).insert(folder.to_path_buf(), root);
}

fn credential(lock: &Lock) -> Option<Zeroizing<String>> {
    let name = if matches!(lock, Lock::Token(_)) { held::CREDENTIAL } else { CREDENTIAL };
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    let text = fs::read_to_string(Path::new(&folder).join(name)).ok().map(Zeroizing::new)?;
    Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_string()))
}

fn hand_over_path(folder: &Path) -> PathBuf {
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let name = hex(&Sha256::digest(whole.as_os_str().as_encoded_bytes())[..8]);
    Path::new(MEMORY).join(format!("ledgerline-{name}"))
}

/// Hands what people brought to the node that waits for the keys in `folder`, once it was seen to open them: the root key, or a
/// token's PIN, because the node has to log in itself.
///
/// # Errors
/// [`StoreError::Rule`]: it opens nothing; [`StoreError::Disk`].
pub fn unseal(folder: &Path, lock: &Lock, brought: &[Zeroizing<String>]) -> Result<(), StoreError> {
    let root = lock.root(folder, brought)?;
    match lock {
        Lock::Token(_) => hand(folder, brought.first().map_or(&[], |pin| pin.trim().as_bytes())),
        Lock::Passphrase { .. } | Lock::Shares { .. } => hand_over(folder, &root),
    }
}

fn hand_over(folder: &Path, root: &Root) -> Result<(), StoreError> {
    let first = folder.join("kek-00000001.key");
    let path = [first, keyfile::ledger_path(folder, keyfile::suite_of(folder).unwrap_or_default())]
        .into_iter()
        .find(|path| path.exists());
    let octets = path.and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let opens = octets.as_slice().try_into().is_ok_and(|wrapped| unwrap(root, wrapped).is_some());
    if !opens {
        return Err(StoreError::Rule("this does not open the keys".into()));
    }
    hand(folder, root.expose())
}

fn hand(folder: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let path = hand_over_path(folder);
    let _ = fs::remove_file(&path);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(octets)).map_err(disk_error(&path))
}

/// Takes what was handed over: read, wiped and removed.
fn handed_over(folder: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let path = hand_over_path(folder);
    let facts = fs::symlink_metadata(&path).ok()?;
    let owner = facts.uid();
    let ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    if !facts.is_file() || facts.mode() & 0o177 != 0 || !ours {
        tracing::warn!("what lies where an unsealing is handed over is not ours to trust");
        return None;
    }
    let octets = Zeroizing::new(fs::read(&path).ok()?);
    let zeros = vec![0; octets.len()];
    let wiped = OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(&zeros));
    if wiped.and_then(|()| fs::remove_file(&path)).is_err() {
        tracing::error!(path = %path.display(), "an unsealing stays where it was handed over: remove it");
    }
    Some(octets)
}

/// Waits until the keys in `folder` can be opened: at once when they lie open.
///
/// # Errors
/// As [`Lock::of`].
pub fn wait_until_unsealed(folder: &Path) -> Result<(), StoreError> {
    let mut told = false;
    while Lock::of(folder)?.is_some() && root_of(folder)?.is_none() {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("the keys are locked: waiting for `ledgerline vault unseal`");
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn replace(path: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let fresh = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(octets)?;
        file.sync_all()?;
        let old = OpenOptions::new().write(true).open(path).ok();
        fs::rename(&fresh, path)?;
        // What lay open before is not left in blocks that nobody owns any more.
        let Some(mut old) = old else { return Ok(()) };
        let len = old.metadata()?.len().min(4_096) as usize;
        old.write_all(&vec![0; len])?;
        old.sync_all()
    };
    write().map_err(disk_error(path))
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, StoreError> {
    let mut octets = Zeroizing::new([0; N]);
    getrandom::fill(octets.as_mut_slice())
        .map_err(|_| StoreError::Rule("the system has no randomness".into()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Suite;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        keyfile::create(folder.path(), Suite::Intl).expect("new");
        folder
    }

    /// Forgets what this process was given, as another process would not know it.
    fn forget(folder: &Path) {
        ROOTS.lock().expect("not poisoned").as_mut().expect("some").remove(folder);
    }

    fn words(texts: &[&str]) -> Vec<Zeroizing<String>> {
        texts.iter().map(|text| Zeroizing::new(text.to_string())).collect()
    }

    /// KEY-06: M shares open, in any order; M − 1, the same twice, and a forged one do not.
    #[test]
    fn m_of_n_shares_open_the_keys_and_fewer_do_not() {
        let folder = folder();
        let path = folder.path();
        let public = keyfile::ledger_key(path).expect("open").public();
        let shares = lock_by_shares(path, 3, 5).expect("locked");
        assert!(lock_by_shares(path, 3, 5).is_err(), "once");
        assert_eq!(fs::metadata(path.join("kek-00000001.key")).expect("there").len(), 40);
        forget(path);
        assert!(matches!(keyfile::keyring(path), Err(StoreError::Locked(_))));
        let lock = Lock::of(path).expect("readable").expect("locked");
        for chosen in [vec![0, 1], vec![0, 0, 1], vec![]] {
            let brought: Vec<_> = chosen.iter().map(|at: &usize| shares[*at].clone()).collect();
            assert!(matches!(lock.root(path, &brought), Err(StoreError::Rule(_))), "{chosen:?}");
        }
        let mut forged = vec![shares[0].clone(), shares[1].clone(), shares[2].clone()];
        let other = if &forged[1][10..12] == "00" { "01" } else { "00" };
        forged[1].replace_range(10..12, other);
        let root = lock.root(path, &forged).expect("a key, and the wrong one");
        assert!(matches!(hand_over(path, &root), Err(StoreError::Rule(_))));
        let root =
            lock.root(path, &[shares[4].clone(), shares[0].clone(), shares[2].clone()]).expect("three");
        hand_over(path, &root).expect("it opens them");
        assert_eq!(keyfile::keyring(path).expect("handed over").current(), 1);
        assert!(!hand_over_path(path).exists(), "taken, not left");
        assert_eq!(keyfile::ledger_key(path).expect("open").public(), public);
        // A rotation makes a locked key too.
        assert_eq!(keyfile::add(path).expect("made").current(), 2);
        assert_eq!(fs::metadata(path.join("kek-00000002.key")).expect("there").len(), 40);
    }

    #[test]
    fn a_passphrase_opens_the_keys_and_another_does_not() {
        let folder = folder();
        let path = folder.path();
        lock_by_passphrase(path, Zeroizing::new("correct horse".into())).expect("locked");
        forget(path);
        assert!(matches!(keyfile::keyring(path), Err(StoreError::Locked(_))));
        let lock = Lock::of(path).expect("readable").expect("locked");
        let wrong = lock.root(path, &words(&["correct horsf"])).expect("some key");
        assert!(hand_over(path, &wrong).is_err());
        hand_over(path, &lock.root(path, &words(&["correct horse"])).expect("the key"))
            .expect("it opens them");
        wait_until_unsealed(path).expect("at once");
        assert_eq!(keyfile::keyring(path).expect("open").current(), 1);
    }
}
