//! The accounts of phones: one sealed file, from which the core's directory is made.
//!
//! Invariant: a password enters and is hashed at once (HA1, RFC 7616 §3.4.2); none is stored, in any form that is not
//! bound to its user and realm.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::clock;
use super::password::{self, Weak};
use super::sealed::{Sealed, SealedError};
use crate::base::{Masked, Secret, Wall, bounds, presentable};
use crate::registrar::{Account, Algorithm, Directory, Ha1, Twice};
use crate::vault::Keyring;

/// The accounts of one store. Cheap to clone; every function may block on the disk.
#[derive(Debug, Clone)]
pub struct Users {
    file: Sealed,
    realm: String,
}

/// One account as it lies in the file.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    name: String,
    #[serde(default)]
    display: String,
    #[serde(default)]
    numbers: Vec<String>,
    realm: String,
    ha1_sha256: String,
    ha1_md5: String,
    since: Wall,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.ha1_sha256.zeroize();
        self.ha1_md5.zeroize();
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    users: Vec<Record>,
}

/// One account as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// The name that it registers with.
    pub name: String,
    /// The name that people see; may be empty.
    pub display: String,
    /// Its numbers.
    pub numbers: Vec<String>,
    /// Since when it exists, or since when its password does.
    pub since: Wall,
    /// Whether it can still register: false when the node's realm changed since its password was set.
    pub usable: bool,
}

/// Why an act on the accounts was not carried out. The file is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The name cannot be the user part of a SIP URI without escapes.
    #[error("`{0}` is not a user name: 1 to 64 letters, digits, `.`, `-`, `_`")]
    Name(String),
    /// The number is none.
    #[error("`{0}` is not a number: 1 to 32 of `0`-`9`, `*`, `#`, `+`")]
    Number(String),
    /// There is such an account.
    #[error("user {0} exists")]
    Exists(String),
    /// There is no such account.
    #[error("there is no user {0}")]
    Unknown(String),
    /// A name or number belongs to somebody else.
    #[error("{0}")]
    Twice(#[from] Twice),
    /// The password is not taken.
    #[error("{0}")]
    Weak(#[from] Weak),
    /// There are too many.
    #[error("there are {} accounts: no more fit", bounds::USERS)]
    Full,
    /// The content opened and is not understood: written by a later version.
    #[error("the accounts are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// An account's hash is not one.
    #[error("the stored credentials of {0} are not understood")]
    Hash(String),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl Users {
    /// The accounts in the folder `store` for `realm`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>, realm: &str) -> Users {
        Users { file: Sealed::new(store.join("users.sealed"), "users", keys), realm: realm.to_string() }
    }

    /// The directory for the core.
    ///
    /// # Errors
    /// The file cannot be read or holds what cannot be.
    pub fn directory(&self) -> Result<Directory, UsersError> {
        directory(&self.content()?)
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<UserView>, UsersError> {
        let mut views: Vec<UserView> = self.content()?.users.iter().map(|record| self.view(record)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// Adds an account.
    ///
    /// # Errors
    /// The name or a number is taken or is none, the password is weak, or the file cannot be replaced.
    pub fn add(
        &self,
        name: &str,
        display: &str,
        numbers: &[String],
        password: &Secret<String>,
    ) -> Result<UserView, UsersError> {
        check_name(name)?;
        numbers.iter().try_for_each(|number| check_number(number))?;
        password::judge(name, password.expose())?;
        let display = presentable(display, bounds::DISPLAY_CHARS);
        let record = self.record(name, display, numbers.to_vec(), password);
        self.change(|content| {
            if content.users.iter().any(|user| user.name == name) {
                return Err(UsersError::Exists(name.to_string()));
            }
            if content.users.len() >= bounds::USERS {
                return Err(UsersError::Full);
            }
            let view = self.view(&record);
            content.users.push(record);
            Ok(view)
        })
    }

    /// Gives an account a new password.
    ///
    /// # Errors
    /// There is no such account, the password is weak, or the file cannot be replaced.
    pub fn set_password(&self, name: &str, password: &Secret<String>) -> Result<UserView, UsersError> {
        password::judge(name, password.expose())?;
        self.change(|content| {
            let user = find(content, name)?;
            *user = self.record(name, user.display.clone(), user.numbers.clone(), password);
            Ok(self.view(user))
        })
    }

    /// Removes an account.
    ///
    /// # Errors
    /// There is no such account, or the file cannot be replaced.
    pub fn remove(&self, name: &str) -> Result<(), UsersError> {
        self.change(|content| {
            find(content, name)?;
            content.users.retain(|user| user.name != name);
            Ok(())
        })
    }

    fn record(&self, name: &str, display: String, numbers: Vec<String>, password: &Secret<String>) -> Record {
        let ha1 = |algorithm| Ha1::of(algorithm, name, &self.realm, password).expose_hex().expose().clone();
        Record {
            name: name.to_string(),
            display,
            numbers,
            realm: self.realm.clone(),
            ha1_sha256: ha1(Algorithm::Sha256),
            ha1_md5: ha1(Algorithm::Md5),
            since: clock::wall(),
        }
    }

    fn view(&self, record: &Record) -> UserView {
        UserView {
            name: record.name.clone(),
            display: record.display.clone(),
            numbers: record.numbers.clone(),
            since: record.since,
            usable: record.realm == self.realm,
        }
    }

    fn content(&self) -> Result<Content, UsersError> {
        parse(self.file.read()?.as_deref().map(Vec::as_slice))
    }

    /// Changes the content under the lock; a content that makes no directory is not written.
    fn change<T>(&self, act: impl FnOnce(&mut Content) -> Result<T, UsersError>) -> Result<T, UsersError> {
        self.file.update(|before| {
            let mut content = parse(before)?;
            let value = act(&mut content)?;
            directory(&content)?;
            Ok((Zeroizing::new(serde_json::to_vec(&content)?), value))
        })
    }
}

fn parse(octets: Option<&[u8]>) -> Result<Content, UsersError> {
    Ok(octets.map(serde_json::from_slice).transpose()?.unwrap_or_default())
}

fn find<'c>(content: &'c mut Content, name: &str) -> Result<&'c mut Record, UsersError> {
    content
        .users
        .iter_mut()
        .find(|user| user.name == name)
        .ok_or_else(|| UsersError::Unknown(name.to_string()))
}

fn directory(content: &Content) -> Result<Directory, UsersError> {
    let account = |record: &Record| {
        let hash = |hex: &str| {
            Ha1::from_hex(hex).ok_or_else(|| UsersError::Hash(Masked::new(&record.name).to_string()))
        };
        Ok(Account {
            name: record.name.clone(),
            display: record.display.clone(),
            numbers: record.numbers.clone(),
            ha1_sha256: hash(&record.ha1_sha256)?,
            ha1_md5: hash(&record.ha1_md5)?,
        })
    };
    let accounts = content.users.iter().map(account).collect::<Result<Vec<_>, UsersError>>()?;
    Ok(Directory::new(accounts)?)
}

fn check_name(name: &str) -> Result<(), UsersError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(UsersError::Name(name.to_string()))
    }
}

