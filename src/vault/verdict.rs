//! What verification says about files and the ledger: every damage by name.

use serde::Serialize;

use super::{Book, Ended};
use crate::base::{CallId, ItemId, RecordingId, Wall};

/// What is to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One recording, its leaf, and the ledger under it.
    One(RecordingId),
    /// Everything whose ledger leaf lies in `from..until`, and the whole ledger.
    Between {
        /// First moment.
        from: Wall,
        /// Moment after the last.
        until: Wall,
    },
    /// The audit book, and the whole ledger.
    Audit,
    /// The whole ledger, and that every recording's file is there with its length. Reads no content.
    Index,
    /// Everything.
    All,
}

/// The outcome of a verification. Clean when `findings` is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Recordings whose every byte was authenticated.
    pub recordings: u64,
    /// Call detail records that were authenticated.
    pub cdrs: u64,
    /// Recordings that were destroyed, as their tombstones say.
    pub destroyed: u64,
    /// Entries of the audit book and of the book of keeping that were authenticated.
    pub entries: u64,
    /// Items derived from recordings that were authenticated.
    pub derived: u64,
    /// Leaves of the ledger that were hashed.
    pub leaves: u64,
    /// Signed tree heads that were checked.
    pub heads: u64,
    /// Per verified recording how its file ended; at most the first thousand.
    pub ended: Vec<(RecordingId, Ended)>,
    /// What is wrong, in the order in which it was met.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Nothing checked, nothing found.
    pub fn new() -> Report {
        Report {
            recordings: 0,
            cdrs: 0,
            entries: 0,
            derived: 0,
            destroyed: 0,
            leaves: 0,
            heads: 0,
            ended: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

/// One thing that is wrong, with the item it is wrong about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The item.
    pub subject: Subject,
    /// What is wrong with it.
    pub damage: Damage,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.subject, self.damage)
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A recording.
    Recording(RecordingId),
    /// An item derived from a recording.
    Derived(RecordingId, ItemId),
    /// The call detail record of a call.
    Cdr(CallId),
    /// A segment of a book, by its number.
    Log(Book, u32),
    /// An entry of a book, by its leaf.
    Entry(Book, u64),
    /// The ledger.
    Ledger,
    /// A file that has no business where it lies; path relative to the store.
    File(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Recording(id) => write!(f, "{id}"),
            Subject::Derived(recording, item) => write!(f, "{item} of {recording}"),
            Subject::Cdr(call) => write!(f, "cdr of {call}"),
            Subject::Log(book, number) => write!(f, "{book} log {number}"),
            Subject::Entry(book, leaf) => write!(f, "{book} entry of leaf {leaf}"),
            Subject::Ledger => f.write_str("ledger"),
            Subject::File(path) => f.write_str(path),
        }
    }
}

