//! Passwords that the node makes, and how those of administrators are kept.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use crate::base::Secret;

/// Letters and digits that nobody confuses on a phone's display: no `i l o 0 1`, no capitals.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";

/// Characters of a generated password: 27 of 31, 4.95 bits each, 133 bits.
const LENGTH: usize = 27;

/// Shortest password that people may bring themselves.
pub const SHORTEST: usize = 12;

/// A new password from the system's random source: [`LENGTH`] characters, more than 128 bits.
///
/// # Errors
/// The system has no randomness to give.
pub fn generate() -> Result<Secret<String>, getrandom::Error> {
    let mut password = String::with_capacity(LENGTH);
    let mut octets = [0; 64];
    while password.len() < LENGTH {
        getrandom::fill(&mut octets)?;
        // 31 symbols of 32 values: what falls on the last is drawn again, so each symbol is equally likely.
        let symbols = octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet & 31)));
        let missing = LENGTH - password.len();
        password.extend(
            symbols.filter(|symbol| **symbol != b'-').map(|symbol| char::from(*symbol)).take(missing),
        );
    }
    Ok(Secret::new(password))
}

/// Why a password that somebody brought is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short.
    #[error("the password has fewer than {SHORTEST} characters")]
    Short,
    /// The account's own name is in it.
    #[error("the password contains the account's name")]
    Name,
    /// Fewer than five different characters.
    #[error("the password repeats few characters")]
    Monotonous,
    /// Not printable.
    #[error("the password holds control characters")]
    Control,
}

/// Whether `password` may serve the account `name`.
///
/// # Errors
/// The reason against it.
pub fn judge(name: &str, password: &str) -> Result<(), Weak> {
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    if password.chars().any(char::is_control) {
        Err(Weak::Control)
    } else if password.chars().count() < SHORTEST {
        Err(Weak::Short)
    } else if password.to_lowercase().contains(&name.to_lowercase()) {
        Err(Weak::Name)
    } else if different.len() < 5 {
        Err(Weak::Monotonous)
    } else {
        Ok(())
    }
}

/// A password as it is kept: Argon2id with a salt of its own, in PHC string format.
///
/// # Errors
/// The system has no randomness or memory to give.
pub fn hash(password: &Secret<String>) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.expose().as_bytes())?.to_string())
}

/// Whether `password` is the one that `hash` was made of.
pub fn matches(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (a, b) = (generate().expect("random"), generate().expect("random"));
        assert_eq!(a.expose().len(), LENGTH);
        assert_ne!(a.expose(), b.expose());
        assert!(judge("alice", a.expose()).is_ok());
        assert!(a.expose().bytes().all(|c| ALPHABET[..31].contains(&c)));
        assert!(31_f64.log2() * LENGTH as f64 >= 128.0);
    }

    #[test]
    fn weak_passwords_are_named() {
        for (password, weak) in [
            ("short", Some(Weak::Short)),
            ("xxAlicexx12345", Some(Weak::Name)),
            ("aaaaaaaaaaaaaaaa", Some(Weak::Monotonous)),
            ("longenough\u{7}again", Some(Weak::Control)),
            ("correct horse battery", None),
        ] {
            assert_eq!(judge("alice", password).err(), weak, "{password}");
        }
    }

    #[test]
    fn only_the_password_matches_its_hash() {
        let hash = hash(&Secret::new("correct horse".to_string())).expect("memory");
        assert!(hash.starts_with("$argon2id$"));
        assert!(matches(&hash, "correct horse"));
        assert!(!matches(&hash, "correct horsf") && !matches("nonsense", "correct horse"));
    }
}
