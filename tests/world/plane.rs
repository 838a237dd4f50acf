//! A media plane without packets: it honours every order as the real one does and knows at each moment who is wired to whom.
//!
//! It is the reference for "who hears whom": the world compares it with what the phones agreed to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use ledgerline::base::bounds::QUIET;
use ledgerline::base::{CallId, LegId, PromptId, Random, RecordingId, Time};
use ledgerline::media::{Aim, LegFacts, News, Order, Role, Sound, Strand, StrandAct, StrandAim, StrandNews};
use ledgerline::plan::Program;

use super::network::between;

/// A leg that is open.
#[derive(Debug)]
pub struct Leg {
    pub local: SocketAddr,
    pub aim: Option<Aim>,
    pub joined: Option<LegId>,
    /// What it is in the mix of its call.
    pub role: Option<Role>,
    pub muted: bool,
    pub taps: Vec<(RecordingId, u8)>,
    /// For how long the far end was heard, and was sent to, by others than the switch.
    pub heard_for: Duration,
    pub sent_for: Duration,
    /// Since when nothing comes from the far end though it is listened to, and how often that was told.
    silent: Option<(Time, u32)>,
    play: Option<Play>,
    told_of: Option<SocketAddr>,
}

#[derive(Debug)]
struct Play {
    number: u32,
    ends: Option<Time>,
}

impl Leg {
    /// Whether what plays goes on until it is stopped.
    pub fn plays_on(&self) -> bool {
        self.play.as_ref().is_some_and(|play| play.ends.is_none())
    }

    pub fn plays(&self) -> bool {
        self.play.is_some()
    }

    /// Whether the far end speaks from now on.
    pub fn hears_speech(&mut self, now: Time, speaks: bool) {
        let listens = self.aim.as_ref().is_some_and(|aim| aim.receive);
        self.silent = match self.silent {
            _ if speaks || !listens => None,
            None => Some((now, 0)),
            silent => silent,
        };
    }

    /// When its silence is told of.
    fn silence_due(&self) -> Option<Time> {
        self.silent.map(|(since, told)| since + QUIET * (told + 1))
    }

    fn facts(&self) -> LegFacts {
        let packets = |time: Duration| u64::try_from(time.as_millis() / 20).unwrap_or(0);
        LegFacts {
            packets_in: packets(self.heard_for),
            packets_out: packets(self.sent_for),
            ..LegFacts::default()
        }
    }
}

/// Video or fax of a leg.
#[derive(Debug)]
pub struct Line {
    pub aim: Option<StrandAim>,
    pub linked: Option<LegId>,
    pub taps: Vec<(RecordingId, u8)>,
}

/// The plane.
pub struct Plane {
    pub calls: BTreeMap<CallId, BTreeMap<LegId, Leg>>,
    /// Legs that may be open at one time.
    pub ports: usize,
    /// What each prompt's sound lasts.
    pub prompts: HashMap<PromptId, Duration>,
    /// What was reported of legs when they closed.
    pub facts: BTreeMap<(CallId, LegId), LegFacts>,
    /// Keys that each leg was sent.
    pub keys: BTreeMap<(CallId, LegId), String>,
    /// By how much what a leg says reaches the others later.
    pub delays: BTreeMap<(CallId, LegId), std::time::Duration>,
    /// Legs in whose place a tone is heard while they are muted.
    pub bleeps: std::collections::BTreeSet<(CallId, LegId)>,
    /// Every aim that was ordered.
    pub aimed: Vec<(CallId, LegId, Aim)>,
    /// Orders that make no sense.
    pub faults: Vec<String>,
    /// Every prompt that was played to its end, by listener.
    pub played: Vec<(CallId, LegId, u32)>,
    /// Video and fax of legs that are open.
    pub strands: BTreeMap<(CallId, LegId, Strand), Line>,
    /// Legs that were ordered, whether there was a port or not.
    ordered: BTreeSet<(CallId, LegId)>,
    locked: BTreeSet<CallId>,
    ever: BTreeMap<(CallId, LegId), SocketAddr>,
    ended: Vec<CallId>,
    news: BTreeMap<(Time, u64), News>,
    /// Does what it is told and reports nothing.
    pub is_mute: bool,
    /// How long news take.
    pub delay: Range<Duration>,
    last_news: Time,
    serial: u64,
    next_port: u16,
    random: Random,
}

