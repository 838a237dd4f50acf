//! The private key of a person's approvals, as it lies on that person's own machine: Ed25519, encrypted with a passphrase.
//!
//! The file is JSON. The key of AES-256-GCM is Argon2id (RFC 9106) of the passphrase with the parameters and the salt in the
//! file; associated data is the format's name, the account and the public key. Invariant: the node never sees a private key.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::Secret;
use crate::compliance::approval::public_of;

/// The format's name.
const FORMAT: &str = "ledgerline-key/1";

/// Memory for Argon2id in KiB and passes over it: RFC 9106 §4's second recommendation, one lane. About 0.2 s a guess.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;

/// The most memory that a file may ask for, so that a forged one does not exhaust the machine.
const MEMORY_MOST_KIB: u32 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Content {
    format: String,
    account: String,
    public: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// Why a key file was not made or does not open.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It is no such file.
    #[error("{0} is not a key file of this version")]
    Malformed(PathBuf),
    /// Another passphrase, or somebody changed it.
    #[error("the passphrase does not open {0}")]
    Passphrase(PathBuf),
    /// Shorter than passwords are.
    #[error("a passphrase has at least {} characters", super::password::SHORTEST)]
    Short,
    /// The system has no randomness or memory to give.
    #[error("no randomness or memory for a key")]
    System,
}

/// Draws a key for `account` into the new file `path` (mode 0600); its public part, 64 hexadecimal digits, comes back.
///
/// # Errors
/// There is such a file, the passphrase is short, or the file cannot be written.
pub fn make(path: &Path, account: &str, passphrase: &Secret<String>) -> Result<String, KeyFileError> {
    if passphrase.expose().chars().count() < super::password::SHORTEST {
        return Err(KeyFileError::Short);
    }
    let mut drawn = Zeroizing::new([0; 32 + 16 + 12]);
    getrandom::fill(drawn.as_mut_slice()).map_err(|_| KeyFileError::System)?;
    let (seed, rest) = drawn.split_first_chunk::<32>().ok_or(KeyFileError::System)?;
    let (salt, nonce) = rest.split_first_chunk::<16>().ok_or(KeyFileError::System)?;
    let nonce: [u8; 12] = nonce.try_into().map_err(|_| KeyFileError::System)?;
    let public = public_of(&Secret::new(*seed));
    let cipher = cipher(passphrase, salt, MEMORY_KIB, PASSES)?;
    let payload = Payload { msg: seed, aad: &associated(account, &public) };
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| KeyFileError::System)?;
    let content = Content {
        format: FORMAT.into(),
        account: account.into(),
        public: public.clone(),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        sealed: STANDARD.encode(sealed),
    };
    write(path, &content).map_err(|error| KeyFileError::Io(path.to_path_buf(), error))?;
    Ok(public)
}

/// The private key in `path`.
///
/// # Errors
/// The file cannot be read, is none, or the passphrase does not open it.
pub fn open(path: &Path, passphrase: &Secret<String>) -> Result<Secret<[u8; 32]>, KeyFileError> {
    let text = fs::read(path).map_err(|error| KeyFileError::Io(path.to_path_buf(), error))?;
    let malformed = || KeyFileError::Malformed(path.to_path_buf());
    let content: Content = serde_json::from_slice(&text).map_err(|_| malformed())?;
    if content.format != FORMAT || content.memory_kib > MEMORY_MOST_KIB || content.passes > 100 {
        return Err(malformed());
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| malformed());
    let (salt, sealed) = (decode(&content.salt)?, decode(&content.sealed)?);
    let nonce: [u8; 12] = decode(&content.nonce)?.try_into().map_err(|_| malformed())?;
    let cipher = cipher(passphrase, &salt, content.memory_kib, content.passes)?;
    let payload = Payload { msg: sealed.as_slice(), aad: &associated(&content.account, &content.public) };
    let seed = cipher
        .decrypt(&Nonce::from(nonce), payload)
        .map_err(|_| KeyFileError::Passphrase(path.to_path_buf()))?;
    let seed = Zeroizing::new(seed);
    seed.first_chunk::<32>().map(|seed| Secret::new(*seed)).ok_or_else(malformed)
}

fn cipher(
    passphrase: &Secret<String>,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Aes256Gcm, KeyFileError> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| KeyFileError::System)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| KeyFileError::System)?;
    Ok(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key)))
}

fn associated(account: &str, public: &str) -> Vec<u8> {
    format!("{FORMAT}\n{account}\n{public}\n").into_bytes()
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(serde_json::to_string_pretty(content)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_passphrase_and_as_it_was_written_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys/anna.key");
        let phrase = |text: &str| Secret::new(text.to_string());
        let right = phrase("four plain words here");
        assert!(matches!(make(&path, "anna", &phrase("short")), Err(KeyFileError::Short)));
        let public = make(&path, "anna", &right).expect("made");
        assert!(matches!(make(&path, "anna", &right), Err(KeyFileError::Io(..))), "nothing is overwritten");
        let seed = open(&path, &right).expect("opens");
        assert_eq!(public_of(&seed), public);
        let wrong = open(&path, &phrase("four plain words there"));
        assert!(matches!(wrong, Err(KeyFileError::Passphrase(_))));
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replace("anna", "anne")).expect("written");
        assert!(matches!(open(&path, &right), Err(KeyFileError::Passphrase(_))), "another account's");
        fs::write(&path, "{}").expect("written");
        assert!(matches!(open(&path, &right), Err(KeyFileError::Malformed(_))));
    }
}
