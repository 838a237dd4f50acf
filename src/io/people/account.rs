//! One account of a person: what is kept of it, and what a try to enter does to it.
//!
//! Invariant: a try is judged and counted in one step under the file's lock, so that tries side by side are all counted;
//! nothing but time and success ends a lock.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::totp::{self, SEED_BYTES};
use crate::base::{PersonId, Wall, bounds};
use crate::compliance::role::{Roles, Scope};
use crate::io::password;

/// What everybody who looks after accounts may know of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account's name.
    pub name: String,
    /// The human being.
    pub person: PersonId,
    /// Its roles.
    pub roles: Roles,
    /// Over which recordings they reach.
    #[serde(default)]
    pub scope: Scope,
    /// Since when it has its password.
    pub since: Wall,
    /// Whether it may not enter.
    #[serde(default)]
    pub disabled: bool,
    /// Until when it is locked after wrong tries.
    #[serde(default)]
    pub locked_until: Option<Wall>,
    /// Public key of its approvals, 64 hexadecimal digits.
    #[serde(default)]
    pub key: Option<String>,
    /// Whether it is the account for emergencies.
    #[serde(default)]
    pub break_glass: bool,
    /// When the glass was broken, until somebody has reviewed it.
    #[serde(default)]
    pub broken: Option<Wall>,
}

/// One account as it lies in the file.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Account {
    #[serde(flatten)]
    pub of: Person,
    /// Argon2id, as a PHC string.
    pub password: String,
    /// Counts what ends all sessions: new passwords, disabling.
    #[serde(default)]
    pub epoch: u32,
    /// Whether a one-time code is asked for beside the password to hear and unmask.
    #[serde(default)]
    pub wants_code: bool,
    #[serde(default)]
    pub seed: Option<[u8; SEED_BYTES]>,
    /// Step of the last code that was taken.
    #[serde(default)]
    pub step: u64,
    /// Wrong tries in a row.
    #[serde(default)]
    pub wrong: u32,
    /// The day (since 1970) and how often on it something was unmasked.
    #[serde(default)]
    pub reveals: (i64, u32),
}

impl Drop for Account {
    fn drop(&mut self) {
        self.password.zeroize();
        self.seed.zeroize();
    }
}

/// Why somebody was not let in, or not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    /// No such account, a wrong password or a wrong code: which of them is not told.
    #[error("the name, the password or the code is wrong")]
    Wrong,
    /// Too many wrong tries.
    #[error("locked after {} wrong tries; it opens again by itself", bounds::WRONG_TRIES)]
    Locked,
    /// The account was disabled.
    #[error("this account is disabled")]
    Disabled,
    /// The break-glass account was used and nobody has looked into it.
    #[error("the glass was broken before; an audit administrator has to review that first")]
    Unreviewed,
    /// The session has ended.
    #[error("the session has ended: log in again")]
    Ended,
}

impl Account {
    /// A try to enter with `password` and `code`. Changed in any case: write it back.
    pub fn try_enter(&mut self, password: &str, code: Option<&str>, now: Wall) -> Result<(), NotLetIn> {
        self.admit(now)?;
        let known = password::matches(&self.password, password);
        // An account with a seed always needs its code: the password alone may have been read over a shoulder.
        let proved = match (&self.seed, code) {
            (Some(_), code) => self.take_code(code.unwrap_or_default(), now),
            (None, _) => true,
        };
        self.judge(known && proved, now)?;
        if self.of.break_glass {
            self.of.broken = self.of.broken.or(Some(now));
        }
        Ok(())
    }

    /// A try to prove presence again: with a code where there is a seed, else with the password.
    pub fn try_step_up(&mut self, proof: &str, now: Wall) -> Result<(), NotLetIn> {
        self.admit(now)?;
        let proved = match self.seed {
            Some(_) => self.take_code(proof, now),
            None => password::matches(&self.password, proof),
        };
        self.judge(proved, now)
    }

    fn admit(&self, now: Wall) -> Result<(), NotLetIn> {
        if self.of.disabled {
            return Err(NotLetIn::Disabled);
        }
        if self.of.locked_until.is_some_and(|until| now < until) {
            return Err(NotLetIn::Locked);
        }
        match self.of.broken {
            Some(broken) if now >= broken + bounds::BREAK_GLASS => Err(NotLetIn::Unreviewed),
            _ => Ok(()),
        }
    }

    fn take_code(&mut self, code: &str, now: Wall) -> bool {
        let step = self.seed.as_ref().and_then(|seed| totp::check(seed, code, now, self.step));
        self.step = step.unwrap_or(self.step);
        step.is_some()
    }

