//! Conferences: parties that came by calls of their own meet in one call, the room's, which is that of whoever came first.
//!
//! ```text
//! conference "ROOM" ─┬─ nobody is there: this call is the room ───────────────> Room, alone with music
//!                    └─ somebody is: the caller's leg comes over (adopt.rs) ──> its own call ends, the room has a party more
//! ```
//!
//! Each hears all others and not itself. The room's recording holds the party that the call serves on one track and all that this party
//! hears on the other: whoever says something is heard there. When that party leaves, another is served.
//! Invariant: a room of the register is a call in [`Phase::Room`]; the last party to leave closes it.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{CallId, LegId, Masked, bounds};
use crate::media::{Order, Sound, Tone};
use crate::plan::{Ended, Reply};
use crate::vault::Event;

use super::adopt::Given;
use super::desk::{Alarm, Desk, Effect};
use super::hangup::End;
use super::leg::{Leg, Stage};
use super::{Call, Phase};

/// The rooms of a node and the calls that they are.
#[derive(Debug, Default)]
pub struct Rooms {
    calls: HashMap<String, CallId>,
}

impl Rooms {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

/// What an administrator does in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomAct {
    /// Let nobody new in, or again.
    Lock(bool),
    /// Let nobody hear a party, or again.
    Mute(LegId, bool),
    /// Show a party out.
    Kick(LegId),
}

/// A call that is a room.
#[derive(Debug)]
pub(super) struct Room {
    name: String,
    /// Who is in it.
    seated: Vec<LegId>,
    /// Who is on the way in: their phones are being told of another port.
    entering: Vec<LegId>,
    muted: Vec<LegId>,
    locked: bool,
}

/// A caller who is to come into a room that is another call.
#[derive(Debug)]
pub(super) struct Entering {
    pub into: CallId,
    pub limit: u16,
    pub longest: Duration,
    asked: bool,
}

/// Into a room.
impl Call {
    /// Takes the party that the plan serves into a room. `Some` when that has ended already.
    pub(super) fn confer(
        &mut self,
        desk: &mut Desk<'_>,
        room: &Masked,
        limit: u16,
        longest: Duration,
    ) -> Option<Reply> {
        let linear = |at: &Leg| at.media.agreed.first().is_some_and(|format| format.codec.is_linear());
        if !self.leg(self.near).is_some_and(linear) {
            self.note(desk, "a codec that is only passed through cannot be mixed".into());
            return Some(Reply::Did(Ended::Failed));
        }
        let name = room.reveal().to_string();
        match desk.rooms.calls.get(&name).copied() {
            Some(into) => {
                self.phase = Phase::Entering(Entering { into, limit, longest, asked: false });
                self.enter(desk);
            }
            None => self.open_room(desk, name, longest),
        }
        None
    }

    fn open_room(&mut self, desk: &mut Desk<'_>, name: String, longest: Duration) {
        let near = self.near;
        self.note(desk, format!("{near} opens a conference"));
        desk.rooms.calls.insert(name.clone(), self.id);
        let room = Room { name, seated: Vec::new(), entering: Vec::new(), muted: Vec::new(), locked: false };
        self.phase = Phase::Room(room);
        // What it hears is on the other track.
        let other = 1 - self.track_of(near).min(1);
        self.record_formats(desk, near, other);
        desk.alarms.set((self.id, Alarm::Stays(near)), desk.now + longest);
        self.seat(desk, near);
    }

    /// Asks to be let in, as soon as the caller's dialog is idle: its phone will have to be told of another port.
    pub(super) fn enter(&mut self, desk: &mut Desk<'_>) {
        let idle = self.leg(self.near).is_some_and(is_idle);
        let from = self.id;
        let Phase::Entering(entering) = &mut self.phase else { return };
        if idle && !std::mem::replace(&mut entering.asked, true) {
            let (into, limit, longest) = (entering.into, entering.limit, entering.longest);
            desk.effects.push_back(Effect::Enter { into, from, limit, longest });
        }
    }

    /// Whether the room lets one more in.
    ///
    /// # Errors
    /// How the plan's `conference` ends.
    pub fn admits(&self, limit: u16) -> Result<(), Ended> {
        let Phase::Room(room) = &self.phase else { return Err(Ended::Failed) };
        let inside = room.seated.len() + room.entering.len();
        match () {
            () if room.locked => Err(Ended::Failed),
            () if inside >= usize::from(limit) || self.legs.len() >= bounds::LEGS_PER_CALL => {
                Err(Ended::Full)
            }
            () => Ok(()),
        }
    }

    /// The room has let nobody in: the plan says what the caller meets next.
    pub fn not_admitted(&mut self, desk: &mut Desk<'_>, why: Ended) {
        if matches!(self.phase, Phase::Entering(_)) {
            self.note(desk, format!("not let into the conference: {}", why.word()));
            self.phase = Phase::Between;
            self.resume(desk, Reply::Did(why));
        }
    }

    /// Gives the party that the plan serves to a room, and ends.
    pub fn give_near(&mut self, desk: &mut Desk<'_>, into: CallId) -> Option<Given> {
        let near = self.near;
        self.note(desk, format!("{near} goes into conference {into}"));
        let value = serde_json::json!({ "into": into.to_string() });
        self.record_event(desk, Event::Other { name: "conference".into(), value });
        self.hand_over(desk, near, End::Conferred).ok()
    }

