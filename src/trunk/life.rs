//! One trunk's life: located, asked, registered with.
//!
//! Invariant: a spot changes between up and down only after two answers or two silences in a row, so that one lost datagram moves no
//! calls.

use std::sync::Arc;
use std::time::Duration;

use super::{Errand, Rules, TrunkView, Trunks, Want};
use crate::base::{Random, Time, bounds};
use crate::dialog::contact;
use crate::locate::{Answer, Place, Search, Step, Wanted};
use crate::sip::{Builder, Flow, Host, Message, Method, Name, NameAddrBuf, UriBuf};

/// Answers, or silences, in a row that change a spot's state.
const IN_A_ROW: u8 = 2;

/// What an alarm is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Due {
    /// Its hosts are to be looked up.
    Locate,
    /// A search takes too long.
    GiveUp,
    /// It is to be asked whether it is there.
    Ask,
    /// It is to be registered with.
    Register,
}

impl Due {
    pub const ALL: [Due; 4] = [Due::Locate, Due::GiveUp, Due::Ask, Due::Register];
}

/// Everything that is known of a trunk.
#[derive(Debug)]
pub(super) struct Life {
    pub rules: Rules,
    pub domain: Arc<str>,
    spots: Vec<Spot>,
    /// The hosts that are still to be looked up, the one that is being looked up first.
    hosts: Vec<Wanted>,
    search: Option<Search>,
    found: Vec<(Place, Option<Arc<str>>)>,
    call_id: String,
    tag: String,
    seq: u32,
    registered_until: Option<Time>,
    failures: u32,
}

/// One place of a trunk.
#[derive(Debug, Clone)]
struct Spot {
    flow: Flow,
    up: bool,
    /// Answers or silences in a row that speak against `up`.
    against: u8,
    /// It asked to be left alone, or failed a call, until then.
    rests: Option<Time>,
}

impl Life {
    pub fn new(rules: Rules, random: &mut Random) -> Life {
        let host = rules.to.first().and_then(|uri| uri.view().host().map(|host| host.to_string()));
        Life {
            domain: host.unwrap_or_default().into(),
            rules,
            spots: Vec::new(),
            hosts: Vec::new(),
            search: None,
            found: Vec::new(),
            call_id: random.token(24),
            tag: random.token(12),
            seq: 0,
            registered_until: None,
            failures: 0,
        }
    }

    /// Takes other rules for the same places. `true`: it is to be registered with at once, as somebody else or with another secret.
    pub fn take(&mut self, rules: Rules) -> bool {
        let anew = rules.register.is_some() && !self.rules.proves_as(&rules) && !self.spots.is_empty();
        self.rules = rules;
        if anew {
            self.failures = 0;
        }
        anew
    }

    /// Whether its hosts are being looked up.
    pub fn searches(&self) -> bool {
        self.search.is_some()
    }

    /// The paths that may be tried, those that are up, each with whether it rests: these last.
    pub fn usable(&self, now: Time) -> impl Iterator<Item = (bool, Flow)> {
        let ready = self.rules.register.is_none() || self.registered_until.is_some_and(|until| until > now);
        let rests = |spot: &Spot| spot.rests.is_some_and(|until| until > now);
        let up = self.spots.iter().filter(|spot| ready && spot.up);
        let mut up: Vec<(bool, Flow)> = up.map(|spot| (rests(spot), spot.flow)).collect();
        up.sort_by_key(|(rests, _)| *rests);
        up.into_iter()
    }

    /// The spot at `flow` is left for last for a while.
    pub fn rest(&mut self, now: Time, flow: &Flow, asked: Option<Duration>) {
        for spot in self.spots.iter_mut().filter(|spot| spot.flow == *flow) {
            spot.rests = Some(now + asked.unwrap_or(bounds::TRUNK_REST).min(bounds::DEAD_MOST));
        }
    }

    /// Whether `flow` comes from here: by datagrams from the port that we send to, by streams from the address.
    pub fn is_at(&self, flow: &Flow) -> bool {
        let listed = self.rules.from.contains(&flow.remote.ip());
        let same = |spot: &Spot| match flow.transport.is_reliable() {
            true => spot.flow.remote.ip() == flow.remote.ip() && spot.flow.transport.is_reliable(),
            false => spot.flow.remote == flow.remote,
        };
        listed || self.spots.iter().any(same)
    }

