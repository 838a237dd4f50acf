//! The people of the node, apart from the accounts of phones: who they are, how they prove it, what they may.
//!
//! Invariants: passwords are kept as Argon2id, seeds of one-time codes and everything else in one sealed file; the roles of
//! one human being are looked at over all of their accounts; an account is never deleted, only disabled, so that old entries of
//! the audit book keep their meaning.

mod account;
mod session;
mod totp;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::password::{self, Weak};
use super::sealed::{Sealed, SealedError};
use crate::base::{PersonId, Random, Secret, Wall, bounds};
use crate::compliance::role::{Conflict, Right, Role, Roles, Scope};
use crate::vault::Keyring;
use account::Account;
use session::Claims;

pub use account::{NotLetIn, Person};
pub use totp::{code, seed_of};

/// The people of one store. Cheap to clone; every function may block on the disk.
#[derive(Debug, Clone)]
pub struct People {
    file: Sealed,
    keys: Arc<Keyring>,
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Its name.
    pub name: String,
    /// The human being, if they have another account already.
    pub same_as: Option<String>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Over which recordings they reach.
    pub scope: Scope,
    /// Whether hearing and unmasking ask for a one-time code.
    pub wants_code: bool,
    /// Whether it is the account for emergencies.
    pub break_glass: bool,
}

/// One account as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Who it is.
    #[serde(flatten)]
    pub of: Person,
    /// Whether one-time codes are set up.
    pub code: bool,
}

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// By this account.
    pub account: String,
    /// The human being.
    pub person: PersonId,
    /// The account's roles.
    pub roles: Roles,
    /// Over which recordings they reach.
    pub scope: Scope,
    /// Whether they proved to be there within the last minutes, as hearing and unmasking ask.
    pub present: bool,
    /// Whether it is the account for emergencies.
    pub break_glass: bool,
}

/// A session: who, and the token for the next request.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub entered: Entered,
    /// What proves it next time.
    pub token: Secret<String>,
}

