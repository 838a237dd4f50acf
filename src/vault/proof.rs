//! Proofs over the ledger (RFC 9162 §2.1.3 and §2.1.4): that a leaf is under a signed head, that a later head grew out of an
//! earlier one. A stranger checks them with the ledger's public key alone.
//!
//! Invariant: what a proof says is checked against a signed head, never against the ledger that made it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::head::{HEAD_BYTES, LedgerPublic, TreeHead};
use super::ledger::{LEAF_BYTES, Leaf};
use super::suite::Suite;
use crate::base::{hex, unhex};

/// A leaf, its way up, and the signed head that it leads to. All in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// The leaf's 96 octets.
    pub leaf: String,
    /// Hashes from the leaf's neighbour up.
    pub path: Vec<String>,
    /// The head's 136 octets.
    pub head: String,
}

/// Two signed heads and what joins them. All in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// The earlier head's 136 octets.
    pub from: String,
    /// The later head's.
    pub to: String,
    /// Hashes of RFC 9162 §2.1.4.1.
    pub path: Vec<String>,
}

impl Inclusion {
    /// Proves that `leaf`, of number `index`, is under `head`; `root_of` hashes ranges of leaves (RFC 9162 §2.1.1).
    ///
    /// # Errors
    /// That of `root_of`.
    pub fn prove<E>(
        leaf: &[u8; LEAF_BYTES],
        index: u64,
        head: &[u8; HEAD_BYTES],
        size: u64,
        root_of: &mut dyn FnMut(Range<u64>) -> Result<[u8; 32], E>,
    ) -> Result<Inclusion, E> {
        let mut path = Vec::new();
        climb(index, 0..size, root_of, &mut path)?;
        Ok(Inclusion { leaf: hex(leaf), path: path.iter().map(|hash| hex(hash)).collect(), head: hex(head) })
    }

    /// The leaf and the head, when the one is under the other and the other is signed by `public`.
    pub fn check(&self, public: &LedgerPublic) -> Option<(Leaf, TreeHead)> {
        let bytes = unhex::<LEAF_BYTES>(&self.leaf)?;
        let leaf = Leaf::parse(&bytes)?;
        let head = TreeHead::verify(&unhex(&self.head)?, public)?;
        let path = hashes(&self.path)?;
        let suite = public.suite();
        included(suite, suite.leaf_hash(&bytes), leaf.number, head.size, &path, head.root)
            .then_some((leaf, head))
    }
}

impl Consistency {
    /// Proves that the tree of size `sizes.1` under `to` grew out of that of size `sizes.0` under `from`.
    ///
    /// # Errors
    /// That of `root_of`.
    pub fn prove<E>(
        from: &[u8; HEAD_BYTES],
        to: &[u8; HEAD_BYTES],
        sizes: (u64, u64),
        root_of: &mut dyn FnMut(Range<u64>) -> Result<[u8; 32], E>,
    ) -> Result<Consistency, E> {
        let mut path = Vec::new();
        if 0 < sizes.0 && sizes.0 < sizes.1 {
            join(sizes.0, 0..sizes.1, true, root_of, &mut path)?;
        }
        Ok(Consistency { from: hex(from), to: hex(to), path: path.iter().map(|hash| hex(hash)).collect() })
    }

    /// The two heads, when both are signed by `public` and the later holds everything that the earlier held.
    pub fn check(&self, public: &LedgerPublic) -> Option<(TreeHead, TreeHead)> {
        let from = TreeHead::verify(&unhex(&self.from)?, public)?;
        let to = TreeHead::verify(&unhex(&self.to)?, public)?;
        let path = hashes(&self.path)?;
        consistent(public.suite(), (from.size, from.root), (to.size, to.root), &path).then_some((from, to))
    }
}

fn hashes(texts: &[String]) -> Option<Vec<[u8; 32]>> {
    texts.iter().map(unhex).collect()
}

/// Where a tree over `count > 1` leaves splits: the largest power of two below.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// RFC 9162 §2.1.3.1.
fn climb<E>(
    index: u64,
    leaves: Range<u64>,
    root_of: &mut dyn FnMut(Range<u64>) -> Result<[u8; 32], E>,
    path: &mut Vec<[u8; 32]>,
) -> Result<(), E> {
    let count = leaves.end.saturating_sub(leaves.start);
    if count < 2 {
        return Ok(());
    }
    let middle = leaves.start + split(count);
    let (near, far) = match index < middle {
        true => (leaves.start..middle, middle..leaves.end),
        false => (middle..leaves.end, leaves.start..middle),
    };
    climb(index, near, root_of, path)?;
    path.push(root_of(far)?);
    Ok(())
}

