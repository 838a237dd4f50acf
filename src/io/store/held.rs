//! Keys that a token holds: how a folder of keys says so, how they are made, how a start gets at them.
//!
//! The token has a key that wraps the folder's root key, as a passphrase would, and from then on a key for each version of the
//! key-encryption key: those never leave it. The file `kek-NNNNNNNN.key` of such a version holds what subkeys are derived from.
//! Invariant: the PIN lies in no file: it comes from the service manager or by hand, and stays in this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keyfile;
use super::lock::{self, Lock, Root};
use super::token::{Held, Token};
use super::{StoreError, disk_error};
use crate::vault::{ESCROW, Keyring, Suite, hex, unhex};

/// A PIN that the service manager brings (`LoadCredential=ledgerline.pin:…`).
pub(super) const CREDENTIAL: &str = "ledgerline.pin";
/// Version of the escrow key.
const LENT: u32 = ESCROW + 1;

/// A token and what it holds for a folder of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InToken {
    /// The PKCS#11 module: a shared library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// What the labels of its keys begin with.
    pub key: String,
    /// The folder's root key, wrapped by the token: 80 hexadecimal digits.
    pub root: String,
    /// Versions of the key-encryption key that are in the token.
    pub held: Vec<u32>,
    /// For how many minutes after the token went away recordings begin under a key of the node's own; `None`: none begin.
    #[serde(default)]
    pub escrow_minutes: Option<u32>,
}

/// Tokens that this process has logged in to, by folder of keys.
static TOKENS: Mutex<Option<HashMap<PathBuf, Token>>> = Mutex::new(None);

impl InToken {
    fn root_label(&self) -> String {
        format!("{}-root", self.key)
    }

    fn label(&self, version: u32) -> String {
        format!("{}-{version:08}", self.key)
    }

    /// Logs in and unwraps the root key of `folder`.
    pub(super) fn unlock(&self, folder: &Path, pin: &str) -> Result<Root, StoreError> {
        let token = Token::open(&self.module, &self.token, pin)?;
        let wrapped =
            unhex(&self.root).ok_or_else(|| StoreError::Rule("the lock's root is broken".into()))?;
        let root = token.unwrap(&self.root_label(), &wrapped).flatten();
        let root = root.ok_or_else(|| StoreError::Rule("the token does not unwrap the root key".into()))?;
        give(folder, token);
        Ok(root)
    }

    /// Puts the versions that the token holds into `ring`, instead of what their files have.
    pub(super) fn put_into(&self, ring: &mut Keyring, folder: &Path) -> Result<(), StoreError> {
        let token = token_of(folder)?;
        let escrow = self.escrow_minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        for version in &self.held {
            let key = self.label(*version);
            let held = Held { token: token.clone(), key, escrow };
            ring.hold(*version, Arc::new(held));
        }
        Ok(())
    }

    /// Makes the key of `version` in the token, and the secret that its subkeys come from in `folder`.
    pub(super) fn make(&mut self, folder: &Path, root: &Root, version: u32) -> Result<(), StoreError> {
        token_of(folder)?.make(&self.label(version))?;
        keyfile::draw_wrapped(folder, root, version)?;
        self.held.push(version);
        lock::write(folder, &Lock::Token(Box::new(self.clone())))
    }

    /// Destroys the key of `version` in the token.
    pub(super) fn destroy(&mut self, folder: &Path, version: u32) -> Result<(), StoreError> {
        token_of(folder)?.destroy(&self.label(version))?;
        self.held.retain(|held| *held != version);
        lock::write(folder, &Lock::Token(Box::new(self.clone())))
    }
}

/// Has a token hold the keys in `folder` from now on: the current key-encryption key becomes one of the token's, older ones stay
/// in files that its key wraps. `wanted` names module, token, the beginning of labels and the escrow; the rest is made.
///
/// # Errors
/// The keys are locked already, the suite has no wrap that tokens know, or the token does not do it.
pub fn lock_by_token(folder: &Path, wanted: InToken, pin: &str) -> Result<InToken, StoreError> {
    if keyfile::suite_of(folder) == Some(Suite::Gm) {
        return Err(StoreError::Rule(
            "PKCS#11 names no key wrap of SM4: a token serves suite intl only".into(),
        ));
    }
    if Lock::of(folder)?.is_some() {
        return Err(StoreError::Rule("the keys are locked already".into()));
    }
    let next = keyfile::keyring(folder)?.current() + 1;
    let token = Token::open(&wanted.module, &wanted.token, pin)?;
    let root = lock::fresh_root()?;
    token.make(&wanted.root_label())?;
    let wrapped = token.wrap(&wanted.root_label(), &root);
    let wrapped =
        wrapped.ok_or_else(|| StoreError::Rule("the token wraps nothing: see its manual".into()))?;
    if token
        .unwrap(&wanted.root_label(), &wrapped)
        .flatten()
        .is_none_or(|back| back.expose() != root.expose())
    {
        return Err(StoreError::Rule("the token does not give back what it wrapped".into()));
    }
    give(folder, token);
    let mut made = InToken { root: hex(&wrapped), held: Vec::new(), ..wanted };
    lock::put_on(folder, &Lock::Token(Box::new(made.clone())), &root)?;
    if made.escrow_minutes.is_some() {
        keyfile::draw_wrapped(folder, &root, LENT)?;
    }
    made.make(folder, &root, next)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk_error(folder))?;
    Ok(made)
}

fn give(folder: &Path, token: Token) {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.get_or_insert_with(HashMap::new).insert(folder.to_path_buf(), token);
}

fn token_of(folder: &Path) -> Result<Token, StoreError> {
    let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    let token = tokens.as_ref().and_then(|tokens| tokens.get(folder)).cloned();
    token.ok_or_else(|| StoreError::Locked(folder.to_path_buf()))
}
