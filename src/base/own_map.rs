//! Tables by keys of our own making: numbers that we count, identifiers that we draw, names that an administrator gave.
//!
//! What a peer may choose (branches, Call-IDs, addresses) belongs into a plain `HashMap`, whose secret keeps anybody from making
//! keys that collide. Here nobody chooses, so a few instructions do what costs a hundred there.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table whose keys no peer chooses.
pub type OwnMap<K, V> = HashMap<K, V, BuildHasherDefault<OwnHasher>>;

/// Mixes words by multiplication. Its bits are spread well enough for a table, and are no secret.
#[derive(Debug, Default, Clone, Copy)]
pub struct OwnHasher(u64);

/// An odd number without pattern: the digits of the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl OwnHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    }
}

impl Hasher for OwnHasher {
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.add(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.add(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.add(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }

    /// The upper bits of a product are the mixed ones; a table looks at the lowest and at the highest.
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, Hash};

    /// How many of 4 096 keys share their lowest 12 bits or their highest 7 with ever so many others: drawn at random, some 63 %
    /// of 4 096 places are taken.
    fn places<K: Hash>(keys: impl Iterator<Item = K>) -> (usize, usize) {
        let build = BuildHasherDefault::<OwnHasher>::default();
        let hashes: Vec<u64> = keys.map(|key| build.hash_one(key)).collect();
        let distinct = |part: fn(&u64) -> u64| hashes.iter().map(part).collect::<BTreeSet<_>>().len();
        (distinct(|hash| hash & 0xfff), distinct(|hash| hash >> 57))
    }

    #[test]
    fn keys_spread_over_a_table() {
        let spread = [
            places(0..4_096u64),
            places((0..4_096u64).map(|n| n << 20)),
            places((0..4_096u64).map(|n| (n, 3u8))),
            places((0..4_096u16).map(|n| (n >> 3, n & 7))),
            places((0..4_096u32).map(|n| format!("user{n}"))),
        ];
        for (low, high) in spread {
            assert!(low > 2_000 && high == 128, "{spread:?}");
        }
    }
}
