//! Sealing of small values that stand alone: rows of the index, small files.
//!
//! A nonce is 96 random bits. At 2³² values under one key two would be equal with a chance of 2⁻³³
//! (NIST SP 800-38D §8.3); a store has some ten million.

use crate::base::{Random, Secret};

use super::suite::{Cipher, Suite, TAG_BYTES};

/// Length of a nonce (NIST SP 800-38D §8.2).
pub const NONCE_BYTES: usize = 12;

/// A key for values.
pub struct ValueKey(Cipher);

impl ValueKey {
    /// From a subkey.
    pub fn new(suite: Suite, key: &Secret<[u8; 32]>) -> ValueKey {
        ValueKey(Cipher::new(suite, key))
    }

    /// Nonce, sealed `value`, tag. `table` and `key` are associated: the value opens in no other place.
    pub fn seal(&self, table: &[u8], key: &[u8], value: &[u8], random: &mut Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        self.seal_with(nonce, &place(table, key), value)
    }

    /// As [`ValueKey::seal`] with a `nonce` that was never used under this key, and any associated data.
    pub fn seal_with(&self, nonce: [u8; NONCE_BYTES], associated: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = [&nonce, value].concat();
        let tag = self.0.seal(nonce, associated, out.get_mut(NONCE_BYTES..).unwrap_or_default());
        out.extend_from_slice(&tag.unwrap_or_default());
        out
    }

    /// The value; `None` when it was altered or lies in another place.
    pub fn open(&self, table: &[u8], key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.open_with(&place(table, key), sealed)
    }

    /// What [`ValueKey::seal_with`] sealed; `None` when it was altered, or this is not its associated data.
    pub fn open_with(&self, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (value, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut value = value.to_vec();
        self.0.open(*nonce, associated, &mut value, tag).then_some(value)
    }
}

fn place(table: &[u8], key: &[u8]) -> Vec<u8> {
    [&[table.len() as u8][..], table, key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_place_only_and_unaltered_only() {
        let (key, mut random) = (ValueKey::new(Suite::Intl, &Secret::new([3; 32])), Random::from_number(1));
        let sealed = key.seal(b"row", b"key", b"value", &mut random);
        assert_eq!(key.open(b"row", b"key", &sealed).as_deref(), Some(&b"value"[..]));
        assert_eq!(key.open(b"ro", b"wkey", &sealed), None);
        assert_eq!(key.open(b"row", b"kez", &sealed), None);
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"row", b"key", &bad), None, "bit {bit}");
        }
        assert_ne!(key.seal(b"row", b"key", b"value", &mut random), sealed, "another nonce");
    }
}
