//! The programs that a node has had: their texts and sounds, their history, who approved them, and which one a start takes.
//!
//! Texts and sounds lie plainly beside the store (`plans/`), named by their hashes; the history and the approvals lie sealed
//! (`plans.sealed`), because what they say decides what a node in production may load. Invariant: the history is written
//! before a program is handed to the core, and one program is loaded at a time, so that the last line of the history is what
//! runs or what the next start takes.

mod book;
mod change;
mod consent;
mod kept;
mod start;

pub use book::{Book, Emergency, Entry, Step};
pub use change::Change;
pub use consent::{Consent, Proposed, UnknownRole, needs_of, program_of, text_of};
pub use kept::Kept;
pub use start::{Started, at_start};

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::plans::{self, Loaded, Shelf};
use super::sealed::{Sealed, SealedError};
use crate::compliance::approval::Motion;
use crate::plan::{Program, Site};
use crate::vault::Keyring;
use kept::{OnShelf, Shelves};

/// The programs of one node. Cheap to clone; every function may block on the disk.
#[derive(Debug, Clone)]
pub struct Programs {
    shelves: Shelves,
    book: Sealed,
    turn: Arc<Mutex<()>>,
    alarm: Arc<Mutex<Option<String>>>,
    current: Arc<Mutex<Option<Arc<Program>>>>,
}

/// Why a program is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// Nothing is kept under this hash.
    #[error("no program {0} is kept here")]
    Unknown(String),
    /// The digits are the beginning of several.
    #[error("several programs begin with {0}")]
    Several(String),
    /// Its text or one of its sounds cannot be kept.
    #[error("the program cannot be kept: {0}")]
    Keep(#[from] io::Error),
    /// The history opened and is not understood.
    #[error("the history of programs is not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file of the history.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl Programs {
    /// The programs in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> Programs {
        Programs {
            shelves: Shelves(store.join("plans")),
            book: Sealed::new(store.join("plans.sealed"), "plans", keys),
            turn: Arc::default(),
            alarm: Arc::default(),
            current: Arc::default(),
        }
    }

    /// Holds off everybody else who would load a program, until it is dropped.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The history and the approvals.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn book(&self) -> Result<Book, ProgramsError> {
        parse(self.book.read()?.as_deref().map(Vec::as_slice))
    }

    /// Keeps what a program was made of; its sounds are read from `from`. Its hash comes back.
    ///
    /// # Errors
    /// The folder cannot be written, or a sound is not what was checked any more.
    pub fn keep(&self, kept: &Kept, from: &dyn Shelf) -> Result<String, ProgramsError> {
        Ok(self.shelves.put(kept, from)?)
    }

    /// What is kept under the hash that begins with `digits`, and the whole hash.
    ///
    /// # Errors
    /// Nothing or several begin so, or what is kept is damaged.
    pub fn find(&self, digits: &str) -> Result<(String, Kept), ProgramsError> {
        let digits = digits.to_ascii_lowercase();
        let unknown = || ProgramsError::Unknown(digits.clone());
        let mut found = self.shelves.list();
        found.retain(|hash| !digits.is_empty() && hash.starts_with(&digits));
        if found.len() > 1 {
            return Err(ProgramsError::Several(digits));
        }
        let hash = found.pop().ok_or_else(unknown)?;
        let kept = self.shelves.get(&hash).ok_or_else(unknown)?;
        Ok((hash, kept))
    }

    /// What is kept under exactly this hash.
    pub fn get(&self, hash: &str) -> Option<Kept> {
        self.shelves.get(hash)
    }

    /// Checks and compiles what is kept, for a node that has `site`. What has lapsed meanwhile is told and not used.
    pub fn load(&self, kept: &Kept, site: &Site) -> Loaded {
        plans::load_kept(&OnShelf(&self.shelves, kept), kept.roots.clone(), site)
    }

    /// Writes a line of the history, with the approval that the program was loaded with. What is too old is removed.
    ///
    /// # Errors
    /// The file cannot be replaced: then nothing has happened.
    pub fn record(&self, entry: Entry, approval: Option<Motion>) -> Result<(), ProgramsError> {
        let listed = self.shelves.list();
        let gone = self.book.update(|before| {
            let mut book = parse(before)?;
            if let Some(motion) = approval {
                book.approved.insert(entry.program.clone(), motion);
            }
            let gone = book.add(entry, &listed);
            Ok::<_, ProgramsError>((Zeroizing::new(serde_json::to_vec(&book)?), gone))
        })?;
        if !gone.is_empty() {
            self.shelves.remove(&gone);
        }
        Ok(())
    }

    /// Writes down which emergency plan is on.
    ///
    /// # Errors
    /// The file cannot be replaced: then nothing has happened.
    pub fn switch_emergency(&self, plan: Option<Emergency>) -> Result<(), ProgramsError> {
        self.book.update(|before| {
            let book = Book { emergency: plan, ..parse(before)? };
            Ok::<_, ProgramsError>((Zeroizing::new(serde_json::to_vec(&book)?), ()))
        })
    }

    /// What somebody should know of the program that runs.
    pub fn alarm(&self) -> Option<String> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The program that runs; `None` beside a stopped node.
    pub fn current(&self) -> Option<Arc<Program>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on `program` runs.
    pub fn set_current(&self, program: Arc<Program>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
    }

    /// Says what somebody should know from now on.
    pub fn set_alarm(&self, alarm: Option<String>) {
        *self.alarm.lock().unwrap_or_else(PoisonError::into_inner) = alarm;
    }
}

fn parse(content: Option<&[u8]>) -> Result<Book, ProgramsError> {
    Ok(content.map(serde_json::from_slice).transpose()?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
