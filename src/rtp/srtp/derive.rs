//! Session keys from a master key: RFC 3711 §4.3, with AES-256 for its long keys (RFC 6188 §3). The key derivation rate
//! is zero, as in every suite that is negotiated: keys are derived once.

use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use zeroize::Zeroizing;

use super::Master;

/// What a session key is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpCipher = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The first `len` octets of the key stream of a label.
pub(super) fn derive(master: &Master, label: Label, len: usize) -> Zeroizing<Vec<u8>> {
    let (key, salt) = master.parts();
    // The salt is 112 bits from the left; GCM's 96 are padded on the right (RFC 7714 §11).
    let mut iv = [0; 16];
    iv[..salt.len()].copy_from_slice(salt);
    iv[7] ^= label as u8;
    let mut out = Zeroizing::new(vec![0; len]);
    // Key lengths are those of the suite: `Master` is made no other way.
    match key.len() {
        32 => {
            if let Ok(mut stream) = Ctr128BE::<aes::Aes256>::new_from_slices(key, &iv) {
                stream.apply_keystream(&mut out);
            }
        }
        _ => {
            if let Ok(mut stream) = Ctr128BE::<aes::Aes128>::new_from_slices(key, &iv) {
                stream.apply_keystream(&mut out);
            }
        }
    }
    out
}
