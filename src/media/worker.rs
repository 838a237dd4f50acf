//! One worker of the data plane without its sockets: orders in, news and tap items out, packets through.
//!
//! Usage: [`Worker::order`] for every order, [`Worker::packet`] for every datagram, [`Worker::tick`] at
//! [`Worker::deadline`]; after each batch of these [`Worker::settle`], then the polls until they are empty.
//! Invariant: a call's legs, taps and sockets are all gone when its `Ended` is reported.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::base::{CallId, LegId, OwnMap, Random, RecordingId, Time, bounds};
use crate::vault::TapItem;

use super::leg::{Leg, Tapped};
use super::mix::Mix;
use super::outbound::Outbound;
use super::pace::Pace;
use super::player::{Keypad, Player};
use super::table::Table;
use super::tap::{TapIndex, Taps};
use super::tone::TONES;
use super::{Aim, Channel, FeedPiece, LegKey, News, Order, PromptLibrary, Sound, Strand, Wire};

/// How often quiet legs are looked for.
pub(super) const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Worker {
    pub(super) table: Table,
    pub(super) calls: OwnMap<CallId, Session>,
    pub(super) taps: Taps,
    pub(super) pace: Pace,
    pub(super) news: VecDeque<News>,
    /// Channels whose source changed since the last [`Worker::settle`].
    pub(super) doors: Vec<(LegKey, Channel)>,
    pub(super) sweep_at: Option<Time>,
    pub(super) packets: u64,
    /// Sound for recognisers.
    pub(super) pieces: VecDeque<FeedPiece>,
    library: Arc<PromptLibrary>,
    random: Random,
}

/// What belongs to one call.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) legs: SmallVec<[(LegId, LegKey); 2]>,
    /// Their strands.
    pub(super) strands: Vec<(LegId, Strand, LegKey)>,
    pub(super) mix: Option<Box<Mix>>,
    taps: SmallVec<[(RecordingId, TapIndex); 1]>,
}

impl Session {
    fn leg(&self, leg: LegId) -> Option<LegKey> {
        self.legs.iter().find(|(id, _)| *id == leg).map(|(_, key)| *key)
    }
}

impl Worker {
    /// A worker without legs. `random` chooses stream identifiers and beginnings.
    pub fn new(random: Random) -> Worker {
        std::sync::LazyLock::force(&TONES);
        Worker {
            table: Table::default(),
            calls: OwnMap::default(),
            taps: Taps::default(),
            pace: Pace::default(),
            news: VecDeque::new(),
            doors: Vec::new(),
            sweep_at: None,
            packets: 0,
            pieces: VecDeque::new(),
            library: Arc::default(),
            random,
        }
    }

    /// Carries an order out.
    pub fn order(&mut self, now: Time, order: Order, wire: &mut impl Wire) {
        match order {
            Order::Open { call, leg, local } => self.open(now, call, leg, local, wire),
            Order::Aim { call, leg, aim } => self.aim(now, call, leg, aim),
            Order::Play { call, leg, play, sounds, repeat } => {
                self.play(now, (call, leg), play, &sounds, repeat)
            }
            Order::Stop { call, leg } => self.stop(call, leg),
            Order::Join { call, a, b } => {
                self.unlink_others(call, a, Some(b));
                self.join(now, call, a, b);
            }
            Order::Part { call, leg } => {
                self.unlink_others(call, leg, None);
                self.part(now, call, leg);
            }
            Order::Strand { call, leg, strand, act } => self.strand(now, (call, leg, strand), act, wire),
            Order::Keys { call, leg, keys } => self.keys(now, call, leg, &keys),
            Order::Tap { call, recording, started, leg, track, alone } => {
                self.tap(now, (call, leg), (recording, started), track, alone)
            }
            Order::Untap { call, recording } => self.untap(call, recording),
            Order::Mix { call, leg, role } => self.mix(now, call, leg, role),
            Order::Unmix { call, leg } => self.unmix(call, leg),
            Order::Lock { call, locked } => self.lock(call, locked),
            Order::Announce { call, play, sounds } => self.announce(call, play, &sounds),
            Order::Mute { call, leg, muted } => self.mute(now, call, leg, muted),
            Order::Bleep { call, leg, on } => self.bleep(call, leg, on),
            Order::Delay { call, leg, delay } => self.delay(now, call, leg, delay),
            Order::Feed { call, leg, feed, rate } => self.feed(now, call, leg, feed, rate),
            Order::Unfeed { call, leg, feed } => self.unfeed(now, call, leg, feed),
            Order::Report { call } => self.report(call),
            Order::Close { call, leg } => self.close(now, call, leg, wire),
            Order::End { call } => self.end(now, call, wire),
            Order::Prompts(library) => self.library = library,
        }
    }

