//! The agent's page: what the call that somebody talks in has to show, live in a browser. Off until `[screen] listen` is configured.
//!
//! ```text
//!  core ──Output::Page──> Hub ──watch──> GET /events (server-sent events) ──> page.js
//!                          └─ first reader, last reader ──> Input::Page ──> core
//! ```
//!
//! Invariants: a page shows the calls of the one user whose account logged in; everything on it was masked before it came here; nobody
//! is shown anything without a session, and no secret stands in an address.

mod entrance;
mod hub;
mod server;
mod sessions;
#[cfg(test)]
mod tests;

pub use hub::Hub;
pub use server::{Server, Start};
