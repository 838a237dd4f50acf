//! Suites of algorithms by number, so that another one (GM/T) can stand beside the first from the first octet on.
//!
//! Suite 1: AES-256-GCM (NIST SP 800-38D) with 96-bit nonces, AES-256 key wrap (RFC 3394), SHA-256, HKDF-SHA-256,
//! Ed25519. Suite 2 is reserved for SM4-GCM, SM3, SM2.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};

use crate::base::Secret;

/// The suite that this program writes.
pub const SUITE: u16 = 1;

/// Length of an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

/// A data key set up for use. It is wiped when it goes (feature `zeroize` of the cipher).
pub(crate) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Cipher {
        Cipher(Aes256Gcm::new(key.expose().into()))
    }

    /// Encrypts `bytes` in place and returns the tag; `None` when `bytes` passes 64 GiB, which no caller's bound lets by.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let tag = self.0.encrypt_inout_detached(&Nonce::from(nonce), aad, bytes.into()).ok()?;
        Some(tag.into())
    }

    /// Decrypts `bytes` in place; false, and `bytes` as they were, when the tag does not fit.
    #[must_use]
    pub(crate) fn open(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        self.0.decrypt_inout_detached(&Nonce::from(nonce), aad, bytes.into(), &Tag::from(*tag)).is_ok()
    }
}

/// Nonce of place `counter` in a writer's session: eight octets drawn by that writer, then the counter.
pub(crate) fn nonce(prefix: [u8; 8], counter: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&prefix);
    nonce[8..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    /// Test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), 256-bit keys.
    #[test]
    fn seals_as_the_gcm_test_cases() {
        let k16 = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let p16 = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                   1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
        let c16 = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                   8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
        let zero = "00".repeat(32);
        for (key, iv, aad, plain, sealed, tag) in [
            (&zero[..], "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                &zero[..],
                "000000000000000000000000",
                "",
                "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18",
                "d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (
                k16,
                "cafebabefacedbaddecaf888",
                "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                p16,
                c16,
                "76fc6ece0f4e1768cddf8853bb2d551b",
            ),
        ] {
            let cipher = Cipher::new(&Secret::new(hex(key).try_into().expect("32")));
            let nonce: [u8; 12] = hex(iv).try_into().expect("12");
            let mut bytes = hex(plain);
            let got = cipher.seal(nonce, &hex(aad), &mut bytes).expect("short");
            assert_eq!((&bytes, &got[..]), (&hex(sealed), &hex(tag)[..]));
            assert!(cipher.open(nonce, &hex(aad), &mut bytes, &got));
            assert_eq!(bytes, hex(plain));
            let mut bad = got;
            bad[0] ^= 1;
            let before = bytes.clone();
            assert!(!cipher.open(nonce, &hex(aad), &mut bytes, &bad));
            assert_eq!(bytes, before, "a failed tag leaves the bytes alone");
        }
    }

    #[test]
    fn a_nonce_is_prefix_then_counter() {
        assert_eq!(nonce([1, 2, 3, 4, 5, 6, 7, 8], 0x0a0b_0c0d), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13]);
    }
}