/// RFC 9162 §2.1.4.1; `until` is the end of the earlier tree, `whole` whether `leaves` begin both trees.
fn join<E>(
    until: u64,
    leaves: Range<u64>,
    whole: bool,
    root_of: &mut dyn FnMut(Range<u64>) -> Result<[u8; 32], E>,
    path: &mut Vec<[u8; 32]>,
) -> Result<(), E> {
    if until >= leaves.end {
        if !whole {
            path.push(root_of(leaves)?);
        }
        return Ok(());
    }
    let middle = leaves.start + split(leaves.end - leaves.start);
    if until <= middle {
        join(until, leaves.start..middle, whole, root_of, path)?;
        path.push(root_of(middle..leaves.end)?);
    } else {
        join(until, middle..leaves.end, false, root_of, path)?;
        path.push(root_of(leaves.start..middle)?);
    }
    Ok(())
}

/// RFC 9162 §2.1.3.2: whether `path` leads from the leaf's hash to the root.
pub fn included(
    suite: Suite,
    leaf: [u8; 32],
    index: u64,
    size: u64,
    path: &[[u8; 32]],
    root: [u8; 32],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for other in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = suite.node_hash(other, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = suite.node_hash(&hash, other);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// RFC 9162 §2.1.4.2: whether the tree (size, root) `second` begins with the tree `first`.
pub fn consistent(suite: Suite, first: (u64, [u8; 32]), second: (u64, [u8; 32]), path: &[[u8; 32]]) -> bool {
    if first.0 == second.0 {
        return first.1 == second.1 && path.is_empty();
    }
    if first.0 == 0 || first.0 > second.0 {
        return first.0 == 0 && path.is_empty();
    }
    let lone = first.0.is_power_of_two().then_some(first.1);
    let mut hashes = lone.into_iter().chain(path.iter().copied());
    let Some(begin) = hashes.next() else { return false };
    let (mut place, mut last) = (first.0 - 1, second.0 - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut old, mut new) = (begin, begin);
    for other in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (old, new) = (suite.node_hash(&other, &old), suite.node_hash(&other, &new));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            new = suite.node_hash(&new, &other);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && old == first.1 && new == second.1
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Frontier;
    use super::*;

    fn leaf(number: u64) -> [u8; 32] {
        Suite::Intl.leaf_hash(&number.to_be_bytes())
    }

    fn root(leaves: Range<u64>) -> Result<[u8; 32], std::convert::Infallible> {
        let mut tree = Frontier::new(Suite::Intl);
        leaves.map(leaf).for_each(|leaf| tree.push(leaf));
        Ok(tree.root())
    }

    /// The example of RFC 9162 §2.1.5: seven leaves; paths by their shape.
    #[test]
    fn paths_have_the_lengths_of_the_example() {
        for (index, hashes) in [(0, 3), (3, 3), (4, 3), (6, 2)] {
            let mut path = Vec::new();
            let Ok(()) = climb(index, 0..7, &mut root, &mut path);
            assert_eq!(path.len(), hashes, "leaf {index}");
        }
        for (first, hashes) in [(3, 4), (4, 1), (6, 3)] {
            let mut path = Vec::new();
            let Ok(()) = join(first, 0..7, true, &mut root, &mut path);
            assert_eq!(path.len(), hashes, "size {first}");
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        for size in 1..40 {
            let Ok(whole) = root(0..size);
            for index in 0..size {
                let mut path = Vec::new();
                let Ok(()) = climb(index, 0..size, &mut root, &mut path);
                assert!(included(Suite::Intl, leaf(index), index, size, &path, whole), "{index} of {size}");
                assert!(!included(Suite::Intl, leaf(index + 1), index, size, &path, whole));
                assert!(!included(Suite::Intl, leaf(index), index + 1, size, &path, whole) || size == 1);
                for bad in 0..path.len() {
                    let mut path = path.clone();
                    path[bad][0] ^= 1;
                    assert!(!included(Suite::Intl, leaf(index), index, size, &path, whole));
                }
                assert!(
                    !included(
                        Suite::Intl,
                        leaf(index),
                        index,
                        size,
                        &path[..path.len().saturating_sub(1)],
                        whole
                    ) || path.is_empty()
                );
            }
        }
    }

    #[test]
    fn every_growth_is_proved_and_no_rewriting() {
        for second in 0..40 {
            let Ok(new) = root(0..second);
            for first in 0..=second {
                let Ok(old) = root(0..first);
                let mut path = Vec::new();
                if 0 < first && first < second {
                    let Ok(()) = join(first, 0..second, true, &mut root, &mut path);
                }
                assert!(consistent(Suite::Intl, (first, old), (second, new), &path), "{first} to {second}");
                let mut other = old;
                other[0] ^= 1;
                if first > 0 {
                    assert!(
                        !consistent(Suite::Intl, (first, other), (second, new), &path),
                        "{first} to {second}"
                    );
                    assert!(
                        !consistent(Suite::Intl, (first, old), (second, other), &path),
                        "{first} to {second}"
                    );
                }
            }
        }
    }
}
