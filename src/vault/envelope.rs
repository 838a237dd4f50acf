//! Files for one recipient: JSON Web Encryption in compact form (RFC 7516). To an X25519 key by ECDH-ES (RFC 7518 §4.6, RFC 8037)
//! and A256GCM, which every JOSE library opens; to an SM2 key by `SM2` and `SM4GCM` (`envelope/sm2.rs`), names of ours, since
//! none are registered.
//!
//! Invariant: every file has an ephemeral key of its own, drawn by the caller; it seals one file and is forgotten, so that
//! the sender cannot open what was sent.

mod sm2;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curve25519_dalek::montgomery::MontgomeryPoint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base::unhex;
use crate::base::{Random, Secret};

/// Somebody's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient(Point);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// X25519 (RFC 7748).
    X25519([u8; 32]),
    /// SM2 (GB/T 32918.5).
    Sm2(sm2::Public),
}

/// Content encryption, as it is named in the header and in the key derivation.
const ENC: &str = "A256GCM";

impl Recipient {
    /// Reads a JSON Web Key (`{"kty":"OKP","crv":"X25519","x":"…"}`, `{"kty":"EC","crv":"SM2","x":"…","y":"…"}`), 64 hexadecimal
    /// digits (X25519), 130 (SM2: `04 ‖ x ‖ y`), or a PEM public key (SM2, GM/T 0010).
    pub fn parse(text: &str) -> Option<Recipient> {
        let text = text.trim();
        if let Some(key) = unhex(text) {
            return Some(Recipient(Point::X25519(key)));
        }
        if let Some(key) = sm2::Public::parse(text) {
            return Some(Recipient(Point::Sm2(key)));
        }
        let key: Value = serde_json::from_str(text).ok()?;
        if key["kty"] != "OKP" || key["crv"] != "X25519" {
            return None;
        }
        let point = URL_SAFE_NO_PAD.decode(key["x"].as_str()?).ok()?.try_into().ok()?;
        Some(Recipient(Point::X25519(point)))
    }

    /// The public half of the X25519 private key `scalar`.
    pub fn of(scalar: &Secret<[u8; 32]>) -> Recipient {
        Recipient(Point::X25519(MontgomeryPoint::mul_base_clamped(*scalar.expose()).to_bytes()))
    }

    /// The public half of the SM2 private key `scalar`; `None` when it is none (zero, or past the order).
    pub fn of_sm2(scalar: &Secret<[u8; 32]>) -> Option<Recipient> {
        sm2::Public::of(scalar).map(|key| Recipient(Point::Sm2(key)))
    }

    /// Its octets: 32 (X25519), 65 (SM2, uncompressed).
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Point::X25519(point) => point.to_vec(),
            Point::Sm2(key) => key.to_bytes(),
        }
    }

    /// How files are sealed to it, for people.
    pub fn method(&self) -> &'static str {
        match self.0 {
            Point::X25519(_) => "JWE ECDH-ES (X25519) A256GCM, each file",
            Point::Sm2(_) => "JWE SM2 SM4GCM, each file",
        }
    }

    /// The thumbprint of the key (RFC 7638), by which approvals and envelopes name it.
    pub fn thumbprint(&self) -> String {
        let members = match &self.0 {
            Point::X25519(point) => {
                format!(r#"{{"crv":"X25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(point))
            }
            Point::Sm2(key) => key.members(),
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    /// Seals `content` so that only the recipient opens it. `None` when the key is a point of low order, which would make
    /// a key that everybody knows (RFC 7748 §6.1).
    pub fn seal(&self, content: &[u8], random: &mut Random) -> Option<String> {
        let point = match &self.0 {
            Point::X25519(point) => point,
            Point::Sm2(key) => return key.seal(&self.thumbprint(), content, random),
        };
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
        let cipher = cipher(point, &scalar)?;
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
    let [header, wrapped, nonce, content, tag] = parts[..] else { return None };
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let told: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let nonce: [u8; 12] = decode(nonce)?.try_into().ok()?;
    let (content, tag) = (decode(content)?, decode(tag)?);
    if told["alg"] == sm2::ALG && told["enc"] == sm2::ENC {
        return sm2::open(header, &decode(wrapped)?, nonce, content, &tag.try_into().ok()?, private);
    }
    if told["alg"] != "ECDH-ES" || told["enc"] != ENC || told["epk"]["crv"] != "X25519" || !wrapped.is_empty()
    {
        return None;
    }
    let ephemeral: [u8; 32] = decode(told["epk"]["x"].as_str()?)?.try_into().ok()?;
    let sealed = [content, tag].concat();
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
        for recipient in [Recipient::of(&private), Recipient::of_sm2(&private).expect("a scalar")] {
            opened_by_its_recipient_alone(recipient, &private, &mut random);
        }
    }

    fn opened_by_its_recipient_alone(recipient: Recipient, private: &Secret<[u8; 32]>, random: &mut Random) {
        let sealed = recipient.seal(b"what was said", random).expect("a good key");
        assert_eq!(open_envelope(&sealed, private).as_deref(), Some(&b"what was said"[..]));
        assert_eq!(open_envelope(&sealed, &Secret::new([8; 32])), None);
        assert_ne!(recipient.seal(b"what was said", random), Some(sealed.clone()));
        for at in (0..sealed.len()).filter(|at| sealed.as_bytes()[*at] != b'.') {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(open_envelope(&forged, private), None, "character {at}");
        }
    }

    #[test]
    fn a_key_is_read_as_people_send_it() {
        let recipient = Recipient::of(&Secret::new([7; 32]));
        let x = URL_SAFE_NO_PAD.encode(recipient.to_bytes());
        let jwk = format!(r#"{{ "kty": "OKP", "crv": "X25519", "x": "{x}" }}"#);
        assert_eq!(Recipient::parse(&jwk), Some(recipient));
        assert_eq!(Recipient::parse(&crate::vault::hex(&recipient.to_bytes())), Some(recipient));
        for text in ["", "{}", "abc", r#"{"kty":"EC","crv":"P-256","x":"AA"}"#] {
            assert_eq!(Recipient::parse(text), None, "{text}");
        }
        let low = Recipient(Point::X25519([0; 32]));
        assert_eq!(low.seal(b"x", &mut Random::from_number(1)), None, "a point of low order");
    }
}
