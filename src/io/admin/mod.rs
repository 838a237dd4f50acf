//! Administration: a Unix socket with peer credentials, and what can be asked through it.
//!
//! Invariant: only root and the node's own user are heard, and do what a system administrator may until a person logs in;
//! every request is logged with the asking user's number; what leaves here is masked unless revealing was asked for by name.

mod actor;
mod desk;
mod disclose;
pub mod emergency;
pub mod export;
mod items;
pub mod keeping;
pub mod persons;
pub mod planning;
pub mod protocol;
mod recordings;
mod server;
pub mod trail;
mod transcript;
mod view;

pub use actor::Actor;
pub use desk::{Desk, Reply};
pub use server::{Server, in_use};
pub use view::{AuditView, CaptureView, ItemView, RecordingView, SoundView, UserMade, UserShown};
