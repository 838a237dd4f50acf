//! The writer's view of a file system: few verbs, each either done or an error, so that a simulated disk can lose, tear
//! and refuse as real ones do.
//!
//! Invariant: only [`Disk::sync`] and [`Disk::sync_all`] make anything durable.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::base::{ItemId, RecordingId, Wall};
use crate::vault::Book;

/// A file of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// `recordings/YYYY/MM/DD/r-….llr`; the day (UTC) is that of the id's time stamp.
    Recording(RecordingId),
    /// `cdr/NNNNNNNN.llc` (`audit/….lla`, `keeping/….llk`), hexadecimal.
    Log(Book, u32),
    /// `ledger/leaves`.
    Leaves,
    /// `ledger/heads`: those that are kept.
    Heads,
    /// `ledger/head`: the newest, written anew with every batch.
    Head,
    /// `journal/NNNNNNNNNNNNNNNN.llj`, hexadecimal.
    Journal(u64),
    /// `reserve`: space given up for closing records when the disk is full.
    Reserve,
}

impl Place {
    /// Its path in the store's folder.
    pub(super) fn path(self, root: &Path) -> PathBuf {
        match self {
            Place::Recording(id) => day_folder(root, started(id)).join(format!("{id}.llr")),
            Place::Log(book, number) => {
                let (folder, ending) = book.folder();
                root.join(folder).join(format!("{number:08x}.{ending}"))
            }
            Place::Leaves => root.join("ledger").join("leaves"),
            Place::Heads => root.join("ledger").join("heads"),
            Place::Head => root.join("ledger").join("head"),
            Place::Journal(number) => root.join("journal").join(format!("{number:016x}.llj")),
            Place::Reserve => root.join("reserve"),
        }
    }
}

/// The time stamp in an id (ULID: 48 bits of milliseconds).
pub(super) fn started(id: RecordingId) -> Wall {
    let [a, b, c, d, e, f, ..] = id.to_bytes();
    Wall::from_micros(i64::from_be_bytes([0, 0, a, b, c, d, e, f]).saturating_mul(1_000))
}

/// Where an item derived from `recording` lies: beside it, `r-….d-….lld`.
pub(super) fn derived_path(root: &Path, recording: RecordingId, item: ItemId) -> PathBuf {
    day_folder(root, started(recording)).join(derived_name(recording, item))
}

/// The name of its file.
pub(super) fn derived_name(recording: RecordingId, item: ItemId) -> String {
    format!("{recording}.{item}.lld")
}

/// What [`derived_name`] names.
pub(super) fn derived_named(name: &str) -> Option<(RecordingId, ItemId)> {
    let (recording, item) = name.strip_suffix(".lld")?.split_once('.')?;
    Some((recording.parse().ok()?, item.parse().ok()?))
}

/// The items derived from recordings in a folder, ascending.
pub(super) fn derived_in(day: &Path) -> io::Result<Vec<(RecordingId, ItemId)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(day)? {
        found.extend(entry?.file_name().to_str().and_then(derived_named));
    }
    found.sort();
    Ok(found)
}

/// The folder of the recordings of the day of `at` (UTC).
fn day_folder(root: &Path, at: Wall) -> PathBuf {
    let day = jiff::Timestamp::from_microsecond(at.as_micros())
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
        .unwrap_or_default();
    let number = |value: i8| format!("{value:02}");
    root.join("recordings")
        .join(format!("{:04}", day.year()))
        .join(number(day.month()))
        .join(number(day.day()))
}

/// Free and whole size of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub free: u64,
    pub total: u64,
}

/// What the writer needs of a file system.
pub(super) trait Disk: Send {
    /// Writes at `offset`; makes the file and its folders when they are missing.
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `len`.
    fn truncate(&mut self, place: Place, len: u64) -> io::Result<()>;
    /// Makes the file's octets and length durable (fdatasync).
    fn sync(&mut self, place: Place) -> io::Result<()>;
    /// Makes the files and their names durable; those that failed come back.
    fn sync_all(&mut self, places: &BTreeSet<Place>) -> Vec<(Place, io::Error)>;
    /// Up to `len` octets from `offset`; fewer at the end of the file.
    fn read(&mut self, place: Place, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// Length of the file; `None` when there is none.
    fn len(&mut self, place: Place) -> io::Result<Option<u64>>;
    /// Journal segments present, ascending.
    fn journals(&mut self) -> io::Result<Vec<u64>>;
    /// Segments of `book` present, ascending.
    fn logs(&mut self, book: Book) -> io::Result<Vec<u32>>;
    /// Recordings present whose id was made at `since` or later.
    fn recordings_since(&mut self, since: Wall) -> io::Result<Vec<RecordingId>>;
    /// Removes the file, if it is there.
    fn remove(&mut self, place: Place) -> io::Result<()>;
    /// Makes the file `len` long with its space taken.
    fn allocate(&mut self, place: Place, len: u64) -> io::Result<()>;
    /// Free and whole size.
    fn space(&mut self) -> io::Result<Space>;
    /// The file will not be written soon.
    fn release(&mut self, place: Place);
}

/// The real one.
pub(super) struct RealDisk {
    root: PathBuf,
    open: HashMap<Place, File>,
}

/// From so many files on one syncfs is cheaper than an fdatasync each: both cost one flush of the device.
const MANY: usize = 8;

impl RealDisk {
    pub(super) fn new(root: &Path) -> RealDisk {
        RealDisk { root: root.to_path_buf(), open: HashMap::new() }
    }

