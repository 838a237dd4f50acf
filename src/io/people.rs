//! The people who administer the node, apart from the accounts of phones: one sealed file.
//!
//! Today only the first administrator is made here; `rights` will grow on it. Passwords are kept as Argon2id.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::clock;
use super::password;
use super::sealed::{Sealed, SealedError};
use crate::base::{Secret, Wall};
use crate::vault::Keyring;

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Person {
    name: String,
    role: String,
    password: String,
    since: Wall,
}

/// The people of one store.
#[derive(Debug, Clone)]
pub struct People {
    file: Sealed,
}

/// Why a person was not added.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Somebody has the name.
    #[error("there is a {0} already")]
    Exists(String),
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The content opened and is not understood.
    #[error("the people are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl People {
    /// The people in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> People {
        People { file: Sealed::new(store.join("people.sealed"), "people", keys) }
    }

    /// Adds an administrator.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be replaced.
    pub fn add_administrator(&self, name: &str, password: &Secret<String>) -> Result<(), PeopleError> {
        let hash = password::hash(password).map_err(PeopleError::Hash)?;
        self.file.update(|before| {
            let mut people: Vec<Person> = before.map(serde_json::from_slice).transpose()?.unwrap_or_default();
            if people.iter().any(|person| person.name == name) {
                return Err(PeopleError::Exists(name.to_string()));
            }
            let role = "administrator".to_string();
            people.push(Person { name: name.to_string(), role, password: hash, since: clock::wall() });
            Ok((Zeroizing::new(serde_json::to_vec(&people)?), ()))
        })
    }

    /// Whether `name` exists and `password` is theirs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is(&self, name: &str, password: &str) -> Result<bool, PeopleError> {
        let Some(content) = self.file.read()? else { return Ok(false) };
        let people: Vec<Person> = serde_json::from_slice(&content)?;
        Ok(people.iter().any(|person| person.name == name && password::matches(&person.password, password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_is_known_by_the_password_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        let people = People::new(folder.path(), Arc::new(keys));
        let password = password::generate().expect("random");
        people.add_administrator("admin", &password).expect("added");
        assert!(people.is("admin", password.expose()).expect("opens"));
        assert!(!people.is("admin", "admin").expect("opens"));
        assert!(!people.is("root", password.expose()).expect("opens"));
        assert!(matches!(people.add_administrator("admin", &password), Err(PeopleError::Exists(_))));
    }
}
