//! Keys: key-encryption keys by version, the data keys that they wrap, and subkeys for everything that is not a
//! recording.
//!
//! A key-encryption key is 32 octets here, or stays in a token ([`Wrapper`]) and wraps there. Invariant: a key never prints, is
//! wiped when it goes, and has one use, told by its label.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::base::{Random, Secret};

use super::suite::Suite;
pub(crate) use super::suite::WRAPPED_BYTES;

/// What a subkey is for. The label goes into HKDF as `info`, so that no two uses share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// HMAC of normalised numbers and names: keys of the index.
    IndexBlinding,
    /// Sealing of the index's values.
    IndexValues,
    /// Sealing of the user store.
    Users,
    /// Sealing of the journal of inputs (off by default).
    Journal,
    /// Authentication of the session tokens of people.
    Sessions,
}

impl Label {
    /// The `info` of HKDF-Expand (RFC 5869 §2.3).
    pub fn info(self) -> &'static [u8] {
        match self {
            Label::IndexBlinding => b"ledgerline/1/index-blinding",
            Label::IndexValues => b"ledgerline/1/index-values",
            Label::Users => b"ledgerline/1/users",
            Label::Journal => b"ledgerline/1/journal",
            Label::Sessions => b"ledgerline/1/sessions",
        }
    }
}

/// No key-encryption key of this version is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key-encryption key version {0} is not at hand")]
pub struct NoSuchKey(pub u32);

/// Versions from here on are escrow keys: they wrap what begins while the token of the current key is away.
pub const ESCROW: u32 = 1 << 31;

/// A key-encryption key that stays where it is and wraps there: in a token.
pub trait Wrapper: Send + Sync + fmt::Debug {
    /// `key` wrapped (RFC 3394); `None` when the token does not do it now.
    fn wrap(&self, key: &Secret<[u8; 32]>) -> Option<[u8; WRAPPED_BYTES]>;

    /// The data key in `wrapped`: `None` when the token does not do it now, `None` inside when it was altered.
    fn unwrap(&self, wrapped: &[u8; WRAPPED_BYTES]) -> Option<Option<Secret<[u8; 32]>>>;

    /// Whether what begins now may be wrapped by the escrow key instead.
    fn lends_escrow(&self) -> bool;

    /// Looks whether the token does it, so that it is asked again after it was away.
    fn look(&self) -> bool;
}

/// One key-encryption key.
#[derive(Debug, Clone)]
enum Kek {
    Here(Secret<[u8; 32]>),
    /// In a token; subkeys are derived from a secret of their own, because what never leaves cannot be derived from.
    Held {
        subkeys: Secret<[u8; 32]>,
        wrapper: Arc<dyn Wrapper>,
    },
}

/// A fresh data key.
pub(crate) struct Drawn {
    /// Which key-encryption key wraps it.
    pub version: u32,
    pub data_key: Secret<[u8; 32]>,
    pub wrapped: [u8; WRAPPED_BYTES],
}

/// The key-encryption keys of a store by version; the highest that is no escrow key is current.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    suite: Suite,
    keys: BTreeMap<u32, Kek>,
}

impl Keyring {
    /// A ring of suite 1 without keys.
    pub fn new() -> Keyring {
        Keyring::default()
    }

    /// A ring without keys whose store writes with `suite`.
    pub fn of(suite: Suite) -> Keyring {
        Keyring { suite, ..Keyring::default() }
    }

    /// What the store writes with.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Adds (or replaces) the key of `version`. Versions count from 1.
    pub fn insert(&mut self, version: u32, key: Secret<[u8; 32]>) {
        self.keys.insert(version, Kek::Here(key));
    }

    /// The key of `version` stays with `wrapper` from now on; what the ring had of it is what subkeys are derived from.
    pub fn hold(&mut self, version: u32, wrapper: Arc<dyn Wrapper>) {
        if let Some(Kek::Here(subkeys)) = self.keys.remove(&version) {
            self.keys.insert(version, Kek::Held { subkeys, wrapper });
        }
    }