    pub fn view(&self, now: Time, calls: usize) -> TrunkView {
        let state = match (self.spots.is_empty(), self.spots.iter().any(|spot| spot.up)) {
            (true, _) => "unlocated",
            (_, true) => "up",
            (_, false) => "down",
        };
        let registration = match (&self.rules.register, self.registered_until) {
            (None, _) => "by address",
            (Some(_), Some(until)) if until > now => "registered",
            (Some(_), _) => "not registered",
        };
        let place = |spot: &Spot| {
            let word = match (spot.up, spot.rests.is_some_and(|until| until > now)) {
                (false, _) => "down",
                (true, true) => "rests",
                (true, false) => "up",
            };
            format!("{} {} {word}", spot.flow.transport, spot.flow.remote)
        };
        TrunkView {
            name: self.rules.name.to_string(),
            state: state.to_string(),
            registration: registration.to_string(),
            calls,
            limit: self.rules.calls,
            places: self.spots.iter().map(place).collect(),
        }
    }

    /// A request of the trunk's own.
    fn request(&mut self, method: &Method, flow: &Flow) -> (Builder, String) {
        self.seq = self.seq.saturating_add(1);
        let host = Host::parse(&self.domain).unwrap_or(Host::Name("localhost"));
        let uri = UriBuf::sip(None, host, None);
        let ours = NameAddrBuf::new(UriBuf::sip(Some(&self.rules.user), host, None));
        let to = match method {
            Method::Register => ours.clone(),
            _ => NameAddrBuf::new(uri.clone()),
        };
        let request = Builder::request(method, uri.as_str())
            .header(Name::MaxForwards, "70")
            .display(Name::From, ours.with_tag(&self.tag))
            .display(Name::To, to)
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format!("{} {method}", self.seq))
            .header(Name::Contact, contact(Some(&self.rules.name), flow));
        (request, uri.as_str().to_string())
    }

    /// Notes whether a spot answers; says whether its state changed.
    fn note(&mut self, spot: usize, answers: bool) -> bool {
        let Some(spot) = self.spots.get_mut(spot) else { return false };
        if spot.up == answers {
            spot.against = 0;
            return false;
        }
        spot.against += 1;
        let changes = spot.against >= IN_A_ROW;
        if changes {
            (spot.up, spot.against) = (answers, 0);
        }
        changes
    }
}

impl Trunks {
    pub(super) fn on_due(&mut self, now: Time, trunk: usize, due: Due, random: &mut Random) {
        match due {
            Due::Locate => {
                let Some(life) = self.lives.get_mut(trunk) else { return };
                life.hosts = life.rules.to.iter().filter_map(|uri| Wanted::of(&uri.view())).collect();
                life.found.clear();
                self.alarms.set((trunk, Due::Locate), now + bounds::TRUNK_LOCATE);
                self.look_up(now, trunk, random);
            }
            Due::GiveUp => {
                let Some(life) = self.lives.get_mut(trunk) else { return };
                let found = life.search.take().map(Search::give_up).unwrap_or_default();
                self.asked.retain(|_, of| *of != trunk);
                self.took_places(now, trunk, found, random);
            }
            Due::Ask => self.ask_spots(now, trunk),
            Due::Register => self.register(now, trunk, 0, None),
        }
    }

