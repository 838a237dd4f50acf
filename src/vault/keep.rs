//! Entries of the book of keeping: what decides how long recordings stay, beside the terms that each carries itself.
//!
//! Invariant: an entry is never taken back; a later one says otherwise. A tombstone holds no personal data (DES-05).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{ItemId, RecordingId, Wall};
use crate::compliance::retention::Select;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepEntry {
    /// When, by the node's clock.
    pub at: Wall,
    /// Who: a person, a system user, or the node.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub keep: Keep,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "keep", rename_all = "snake_case")]
pub enum Keep {
    /// A case holds what is selected, now and to come.
    Hold(Holding),
    /// A case holds nothing any more.
    Release {
        /// The case.
        case: String,
        /// Who agreed.
        approved_by: Vec<String>,
    },
    /// An event that terms count from has come for what is selected.
    Anchor {
        /// Which, when and for what.
        #[serde(flatten)]
        anchor: Anchor,
        /// Who agreed, when it shortens a term.
        #[serde(default)]
        approved_by: Vec<String>,
    },
    /// Whom a recording concerns asked that it be erased.
    Erase(Erasure),
    /// Nothing is destroyed until somebody has looked at the clock.
    Frozen {
        /// By how many seconds it jumped.
        jump_s: i64,
    },
    /// The clock was looked at.
    Thawed {
        /// What was found.
        reason: String,
    },
    /// A destruction begins.
    Job(Box<Job>),
    /// Key and file of a recording are gone: its tombstone.
    Destroyed {
        /// Which.
        recording: RecordingId,
        /// By which job.
        job: String,
        /// Its leaf in the ledger.
        leaf: u64,
        /// Items derived from it that were destroyed with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        derived: Vec<ItemId>,
    },
    /// A destruction is done and certified.
    JobDone {
        /// Which.
        job: String,
        /// SHA-256 of the certificate's JSON, 64 hexadecimal digits.
        certificate: String,
        /// Recordings that were destroyed.
        destroyed: u64,
    },
}

/// What a case holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The case.
    pub case: String,
    /// What it holds.
    pub select: Select,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// An event that terms count from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The event: `contract.end`.
    pub event: String,
    /// When it was.
    pub moment: Wall,
    /// For which recordings.
    pub select: Select,
}

/// A request that a recording be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Which.
    pub recording: RecordingId,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Why recordings are destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// Whose recordings they are.
    pub org: String,
    /// For whom they are destroyed.
    pub counterparty: String,
    /// Why, in words.
    pub basis: String,
    /// When the reason arose: 72 hours count from here.
    pub basis_at: Wall,
}

/// A destruction, as it was approved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Job {
    /// Its number: `DES-2026-000123`.
    pub no: String,
    /// Why.
    #[serde(flatten)]
    pub grounds: Grounds,
    /// In words, what is destroyed: a class, a customer's contract.
    pub scope: String,
    /// The recordings.
    pub recordings: Vec<RecordingId>,
    /// Cases and how many recordings they withheld.
    pub held: Vec<(String, u64)>,
    /// What else goes with them.
    pub also: Vec<String>,
    /// Who asked.
    pub requested_by: String,
    /// Who agreed.
    pub approved_by: Vec<String>,
    /// When it began.
    pub begun: Wall,
}

impl KeepEntry {
    /// The content of its chunk.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        super::content::json(self)
    }

    /// From the content of a chunk.
    pub fn parse(plaintext: &[u8]) -> Option<KeepEntry> {
        serde_json::from_slice(plaintext).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_text() {
        let recording = RecordingId::from_bytes([1; 16]);
        let select = Select { recordings: vec![recording], ..Select::default() };
        for keep in [
            Keep::Hold(Holding { case: "C-7".into(), select: select.clone(), reason: "court".into() }),
            Keep::Release { case: "C-7".into(), approved_by: vec!["li".into()] },
            Keep::Anchor {
                anchor: Anchor { event: "contract.end".into(), moment: Wall::default(), select },
                approved_by: vec![],
            },
            Keep::Erase(Erasure { recording, reason: String::new() }),
            Keep::Frozen { jump_s: -400 },
            Keep::Thawed { reason: "NTP".into() },
            Keep::Job(Box::new(Job { no: "DES-1".into(), ..Job::default() })),
            Keep::Destroyed { recording, job: "DES-1".into(), leaf: 4, derived: vec![] },
            Keep::Destroyed {
                recording,
                job: "DES-1".into(),
                leaf: 4,
                derived: vec![ItemId::from_bytes([2; 16])],
            },
            Keep::JobDone { job: "DES-1".into(), certificate: "00".into(), destroyed: 1 },
        ] {
            let entry = KeepEntry { at: Wall::from_micros(5), by: "li".into(), keep };
            assert_eq!(KeepEntry::parse(&entry.to_bytes()), Some(entry));
        }
    }

    /// What is in the books of stores that stand: members lie beside each other, as `docs/recording-format.md` says.
    #[test]
    fn members_lie_flat() {
        let text =
            r#"{"at":5,"by":"li","keep":"anchor","event":"contract.end","moment":7,"select":{"number":"1"}}"#;
        let entry = KeepEntry::parse(text.as_bytes()).expect("an entry");
        assert!(
            matches!(entry.keep, Keep::Anchor { anchor: Anchor { ref event, .. }, .. } if event == "contract.end")
        );
        let job = Job { grounds: Grounds { org: "A".into(), ..Grounds::default() }, ..Job::default() };
        assert_eq!(serde_json::to_value(&job).expect("text")["org"], "A");
    }
}