    /// The current version; 0 when there is no key.
    pub fn current(&self) -> u32 {
        self.keys.range(..ESCROW).next_back().map_or(0, |(version, _)| *version)
    }

    /// The versions at hand, ascending.
    pub fn versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.keys.keys().copied()
    }

    /// Whether the key of `version` stays in a token.
    pub fn is_held(&self, version: u32) -> bool {
        matches!(self.keys.get(&version), Some(Kek::Held { .. }))
    }

    /// Looks after the token of the current key: `None` when there is none, else whether it does its work.
    pub fn look(&self) -> Option<bool> {
        match self.keys.get(&self.current())? {
            Kek::Here(_) => None,
            Kek::Held { wrapper, .. } => Some(wrapper.look()),
        }
    }

    /// The 256-bit subkey of the key of `version` for `label`: HKDF (RFC 5869) without salt.
    ///
    /// A sealed file that is not a recording stores the version beside its data, so that it opens after a rotation.
    ///
    /// # Errors
    /// [`NoSuchKey`] when the version is not at hand.
    pub fn subkey(&self, version: u32, label: Label) -> Result<Secret<[u8; 32]>, NoSuchKey> {
        match self.keys.get(&version).ok_or(NoSuchKey(version))? {
            Kek::Here(key) | Kek::Held { subkeys: key, .. } => {
                Ok(self.suite.derive(key.expose(), label.info()))
            }
        }
    }

    /// HMAC (RFC 2104), of the suite, of `text` under the subkey of the key of `version` for `label`.
    ///
    /// # Errors
    /// As [`Keyring::subkey`].
    pub fn mac(&self, version: u32, label: Label, text: &[u8]) -> Result<[u8; 32], NoSuchKey> {
        Ok(self.suite.mac(self.subkey(version, label)?.expose(), &[text]))
    }

    /// The version that a file begins under, a fresh data key, and the same wrapped by that version: the current one, or
    /// the escrow key while the current one's token is away and lends it.
    pub(crate) fn draw(&self, random: &mut Random) -> Result<Drawn, NoSuchKey> {
        let mut key = [0; 32];
        random.fill(&mut key);
        let data_key = Secret::new(key);
        key.zeroize();
        let current = self.current();
        match self.wrap(current, &data_key) {
            Ok(wrapped) => Ok(Drawn { version: current, data_key, wrapped }),
            Err(away) => {
                let escrow = self.escrow(current).ok_or(away)?;
                let wrapped = self.wrap(escrow, &data_key)?;
                Ok(Drawn { version: escrow, data_key, wrapped })
            }
        }
    }

    fn escrow(&self, current: u32) -> Option<u32> {
        let lent =
            matches!(self.keys.get(&current), Some(Kek::Held { wrapper, .. }) if wrapper.lends_escrow());
        self.keys.range(ESCROW..).next_back().map(|(version, _)| *version).filter(|_| lent)
    }

    /// `key` wrapped (RFC 3394) by the key of `version`, in the ring's suite.
    pub(crate) fn wrap(
        &self,
        version: u32,
        key: &Secret<[u8; 32]>,
    ) -> Result<[u8; WRAPPED_BYTES], NoSuchKey> {
        match self.keys.get(&version).ok_or(NoSuchKey(version))? {
            Kek::Here(kek) => Ok(self.suite.wrap(kek.expose(), key.expose())),
            Kek::Held { wrapper, .. } => wrapper.wrap(key).ok_or(NoSuchKey(version)),
        }
    }

    /// The data key in `wrapped`; `None` inside when it does not unwrap under the key of `version`.
    pub(crate) fn unwrap(
        &self,
        version: u32,
        wrapped: &[u8; WRAPPED_BYTES],
    ) -> Result<Option<Secret<[u8; 32]>>, NoSuchKey> {
        match self.keys.get(&version).ok_or(NoSuchKey(version))? {
            Kek::Here(kek) => Ok(self.suite.unwrap(kek.expose(), wrapped)),
            Kek::Held { wrapper, .. } => wrapper.unwrap(wrapped).ok_or(NoSuchKey(version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    /// RFC 3394 §4.6: 256 bits of key data with a 256-bit key-encryption key.
    #[test]
    fn wraps_as_rfc_3394() {
        let kek = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let data = hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        let wrapped = hex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21");
        let mut ring = Keyring::new();
        ring.insert(3, Secret::new(kek.try_into().expect("32")));
        let key = ring.unwrap(3, &wrapped.clone().try_into().expect("40")).expect("at hand").expect("whole");
        assert_eq!(key.expose()[..], data[..]);
        for bit in 0..wrapped.len() * 8 {
            let mut bad = wrapped.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.unwrap(3, &bad.try_into().expect("40")).expect("at hand").is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_drawn_key_unwraps_under_its_version_only() {
        let mut ring = Keyring::new();
        ring.insert(1, Secret::new([1; 32]));
        ring.insert(2, Secret::new([2; 32]));
        let Drawn { version, data_key: key, wrapped } =
            ring.draw(&mut Random::from_number(1)).expect("at hand");
        assert_eq!((version, ring.current()), (2, 2));
        assert_eq!(ring.unwrap(2, &wrapped).expect("at hand").expect("whole").expose(), key.expose());
        assert!(ring.unwrap(1, &wrapped).expect("at hand").is_none());
        assert_eq!(ring.unwrap(9, &wrapped).expect_err("not there"), NoSuchKey(9));
    }

    /// RFC 5869 appendix A.3 fixes HKDF without salt; here every label yields its own key, and each version too.
    #[test]
    fn every_label_and_version_has_its_own_subkey() {
        let mut ring = Keyring::new();
        ring.insert(1, Secret::new([1; 32]));
        ring.insert(2, Secret::new([2; 32]));
        let mut seen = std::collections::HashSet::new();
        for version in [1, 2] {
            for label in
                [Label::IndexBlinding, Label::IndexValues, Label::Users, Label::Journal, Label::Sessions]
            {
                assert!(seen.insert(*ring.subkey(version, label).expect("at hand").expose()));
            }
        }
        assert_eq!(seen.len(), 10);
    }

    /// A token that is away or there, as a test says, and wraps with a key of its own.
    #[derive(Debug)]
    struct Token {
        there: bool,
        lends: bool,
    }

    impl Wrapper for Token {
        fn wrap(&self, key: &Secret<[u8; 32]>) -> Option<[u8; WRAPPED_BYTES]> {
            self.there.then(|| Suite::Intl.wrap(&[9; 32], key.expose()))
        }
        fn unwrap(&self, wrapped: &[u8; WRAPPED_BYTES]) -> Option<Option<Secret<[u8; 32]>>> {
            self.there.then(|| Suite::Intl.unwrap(&[9; 32], wrapped))
        }
        fn lends_escrow(&self) -> bool {
            self.lends
        }
        fn look(&self) -> bool {
            self.there
        }
    }

    /// KEY-04: with the token away nothing begins, or it begins under the escrow key, as the token's policy says.
    #[test]
    fn a_token_that_is_away_refuses_or_lends() {
        for (there, lends, under) in [
            (true, false, Some(4)),
            (true, true, Some(4)),
            (false, false, None),
            (false, true, Some(ESCROW + 1)),
        ] {
            let mut ring = Keyring::new();
            ring.insert(3, Secret::new([3; 32]));
            ring.insert(4, Secret::new([4; 32]));
            ring.hold(4, Arc::new(Token { there, lends }));
            ring.insert(ESCROW + 1, Secret::new([5; 32]));
            assert_eq!((ring.current(), ring.is_held(4), ring.is_held(3)), (4, true, false));
            let drawn = ring.draw(&mut Random::from_number(1));
            assert_eq!(drawn.as_ref().ok().map(|drawn| drawn.version), under, "{there} {lends}");
            if let Ok(Drawn { version, data_key: key, wrapped }) = drawn {
                let again = ring.unwrap(version, &wrapped).expect("at hand").expect("whole");
                assert_eq!(again.expose(), key.expose());
            }
            assert!(ring.subkey(4, Label::Users).is_ok(), "subkeys need no token");
        }
    }
}
