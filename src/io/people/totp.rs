//! One-time codes of six digits (RFC 6238: SHA-1, steps of 30 seconds), as every authenticator app makes them.
//!
//! Invariant: a code is taken once; the step that it was made for is remembered and none up to it is taken again.

use totp_rs::{Builder, Secret as Seed, Totp};
use zeroize::Zeroizing;

use crate::base::{Secret, Wall};

/// Octets of a secret: as long as the hash (RFC 4226 §4 R6).
pub(super) const SEED_BYTES: usize = 20;

/// The alphabet of RFC 4648 §6.
const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step that `code` was made for, if it is one of this moment (one step of clock difference either way) and later than
/// `last`, the step of the code that was taken before.
pub(super) fn check(seed: &[u8; SEED_BYTES], code: &str, now: Wall, last: u64) -> Option<u64> {
    let seconds = u64::try_from(now.as_micros() / 1_000_000).ok()?;
    generator(seed)?.check(code.trim(), seconds).filter(|step| *step > last)
}

/// The code of this moment: what the authenticator shows.
pub fn code(seed: &Secret<[u8; SEED_BYTES]>, now: Wall) -> Option<String> {
    let seconds = u64::try_from(now.as_micros() / 1_000_000).ok()?;
    Some(generator(seed.expose())?.generate(seconds).to_string())
}

fn generator(seed: &[u8; SEED_BYTES]) -> Option<Totp> {
    Builder::new().with_secret(Seed::new_stack(*seed)).build().ok()
}

/// What an authenticator app scans or is given by hand.
pub(super) fn uri(seed: &[u8; SEED_BYTES], account: &str) -> Zeroizing<String> {
    // Account names are letters, digits and `.-_`: nothing in them needs an escape.
    Zeroizing::new(format!(
        "otpauth://totp/Ledgerline:{account}?secret={}&issuer=Ledgerline",
        base_32(seed).as_str()
    ))
}

/// The seed of the URI that [`People::totp`](super::People::totp) showed; for the demo and tests, which have no app.
pub fn seed_of(uri: &str) -> Option<Secret<[u8; SEED_BYTES]>> {
    let text = uri.split_once("secret=")?.1.split('&').next()?;
    let mut seed = [0; SEED_BYTES];
    let (mut bits, mut count, mut at) = (0_u32, 0, 0);
    for character in text.bytes() {
        let value = BASE_32.iter().position(|symbol| *symbol == character)?;
        bits = (bits << 5 | value as u32) & 0xffff;
        count += 5;
        if count >= 8 {
            count -= 8;
            *seed.get_mut(at)? = (bits >> count) as u8;
            at += 1;
        }
    }
    (at == SEED_BYTES).then(|| Secret::new(seed))
}

/// Without padding: 20 octets are 32 symbols.
fn base_32(octets: &[u8; SEED_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for five in octets.chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        text.extend((0..8).rev().map(|n| char::from(BASE_32[(bits >> (5 * n) & 31) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard_and_serve_once() {
        let seed = *b"12345678901234567890";
        let at = |seconds: i64| Wall::from_micros(seconds * 1_000_000);
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(code(&Secret::new(seed), at(seconds)).as_deref(), Some(expected));
            let step = seconds as u64 / 30;
            assert_eq!(check(&seed, expected, at(seconds), 0), Some(step));
            assert_eq!(check(&seed, expected, at(seconds + 30), 0), Some(step), "a step late");
            assert_eq!(check(&seed, expected, at(seconds + 60), 0), None, "two steps late");
            assert_eq!(check(&seed, expected, at(seconds), step), None, "a second time");
        }
        for wrong in ["", "287083", "2870820", "28708", "abcdef", "２８７０８２"] {
            assert_eq!(check(&seed, wrong, at(59), 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_uri_holds_the_seed_as_apps_read_it() {
        let seed = *b"12345678901234567890";
        let uri = uri(&seed, "anna");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"), "RFC 4648's base 32");
        assert_eq!(*seed_of(&uri).expect("its own").expose(), seed);
    }
}
