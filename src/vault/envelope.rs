//! Files for one recipient: JSON Web Encryption in compact form (RFC 7516) with ECDH-ES over X25519 (RFC 7518 §4.6, RFC 8037)
//! and A256GCM. Every JOSE library opens it.
//!
//! Invariant: every file has an ephemeral key of its own, drawn by the caller; it seals one file and is forgotten, so that
//! the sender cannot open what was sent.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curve25519_dalek::montgomery::MontgomeryPoint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::hex::unhex;
use crate::base::{Random, Secret};

/// Somebody's X25519 public key (RFC 7748).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// Content encryption, as it is named in the header and in the key derivation.
const ENC: &str = "A256GCM";

impl Recipient {
    /// Reads a JSON Web Key (`{"kty":"OKP","crv":"X25519","x":"…"}`), or 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Recipient> {
        let text = text.trim();
        if let Some(key) = unhex(text) {
            return Some(Recipient(key));
        }
        let key: Value = serde_json::from_str(text).ok()?;
        if key["kty"] != "OKP" || key["crv"] != "X25519" {
            return None;
        }
        URL_SAFE_NO_PAD.decode(key["x"].as_str()?).ok()?.try_into().ok().map(Recipient)
    }

    /// The public half of the private key `scalar`.
    pub fn of(scalar: &Secret<[u8; 32]>) -> Recipient {
        Recipient(MontgomeryPoint::mul_base_clamped(*scalar.expose()).to_bytes())
    }

    /// Its 32 octets.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The thumbprint of the key (RFC 7638), by which approvals and envelopes name it.
    pub fn thumbprint(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0);
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"X25519","kty":"OKP","x":"{x}"}}"#)))
    }

    /// Seals `content` so that only the recipient opens it. `None` when the key is a point of low order, which would make
    /// a key that everybody knows (RFC 7748 §6.1).
    pub fn seal(&self, content: &[u8], random: &mut Random) -> Option<String> {
        let mut scalar = Zeroizing::new([0; 32]);
        random.fill(scalar.as_mut_slice());
        let mut nonce = [0; 12];
        random.fill(&mut nonce);
        let ephemeral = MontgomeryPoint::mul_base_clamped(*scalar).to_bytes();
        let header = json!({
            "alg": "ECDH-ES", "enc": ENC, "kid": self.thumbprint(),
            "epk": { "kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode(ephemeral) },
        });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let cipher = cipher(&self.0, &scalar)?;
        let sealed =
            cipher.encrypt(&Nonce::from(nonce), Payload { msg: content, aad: header.as_bytes() }).ok()?;
        let (text, tag) = sealed.split_last_chunk::<16>()?;
        let parts = [&nonce[..], text, tag].map(|octets| URL_SAFE_NO_PAD.encode(octets));
        // Direct key agreement: the encrypted key is empty.
        Some(format!("{header}..{}", parts.join(".")))
    }
}

/// Opens an envelope with the recipient's private key; `None` when it is another's or was changed.
pub fn open_envelope(text: &str, private: &Secret<[u8; 32]>) -> Option<Vec<u8>> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    let [header, "", nonce, content, tag] = parts[..] else { return None };
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let told: Value = serde_json::from_slice(&decode(header)?).ok()?;
    if told["alg"] != "ECDH-ES" || told["enc"] != ENC || told["epk"]["crv"] != "X25519" {
        return None;
    }
    let ephemeral: [u8; 32] = decode(told["epk"]["x"].as_str()?)?.try_into().ok()?;
    let nonce: [u8; 12] = decode(nonce)?.try_into().ok()?;
    let sealed = [decode(content)?, decode(tag)?].concat();
    let payload = Payload { msg: sealed.as_slice(), aad: header.as_bytes() };
    cipher(&ephemeral, private.expose())?.decrypt(&Nonce::from(nonce), payload).ok()
}

/// The cipher of what `scalar` and the other side's `point` agree on.
fn cipher(point: &[u8; 32], scalar: &[u8; 32]) -> Option<Aes256Gcm> {
    let shared = Zeroizing::new(MontgomeryPoint(*point).mul_clamped(*scalar).to_bytes());
    if *shared == [0; 32] {
        return None;
    }
    let key = concat_kdf(shared.as_slice(), ENC, b"", b"", 256);
    Some(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key)))
}

/// One round of the Concat KDF (NIST SP 800-56A §5.8.1) as RFC 7518 §4.6.2 fills it in; of its 32 octets the first
/// `bits` / 8 are the key.
fn concat_kdf(shared: &[u8], alg: &str, apu: &[u8], apv: &[u8], bits: u32) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared);
    for part in [alg.as_bytes(), apu, apv] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.update(bits.to_be_bytes());
    Zeroizing::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518 appendix C, and RFC 7748 §5.2.
    #[test]
    fn keys_are_derived_as_the_standards_do() {
        let shared = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163,
            218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf(&shared, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
        // RFC 7748 §5.2: the first step of its iterated vector.
        let nine = std::array::from_fn(|at| if at == 0 { 9 } else { 0 });
        let once = MontgomeryPoint(nine).mul_clamped(nine).to_bytes();
        assert_eq!(
            crate::vault::hex(&once),
            "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
        );
    }

    /// EXP-02.
    #[test]
    fn only_the_recipient_opens_and_nothing_may_change() {
        let mut random = Random::from_number(1);
        let private = Secret::new([7; 32]);
        let recipient = Recipient::of(&private);
        let sealed = recipient.seal(b"what was said", &mut random).expect("a good key");
        assert_eq!(open_envelope(&sealed, &private).as_deref(), Some(&b"what was said"[..]));
        assert_eq!(open_envelope(&sealed, &Secret::new([8; 32])), None);
        assert_ne!(recipient.seal(b"what was said", &mut random), Some(sealed.clone()));
        for at in (0..sealed.len()).filter(|at| sealed.as_bytes()[*at] != b'.') {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(open_envelope(&forged, &private), None, "character {at}");
        }
    }

    #[test]
    fn a_key_is_read_as_people_send_it() {
        let recipient = Recipient::of(&Secret::new([7; 32]));
        let x = URL_SAFE_NO_PAD.encode(recipient.0);
        let jwk = format!(r#"{{ "kty": "OKP", "crv": "X25519", "x": "{x}" }}"#);
        assert_eq!(Recipient::parse(&jwk), Some(recipient));
        assert_eq!(Recipient::parse(&crate::vault::hex(&recipient.0)), Some(recipient));
        for text in ["", "{}", "abc", r#"{"kty":"EC","crv":"P-256","x":"AA"}"#] {
            assert_eq!(Recipient::parse(text), None, "{text}");
        }
        assert_eq!(Recipient([0; 32]).seal(b"x", &mut Random::from_number(1)), None, "a point of low order");
    }
}
