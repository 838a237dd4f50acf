//! What goes into the writer beside sound, and what comes out of it.

use zeroize::Zeroizing;

use super::keys::Keys;
use crate::base::{CallId, Masked, Random, Wall};
use crate::vault::{AuditEntry, Book, CdrNote, Item, Keep, KeepEntry, LedgerKey, News, Row};

/// What the writer tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// To the core.
    News(News),
    /// To the index.
    Row(Box<Row>),
    /// To the index: a call detail record in its book.
    Cdr(Box<CdrRow>),
    /// To the index: an entry of the audit book.
    Audit { leaf: u64, at: Wall, place: BookPlace },
    /// To the index: an entry of the book of keeping.
    Kept { leaf: u64, entry: Box<KeepEntry> },
    /// To whoever waits with this ticket: the entry is durable.
    Noted { ticket: u64, leaf: u64 },
    /// Likewise: it was not taken.
    NotNoted { ticket: u64 },
}

/// An entry on its way into a book.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Note {
    /// A call detail record, and under what it is found.
    Cdr(Box<CdrNote>),
    /// What somebody did.
    Audit(Box<AuditEntry>),
    /// What decides how long recordings stay.
    Keep(Box<KeepEntry>),
}

impl Note {
    pub(super) fn book(&self) -> Book {
        match self {
            Note::Cdr(..) => Book::Cdr,
            Note::Audit(_) => Book::Audit,
            Note::Keep(_) => Book::Keeping,
        }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Note::Cdr(entry) => entry.to_bytes(),
            Note::Audit(entry) => entry.to_bytes(),
            Note::Keep(entry) => entry.to_bytes(),
        }
    }

    pub(super) fn item(&self, segment: u32, offset: u64) -> Item {
        match self {
            Note::Cdr(entry) => Item::Cdr { call: entry.call, segment, offset },
            Note::Audit(_) => Item::Audit { segment, offset },
            Note::Keep(entry) => match entry.keep {
                Keep::Destroyed { recording, .. } => Item::Tombstone { recording, segment, offset },
                _ => Item::Keeping { segment, offset },
            },
        }
    }
}

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BookPlace {
    pub book: Book,
    pub segment: u32,
    pub offset: u64,
    pub len_bytes: u64,
}

/// Where a call detail record lies and under what it is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CdrRow {
    pub call: CallId,
    pub leaf: u64,
    pub place: BookPlace,
    pub numbers: Vec<Masked>,
}

/// What the writer is made of.
pub(super) struct Setup {
    pub keys: Keys,
    pub ledger_key: LedgerKey,
    /// In a word how the machine's clock is set.
    pub clock_state: fn() -> &'static str,
    pub random: Random,
    /// See [`Options`](super::Options).
    pub low_water_bytes: Option<u64>,
    pub reserve_bytes: Option<u64>,
}
