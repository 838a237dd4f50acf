//! What goes into the writer beside sound, and what comes out of it.

use zeroize::Zeroizing;

use super::keys::Keys;
use crate::base::{CallId, ItemId, Masked, Random, Wall};
use crate::vault::{
    AuditEntry, Book, CdrNote, Derivation, DerivedRow, Item, Keep, KeepEntry, LedgerKey, News, Row, Sealed,
};

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
    /// To the index: an item derived from a recording.
    Derived(Box<DerivedRow>),
    /// To whoever waits with this ticket: the entry is durable.
    Noted { ticket: u64, leaf: u64 },
    /// Likewise: it was not taken.
    NotNoted { ticket: u64 },
}

/// What becomes a leaf without being a recording: an entry on its way into a book, or an item that is durable already.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Note {
    /// A call detail record, and under what it is found.
    Cdr(Box<CdrNote>),
    /// What somebody did.
    Audit(Box<AuditEntry>),
    /// What decides how long recordings stay.
    Keep(Box<KeepEntry>),
    /// An item derived from a recording.
    Derived(Box<DerivedNote>),
}

/// An item derived from a recording, sealed and durable in its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DerivedNote {
    pub item: ItemId,
    pub sealed: Sealed,
    pub derivation: Derivation,
}

impl Note {
    /// The book that it goes into and what is written there; `None` for what has a file of its own.
    pub(super) fn entry(&self) -> Option<(Book, Zeroizing<Vec<u8>>)> {
        Some(match self {
            Note::Cdr(entry) => (Book::Cdr, entry.to_bytes()),
            Note::Audit(entry) => (Book::Audit, entry.to_bytes()),
            Note::Keep(entry) => (Book::Keeping, entry.to_bytes()),
            Note::Derived(_) => return None,
        })
    }

    /// Hash and length of what has a file of its own.
    pub(super) fn sealed(&self) -> Option<Sealed> {
        match self {
            Note::Derived(made) => Some(made.sealed),
            _ => None,
        }
    }

    /// What its leaf says, when it lies at `offset` of `segment` of its book.
    pub(super) fn item(&self, segment: u32, offset: u64) -> Item {
        match self {
            Note::Cdr(entry) => Item::Cdr { call: entry.call, segment, offset },
            Note::Audit(_) => Item::Audit { segment, offset },
            Note::Keep(entry) => match entry.keep {
                Keep::Destroyed { recording, .. } => Item::Tombstone { recording, segment, offset },
                _ => Item::Keeping { segment, offset },
            },
            Note::Derived(made) => Item::Derived { item: made.item, recording: made.derivation.of },
        }
    }
}

impl DerivedNote {
    /// What the index knows of it.
    pub(super) fn row(self, leaf: u64) -> DerivedRow {
        DerivedRow { item: self.item, leaf, len_bytes: self.sealed.len_bytes, derivation: self.derivation }
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

impl BookPlace {
    /// Of what lies in no book.
    pub(super) const NOWHERE: BookPlace = BookPlace { book: Book::Cdr, segment: 0, offset: 0, len_bytes: 0 };
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
