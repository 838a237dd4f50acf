//! Parking: a party waits in a slot, hears music, and is taken from there by whoever dials the slot; or its parker is rung again.
//!
//! ```text
//! Talking ──REFER to a slot, or `*68` and a slot pressed──> Parked ──somebody dials the slot──> Talking
//!                                                             |  └─ time is over ──> Dialling (the parker)
//!                                                             └─ the parked party hangs up ──> Ending
//! ```
//!
//! Invariant: a slot holds at most one call, and a call that is not parked holds no slot.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::{CallId, LegId, Masked, Time};
use crate::config::Features;
use crate::media::{Sound, Tone};
use crate::plan::{Ended, Reply, Target};
use crate::presence::{Direction, Line, Party, Stage as Lamp};
use crate::vault::Event;

use super::desk::{Alarm, Desk};
use super::guest::Guest;
use super::{Call, Phase};

/// How long the parker is rung when nobody has come.
const RECALL: Duration = Duration::from_secs(30);

/// Keys of one code come closer together than this.
const BETWEEN_KEYS: Duration = Duration::from_secs(3);

/// The slots of the node and who is in them.
#[derive(Debug, Default)]
pub struct Lot {
    slots: Vec<String>,
    code: Option<String>,
    stays: Duration,
    taken: HashMap<String, CallId>,
}

impl Lot {
    /// The empty slots that are configured.
    pub fn new(features: &Features) -> Lot {
        Lot {
            slots: features.slots.clone(),
            code: features.park.clone(),
            stays: features.park_for,
            taken: HashMap::new(),
        }
    }

    /// The call in a slot.
    pub fn call_in(&self, slot: &str) -> Option<CallId> {
        self.taken.get(slot).copied()
    }

    /// Whether nobody is parked.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether a number that somebody is transferred to means a slot, or the park code with or without one.
    pub(super) fn is_meant_by(&self, number: &str) -> bool {
        self.wanted(number).is_some()
    }

    /// The free slot that `number` means; `None` when it means none, or a taken one.
    fn free(&self, number: &str) -> Option<String> {
        let free = |slot: &&String| !self.taken.contains_key(*slot);
        match self.wanted(number)? {
            "" => self.slots.iter().find(free).cloned(),
            slot => self.slots.iter().find(|one| *one == slot).filter(free).cloned(),
        }
    }

    /// A slot that is free, the wanted one if one is wanted.
    fn free_slot(&self, wanted: Option<&str>) -> Option<String> {
        let fits =
            |slot: &&String| !self.taken.contains_key(*slot) && wanted.is_none_or(|wanted| *slot == wanted);
        self.slots.iter().find(fits).cloned()
    }

    /// The slot that a number names; empty: any.
    fn wanted<'n>(&'n self, number: &'n str) -> Option<&'n str> {
        let behind = self.code.as_deref().and_then(|code| number.strip_prefix(code));
        let slot = behind.unwrap_or(number);
        let any = slot.is_empty() && behind.is_some() && !self.slots.is_empty();
        (any || self.slots.iter().any(|one| one == slot)).then_some(slot)
    }
}

/// A call in a slot.
#[derive(Debug)]
pub(super) struct Parked {
    pub slot: String,
    /// Who parked it.
    by: Masked,
    /// Whether its plan parked it: then the plan goes on when nobody comes.
    by_plan: bool,
    /// Somebody who is on the way to take it.
    pub guest: Option<LegId>,
}

/// The keys that a party has pressed lately: perhaps a code.
#[derive(Debug, Default)]
pub(super) struct Typed {
    leg: Option<LegId>,
    keys: String,
    last: Time,
}

/// Into a slot.
impl Call {
    /// A key of a conversation: the park code and a slot (or `#` for any) park the other side.
    pub(super) fn typed(&mut self, desk: &mut Desk<'_>, leg: LegId, key: char) {
        let Some(code) = desk.lot.code.clone().filter(|_| self.peer_of(leg).is_some()) else { return };
        if self.typed.leg != Some(leg) || desk.now.since(self.typed.last) > BETWEEN_KEYS || key == '*' {
            self.typed = Typed { leg: Some(leg), ..Typed::default() };
        }
        self.typed.last = desk.now;
        self.typed.keys.push(key);
        let Some(slot) = self.typed.keys.strip_prefix(&code) else {
            // No code begins so: the rest of the number is nothing of ours.
            if !code.starts_with(&self.typed.keys) {
                self.typed.leg = None;
            }
            return;
        };
        if slot == "#" || (!slot.is_empty() && desk.lot.is_meant_by(slot)) {
            let wanted = format!("{code}{}", slot.trim_end_matches('#'));
            self.typed = Typed::default();
            self.park_by_key(desk, leg, &wanted);
        }
    }

    fn park_by_key(&mut self, desk: &mut Desk<'_>, by: LegId, wanted: &str) {
        let (Some(peer), Some(slot)) = (self.peer_of(by), desk.lot.free(wanted)) else {
            return self.note(desk, format!("{by} parks, and there is no free slot"));
        };
        let near = self.near;
        desk.alarms.clear(&(self.id, Alarm::Talk));
        self.part_near(desk);
        self.shown = self.shown_of(desk, peer);
        self.orphan |= peer != near;
        self.moved = true;
        self.serve(desk, peer);
        self.put_into(desk, by, slot);
        self.release(desk, by, 487, None);
    }

