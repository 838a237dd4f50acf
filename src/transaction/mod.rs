//! Transactions: RFC 3261 §17 and RFC 6026, one figure a file, and the [`Layer`] that drives them.
//!
//! Invariant: a transaction that is over owns no alarm, no message and no place in any table.

pub mod client_invite;
pub mod client_other;
pub mod figure;
pub mod server_invite;
pub mod server_other;
mod timer;

pub use timer::{T1, T2, T4, TRIES, Timer};
