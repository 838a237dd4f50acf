//! The legs of one worker by slot: what a socket's readiness names, found without hashing.
//!
//! Invariant: a key names its leg or nothing; a slot that is used again has another generation.

use super::leg::Leg;

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
    /// Boxed: memory goes back when the leg goes, and the table grows without moving legs.
    leg: Option<Box<Leg>>,
}

impl Table {
    /// The key that the next [`Table::insert`] gives.
    pub(super) fn next(&mut self) -> LegKey {
        let index = self.free.last().copied().unwrap_or_else(|| {
            let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            self.slots.push(Slot { generation: 0, leg: None });
            self.free.push(index);
            index
        });
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        LegKey { index, generation }
    }

    /// Puts a leg in the place that [`Table::next`] named.
    pub(super) fn insert(&mut self, key: LegKey, leg: Leg) {
        if self.free.last() == Some(&key.index) {
            self.free.pop();
        } else {
            self.free.retain(|index| *index != key.index);
        }
        if let Some(slot) = self.slots.get_mut(key.index as usize) {
            slot.leg = Some(Box::new(leg));
        }
    }

    pub(super) fn get(&self, key: LegKey) -> Option<&Leg> {
        let slot = self.slots.get(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        slot.leg.as_deref()
    }

    pub(super) fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        slot.leg.as_deref_mut()
    }

    pub(super) fn remove(&mut self, key: LegKey) -> Option<Box<Leg>> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        let leg = slot.leg.take()?;
        slot.generation = (slot.generation + 1) & (u32::MAX >> 1);
        self.free.push(key.index);
        Some(leg)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.slots.iter_mut().filter_map(|slot| slot.leg.as_deref_mut())
    }

    pub(super) fn iter_keyed(&mut self) -> impl Iterator<Item = (LegKey, &mut Leg)> {
        (0..).zip(&mut self.slots).filter_map(|(index, slot)| {
            Some((LegKey { index, generation: slot.generation }, slot.leg.as_deref_mut()?))
        })
    }

    /// One more than the largest index in use.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// The key of the leg in a slot.
    pub(super) fn key_at(&self, index: u32) -> Option<LegKey> {
        let slot = self.slots.get(index as usize).filter(|slot| slot.leg.is_some())?;
        Some(LegKey { index, generation: slot.generation })
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