    /// A transfer to a slot is set up: the transferred party goes there. The status that the transferor hears.
    pub(super) fn park_transferred(&mut self, desk: &mut Desk<'_>, by: LegId, number: &str) {
        match desk.lot.free(number) {
            Some(slot) => {
                self.transfer_done(desk);
                self.put_into(desk, by, slot);
            }
            None => self.transfer_failed(desk, 486),
        }
    }

    /// The plan lets its caller wait in a slot. `Some` when none is free.
    pub(super) fn park_by_plan(
        &mut self,
        desk: &mut Desk<'_>,
        slot: Option<Masked>,
        wait: Duration,
    ) -> Option<Reply> {
        let Some(slot) = desk.lot.free_slot(slot.as_ref().map(Masked::reveal)) else {
            self.note(desk, "the plan parks, and there is no free slot".into());
            return Some(Reply::Did(Ended::Failed));
        };
        let near = self.near;
        self.put_into(desk, near, slot);
        if let Phase::Parked(parked) = &mut self.phase {
            parked.by_plan = true;
        }
        desk.alarms.set((self.id, Alarm::Parked), desk.now + wait);
        None
    }

    fn put_into(&mut self, desk: &mut Desk<'_>, by: LegId, slot: String) {
        let parked = self.near;
        self.note(desk, format!("{by} parks {parked} in slot {slot}"));
        let value = serde_json::json!({ "by": by.0, "slot": slot });
        self.record_event(desk, Event::Other { name: "park".into(), value });
        desk.lot.taken.insert(slot.clone(), self.id);
        desk.alarms.set((self.id, Alarm::Parked), desk.now + desk.lot.stays);
        let by = self.leg(by).map(|at| at.user.clone()).unwrap_or_default();
        self.phase = Phase::Parked(Parked { slot, by, by_plan: false, guest: None });
        match desk.node.manner.music {
            Some(_) => self.hold_music(desk, parked),
            None => drop(self.start_sounds(desk, parked, vec![Sound::Tone(Tone::Waiting)], true)),
        }
    }
}

/// Out of a slot.
impl Call {
    /// Lets `guest` take the parked party.
    ///
    /// # Errors
    /// The guest, whose INVITE is still to be answered: nobody is parked here, or somebody else is taking it.
    pub fn retrieve(&mut self, desk: &mut Desk<'_>, guest: Guest) -> Result<(), Box<Guest>> {
        let next = self.next_leg();
        let (Some(id), Phase::Parked(parked)) = (next, &mut self.phase) else { return Err(Box::new(guest)) };
        if parked.guest.is_some() {
            return Err(Box::new(guest));
        }
        parked.guest = Some(id);
        let slot = parked.slot.clone();
        self.come_in(desk, id, guest);
        self.note(desk, format!("{id} takes slot {slot}"));
        Ok(())
    }

    /// Nobody has come: the parker is rung again. Somebody who is on the way at this moment is let through.
    pub(super) fn parked_too_long(&mut self, desk: &mut Desk<'_>) {
        let Phase::Parked(parked) = &self.phase else { return };
        if parked.guest.is_some() {
            return desk.alarms.set((self.id, Alarm::Parked), desk.now + BETWEEN_KEYS);
        }
        let (by, by_plan) = (parked.by.clone(), parked.by_plan);
        self.leave_slot(desk);
        self.phase = Phase::Between;
        self.quiet(desk, self.near);
        if by_plan {
            return self.resume(desk, Reply::Did(Ended::Timeout));
        }
        self.note(desk, "parked for too long: the parker is rung".into());
        if let Some(nobody) = self.dial(desk, &[Target::User(by)], RECALL, None) {
            self.dialled(desk, nobody);
        }
    }

    /// The call is not parked any more.
    pub(super) fn leave_slot(&mut self, desk: &mut Desk<'_>) {
        if let Phase::Parked(parked) = &self.phase {
            desk.lot.taken.remove(&parked.slot);
            desk.alarms.clear(&(self.id, Alarm::Parked));
        }
    }

    /// The lamp of the slot.
    pub(super) fn slot_line(&self) -> Option<(String, Line)> {
        let Phase::Parked(parked) = &self.phase else { return None };
        let waits = self.leg(self.near)?;
        let user = waits.number.clone().unwrap_or_else(|| waits.user.clone());
        let line = Line {
            id: format!("{}-{}", self.id, parked.slot),
            dialog: None,
            direction: Direction::Recipient,
            stage: Lamp::Confirmed,
            remote: Some(Party { user, display: Masked::default(), private: false }),
        };
        Some((parked.slot.clone(), line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Random;
    use crate::base::Wall;

    #[test]
    fn slots_are_found_by_number_and_by_code() {
        let slots = vec!["701".to_string(), "702".to_string()];
        let mut lot = Lot::new(&Features { slots, ..Features::default() });
        let call = CallId::new(Wall::from_micros(0), &mut Random::from_number(1));
        for (taken, number, slot) in [
            (None, "701", Some("701")),
            (None, "*68702", Some("702")),
            (None, "*68", Some("701")),
            (None, "", None),
            (None, "703", None),
            (None, "*68703", None),
            (Some("701"), "701", None),
            (None, "*68", Some("702")),
            (Some("702"), "*68", None),
        ] {
            lot.taken.extend(taken.map(|slot: &str| (slot.to_string(), call)));
            assert_eq!(lot.free(number).as_deref(), slot, "{number}");
        }
        assert!(lot.is_meant_by("701") && lot.is_meant_by("*68") && !lot.is_meant_by("8001"));
        let none = Lot::new(&Features::default());
        assert!(!none.is_meant_by("*68") && !none.is_meant_by("701"), "without slots nobody parks");
    }
}
