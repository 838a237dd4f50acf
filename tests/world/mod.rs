//! A world for the switch: phones, a network, a media plane and a store around the real core, under one virtual clock.
//!
//! ```text
//! let mut world = World::seeded(seed).loss_percent(33).delay_ms(20..80);
//! world.phone("alice").dials("8002").at(secs(1));
//! world.phone("bob").answers().after(secs(4));
//! world.run_until(secs(60));
//! assert!(world.talked("alice", "bob"), "{}", world.ladder());
//! ```
//!
//! Everything follows from the seed. `settle` ends a story: whoever still talks hangs up, the world runs until nothing moves, and
//! the reference model says what must hold then ([`verdict`]).

mod digest;
mod hearing;
mod network;
mod phone;
mod plane;
mod plans;
mod run;
pub mod scenario;
mod sdp;
mod setting;
mod speech;
mod store;
mod text;
mod verdict;

pub use digest::Hash;
pub use network::Fate;
pub use phone::{Act, Dialog, How, Over, Phone, Side, Skills, Stage, When};
pub use plans::Plan;
pub use sdp::{Encryption, Faxing, Notation};
pub use setting::{MOBILE, carrier_rules};
pub use store::Mood;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ledgerline::base::{CallId, LegId, Random, Time, Wall};
use ledgerline::call::view::{Change, Happening};
use ledgerline::call::{Cdr, Spoken, ladder};
use ledgerline::presence::Report;
use ledgerline::sip::Flow;
use ledgerline::sip::framing::Framer;
use ledgerline::switch::{Answer, Command, Input, Switch};
use ledgerline::trunk::Rules;

