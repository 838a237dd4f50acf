//! What users have set for their calls, kept: one sealed file, replaced whole at every change.
//!
//! Invariant: only one change is under way at a time, in this process or another; a crash leaves the file before.

use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::sealed::{Sealed, SealedError};
use crate::registrar::{Setting, Settings, SettingsBook, change};
use crate::vault::Keyring;

/// The settings of one store. Cheap to clone; every function may block on the disk.
#[derive(Debug, Clone)]
pub struct SettingsFile(Sealed);

/// Why settings were not read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The content opened and is not understood: written by a later version.
    #[error("the settings are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl SettingsFile {
    /// Those in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> SettingsFile {
        SettingsFile(Sealed::new(store.join("settings.sealed"), "settings", keys))
    }

    /// Everybody's.
    ///
    /// # Errors
    /// The file cannot be read or is not understood.
    pub fn read(&self) -> Result<SettingsBook, SettingsError> {
        let content = self.0.read()?;
        Ok(content.map(|content| serde_json::from_slice(&content)).transpose()?.unwrap_or_default())
    }

    /// Changes one user's; what the user has set then.
    ///
    /// # Errors
    /// As [`SettingsFile::read`], or the file cannot be replaced.
    pub fn change(&self, user: &str, setting: &Setting) -> Result<Settings, SettingsError> {
        self.update(|book| change(book, user, setting))
    }

    /// Makes `settings` all that a user has set.
    ///
    /// # Errors
    /// As [`SettingsFile::change`].
    pub fn put(&self, user: &str, settings: Settings) -> Result<(), SettingsError> {
        self.update(|book| {
            match settings.is_plain() {
                true => book.remove(user),
                false => book.insert(user.to_string(), settings),
            };
        })
    }

    fn update<T>(&self, act: impl FnOnce(&mut SettingsBook) -> T) -> Result<T, SettingsError> {
        self.0.update(|before| {
            let mut book: SettingsBook = before.map(serde_json::from_slice).transpose()?.unwrap_or_default();
            let value = act(&mut book);
            Ok((Zeroizing::new(serde_json::to_vec(&book)?), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::registrar::When;

    #[test]
    fn what_is_set_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        let file = SettingsFile::new(folder.path(), Arc::new(keys));
        assert!(file.read().expect("none yet").is_empty());
        let forward = Setting::Forward { when: When::Busy, to: Some("8003".into()), after_s: None };
        file.change("alice", &forward).expect("kept");
        file.change("bob", &Setting::Dnd(true)).expect("kept");
        let book = file.read().expect("readable");
        assert_eq!(book["alice"].forward(When::Busy), Some("8003"));
        assert!(book["bob"].dnd);
        file.put("bob", Settings::default()).expect("kept");
        assert_eq!(file.read().expect("readable").len(), 1);
    }
}
