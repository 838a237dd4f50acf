//! Destruction: the key slot is overwritten, the file is unlinked, the tombstone is written, the index forgets.
//!
//! Invariants: a job is in the book of keeping before anything of it is done, and done there only when every tombstone is
//! durable (DES-06). What is held, or whose term runs, is destroyed by nobody.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::derive::path_now;
use super::disk::Place;
use super::{Inner, Store, StoreError, disk_error};
use crate::base::{ItemId, RecordingId};
use crate::compliance::retention::{State, Use};
use crate::io::clock::wall;
use crate::vault::{Header, Job, Keep};

/// Tombstones that become durable together.
const AT_ONCE: usize = 256;
/// How long a recording must be closed before its key can be destroyed: until then it may be in a journal segment too.
const SETTLED_AFTER: Duration = Duration::from_secs(300);

/// What may be destroyed, and how many recordings each case withholds.
pub type Destroyable = (Vec<RecordingId>, Vec<(String, u64)>);

impl Store {
    /// Which of `recordings` may be destroyed now, and how many each case withholds: what a job is laid before others
    /// with. Others are left out.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn destroyable(
        &self,
        recordings: impl IntoIterator<Item = RecordingId>,
    ) -> Result<Destroyable, StoreError> {
        let (mut free, mut held) = (Vec::new(), std::collections::BTreeMap::<String, u64>::new());
        for id in recordings {
            let Some(row) = self.inner.index.row(id)? else { continue };
            let kept = self.kept(&row);
            let ended = row.started + Duration::from_micros(row.duration_us.unwrap_or(0));
            if kept.standing.allows(Use::Destroy) && ended + SETTLED_AFTER < wall() {
                free.push(id);
            } else if kept.standing.state == State::Expired {
                kept.standing.held_by.into_iter().for_each(|case| *held.entry(case).or_default() += 1);
            }
        }
        Ok((free, held.into_iter().collect()))
    }

    /// The number of the next job: `DES-2026-000123`.
    pub fn next_job(&self) -> String {
        let year = wall().rfc3339().get(..4).unwrap_or("0000").to_string();
        format!("DES-{year}-{:06}", self.inner.keeping().jobs_begun + 1)
    }

    /// Begins the approved `job` and carries it out. Says how many were destroyed.
    ///
    /// # Errors
    /// [`StoreError::Rule`] when fewer than two agreed, the clock is not trusted, the number is taken, or one of the
    /// recordings may not be destroyed: then nothing is. [`StoreError::Disk`], [`StoreError::NotAudited`] on the way: the
    /// job stays open and is resumed.
    pub fn destroy(&self, by: &str, mut job: Job) -> Result<u64, StoreError> {
        let others: BTreeSet<&String> =
            job.approved_by.iter().filter(|other| **other != job.requested_by).collect();
        if others.len() < 2 {
            return Err(StoreError::Rule(
                "a destruction takes two approvals besides who asked for it".into(),
            ));
        }
        {
            let keeping = self.inner.keeping();
            if let Some(jump_s) = keeping.frozen {
                return Err(StoreError::Rule(format!(
                    "the clock jumped by {jump_s} s: look at it, then `rec retention thaw`"
                )));
            }
            if job.no != format!("{}{:06}", job.no.get(..9).unwrap_or(""), keeping.jobs_begun + 1) {
                return Err(StoreError::Rule(format!("{} is not the next job's number", job.no)));
            }
        }
        let (free, _) = self.destroyable(job.recordings.iter().copied())?;
        if let Some(kept) =
            job.recordings.iter().find(|id| free.binary_search(id).is_err() && !free.contains(id))
        {
            self.may(*kept, Use::Destroy)?;
            return Err(StoreError::Rule(format!(
                "{kept} was closed a moment ago: try again in five minutes"
            )));
        }
        job.begun = wall();
        self.inner.keep(by, Keep::Job(Box::new(job.clone())))?;
        self.inner.run(&job)
    }
}

impl Inner {
    /// Carries out what is open, after a start.
    pub(super) fn resume(&self) {
        let jobs: Vec<Job> = self.keeping().jobs.values().cloned().collect();
        for job in jobs.into_iter().filter(|_| self.keeping().frozen.is_none()) {
            tracing::warn!(job = job.no, "a destruction was interrupted; it goes on");
            if let Err(error) = self.run(&job) {
                tracing::error!(job = job.no, %error, "a destruction does not go on");
            }
        }
    }