/// What can be wrong. Offsets are bytes from the beginning of the file, chunks are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "damage", rename_all = "snake_case")]
pub enum Damage {
    /// The file begins with something else.
    #[error("not a Ledgerline file: the first octets are not the magic")]
    NotOurs,
    /// The format version or the suite is newer than this program.
    #[error("format version {version}, suite {suite} is not known here")]
    Unknown {
        /// Version found.
        version: u16,
        /// Suite found.
        suite: u16,
    },
    /// The header was altered or is cut.
    #[error("the header is altered")]
    Header,
    /// The key-encryption key of this version is not at hand or was destroyed.
    #[error("key-encryption key version {version} is not at hand")]
    NoKey {
        /// Version asked for.
        version: u32,
    },
    /// The wrapped key does not unwrap: it was altered, or it is wrapped under another key.
    #[error("the wrapped data key does not open under key version {version}")]
    WrappedKey {
        /// Version that was tried.
        version: u32,
    },
    /// The file is another recording's.
    #[error("the file is that of {found}")]
    OtherFile {
        /// Whose it is.
        found: RecordingId,
    },
    /// Octets of a chunk were altered.
    #[error("chunk {index} at byte {offset} is altered")]
    Altered {
        /// Which chunk.
        index: u32,
        /// Where it begins.
        offset: u64,
    },
    /// A whole chunk of this recording lies in another one's place.
    #[error("at byte {offset}, where chunk {index} belongs, lies chunk {found}")]
    Misplaced {
        /// Which chunk belongs there.
        index: u32,
        /// Which lies there.
        found: u32,
        /// Where.
        offset: u64,
    },
    /// An authentic chunk that was not sealed after the one before it: two histories of one file were joined.
    #[error("chunk {index} at byte {offset} does not follow the one before it")]
    Unchained {
        /// Which chunk.
        index: u32,
        /// Where it begins.
        offset: u64,
    },
    /// A chunk of another recording.
    #[error("at byte {offset}, where chunk {index} belongs, lies a chunk of {found}")]
    Foreign {
        /// Which chunk belongs there.
        index: u32,
        /// Whose chunk lies there.
        found: RecordingId,
        /// Where.
        offset: u64,
    },
    /// Octets that are no chunk.
    #[error("{len} bytes at byte {offset}, where chunk {index} belongs, are no chunk")]
    Garbage {
        /// Which chunk belongs there.
        index: u32,
        /// Where.
        offset: u64,
        /// How many octets until the next chunk or the end.
        len: u64,
    },
    /// Chunks are left out.
    #[error("chunks {from} to {to} are missing at byte {offset}")]
    Missing {
        /// First missing chunk.
        from: u32,
        /// Last missing chunk.
        to: u32,
        /// Where they belong.
        offset: u64,
    },
    /// A file of a recording that was destroyed: a backup was brought back without its tombstones.
    #[error("was destroyed (tombstone: leaf {leaf}), and its file is here")]
    Undead {
        /// The tombstone's leaf.
        leaf: u64,
    },
    /// A head that somebody kept outside is not one of this ledger: what was under it was rewritten.
    #[error("the {size} leaves under the outside head of line {line} are not those that are here")]
    Outside {
        /// Line of the file of outside heads, from 1.
        line: u64,
        /// Leaves under it.
        size: u64,
    },
    /// A line of the file of outside heads is no head that this key signed.
    #[error("line {line} of the outside heads is no head of this key")]
    OutsideHead {
        /// Which line, from 1.
        line: u64,
    },
    /// The file ends in the middle of a chunk.
    #[error("cut inside chunk {index} at byte {offset}")]
    Torn {
        /// Which chunk.
        index: u32,
        /// Where it begins.
        offset: u64,
    },
    /// The file ends after a whole chunk, and that is not the closing record: the tail was cut, or the writer died and
    /// recovery has not run.
    #[error("no closing record after chunk {chunks}: ended by crash, or cut")]
    NoClosing {
        /// Whole chunks in the file.
        chunks: u32,
    },
    /// Octets after the closing record.
    #[error("{len} bytes after the closing record")]
    Trailing {
        /// How many.
        len: u64,
    },
    /// A chunk is authentic and its content does not follow the format.
    #[error("chunk {index} is authentic but not understood")]
    Content {
        /// Which chunk.
        index: u32,
    },
    /// The ledger has a leaf and the file is gone.
    #[error("leaf {leaf} is in the ledger, the file is gone")]
    Gone {
        /// Its leaf.
        leaf: u64,
    },
    /// The file is not the one that the leaf was made of.
    #[error("the file is not the one of leaf {leaf}: replaced, cut or altered after it was closed")]
    NotTheLeaf {
        /// Its leaf.
        leaf: u64,
    },
    /// A closed file without a leaf.
    #[error("not in the ledger")]
    NotInLedger,
    /// A leaf lies in another one's place or is left out.
    #[error("leaf {leaf} is altered, missing or out of its place")]
    Leaf {
        /// Which.
        leaf: u64,
    },
    /// The leaves do not hash to what the head says.
    #[error("leaves {from} to {to} are not those of the signed head {head}")]
    Root {
        /// First leaf that may be altered.
        from: u64,
        /// Last leaf that may be altered.
        to: u64,
        /// Number of the head, from 0.
        head: u64,
    },
    /// The signature of a head does not verify.
    #[error("signed head {head} does not verify")]
    Head {
        /// Number of the head, from 0.
        head: u64,
    },
    /// A head covers leaves that are not there.
    #[error("the ledger is cut: a signed head covers {signed} leaves, {present} are present")]
    LedgerCut {
        /// Leaves under the newest head.
        signed: u64,
        /// Leaves present.
        present: u64,
    },
    /// Leaves that no head covers.
    #[error("leaves {from} and later are under no signed head")]
    Unsigned {
        /// First of them.
        from: u64,
    },
    /// The file cannot be read.
    #[error("cannot be read: {why}")]
    Unreadable {
        /// The system's words.
        why: String,
    },
}
