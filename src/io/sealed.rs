//! One small sealed file: read whole, replaced whole, never seen half written and never in clear on the disk.
//!
//! Layout: 8 octets of mark, 4 of key version (big-endian), 12 of nonce, then the content under the store's suite (AES-256-GCM or SM4-GCM); mark, version
//! and purpose are associated data. Invariant: every write draws a new nonce; writers hold the lock beside the file, in
//! this process and any other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;
use zeroize::Zeroizing;

use crate::vault::{Keyring, Label, NONCE_BYTES, NoSuchKey, ValueKey};

/// Begins every sealed file; the digit is the version of the layout.
const MARK: &[u8; 8] = b"LLSEAL1\n";

/// Largest content: a hundred thousand accounts fit ten times.
const CONTENT_BYTES: u64 = 256 << 20;

/// A sealed file and the keys that open it.
#[derive(Debug, Clone)]
pub struct Sealed {
    path: PathBuf,
    purpose: &'static str,
    keys: Arc<Keyring>,
}

/// Why a sealed file does not open or could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another key, another purpose, or somebody changed it.
    #[error("{0}: does not open with this key: another key, or the file was changed")]
    Forged(PathBuf),
    /// The key that it is sealed under is not at hand.
    #[error("{0}: {1}")]
    Key(PathBuf, NoSuchKey),
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

/// Every small sealed file of a node, by its purpose, which is its name too.
const FILES: [&str; 8] =
    ["users", "secrets", "settings", "registrations", "motions", "people", "plans", "outbox"];

/// Brings the small sealed files in the folder `store` under the current of `keys` (after a rotation): at a start, before
/// anybody else has them open.
///
/// # Errors
/// One of them does not open, or cannot be replaced.
pub fn renew_all(store: &Path, keys: &Arc<Keyring>) -> Result<(), SealedError> {
    FILES.iter().try_for_each(|name| {
        Sealed::new(store.join(name).with_extension("sealed"), name, Arc::clone(keys)).renew()
    })
}

impl Sealed {
    /// The file at `path`, holding what `purpose` says, under the current of `keys`. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>, purpose: &'static str, keys: Arc<Keyring>) -> Sealed {
        Sealed { path: path.into(), purpose, keys }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content; `None` when there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, or does not open with the key.
    pub fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, SealedError> {
        let mut octets = Vec::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
            Ok(file) => file.take(CONTENT_BYTES).read_to_end(&mut octets).map_err(|error| self.io(error))?,
        };
        let forged = || SealedError::Forged(self.path.clone());
        let (version, rest) =
            octets.strip_prefix(MARK).and_then(|rest| rest.split_first_chunk::<4>()).ok_or_else(forged)?;
        let version = u32::from_be_bytes(*version);
        let content = self.key(version)?.open_with(&self.associated(version), rest).ok_or_else(forged)?;
        Ok(Some(Zeroizing::new(content)))
    }

    /// Reads the content, lets `change` make the new one, and replaces the file by it, all under the lock. What `change`
    /// returns besides is returned; its error leaves the file as it was.
    ///
    /// # Errors
    /// As [`Sealed::read`]; the folder cannot be written; or the error of `change`.
    pub fn update<T, E: From<SealedError>>(
        &self,
        change: impl FnOnce(Option<&[u8]>) -> Result<(Zeroizing<Vec<u8>>, T), E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        let before = self.read()?;
        let (content, value) = change(before.as_deref().map(Vec::as_slice))?;
        self.replace(&content)?;
        Ok(value)
    }

    /// Replaces the file, whatever was in it, under the lock.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, content: &[u8]) -> Result<(), SealedError> {
        let _lock = self.lock()?;
        self.replace(content)
    }

    /// Seals the content under the current key when it lies under an older one. For a start, before anybody else has the
    /// file open with a ring of its own.
    ///
    /// # Errors
    /// As [`Sealed::update`].
    pub fn renew(&self) -> Result<(), SealedError> {
        let under = self.version()?;
        if under.is_none_or(|version| version == self.keys.current()) {
            return Ok(());
        }
        self.update(|before| Ok((Zeroizing::new(before.unwrap_or_default().to_vec()), ())))
    }

    /// Version of the key that the file lies under; `None` when there is no file.
    fn version(&self) -> Result<Option<u32>, SealedError> {
        let mut front = Vec::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
            Ok(file) => file.take(12).read_to_end(&mut front).map_err(|error| self.io(error))?,
        };
        let version = front.strip_prefix(MARK).and_then(|rest| rest.first_chunk());
        Ok(version.map(|version| u32::from_be_bytes(*version)))
    }

    /// Holds off every other writer until the file is dropped.
    fn lock(&self) -> Result<File, SealedError> {
        let file = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(self.path.with_extension("lock"))
            .map_err(|error| self.io(error))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|error| self.io(error.into()))?;
        Ok(file)
    }

    fn replace(&self, content: &[u8]) -> Result<(), SealedError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(SealedError::Random)?;
        let version = self.keys.current();
        let sealed = self.key(version)?.seal_with(nonce, &self.associated(version), content);
        let fresh = self.path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file =
                private(OpenOptions::new().create(true).truncate(true).write(true)).open(&fresh)?;
            for part in [&MARK[..], &version.to_be_bytes(), &sealed] {
                file.write_all(part)?;
            }
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        write().map_err(|error| self.io(error))
    }

    fn associated(&self, version: u32) -> Vec<u8> {
        [&MARK[..], &version.to_be_bytes(), self.purpose.as_bytes()].concat()
    }

    fn key(&self, version: u32) -> Result<ValueKey, SealedError> {
        let key = self
            .keys
            .subkey(version, Label::Users)
            .map_err(|error| SealedError::Key(self.path.clone(), error))?;
        Ok(ValueKey::new(self.keys.suite(), &key))
    }

    fn io(&self, error: io::Error) -> SealedError {
        SealedError::Io { path: self.path.clone(), error }
    }
}