use hearing::Hearing;
use network::{Network, Weather};
use plane::Plane;
use store::Store;

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What happens to the world itself.
#[derive(Debug, Clone)]
pub enum Deed {
    /// The administrator asks.
    Ask(Command),
    /// The administrator ends every running call.
    HangUpAll,
    Store(Mood),
    /// The store fills up, and nobody knows before the next order.
    StoreFillsUnnoticed,
    StoreLosesPackets,
    /// The administrator looks at everything there is to see.
    LookAround,
    /// A user's account is removed.
    Leaves(&'static str),
    /// New calls follow another plan.
    Plan(Plan),
    /// So many legs may be open from now on.
    Ports(usize),
    /// The machine's clock jumps.
    ClockJumps {
        forward: bool,
        by: Duration,
    },
    /// Octets that are no SIP.
    Noise {
        from: String,
        octets: Vec<u8>,
    },
    /// A phone does something.
    Do(&'static str, Act),
    /// The network says that a phone is not there.
    Unreachable(String),
}

/// The octets of a stream that are not a whole message yet, on both ends.
struct Wire {
    flow: Flow,
    phone: usize,
    to_switch: Framer,
    to_phone: Vec<u8>,
}

/// The world.
pub struct World {
    pub seed: u64,
    pub now: Time,
    pub switch: Switch,
    pub network: Network,
    pub plane: Plane,
    pub store: Store,
    pub phones: Vec<Phone>,
    pub happenings: Vec<(Time, Happening)>,
    pub answers: Vec<Answer>,
    /// What users have set by codes, as it is to be kept.
    pub set: Vec<(String, ledgerline::registrar::Settings)>,
    /// What was reported beside calls.
    pub reports: Vec<Report>,
    /// Legs that recognisers listen to, and all that they ever did.
    ears: BTreeSet<(CallId, LegId)>,
    ever_heard: BTreeSet<(CallId, LegId)>,
    /// Legs whose voices are gauged.
    gauges: BTreeSet<(CallId, LegId)>,
    /// What was said in calls, as it is to be kept.
    pub transcripts: Vec<ledgerline::call::Transcript>,
    /// What users' pages show.
    pub pages: BTreeMap<String, Option<ledgerline::call::Page>>,
    /// Words of policies that were spoken.
    pub spoken: Vec<Spoken>,
    /// What systems outside were asked and told; nobody there answers but the story.
    pub asked: Vec<ledgerline::call::Question>,
    pub letters: Vec<ledgerline::call::Notice>,
    /// The calls that were refused before they began, as the log shows them.
    pub refused: Vec<String>,
    /// Everything that the switch lets out but SIP itself, as it prints; only if somebody looks.
    pub printed: Option<String>,
    /// The trunks, known to the switch before the story begins.
    trunks: Vec<Rules>,
    /// The plan of new calls, and of those that there were.
    plan: Plan,
    plan_of: BTreeMap<CallId, Plan>,
    /// Orders that get lost between core and plane or vault, by their first word: for tests of the model itself.
    sabotage: Option<&'static str>,
    shows_wire: bool,
    hearing: Hearing,
    faults: Vec<String>,
    weather: Weather,
    origin: Time,
    begun: bool,
    /// Whether the phones have registered and the story has begun.
    is_telling: bool,
    /// Whether streams were cut or phones declared unreachable.
    rough: bool,
    wall: Wall,
    random: Random,
    wires: BTreeMap<u64, Wire>,
    deeds: BTreeMap<(Time, u64), Deed>,
    told: Vec<(Duration, Deed)>,
    /// What happens when so many packets have arrived since the story began.
    turn: Option<(u64, Deed)>,
    arrivals: u64,
    serial: u64,
}

impl World {
    /// Does `deed` so long after the story's beginning.
    pub fn at(&mut self, since: Duration, deed: Deed) {
        self.told.push((since, deed));
    }

    /// Does `deed` when so many packets have arrived since the story's beginning.
    pub fn at_packet(&mut self, arrivals: u64, deed: Deed) {
        self.turn = Some((arrivals, deed));
    }

    /// Packets that have arrived since the story's beginning.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// How long ago the story began.
    pub fn since(&self) -> Duration {
        self.now.since(self.origin)
    }

    /// Runs until so long after the story's beginning.
    pub fn run_until(&mut self, since: Duration) {
        self.begin();
        self.learn();
        let until = self.origin + since;
        self.run(until, |_| false);
        self.hearing.pass(self.now, until.max(self.now), &mut self.plane);
        self.now = self.now.max(until);
    }

    /// Ends the story: everybody hangs up, the world comes to rest, and the model is asked. Panics with seed and ladder.
    pub fn settle(&mut self) {
        let faults = self.faults_at_the_end();
        if !faults.is_empty() {
            let ladder = self.ladder();
            panic!("seed {}:\n  {}\n{ladder}", self.seed, faults.join("\n  "));
        }
    }

    /// From now on orders that begin with this word get lost: the model must notice.
    pub fn loses_orders(&mut self, word: &'static str) {
        self.sabotage = Some(word);
    }

    /// What the model says when everybody has hung up and the world has come to rest.
    pub fn faults_at_the_end(&mut self) -> Vec<String> {
        self.begin();
        self.learn();
        for phone in &mut self.phones {
            phone.end_everything(self.now);
        }
        let limit = self.now + Duration::from_secs(26 * 3_600);
        self.run(limit, World::is_at_rest);
        verdict::of(self)
    }

    /// What the model would say of the world as it is now.
    pub fn faults_so_far(&self) -> Vec<String> {
        verdict::of(self)
    }

    /// Whether two heard each other at any time.
    pub fn talked(&self, a: &str, b: &str) -> bool {
        self.heard(a, b) > Duration::ZERO && self.heard(b, a) > Duration::ZERO
    }

    /// Whether a phone hears something of the switch's own that does not end by itself: music, ring-back.
    pub fn is_played_to(&self, name: &str) -> bool {
        let mut legs = self.plane.calls.values().flat_map(BTreeMap::values);
        legs.any(|leg| {
            let dialog = hearing::dialog_at(leg.local, &self.phones);
            leg.plays_on() && dialog.is_some_and(|((phone, _), _)| self.phones[phone].id.name == name)
        })
    }

    /// For how long `listener` heard `speaker`.
    pub fn heard(&self, listener: &str, speaker: &str) -> Duration {
        let (Some(a), Some(b)) = (self.find(listener), self.find(speaker)) else { return Duration::ZERO };
        self.hearing.time.get(&(a, b)).copied().unwrap_or_default()
    }

    /// Who hears whom over the next second, by initials: `ab` is "a hears b".
    pub fn ways(&mut self) -> String {
        let names: BTreeSet<String> = self.phones.iter().map(|phone| phone.id.name.to_string()).collect();
        let pairs: Vec<(&str, &str)> = names
            .iter()
            .flat_map(|a| names.iter().map(move |b| (&**a, &**b)))
            .filter(|(a, b)| a != b)
            .collect();
        let heard = |world: &World| pairs.iter().map(|(a, b)| world.heard(a, b)).collect::<Vec<_>>();
        let before = heard(self);
        self.run_until(self.since() + Duration::from_secs(1));
        let after = heard(self);
        let grown = pairs.iter().zip(before.iter().zip(&after)).filter(|(_, (before, after))| after > before);
        grown.map(|((a, b), _)| format!("{}{} ", &a[..1], &b[..1])).collect()
    }

    /// The keys that a phone was sent in its calls, in order.
    pub fn keys_sent_to(&self, name: &str) -> String {
        let legs = self.plane.keys.iter().filter(|((call, leg), _)| {
            let local = self.plane.address_of(*call, *leg);
            let dialog = local.and_then(|local| hearing::dialog_at(local, &self.phones));
            dialog.is_some_and(|((phone, _), _)| self.phones[phone].id.name == name)
        });
        legs.map(|(_, keys)| keys.as_str()).collect()
    }

    /// Every call's log so far, as a ladder.
    pub fn ladder(&mut self) -> String {
        let mut text = String::new();
        for call in self.calls() {
            match self.cdr(call) {
                Some(cdr) => text.push_str(&ladder::ladder(&cdr.trace)),
                None => {
                    self.handle(Input::Command { ticket: 0, command: Command::Explain { id: call } });
                    if let Some(Answer::Trace(entries)) = self.answers.pop() {
                        text.push_str(&ladder::ladder(&entries));
                    }
                }
            }
            text.push('\n');
        }
        text
    }

    /// The calls, in the order in which they began.
    pub fn calls(&self) -> Vec<CallId> {
        let began = self.happenings.iter().filter(|(_, happening)| happening.change == Change::Began);
        began.map(|(_, happening)| happening.call.id).collect()
    }

    /// Every event on the track of every recording, in words.
    pub fn recorded_events(&self) -> String {
        let events = self.store.recordings.values().flat_map(|recording| &recording.events);
        events.map(|(_, event)| format!("{event:?}\n")).collect()
    }

    /// A call's record.
    pub fn cdr(&self, call: CallId) -> Option<&Cdr> {
        self.store.cdrs.iter().find(|(is, _)| *is == call).map(|(_, cdr)| cdr)
    }

    /// The record of the only call.
    pub fn only_cdr(&self) -> &Cdr {
        match self.store.cdrs.as_slice() {
            [(_, cdr)] => cdr,
            others => panic!("{} CDRs", others.len()),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.phones.iter().position(|phone| phone.id.name == name)
    }

    pub(super) fn fault(&mut self, what: String) {
        let since = self.now.since(self.origin);
        if self.faults.len() < 20 && !self.faults.iter().any(|fault| fault.ends_with(&what)) {
            self.faults.push(format!("{since:?}: {what}"));
        }
    }
}
