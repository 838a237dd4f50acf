//! Where a journal segment begins: what is open, how far the ledger is; and the work that lets older segments go.

use std::collections::BTreeSet;
use std::io;

use serde::{Deserialize, Serialize};

use crate::base::{RecordingId, Wall};
use crate::vault::{Book, Frontier, Suite};

use super::commit::Spent;
use super::disk::{Disk, Place};

/// The state at the beginning of a segment: its first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub at: Wall,
    /// Recordings without closing record.
    pub open: Vec<RecordingId>,
    /// The log segment without closing record.
    pub log: Option<u32>,
    /// Likewise of the audit book and of the book of keeping.
    #[serde(default)]
    pub audit: Option<u32>,
    #[serde(default)]
    pub keeping: Option<u32>,
    /// Leaves in the ledger.
    pub size: u64,
    /// Its frontier.
    pub peaks: Vec<[u8; 32]>,
    /// Signed heads.
    pub heads: u64,
    /// Written by an orderly stop: everything is in its file and durable.
    #[serde(default)]
    pub orderly: bool,
}

impl Checkpoint {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self);
        debug_assert!(text.is_ok());
        text.unwrap_or_default()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Checkpoint> {
        serde_json::from_slice(bytes).ok()
    }

    /// The segment of `book` without closing record.
    pub(super) fn open_segment(&self, book: Book) -> Option<u32> {
        match book {
            Book::Cdr => self.log,
            Book::Audit => self.audit,
            Book::Keeping => self.keeping,
        }
    }

    pub(super) fn frontier(&self, suite: Suite) -> Option<Frontier> {
        Frontier::restore(suite, self.size, self.peaks.clone())
    }
}

/// Files to be synced, and the segments that are not needed any more when they are.
#[derive(Debug)]
pub(super) struct Job {
    pub places: BTreeSet<Place>,
    pub segments: Vec<Spent>,
}

impl Job {
    /// Syncs the files over `disk`, which may be another view of the same one; what failed comes back.
    pub(super) fn run(&self, disk: &mut impl Disk) -> Vec<(Place, io::Error)> {
        disk.sync_all(&self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives() {
        let mut frontier = Frontier::new(Suite::Gm);
        for leaf in 0..5 {
            frontier.push([leaf; 32]);
        }
        let checkpoint = Checkpoint {
            at: Wall::from_micros(5),
            open: vec![RecordingId::from_bytes([1; 16])],
            log: Some(3),
            audit: Some(4),
            keeping: None,
            size: frontier.size(),
            peaks: frontier.peaks().to_vec(),
            heads: 2,
            orderly: false,
        };
        let again = Checkpoint::parse(&checkpoint.to_bytes()).expect("its own");
        assert_eq!(again, checkpoint);
        assert_eq!(again.frontier(Suite::Gm), Some(frontier));
        assert_eq!(Checkpoint::parse(b"{}"), None);
    }
}