impl Plane {
    pub fn new(random: Random) -> Plane {
        Plane {
            calls: BTreeMap::new(),
            ports: 1_000,
            prompts: HashMap::new(),
            facts: BTreeMap::new(),
            keys: BTreeMap::new(),
            delays: BTreeMap::new(),
            bleeps: Default::default(),
            aimed: Vec::new(),
            faults: Vec::new(),
            played: Vec::new(),
            strands: BTreeMap::new(),
            ordered: BTreeSet::new(),
            locked: BTreeSet::new(),
            ever: BTreeMap::new(),
            ended: Vec::new(),
            news: BTreeMap::new(),
            is_mute: false,
            delay: Duration::from_micros(200)..Duration::from_micros(200),
            last_news: Time::ZERO,
            serial: 0,
            next_port: 20_000,
            random,
        }
    }

    /// Takes a program's prompts.
    pub fn learn(&mut self, program: &Program) {
        self.prompts.extend(program.prompts().iter().map(|prompt| (prompt.id, prompt.duration)));
    }

    /// Takes an order.
    pub fn order(&mut self, now: Time, order: Order) {
        if let Some(call) = order.call()
            && self.ended.contains(&call)
        {
            if !matches!(
                order,
                Order::End { .. } | Order::Close { .. } | Order::Untap { .. } | Order::Stop { .. }
            ) {
                self.faults.push(format!("an order after the end: {order:?}"));
            }
            return;
        }
        match order {
            Order::Open { call, leg, local } => self.open(now, call, leg, local),
            Order::Aim { call, leg, aim } => self.aim(now, call, leg, *aim),
            Order::Play { call, leg, play, sounds, repeat } => {
                self.play(now, call, leg, play, &sounds, repeat)
            }
            Order::Stop { call, leg } => self.stop(now, call, leg),
            Order::Join { call, a, b } => {
                self.unlink_others(call, a, Some(b));
                self.unlink_others(call, b, Some(a));
                self.join(now, call, a, b);
            }
            Order::Part { call, leg } => {
                self.unlink_others(call, leg, None);
                self.part(call, leg);
            }
            Order::Strand { call, leg, strand, act } => self.strand(now, (call, leg, strand), act),
            Order::Keys { call, leg, keys } => {
                if self.known(call, leg, "Keys").is_some() {
                    self.keys.entry((call, leg)).or_default().push_str(&keys);
                }
            }
            Order::Tap { call, recording, leg, track, .. } => self.tap(call, recording, leg, track),
            Order::Untap { call, recording } => {
                for at in self.calls.entry(call).or_default().values_mut() {
                    at.taps.retain(|(is, _)| *is != recording);
                }
            }
            Order::Report { call } => self.report(now, call),
            Order::Close { call, leg } => self.close(now, call, leg),
            Order::End { call } => self.end(now, call),
            Order::Prompts(_) => {}
            Order::Mix { call, leg, role } => self.mix(now, call, leg, role),
            Order::Unmix { call, leg } => {
                if let Some(at) = self.leg_mut(call, leg) {
                    at.role = None;
                }
            }
            Order::Mute { call, leg, muted } => {
                if let Some(at) = self.known(call, leg, "Mute") {
                    at.muted = muted;
                }
            }
            Order::Bleep { call, leg, on } => {
                if on {
                    self.bleeps.insert((call, leg))
                } else {
                    self.bleeps.remove(&(call, leg))
                };
            }
            Order::Delay { call, leg, delay } => {
                self.delays.insert((call, leg), delay);
            }
            Order::Lock { call, locked } => {
                if locked {
                    self.locked.insert(call);
                } else {
                    self.locked.remove(&call);
                }
            }
            Order::Announce { call, play, .. } => {
                self.tell(now, News::Announced { call, play, whole: true });
            }
            other => self.faults.push(format!("no plan gives this order yet: {other:?}")),
        }
    }

