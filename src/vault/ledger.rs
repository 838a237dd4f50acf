//! The ledger: one leaf for every closed recording and call detail record, hashed as RFC 9162 §2.1 says, under signed
//! tree heads. `docs/recording-format.md`, "Ledger".
//!
//! Invariant: leaves are only appended; the head of size N can be recomputed from the first N leaves for ever.

use crate::base::{CallId, ItemId, RecordingId, Wall};

use super::book::Book;
use super::header::part;
use super::order::Ended;
use super::suite::{Hash, Suite};

/// Length of a leaf.
pub const LEAF_BYTES: usize = 96;

/// One leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Suite of the store.
    pub suite: Suite,
    /// Its number, from 0 without holes.
    pub number: u64,
    /// When it was appended.
    pub at: Wall,
    /// What it stands for.
    pub item: Item,
    /// Length of that in bytes.
    pub len_bytes: u64,
    /// Hash of that: a recording's file without its key slot, a record's sealed chunk.
    pub hash: [u8; 32],
}

/// What a leaf stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A closed recording.
    Recording {
        /// Which.
        recording: RecordingId,
        /// Of which call.
        call: CallId,
        /// How its file ended.
        ended: Ended,
    },
    /// A call detail record in the log.
    Cdr {
        /// Of which call.
        call: CallId,
        /// In which segment.
        segment: u32,
        /// Where its chunk begins in the segment.
        offset: u64,
    },
    /// An entry of the audit book.
    Audit {
        /// In which segment.
        segment: u32,
        /// Where its chunk begins in the segment.
        offset: u64,
    },
    /// An entry of the book of keeping.
    Keeping {
        /// In which segment.
        segment: u32,
        /// Where its chunk begins in the segment.
        offset: u64,
    },
    /// A recording that was destroyed: the entry of the book of keeping that says so.
    Tombstone {
        /// Which was destroyed.
        recording: RecordingId,
        /// In which segment the entry lies.
        segment: u32,
        /// Where its chunk begins in the segment.
        offset: u64,
    },
    /// An item that was derived from a recording.
    Derived {
        /// Which.
        item: ItemId,
        /// From which recording; what becomes of that becomes of it.
        recording: RecordingId,
    },
}

impl Item {
    /// The book, segment and offset of what stands in a book; `None` for what has a file of its own.
    pub fn place(&self) -> Option<(Book, u32, u64)> {
        match *self {
            Item::Recording { .. } | Item::Derived { .. } => None,
            Item::Cdr { segment, offset, .. } => Some((Book::Cdr, segment, offset)),
            Item::Audit { segment, offset } => Some((Book::Audit, segment, offset)),
            Item::Keeping { segment, offset } | Item::Tombstone { segment, offset, .. } => {
                Some((Book::Keeping, segment, offset))
            }
        }
    }

    /// The call of a call detail record; `None` for a recording.
    pub fn cdr_call(&self) -> Option<CallId> {
        match self {
            Item::Cdr { call, .. } => Some(*call),
            _ => None,
        }
    }
}

impl Leaf {
    /// The leaf as it is hashed and stored.
    pub fn to_bytes(&self) -> [u8; LEAF_BYTES] {
        let place = |offset: u64| {
            let mut place = [0; 16];
            place[..8].copy_from_slice(&offset.to_be_bytes());
            place
        };
        let (kind, segment, subject, other) = match self.item {
            Item::Recording { recording, call, ended } => {
                let kind = if ended == Ended::InOrder { 1 } else { 2 };
                (kind, 0, recording.to_bytes(), call.to_bytes())
            }
            Item::Cdr { call, segment, offset } => (3, segment, call.to_bytes(), place(offset)),
            Item::Audit { segment, offset } => (4, segment, [0; 16], place(offset)),
            Item::Keeping { segment, offset } => (5, segment, [0; 16], place(offset)),
            Item::Tombstone { recording, segment, offset } => {
                (6, segment, recording.to_bytes(), place(offset))
            }
            Item::Derived { item, recording } => (7, 0, item.to_bytes(), recording.to_bytes()),
        };
        let mut out = [0; LEAF_BYTES];
        // Kinds that version 1 of the format did not have say so.
        out[0] = if kind > 3 { 2 } else { 1 };
        out[1] = kind;
        out[2..4].copy_from_slice(&self.suite.number().to_be_bytes());
        out[4..8].copy_from_slice(&segment.to_be_bytes());
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.at.as_micros().to_be_bytes());
        out[24..40].copy_from_slice(&subject);
        out[40..56].copy_from_slice(&other);
        out[56..64].copy_from_slice(&self.len_bytes.to_be_bytes());
        out[64..].copy_from_slice(&self.hash);
        out
    }

    /// Reads a leaf; `None` when version, kind or suite is not known.
    pub fn parse(bytes: &[u8; LEAF_BYTES]) -> Option<Leaf> {
        let suite = Suite::of(u16::from_be_bytes(part(bytes, 2))).filter(|_| (1..=2).contains(&bytes[0]))?;
        let (segment, offset) = (u32::from_be_bytes(part(bytes, 4)), u64::from_be_bytes(part(bytes, 40)));
        let item = match bytes[1] {
            kind @ (1 | 2) => Item::Recording {
                recording: RecordingId::from_bytes(part(bytes, 24)),
                call: CallId::from_bytes(part(bytes, 40)),
                ended: if kind == 1 { Ended::InOrder } else { Ended::ByCrash },
            },
            3 => Item::Cdr { call: CallId::from_bytes(part(bytes, 24)), segment, offset },
            4 => Item::Audit { segment, offset },
            5 => Item::Keeping { segment, offset },
            6 => Item::Tombstone { recording: RecordingId::from_bytes(part(bytes, 24)), segment, offset },
            7 => Item::Derived {
                item: ItemId::from_bytes(part(bytes, 24)),
                recording: RecordingId::from_bytes(part(bytes, 40)),
            },
            _ => return None,
        };
        let leaf = Leaf {
            suite,
            number: u64::from_be_bytes(part(bytes, 8)),
            at: Wall::from_micros(i64::from_be_bytes(part(bytes, 16))),
            item,
            len_bytes: u64::from_be_bytes(part(bytes, 56)),
            hash: part(bytes, 64),
        };
        // One leaf has one form: octets that the fields do not tell must be zero.
        (leaf.to_bytes() == *bytes).then_some(leaf)
    }
}

