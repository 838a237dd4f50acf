//! Session tokens: who entered, when, and when they last proved to be there. The node keeps none: a token carries its facts
//! under an HMAC of the node's, so that it serves a running node, a restarted one, and the command line beside a stopped one.
//!
//! Invariant: a token ends by idleness, by age, by a new password or a disabled account (`epoch`), whatever is done with
//! copies of it; none is longer-lived by being copied than the one it was copied from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::base::{Secret, Wall, bounds};
use crate::vault::{Keyring, Label};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The account.
    pub account: String,
    /// The account's epoch when it was entered.
    pub epoch: u32,
    /// When it was entered.
    pub entered: Wall,
    /// When the session was last used.
    pub seen: Wall,
    /// When the person last proved to be there.
    pub proved: Wall,
}

impl Claims {
    /// Whether the session goes on at `now`. A clock that was turned back ends it.
    pub fn lives(&self, now: Wall) -> bool {
        let within = |since: Wall, time| now < since + time && now + bounds::APPROVAL_SKEW >= since;
        within(self.seen, bounds::SESSION_IDLE) && within(self.entered, bounds::SESSION)
    }

    /// Whether the person proved to be there just now.
    pub fn is_present(&self, now: Wall) -> bool {
        now < self.proved + bounds::STEP_UP && now + bounds::APPROVAL_SKEW >= self.proved
    }

    /// The token.
    pub fn seal(&self, keys: &Keyring) -> Option<Secret<String>> {
        let version = keys.current();
        let text = serde_json::to_vec(self).ok()?;
        let tag = keys.mac(version, Label::Sessions, &text).ok()?;
        let [text, tag] = [&text[..], &tag[..]].map(|octets| URL_SAFE_NO_PAD.encode(octets));
        Some(Secret::new(format!("{version}.{text}.{tag}")))
    }

    /// Reads a token; `None` when it is not one of ours.
    pub fn open(token: &str, keys: &Keyring) -> Option<Claims> {
        let mut parts = token.trim().splitn(3, '.');
        let version = parts.next()?.parse().ok()?;
        let text = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let ours = keys.mac(version, Label::Sessions, &text).ok()?;
        bool::from(ours[..].ct_eq(&tag)).then(|| serde_json::from_slice(&text).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn keys(key: u8) -> Keyring {
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([key; 32]));
        keys
    }

    fn claims(now: Wall) -> Claims {
        Claims { account: "anna".into(), epoch: 3, entered: now, seen: now, proved: now }
    }

    #[test]
    fn a_token_is_read_back_and_none_but_its_node_makes_it() {
        let claims = claims(Wall::from_micros(1_000_000));
        let token = claims.seal(&keys(1)).expect("a key");
        assert_eq!(Claims::open(token.expose(), &keys(1)), Some(claims.clone()));
        assert_eq!(Claims::open(token.expose(), &keys(2)), None, "another node");
        for at in 0..token.expose().len() {
            let mut forged = token.expose().clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            // The last symbol of base 64 has bits that mean nothing; a decoder that is strict refuses them too.
            assert_eq!(Claims::open(&forged, &keys(1)), None, "character {at}");
        }
        assert_eq!(Claims::open("", &keys(1)), None);
    }

    /// DUAL-07: idle log-off; DUAL-05: presence is a matter of minutes.
    #[test]
    fn a_session_ends_by_idleness_by_age_and_by_a_clock_that_goes_back() {
        let start = Wall::from_micros(1_795_337_972_000_000);
        let second = Duration::from_secs(1);
        let ago = |time: Duration| Wall::from_micros(start.as_micros() - time.as_micros() as i64);
        let fresh = claims(start);
        assert!(fresh.lives(start) && fresh.lives(start + (bounds::SESSION_IDLE - second)));
        assert!(!fresh.lives(start + bounds::SESSION_IDLE));
        assert!(!fresh.lives(ago(bounds::APPROVAL_SKEW + second)));
        let old = Claims { entered: ago(bounds::SESSION), ..fresh.clone() };
        assert!(!old.lives(start));
        assert!(fresh.is_present(start) && !fresh.is_present(start + bounds::STEP_UP));
    }
}