/// Why an act on people was not carried out. The file is then as it was, but for the counting of wrong tries.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name is none.
    #[error("`{0}` is not a name: 1 to 64 letters, digits, `.`, `-`, `_`")]
    Name(String),
    /// Somebody has the name.
    #[error("there is a {0} already")]
    Exists(String),
    /// Nobody has the name.
    #[error("there is nobody called {0}")]
    Unknown(String),
    /// The roles exclude each other.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// The password is not taken.
    #[error("{0}")]
    Weak(#[from] Weak),
    /// The public key is none.
    #[error("this is not a public key: 64 hexadecimal digits of Ed25519")]
    Key,
    /// Not let in.
    #[error("{0}")]
    NotLetIn(#[from] NotLetIn),
    /// Unmasked enough for one day.
    #[error("{} recordings were unmasked today: no more before tomorrow", bounds::REVEALS_A_DAY)]
    Enough,
    /// There are too many.
    #[error("there are {} accounts: no more fit", bounds::PEOPLE)]
    Full,
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The content opened and is not understood.
    #[error("the people are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl NewPerson {
    /// With `roles` over everything, hearing by password and one-time code.
    pub fn new(name: &str, roles: &[Role]) -> NewPerson {
        NewPerson {
            name: name.to_string(),
            same_as: None,
            roles: roles.to_vec(),
            scope: Scope::Everything,
            wants_code: true,
            break_glass: false,
        }
    }
}

impl Entered {
    /// Whether they may: by role, or because the glass is broken, which opens what an emergency needs.
    pub fn may(&self, right: Right) -> bool {
        let emergency = matches!(right, Right::Search | Right::Play | Right::Reveal | Right::People);
        self.roles.may(right) || (self.break_glass && emergency)
    }
}

impl People {
    /// The people in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> People {
        People { file: Sealed::new(store.join("people.sealed"), "people", keys.clone()), keys }
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<PersonView>, PeopleError> {
        let mut views: Vec<PersonView> = self.read()?.iter().map(view).collect();
        views.sort_by(|a, b| a.of.name.cmp(&b.of.name));
        Ok(views)
    }

    /// Adds an account. What an authenticator is to be shown comes back, if codes are asked for.
    ///
    /// # Errors
    /// The name is taken or none, the roles of the human being would conflict, the password is weak, or the file cannot be
    /// replaced.
    pub fn add(
        &self,
        new: &NewPerson,
        password: &Secret<String>,
        now: Wall,
    ) -> Result<(PersonView, Option<Zeroizing<String>>), PeopleError> {
        if !is_name(&new.name) {
            return Err(PeopleError::Name(new.name.clone()));
        }
        password::judge(&new.name, password.expose())?;
        let roles = Roles::new(new.roles.iter().copied())?;
        let hash = password::hash(password).map_err(PeopleError::Hash)?;
        let (fresh, seed) = (fresh_person(now)?, fresh_seed()?);
        self.change(|accounts| {
            if accounts.len() >= bounds::PEOPLE {
                return Err(PeopleError::Full);
            }
            if accounts.iter().any(|account| account.of.name == new.name) {
                return Err(PeopleError::Exists(new.name.clone()));
            }
            let person = match &new.same_as {
                Some(name) => find(accounts, name)?.of.person,
                None => fresh,
            };
            agrees(accounts, person, "", &roles)?;
            let mut account = Account {
                of: Person {
                    name: new.name.clone(),
                    person,
                    roles,
                    scope: new.scope.clone(),
                    since: now,
                    disabled: false,
                    locked_until: None,
                    key: None,
                    break_glass: new.break_glass,
                    broken: None,
                },
                password: hash,
                epoch: 0,
                wants_code: false,
                seed: None,
                step: 0,
                wrong: 0,
                reveals: (0, 0),
            };
            let uri = new.wants_code.then(|| account.set_seed(seed));
            let made = view(&account);
            accounts.push(account);
            Ok((made, uri))
        })
    }

    /// Gives `name` these roles and this scope instead of those before.
    ///
    /// # Errors
    /// Nobody has the name, or the roles conflict with each other or with those of the person's other accounts.
    pub fn set_roles(
        &self,
        name: &str,
        roles: Option<Vec<Role>>,
        scope: Option<Scope>,
    ) -> Result<PersonView, PeopleError> {
        let roles = roles.map(Roles::new).transpose()?;
        self.change(|accounts| {
            let person = find(accounts, name)?.of.person;
            if let Some(roles) = &roles {
                agrees(accounts, person, name, roles)?;
            }
            let account = find(accounts, name)?;
            account.of.roles = roles.unwrap_or_else(|| account.of.roles.clone());
            account.of.scope = scope.unwrap_or_else(|| account.of.scope.clone());
            account.epoch += 1;
            Ok(view(account))
        })
    }

    /// Gives `name` a new password; its sessions end and a lock is lifted.
    ///
    /// # Errors
    /// Nobody has the name, or the password is weak.
    pub fn set_password(
        &self,
        name: &str,
        password: &Secret<String>,
        now: Wall,
    ) -> Result<PersonView, PeopleError> {
        password::judge(name, password.expose())?;
        let hash = password::hash(password).map_err(PeopleError::Hash)?;
        self.with(name, |account| {
            (account.password, account.of.since) = (hash, now);
            (account.wrong, account.of.locked_until) = (0, None);
            account.epoch += 1;
            Ok(view(account))
        })
    }

    /// Disables `name`, or lets it in again; its sessions end.
    ///
    /// # Errors
    /// Nobody has the name.
    pub fn disable(&self, name: &str, disabled: bool) -> Result<PersonView, PeopleError> {
        self.with(name, |account| {
            account.of.disabled = disabled;
            account.epoch += 1;
            Ok(view(account))
        })
    }

    /// Draws `name` a new seed for one-time codes and returns what an authenticator is to be shown, once.
    ///
    /// # Errors
    /// Nobody has the name.
    pub fn totp(&self, name: &str) -> Result<Zeroizing<String>, PeopleError> {
        let seed = fresh_seed()?;
        self.with(name, |account| Ok(account.set_seed(seed)))
    }

    /// Registers the public key of `name`'s approvals; one before it serves no more.
    ///
    /// # Errors
    /// Nobody has the name, or the key is none.
    pub fn set_key(&self, name: &str, key: &str) -> Result<PersonView, PeopleError> {
        if !crate::compliance::approval::is_key(key) {
            return Err(PeopleError::Key);
        }
        self.with(name, |account| {
            account.of.key = Some(key.to_lowercase());
            Ok(view(account))
        })
    }

    /// Says that the uses of the break-glass account `name` were looked into.
    ///
    /// # Errors
    /// Nobody has the name.
    pub fn reviewed(&self, name: &str) -> Result<PersonView, PeopleError> {
        self.with(name, |account| {
            account.of.broken = None;
            Ok(view(account))
        })
    }

    /// Takes the key of `name`'s approvals out of force: it signs nothing more, and what it signed and was not made use of
    /// does not count where that is looked at (plans).
    ///
    /// # Errors
    /// Nobody has the name.
    pub fn revoke_key(&self, name: &str) -> Result<PersonView, PeopleError> {
        self.with(name, |account| {
            account.of.key = None;
            Ok(view(account))
        })
    }

    /// Counts one unmasking by `name` (PII-04), of at most so many a day.
    ///
    /// # Errors
    /// [`PeopleError::Enough`] past `most`, or past [`bounds::REVEALS_A_DAY`].
    pub fn count_reveal(&self, name: &str, most: u32, now: Wall) -> Result<(), PeopleError> {
        let counted = self.with(name, |account| Ok(account.count_reveal(most, now)))?;
        if counted { Ok(()) } else { Err(PeopleError::Enough) }
    }

    /// The roles and the registered key of the account `name`.
    ///
    /// # Errors
    /// Nobody has the name.
    pub fn voter(&self, name: &str) -> Result<(Roles, Option<String>), PeopleError> {
        let mut accounts = self.read()?;
        let account = find(&mut accounts, name)?;
        Ok((account.of.roles.clone(), account.of.key.clone()))
    }

    /// Begins a session.
    ///
    /// # Errors
    /// [`PeopleError::NotLetIn`]; the try is counted.
    pub fn log_in(
        &self,
        name: &str,
        password: &str,
        code: Option<&str>,
        now: Wall,
    ) -> Result<Session, PeopleError> {
        let tried = self.with(name, |account| {
            let tried = account.try_enter(password, code, now);
            Ok(tried.map(|()| (account.clone(), account.epoch)))
        });
        let (account, epoch) = match tried {
            Ok(tried) => tried?,
            Err(PeopleError::Unknown(_)) => {
                // Who asks for a name that nobody has waits as long as for one that somebody has.
                let _ = password::hash(&Secret::new(password.to_string()));
                return Err(NotLetIn::Wrong.into());
            }
            Err(error) => return Err(error),
        };
        self.session(
            &account,
            Claims { account: name.into(), epoch, entered: now, seen: now, proved: now },
            now,
        )
    }

    /// Continues a session; the token of the answer replaces this one.
    ///
    /// # Errors
    /// [`NotLetIn::Ended`].
    pub fn enter(&self, token: &str, now: Wall) -> Result<Session, PeopleError> {
        let claims = self.claims(token, now)?;
        let mut accounts = self.read()?;
        let account = find(&mut accounts, &claims.account).map_err(|_| NotLetIn::Ended)?;
        self.session(account, Claims { seen: now, ..claims }, now)
    }

    /// Proves presence in a session: with a one-time code where they are set up, else with the password.
    ///
    /// # Errors
    /// [`PeopleError::NotLetIn`]; the try is counted.
    pub fn step_up(&self, token: &str, proof: &str, now: Wall) -> Result<Session, PeopleError> {
        let claims = self.claims(token, now)?;
        let tried = self
            .with(&claims.account, |account| Ok(account.try_step_up(proof, now).map(|()| account.clone())))?;
        self.session(&tried?, Claims { seen: now, proved: now, ..claims }, now)
    }

    fn claims(&self, token: &str, now: Wall) -> Result<Claims, NotLetIn> {
        Claims::open(token, &self.keys).filter(|claims| claims.lives(now)).ok_or(NotLetIn::Ended)
    }

    fn session(&self, account: &Account, claims: Claims, now: Wall) -> Result<Session, PeopleError> {
        let over = account.of.broken.is_some_and(|broken| now >= broken + bounds::BREAK_GLASS);
        if account.of.disabled || account.epoch != claims.epoch || over {
            return Err(NotLetIn::Ended.into());
        }
        let entered = Entered {
            account: account.of.name.clone(),
            person: account.of.person,
            roles: account.of.roles.clone(),
            scope: account.of.scope.clone(),
            // Who should have a one-time code and has none set up cannot prove presence.
            present: claims.is_present(now) && (account.seed.is_some() || !account.wants_code),
            break_glass: account.of.break_glass,
        };
        let token = claims.seal(&self.keys).ok_or(NotLetIn::Ended)?;
        Ok(Session { entered, token })
    }

    fn read(&self) -> Result<Vec<Account>, PeopleError> {
        parse(self.file.read()?.as_deref().map(Vec::as_slice))
    }

    fn with<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Account) -> Result<T, PeopleError>,
    ) -> Result<T, PeopleError> {
        self.change(|accounts| change(find(accounts, name)?))
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Account>) -> Result<T, PeopleError>,
    ) -> Result<T, PeopleError> {
        self.file.update(|before| {
            let mut accounts = parse(before)?;
            let value = change(&mut accounts)?;
            Ok((Zeroizing::new(serde_json::to_vec(&accounts)?), value))
        })
    }
}