    /// The legs whose sound a leg is sent.
    pub fn heard_by(legs: &BTreeMap<LegId, Leg>, listener: LegId) -> Vec<LegId> {
        let Some(at) = legs.get(&listener) else { return Vec::new() };
        let speaks = |other: &LegId| legs.get(other).is_some_and(|other| !other.muted);
        if at.role.is_none() {
            return at.joined.into_iter().filter(speaks).collect();
        }
        let reaches = |role: Option<Role>| match role {
            Some(Role::Party) => true,
            Some(Role::Whisper(to)) => to == listener,
            Some(Role::Listener) | None => false,
        };
        let others = legs.iter().filter(|(id, other)| **id != listener && reaches(other.role));
        others.map(|(id, _)| *id).filter(speaks).collect()
    }

    fn mix(&mut self, now: Time, call: CallId, leg: LegId, role: Role) {
        let locked = self.locked.contains(&call);
        let Some(at) = self.known(call, leg, "Mix") else { return };
        if at.role.is_none() && locked {
            return self.tell(now, News::Refused { call, leg });
        }
        self.part(call, leg);
        self.stop(now, call, leg);
        if let Some(at) = self.leg_mut(call, leg) {
            at.role = Some(role);
        }
    }

    /// A key that the far end of a leg presses: heard if the leg is listened to; passed on to whom it is joined with.
    pub fn press(&mut self, now: Time, local: SocketAddr, key: char) {
        let place = self.place_of(local);
        let Some((call, leg)) = place else { return };
        let Some(at) = self.leg(call, leg) else { return };
        let hears = at.aim.as_ref().is_some_and(|aim| aim.receive && aim.telephone_event.is_some());
        let peer = at.joined;
        if hears {
            self.tell(now, News::Key { call, leg, key });
            if let Some(peer) = peer {
                self.keys.entry((call, peer)).or_default().push(key);
            }
        }
    }

    /// When something happens of its own accord.
    pub fn deadline(&self) -> Option<Time> {
        let news = self.news.first_key_value().map(|((at, _), _)| *at);
        let legs = || self.calls.values().flat_map(BTreeMap::values);
        let plays = legs().filter_map(|leg| leg.play.as_ref()?.ends).min();
        let silence = legs().filter_map(Leg::silence_due).min();
        [news, plays, silence].into_iter().flatten().min()
    }

    /// Lets plays end that are due, and tells of silence.
    pub fn tick(&mut self, now: Time) {
        let (mut over, mut silent) = (Vec::new(), Vec::new());
        for (call, legs) in &mut self.calls {
            for (leg, at) in legs.iter_mut() {
                if let Some(play) = at.play.take_if(|play| play.ends.is_some_and(|ends| ends <= now)) {
                    over.push((*call, *leg, play.number));
                }
                if at.silence_due().is_some_and(|due| due <= now)
                    && let Some((since, told)) = &mut at.silent
                {
                    *told += 1;
                    silent.push(News::Quiet { call: *call, leg: *leg, lasting: now.since(*since) });
                }
            }
        }
        for (call, leg, play) in over {
            self.played.push((call, leg, play));
            self.tell(now, News::Played { call, leg, play, whole: true });
        }
        for news in silent {
            self.tell(now, news);
        }
    }

    /// The next news that is due.
    pub fn news(&mut self, now: Time) -> Option<News> {
        let (at, _) = *self.news.first_key_value()?.0;
        if at > now {
            return None;
        }
        self.news.pop_first().map(|(_, news)| news)
    }

    /// Whether no news is on its way.
    pub fn is_still(&self) -> bool {
        self.news.is_empty()
    }

    /// Legs that are open now.
    pub fn open_legs(&self) -> usize {
        self.calls.values().map(BTreeMap::len).sum()
    }

    pub fn leg(&self, call: CallId, leg: LegId) -> Option<&Leg> {
        self.calls.get(&call)?.get(&leg)
    }

    pub fn leg_mut(&mut self, call: CallId, leg: LegId) -> Option<&mut Leg> {
        self.calls.get_mut(&call)?.get_mut(&leg)
    }

    /// The leg at a local address, open or closed: no address is ever used twice in one world.
    pub fn place_of(&self, local: SocketAddr) -> Option<(CallId, LegId)> {
        self.ever.iter().find(|(_, at)| **at == local).map(|(place, _)| *place)
    }

    /// The local address that a leg has or had.
    pub fn address_of(&self, call: CallId, leg: LegId) -> Option<SocketAddr> {
        self.ever.get(&(call, leg)).copied()
    }

