//! Digest arithmetic: RFC 7616 §3.4 with MD5 and SHA-256 (RFC 8760), and RFC 2617's form without `qop`.
//!
//! Invariant: a password enters only [`Ha1::of`]; what is kept and compared afterwards are hashes.

use std::fmt;

use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::base::Secret;

/// A digest algorithm that we offer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// `SHA-256`: offered first.
    Sha256,
    /// `MD5`: for phones that know nothing else; also what a missing `algorithm` means.
    Md5,
}

impl Algorithm {
    /// What a switch offers unless it is told otherwise: SHA-256 first, MD5 beside it for phones that know nothing else.
    pub const DEFAULT: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    /// As the `algorithm` parameter spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5 => "MD5",
        }
    }

    /// Reads the `algorithm` parameter, in any case; `None` for algorithms that we never offer (`-sess`, `SHA-512-256`, …).
    pub fn of(text: &[u8]) -> Option<Algorithm> {
        [Algorithm::Sha256, Algorithm::Md5]
            .into_iter()
            .find(|a| a.as_str().as_bytes().eq_ignore_ascii_case(text))
    }

    /// Hashes `parts` joined by colons and writes it in lower-case hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> Hex {
        match self {
            Algorithm::Sha256 => joined(Sha256::new(), parts),
            Algorithm::Md5 => joined(Md5::new(), parts),
        }
    }
}

fn joined<D: md5::Digest>(mut hash: D, parts: &[&[u8]]) -> Hex {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    Hex::of(&hash.finalize())
}

/// A hash in lower-case hexadecimal: 32 characters of MD5, 64 of SHA-256. Wiped when it goes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Hex {
    fn of(hash: &[u8]) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Hex { text, len: (hash.len() * 2).min(64) }
    }

    fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or(&self.text)
    }
}

/// `H(user ":" realm ":" password)`: what the store keeps in a password's place, for one algorithm. It does not print.
#[derive(Clone)]
pub struct Ha1 {
    algorithm: Algorithm,
    hex: Secret<Hex>,
}

impl Ha1 {
    /// From a password.
    pub fn of(algorithm: Algorithm, user: &str, realm: &str, password: &Secret<String>) -> Ha1 {
        let hex = algorithm.hash(&[user.as_bytes(), realm.as_bytes(), password.expose().as_bytes()]);
        Ha1 { algorithm, hex: Secret::new(hex) }
    }

    /// From the store: 32 hexadecimal digits make an MD5 one, 64 a SHA-256 one; anything else is none.
    pub fn from_hex(text: &str) -> Option<Ha1> {
        let algorithm = match text.len() {
            32 => Algorithm::Md5,
            64 => Algorithm::Sha256,
            _ => return None,
        };
        let mut hex = Hex { text: [0; 64], len: text.len() };
        for (to, from) in hex.text.iter_mut().zip(text.bytes()) {
            *to = from.is_ascii_hexdigit().then_some(from.to_ascii_lowercase())?;
        }
        Some(Ha1 { algorithm, hex: Secret::new(hex) })
    }

    /// For the store: lower-case hexadecimal. Whoever holds it can register as the user; the name is long on purpose.
    pub fn expose_hex(&self) -> Secret<String> {
        Secret::new(String::from_utf8_lossy(self.hex.expose().as_bytes()).into_owned())
    }

    /// Which algorithm it belongs to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({}, ..)", self.algorithm.as_str())
    }
}

/// What the peer's proof is computed over. All fields as they stood in the credentials, quotes removed.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// `nonce`.
    pub nonce: &'a [u8],
    /// `nc` and `cnonce` when `qop=auth`; `None` for RFC 2617's form without `qop`.
    pub qop: Option<(&'a [u8], &'a [u8])>,
    /// The request's method.
    pub method: &'a [u8],
    /// `uri`.
    pub uri: &'a [u8],
}

impl Proof<'_> {
    /// The response that a holder of `ha1` gives, in hexadecimal (RFC 7616 §3.4.1).
    pub fn response(&self, ha1: &Ha1) -> Vec<u8> {
        self.hex(ha1).as_bytes().to_vec()
    }

    /// Whether `response` (hexadecimal, any case) proves that the peer holds `ha1`. Takes the same time whatever differs.
    pub fn is_proven_by(&self, ha1: &Ha1, response: &[u8]) -> bool {
        let ours = self.hex(ha1);
        ours.as_bytes().ct_eq(&response.to_ascii_lowercase()).into()
    }

    fn hex(&self, ha1: &Ha1) -> Hex {
        let a = ha1.algorithm;
        let ha2 = a.hash(&[self.method, self.uri]);
        let (secret, ha2) = (ha1.hex.expose().as_bytes(), ha2.as_bytes());
        match self.qop {
            Some((nc, cnonce)) => a.hash(&[secret, self.nonce, nc, cnonce, b"auth", ha2]),
            None => a.hash(&[secret, self.nonce, ha2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Secret<String> {
        Secret::new(text.to_string())
    }

    /// The worked examples of RFC 7616 §3.9.1 and RFC 2617 §3.5 (the last also without `qop`, computed apart from us).
    #[test]
    fn gives_the_responses_of_the_rfcs() {
        let new = Proof {
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            qop: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            method: b"GET",
            uri: b"/dir/index.html",
        };
        let old = Proof {
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            qop: Some((b"00000001", b"0a4f113b")),
            ..new
        };
        let oldest = Proof { qop: None, ..old };
        for (proof, algorithm, realm, word, response) in [
            (
                new,
                Algorithm::Sha256,
                "http-auth@example.org",
                "Circle of Life",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            (
                new,
                Algorithm::Md5,
                "http-auth@example.org",
                "Circle of Life",
                "8ca523f5e9506fed4657c9700eebdbec",
            ),
            (old, Algorithm::Md5, "testrealm@host.com", "Circle Of Life", "6629fae49393a05397450978507c4ef1"),
            (
                oldest,
                Algorithm::Md5,
                "testrealm@host.com",
                "Circle Of Life",
                "670fd8c2df070c60b045671b8b24ff02",
            ),
        ] {
            let ha1 = Ha1::of(algorithm, "Mufasa", realm, &password(word));
            assert_eq!(String::from_utf8_lossy(&proof.response(&ha1)), response);
            assert!(proof.is_proven_by(&ha1, response.to_uppercase().as_bytes()));
            assert!(!proof.is_proven_by(&ha1, &response.as_bytes()[1..]));
            assert!(
                !proof
                    .is_proven_by(&Ha1::of(algorithm, "Mufasa", realm, &password("x")), response.as_bytes())
            );
        }
    }

    #[test]
    fn ha1_goes_through_the_store_and_does_not_print() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let ha1 = Ha1::of(algorithm, "1001", "ledgerline", &password("hunter2"));
            let hex = ha1.expose_hex();
            let back = Ha1::from_hex(hex.expose()).expect("our own form");
            assert_eq!(back.algorithm(), algorithm);
            assert_eq!(back.expose_hex().expose(), hex.expose());
            assert!(!format!("{ha1:?}").contains(&hex.expose()[..6]));
        }
        for bad in ["", "0123", &"g".repeat(32), &"é".repeat(16)] {
            assert!(Ha1::from_hex(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_what_we_offer_is_an_algorithm() {
        assert_eq!(Algorithm::of(b"sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::of(b"md5"), Some(Algorithm::Md5));
        for other in [&b"MD5-sess"[..], b"SHA-256-sess", b"SHA-512-256", b"", b"MD4"] {
            assert_eq!(Algorithm::of(other), None);
        }
    }
}
