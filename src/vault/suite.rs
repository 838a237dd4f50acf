//! Suites of algorithms. Which one a file, a leaf or a head was made with stands in it, from the first octet on.
//!
//! Suite 1, `intl`: AES-256-GCM (NIST SP 800-38D) with 96-bit nonces, AES-256 key wrap (RFC 3394), SHA-256, HKDF-SHA-256,
//! HMAC-SHA-256, Ed25519. Suite 2, `gm`: SM4-GCM (RFC 8998; GB/T 32907), RFC 3394 over SM4, SM3 (GB/T 32905), HKDF-SM3,
//! HMAC-SM3, SM2 (GB/T 32918.2).
//!
//! Invariant: a data key has 32 octets in both; SM4 takes the first 16 of them, and the rest is used for nothing.

use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::cipher::consts::U12;
use aes_gcm::{Aes256Gcm, AesGcm, Nonce, Tag};
use aes_kw::AesKw;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm3::Sm3;
use sm4::Sm4;
use zeroize::Zeroizing;

use crate::base::Secret;

/// Length of an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Length of a data key wrapped by RFC 3394: the key and one block of eight octets.
pub(crate) const WRAPPED_BYTES: usize = 40;
/// What the key that wraps under suite 2 is derived with.
const SM4_WRAP: &[u8] = b"ledgerline/1/sm4-wrap";

/// A suite of algorithms. A store has one, chosen when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// AES, SHA-2, Ed25519.
    #[default]
    Intl,
    /// SM4, SM3, SM2.
    Gm,
}

impl Suite {
    /// Its number in headers, leaves and heads.
    pub const fn number(self) -> u16 {
        match self {
            Suite::Intl => 1,
            Suite::Gm => 2,
        }
    }

    /// The suite of this number.
    pub const fn of(number: u16) -> Option<Suite> {
        match number {
            1 => Some(Suite::Intl),
            2 => Some(Suite::Gm),
            _ => None,
        }
    }

    /// What its hash is called in texts: `sha256:`, `sm3:`.
    pub const fn hash_name(self) -> &'static str {
        match self {
            Suite::Intl => "sha256",
            Suite::Gm => "sm3",
        }
    }

    /// What its signature is called in texts: `ed25519:`, `sm2:`.
    pub const fn signature_name(self) -> &'static str {
        match self {
            Suite::Intl => "ed25519",
            Suite::Gm => "sm2",
        }
    }

    /// The hash of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> [u8; 32] {
        Hash::new(self).chain(bytes).finish()
    }

    /// HMAC (RFC 2104) of `parts`, one after the other, with the suite's hash.
    pub(crate) fn mac(self, key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
        fn of<M: Mac + hmac::KeyInit>(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
            let mut out = [0; 32];
            // HMAC takes keys of every length.
            if let Ok(mut mac) = <M as hmac::KeyInit>::new_from_slice(key) {
                parts.iter().for_each(|part| mac.update(part));
                out.copy_from_slice(&mac.finalize().into_bytes());
            }
            out
        }
        match self {
            Suite::Intl => of::<Hmac<Sha256>>(key, parts),
            Suite::Gm => of::<Hmac<Sm3>>(key, parts),
        }
    }

    /// HKDF (RFC 5869) of `key` without salt, with the suite's hash.
    pub(crate) fn derive(self, key: &[u8; 32], info: &[u8]) -> Secret<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        // 32 octets are far below HKDF's limit of 255 blocks: expansion cannot fail.
        let expanded = match self {
            Suite::Intl => Hkdf::<Sha256>::new(None, key).expand(info, out.as_mut()),
            Suite::Gm => Hkdf::<Sm3>::new(None, key).expand(info, out.as_mut()),
        };
        debug_assert!(expanded.is_ok());
        Secret::new(*out)
    }

    /// `key` wrapped (RFC 3394) by `kek`: with AES-256 as it is, with SM4 under a key derived from it.
    pub(crate) fn wrap(self, kek: &[u8; 32], key: &[u8; 32]) -> [u8; WRAPPED_BYTES] {
        let mut wrapped = [0; WRAPPED_BYTES];
        // The lengths fit by construction: wrapping 32 octets into 40 cannot fail.
        let done = match self {
            Suite::Intl => AesKw::<aes::Aes256>::new(kek.into()).wrap_key(key, &mut wrapped).is_ok(),
            Suite::Gm => sm4_wrapping(kek).wrap_key(key, &mut wrapped).is_ok(),
        };
        debug_assert!(done);
        wrapped
    }

    /// What [`Suite::wrap`] wrapped; `None` when it was altered, or by another key.
    pub(crate) fn unwrap(self, kek: &[u8; 32], wrapped: &[u8; WRAPPED_BYTES]) -> Option<Secret<[u8; 32]>> {
        let mut key = Zeroizing::new([0; 32]);
        let whole = match self {
            Suite::Intl => AesKw::<aes::Aes256>::new(kek.into()).unwrap_key(wrapped, key.as_mut()).is_ok(),
            Suite::Gm => sm4_wrapping(kek).unwrap_key(wrapped, key.as_mut()).is_ok(),
        };
        whole.then(|| Secret::new(*key))
    }
}

