//! The books of a store: logs of entries, each in sealed segments of its own, one chunk an entry.
//!
//! Invariant: a book is only appended to; every entry has a leaf in the ledger.

use serde::Serialize;

use super::header::Content;
use crate::base::RecordingId;

/// A book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Book {
    /// Call detail records.
    Cdr,
    /// Who did what: reads, changes, refusals.
    Audit,
    /// What decides how long recordings stay: anchors, holds, approvals, tombstones.
    Keeping,
}

impl Book {
    /// Every book.
    pub const ALL: [Book; 3] = [Book::Cdr, Book::Audit, Book::Keeping];

    /// What the header of its segments says.
    pub fn content(self) -> Content {
        match self {
            Book::Cdr => Content::Log,
            Book::Audit => Content::Audit,
            Book::Keeping => Content::Keeping,
        }
    }

    /// Its folder in the store, and the ending of its segments' names.
    pub fn folder(self) -> (&'static str, &'static str) {
        match self {
            Book::Cdr => ("cdr", "llc"),
            Book::Audit => ("audit", "lla"),
            Book::Keeping => ("keeping", "llk"),
        }
    }

    /// The identifier in the header of segment `number`: of call detail records the number alone, else before it the
    /// book's content code.
    pub fn segment_id(self, number: u32) -> RecordingId {
        let code = match self {
            Book::Cdr => 0,
            book => book.content() as u128,
        };
        RecordingId::from_bytes((code << 32 | u128::from(number)).to_be_bytes())
    }
}

impl std::fmt::Display for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.folder().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_segments_share_an_identifier() {
        let mut seen = std::collections::HashSet::new();
        for book in Book::ALL {
            for number in [0, 1, 2, 3, 4, u32::MAX] {
                assert!(seen.insert(book.segment_id(number)), "{book} {number}");
            }
        }
        assert_eq!(Book::Cdr.segment_id(7).to_bytes()[15], 7);
        assert_eq!(Book::Audit.segment_id(7).to_bytes()[11], 3);
    }
}