/// The content of the file, today's or that of the first version, which knew one administrator and no rights.
fn parse(content: Option<&[u8]>) -> Result<Vec<Account>, PeopleError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Today(Box<Account>),
        First { name: String, password: String, since: Wall },
    }
    let Some(content) = content else { return Ok(Vec::new()) };
    let kept: Vec<Kept> = serde_json::from_slice(content)?;
    let today = |kept| match kept {
        Kept::Today(account) => Ok(*account),
        Kept::First { name, password, since } => {
            let mut person = [0; 16];
            person.copy_from_slice(&Sha256::digest(name.as_bytes())[..16]);
            let text = serde_json::json!({
                "name": name, "password": password, "since": since,
                "person": PersonId::from_bytes(person), "roles": [Role::Security],
            });
            Ok(serde_json::from_value(text)?)
        }
    };
    kept.into_iter().map(today).collect()
}

/// Whether `person` may hold `roles` beside those of their other accounts (DUAL-02).
fn agrees(accounts: &[Account], person: PersonId, but: &str, roles: &Roles) -> Result<(), Conflict> {
    let others = accounts.iter().filter(|account| account.of.person == person && account.of.name != but);
    Roles::new(others.flat_map(|account| account.of.roles.iter()).chain(roles.iter())).map(drop)
}

fn find<'a>(accounts: &'a mut [Account], name: &str) -> Result<&'a mut Account, PeopleError> {
    let found = accounts.iter_mut().find(|account| account.of.name == name);
    found.ok_or_else(|| PeopleError::Unknown(name.to_string()))
}

fn view(account: &Account) -> PersonView {
    PersonView { of: account.of.clone(), code: account.seed.is_some() }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

fn fresh_person(now: Wall) -> Result<PersonId, getrandom::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(PersonId::new(now, &mut Random::seeded(seed)))
}

fn fresh_seed() -> Result<[u8; totp::SEED_BYTES], getrandom::Error> {
    let mut seed = [0; totp::SEED_BYTES];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

#[cfg(test)]
mod tests;
