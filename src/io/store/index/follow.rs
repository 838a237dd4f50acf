//! The thread that follows the ledger: what the writer tells goes into the tables, and before it whatever was missed.
//!
//! Invariant: the mark moves only over leaves that are in the tables; what a crash leaves out of it is indexed again.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Random;
use crate::io::queue::Receiver;
use crate::vault::Keep;

use super::super::note::Told;
use super::super::tables::Tables;
use super::{Message, Shared, State, lock};

/// After a start that did not follow an orderly stop so many leaves are indexed again: sled's last writes may be lost.
const BACK: u64 = 1_000;
/// The mark is moved every so many leaves while catching up.
pub(super) const MARK_EVERY: u64 = 1_000;

/// The thread's own state.
pub(super) struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) random: Random,
    /// Leaves that the tables hold.
    pub(super) mark: u64,
    /// Leaves that they are marked to hold.
    pub(super) marked: u64,
    pub(super) tables: Option<Arc<Tables>>,
    pub(super) path: PathBuf,
}

impl Follower {
    pub(super) fn run(mut self, receiver: &Receiver<Message>, orderly: bool) {
        self.start(orderly);
        while let Some(message) = receiver.recv() {
            let done = match message {
                // One move of the mark for all that wait: what a crash leaves out of it is indexed again.
                Message::Told(told) => self.follow(&told).and_then(|()| self.move_mark(receiver.is_empty())),
                Message::Settle(sender) => {
                    let _ = sender.send(());
                    Ok(())
                }
                Message::Swap(swap) => self.swap(swap.0, swap.1),
                Message::Stop => break,
            };
            if let Err(error) = done {
                tracing::error!(%error, "the index fails; it is built anew");
                self.start_anew();
            }
        }
        if let Some(tables) = self.tables.clone()
            && let Err(error) = self.move_mark(true).and_then(|()| tables.flush())
        {
            tracing::warn!(%error, "the index is not flushed; the next start repairs it");
        }
    }

    /// Opens the newest generation and brings it up to the ledger.
    fn start(&mut self, orderly: bool) {
        match self.shared.open_newest() {
            Ok(Some((tables, path, mark))) => {
                let mark = if orderly { mark } else { mark.saturating_sub(BACK) };
                if self.begin(tables, path, mark).is_err() {
                    self.start_anew();
                }
            }
            Ok(None) => self.start_anew(),
            Err(error) => {
                tracing::error!(%error, "the index does not open; it is built anew");
                self.start_anew();
            }
        }
    }

    fn start_anew(&mut self) {
        self.tables = None;
        *lock(&self.shared.state) = State::Opening;
        let begun = self.shared.next_generation().map_err(|error| error.to_string()).and_then(|path| {
            let tables = Tables::open(&path).map_err(|error| error.to_string())?;
            tables.mark(&self.shared.keys).map_err(|error| error.to_string())?;
            self.begin(tables, path, 0).map_err(|error| error.to_string())
        });
        if let Err(error) = begun {
            tracing::error!(%error, "no index: searches fail until the next start");
            *lock(&self.shared.state) = State::Broken(error);
            self.shared.changed.notify_all();
        }
    }

    fn begin(&mut self, tables: Tables, path: PathBuf, mark: u64) -> sled::Result<()> {
        let leaves = self.shared.files.leaves();
        self.shared.catch_up(&tables, mark.min(leaves), leaves, &mut self.random, &mut |_, _| {})?;
        (self.mark, self.marked) = (leaves, leaves);
        let tables = Arc::new(tables);
        self.tables = Some(tables.clone());
        self.path = path;
        *lock(&self.shared.state) = State::Ready(tables);
        self.shared.changed.notify_all();
        self.shared.remove_others(&self.path);
        Ok(())
    }

    fn swap(&mut self, tables: Tables, path: PathBuf) -> sled::Result<()> {
        let mark = tables.mark(&self.shared.keys)?.unwrap_or(0);
        self.begin(tables, path, mark)
    }

    /// Brings in what the writer told, and before it whatever was missed.
    fn follow(&mut self, told: &Told) -> sled::Result<()> {
        let Some(tables) = self.tables.clone() else { return Ok(()) };
        let leaf = match told {
            Told::Row(row) => row.leaf,
            Told::Cdr(cdr) => Some(cdr.leaf),
            Told::Derived(row) => Some(row.leaf),
            Told::Audit { leaf, .. } | Told::Kept { leaf, .. } => Some(*leaf),
            _ => None,
        };
        let Some(leaf) = leaf else { return Ok(()) };
        if leaf > self.mark {
            self.shared.catch_up(&tables, self.mark, leaf, &mut self.random, &mut |_, _| {})?;
        }
        match told {
            Told::Row(row) => {
                tables.put_row(row, &self.shared.keys, &mut self.random)?;
                lock(&self.shared.running).remove(&row.recording);
            }
            Told::Cdr(cdr) => tables.put_cdr(cdr, &self.shared.keys)?,
            Told::Audit { leaf, at, place } => tables.put_audit(*leaf, *at, place)?,
            Told::Derived(row) => tables.put_derived(row, &self.shared.keys, &mut self.random)?,
            Told::Kept { entry, .. } => {
                if let Keep::Destroyed { recording, .. } = entry.keep {
                    self.shared.forget(&tables, recording)?;
                }
            }
            _ => {}
        }
        self.mark = self.mark.max(leaf + 1);
        Ok(())
    }

    /// Writes down how far the tables are, when there is time for it or it has not been done for long.
    fn move_mark(&mut self, idle: bool) -> sled::Result<()> {
        let due = idle || self.mark >= self.marked + MARK_EVERY;
        if let Some(tables) = self.tables.as_ref().filter(|_| due && self.mark != self.marked) {
            tables.set_mark(self.mark)?;
            self.marked = self.mark;
        }
        Ok(())
    }
}
