//! The signed heads of a ledger, held against its tree as it grows.
//!
//! Invariant: a head whose signature does not hold is a finding and proves nothing.

use std::io;

use crate::vault::{Damage, Finding, Frontier, HEAD_BYTES, LedgerPublic, Report, Subject, TreeHead};

/// Heads read at once.
const PORTION: u64 = 4_096;

/// Adds a finding.
pub(super) fn found(report: &mut Report, subject: Subject, damage: Damage) {
    report.findings.push(Finding { subject, damage });
}

/// The signed heads, held against the tree as it grows.
pub(super) struct Heads {
    /// Number and content (`None`: its signature does not hold), in order.
    heads: std::iter::Peekable<std::vec::IntoIter<(u64, Option<TreeHead>)>>,
    /// Leaves under the last head that agreed.
    agreed: u64,
    /// A head did not agree: those after it cannot.
    broken: bool,
    highest: u64,
}

impl Heads {
    /// Reads `count` kept heads by `read` (from, count) and checks their signatures.
    pub(super) fn kept(
        count: u64,
        public: &LedgerPublic,
        read: impl Fn(u64, u64) -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<Option<TreeHead>>> {
        let mut heads = Vec::new();
        while (heads.len() as u64) < count {
            let next = heads.len() as u64;
            let bytes = read(next, (count - next).min(PORTION))?;
            for (bytes, number) in bytes.as_chunks::<HEAD_BYTES>().0.iter().zip(next..) {
                heads.push(TreeHead::verify(bytes, public).filter(|head| head.number == number));
            }
            if bytes.len() < HEAD_BYTES {
                break;
            }
        }
        // Heads that are not there any more.
        heads.resize(usize::try_from(count).unwrap_or(heads.len()), None);
        Ok(heads)
    }

    /// Kept heads in order and the running one, if there is one: its number is that of the last kept, or the next.
    pub(super) fn new(kept: Vec<Option<TreeHead>>, running: Option<Option<TreeHead>>) -> Heads {
        let next = kept.len() as u64;
        let fits = |head: &TreeHead| head.number == next || head.number + 1 == next;
        let running = running.map(|head| (next, head.filter(fits)));
        let heads: Vec<_> = (0..).zip(kept).chain(running).collect();
        Heads { heads: heads.into_iter().peekable(), agreed: 0, broken: false, highest: 0 }
    }

    /// Checks the heads of exactly this size.
    pub(super) fn check(&mut self, tree: &Frontier, report: &mut Report) {
        while let Some((number, head)) =
            self.heads.next_if(|(_, head)| head.is_none_or(|head| head.size <= tree.size()))
        {
            report.heads += 1;
            let Some(head) = head else {
                found(report, Subject::Ledger, Damage::Head { head: number });
                continue;
            };
            self.highest = self.highest.max(head.size);
            if head.size == tree.size() && head.root == tree.root() {
                self.agreed = head.size;
            } else if !std::mem::replace(&mut self.broken, true) {
                let (from, to) = (self.agreed, head.size.saturating_sub(1));
                found(report, Subject::Ledger, Damage::Root { from, to, head: number });
            }
        }
    }

    /// What is left when all leaves were read.
    pub(super) fn finish(mut self, present: u64, published: u64, report: &mut Report) {
        let beyond =
            self.heads.by_ref().filter_map(|(_, head)| head).map(|head| head.size).max().unwrap_or(0);
        let signed = beyond.max(published);
        if signed > present {
            found(report, Subject::Ledger, Damage::LedgerCut { signed, present });
        } else if self.highest < present {
            found(report, Subject::Ledger, Damage::Unsigned { from: self.highest });
        }
    }
}
