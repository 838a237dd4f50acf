//! What the book of keeping comes to: holds, anchors, requests, jobs, tombstones; and where each recording stands by it.
//!
//! Invariant: this is the book read from its beginning, entry by entry in order; nothing is in here that is not durable there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use crate::base::{ItemId, RecordingId, Wall};
use crate::compliance::retention::{self, CALL_END, Class, Facts, Known, Select};
use crate::vault::{Anchor, Book, Erasure, Holding, Job, Keep, KeepEntry, Kind, Row, term};

use super::files::Files;

/// The book of keeping, read.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    country_code: String,
    /// Holds by case, with who laid them and when.
    pub holds: BTreeMap<String, Hold>,
    /// Each with whether others agreed to it.
    anchors: Vec<(Anchor, bool)>,
    erase_asked: HashSet<RecordingId>,
    /// By how much the clock jumped, when nobody has looked at it yet.
    pub frozen: Option<i64>,
    /// Jobs that are not done.
    pub jobs: BTreeMap<String, Job>,
    /// Jobs so far, done ones too.
    pub jobs_begun: u64,
    /// Recordings that an open job is about to destroy.
    destroying: HashSet<RecordingId>,
    /// Tombstones.
    pub gone: HashMap<RecordingId, Gone>,
}

/// What is left of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    /// By which job it was destroyed.
    pub job: String,
    /// Its leaf.
    pub leaf: u64,
    /// Items derived from it, destroyed with it.
    pub derived: Vec<ItemId>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hold {
    /// What it holds.
    pub select: Select,
    /// Why.
    pub reason: String,
    /// Who laid it.
    pub by: String,
    /// When.
    pub at: Wall,
}

impl Keeping {
    /// Reads the book.
    pub(super) fn read(files: &Files, country_code: &str) -> io::Result<Keeping> {
        let mut keeping = Keeping { country_code: country_code.into(), ..Keeping::default() };
        for segment in files.logs(Book::Keeping)? {
            files.walk_log(Book::Keeping, segment, |piece| {
                if piece.kind == Kind::Entry
                    && let Some(entry) = KeepEntry::parse(piece.plaintext)
                {
                    keeping.take(entry);
                }
            })?;
        }
        Ok(keeping)
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, entry: KeepEntry) {
        let KeepEntry { at, by, keep } = entry;
        match keep {
            Keep::Hold(Holding { case, select, reason }) => {
                self.holds.insert(case, Hold { select, reason, by, at });
            }
            Keep::Release { case, .. } => {
                self.holds.remove(&case);
            }
            Keep::Anchor { anchor, approved_by } => {
                self.anchors.push((anchor, !approved_by.is_empty()));
            }
            Keep::Erase(Erasure { recording, .. }) => {
                self.erase_asked.insert(recording);
            }
            Keep::Frozen { jump_s } => self.frozen = Some(jump_s),
            Keep::Thawed { .. } => self.frozen = None,
            Keep::Job(job) => {
                self.destroying.extend(job.recordings.iter().copied());
                self.jobs_begun += 1;
                self.jobs.insert(job.no.clone(), *job);
            }
            Keep::Destroyed { recording, job, leaf, derived } => {
                self.destroying.remove(&recording);
                self.gone.insert(recording, Gone { job, leaf, derived });
            }
            Keep::JobDone { job, .. } => {
                if let Some(job) = self.jobs.remove(&job) {
                    self.destroying.retain(|id| !job.recordings.contains(id));
                }
            }
        }
    }

    /// What decides about the recording of `row`.
    pub(super) fn known(&self, row: &Row) -> Known {
        let facts = self.facts(row);
        let ended = row.closing.as_ref().and_then(|closing| closing.ended_at);
        let length = std::time::Duration::from_micros(row.duration_us.unwrap_or(0));
        let mut anchors = BTreeMap::new();
        if row.duration_us.is_some() {
            anchors.insert(CALL_END.to_string(), ended.unwrap_or(row.started + length));
        }
        for (anchor, approved) in self.anchors.iter().filter(|(anchor, _)| anchor.select.matches(&facts)) {
            let before = anchors.get(&anchor.event);
            if *approved || before.is_none_or(|before| *before < anchor.moment) {
                anchors.insert(anchor.event.clone(), anchor.moment);
            }
        }
        let held = self.holds.iter().filter(|(_, hold)| hold.select.matches(&facts));
        Known {
            running: row.duration_us.is_none(),
            classes: row.opening.retention.iter().map(class).collect(),
            anchors,
            erase_asked: self.erase_asked.contains(&row.recording),
            held_by: held.map(|(case, _)| case.clone()).collect(),
            destroying: self.destroying.contains(&row.recording),
            destroyed: self.gone.contains_key(&row.recording),
        }
    }

    /// Whether a job has begun to destroy it, or has.
    pub(super) fn is_leaving(&self, recording: RecordingId) -> bool {
        self.destroying.contains(&recording) || self.gone.contains_key(&recording)
    }

    /// Whether an anchor of `event` at `moment` ends the term of the recording of `row` earlier than what is known now.
    pub(super) fn shortens(&self, row: &Row, event: &str, moment: Wall, select: &Select) -> bool {
        let before = self.known(row).anchors.get(event).copied();
        before.is_some_and(|before| moment < before) && select.matches(&self.facts(row))
    }

    /// `select` with number and name in the form of the index.
    pub(super) fn normal(&self, mut select: Select) -> Select {
        let country = &self.country_code;
        select.number =
            select.number.map(|text| term::number(&text, country).unwrap_or_else(|| term::name(&text)));
        select.name = select.name.map(|text| term::name(&text));
        select
    }

    pub(super) fn facts(&self, row: &Row) -> Facts {
        let opening = [&row.opening.caller, &row.opening.dialled].into_iter().chain(&row.opening.names);
        let parties = row.closing.iter().flat_map(|closing| &closing.parties);
        let everybody: Vec<&str> = opening
            .chain(parties.flat_map(|party| [&party.who, &party.name]))
            .map(|who| who.reveal())
            .collect();
        let class = row.opening.retention.as_ref().map(|class| class.class.as_str());
        Facts {
            recording: Some(row.recording),
            begun: row.started,
            numbers: everybody.iter().filter_map(|who| term::number(who, &self.country_code)).collect(),
            names: everybody.iter().map(|who| term::name(who)).filter(|name| !name.is_empty()).collect(),
            tags: row.closing.as_ref().map(|closing| closing.tags.clone()).unwrap_or_default(),
            classes: class.into_iter().flat_map(|names| names.split('+')).map(str::to_string).collect(),
        }
    }
}

fn class(stored: &crate::vault::Retention) -> Class {
    let seconds = |seconds: Option<u64>| seconds.map(std::time::Duration::from_secs);
    Class {
        name: stored.class.clone(),
        anchor: stored.anchor.replace(' ', "."),
        min: seconds(stored.min_seconds),
        max: seconds(stored.max_seconds),
    }
}

/// The clock as it was looked at last.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockSeen {
    pub wall: Wall,
    pub now: crate::base::Time,
}

impl ClockSeen {
    /// By how many seconds the clock jumped since.
    pub(super) fn jumped(&mut self, now: crate::base::Time, wall: Wall) -> Option<i64> {
        let by = retention::jumped(self.wall, wall, now.since(self.now));
        *self = ClockSeen { wall, now };
        by
    }
}