fn sm4_wrapping(kek: &[u8; 32]) -> AesKw<Sm4> {
    let derived = Suite::Gm.derive(kek, SM4_WRAP);
    AesKw::new(&half(&derived).into())
}

/// What SM4 takes of 32 octets.
fn half(key: &Secret<[u8; 32]>) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&key.expose()[..16]);
    half
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Suite::Intl => "intl",
            Suite::Gm => "gm",
        })
    }
}

/// The text names no suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a suite is `intl` (AES, SHA-2, Ed25519) or `gm` (SM4, SM3, SM2)")]
pub struct NotASuite;

impl FromStr for Suite {
    type Err = NotASuite;
    fn from_str(text: &str) -> Result<Suite, NotASuite> {
        match text {
            "intl" => Ok(Suite::Intl),
            "gm" => Ok(Suite::Gm),
            _ => Err(NotASuite),
        }
    }
}

/// A hash in the making.
#[derive(Clone)]
pub enum Hash {
    /// Of suite 1.
    Sha256(Sha256),
    /// Of suite 2.
    Sm3(Sm3),
}

impl Hash {
    /// Of nothing yet.
    pub fn new(suite: Suite) -> Hash {
        match suite {
            Suite::Intl => Hash::Sha256(Sha256::new()),
            Suite::Gm => Hash::Sm3(Sm3::new()),
        }
    }

    /// Takes more octets.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha256(hash) => hash.update(bytes),
            Hash::Sm3(hash) => hash.update(bytes),
        }
    }

    /// As [`Hash::update`], in a row.
    #[must_use]
    pub fn chain(mut self, bytes: &[u8]) -> Hash {
        self.update(bytes);
        self
    }

    /// What it comes to.
    pub fn finish(self) -> [u8; 32] {
        match self {
            Hash::Sha256(hash) => hash.finalize().into(),
            Hash::Sm3(hash) => hash.finalize().into(),
        }
    }
}

/// A data key set up for use.
pub(crate) enum Cipher {
    /// It is wiped when it goes (feature `zeroize` of the cipher).
    Intl(Box<Aes256Gcm>),
    Gm(Box<AesGcm<Sm4, U12>>),
}

impl Cipher {
    pub(crate) fn new(suite: Suite, key: &Secret<[u8; 32]>) -> Cipher {
        match suite {
            Suite::Intl => Cipher::Intl(Box::new(Aes256Gcm::new(key.expose().into()))),
            Suite::Gm => Cipher::Gm(Box::new(AesGcm::new(&half(key).into()))),
        }
    }

