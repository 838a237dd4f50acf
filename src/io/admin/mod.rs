//! Administration: a Unix socket with peer credentials, and what can be asked through it.
//!
//! Invariant: only root and the node's own user are heard; every request is logged with the asking user's number; what
//! leaves here is masked unless revealing was asked for by name.

mod desk;
pub mod protocol;
mod server;
pub mod trail;
mod view;

pub use desk::{Desk, Reply};
pub use server::{Server, in_use};
pub use view::{AuditView, RecordingView, SoundView, UserMade, UserShown};
