//! A disk that loses power, lies about fdatasync and fills up.
//!
//! The model: a write is in the cache until a sync of its file succeeds. A loss of power keeps any part of what was not
//! synced, torn anywhere, and forgets names that were not synced. After a failed sync the cache calls its pages clean
//! and they never come down, as on Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::base::{Random, RecordingId, Wall};
use crate::vault::Book;

use super::disk::{Disk, Place, Space, started};

#[derive(Default, Clone)]
pub(super) struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<(usize, Vec<u8>)>,
    /// The length is cached only.
    named: bool,
}

pub(super) struct State {
    pub(super) files: BTreeMap<Place, File>,
    random: Random,
    pub(super) capacity: u64,
    /// Of a thousand syncs so many fail.
    pub(super) bad_syncs: u64,
    /// After so many verbs every verb fails: the process is as good as dead.
    pub(super) dies_in: Option<u64>,
}

/// A view of the simulated disk; views share the disk.
#[derive(Clone)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    pub(super) fn new(seed: u64) -> SimDisk {
        let random = Random::from_number(seed);
        let state = State { files: BTreeMap::new(), random, capacity: 1 << 30, bad_syncs: 0, dies_in: None };
        SimDisk(Arc::new(Mutex::new(state)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("one thread")
    }

    /// The next verb.
    fn verb(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if let Some(left) = &mut state.dies_in {
            if *left == 0 {
                return Err(io::Error::other("dead"));
            }
            *left -= 1;
        }
        Ok(state)
    }

    /// The process dies; the cache lives on.
    pub(super) fn kill(&self) {
        self.state().dies_in = None;
    }

    /// Power is lost.
    pub(super) fn lose_power(&self) {
        let mut state = self.state();
        state.dies_in = None;
        let State { files, random, .. } = &mut *state;
        files.retain(|_, file| file.named || random.below(2) == 0);
        for file in files.values_mut() {
            let mut kept = std::mem::take(&mut file.durable);
            for (offset, bytes) in std::mem::take(&mut file.dirty) {
                let len = match random.below(3) {
                    0 => continue,
                    1 => bytes.len(),
                    _ => random.below(bytes.len() as u64 + 1) as usize,
                };
                put(&mut kept, offset, &bytes[..len]);
            }
            *file = File { cached: kept.clone(), durable: kept, dirty: Vec::new(), named: true };
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, part: &[u8]) {
    if bytes.len() < offset + part.len() {
        bytes.resize(offset + part.len(), 0);
    }
    bytes[offset..offset + part.len()].copy_from_slice(part);
}

impl State {
    fn used(&self) -> u64 {
        self.files.values().map(|file| file.cached.len() as u64).sum()
    }

    fn sync(&mut self, place: Place) -> io::Result<()> {
        let bad = self.random.below(1_000) < self.bad_syncs;
        let file = self.files.get_mut(&place).ok_or(io::ErrorKind::NotFound)?;
        let dirty = std::mem::take(&mut file.dirty);
        if bad {
            return Err(io::Error::other("EIO"));
        }
        for (offset, bytes) in dirty {
            put(&mut file.durable, offset, &bytes);
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.verb()?;
        let len = state.files.get(&place).map_or(0, |file| file.cached.len());
        let grows = (offset as usize + bytes.len()).saturating_sub(len) as u64;
        let room = state.capacity.saturating_sub(state.used());
        let fits = bytes.len() - (grows.saturating_sub(room) as usize).min(bytes.len());
        let file = state.files.entry(place).or_default();
        put(&mut file.cached, offset as usize, &bytes[..fits]);
        file.dirty.push((offset as usize, bytes[..fits].to_vec()));
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, place: Place, len: u64) -> io::Result<()> {
        let mut state = self.verb()?;
        let file = state.files.get_mut(&place).ok_or(io::ErrorKind::NotFound)?;
        file.cached.truncate(len as usize);
        // Lengths come down in order with later data on a journaling file system.
        file.durable.truncate(len as usize);
        for (offset, bytes) in &mut file.dirty {
            bytes.truncate((len as usize).saturating_sub(*offset));
        }
        Ok(())
    }

    fn sync(&mut self, place: Place) -> io::Result<()> {
        self.verb()?.sync(place)
    }

    fn sync_all(&mut self, places: &BTreeSet<Place>) -> Vec<(Place, io::Error)> {
        let mut failed = Vec::new();
        for place in places {
            let done = self.verb().and_then(|mut state| {
                state.sync(*place)?;
                state.files.get_mut(place).ok_or(io::ErrorKind::NotFound)?.named = true;
                Ok(())
            });
            failed.extend(done.err().map(|error| (*place, error)));
        }
        failed
    }

    fn read(&mut self, place: Place, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.verb()?;
        let file = state.files.get(&place).ok_or(io::ErrorKind::NotFound)?;
        let from = (offset as usize).min(file.cached.len());
        Ok(file.cached[from..(from + len).min(file.cached.len())].to_vec())
    }

    fn len(&mut self, place: Place) -> io::Result<Option<u64>> {
        Ok(self.verb()?.files.get(&place).map(|file| file.cached.len() as u64))
    }

    fn journals(&mut self) -> io::Result<Vec<u64>> {
        let journal = |place: &Place| if let Place::Journal(number) = place { Some(*number) } else { None };
        Ok(self.verb()?.files.keys().filter_map(journal).collect())
    }

    fn logs(&mut self, book: Book) -> io::Result<Vec<u32>> {
        let log = |place: &Place| match place {
            Place::Log(of, number) if *of == book => Some(*number),
            _ => None,
        };
        Ok(self.verb()?.files.keys().filter_map(log).collect())
    }

    fn recordings_since(&mut self, since: Wall) -> io::Result<Vec<RecordingId>> {
        let recording = |place: &Place| if let Place::Recording(id) = place { Some(*id) } else { None };
        let all = self.verb()?.files.keys().filter_map(recording).collect::<Vec<_>>();
        Ok(all.into_iter().filter(|id| started(*id) >= since).collect())
    }

    fn remove(&mut self, place: Place) -> io::Result<()> {
        self.verb()?.files.remove(&place);
        Ok(())
    }

    fn allocate(&mut self, place: Place, len: u64) -> io::Result<()> {
        let mut state = self.verb()?;
        if state.used() + len > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = state.files.entry(place).or_default();
        file.cached.resize(len as usize, 0);
        Ok(())
    }

    fn space(&mut self) -> io::Result<Space> {
        let state = self.verb()?;
        Ok(Space { free: state.capacity.saturating_sub(state.used()), total: state.capacity })
    }

    fn release(&mut self, _: Place) {}
}