    /// The open file of `place`, made if `create`.
    fn file(&mut self, place: Place, create: bool) -> io::Result<&File> {
        use std::collections::hash_map::Entry;
        match self.open.entry(place) {
            Entry::Occupied(file) => Ok(file.into_mut()),
            Entry::Vacant(slot) => {
                let path = place.path(&self.root);
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(create).mode(0o600);
                let file = match options.open(&path) {
                    Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                        make_folder(path.parent().unwrap_or(&self.root))?;
                        options.open(&path)?
                    }
                    other => other?,
                };
                Ok(slot.insert(file))
            }
        }
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        match fs::read_dir(folder) {
            Ok(entries) => {
                let mut names = Vec::new();
                for entry in entries {
                    names.extend(entry?.file_name().into_string().ok());
                }
                names.sort();
                Ok(names)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Every folder from that of `place` up to the store's own.
    fn folders(&self, place: Place) -> Vec<PathBuf> {
        let path = place.path(&self.root);
        path.ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(&self.root))
            .map(Path::to_path_buf)
            .collect()
    }
}

/// Makes a folder and those above it, for its owner only.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl Disk for RealDisk {
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(place, true)?.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, place: Place, len: u64) -> io::Result<()> {
        self.file(place, false)?.set_len(len)
    }

    fn sync(&mut self, place: Place) -> io::Result<()> {
        self.file(place, false)?.sync_data()
    }

    fn sync_all(&mut self, places: &BTreeSet<Place>) -> Vec<(Place, io::Error)> {
        let together =
            places.len() > MANY && File::open(&self.root).is_ok_and(|root| rustix::fs::syncfs(&root).is_ok());
        let mut failed = Vec::new();
        let mut folders = BTreeSet::new();
        for place in places {
            let known = self.open.contains_key(place);
            if !together && let Err(error) = self.sync(*place) {
                failed.push((*place, error));
            }
            if !known {
                self.open.remove(place);
            }
            folders.extend(self.folders(*place));
        }
        if !together {
            for folder in folders {
                if let Err(error) = File::open(&folder).and_then(|folder| folder.sync_all()) {
                    // A name that may be lost counts against every file below it.
                    let below = places.iter().filter(|place| place.path(&self.root).starts_with(&folder));
                    failed
                        .extend(below.map(|place| (*place, io::Error::new(error.kind(), error.to_string()))));
                }
            }
        }
        failed
    }

