//! Retention over the store: where recordings stand, and the entries that change it.
//!
//! Invariant: nothing here shortens what was stored with a recording, but for an anchor that two people moved.

use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::keeping::{Hold, Keeping};
use super::note::Note;
use super::{Inner, Store, StoreError};
use crate::base::{RecordingId, Wall};
use crate::compliance::retention::{Select, Standing, State, Term, Use};
use crate::io::clock::wall;
use crate::vault::{Anchor, Erasure, Holding, Keep, KeepEntry, Row};

/// Where one recording stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    pub recording: RecordingId,
    /// When it began.
    pub began: Wall,
    /// Its classes, joined by `+`; `None`: it was stored without one, and stays.
    pub class: Option<String>,
    /// Where it stands, and what holds it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Nobody destroys it before this; `None`: an anchor has not come.
    pub keep_until: Option<Wall>,
    /// It is to be destroyed by this.
    pub destroy_by: Option<Wall>,
    /// Anchors that have not come.
    pub pending: Vec<String>,
    /// Its maximum ends before its minimum.
    pub conflict: bool,
}

/// Which recordings are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// All of them.
    All,
    /// Those in this state.
    In(State),
    /// Those that a case holds.
    Held,
    /// Those whose anchor has not come.
    Pending,
    /// Those that are past their maximum.
    Due,
}

impl Inner {
    pub(super) fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes entries into the book of keeping; they count when they are durable.
    pub(super) fn keep_all(&self, by: &str, keeps: Vec<Keep>) -> Result<Vec<u64>, StoreError> {
        let _order = self.keeps.lock().unwrap_or_else(PoisonError::into_inner);
        let entries: Vec<KeepEntry> =
            keeps.into_iter().map(|keep| KeepEntry { at: wall(), by: by.to_string(), keep }).collect();
        let notes = entries.iter().map(|entry| Note::Keep(Box::new(entry.clone()))).collect();
        let leaves = self.inlet.note_all(notes).map_err(|_| StoreError::NotAudited)?;
        let mut keeping = self.keeping();
        entries.into_iter().for_each(|entry| keeping.take(entry));
        Ok(leaves)
    }

    pub(super) fn keep(&self, by: &str, keep: Keep) -> Result<u64, StoreError> {
        Ok(self.keep_all(by, vec![keep])?.first().copied().unwrap_or_default())
    }

    /// Where the recording of `row` stands at `now`.
    pub(super) fn kept(&self, row: &Row, now: Wall) -> Kept {
        let known = self.keeping().known(row);
        let Term { keep_until, destroy_by, pending, conflict } = known.term();
        Kept {
            recording: row.recording,
            began: row.started,
            class: row.opening.retention.as_ref().map(|class| class.class.clone()),
            standing: known.standing(now),
            keep_until,
            destroy_by,
            pending,
            conflict,
        }
    }
}

impl Store {
    /// Where `row` stands now.
    pub fn kept(&self, row: &Row) -> Kept {
        self.inner.kept(row, wall())
    }