    /// Takes a party in that another call has given.
    pub fn take_party(&mut self, desk: &mut Desk<'_>, given: Given, from: CallId, longest: Duration) {
        let Some(id) = self.adopt_given(desk, given) else { return };
        match &mut self.phase {
            Phase::Room(room) => room.entering.push(id),
            _ => return self.release(desk, id, 487, None),
        }
        desk.alarms.set((self.id, Alarm::Stays(id)), desk.now + longest);
        let value = serde_json::json!({ "leg": id.0, "from": from.to_string() });
        self.record_event(desk, Event::Other { name: "conference".into(), value });
    }

    /// Whether a leg is on its way into the room.
    pub(super) fn is_entering(&self, leg: LegId) -> bool {
        matches!(&self.phase, Phase::Room(room) if room.entering.contains(&leg))
    }

    /// A party has taken its place: it hears the others, and they hear a beep.
    pub(super) fn seat(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let call = self.id;
        let Phase::Room(room) = &mut self.phase else { return };
        room.entering.retain(|other| *other != leg);
        room.seated.push(leg);
        let company = room.seated.len() > 1;
        if let Some(at) = self.leg_mut(leg) {
            at.talked |= leg != super::CALLER;
        }
        self.tap(desk, leg);
        if !company {
            return self.hold_music(desk, leg);
        }
        for leg in self.seated() {
            self.hears_no_music(leg);
        }
        let seats =
            self.seated().into_iter().map(|leg| Order::Mix { call, leg, role: crate::media::Role::Party });
        desk.effects.extend(seats.map(Effect::Media));
        self.plays += 1;
        let sounds = vec![Sound::Tone(Tone::Beep)];
        desk.effects.push_back(Effect::Media(Order::Announce { call, play: self.plays, sounds }));
        self.note(desk, format!("{leg} is in the conference"));
    }

    fn seated(&self) -> Vec<LegId> {
        if let Phase::Room(room) = &self.phase { room.seated.clone() } else { Vec::new() }
    }
}

/// In it, and out of it.
impl Call {
    /// An administrator acts. `false`: there is no such party, or this is no room.
    pub fn act_in_room(&mut self, desk: &mut Desk<'_>, act: RoomAct) -> bool {
        let Phase::Room(room) = &mut self.phase else { return false };
        match act {
            RoomAct::Lock(locked) => {
                room.locked = locked;
                self.note(
                    desk,
                    if locked { "the conference is locked" } else { "the conference is open" }.into(),
                );
            }
            RoomAct::Mute(leg, muted) if room.seated.contains(&leg) => {
                room.muted.retain(|other| *other != leg);
                if muted {
                    room.muted.push(leg);
                }
                self.mute_in_room(desk, leg);
                self.note(desk, format!("{leg} is {}", if muted { "muted" } else { "heard again" }));
            }
            RoomAct::Kick(leg) if room.seated.contains(&leg) => {
                self.note(desk, format!("{leg} is shown out"));
                self.show_out(desk, leg);
            }
            RoomAct::Mute(..) | RoomAct::Kick(_) => return false,
        }
        true
    }

    /// A party that holds plays music of its own to whoever listens: nobody is to hear it.
    pub(super) fn mute_in_room(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let holds = self.leg(leg).is_some_and(|at| at.media.is_held());
        let Phase::Room(room) = &self.phase else { return };
        let muted = holds || room.muted.contains(&leg);
        desk.effects.push_back(Effect::Media(Order::Mute { call: self.id, leg, muted }));
    }

    /// A party has stayed for as long as it may.
    pub(super) fn stayed_long_enough(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.note(desk, format!("{leg} has stayed for as long as it may"));
        self.show_out(desk, leg);
    }

    fn show_out(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.release(desk, leg, 487, None);
        self.close_media(desk, leg);
        self.left_room(desk, leg);
    }

    /// A party has left the room; the last one closes it.
    pub(super) fn left_room(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Phase::Room(room) = &mut self.phase else { return };
        let was_seated = room.seated.contains(&leg);
        room.seated.retain(|other| *other != leg);
        room.entering.retain(|other| *other != leg);
        let next = room.seated.first().or(room.entering.first()).copied();
        let alone = room.seated.len() == 1;
        desk.alarms.clear(&(self.id, Alarm::Stays(leg)));
        if was_seated {
            self.record_event(desk, Event::Left { leg });
        }
        let Some(next) = next else { return self.end(desk, End::Party(leg)) };
        self.moved = true;
        if leg == self.near {
            self.succeed(desk, next);
        }
        if alone && was_seated {
            let order = Order::Unmix { call: self.id, leg: next };
            desk.effects.push_back(Effect::Media(order));
            self.hold_music(desk, next);
        }
    }

    /// The party that was served has left: the recording follows another.
    fn succeed(&mut self, desk: &mut Desk<'_>, next: LegId) {
        let track = self.track_of(self.near);
        if let Some(at) = self.leg_mut(next) {
            at.track = track;
        }
        self.orphan = true;
        self.serve(desk, next);
        self.record_formats(desk, next, track);
        self.record_formats(desk, next, 1 - track.min(1));
    }

    /// The call is a room no more.
    pub(super) fn close_room(&mut self, desk: &mut Desk<'_>) {
        if let Phase::Room(room) = &self.phase {
            desk.rooms.calls.remove(&room.name);
            for leg in room.seated.iter().chain(&room.entering) {
                desk.alarms.clear(&(self.id, Alarm::Stays(*leg)));
            }
        }
    }
}

/// Whether a leg's dialog is free for a change of ours.
pub(super) fn is_idle(at: &Leg) -> bool {
    let idle = matches!(at.stage, Stage::Up { unacked: None, leaving: false, .. });
    idle && at.renewal.is_none() && at.exchange.may_invite()
}
