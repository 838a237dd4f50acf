//! A cryptographic random source that is seeded from outside, so that a simulated run repeats from its seed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// ChaCha20 from a 256-bit seed. `io` seeds it from the operating system; a simulation from its seed.
pub struct Random(ChaCha20Rng);

impl Random {
    /// A source that yields the same values for the same `seed`.
    pub fn seeded(seed: [u8; 32]) -> Random {
        Random(ChaCha20Rng::from_seed(seed))
    }

    /// A source for tests and simulations.
    pub fn from_number(seed: u64) -> Random {
        Random(ChaCha20Rng::seed_from_u64(seed))
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A token of `len` characters of `[a-z0-9]` (about 5.1 bits each), fit for tags, branches and Call-IDs.
    pub fn token(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut token = String::with_capacity(len);
        token.extend((0..len).map(|_| char::from(ALPHABET[self.below(36) as usize])));
        token
    }

    /// A new source, independent of this one.
    pub fn fork(&mut self) -> Random {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Random::seeded(seed)
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_yields_the_same_tokens() {
        let (mut a, mut b) = (Random::from_number(7), Random::from_number(7));
        assert_eq!(a.token(20), b.token(20));
        assert_ne!(a.token(20), Random::from_number(8).token(20));
    }

    #[test]
    fn below_stays_below() {
        let mut random = Random::from_number(1);
        assert!((0..1_000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }
}
