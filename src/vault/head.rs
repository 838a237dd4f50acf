//! Signed tree heads, and the ledger's key: who has its public half and a head can tell what the ledger held.
//! `docs/recording-format.md`, "Ledger".
//!
//! Invariant: a signature is over a head, or over a statement that begins with `ledgerline `: neither is taken for the other.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sm2::dsa;

use super::header::part;
use super::suite::Suite;
use crate::base::{Secret, Wall};
use crate::base::{hex, unhex};

/// Length of a signed head.
pub const HEAD_BYTES: usize = 136;
/// The part of a head that is signed.
const SIGNED_BYTES: usize = 72;
/// First octets of a head.
const MAGIC: [u8; 8] = *b"LLHEAD1\n";
/// The signer's identifier of SM2 signatures: the one that GB/T 35276 §10 sets where nothing else is agreed.
const SM2_ID: &str = "1234567812345678";

/// A signed tree head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Its number, from 0.
    pub number: u64,
    /// Leaves under it.
    pub size: u64,
    /// When it was signed.
    pub at: Wall,
    /// Root over them.
    pub root: [u8; 32],
}

impl TreeHead {
    /// The head with its signature, as stored.
    pub fn sign(&self, signer: &LedgerKey) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        let signed = self.signed(&signer.public());
        out[..SIGNED_BYTES].copy_from_slice(&signed);
        out[SIGNED_BYTES..].copy_from_slice(&signer.sign(&signed));
        out
    }

    /// Reads a head and checks its signature under `public`; `None` when it does not hold.
    pub fn verify(bytes: &[u8; HEAD_BYTES], public: &LedgerPublic) -> Option<TreeHead> {
        let head = TreeHead {
            number: u64::from_be_bytes(part(bytes, 16)),
            size: u64::from_be_bytes(part(bytes, 24)),
            at: Wall::from_micros(i64::from_be_bytes(part(bytes, 32))),
            root: part(bytes, 40),
        };
        let signed = head.signed(public);
        let holds = bytes[..SIGNED_BYTES] == signed && public.holds(&signed, &part(bytes, SIGNED_BYTES));
        holds.then_some(head)
    }

    fn signed(&self, public: &LedgerPublic) -> [u8; SIGNED_BYTES] {
        let mut out = [0; SIGNED_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&1_u16.to_be_bytes());
        out[10..12].copy_from_slice(&public.suite().number().to_be_bytes());
        out[12..16].copy_from_slice(&public.suite().digest(&public.to_bytes())[..4]);
        out[16..24].copy_from_slice(&self.number.to_be_bytes());
        out[24..32].copy_from_slice(&self.size.to_be_bytes());
        out[32..40].copy_from_slice(&self.at.as_micros().to_be_bytes());
        out[40..].copy_from_slice(&self.root);
        out
    }
}

/// The key that signs tree heads; wiped when it goes.
pub struct LedgerKey(Signing);

enum Signing {
    Ed25519(Box<SigningKey>),
    Sm2(Box<dsa::SigningKey>),
}

/// The key that verifies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerPublic {
    /// Of suite 1.
    Ed25519(VerifyingKey),
    /// Of suite 2.
    Sm2(sm2::PublicKey),
}

impl LedgerKey {
    /// The Ed25519 key of a 32 octet seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> LedgerKey {
        LedgerKey(Signing::Ed25519(Box::new(SigningKey::from_bytes(seed.expose()))))
    }

    /// The SM2 key of this scalar (GB/T 32918.1 §6.1); `None` when it is none: draw another.
    pub fn sm2(scalar: &Secret<[u8; 32]>) -> Option<LedgerKey> {
        let key = dsa::SigningKey::from_slice(SM2_ID, scalar.expose()).ok()?;
        Some(LedgerKey(Signing::Sm2(Box::new(key))))
    }

    /// The key of `suite` in 32 octets; `None` when they are none.
    pub fn of(suite: Suite, octets: &Secret<[u8; 32]>) -> Option<LedgerKey> {
        match suite {
            Suite::Intl => Some(LedgerKey::from_seed(octets)),
            Suite::Gm => LedgerKey::sm2(octets),
        }
    }

    /// What it signs with.
    pub fn suite(&self) -> Suite {
        match self.0 {
            Signing::Ed25519(_) => Suite::Intl,
            Signing::Sm2(_) => Suite::Gm,
        }
    }

    /// Signs `text`: RFC 8032, or GB/T 32918.2 with a number drawn from key and text (RFC 6979), so that no signature
    /// hangs on luck.
    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        match &self.0 {
            Signing::Ed25519(key) => key.sign(text).to_bytes(),
            Signing::Sm2(key) => {
                key.try_sign(text).map_or([0; 64], |signature: dsa::Signature| signature.to_bytes().into())
            }
        }
    }

    /// The public half.
    pub fn public(&self) -> LedgerPublic {
        match &self.0 {
            Signing::Ed25519(key) => LedgerPublic::Ed25519(key.verifying_key()),
            Signing::Sm2(key) => {
                LedgerPublic::Sm2(sm2::PublicKey::from_secret_scalar(key.as_nonzero_scalar()))
            }
        }
    }

    /// Signs a statement that is no head: it begins with `ledgerline `, a head with its own magic, so that neither is
    /// taken for the other.
    pub fn sign_statement(&self, statement: &str) -> [u8; 64] {
        debug_assert!(statement.starts_with("ledgerline "));
        self.sign(statement.as_bytes())
    }

    /// Signature over `text` as texts show it: `ed25519:…`, `sm2:…`.
    pub(super) fn sign_text(&self, text: &str) -> String {
        format!("{}:{}", self.suite().signature_name(), hex(&self.sign(text.as_bytes())))
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(..)")
    }
}