    /// Encrypts `bytes` in place and returns the tag; `None` when `bytes` passes 64 GiB, which no caller's bound lets by.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let nonce = Nonce::from(nonce);
        let tag = match self {
            Cipher::Intl(cipher) => cipher.encrypt_inout_detached(&nonce, aad, bytes.into()).ok()?,
            Cipher::Gm(cipher) => cipher.encrypt_inout_detached(&nonce, aad, bytes.into()).ok()?,
        };
        Some(tag.into())
    }

    /// Decrypts `bytes` in place; false, and `bytes` as they were, when the tag does not fit.
    #[must_use]
    pub(crate) fn open(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let (nonce, tag) = (Nonce::from(nonce), Tag::from(*tag));
        match self {
            Cipher::Intl(cipher) => cipher.decrypt_inout_detached(&nonce, aad, bytes.into(), &tag).is_ok(),
            Cipher::Gm(cipher) => cipher.decrypt_inout_detached(&nonce, aad, bytes.into(), &tag).is_ok(),
        }
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
            let cipher = Cipher::new(Suite::Intl, &Secret::new(hex(key).try_into().expect("32")));
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

    /// RFC 8998 appendix A.1.
    #[test]
    fn sm4_gcm_seals_as_rfc_8998() {
        let key = "0123456789ABCDEFFEDCBA9876543210".to_string() + &"77".repeat(16);
        let cipher = Cipher::new(Suite::Gm, &Secret::new(hex(&key).try_into().expect("32")));
        let nonce: [u8; 12] = hex("00001234567800000000ABCD").try_into().expect("12");
        let aad = hex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
        let plain: Vec<u8> = [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xee, 0xaa]
            .into_iter()
            .flat_map(|octet| [octet; 8])
            .collect();
        let mut bytes = plain.clone();
        let tag = cipher.seal(nonce, &aad, &mut bytes).expect("short");
        assert_eq!(
            bytes,
            hex(
                "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
            )
        );
        assert_eq!(tag[..], hex("83DE3541E4C2B58177E065A9BF7B62EC")[..]);
        assert!(cipher.open(nonce, &aad, &mut bytes, &tag));
        assert_eq!(bytes, plain);
        let mut bad = tag;
        bad[15] ^= 1;
        assert!(!cipher.open(nonce, &aad, &mut bytes, &bad));
    }

    /// GB/T 32905-2016 appendix A: "abc", and 64 octets of "abcd".
    #[test]
    fn sm3_hashes_as_the_standard_s_examples() {
        for (text, wanted) in [
            ("abc".to_string(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            ("abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        ] {
            assert_eq!(Suite::Gm.digest(text.as_bytes())[..], hex(wanted)[..], "{text}");
        }
    }

    /// GB/T 32907-2016 appendix A.1, through the wrap: one block of SM4 under the standard's key.
    #[test]
    fn sm4_encrypts_as_the_standard_s_example() {
        use aes_gcm::aes::cipher::BlockCipherEncrypt;
        let key: [u8; 16] = hex("0123456789ABCDEFFEDCBA9876543210").try_into().expect("16");
        let mut block = key.into();
        Sm4::new(&key.into()).encrypt_block(&mut block);
        assert_eq!(block[..], hex("681EDF34D206965E86B3E94F536E4246")[..]);
    }

    #[test]
    fn a_suite_s_wrap_opens_under_its_key_and_suite_only() {
        for suite in [Suite::Intl, Suite::Gm] {
            let (kek, key) = ([1; 32], [2; 32]);
            let wrapped = suite.wrap(&kek, &key);
            assert_eq!(suite.unwrap(&kek, &wrapped).expect("whole").expose(), &key);
            assert!(suite.unwrap(&[3; 32], &wrapped).is_none());
            let other = if suite == Suite::Gm { Suite::Intl } else { Suite::Gm };
            assert!(other.unwrap(&kek, &wrapped).is_none());
            for bit in 0..WRAPPED_BYTES * 8 {
                let mut bad = wrapped;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(suite.unwrap(&kek, &bad).is_none(), "{suite} bit {bit}");
            }
        }
    }

    #[test]
    fn a_suite_is_told_by_number_and_by_name() {
        for suite in [Suite::Intl, Suite::Gm] {
            assert_eq!(Suite::of(suite.number()), Some(suite));
            assert_eq!(suite.to_string().parse(), Ok(suite));
        }
        assert_eq!((Suite::of(0), Suite::of(3), "sm4".parse::<Suite>()), (None, None, Err(NotASuite)));
    }
}