impl Suite {
    /// Hash of a leaf: H(0x00 ‖ leaf), RFC 9162 §2.1.1.
    pub fn leaf_hash(self, leaf: &[u8]) -> [u8; 32] {
        Hash::new(self).chain(&[0]).chain(leaf).finish()
    }

    /// Hash of an inner node: H(0x01 ‖ left ‖ right), RFC 9162 §2.1.1.
    pub(super) fn node_hash(self, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
        Hash::new(self).chain(&[1]).chain(left).chain(right).finish()
    }
}

/// The right edge of the tree: hashes of its complete subtrees, largest first. Enough to append and to know the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    suite: Suite,
    size: u64,
    /// One hash for each bit set in `size`, from the highest.
    peaks: Vec<[u8; 32]>,
}

impl Frontier {
    /// The empty tree of `suite`.
    pub fn new(suite: Suite) -> Frontier {
        Frontier { suite, ..Frontier::default() }
    }

    /// A frontier as [`Frontier::peaks`] told it; `None` when their number does not fit `size`.
    pub fn restore(suite: Suite, size: u64, peaks: Vec<[u8; 32]>) -> Option<Frontier> {
        (peaks.len() == size.count_ones() as usize).then_some(Frontier { suite, size, peaks })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[[u8; 32]] {
        &self.peaks
    }

    /// Appends a leaf.
    pub fn push_leaf(&mut self, leaf: &[u8]) {
        self.push(self.suite.leaf_hash(leaf));
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut hash = leaf;
        // Every trailing one of the size is a subtree as large as what is carried: join them.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = self.suite.node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root: RFC 9162 §2.1.1; of the empty tree the hash of nothing.
    pub fn root(&self) -> [u8; 32] {
        let Some((last, rest)) = self.peaks.split_last() else { return self.suite.digest(&[]) };
        rest.iter().rev().fold(*last, |right, left| self.suite.node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    /// The leaves and roots that Certificate Transparency implementations test with.
    #[test]
    fn roots_are_those_of_the_known_tree() {
        let mut tree = Frontier::new(Suite::Intl);
        assert_eq!(tree.root(), Suite::Intl.digest(&[]));
        for (leaf, root) in [
            ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
            ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
            (
                "606162636465666768696a6b6c6d6e6f",
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ),
        ] {
            tree.push_leaf(&hex(leaf));
            assert_eq!(tree.root()[..], hex(root)[..], "size {}", tree.size());
        }
    }

    #[test]
    fn a_frontier_goes_on_where_it_was_restored() {
        let (mut whole, mut halves) = (Frontier::new(Suite::Gm), Frontier::new(Suite::Gm));
        for number in 0..300_u64 {
            halves = Frontier::restore(Suite::Gm, halves.size(), halves.peaks().to_vec()).expect("its own");
            whole.push_leaf(&number.to_be_bytes());
            halves.push_leaf(&number.to_be_bytes());
            assert_eq!(whole.root(), halves.root());
        }
        assert_eq!(Frontier::restore(Suite::Intl, 3, vec![[0; 32]]), None);
    }

    fn leaves() -> [Leaf; 7] {
        let recording = RecordingId::from_bytes([1; 16]);
        let call = CallId::from_bytes([2; 16]);
        let leaf = |number, item| Leaf {
            suite: if number % 2 == 0 { Suite::Intl } else { Suite::Gm },
            number,
            at: Wall::from_micros(77),
            item,
            len_bytes: 4_096,
            hash: [9; 32],
        };
        [
            leaf(0, Item::Recording { recording, call, ended: Ended::InOrder }),
            leaf(1, Item::Recording { recording, call, ended: Ended::ByCrash }),
            leaf(2, Item::Cdr { call, segment: 7, offset: 1_234 }),
            leaf(3, Item::Audit { segment: 7, offset: 1_234 }),
            leaf(4, Item::Keeping { segment: 7, offset: 1_234 }),
            leaf(5, Item::Tombstone { recording, segment: 7, offset: 1_234 }),
            leaf(6, Item::Derived { item: ItemId::from_bytes([3; 16]), recording }),
        ]
    }

    #[test]
    fn a_leaf_survives_and_every_flipped_bit_is_another_leaf_or_none() {
        for leaf in leaves() {
            let bytes = leaf.to_bytes();
            assert_eq!(Leaf::parse(&bytes), Some(leaf));
            for bit in 0..LEAF_BYTES * 8 {
                let mut bad = bytes;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(Leaf::parse(&bad), Some(leaf), "bit {bit}");
            }
        }
    }
}
