//! How much room there is: a low-water mark under which nothing new begins, and a reserve file that is given up so that
//! what runs can be closed.
//!
//! Invariant: recordings that run may write until the disk refuses; from then on only closing records, events, call
//! detail records and the ledger are written, into the room of the reserve.

use std::time::Duration;

use crate::base::Time;

use super::disk::{Disk, Place};

/// How often the file system is asked.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// For what there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// For everything.
    All,
    /// For nothing that begins now.
    RunningOnly,
    /// For what ends recordings.
    ReserveOnly,
}

pub(super) struct Space {
    low_water: u64,
    reserve: u64,
    journal: u64,
    room: Room,
    /// The journal takes nothing.
    failed: bool,
    /// The reserve could not be made yet.
    no_reserve: bool,
    pub free: u64,
    watched: Time,
}

impl Space {
    /// Measures the disk; `None` takes the default of [`Options`](super::Options).
    pub(super) fn new(disk: &mut impl Disk, low_water: Option<u64>, reserve: Option<u64>) -> Space {
        let total = disk.space().map_or(0, |space| space.total);
        Space {
            low_water: low_water.unwrap_or((total / 50).clamp(256 << 10, 1 << 30)),
            reserve: reserve.unwrap_or((total / 100).clamp(128 << 10, 64 << 20)),
            journal: (total / 20).clamp(256 << 10, 64 << 20),
            room: Room::All,
            failed: false,
            no_reserve: true,
            free: 0,
            watched: Time::ZERO,
        }
    }

    /// Looks at the disk when it is time to (or `at_once`); says whether [`Space::is_writable`] changed.
    pub(super) fn watch(&mut self, disk: &mut impl Disk, now: Time, at_once: bool) -> bool {
        if !at_once && now.since(self.watched) < WATCH_EVERY {
            return false;
        }
        self.watched = now;
        let before = self.is_writable();
        self.free = disk.space().map_or(0, |space| space.free);
        if self.no_reserve && self.free >= self.low_water.saturating_add(self.reserve) {
            let there = disk.len(Place::Reserve).ok().flatten();
            self.no_reserve =
                there != Some(self.reserve) && disk.allocate(Place::Reserve, self.reserve).is_err();
        }
        self.room = match (self.no_reserve && self.room == Room::ReserveOnly, self.free < self.low_water) {
            (true, _) => Room::ReserveOnly,
            (false, true) => Room::RunningOnly,
            (false, false) => Room::All,
        };
        before != self.is_writable()
    }

    /// The disk is full: gives up the reserve; says whether [`Space::is_writable`] changed.
    pub(super) fn give_up_reserve(&mut self, disk: &mut impl Disk, now: Time) -> bool {
        let before = self.is_writable();
        self.room = Room::ReserveOnly;
        self.no_reserve = true;
        self.watched = now;
        if disk.remove(Place::Reserve).is_err() {
            tracing::error!("the reserve cannot be given up");
        }
        before
    }

    /// The journal fails (or works again); says whether [`Space::is_writable`] changed.
    pub(super) fn set_failed(&mut self, failed: bool) -> bool {
        let before = self.is_writable();
        self.failed = failed;
        before != self.is_writable()
    }

    /// Whether a new recording may begin.
    pub(super) fn is_writable(&self) -> bool {
        self.room == Room::All && !self.failed
    }

    /// For what there is room.
    pub(super) fn room(&self) -> Room {
        self.room
    }

    /// How long a journal segment may become.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.journal
    }
}
