//! Why the store did not do it.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{ItemId, RecordingId};
use crate::compliance::retention::State;

/// The writer does not keep up, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store does not keep up")]
pub struct Stuck;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store is in use by another process")]
    InUse,
    /// There is something already.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A key file may be read or written by others.
    #[error("{0}: mode {1:o} lets others in; it must be 0600 and yours")]
    Rights(PathBuf, u32),
    /// The keys are locked, and nobody has unsealed them.
    #[error("{0}: the keys are locked: `ledgerline vault unseal` while the switch starts")]
    Locked(PathBuf),
    /// Keys are missing or malformed.
    #[error("{0}: {1}")]
    Keys(PathBuf, &'static str),
    /// The file system said no.
    #[error("{path}: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        source: io::Error,
    },
    /// The index is broken and could not be rebuilt.
    #[error("index: {0}")]
    Index(String),
    /// No such recording.
    #[error("no recording {0}")]
    NotFound(RecordingId),
    /// No such item of that recording.
    #[error("no item {1} of {0}")]
    NoItem(RecordingId, ItemId),
    /// The file does not open.
    #[error("{0}: {1}")]
    Damaged(RecordingId, crate::vault::Damage),
    /// Where it stands, that may not be done with it.
    #[error("{0} is {1:?}: that may not be done with it")]
    Withheld(RecordingId, State),
    /// A rule of keeping forbids it.
    #[error("{0}")]
    Rule(String),
    /// The audit book takes nothing.
    #[error("the audit book takes nothing now; what must be audited is not done")]
    NotAudited,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// An error of the file system at `path`.
pub(super) fn disk_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Disk { path: path.to_path_buf(), source }
}
