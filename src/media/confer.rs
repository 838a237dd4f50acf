//! Orders that make the worker consume sound: mixes, mutes, delays, feeds.
//!
//! Invariant: a call has a mix exactly while a leg has a part in it.

use std::time::Duration;

use crate::base::{CallId, LegId, Time, bounds};

use super::delay;
use super::feed::{Feed, FeedPiece};
use super::leg::Leg;
use super::mix::{Mix, Part, whispers_to};
use super::player::Player;
use super::{FeedId, FeedRate, LegKey, News, Role, Sound, Worker};

type Samples = crate::rtp::linear::Frame;

impl Worker {
    /// The next piece of sound for a recogniser.
    pub fn poll_feed(&mut self) -> Option<FeedPiece> {
        self.pieces.pop_front()
    }

    pub(super) fn mix(&mut self, now: Time, call: CallId, leg: LegId, role: Role) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(at) = self.table.get(key) else { return };
        let (new, able) = (at.part.is_none(), at.own_format().is_some());
        let locked = self.mix_of(call).is_some_and(|mix| mix.locked);
        if !able || new && locked {
            return self.news.push_back(News::Refused { call, leg });
        }
        if new {
            self.stop(call, leg);
            self.part(now, call, leg);
        }
        if let Some(session) = self.calls.get_mut(&call) {
            session.mix.get_or_insert_with(|| Box::new(Mix::new()));
        }
        if let Some(at) = self.table.get_mut(key) {
            at.part = Some(Part { role, leaves: false });
            at.out.interrupt();
        }
        self.route(now, key);
    }

    pub(super) fn unmix(&mut self, call: CallId, leg: LegId) {
        if let Some(part) = self.leg(call, leg).and_then(|leg| leg.part.as_mut()) {
            part.leaves = true;
        }
    }

    /// Takes a leg out of the mix at once; the last one takes the mix along.
    pub(super) fn drop_part(&mut self, call: CallId, key: LegKey) {
        let Some(leg) = self.table.get_mut(key).filter(|leg| leg.part.is_some()) else { return };
        leg.part = None;
        leg.out.interrupt();
        let Some(session) = self.calls.get_mut(&call) else { return };
        let legs = session.legs.iter().filter_map(|(_, key)| self.table.get(*key));
        if legs.filter(|leg| leg.part.is_some()).count() == 0
            && let Some(Player { play, .. }) = session.mix.take().and_then(|mut mix| mix.hush())
        {
            self.news.push_back(News::Announced { call, play, whole: false });
        }
    }

    pub(super) fn lock(&mut self, call: CallId, locked: bool) {
        if let Some(mix) = self.mix_of(call) {
            mix.locked = locked;
        }
    }

    pub(super) fn announce(&mut self, call: CallId, play: u32, sounds: &[Sound]) {
        let player = Player::new(play, sounds, false, self.library(), Time::ZERO);
        let Some(mix) = self.mix_of(call) else {
            return self.news.push_back(News::Announced { call, play, whole: false });
        };
        let before = if sounds.is_empty() { mix.hush() } else { mix.announce(player) };
        if let Some(Player { play, .. }) = before {
            self.news.push_back(News::Announced { call, play, whole: false });
        }
    }

    pub(super) fn mute(&mut self, now: Time, call: CallId, leg: LegId, muted: bool) {
        let Some(key) = self.key(call, leg) else { return };
        if let Some(leg) = self.table.get_mut(key) {
            leg.muted = muted;
        }
        self.route(now, key);
    }

    pub(super) fn bleep(&mut self, call: CallId, leg: LegId, on: bool) {
        if let Some(leg) = self.key(call, leg).and_then(|key| self.table.get_mut(key)) {
            leg.bleeps = on;
        }
    }

    pub(super) fn delay(&mut self, now: Time, call: CallId, leg: LegId, delay: Duration) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(at) = self.table.get_mut(key) else { return };
        if !at.is_linear() {
            return self.news.push_back(News::Refused { call, leg });
        }
        at.delay = u8::try_from(delay::frames(delay)).unwrap_or(u8::MAX);
        self.route(now, key);
    }

    pub(super) fn feed(&mut self, now: Time, call: CallId, leg: LegId, feed: FeedId, rate: FeedRate) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(at) = self.table.get_mut(key) else { return };
        at.feeds.retain(|other| other.id != feed);
        if at.feeds.len() >= bounds::FEEDS || !at.is_linear() {
            return self.news.push_back(News::Refused { call, leg });
        }
        at.feeds.push(Feed::new(feed, rate));
        self.route(now, key);
    }

    pub(super) fn unfeed(&mut self, now: Time, call: CallId, leg: LegId, feed: FeedId) {
        let Some(key) = self.key(call, leg) else { return };
        if let Some(leg) = self.table.get_mut(key) {
            leg.feeds.retain(|other| other.id != feed);
        }
        self.route(now, key);
    }

    /// What a leg hears in the mix of its call.
    pub(super) fn heard_in_mix(&self, leg: &Leg, part: Part) -> Option<Samples> {
        let session = self.calls.get(&leg.call)?;
        let own = leg.heard().filter(|_| part.role == Role::Party);
        let fellows = session.legs.iter().filter_map(|(_, key)| self.table.get(*key));
        let whispers = fellows.filter(|other| whispers_to(other.part) == Some(leg.id)).filter_map(Leg::heard);
        Some(session.mix.as_ref()?.heard(own, whispers))
    }

    /// Lets the mix have what a leg said in this step.
    pub(super) fn mix_in(&mut self, step: u64, key: LegKey) {
        let Some(leg) = self.table.get(key) else { return };
        let Some(part) = leg.part else { return };
        let mix = self.calls.get_mut(&leg.call).and_then(|session| session.mix.as_mut());
        if let Some(mix) = mix {
            self.news.extend(mix.begin(leg.call, step));
            if let Some(said) = leg.heard().filter(|_| part.role == Role::Party) {
                mix.add(said);
            }
        }
    }

    fn mix_of(&mut self, call: CallId) -> Option<&mut Mix> {
        self.calls.get_mut(&call)?.mix.as_deref_mut()
    }
}