    /// Tells the wire which sources became certain. To be called after every batch of packets and orders.
    pub fn settle(&mut self, wire: &mut impl Wire) {
        for (key, channel) in self.doors.drain(..) {
            let rtcp = channel == Channel::Rtcp;
            if let Some(leg) = self.table.get(key) {
                wire.narrow(key, channel, leg.only(rtcp));
            } else if let Some(pipe) = self.table.pipe(key) {
                wire.narrow(key, channel, pipe.only(rtcp));
            }
        }
    }

    /// The next news for the core.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Takes the newest news back if it is this one: whoever gave the order has told it already.
    pub fn unsay(&mut self, told: &News) {
        if self.news.back() == Some(told) {
            self.news.pop_back();
        }
    }

    /// The next item for the vault's ring. One that the ring refuses is dropped: the vault counts it.
    pub fn poll_tap(&mut self) -> Option<TapItem> {
        self.taps.poll()
    }

    /// How many legs are open.
    pub fn legs(&self) -> usize {
        self.table.len()
    }

    /// How many datagrams came in so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn key(&self, call: CallId, leg: LegId) -> Option<LegKey> {
        self.calls.get(&call)?.leg(leg)
    }

    pub(super) fn library(&self) -> &PromptLibrary {
        &self.library
    }

    pub(super) fn leg(&mut self, call: CallId, leg: LegId) -> Option<&mut Leg> {
        let key = self.key(call, leg)?;
        self.table.get_mut(key)
    }

    fn open(&mut self, now: Time, call: CallId, leg: LegId, local: IpAddr, wire: &mut impl Wire) {
        if let Some(open) = self.leg(call, leg) {
            let local = open.local;
            self.news.push_back(News::Opened { call, leg, local });
            return;
        }
        let session = self.calls.entry(call).or_default();
        let key = self.table.next();
        let bound = session.legs.len() < bounds::LEGS_PER_CALL;
        let Some(local) = bound.then(|| wire.open(key, local)).flatten() else {
            self.news.push_back(News::NoPort { call, leg });
            return;
        };
        session.legs.push((leg, key));
        let (ssrc, start) = (self.random.next_u32(), self.random.next_u64());
        let out = Outbound::new(ssrc, start as u16, (start >> 32) as u32, now);
        let cname = self.random.token(16).into_bytes().try_into().unwrap_or([b'0'; 16]);
        self.table.insert(key, Leg::new(call, leg, local, out, cname, now));
        self.sweep_at.get_or_insert(now + SWEEP);
        self.news.push_back(News::Opened { call, leg, local });
    }

    fn aim(&mut self, now: Time, call: CallId, leg: LegId, aim: Box<Aim>) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(leg) = self.table.get_mut(key) else { return };
        leg.take_aim(now, aim);
        let peer = leg.peer;
        self.route(now, key);
        if let Some(peer) = peer {
            self.route(now, peer);
        }
        self.doors.extend([(key, Channel::Rtp), (key, Channel::Rtcp)]);
    }

    /// Computes the routes of a leg anew, and listens to it if somebody wants its sound whatever they are.
    pub(super) fn route(&mut self, now: Time, key: LegKey) {
        let Some(peer) = self.table.get(key).map(|leg| leg.peer) else { return };
        let to = peer.and_then(|peer| self.table.get(peer)).and_then(Leg::aim).cloned();
        if let Some(leg) = self.table.get_mut(key) {
            leg.route_to(to.as_ref());
            if leg.is_attended() || leg.listening.is_some() {
                self.attend(now, key);
            }
        }
    }

    /// Begins to listen to a leg: its sound is wanted, decoded, here.
    pub(super) fn attend(&mut self, now: Time, key: LegKey) {
        let Some(leg) = self.table.get_mut(key) else { return };
        leg.attend();
        let peer = leg.peer;
        self.keep_pace(now, key);
        if let Some(peer) = peer {
            self.keep_pace(now, peer);
        }
    }

    /// Has a key that was pressed on one leg sent to another as that one takes keys.
    pub(super) fn press_on(&mut self, now: Time, to: Option<LegKey>, pressed: char) {
        let Some(key) = to else { return };
        let Some(leg) = self.table.get_mut(key) else { return };
        leg.keypad.get_or_insert_with(Box::<Keypad>::default).add(pressed.encode_utf8(&mut [0; 4]));
        self.keep_pace(now, key);
    }

    fn play(&mut self, now: Time, (call, leg): (CallId, LegId), play: u32, sounds: &[Sound], repeat: bool) {
        self.stop(call, leg);
        let Some(key) = self.key(call, leg) else { return };
        let player = Player::new(play, sounds, repeat, &self.library, now);
        if let Some(leg) = self.table.get_mut(key) {
            leg.player = Some(player);
        }
        self.keep_pace(now, key);
    }

    pub(super) fn stop(&mut self, call: CallId, leg: LegId) {
        if let Some(Player { play, .. }) = self.leg(call, leg).and_then(|leg| leg.player.take()) {
            self.news.push_back(News::Played { call, leg, play, whole: false });
        }
    }

    fn keys(&mut self, now: Time, call: CallId, leg: LegId, keys: &str) {
        let Some(key) = self.key(call, leg) else { return };
        if let Some(leg) = self.table.get_mut(key) {
            leg.keypad.get_or_insert_with(Box::<Keypad>::default).add(keys);
        }
        self.keep_pace(now, key);
    }

    /// Has the leg visited every 20 ms while it has something to say.
    fn keep_pace(&mut self, now: Time, key: LegKey) {
        let idle = self.taps.is_empty();
        let Some(leg) = self.table.get(key).filter(|leg| leg.paced.is_none()) else { return };
        // Legs of one call keep step, so that what one says is what the other hears in the same visit.
        let fellows = self.calls.get(&leg.call).map_or(&[][..], |session| &session.legs);
        let phase = fellows.iter().find_map(|(_, fellow)| self.table.get(*fellow)?.paced);
        let phase = self.pace.add(now, key, idle, phase);
        if let Some(leg) = self.table.get_mut(key) {
            leg.paced = Some(phase);
        }
    }

    fn join(&mut self, now: Time, call: CallId, a: LegId, b: LegId) {
        let (Some(key_a), Some(key_b)) = (self.key(call, a), self.key(call, b)) else { return };
        if key_a == key_b {
            return;
        }
        for leg in [a, b] {
            self.stop(call, leg);
            self.part(now, call, leg);
        }
        for (key, peer) in [(key_a, key_b), (key_b, key_a)] {
            self.drop_part(call, key);
            if let Some(leg) = self.table.get_mut(key) {
                leg.peer = Some(peer);
                leg.out.interrupt();
                leg.reports.begin(now);
            }
        }
        self.route(now, key_a);
        self.route(now, key_b);
    }

    pub(super) fn part(&mut self, now: Time, call: CallId, leg: LegId) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(peer) = self.table.get_mut(key).and_then(|leg| leg.peer.take()) else { return };
        if let Some(peer) = self.table.get_mut(peer) {
            peer.peer = None;
        }
        for key in [key, peer] {
            if let Some(leg) = self.table.get_mut(key) {
                leg.out.interrupt();
            }
            self.route(now, key);
        }
    }

    fn tap(
        &mut self,
        now: Time,
        (call, leg): (CallId, LegId),
        (recording, started): (RecordingId, Time),
        track: u8,
        alone: bool,
    ) {
        let Some(key) = self.key(call, leg) else { return };
        let Some(index) = self.tap_index(now, call, recording, started) else { return };
        if let Some(leg) = self.table.get_mut(key) {
            leg.tap = Some(Tapped { tap: index, track, alone });
        }
    }

    /// The tap of a recording of a call, opened when it is the first that is asked for.
    pub(super) fn tap_index(
        &mut self,
        now: Time,
        call: CallId,
        recording: RecordingId,
        started: Time,
    ) -> Option<TapIndex> {
        let idle = self.taps.is_empty() && self.pace.is_empty();
        let session = self.calls.get_mut(&call)?;
        let open = session.taps.iter().find(|(id, _)| *id == recording).map(|(_, index)| *index);
        let index = open.unwrap_or_else(|| {
            let index = self.taps.open(recording, started);
            session.taps.push((recording, index));
            index
        });
        if idle {
            self.pace.restart(now);
        }
        Some(index)
    }

    fn untap(&mut self, call: CallId, recording: RecordingId) {
        let Some(session) = self.calls.get_mut(&call) else { return };
        let Some(place) = session.taps.iter().position(|(id, _)| *id == recording) else { return };
        let (_, index) = session.taps.swap_remove(place);
        for (_, key) in &session.legs {
            if let Some(leg) = self.table.get_mut(*key)
                && leg.tap.is_some_and(|tapped| tapped.tap == index)
            {
                leg.tap = None;
            }
        }
        for (.., key) in &session.strands {
            if let Some(pipe) = self.table.pipe_mut(*key) {
                pipe.forget_tap(index);
            }
        }
        self.taps.close(index);
    }

    fn report(&mut self, call: CallId) {
        if let Some(session) = self.calls.get(&call) {
            let facts =
                session.legs.iter().filter_map(|(_, key)| self.table.get(*key)).map(|leg| leg.facts(false));
            self.news.extend(facts);
        }
        self.news.push_back(News::Reported { call });
    }

    fn close(&mut self, now: Time, call: CallId, leg: LegId, wire: &mut impl Wire) {
        self.close_strands(call, leg, wire);
        self.part(now, call, leg);
        self.stop(call, leg);
        if let Some(key) = self.key(call, leg) {
            self.drop_part(call, key);
        }
        let Some(session) = self.calls.get_mut(&call) else { return };
        let Some(place) = session.legs.iter().position(|(id, _)| *id == leg) else { return };
        let (_, key) = session.legs.swap_remove(place);
        if let Some(leg) = self.table.remove(key) {
            self.news.push_back(leg.facts(true));
        }
        wire.close(key);
        if self.table.len() == 0 {
            self.sweep_at = None;
        }
    }

    fn end(&mut self, now: Time, call: CallId, wire: &mut impl Wire) {
        let legs: SmallVec<[LegId; 4]> = self
            .calls
            .get(&call)
            .map(|session| session.legs.iter().map(|(leg, _)| *leg).collect())
            .unwrap_or_default();
        for leg in legs {
            self.close(now, call, leg, wire);
        }
        while let Some(recording) = self.calls.get(&call).and_then(|session| Some(session.taps.first()?.0)) {
            self.untap(call, recording);
        }
        self.calls.remove(&call);
        self.news.push_back(News::Ended { call });
    }
}
