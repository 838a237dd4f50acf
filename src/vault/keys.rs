//! Keys: key-encryption keys by version, the data keys that they wrap, and subkeys for everything that is not a
//! recording.
//!
//! Invariant: a key never prints, is wiped when it goes, and has one use, told by its label.

use std::collections::BTreeMap;

use aes_kw::{KeyInit, KwAes256};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroize;

use crate::base::{Random, Secret};

/// Length of a data key wrapped by RFC 3394: the key and one block of eight octets.
pub(crate) const WRAPPED_BYTES: usize = 40;

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

/// The key-encryption keys of a store by version; the highest is current.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: BTreeMap<u32, Secret<[u8; 32]>>,
}

impl Keyring {
    /// A ring without keys.
    pub fn new() -> Keyring {
        Keyring::default()
    }

    /// Adds (or replaces) the key of `version`. Versions count from 1.
    pub fn insert(&mut self, version: u32, key: Secret<[u8; 32]>) {
        self.keys.insert(version, key);
    }

    /// The current version; 0 when there is no key.
    pub fn current(&self) -> u32 {
        self.keys.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// The versions at hand, ascending.
    pub fn versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.keys.keys().copied()
    }

    /// The 256-bit subkey of the key of `version` for `label`: HKDF-SHA-256 (RFC 5869) without salt.
    ///
    /// A sealed file that is not a recording stores the version beside its data, so that it opens after a rotation.
    ///
    /// # Errors
    /// [`NoSuchKey`] when the version is not at hand.
    pub fn subkey(&self, version: u32, label: Label) -> Result<Secret<[u8; 32]>, NoSuchKey> {
        let key = self.keys.get(&version).ok_or(NoSuchKey(version))?;
        let mut out = [0; 32];
        // 32 octets are far below HKDF's limit of 255 blocks: expansion cannot fail.
        let expanded = Hkdf::<Sha256>::new(None, key.expose()).expand(label.info(), &mut out);
        debug_assert!(expanded.is_ok());
        let subkey = Secret::new(out);
        out.zeroize();
        Ok(subkey)
    }

    /// A fresh data key, and the same wrapped (RFC 3394) by the key of `version`.
    pub(crate) fn draw(
        &self,
        version: u32,
        random: &mut Random,
    ) -> Result<(Secret<[u8; 32]>, [u8; WRAPPED_BYTES]), NoSuchKey> {
        let mut key = [0; 32];
        random.fill(&mut key);
        let data_key = Secret::new(key);
        key.zeroize();
        let wrapped = self.wrap(version, &data_key)?;
        Ok((data_key, wrapped))
    }

    /// `key` wrapped (RFC 3394) by the key of `version`.
    pub(crate) fn wrap(
        &self,
        version: u32,
        key: &Secret<[u8; 32]>,
    ) -> Result<[u8; WRAPPED_BYTES], NoSuchKey> {
        let kek = self.keys.get(&version).ok_or(NoSuchKey(version))?;
        let mut wrapped = [0; WRAPPED_BYTES];
        // The lengths fit by construction: wrapping 32 octets into 40 cannot fail.
        let done = KwAes256::new(kek.expose().into()).wrap_key(key.expose(), &mut wrapped).map(|_| ());
        debug_assert!(done.is_ok());
        Ok(wrapped)
    }

    /// The data key in `wrapped`; `None` inside when it does not unwrap under the key of `version`.
    pub(crate) fn unwrap(
        &self,
        version: u32,
        wrapped: &[u8; WRAPPED_BYTES],
    ) -> Result<Option<Secret<[u8; 32]>>, NoSuchKey> {
        let kek = self.keys.get(&version).ok_or(NoSuchKey(version))?;
        let mut key = [0; 32];
        let whole = KwAes256::new(kek.expose().into()).unwrap_key(wrapped, &mut key).is_ok();
        let data_key = Secret::new(key);
        key.zeroize();
        Ok(whole.then_some(data_key))
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
        let (key, wrapped) = ring.draw(ring.current(), &mut Random::from_number(1)).expect("at hand");
        assert_eq!(ring.current(), 2);
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
}