    /// Whether `wanted` may be done with `recording` now.
    ///
    /// # Errors
    /// [`StoreError::Withheld`] when not; [`StoreError::NotFound`]; as [`Store::search`].
    pub fn may(&self, recording: RecordingId, wanted: Use) -> Result<(), StoreError> {
        if self.inner.keeping().gone.contains_key(&recording) {
            return Err(StoreError::Withheld(recording, State::Destroyed));
        }
        let row = match self.inner.index.row(recording)? {
            Some(row) => row,
            // Not in the index: it is read from its file.
            None => match self.show(recording) {
                Ok(record) => record.row,
                // What is damaged can be looked at, and is never destroyed silently.
                Err(StoreError::Damaged(..)) if wanted != Use::Destroy => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let standing = self.kept(&row).standing;
        match standing.allows(wanted) {
            true => Ok(()),
            false => Err(StoreError::Withheld(recording, standing.state)),
        }
    }

    /// The recordings that `listing` means, oldest first, at most `limit`. Looks at every row.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn retention(&self, listing: Listing, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let (now, mut found) = (wall(), Vec::new());
        self.inner.index.each_row(&mut |row| {
            let kept = self.inner.kept(&row, now);
            let wanted = match listing {
                Listing::All => true,
                Listing::In(state) => kept.standing.state == state,
                Listing::Held => !kept.standing.held_by.is_empty(),
                Listing::Pending => !kept.pending.is_empty(),
                Listing::Due => {
                    kept.standing.state == State::Expired && kept.destroy_by.is_some_and(|by| now >= by)
                }
            };
            if wanted {
                found.push(kept);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// Lays a hold (HOLD-01). A case that holds already holds what is selected now instead.
    ///
    /// # Errors
    /// [`StoreError::Rule`] when nothing is selected, or the case is known; [`StoreError::NotAudited`].
    pub fn hold(&self, by: &str, asked: Holding) -> Result<u64, StoreError> {
        let Holding { case, select, reason } = asked;
        let select = self.inner.keeping().normal(select);
        if select.is_empty() {
            return Err(StoreError::Rule(
                "a hold names what it holds: a recording, number, name, time, tag or class".into(),
            ));
        }
        if self.inner.keeping().holds.contains_key(&case) {
            return Err(StoreError::Rule(format!(
                "case {case} holds already; another hold wants another name"
            )));
        }
        self.inner.keep(by, Keep::Hold(Holding { case, select, reason }))
    }

    /// Ends a hold; who agreed is written down. That it takes a second person is for who calls this to see to (HOLD-03).
    ///
    /// # Errors
    /// [`StoreError::Rule`] when there is none, or nobody else agreed; [`StoreError::NotAudited`].
    pub fn release(&self, by: &str, case: &str, approved_by: Vec<String>) -> Result<u64, StoreError> {
        if !self.inner.keeping().holds.contains_key(case) {
            return Err(StoreError::Rule(format!("there is no hold of case {case}")));
        }
        if approved_by.iter().all(|other| other == by) {
            return Err(StoreError::Rule("a hold ends only when a second person agrees".into()));
        }
        self.inner.keep(by, Keep::Release { case: case.to_string(), approved_by })
    }

    /// The closed recordings that `select` means, ascending.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn selected(&self, select: &Select) -> Result<Vec<RecordingId>, StoreError> {
        let select = self.inner.keeping().normal(select.clone());
        let mut chosen = Vec::new();
        self.inner.index.each_row(&mut |row| {
            if select.matches(&self.inner.keeping().facts(&row)) {
                chosen.push(row.recording);
            }
            true
        })?;
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// Destructions that are not done.
    pub fn jobs(&self) -> Vec<crate::vault::Job> {
        self.inner.keeping().jobs.values().cloned().collect()
    }

    /// The holds, by case.
    pub fn holds(&self) -> Vec<(String, Hold)> {
        self.inner.keeping().holds.iter().map(|(case, hold)| (case.clone(), hold.clone())).collect()
    }

    /// Writes down that an event has come that terms count from (RET-02).
    ///
    /// # Errors
    /// [`StoreError::Rule`] when nothing is selected, or it ends a term earlier than was known and fewer than two agreed.
    pub fn anchor(&self, by: &str, anchor: Anchor, approved_by: Vec<String>) -> Result<u64, StoreError> {
        let select = self.inner.keeping().normal(anchor.select.clone());
        if select.is_empty() {
            return Err(StoreError::Rule("an anchor names its recordings".into()));
        }
        if approved_by.len() < 2 {
            let mut shortened = None;
            self.inner.index.each_row(&mut |row| {
                if self.inner.keeping().shortens(&row, &anchor.event, anchor.moment, &select) {
                    shortened = Some(row.recording);
                }
                shortened.is_none()
            })?;
            if let Some(recording) = shortened {
                let text = format!(
                    "it would end the term of {recording} earlier than is known: that takes two approvals"
                );
                return Err(StoreError::Rule(text));
            }
        }
        self.inner.keep(by, Keep::Anchor { anchor: Anchor { select, ..anchor }, approved_by })
    }

    /// Writes down that whom a recording concerns asked for its erasure (RET-07).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NotAudited`].
    pub fn ask_erasure(&self, by: &str, asked: Erasure) -> Result<u64, StoreError> {
        if self.inner.index.row(asked.recording)?.is_none() {
            return Err(StoreError::NotFound(asked.recording));
        }
        self.inner.keep(by, Keep::Erase(asked))
    }

    /// Takes a jump of the clock by `jump_s` seconds as seen: nothing is destroyed until [`Store::thaw`].
    pub fn jumped(&self, jump_s: i64) {
        self.inner.look_at_clock(Some(jump_s));
    }

    /// Lets destruction go on after somebody has looked at the clock.
    ///
    /// # Errors
    /// [`StoreError::Rule`] when nothing is frozen; [`StoreError::NotAudited`].
    pub fn thaw(&self, by: &str, reason: &str) -> Result<u64, StoreError> {
        if self.inner.keeping().frozen.is_none() {
            return Err(StoreError::Rule("nothing is frozen".into()));
        }
        let leaf = self.inner.keep(by, Keep::Thawed { reason: reason.to_string() })?;
        self.inner.alarms.clear("clock");
        Ok(leaf)
    }
}
