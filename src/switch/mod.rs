//! The core's one door: `handle(now, input)`, `poll()`, `deadline()`.
//!
//! The switch owns everything that is remembered of signalling (transactions, dialogs, bindings, calls, running plans) and routes
//! each input to where it belongs. It owns no socket, clock, thread, lock, file or random source.
//!
//! Invariant: after `handle` returns, every consequence of the input is in the queue of outputs; an input that makes no sense changes
//! nothing but a counter.

mod admin;
mod admit;
mod call_back;
mod checks;
mod features;
mod fetch;
mod guard;
mod input;
mod originate;
mod output;
mod pings;
mod presence;
mod redial;
mod refer;
mod replace;
mod route;
mod settings;
mod trunks;
mod view;

pub use crate::trunk::TrunkView;
pub use guard::{Limits, Net};
pub use input::Input;
pub use output::Output;
pub use view::{Answer, BanView, Command, FloodView, MediaView, PhoneView, StatusView};

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::{Alarms, CallId, OwnMap, Random, RecordingId, Time, Wall};
use crate::call::{Alarm, Call, Desk, Effect, Index, Lexicon, Lot, Manner, Node, Owner, Rooms, Veils};
use crate::config::Features;
use crate::media;
use crate::plan::{Origin, Program, RouteId};
use crate::presence::{self as events, Events};
use crate::registrar::{Algorithm, Bindings, Digest, Directory, Kept, Rules, SettingsBook};
use crate::sip::{Flow, Message};
use crate::transaction::{self, Key, Layer, Received};
use crate::trunk::{Errand, Trunks};
use crate::vault;

use call_back::CallBacks;
use guard::Entry;
use redial::Memories;

/// What a switch is made of.
#[derive(Debug)]
pub struct Setup {
    /// The node's name.
    pub node: String,
    /// The SIP domain and digest realm of its users.
    pub realm: String,
    /// The digest algorithms to offer, in this order.
    pub digest: Vec<Algorithm>,
    /// The address for RTP, when it is not the one that SIP came in on.
    pub media_address: Option<IpAddr>,
    /// How calls are conducted.
    pub manner: Manner,
    /// Seeds everything random. From the operating system, or from a simulation.
    pub seed: [u8; 32],
    /// What the machine's clock says.
    pub wall: Wall,
    /// The program for the first calls.
    pub program: Arc<Program>,
    /// The accounts.
    pub directory: Arc<Directory>,
    /// Who may know what of whom.
    pub presence: events::Policy,
    /// What users do by dialling a code.
    pub features: Features,
    /// What users have set for their calls.
    pub settings: SettingsBook,
    /// How often who is heard.
    pub limits: Limits,
    /// What registrations are held to.
    pub registrar: Rules,
    /// The registrations that outlived the run before; those of accounts that are gone are left out.
    pub kept: Vec<Kept>,
}

/// The switch.
pub struct Switch {
    node: Node,
    since: Wall,
    /// The clock for people: what it said last, and when.
    clock: (Time, Wall),
    random: Random,
    layer: Layer,
    digest: Digest,
    guard: guard::Guard,
    directory: Arc<Directory>,
    bindings: Bindings,
    /// What users have set for their calls.
    settings: SettingsBook,
    /// Whose turn it is in each round robin.
    turns: HashMap<String, usize>,
    /// What calls run that have dialled a code.
    codes: Option<Arc<Program>>,
    trunks: Trunks,
    /// Requests of the trunks' own that wait for their answers.
    errands: OwnMap<transaction::ClientKey, Errand>,
    /// Contacts that have been asked whether they are there.
    pings: pings::Asked,
    program: Arc<Program>,
    /// The emergency plan that is switched on.
    emergency: Option<Arc<str>>,
    /// Boxed: the table's empty places, and what is left of it after a busy hour, are pointers.
    calls: OwnMap<CallId, Box<Call>>,
    recordings: OwnMap<RecordingId, CallId>,
    index: Index,
    events: Events,
    features: Features,
    lot: Lot,
    /// Conferences.
    rooms: Rooms,
    lexicon: Lexicon,
    veils: Veils,
    /// Users whose pages are open.
    pages: BTreeSet<String>,
    memories: Memories,
    call_backs: CallBacks,
    /// Calls whose lines may have changed.
    touched: BTreeSet<CallId>,
    alarms: Alarms<(CallId, Alarm)>,
    effects: VecDeque<Effect>,
    out: VecDeque<Output>,
    store: StoreState,
    calls_total: u64,
    /// Administrators who look at a call: its number, their ticket, until when they wait.
    looks: Vec<(CallId, u64, Time)>,
    /// Calls that are over and wait to be forgotten.
    over: Vec<CallId>,
    draining: bool,
}