    fn open(&mut self, now: Time, call: CallId, leg: LegId, local: std::net::IpAddr) {
        self.ordered.insert((call, leg));
        if self.open_legs() >= self.ports {
            return self.tell(now, News::NoPort { call, leg });
        }
        let local = SocketAddr::new(local, self.next_port);
        self.next_port += 2;
        let at = Leg {
            local,
            aim: None,
            joined: None,
            role: None,
            muted: false,
            taps: Vec::new(),
            heard_for: Duration::ZERO,
            sent_for: Duration::ZERO,
            silent: None,
            play: None,
            told_of: None,
        };
        if self.calls.entry(call).or_default().insert(leg, at).is_some() {
            self.faults.push(format!("{call} {leg} opened twice"));
        }
        self.ever.insert((call, leg), local);
        self.tell(now, News::Opened { call, leg, local });
    }

    fn aim(&mut self, now: Time, call: CallId, leg: LegId, aim: Aim) {
        self.aimed.push((call, leg, aim.clone()));
        let Some(at) = self.known(call, leg, "Aim") else { return };
        let from = aim.rtp;
        let listens = aim.receive && !from.ip().is_unspecified();
        at.aim = Some(aim);
        if listens && at.told_of.replace(from) != Some(from) {
            self.tell(now + Duration::from_millis(20), News::Heard { call, leg, from });
        }
    }

    fn play(&mut self, now: Time, call: CallId, leg: LegId, number: u32, sounds: &[Sound], repeat: bool) {
        self.stop(now, call, leg);
        let lasts: Option<Duration> = sounds
            .iter()
            .map(|sound| match sound {
                Sound::Prompt(id) | Sound::Music(id) => self.prompts.get(id).copied(),
                Sound::Silence(time) => Some(*time),
                Sound::Tone(_) | Sound::Say(_) => Some(Duration::from_secs(5)),
            })
            .sum();
        let Some(at) = self.known(call, leg, "Play") else { return };
        match (lasts, &at.aim) {
            (Some(lasts), Some(_)) => {
                let ends = (!repeat).then(|| now + lasts);
                at.play = Some(Play { number, ends });
            }
            _ => {
                self.faults.push(format!("{call} {leg}: nothing can be played"));
                self.tell(now, News::Played { call, leg, play: number, whole: false });
            }
        }
    }

    fn stop(&mut self, now: Time, call: CallId, leg: LegId) {
        if let Some(play) = self.leg_mut(call, leg).and_then(|at| at.play.take()) {
            self.tell(now, News::Played { call, leg, play: play.number, whole: false });
        }
    }

    fn join(&mut self, now: Time, call: CallId, a: LegId, b: LegId) {
        for leg in [a, b] {
            self.part(call, leg);
            self.stop(now, call, leg);
        }
        for (leg, with) in [(a, b), (b, a)] {
            if let Some(at) = self.known(call, leg, "Join") {
                at.joined = Some(with);
                at.role = None;
            }
        }
    }

    fn part(&mut self, call: CallId, leg: LegId) {
        let with = self.leg_mut(call, leg).and_then(|at| at.joined.take());
        if let Some(at) = with.and_then(|with| self.leg_mut(call, with)) {
            at.joined = None;
        }
    }

    fn tap(&mut self, call: CallId, recording: RecordingId, leg: LegId, track: u8) {
        let Some(at) = self.known(call, leg, "Tap") else { return };
        at.taps.retain(|(is, _)| *is != recording);
        at.taps.push((recording, track));
    }

    fn strand(&mut self, now: Time, place: (CallId, LegId, Strand), act: StrandAct) {
        let (call, leg, strand) = place;
        if self.known(call, leg, "Strand").is_none() {
            return;
        }
        match act {
            StrandAct::Open(local) => {
                let local = SocketAddr::new(local, self.next_port);
                self.next_port += 2;
                let line = Line { aim: None, linked: None, taps: Vec::new() };
                if self.strands.insert(place, line).is_some() {
                    self.faults.push(format!("{} of {call} {leg} opened twice", strand.word()));
                }
                self.tell(now, News::Strand { call, leg, strand, news: StrandNews::Opened(local) });
            }
            StrandAct::Link(with) => {
                let ready =
                    |leg| self.strands.get(&(call, leg, strand)).is_some_and(|line| line.aim.is_some());
                if !ready(leg) || !ready(with) {
                    self.faults.push(format!("{call} {leg} and {with} are linked without an aim"));
                }
                self.unlink(place);
                self.unlink((call, with, strand));
                for (leg, with) in [(leg, with), (with, leg)] {
                    if let Some(line) = self.strands.get_mut(&(call, leg, strand)) {
                        line.linked = Some(with);
                    }
                }
            }
            StrandAct::Unlink => self.unlink(place),
            StrandAct::Aim(aim) => self.change(place, |line| line.aim = Some(*aim)),
            StrandAct::Tap { recording, track, .. } => {
                self.change(place, |line| line.taps.push((recording, track)));
            }
            StrandAct::Close => drop(self.strands.remove(&place)),
        }
    }

