//! The envelope to an SM2 key: a fresh SM4 key seals the file (SM4-GCM), SM2 public key encryption (GB/T 32918.4, C1C3C2) seals that
//! key, as ASN.1 (GM/T 0009), so that `openssl pkeyutl -decrypt` opens it. The joints are those of a JWE.
//!
//! Invariant: as in `envelope`: one file, one key.

use ::sm2::elliptic_curve::sec1::ToSec1Point;
use ::sm2::pkcs8::DecodePublicKey;
use ::sm2::pke::{DecryptingKey, EncryptingKey};
use ::sm2::{PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::suite::{Cipher, Suite, TAG_BYTES};
use crate::base::{Random, Secret, unhex};

/// Key encryption, as the header names it.
pub(super) const ALG: &str = "SM2";
/// Content encryption: SM4-GCM with a nonce of 96 bits (RFC 8998).
pub(super) const ENC: &str = "SM4GCM";

/// An SM2 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Public(PublicKey);

impl Public {
    /// From 130 hexadecimal digits, a PEM or a JSON Web Key.
    pub(super) fn parse(text: &str) -> Option<Public> {
        let octets = match unhex::<65>(text) {
            Some(octets) => octets.to_vec(),
            None if text.starts_with("-----BEGIN") => {
                return PublicKey::from_public_key_pem(text).ok().map(Public);
            }
            None => {
                let key: Value = serde_json::from_str(text).ok()?;
                if key["kty"] != "EC" || key["crv"] != "SM2" {
                    return None;
                }
                let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
                [vec![4], part("x")?, part("y")?].concat()
            }
        };
        PublicKey::from_sec1_bytes(&octets).ok().map(Public)
    }

    /// The public half of `scalar`.
    pub(super) fn of(scalar: &Secret<[u8; 32]>) -> Option<Public> {
        SecretKey::from_slice(scalar.expose()).ok().map(|key| Public(key.public_key()))
    }

    /// `04 ‖ x ‖ y`.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        self.0.to_sec1_point(false).as_bytes().to_vec()
    }

    /// The members that a thumbprint is taken of (RFC 7638 §3.2).
    pub(super) fn members(self) -> String {
        let octets = self.to_bytes();
        let part = |from: usize, to: usize| URL_SAFE_NO_PAD.encode(octets.get(from..to).unwrap_or_default());
        format!(r#"{{"crv":"SM2","kty":"EC","x":"{}","y":"{}"}}"#, part(1, 33), part(33, 65))
    }

    /// Seals `content` for the key that `kid` names.
    pub(super) fn seal(self, kid: &str, content: &[u8], random: &mut Random) -> Option<String> {
        let (mut key, mut nonce) = (Zeroizing::new([0; 16]), [0; 12]);
        random.fill(key.as_mut_slice());
        random.fill(&mut nonce);
        let wrapped = self.wrap(key.as_slice(), random)?;
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": ALG, "enc": ENC, "kid": kid }).to_string());
        let mut content = content.to_vec();
        let tag = cipher(&key).seal(nonce, header.as_bytes(), &mut content)?;
        let parts = [&wrapped[..], &nonce, &content, &tag].map(|octets| URL_SAFE_NO_PAD.encode(octets));
        Some(format!("{header}.{}", parts.join(".")))
    }

    /// `key` under this public key, in ASN.1.
    fn wrap(self, key: &[u8], random: &mut Random) -> Option<Vec<u8>> {
        let sealer = EncryptingKey::new(self.0);
        sealer.encrypt_der(&mut Draws(random), key).ok()
    }
}

/// Opens an envelope's parts with the private key `scalar`.
pub(super) fn open(
    header: &str,
    wrapped: &[u8],
    nonce: [u8; 12],
    mut content: Vec<u8>,
    tag: &[u8; TAG_BYTES],
    scalar: &Secret<[u8; 32]>,
) -> Option<Vec<u8>> {
    let private = DecryptingKey::from_slice(scalar.expose()).ok()?;
    let key: [u8; 16] = private.decrypt_der(wrapped).ok()?.try_into().ok()?;
    cipher(&Zeroizing::new(key)).open(nonce, header.as_bytes(), &mut content, tag).then_some(content)
}

/// SM4-GCM under `key`.
fn cipher(key: &[u8; 16]) -> Cipher {
    let mut long = [0; 32];
    long[..16].copy_from_slice(key);
    Cipher::new(Suite::Gm, &Secret::new(long))
}

/// Our random source as that library wants one.
struct Draws<'r>(&'r mut Random);

impl ::sm2::elliptic_curve::rand_core::TryRng for Draws<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl ::sm2::elliptic_curve::rand_core::TryCryptoRng for Draws<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// GB/T 32918.5, annex C: the example of encryption on the recommended curve, C1 ‖ C3 ‖ C2.
    #[test]
    fn the_standard_s_example_opens() {
        let scalar: [u8; 32] =
            unhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8").expect("hex");
        let example = concat!(
            "04",
            "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73",
            "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0",
            "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766",
            "21886CA989CA9C7D58087307CA93092D651EFA",
        );
        let example: [u8; 116] = unhex(example).expect("hex");
        let private = DecryptingKey::from_slice(&scalar).expect("a scalar");
        assert_eq!(private.decrypt(&example).expect("opens"), b"encryption standard");
        let public = Public::of(&Secret::new(scalar)).expect("a scalar");
        assert_eq!(
            crate::vault::hex(&public.to_bytes()).to_uppercase(),
            concat!(
                "04",
                "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
                "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13",
            )
        );
    }

    #[test]
    fn a_key_is_read_in_every_writing() {
        use ::sm2::pkcs8::{EncodePublicKey, LineEnding};
        let public = Public::of(&Secret::new([7; 32])).expect("a scalar");
        let pem = public.0.to_public_key_pem(LineEnding::LF).expect("a text");
        for text in [crate::vault::hex(&public.to_bytes()), pem, public.members()] {
            assert_eq!(Public::parse(&text), Some(public), "{text}");
        }
        let off = "04".to_string() + &"11".repeat(64);
        for text in ["", "{}", "-----BEGIN PUBLIC KEY-----", &off] {
            assert_eq!(Public::parse(text), None, "{text}");
        }
    }
}
