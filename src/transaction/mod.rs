//! Transactions: RFC 3261 §17 and RFC 6026, one figure a file, and the [`Layer`] that drives them.
//!
//! Invariant: a transaction that is over owns no alarm, no message and no place in any table.

mod answer;
mod ask;
mod client;
pub mod client_invite;
pub mod client_other;
mod engine;
pub mod figure;
mod identity;
mod large;
mod layer;
mod server;
pub mod server_invite;
pub mod server_other;
#[cfg(test)]
mod tests;
mod timer;
mod wire;

pub use layer::{ClientKey, Key, Layer, Output, Received, ServerKey, Unsent};
pub use timer::{T1, T2, T4, TRIES, Timer};
