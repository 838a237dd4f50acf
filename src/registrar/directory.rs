//! Who may register and call: accounts by name, and the numbers that are theirs.
//!
//! Invariant: a [`Directory`] never changes; a new one is built and swapped in as a whole. No account holds a password.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::algorithm::{Algorithm, Ha1};
use crate::base::{Masked, Secret};

/// One user.
#[derive(Clone)]
pub struct Account {
    /// The user part of the user's address of record and the digest user name, e.g. `1001`.
    pub name: String,
    /// The name that people see; may be empty.
    pub display: String,
    /// Numbers under which others reach the user, beside the name.
    pub numbers: Vec<String>,
    /// For digest with SHA-256.
    pub ha1_sha256: Ha1,
    /// For digest with MD5.
    pub ha1_md5: Ha1,
}

impl Account {
    /// An account without display name and numbers; `password` is hashed at once and not kept.
    pub fn new(name: &str, realm: &str, password: &Secret<String>) -> Account {
        Account {
            name: name.to_string(),
            display: String::new(),
            numbers: Vec::new(),
            ha1_sha256: Ha1::of(Algorithm::Sha256, name, realm, password),
            ha1_md5: Ha1::of(Algorithm::Md5, name, realm, password),
        }
    }

    /// The hash for `algorithm`.
    pub fn ha1(&self, algorithm: Algorithm) -> &Ha1 {
        match algorithm {
            Algorithm::Sha256 => &self.ha1_sha256,
            Algorithm::Md5 => &self.ha1_md5,
        }
    }

    /// Whether the account may show `user` as its own in From, To of a REGISTER, or an asserted identity: its name or a number of it.
    pub fn may_claim(&self, user: &str) -> bool {
        self.name == user || self.numbers.iter().any(|n| n == user)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {} numbers)", Masked::new(&self.name), self.numbers.len())
    }
}

/// All accounts of a realm.
#[derive(Clone, Default)]
pub struct Directory {
    by_name: HashMap<String, Arc<Account>>,
    by_number: HashMap<String, Arc<Account>>,
}

/// Two accounts want the same name or number. The text masks it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} belongs to two accounts")]
pub struct Twice(pub Masked);

impl Directory {
    /// A directory of `accounts`.
    ///
    /// # Errors
    /// [`Twice`] when a name or number occurs in two accounts (a number that equals its own account's name is no fault).
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Result<Directory, Twice> {
        let mut directory = Directory::default();
        for account in accounts.into_iter().map(Arc::new) {
            let keys =
                std::iter::once((true, &account.name)).chain(account.numbers.iter().map(|n| (false, n)));
            for (is_name, key) in keys {
                if directory.find(key).is_some_and(|other| !Arc::ptr_eq(other, &account)) {
                    return Err(Twice(Masked::new(key)));
                }
                let map = if is_name { &mut directory.by_name } else { &mut directory.by_number };
                map.insert(key.clone(), Arc::clone(&account));
            }
        }
        Ok(directory)
    }

    /// The account whose name is `name` (as digest user names are looked up).
    pub fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.by_name.get(name)
    }

    /// The account that is reached under `dialled`: a name or a number.
    pub fn find(&self, dialled: &str) -> Option<&Arc<Account>> {
        self.by_name.get(dialled).or_else(|| self.by_number.get(dialled))
    }

    /// All accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values()
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no account.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({} accounts)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, numbers: &[&str]) -> Account {
        let numbers = numbers.iter().map(|n| n.to_string()).collect();
        Account { numbers, ..Account::new(name, "ledgerline", &Secret::new("secret word".into())) }
    }

    #[test]
    fn users_are_found_by_name_and_number_but_prove_themselves_by_name() {
        let directory =
            Directory::new([account("alice", &["1001", "alice"]), account("1002", &[])]).expect("distinct");
        assert_eq!(directory.find("1001").map(|a| a.name.as_str()), Some("alice"));
        assert_eq!(directory.find("1002").map(|a| a.name.as_str()), Some("1002"));
        assert!(directory.account("1001").is_none());
        assert!(directory.find("1003").is_none());
        assert_eq!(directory.len(), 2);
        let alice = directory.account("alice").expect("is there");
        assert!(alice.may_claim("alice") && alice.may_claim("1001") && !alice.may_claim("1002"));
    }

    #[test]
    fn a_number_belongs_to_one() {
        for (a, b) in [
            (("a", &["1"][..]), ("b", &["1"][..])),
            (("1", &[]), ("b", &["1"])),
            (("a", &["b"]), ("b", &[])),
            (("a", &[]), ("a", &[])),
        ] {
            assert!(Directory::new([account(a.0, a.1), account(b.0, b.1)]).is_err(), "{a:?} {b:?}");
        }
    }

    #[test]
    fn accounts_print_neither_secret_nor_number() {
        let text = format!("{:?}", account("13812345678", &["13912345678"]));
        assert_eq!(text, "Account(138****5678, 1 numbers)");
        let directory = Directory::new([account("13812345678", &["13912345678"])]).expect("one account");
        assert_eq!(format!("{directory:?}"), "Directory(1 accounts)");
    }
}