    pub(super) fn on_answer(&mut self, now: Time, trunk: usize, answer: Answer, random: &mut Random) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        let Some(search) = &mut life.search else { return };
        let step = search.answer(answer, random);
        self.on_step(now, trunk, step, random);
    }

    /// Begins the search for the next host, or ends the looking.
    fn look_up(&mut self, now: Time, trunk: usize, random: &mut Random) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        match life.hosts.first().cloned() {
            Some(wanted) => {
                let (search, step) = Search::new(wanted);
                life.search = Some(search);
                self.alarms.set((trunk, Due::GiveUp), now + bounds::LOCATE);
                self.on_step(now, trunk, step, random);
            }
            None => self.located(now, trunk),
        }
    }

    fn on_step(&mut self, now: Time, trunk: usize, step: Step, random: &mut Random) {
        match step {
            Step::Ask(question) => {
                self.last_ticket += 1;
                self.asked.insert(self.last_ticket, trunk);
                self.wants.push_back(Want::Ask { ticket: self.last_ticket, question });
            }
            Step::Done(places) => self.took_places(now, trunk, places, random),
        }
    }

    fn took_places(&mut self, now: Time, trunk: usize, places: Vec<Place>, random: &mut Random) {
        self.alarms.clear(&(trunk, Due::GiveUp));
        let Some(life) = self.lives.get_mut(trunk) else { return };
        life.search = None;
        if !life.hosts.is_empty() {
            let wanted = life.hosts.remove(0);
            let name = match wanted.host {
                crate::locate::Domain::Name(name) => Some(name),
                crate::locate::Domain::Ip(_) => None,
            };
            life.found.extend(places.into_iter().map(|place| (place, name.clone())));
        }
        self.look_up(now, trunk, random);
    }

    /// Every host was looked up. A DNS that fails leaves what was known before.
    fn located(&mut self, now: Time, trunk: usize) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        let found = std::mem::take(&mut life.found);
        let first = life.spots.is_empty();
        let (registers, asks, name) =
            (life.rules.register.is_some(), life.rules.ask, Arc::clone(&life.rules.name));
        if found.is_empty() {
            self.alarms.set((trunk, Due::Locate), now + bounds::TRUNK_RETRY);
            if first {
                self.wants.push_back(Want::Log(format!("trunk {name}: none of its hosts can be found")));
            }
            return;
        }
        let mut spots = Vec::new();
        for (place, domain) in found {
            let Some(port) = self.port(place.transport, place.local) else { continue };
            let local = std::net::SocketAddr::new(place.local, port);
            let flow = Flow { transport: place.transport, local, remote: place.remote, connection: 0 };
            if let Some(name) = domain.filter(|_| flow.transport.is_secure()) {
                self.wants.push_back(Want::Expect { flow, name });
            }
            let before =
                self.lives.get(trunk).and_then(|life| life.spots.iter().find(|spot| spot.flow == flow));
            spots.push(before.cloned().unwrap_or(Spot { flow, up: true, against: 0, rests: None }));
        }
        if spots.is_empty() {
            let text = format!("trunk {name}: nothing listens for the transport that it wants");
            self.wants.push_back(Want::Log(text));
        }
        if let Some(life) = self.lives.get_mut(trunk) {
            life.spots = spots;
        }
        if first && registers {
            self.alarms.set((trunk, Due::Register), now);
        }
        if let Some(ask) = asks.filter(|_| first) {
            self.alarms.set((trunk, Due::Ask), now + ask.min(Duration::from_secs(1)));
        }
    }

    fn ask_spots(&mut self, now: Time, trunk: usize) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        let Some(every) = life.rules.ask else { return };
        self.alarms.set((trunk, Due::Ask), now + every);
        for spot in 0..life.spots.len() {
            let Some(flow) = life.spots.get(spot).map(|spot| spot.flow) else { continue };
            let (request, _) = life.request(&Method::Options, &flow);
            let errand = Errand { trunk, spot, registers: false, proofs: 0 };
            self.wants.push_back(Want::Send { errand, flow, request });
        }
    }

    /// Registers at the first spot that may be tried; after a challenge with its proof.
    fn register(&mut self, now: Time, trunk: usize, proofs: u8, challenge: Option<(&Message, &mut Random)>) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        let Some(expires) = life.rules.register.as_ref().map(|register| register.expires) else { return };
        let fit = |spot: &Spot| spot.up && spot.rests.is_none_or(|until| until <= now);
        let at = life.spots.iter().position(fit).or_else(|| (!life.spots.is_empty()).then_some(0));
        let Some((spot, flow)) = at.and_then(|at| Some((at, life.spots.get(at)?.flow))) else { return };
        let (request, uri) = life.request(&Method::Register, &flow);
        let mut request = request.display(Name::Expires, expires.as_secs());
        if let Some((challenge, random)) = challenge {
            match super::proof(&life.rules, challenge, "REGISTER", &uri, &random.token(16)) {
                Some((name, value)) => request = request.header(name, value),
                None => {
                    let text = format!(
                        "trunk {}: its challenge is not answered: see user, realm and secret",
                        life.rules.name
                    );
                    self.wants.push_back(Want::Log(text));
                    return self.not_registered(now, trunk, None);
                }
            }
        }
        // Until the answer: the same again after a silence.
        self.alarms.set((trunk, Due::Register), now + bounds::TRUNK_RETRY);
        self.wants.push_back(Want::Send {
            errand: Errand { trunk, spot, registers: true, proofs },
            flow,
            request,
        });
    }

    /// A final response to a request of the trunk's own.
    pub fn heard(&mut self, now: Time, errand: Errand, response: &Message, random: &mut Random) {
        let status = response.status().unwrap_or(500);
        let is_there = status != 503 && status != 408;
        self.note(errand, is_there);
        let Errand { trunk, proofs, .. } = errand;
        if !errand.registers {
            return;
        }
        match status {
            200..300 => self.registered(now, trunk, response),
            401 | 407 if proofs < bounds::PROOFS => {
                self.register(now, trunk, proofs + 1, Some((response, random)));
            }
            _ => {
                let retry = response.header_str(Name::RetryAfter).and_then(seconds);
                self.not_registered(now, trunk, retry);
            }
        }
    }

    /// A request of the trunk's own came to nothing.
    pub fn silent(&mut self, now: Time, errand: Errand) {
        self.note(errand, false);
        if errand.registers {
            if let Some(life) = self.lives.get_mut(errand.trunk)
                && let Some(flow) = life.spots.get(errand.spot).map(|spot| spot.flow)
            {
                life.rest(now, &flow, None);
            }
            self.not_registered(now, errand.trunk, Some(Duration::from_secs(1)));
        }
    }

    fn note(&mut self, errand: Errand, answers: bool) {
        let Some(life) = self.lives.get_mut(errand.trunk) else { return };
        if life.note(errand.spot, answers) {
            let (name, word) = (&life.rules.name, if answers { "answers again" } else { "does not answer" });
            let at = life.spots.get(errand.spot).map(|spot| spot.flow.remote.to_string()).unwrap_or_default();
            let text = format!("trunk {name}: {at} {word}");
            self.wants.push_back(Want::Log(text));
        }
    }

    fn registered(&mut self, now: Time, trunk: usize, response: &Message) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        let asked = life.rules.register.as_ref().map_or(Duration::ZERO, |register| register.expires);
        let ours =
            |uri: crate::sip::Uri<'_>| uri.user_decoded().is_some_and(|user| *user == *life.rules.name);
        let of_contact =
            response.contacts().find(|contact| ours(contact.uri())).and_then(|contact| contact.expires());
        let granted = of_contact.or(response.expires()).map_or(asked, |s| Duration::from_secs(s.into()));
        let granted = granted.clamp(Duration::from_secs(10), bounds::EXPIRES_MAX);
        if life.registered_until.replace(now + granted).is_none() {
            self.wants.push_back(Want::Log(format!("trunk {}: registered", life.rules.name)));
        }
        life.failures = 0;
        self.alarms.set((trunk, Due::Register), now + granted * 4 / 5);
    }

    fn not_registered(&mut self, now: Time, trunk: usize, retry: Option<Duration>) {
        let Some(life) = self.lives.get_mut(trunk) else { return };
        if life.registered_until.is_none_or(|until| until <= now) && life.failures == 0 {
            self.wants.push_back(Want::Log(format!("trunk {}: cannot be registered with", life.rules.name)));
        }
        life.failures = life.failures.saturating_add(1);
        // RFC 5626 §4.5: longer and longer, so that a carrier that comes back is not met by everybody at once.
        let gap = bounds::TRUNK_RETRY * 2_u32.saturating_pow(life.failures.min(5) - 1);
        let gap =
            if life.failures <= 2 { retry.unwrap_or(gap) } else { retry.map_or(gap, |retry| retry.max(gap)) };
        self.alarms.set((trunk, Due::Register), now + gap.min(bounds::DEAD_MOST));
    }
}

/// The seconds of a Retry-After (RFC 3261 §20.33), whatever stands behind them.
pub fn seconds(value: &str) -> Option<Duration> {
    let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}
