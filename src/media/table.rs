//! The legs of one worker, and their strands, by slot: what a socket's readiness names, found without hashing.
//!
//! Invariant: a key names its leg or nothing; a slot that is used again has another generation.

use super::leg::Leg;
use super::pipe::Pipe;

/// Names a leg within its worker: the back end's name for a pair of sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LegKey {
    index: u32,
    generation: u32,
}

impl LegKey {
    /// From what [`LegKey::index`] and [`LegKey::generation`] gave.
    pub const fn from_parts(index: u32, generation: u32) -> LegKey {
        LegKey { index, generation }
    }

    /// The slot; small, and used again after the leg is closed.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Tells this use of the slot from others; below 2³¹.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    held: Held,
}

/// What a slot holds. Boxed: memory goes back when the leg goes, and the table grows without moving legs.
#[derive(Debug)]
enum Held {
    Nothing,
    Leg(Box<Leg>),
    Pipe(Box<Pipe>),
}

impl Slot {
    fn leg(&self) -> Option<&Leg> {
        match &self.held {
            Held::Leg(leg) => Some(leg),
            _ => None,
        }
    }

    fn leg_mut(&mut self) -> Option<&mut Leg> {
        match &mut self.held {
            Held::Leg(leg) => Some(leg),
            _ => None,
        }
    }

    fn pipe_mut(&mut self) -> Option<&mut Pipe> {
        match &mut self.held {
            Held::Pipe(pipe) => Some(pipe),
            _ => None,
        }
    }
}

impl Table {
    /// The key that the next [`Table::insert`] gives.
    pub(super) fn next(&mut self) -> LegKey {
        let index = self.free.last().copied().unwrap_or_else(|| {
            let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            self.slots.push(Slot { generation: 0, held: Held::Nothing });
            self.free.push(index);
            index
        });
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        LegKey { index, generation }
    }

    /// Puts a leg in the place that [`Table::next`] named.
    pub(super) fn insert(&mut self, key: LegKey, leg: Leg) {
        self.hold(key, Held::Leg(Box::new(leg)));
    }

    /// The same for a strand.
    pub(super) fn insert_pipe(&mut self, key: LegKey, pipe: Pipe) {
        self.hold(key, Held::Pipe(Box::new(pipe)));
    }

    fn hold(&mut self, key: LegKey, held: Held) {
        if self.free.last() == Some(&key.index) {
            self.free.pop();
        } else {
            self.free.retain(|index| *index != key.index);
        }
        if let Some(slot) = self.slots.get_mut(key.index as usize) {
            slot.held = held;
        }
    }

    pub(super) fn get(&self, key: LegKey) -> Option<&Leg> {
        self.slots.get(key.index as usize).filter(|slot| slot.generation == key.generation)?.leg()
    }

    pub(super) fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.slot_mut(key)?.leg_mut()
    }

    pub(super) fn pipe(&self, key: LegKey) -> Option<&Pipe> {
        match &self.slots.get(key.index as usize).filter(|slot| slot.generation == key.generation)?.held {
            Held::Pipe(pipe) => Some(pipe),
            _ => None,
        }
    }

    pub(super) fn pipe_mut(&mut self, key: LegKey) -> Option<&mut Pipe> {
        self.slot_mut(key)?.pipe_mut()
    }

    fn slot_mut(&mut self, key: LegKey) -> Option<&mut Slot> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: LegKey) -> Option<Box<Leg>> {
        self.get(key)?;
        match self.clear(key)? {
            Held::Leg(leg) => Some(leg),
            _ => None,
        }
    }

    pub(super) fn remove_pipe(&mut self, key: LegKey) -> Option<Box<Pipe>> {
        self.pipe(key)?;
        match self.clear(key)? {
            Held::Pipe(pipe) => Some(pipe),
            _ => None,
        }
    }

    fn clear(&mut self, key: LegKey) -> Option<Held> {
        let slot = self.slot_mut(key)?;
        let held = std::mem::replace(&mut slot.held, Held::Nothing);
        slot.generation = (slot.generation + 1) & (u32::MAX >> 1);
        self.free.push(key.index);
        Some(held)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.slots.iter_mut().filter_map(Slot::leg_mut)
    }

    pub(super) fn pipes_mut(&mut self) -> impl Iterator<Item = &mut Pipe> {
        self.slots.iter_mut().filter_map(Slot::pipe_mut)
    }

    pub(super) fn iter_keyed(&mut self) -> impl Iterator<Item = (LegKey, &mut Leg)> {
        (0..).zip(&mut self.slots).filter_map(|(index, slot)| {
            Some((LegKey { index, generation: slot.generation }, slot.leg_mut()?))
        })
    }

    /// One more than the largest index in use.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// The key of the leg in a slot.
    pub(super) fn key_at(&self, index: u32) -> Option<LegKey> {
        let slot = self.slots.get(index as usize).filter(|slot| slot.leg().is_some())?;
        Some(LegKey { index, generation: slot.generation })
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
