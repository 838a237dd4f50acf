//! Hashes of the ledger's complete subtrees, so that a proof reads 256 leaves and a few hashes instead of all leaves.
//!
//! Invariant: what is in here was computed from leaves; a leaf that is altered afterwards shows when a proof is checked against a
//! signed head, never because of this.

use std::ops::Range;

use super::suite::Suite;

/// Roots over aligned ranges of 256, 512, 1 024 … leaves: 64 octets for 256 leaves.
#[derive(Debug, Clone, Default)]
pub struct Tiles {
    suite: Suite,
    /// By size: level `n` has the roots over 256 · 2ⁿ leaves each, in order.
    levels: Vec<Vec<[u8; 32]>>,
}

impl Tiles {
    /// Leaves of the smallest subtree that is kept.
    pub const LEAVES: u64 = 256;

    /// None yet.
    pub fn new(suite: Suite) -> Tiles {
        Tiles { suite, levels: Vec::new() }
    }

    /// How many leaves are covered.
    pub fn leaves(&self) -> u64 {
        self.levels.first().map_or(0, |level| level.len() as u64 * Tiles::LEAVES)
    }

    /// Adds the root over the next 256 leaves.
    pub fn push(&mut self, root: [u8; 32]) {
        let mut carried = Some(root);
        let mut level = 0;
        while let Some(root) = carried.take() {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { return };
            row.push(root);
            if let ([.., left, right], 0) = (row.as_slice(), row.len() % 2) {
                carried = Some(self.suite.node_hash(left, right));
            }
            level += 1;
        }
    }

    /// The root over `leaves` (RFC 9162 §2.1.1) of a tree that holds them; ranges of less than 256 leaves are asked of `small`.
    ///
    /// # Errors
    /// That of `small`.
    pub fn root<E>(
        &self,
        leaves: Range<u64>,
        small: &mut dyn FnMut(Range<u64>) -> Result<[u8; 32], E>,
    ) -> Result<[u8; 32], E> {
        let count = leaves.end.saturating_sub(leaves.start);
        if let Some(known) = self.known(leaves.start, count) {
            return Ok(known);
        }
        if count <= Tiles::LEAVES {
            return small(leaves);
        }
        // The largest power of two below.
        let middle = leaves.start + (1 << (u64::BITS - 1 - (count - 1).leading_zeros()));
        let left = self.root(leaves.start..middle, small)?;
        let right = self.root(middle..leaves.end, small)?;
        Ok(self.suite.node_hash(&left, &right))
    }

    fn known(&self, start: u64, count: u64) -> Option<[u8; 32]> {
        let fits = count.is_power_of_two() && count >= Tiles::LEAVES && start.is_multiple_of(count);
        let level = fits.then(|| (count / Tiles::LEAVES).trailing_zeros())?;
        self.levels.get(level as usize)?.get(usize::try_from(start / count).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Frontier;
    use super::*;

    fn small(leaves: Range<u64>) -> Result<[u8; 32], std::convert::Infallible> {
        let mut tree = Frontier::new(Suite::Intl);
        leaves.for_each(|leaf| tree.push_leaf(&leaf.to_be_bytes()));
        Ok(tree.root())
    }

    #[test]
    fn roots_are_those_of_the_tree_whatever_is_kept() {
        for kept in [0, 1, 2, 3, 7, 8] {
            let mut tiles = Tiles::new(Suite::Intl);
            for tile in 0..kept {
                let Ok(root) = small(tile * 256..(tile + 1) * 256);
                tiles.push(root);
            }
            assert_eq!(tiles.leaves(), kept * 256);
            for (start, end) in
                [(0, 1), (0, 256), (0, 257), (0, 2_048), (0, 2_049), (0, 2_300), (512, 1_024), (1_024, 1_700)]
            {
                let mut asked = 0;
                let Ok(root) = tiles.root(start..end, &mut |leaves| {
                    asked += leaves.end - leaves.start;
                    small(leaves)
                });
                let Ok(whole) = small(start..end);
                assert_eq!(root, whole, "{start}..{end} with {kept}");
                if end <= tiles.leaves() && end % 256 == 0 {
                    assert_eq!(asked, 0, "{start}..{end} with {kept}: no leaf is read");
                }
            }
        }
    }
}