fn check_number(number: &str) -> Result<(), UsersError> {
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+');
    let good = (1..=32).contains(&number.len()) && number.chars().all(fits);
    if good { Ok(()) } else { Err(UsersError::Number(number.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(folder: &Path, realm: &str) -> Users {
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        Users::new(folder, Arc::new(keys), realm)
    }

    fn word(text: &str) -> Secret<String> {
        Secret::new(text.to_string())
    }

    #[test]
    fn an_account_is_added_listed_changed_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let users = users(folder.path(), "bank.example");
        assert!(users.list().expect("empty").is_empty());
        users.add("alice", "Alice 王", &["8001".to_string()], &word("correct horse")).expect("added");
        users.add("bob", "", &["8002".to_string()], &word("correct horse")).expect("added");
        let names: Vec<String> = users.list().expect("two").into_iter().map(|user| user.name).collect();
        assert_eq!(names, ["alice", "bob"]);
        let before = users.directory().expect("made");
        assert_eq!(before.find("8001").map(|account| account.name.as_str()), Some("alice"));
        users.set_password("alice", &word("battery staple")).expect("changed");
        let hash = |directory: &Directory| {
            directory.account("alice").expect("there").ha1_sha256.expose_hex().expose().clone()
        };
        let after = users.directory().expect("made");
        assert_ne!(hash(&before), hash(&after));
        assert_eq!(after.account("alice").expect("there").display, "Alice 王");
        users.remove("alice").expect("removed");
        assert!(users.directory().expect("made").account("alice").is_none());
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let users = users(folder.path(), "bank.example");
        users.add("alice", "", &["8001".to_string()], &word("correct horse")).expect("added");
        let add = |name: &str, number: &str, password: &str| {
            users.add(name, "", &[number.to_string()], &word(password)).expect_err("refused").to_string()
        };
        for (error, part) in [
            (add("alice", "8009", "correct horse"), "exists"),
            (add("bob", "8001", "correct horse"), "two accounts"),
            (add("8001", "8009", "correct horse"), "two accounts"),
            (add("bob smith", "8009", "correct horse"), "not a user name"),
            (add("bob@bank", "8009", "correct horse"), "not a user name"),
            (add("bob", "80 09", "correct horse"), "not a number"),
            (add("bob", "8009", "bob"), "fewer than"),
            (
                users.set_password("bob", &word("correct horse")).expect_err("nobody").to_string(),
                "no user bob",
            ),
            (users.remove("bob").expect_err("nobody").to_string(), "no user bob"),
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(users.list().expect("one").len(), 1);
    }

    #[test]
    fn a_changed_realm_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        users(folder.path(), "old").add("alice", "", &[], &word("correct horse")).expect("added");
        assert!(!users(folder.path(), "new").list().expect("one")[0].usable);
    }
}