/// Readable by the owner only, whatever the umask.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn sealed(folder: &Path, purpose: &'static str, versions: &[(u32, u8)]) -> Sealed {
        let mut keys = Keyring::new();
        for (version, key) in versions {
            keys.insert(*version, Secret::new([*key; 32]));
        }
        Sealed::new(folder.join("users.sealed"), purpose, Arc::new(keys))
    }

    fn put(file: &Sealed, content: &[u8]) {
        file.update(|_| Ok::<_, SealedError>((Zeroizing::new(content.to_vec()), ()))).expect("written");
    }

    #[test]
    fn content_comes_back_and_is_not_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sealed(folder.path(), "users", &[(1, 1)]);
        assert!(file.read().expect("readable").is_none());
        put(&file, b"alice 13812345678");
        put(&file, b"alice 13812345678 and bob");
        assert_eq!(file.read().expect("opens").expect("there").as_slice(), b"alice 13812345678 and bob");
        let raw = fs::read(file.path()).expect("octets");
        assert!(!raw.windows(5).any(|w| w == b"alice"));
        assert_eq!(rustix::fs::stat(file.path()).expect("stat").st_mode & 0o777, 0o600);
        assert!(!file.path().with_extension("new").exists());
    }

    #[test]
    fn another_key_another_purpose_or_a_flipped_bit_do_not_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sealed(folder.path(), "users", &[(1, 1)]);
        put(&file, b"content");
        for other in [sealed(folder.path(), "users", &[(1, 2)]), sealed(folder.path(), "people", &[(1, 1)])] {
            assert!(matches!(other.read(), Err(SealedError::Forged(_))));
        }
        assert!(matches!(sealed(folder.path(), "users", &[(2, 1)]).read(), Err(SealedError::Key(..))));
        let whole = fs::read(file.path()).expect("octets");
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(file.path(), &flipped).expect("written");
            assert!(file.read().is_err(), "octet {at}");
        }
        fs::write(file.path(), &whole[..whole.len() - 1]).expect("written");
        assert!(matches!(file.read(), Err(SealedError::Forged(_))));
    }

    #[test]
    fn after_a_rotation_the_old_content_opens_and_the_new_key_seals() {
        let folder = tempfile::tempdir().expect("a folder");
        put(&sealed(folder.path(), "users", &[(1, 1)]), b"old");
        let rotated = sealed(folder.path(), "users", &[(1, 1), (2, 2)]);
        assert_eq!(rotated.read().expect("opens").expect("there").as_slice(), b"old");
        put(&rotated, b"new");
        let only_new = sealed(folder.path(), "users", &[(2, 2)]);
        assert_eq!(only_new.read().expect("opens").expect("there").as_slice(), b"new");
    }

    #[test]
    fn writers_wait_for_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sealed(folder.path(), "users", &[(1, 1)]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        file.update(|before| {
                            let mut content = before.unwrap_or_default().to_vec();
                            content.push(b'x');
                            Ok::<_, SealedError>((Zeroizing::new(content), ()))
                        })
                        .expect("written");
                    }
                });
            }
        });
        assert_eq!(file.read().expect("opens").expect("there").len(), 80);
    }
}