    fn read(&mut self, place: Place, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = self.file(place, false)?;
        let mut bytes = vec![0; len];
        let mut done = 0;
        while let Some(room) = bytes.get_mut(done..).filter(|room| !room.is_empty()) {
            match file.read_at(room, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn len(&mut self, place: Place) -> io::Result<Option<u64>> {
        match fs::metadata(place.path(&self.root)) {
            Ok(facts) => Ok(Some(facts.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn journals(&mut self) -> io::Result<Vec<u64>> {
        let names = self.names(&self.root.join("journal"))?;
        let number = |name: &String| u64::from_str_radix(name.strip_suffix(".llj")?, 16).ok();
        Ok(names.iter().filter_map(number).collect())
    }

    fn logs(&mut self, book: Book) -> io::Result<Vec<u32>> {
        let (folder, ending) = book.folder();
        let names = self.names(&self.root.join(folder))?;
        let number =
            |name: &String| u32::from_str_radix(name.strip_suffix(ending)?.strip_suffix('.')?, 16).ok();
        Ok(names.iter().filter_map(number).collect())
    }

    fn recordings_since(&mut self, since: Wall) -> io::Result<Vec<RecordingId>> {
        let first = day_folder(&self.root, since);
        let mut found = Vec::new();
        for day in day_folders(&self.root)? {
            if day >= first {
                found.extend(recordings_in(&day)?.into_iter().filter(|id| started(*id) >= since));
            }
        }
        Ok(found)
    }

    fn remove(&mut self, place: Place) -> io::Result<()> {
        self.open.remove(&place);
        match fs::remove_file(place.path(&self.root)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn allocate(&mut self, place: Place, len: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        let result = fallocate(self.file(place, true)?, FallocateFlags::empty(), 0, len);
        self.open.remove(&place);
        result.map_err(io::Error::from)
    }

    fn space(&mut self) -> io::Result<Space> {
        let facts = rustix::fs::statvfs(&self.root)?;
        Ok(Space {
            free: facts.f_bavail.saturating_mul(facts.f_frsize),
            total: facts.f_blocks.saturating_mul(facts.f_frsize),
        })
    }

    fn release(&mut self, place: Place) {
        self.open.remove(&place);
    }
}

/// The day folders of a store, ascending.
pub(super) fn day_folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut level = vec![root.join("recordings")];
    for digits in [4, 2, 2] {
        let mut below = Vec::new();
        for folder in level {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
                if name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit()) {
                    below.push(path);
                }
            }
        }
        level = below;
    }
    level.sort();
    Ok(level)
}

/// The recordings in a day's folder, ascending.
pub(super) fn recordings_in(day: &Path) -> io::Result<Vec<RecordingId>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(day)? {
        let name = entry?.file_name();
        found.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(".llr"))
                .and_then(|id| id.parse::<RecordingId>().ok()),
        );
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Random;

    #[test]
    fn places_have_their_paths() {
        let id = RecordingId::new(Wall::from_micros(1_795_337_972_120_000), &mut Random::from_number(3));
        let root = Path::new("/s");
        for (place, path) in [
            (Place::Recording(id), format!("/s/recordings/2026/11/22/{id}.llr")),
            (Place::Log(Book::Cdr, 255), "/s/cdr/000000ff.llc".into()),
            (Place::Log(Book::Audit, 255), "/s/audit/000000ff.lla".into()),
            (Place::Log(Book::Keeping, 1), "/s/keeping/00000001.llk".into()),
            (Place::Leaves, "/s/ledger/leaves".into()),
            (Place::Heads, "/s/ledger/heads".into()),
            (Place::Journal(16), "/s/journal/0000000000000010.llj".into()),
            (Place::Reserve, "/s/reserve".into()),
        ] {
            assert_eq!(place.path(root), Path::new(&path));
        }
    }

    #[test]
    fn what_is_derived_lies_beside_its_recording() {
        let mut random = Random::from_number(3);
        let recording = RecordingId::new(Wall::from_micros(1_795_337_972_120_000), &mut random);
        let item = ItemId::new(Wall::from_micros(1_900_000_000_000_000), &mut random);
        let path = derived_path(Path::new("/s"), recording, item);
        assert_eq!(path.parent(), Place::Recording(recording).path(Path::new("/s")).parent());
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert_eq!(derived_named(name), Some((recording, item)));
        assert_eq!(derived_named(&format!("{recording}.llr")), None);
    }

    #[test]
    fn the_real_disk_keeps_what_it_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = RealDisk::new(folder.path());
        let mut random = Random::from_number(3);
        let ids: Vec<RecordingId> = (0..3)
            .map(|day| RecordingId::new(Wall::from_micros(day * 86_400_000_000), &mut random))
            .collect();
        for id in &ids {
            disk.write(Place::Recording(*id), 0, b"hello").expect("room");
        }
        disk.write(Place::Journal(7), 0, b"x").expect("room");
        disk.write(Place::Log(Book::Cdr, 2), 0, b"x").expect("room");
        disk.write(Place::Recording(ids[0]), 5, b" world").expect("room");
        assert_eq!(disk.read(Place::Recording(ids[0]), 3, 100).expect("there"), b"lo world");
        disk.truncate(Place::Recording(ids[0]), 2).expect("there");
        assert_eq!(disk.len(Place::Recording(ids[0])).expect("there"), Some(2));
        let all: BTreeSet<Place> = ids.iter().map(|id| Place::Recording(*id)).collect();
        assert!(disk.sync_all(&all).is_empty());
        assert_eq!(disk.journals().expect("a folder"), [7]);
        assert_eq!(disk.logs(Book::Cdr).expect("a folder"), [2]);
        assert_eq!(disk.recordings_since(Wall::from_micros(86_400_000_000)).expect("a folder"), ids[1..]);
        disk.remove(Place::Recording(ids[0])).expect("gone");
        disk.remove(Place::Recording(ids[0])).expect("gone already");
        assert_eq!(disk.len(Place::Recording(ids[0])).expect("gone"), None);
        disk.allocate(Place::Reserve, 8_192).expect("room");
        assert_eq!(disk.len(Place::Reserve).expect("there"), Some(8_192));
        assert!(disk.space().expect("a file system").total > 0);
        let missing = BTreeSet::from([Place::Log(Book::Cdr, 99)]);
        assert_eq!(disk.sync_all(&missing).len(), 1, "what is not there is not durable");
    }
}