    /// Destroys what of `job` is not destroyed yet, then certifies it.
    fn run(&self, job: &Job) -> Result<u64, StoreError> {
        let _one = self.destroying.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let open = |id: &RecordingId| !self.keeping().gone.contains_key(id);
        let left: Vec<RecordingId> = job.recordings.iter().copied().filter(open).collect();
        // Whoever had begun to derive an item before the job stood in the book comes to an end first.
        drop(self.deriving.write().unwrap_or_else(std::sync::PoisonError::into_inner));
        for portion in left.chunks(AT_ONCE) {
            self.bury(portion, &job.no)?;
        }
        self.index.settle();
        let certificate = self.certify(job)?;
        let destroyed = job.recordings.len() as u64;
        self.keep("node", Keep::JobDone { job: job.no.clone(), certificate, destroyed })?;
        self.alarms.clear(&format!("job {}", job.no));
        Ok(destroyed)
    }

    /// Destroys `recordings` and what was derived from them, then writes their tombstones.
    fn bury(&self, recordings: &[RecordingId], job: &str) -> Result<(), StoreError> {
        let root = self.files.root();
        let mut lying = self.lying_beside(recordings)?;
        let (mut folders, mut stones) = (BTreeSet::new(), Vec::new());
        for recording in recordings.iter().copied() {
            let leaf = self.index.row(recording)?.and_then(|row| row.leaf).unwrap_or(u64::MAX);
            let derived: Vec<ItemId> = lying.remove(&recording).into_iter().flatten().collect();
            shred_all(root, recording, &derived)?;
            let path = Place::Recording(recording).path(root);
            folders.extend(path.parent().filter(|folder| folder.exists()).map(Path::to_path_buf));
            stones.push(Keep::Destroyed { recording, job: job.into(), leaf, derived });
        }
        sync_folders(folders)?;
        self.keep_all("node", stones).map(drop)
    }

    /// Destroys again what has a tombstone and a file: a backup was brought back (DES-07). Before anything is served.
    pub(super) fn bury_again(&self) -> Result<u64, StoreError> {
        let root = self.files.root();
        let gone: Vec<(RecordingId, Vec<ItemId>)> =
            self.keeping().gone.iter().map(|(id, gone)| (*id, gone.derived.clone())).collect();
        let (mut buried, mut folders) = (0, BTreeSet::new());
        for (recording, derived) in gone {
            let path = Place::Recording(recording).path(root);
            let back = path.exists() || derived.iter().any(|item| path_now(root, recording, *item).exists());
            if back {
                shred_all(root, recording, &derived)?;
                folders.extend(path.parent().map(Path::to_path_buf));
                buried += 1;
            }
        }
        sync_folders(folders)?;
        if buried > 0 {
            tracing::warn!(buried, "recordings that were destroyed had come back; they are destroyed again");
        }
        Ok(buried)
    }
}

/// Recordings that were destroyed after a backup was made that was brought back: `restore` writes them down for the first start.
pub(super) const TOLD: &str = "destroyed-since.json";

impl Inner {
    /// Destroys what [`TOLD`] names, and writes its tombstones. Before anything is served (DES-07).
    pub(super) fn bury_told(&self) -> Result<(), StoreError> {
        let path = self.files.root().join(TOLD);
        let Ok(text) = std::fs::read(&path) else { return Ok(()) };
        let told: Vec<RecordingId> =
            serde_json::from_slice(&text).map_err(|error| disk_error(&path)(io::Error::other(error)))?;
        let open: Vec<RecordingId> =
            told.into_iter().filter(|id| !self.keeping().gone.contains_key(id)).collect();
        for portion in open.chunks(AT_ONCE) {
            self.bury(portion, "restore")?;
        }
        std::fs::remove_file(&path).map_err(disk_error(&path))
    }
}

fn sync_folders(folders: BTreeSet<PathBuf>) -> Result<(), StoreError> {
    for folder in folders {
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(disk_error(&folder))?;
    }
    Ok(())
}

/// Shreds what was derived from a recording, then the recording.
fn shred_all(root: &Path, recording: RecordingId, derived: &[ItemId]) -> Result<(), StoreError> {
    let items = derived.iter().map(|item| path_now(root, recording, *item));
    for path in items.chain([Place::Recording(recording).path(root)]) {
        shred(&path).map_err(disk_error(&path))?;
    }
    Ok(())
}

/// Overwrites the wrapped data key, makes that durable, and unlinks the file. A file that is gone is done.
pub(super) fn shred(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut front = Vec::new();
    io::Read::by_ref(&mut file).take(Header::MAX_BYTES as u64).read_to_end(&mut front)?;
    // A file without a readable header has no key to destroy; what it has goes with it.
    if let Ok(header) = Header::parse(&front) {
        let slot = Header::slot_range(header.len_bytes);
        file.write_all_at(&vec![0; slot.len()], slot.start as u64)?;
        file.sync_all()?;
    }
    std::fs::remove_file(path)
}
