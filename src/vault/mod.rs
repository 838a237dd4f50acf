//! Evidence: recordings and call records as sealed files, the keys that open them, and the ledger that holds them to
//! their word. Bytes in, bytes out: no file, clock, thread or system randomness here; `io::store` lends those.
//!
//! Invariants: a (key, nonce) pair seals once, because a sealer owns its counter, cannot be cloned, and a sealer that
//! continues another's file draws a new nonce prefix; no personal data leaves this room in clear.
//!
//! `docs/recording-format.md` is the law of the bytes.

mod audit;
mod book;
mod capture;
mod certificate;
mod chunk;
mod content;
mod decode;
mod derived;
mod envelope;
mod examine;
mod flac;
mod form;
mod glance;
mod head;
mod header;
mod keep;
mod keys;
mod ledger;
mod mark;
mod opener;
mod opus;
mod order;
mod page;
mod proof;
mod sealer;
mod search;
mod suite;
mod tap;
pub(crate) mod term;
mod tiles;
mod value;
mod vcon;
mod verdict;

pub use crate::base::{hex, unhex};
pub use audit::{AuditEntry, AuditQuery, Outcome, Who};
pub use book::Book;
pub use capture::{BESIDE, capture, capture_head};
pub use certificate::Certificate;
pub use chunk::Kind;
pub use content::{CdrEntry, CdrNote, ClosingRecord, Story, closing_bytes, opening_bytes, push_event};
pub use decode::{Decoder, RATE_HZ, Sound};
pub use derived::{Derivation, DerivedStory, Row as DerivedRow, seal_derived};
pub use envelope::{Recipient, open_envelope};
pub use form::Form;
pub use glance::Glance;
pub use head::{HEAD_BYTES, LedgerKey, LedgerPublic, TreeHead};
pub use header::{Content, Header, MAGIC, VERSION};
pub use keep::{Anchor, Erasure, Grounds, Holding, Job, Keep, KeepEntry};
pub use keys::{ESCROW, Keyring, Label, NoSuchKey, Wrapper};
pub use ledger::{Frontier, Item, LEAF_BYTES, Leaf};
pub use mark::{Gap, gaps};
pub use opener::{Examined, Opener, Piece};
pub use opus::opus_while;
pub use order::{Closing, Ended, Event, News, Opening, Order, Party, Retention, Unsealed};
pub use page::pdf;
pub use proof::{Consistency, Inclusion, consistent, included};
pub use sealer::{NoRoom, Placed, Sealed, Sealer};
pub use search::{Query, Record, Row};
pub use suite::{Hash, NotASuite, Suite};
pub use tap::{Batch, BatchFull, Frame, Frames, TapItem};
pub use term::{Blind, Blinder};
pub use tiles::Tiles;
pub use value::{NONCE_BYTES, ValueKey};
pub use vcon::{redacted, vcon};
pub use verdict::{Damage, Finding, Report, Scope, Subject};