/// What the vault said last of its store.
#[derive(Debug, Clone, Copy)]
struct StoreState {
    writable: bool,
    free_bytes: u64,
}

impl Switch {
    /// A switch without calls.
    pub fn new(now: Time, setup: Setup) -> Switch {
        let mut random = Random::seeded(setup.seed);
        let mut bindings = Bindings::new(setup.registrar, &mut random);
        for kept in setup.kept.into_iter().filter(|kept| setup.directory.account(&kept.user).is_some()) {
            bindings.restore(now, setup.wall, kept);
        }
        Switch {
            since: setup.wall,
            clock: (now, setup.wall),
            layer: Layer::new(&mut random),
            guard: guard::Guard::new(now, setup.limits),
            digest: Digest::new(&setup.realm, &setup.digest, &mut random),
            node: Node {
                name: setup.node,
                realm: setup.realm,
                media_address: setup.media_address,
                manner: setup.manner,
            },
            random,
            directory: setup.directory,
            bindings,
            settings: setup.settings,
            turns: HashMap::new(),
            codes: settings::program(),
            trunks: Trunks::default(),
            errands: OwnMap::default(),
            pings: pings::Asked::default(),
            program: setup.program,
            emergency: None,
            calls: OwnMap::default(),
            recordings: OwnMap::default(),
            index: Index::default(),
            events: Events::new(setup.presence),
            lot: Lot::new(&setup.features),
            rooms: Rooms::default(),
            lexicon: Lexicon::default(),
            veils: Veils::default(),
            pages: BTreeSet::new(),
            memories: Memories::default(),
            call_backs: CallBacks::new(setup.features.call_back_for),
            features: setup.features,
            touched: BTreeSet::new(),
            alarms: Alarms::new(),
            effects: VecDeque::new(),
            out: VecDeque::new(),
            store: StoreState { writable: true, free_bytes: 0 },
            calls_total: 0,
            looks: Vec::new(),
            over: Vec::new(),
            draining: false,
        }
    }

    /// Takes one input. Its consequences wait in [`Switch::poll`].
    pub fn handle(&mut self, now: Time, input: Input) {
        self.ring(now);
        match input {
            Input::Message { flow, raw } => self.on_octets(now, flow, raw),
            Input::FlowClosed { flow } => self.on_flow_closed(now, &flow),
            Input::Media(news) => self.on_media(now, news),
            Input::Vault(news) => self.on_vault(now, &news),
            Input::Speech { call, leg, news } => {
                self.with_call(now, call, |call, desk| call.on_speech(desk, leg, &news));
            }
            Input::Page { user, open } => self.on_page(now, user, open),
            Input::Program(program) => self.on_program(now, program),
            Input::Emergency(plan) => self.emergency = plan,
            Input::Found(found) => {
                self.with_call(now, found.call, |call, desk| call.on_answered(desk, found));
            }
            Input::Directory(directory) => {
                self.directory = directory;
                self.forget_strangers();
                self.with_events(now, |events, desk| events.directory_changed(desk));
            }
            Input::Trunks { rules, listeners } => {
                self.trunks.configure(now, rules, listeners, &mut self.random);
                self.trunks.fire(now, &mut self.random);
            }
            Input::Answered { ticket, answer } => {
                self.trunks.answered(now, ticket, answer, &mut self.random);
            }
            Input::Clock { wall } => self.clock = (now, wall),
            Input::Playback { ticket, call, user, label, program, route } => {
                let answer = Box::new(self.play_to(now, call, &user, label, (program, route)));
                self.out.push_back(Output::Answer { ticket, answer });
            }
            Input::Command { ticket, command } => self.on_command(now, ticket, command),
        }
        self.settle(now);
    }