    fn change(&mut self, place: (CallId, LegId, Strand), change: impl FnOnce(&mut Line)) {
        match self.strands.get_mut(&place) {
            Some(line) => change(line),
            None => self.faults.push(format!("{place:?} was never opened")),
        }
    }

    fn unlink(&mut self, (call, leg, strand): (CallId, LegId, Strand)) {
        let with = self.strands.get_mut(&(call, leg, strand)).and_then(|line| line.linked.take());
        if let Some(line) = with.and_then(|with| self.strands.get_mut(&(call, with, strand))) {
            line.linked = None;
        }
    }

    fn unlink_others(&mut self, call: CallId, leg: LegId, keep: Option<LegId>) {
        for strand in Strand::ALL {
            let with = self.strands.get(&(call, leg, strand)).and_then(|line| line.linked);
            if with.is_some() && with != keep {
                self.unlink((call, leg, strand));
            }
        }
    }

    /// Where the two ends of a kind are that are passed on to each other now: what each far end announced.
    pub fn linked(&self, strand: Strand) -> Vec<(SocketAddr, SocketAddr)> {
        let lines = self.strands.iter().filter(|((.., is), _)| *is == strand);
        let pairs = lines.filter_map(|((call, leg, _), line)| {
            let other = self.strands.get(&(*call, line.linked.filter(|with| leg < with)?, strand))?;
            Some((line.aim.as_ref()?.to, other.aim.as_ref()?.to))
        });
        pairs.collect()
    }

    fn report(&mut self, now: Time, call: CallId) {
        let all: Vec<(LegId, LegFacts)> =
            self.calls.get(&call).into_iter().flatten().map(|(leg, at)| (*leg, at.facts())).collect();
        for (leg, facts) in all {
            self.tell(now, News::Facts { call, leg, facts: Box::new(facts), over: false });
        }
        self.tell(now, News::Reported { call });
    }

    fn close(&mut self, now: Time, call: CallId, leg: LegId) {
        self.stop(now, call, leg);
        self.unlink_others(call, leg, None);
        self.strands.retain(|(of, is, _), _| (*of, *is) != (call, leg));
        self.part(call, leg);
        if let Some(at) = self.calls.get_mut(&call).and_then(|legs| legs.remove(&leg)) {
            let facts = at.facts();
            self.facts.insert((call, leg), facts.clone());
            self.tell(now, News::Facts { call, leg, facts: Box::new(facts), over: true });
        }
    }

    fn end(&mut self, now: Time, call: CallId) {
        let legs: Vec<LegId> = self.calls.get(&call).into_iter().flatten().map(|(leg, _)| *leg).collect();
        for leg in legs {
            self.close(now, call, leg);
        }
        self.calls.remove(&call);
        self.ended.push(call);
        self.tell(now, News::Ended { call });
    }

    /// A leg that an order speaks of. One that was never opened is the core's fault; one that is closed already is not.
    fn known(&mut self, call: CallId, leg: LegId, order: &str) -> Option<&mut Leg> {
        if !self.ordered.contains(&(call, leg)) {
            self.faults.push(format!("{order} for {call} {leg}, which was never ordered"));
        }
        self.calls.get_mut(&call)?.get_mut(&leg)
    }

    /// News take a little time and keep their order.
    fn tell(&mut self, now: Time, news: News) {
        if self.is_mute {
            return;
        }
        let at = (now + between(&mut self.random, &self.delay)).max(self.last_news);
        self.last_news = at;
        self.serial += 1;
        self.news.insert((at, self.serial), news);
    }
}
