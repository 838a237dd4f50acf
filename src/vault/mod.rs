//! Evidence: recordings and call records as sealed files, the keys that open them, and the ledger that holds them to
//! their word. Bytes in, bytes out: no file, clock, thread or system randomness here; `io::store` lends those.
//!
//! Invariants: a (key, nonce) pair seals once, because a sealer owns its counter, cannot be cloned, and a sealer that
//! continues another's file draws a new nonce prefix; no personal data leaves this room in clear.
//!
//! `docs/recording-format.md` is the law of the bytes.

mod keys;
mod order;
mod search;
mod tap;
mod verdict;

pub use keys::{Keyring, Label, NoSuchKey};
pub use order::{Closing, Ended, Event, News, Opening, Order, Party, Retention};
pub use search::{Query, Record, Row};
pub use tap::{Batch, BatchFull, Frame, Frames, TapItem};
pub use verdict::{Damage, Finding, Report, Scope, Subject};