    /// Does what is due at `now`, without an input.
    pub fn tick(&mut self, now: Time) {
        self.ring(now);
        self.settle(now);
    }

    /// Takes the next output; call until `None` after every [`Switch::handle`] and [`Switch::tick`].
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Switch::tick`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        let rooms = [
            self.layer.deadline(),
            self.alarms.deadline(),
            self.bindings.deadline(),
            self.events.deadline(),
            self.trunks.deadline(),
            self.call_backs.deadline(),
            self.looks.iter().map(|(_, _, until)| *until).min(),
        ];
        rooms.into_iter().flatten().min()
    }

    /// Whether a phone registered from `source` by datagrams.
    pub fn knows(&self, source: SocketAddr) -> bool {
        self.bindings.knows(source)
    }

    /// Whether nothing is going on: no call, no transaction, no alarm. What tests ask at the end.
    pub fn is_quiet(&self) -> bool {
        self.calls.is_empty()
            && self.recordings.is_empty()
            && self.layer.is_empty()
            && self.index.is_empty()
            && self.events.is_quiet()
            && self.lot.is_empty()
            && self.rooms.is_empty()
            && self.call_backs.is_empty()
            && self.alarms.is_empty()
    }

    /// The registrations that have changed since the last time, for whoever keeps them over a restart.
    pub fn take_registrations(&mut self, now: Time) -> Vec<Kept> {
        let wall = self.wall(now);
        self.bindings.take_changed(now, wall)
    }

    /// Whether [`Switch::take_registrations`] has something to tell.
    pub fn has_registrations(&self) -> bool {
        self.bindings.has_changed()
    }

    /// How many calls there are.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    fn log(&mut self, grave: bool, text: String) {
        self.out.push_back(Output::Log { grave, text });
    }

    /// The time for people.
    fn wall(&self, now: Time) -> Wall {
        self.clock.1 + now.since(self.clock.0)
    }

    /// Rings every alarm that is due.
    fn ring(&mut self, now: Time) {
        self.layer.fire(now);
        self.settle(now);
        self.expire_bindings(now);
        self.ask_contacts(now);
        self.trunks.fire(now, &mut self.random);
        self.with_events(now, |events, desk| events.fire(desk));
        self.serve_call_backs(now);
        self.stop_looking(now);
        self.settle(now);
        while let Some((call, alarm)) = self.alarms.pop_due(now) {
            self.with_call(now, call, |call, desk| call.on_alarm(desk, alarm));
            self.settle(now);
        }
    }

    /// Lets `act` work on a call, if it is still there, and forgets the call when it is over.
    fn with_call(&mut self, now: Time, id: CallId, act: impl FnOnce(&mut Call, &mut Desk<'_>)) -> bool {
        let wall = self.wall(now);
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let mut desk = Desk {
            now,
            wall,
            random: &mut self.random,
            layer: &mut self.layer,
            alarms: &mut self.alarms,
            index: &mut self.index,
            directory: &self.directory,
            bindings: &self.bindings,
            settings: &self.settings,
            trunks: &mut self.trunks,
            node: &self.node,
            groups: &self.features.ring,
            turns: &mut self.turns,
            lot: &mut self.lot,
            rooms: &mut self.rooms,
            program: &self.program,
            lexicon: &mut self.lexicon,
            veils: &mut self.veils,
            pages: &self.pages,
            effects: &mut self.effects,
        };
        act(call, &mut desk);
        call.mind_monitors(&mut desk);
        call.mind_voices(&mut desk);
        call.mind_speech(&mut desk);
        call.mind_pages(&mut desk);
        self.touched.insert(id);
        if call.is_over() {
            self.over.push(id);
        }
        true
    }

    /// Carries out everything that layer and calls want, until they want nothing more.
    fn settle(&mut self, now: Time) {
        loop {
            self.release_effects(now);
            self.tell_lines(now);
            self.run_errands(now);
            let Some(output) = self.layer.poll() else { break };
            match output {
                transaction::Output::Send { flow, bytes } => self.out.push_back(Output::Send { flow, bytes }),
                transaction::Output::TimedOut(Key::Client(key)) => self.on_failure(now, key, 408),
                transaction::Output::Unreachable(Key::Client(key)) => self.on_failure(now, key, 503),
                transaction::Output::TimedOut(Key::Server(_))
                | transaction::Output::Unreachable(Key::Server(_)) => {}
                transaction::Output::Ended(Key::Client(key)) => {
                    self.index.remove_client(&key);
                    self.events.on_ended(&key);
                    self.pings.remove(&key);
                    self.errands.remove(&key);
                }
                transaction::Output::Ended(Key::Server(key)) => self.index.remove_server(&key),
            }
        }
        self.bury();
    }

    fn release_effects(&mut self, now: Time) {
        while let Some(effect) = self.effects.pop_front() {
            let output = match effect {
                Effect::Media(order) => Output::Media(order),
                Effect::Vault(order) => {
                    if let vault::Order::Open { recording, call, .. } = &order {
                        self.recordings.insert(*recording, *call);
                    }
                    Output::Vault(order)
                }
                Effect::LookUp(question) => Output::LookUp(question),
                Effect::Post(notice) => Output::Post(notice),
                Effect::Happened(happening) => Output::Happened(happening),
                Effect::Listen { call, leg, wanted } => Output::Listen { call, leg, wanted },
                Effect::Gauge { call, leg, begins } => Output::Gauge { call, leg, begins },
                Effect::Page { user, call, page } => Output::Page { user, call, page },
                Effect::Transcribed(transcript) => Output::Transcribed(transcript),
                Effect::Spoken { call, spoken } => Output::Spoken { call, spoken },
                Effect::Tell { user, text } => {
                    self.with_events(now, |events, desk| events.tell(desk, user.reveal(), &text));
                    continue;
                }
                Effect::Remember(call, memory) => {
                    self.remember(call, memory);
                    continue;
                }
                Effect::Enter { into, from, limit, longest } => {
                    self.enter(now, from, into, limit, longest);
                    continue;
                }
                Effect::PickUp { from, by, user } => {
                    self.pick_up_by_plan(now, from, &by, &user);
                    continue;
                }
                Effect::Fetch { into, user, dialog } => {
                    self.fetch(now, into, &user, &dialog);
                    continue;
                }
            };
            self.out.push_back(output);
        }
    }

    /// A user's page was opened, or closed.
    fn on_page(&mut self, now: Time, user: String, open: bool) {
        if !open {
            self.pages.remove(&user);
            return;
        }
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        self.pages.insert(user.clone());
        for id in calls {
            self.with_call(now, id, |call, _| call.page_opened(&user));
        }
    }

    /// Forgets the calls that are over.
    fn bury(&mut self) {
        while let Some(id) = self.over.pop() {
            self.trunks.over(id);
            if let Some(recording) = self.calls.remove(&id).and_then(|call| call.recording()) {
                self.recordings.remove(&recording);
            }
        }
    }

    /// The route of what somebody dials now.
    fn route(&self, origin: &Origin, dialled: &str) -> Option<RouteId> {
        self.program.route_during(self.emergency.as_deref(), origin, dialled)
    }

    /// New calls start with `program`; running ones get its urgent words.
    fn on_program(&mut self, now: Time, program: Arc<Program>) {
        self.program = program;
        for id in self.call_ids() {
            self.with_call(now, id, |call, desk| call.renew_words(desk));
        }
    }

    fn on_octets(&mut self, now: Time, flow: Flow, raw: bytes::Bytes) {
        // A carrier's calls are many and come from few addresses: its own limit of calls is what holds it.
        let entry = match self.trunks.recognise(&flow) {
            Some(_) => Entry::Heard,
            None => self.guard.enter(now, &flow),
        };
        if entry == Entry::Banned || (entry == Entry::TooMuch && !flow.transport.is_reliable()) {
            return;
        }
        let message = match Message::receive(raw) {
            Ok(message) => message,
            Err(refusal) => return self.reject(now, flow, &refusal),
        };
        if entry == Entry::TooMuch {
            return self.layer.busy(flow, &message, "10");
        }
        match self.layer.receive(now, flow, message) {
            Received::Request { key, message } => self.on_request(now, flow, key, message),
            Received::Ack { message } => {
                // An ACK cannot be challenged (RFC 3261 §22.1): one from elsewhere is dropped.
                if let Some((call, leg)) = self.owner_of_dialog(&message)
                    && self
                        .calls
                        .get(&call)
                        .and_then(|call| call.knows(leg, &flow))
                        .is_some_and(|(near, _)| near)
                {
                    self.with_call(now, call, |call, desk| call.on_ack(desk, leg, &message));
                }
            }
            Received::Cancel { key, message } => {
                if let Some((call, leg)) = self.index.server(&key) {
                    self.with_call(now, call, |call, desk| call.on_cancel(desk, leg, &message));
                }
            }
            Received::Response { key, message } => {
                if let Some(((call, leg), purpose)) = self.index.client(&key) {
                    self.with_call(now, call, |call, desk| call.on_response(desk, leg, purpose, &message));
                } else if !self.on_errand_answered(now, key, &message)
                    && !self.on_ping_answered(now, key, message.status().unwrap_or(0))
                {
                    self.with_events(now, |events, desk| events.on_response(desk, &key, &message));
                }
            }
            Received::Stray | Received::Absorbed => {}
        }
    }

    /// A request of ours came to nothing.
    fn on_failure(&mut self, now: Time, key: transaction::ClientKey, status: u16) {
        if self.on_ping_failed(key) || self.on_errand_failed(now, key) {
            return;
        }
        if let Some(((call, leg), purpose)) = self.index.client(&key) {
            self.with_call(now, call, |call, desk| call.on_failure(desk, leg, purpose, status));
        } else {
            self.with_events(now, |events, desk| events.on_failure(desk, &key, status));
        }
    }

    fn owner_of_dialog(&self, message: &Message) -> Option<Owner> {
        self.index.dialog(message.call_id()?, message.to_tag()?)
    }

    fn on_flow_closed(&mut self, now: Time, flow: &Flow) {
        self.layer.transport_failed(now, flow);
        self.events.on_flow_closed(flow);
        if flow.transport.is_reliable() {
            for user in self.bindings.flow_failed(flow) {
                self.with_events(now, |events, desk| events.contacts_changed(desk, &user));
            }
        }
        for id in self.call_ids() {
            self.with_call(now, id, |call, _| call.on_flow_closed(flow));
        }
    }

    /// Every call, in the order in which they began: what is done to all of them is done in the same order each time a seed is told.
    fn call_ids(&self) -> Vec<CallId> {
        let mut all: Vec<CallId> = self.calls.keys().copied().collect();
        all.sort_unstable();
        all
    }

    fn on_media(&mut self, now: Time, news: media::News) {
        if let Some(id) = news.call() {
            let reported = matches!(news, media::News::Reported { .. });
            self.with_call(now, id, |call, desk| call.on_media(desk, news));
            if reported {
                self.looked(id);
            }
        }
    }

    fn on_vault(&mut self, now: Time, news: &vault::News) {
        match news {
            vault::News::Health { writable, free_bytes } => {
                self.store = StoreState { writable: *writable, free_bytes: *free_bytes };
            }
            vault::News::Opened { recording }
            | vault::News::Refused { recording, .. }
            | vault::News::Closed { recording, .. }
            | vault::News::Lost { recording, .. } => {
                if let Some(call) = self.recordings.get(recording).copied() {
                    self.with_call(now, call, |call, desk| call.on_recording(desk, news));
                }
            }
        }
    }
}