    fn judge(&mut self, right: bool, now: Wall) -> Result<(), NotLetIn> {
        if right {
            (self.wrong, self.of.locked_until) = (0, None);
            return Ok(());
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong < bounds::WRONG_TRIES {
            return Err(NotLetIn::Wrong);
        }
        (self.wrong, self.of.locked_until) = (0, Some(now + bounds::LOCKED));
        Err(NotLetIn::Locked)
    }

    /// Counts one unmasking. False: enough for today (PII-04).
    pub fn count_reveal(&mut self, most: u32, now: Wall) -> bool {
        let day = now.as_micros().div_euclid(86_400_000_000);
        if self.reveals.0 != day {
            self.reveals = (day, 0);
        }
        if self.reveals.1 >= most.min(bounds::REVEALS_A_DAY) {
            return false;
        }
        self.reveals.1 += 1;
        true
    }

    /// A new seed for codes and the URI that shows it.
    pub fn set_seed(&mut self, seed: [u8; SEED_BYTES]) -> Zeroizing<String> {
        (self.seed, self.step, self.wants_code) = (Some(seed), 0, true);
        totp::uri(&seed, &self.of.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use std::time::Duration;

    const NOW: Wall = Wall::from_micros(1_795_337_972_000_000);
    const WORD: &str = "correct horse";

    fn account() -> Account {
        Account {
            of: Person {
                name: "anna".into(),
                person: PersonId::from_bytes([1; 16]),
                roles: Roles::default(),
                scope: Scope::Nothing,
                since: NOW,
                disabled: false,
                locked_until: None,
                key: None,
                break_glass: false,
                broken: None,
            },
            password: password::hash(&Secret::new(WORD.to_string())).expect("memory"),
            epoch: 0,
            wants_code: false,
            seed: None,
            step: 0,
            wrong: 0,
            reveals: (0, 0),
        }
    }

    /// DUAL-07: wrong tries lock, the right password does not open a lock, time does.
    #[test]
    fn wrong_tries_lock_and_time_unlocks() {
        let mut account = account();
        for _ in 1..bounds::WRONG_TRIES {
            assert_eq!(account.try_enter("wrong", None, NOW), Err(NotLetIn::Wrong));
        }
        assert_eq!(account.try_enter("wrong", None, NOW), Err(NotLetIn::Locked));
        assert_eq!(account.try_enter(WORD, None, NOW + Duration::from_secs(1)), Err(NotLetIn::Locked));
        assert_eq!(account.try_enter(WORD, None, NOW + bounds::LOCKED), Ok(()));
        assert_eq!(account.wrong, 0, "success forgives");
    }

    /// DUAL-05: with a seed, the password alone lets nobody in and proves nothing.
    #[test]
    fn a_seed_makes_the_code_needed() {
        let mut account = account();
        assert_eq!(account.try_step_up(WORD, NOW), Ok(()), "without a seed the password proves presence");
        let seed = [7; SEED_BYTES];
        let uri = account.set_seed(seed);
        assert!(uri.starts_with("otpauth://totp/Ledgerline:anna?secret="));
        assert_eq!(account.try_enter(WORD, None, NOW), Err(NotLetIn::Wrong));
        assert_eq!(account.try_step_up(WORD, NOW), Err(NotLetIn::Wrong));
        let code = totp::code(&Secret::new(seed), NOW).expect("a code");
        assert_eq!(account.try_enter(WORD, Some(&code), NOW), Ok(()));
        assert_eq!(account.try_step_up(&code, NOW), Err(NotLetIn::Wrong), "a code serves once");
        let next = NOW + Duration::from_secs(30);
        let code = totp::code(&Secret::new(seed), next).expect("a code");
        assert_eq!(account.try_step_up(&code, next), Ok(()));
    }

    /// DUAL-06: once broken, the glass serves an hour and then waits for its review.
    #[test]
    fn broken_glass_serves_for_an_hour() {
        let mut account = account();
        account.of.break_glass = true;
        assert_eq!(account.try_enter(WORD, None, NOW), Ok(()));
        assert_eq!(account.of.broken, Some(NOW));
        assert_eq!(account.try_enter(WORD, None, NOW + Duration::from_secs(60)), Ok(()));
        assert_eq!(account.try_enter(WORD, None, NOW + bounds::BREAK_GLASS), Err(NotLetIn::Unreviewed));
        account.of.broken = None;
        assert_eq!(account.try_enter(WORD, None, NOW + bounds::BREAK_GLASS), Ok(()));
    }

    #[test]
    fn disabled_is_disabled() {
        let mut account = account();
        account.of.disabled = true;
        assert_eq!(account.try_enter(WORD, None, NOW), Err(NotLetIn::Disabled));
    }

    /// PII-04.
    #[test]
    fn unmasking_is_counted_by_day() {
        let mut account = account();
        let most = u32::MAX;
        assert!((0..bounds::REVEALS_A_DAY).all(|_| account.count_reveal(most, NOW)));
        assert!(!account.count_reveal(most, NOW));
        let tomorrow = NOW + Duration::from_secs(86_400);
        assert_eq!([0; 4].map(|_| account.count_reveal(2, tomorrow)), [true, true, false, false]);
        assert!(account.count_reveal(3, tomorrow), "what was refused does not count");
    }
}