impl LedgerPublic {
    /// An Ed25519 key from its 32 octets; `None` when they are no point.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<LedgerPublic> {
        VerifyingKey::from_bytes(bytes).ok().map(LedgerPublic::Ed25519)
    }

    /// As `ledger.pub` has it: 64 hexadecimal digits are an Ed25519 key; 130 that begin with `04` a point of SM2's curve,
    /// uncompressed (GB/T 32918.1 §4.2.9).
    pub fn parse(text: &str) -> Option<LedgerPublic> {
        let text = text.trim();
        match unhex::<32>(text) {
            Some(bytes) => LedgerPublic::from_bytes(&bytes),
            None => {
                let bytes = unhex::<65>(text).filter(|bytes| bytes[0] == 4)?;
                sm2::PublicKey::from_sec1_bytes(&bytes).ok().map(LedgerPublic::Sm2)
            }
        }
    }

    /// What its signatures belong to.
    pub fn suite(&self) -> Suite {
        match self {
            LedgerPublic::Ed25519(_) => Suite::Intl,
            LedgerPublic::Sm2(_) => Suite::Gm,
        }
    }

    /// Whether `signature` is this key's over `text` (RFC 8032, strict; GB/T 32918.2).
    pub(super) fn holds(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            LedgerPublic::Ed25519(key) => {
                key.verify_strict(text, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
            }
            LedgerPublic::Sm2(key) => {
                use dsa::signature::Verifier;
                let key = dsa::VerifyingKey::new(SM2_ID, *key);
                let signature = dsa::Signature::from_slice(signature);
                key.ok().zip(signature.ok()).is_some_and(|(key, sig)| key.verify(text, &sig).is_ok())
            }
        }
    }

    /// Its octets: 32, or 65.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            LedgerPublic::Ed25519(key) => key.to_bytes().to_vec(),
            LedgerPublic::Sm2(key) => key.to_sec1_bytes().to_vec(),
        }
    }

    /// Whether `signature` is [`LedgerKey::sign_statement`] of `statement`.
    pub fn holds_statement(&self, statement: &str, signature: &[u8; 64]) -> bool {
        self.holds(statement.as_bytes(), signature)
    }

    /// Whether `shown` is [`LedgerKey::sign_text`] of `text`.
    pub(super) fn holds_text(&self, text: &str, shown: &str) -> bool {
        let signature =
            shown.strip_prefix(self.suite().signature_name()).and_then(|rest| rest.strip_prefix(':'));
        signature.and_then(unhex).is_some_and(|signature| self.holds(text.as_bytes(), &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_head_holds_and_no_bit_of_it_may_change() {
        for (key, other) in [
            (LedgerKey::from_seed(&Secret::new([5; 32])), LedgerKey::from_seed(&Secret::new([6; 32]))),
            (
                LedgerKey::sm2(&Secret::new([5; 32])).expect("a key"),
                LedgerKey::sm2(&Secret::new([6; 32])).expect("a key"),
            ),
        ] {
            let head = TreeHead { number: 3, size: 8, at: Wall::from_micros(77), root: [6; 32] };
            let bytes = head.sign(&key);
            assert_eq!(TreeHead::verify(&bytes, &key.public()), Some(head));
            for bit in 0..HEAD_BYTES * 8 {
                let mut bad = bytes;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(TreeHead::verify(&bad, &key.public()), None, "bit {bit}");
            }
            assert_eq!(TreeHead::verify(&bytes, &other.public()), None);
        }
    }

    #[test]
    fn a_public_key_is_read_as_it_is_written() {
        for key in [
            LedgerKey::from_seed(&Secret::new([5; 32])),
            LedgerKey::sm2(&Secret::new([5; 32])).expect("a key"),
        ] {
            let text = hex(&key.public().to_bytes());
            assert_eq!(LedgerPublic::parse(&format!("{text}\n")), Some(key.public()));
            assert_eq!(LedgerPublic::parse(&text[2..]), None);
        }
        assert!(
            LedgerKey::sm2(&Secret::new([0; 32])).is_none()
                && LedgerKey::sm2(&Secret::new([255; 32])).is_none()
        );
    }

    /// GB/T 32918.5-2017 appendix A.2: its key, its signature over "message digest".
    #[test]
    fn sm2_verifies_the_standard_s_example() {
        let scalar = unhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8").expect("32");
        let key = LedgerKey::sm2(&Secret::new(scalar)).expect("a key");
        assert_eq!(
            hex(&key.public().to_bytes()),
            "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
             ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
        );
        let signature: [u8; 64] = unhex(
            "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
             b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
        )
        .expect("64");
        assert!(key.public().holds(b"message digest", &signature));
        assert!(!key.public().holds(b"message digesu", &signature));
        assert!(key.public().holds(b"another", &key.sign(b"another")));
        let mut bad = signature;
        bad[63] ^= 1;
        assert!(!key.public().holds(b"message digest", &bad));
    }
}
