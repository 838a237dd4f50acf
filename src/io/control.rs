//! The control task: one task that owns the core, feeds it what happens, and carries out what it wants.
//!
//! Invariant: the core is touched here and nowhere else; between two inputs every output was taken; nothing here blocks.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::admin::trail::{self, Deed};
use super::clock::{self, Clock};
use super::door::{self, Door, Knock, Porter};
use super::ears::Ears;
use super::media::{Full, Plane};
use super::notify::Notify;
use super::outside::Outside;
use super::pages::Hub;
use super::playback::{NotStarted, Playback};
use super::recognise::{Gauges, Recognisers, Told};
use super::refusals::Refusals;
use super::registrations::Changes;
use super::resolver::Resolver;
use super::settings::SettingsFile;
use super::store::{Making, Store};
use super::stream::{Event, Streams};
use super::udp::{self, Arrival, Udp};
use crate::base::{CallId, LegId, PromptId, bounds};
use crate::call::view::{Change, Happening};
use crate::call::{self, Spoken, Transcript};
use crate::compliance::words::Hit;
use crate::locate::Answer as Answered;
use crate::media::{self, PromptLibrary};
use crate::plan::Ended;
use crate::presence::Report;
use crate::sip::{Flow, Transport, stun};
use crate::speech::Wanted;
use crate::switch::{Answer, Command, Input, MediaView, Output, Switch};
use crate::vault::{self, Outcome, Who};

/// Datagrams taken from one socket before the other sources get their turn.
const TURN: usize = 64;

/// How often the core is told the time for people.
const WALL_EVERY: Duration = Duration::from_secs(5);

/// How long the node stays for the last answers once its last call has ended: one retransmission (T1, RFC 3261 §17.1.1.1)
/// and its answer.
const LINGER: Duration = Duration::from_millis(600);

/// How often changed registrations are passed on to be kept.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// What made a transcript, as its item says.
const TRANSCRIBED_BY: &str = concat!("ledgerline ", env!("CARGO_PKG_VERSION"), ", the node's recognisers");

/// How soon an order that the media plane had no room for is tried again.
const HELD_EVERY: Duration = Duration::from_millis(5);

/// What the control task works with.
pub struct Parts {
    /// The clock that the core's time comes from.
    pub clock: Clock,
    /// The core.
    pub switch: Switch,
    /// UDP listeners.
    pub udp: Vec<Udp>,
    /// Stream connections.
    pub streams: Streams,
    /// What they tell.
    pub stream_events: mpsc::Receiver<Event>,
    /// The media plane.
    pub plane: Plane,
    /// What it tells.
    pub media_news: mpsc::Receiver<media::News>,
    /// The recording store.
    pub store: Store,
    /// What it tells.
    pub vault_news: mpsc::UnboundedReceiver<vault::News>,
    /// The recognisers.
    pub recognisers: Recognisers,
    /// What they tell.
    pub speech: mpsc::Receiver<Told>,
    /// The prompts of the first program.
    pub prompts: PromptLibrary,
    /// Where what users set is kept.
    pub settings: SettingsFile,
    /// Where changed registrations go.
    pub registrations: Changes,
    /// The service manager.
    pub notify: Notify,
    /// The way to systems outside.
    pub outside: Outside,
    /// What they answer.
    pub found: mpsc::Receiver<call::Answered>,
    /// Agents' pages.
    pub pages: Hub,
    /// Whose are opened and closed.
    pub pages_opened: mpsc::Receiver<(String, bool)>,
}

/// The control task.
pub struct Control {
    parts: Parts,
    ears: Ears,
    /// Whose voices are gauged.
    gauges: Gauges,
    resolver: Resolver,
    answers: mpsc::Receiver<(u64, Answered)>,
    refusals: Refusals,
    porter: Porter,
    asked: HashMap<u64, oneshot::Sender<Answer>>,
    /// Calls in which a recording is played, and under what.
    playing: HashMap<CallId, PromptId>,
    last_ticket: u64,
    /// Inputs that came of carrying outputs out; they go in before anything else.
    inputs: VecDeque<Input>,
    /// Media orders that found no room, oldest first; while there are any, new ones queue behind them.
    held: VecDeque<media::Order>,
    buffer: Vec<u8>,
}

impl Control {
    /// A control task that has not run yet, and the way to it.
    pub fn new(mut parts: Parts) -> (Control, Door) {
        let (door, porter) = door::door();
        let ears = Ears::new(std::mem::take(&mut parts.udp));
        let (resolver, answers) = Resolver::start();
        let control = Control {
            gauges: parts.recognisers.gauges(),
            parts,
            ears,
            resolver,
            answers,
            refusals: Refusals::default(),
            porter,
            asked: HashMap::new(),
            playing: HashMap::new(),
            last_ticket: 0,
            inputs: VecDeque::new(),
            held: VecDeque::new(),
            buffer: udp::buffer(),
        };
        (control, door)
    }

    /// Runs until `stop` is done, then ends every call and returns when they have ended, or after [`bounds::DRAIN`].
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut wall = tokio::time::interval(WALL_EVERY);
        let mut alive = tokio::time::interval(self.parts.notify.alive_every().unwrap_or(WALL_EVERY));
        let mut keep = tokio::time::interval(KEEP_EVERY);
        let (mut give_up, mut lingering) = (None, false);
        self.order(media::Order::Prompts(Arc::new(self.parts.prompts.clone())));
        self.settle();
        self.parts.notify.ready();
        loop {
            let next = self.next().min(give_up.unwrap_or_else(|| self.next()));
            tokio::select! {
                socket = self.ears.ready() => self.hear(&socket),
                Some(event) = self.parts.stream_events.recv() => self.stream(event),
                Some(news) = self.parts.media_news.recv() => self.feed(Input::Media(news)),
                Some(news) = self.parts.vault_news.recv() => self.feed(Input::Vault(news)),
                Some((call, leg, news)) = self.parts.speech.recv() => self.feed(Input::Speech { call, leg, news }),
                Some((ticket, answer)) = self.answers.recv() => self.feed(Input::Answered { ticket, answer }),
                Some(found) = self.parts.found.recv() => self.feed(Input::Found(found)),
                Some((user, open)) = self.parts.pages_opened.recv() => self.feed(Input::Page { user, open }),
                Some(knock) = self.porter.knocks.recv() => self.knock(knock),
                () = sleep_until(next) => self.wake(),
                _ = wall.tick() => self.feed(Input::Clock { wall: clock::wall() }),
                _ = keep.tick() => self.keep(),
                _ = alive.tick() => self.parts.notify.alive(),
                () = &mut stop, if give_up.is_none() => {
                    tracing::info!("going down: no new calls, running ones end");
                    self.parts.notify.stopping();
                    self.command(Command::Drain, None);
                    give_up = Some(Instant::now() + bounds::DRAIN);
                }
            }
            if let Some(give_up) = &mut give_up {
                if self.parts.switch.calls() == 0 && !std::mem::replace(&mut lingering, true) {
                    *give_up = Instant::now() + LINGER;
                }
                if Instant::now() >= *give_up {
                    self.keep();
                    return;
                }
            }
        }
    }

    /// Passes on the registrations that have changed.
    fn keep(&mut self) {
        if self.parts.switch.has_registrations() {
            let now = self.parts.clock.now();
            self.parts.registrations.pass(|| self.parts.switch.take_registrations(now));
        }
    }

    /// When something is due without anybody coming.
    fn next(&self) -> Instant {
        let core = self.parts.switch.deadline().map(|time| Instant::from_std(self.parts.clock.instant(time)));
        let held = (!self.held.is_empty()).then(|| Instant::now() + HELD_EVERY);
        let far = || Instant::now() + WALL_EVERY;
        core.into_iter().chain(held).min().unwrap_or_else(far)
    }

    /// Does what is due.
    fn wake(&mut self) {
        while let Some(order) = self.held.pop_front() {
            if let Some(order) = self.left_over(order) {
                self.held.push_front(order);
                break;
            }
        }
        self.parts.switch.tick(self.parts.clock.now());
        self.settle();
    }

    /// Takes what a UDP socket has, up to [`TURN`] datagrams.
    fn hear(&mut self, socket: &Udp) {
        for _ in 0..TURN {
            match socket.receive(&mut self.buffer) {
                Ok(Arrival::Datagram { flow, raw }) if stun::is_stun(&raw) => {
                    self.keep_alive(socket, &flow, &raw)
                }
                Ok(Arrival::Datagram { flow, raw }) => self.feed(Input::Message { flow, raw }),
                Ok(Arrival::KeepAlive) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A refusal of something sent earlier surfaces here too; the error queue says whose it was.
                Err(error) => tracing::trace!(%error, "receive"),
            }
        }
        for _ in 0..TURN {
            match socket.refused() {
                Ok(flow) if self.refusals.again(self.parts.clock.now(), flow) => {
                    self.feed(Input::FlowClosed { flow });
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }

    /// Answers a STUN keep-alive (RFC 5626 §4.4.2), at greater length than it has only to a phone that is registered from there:
    /// a forged source gets nothing multiplied.
    fn keep_alive(&self, socket: &Udp, flow: &Flow, raw: &[u8]) {
        let answer = stun::answer(raw, flow.remote);
        let Some(answer) =
            answer.filter(|answer| answer.len() <= raw.len() || self.parts.switch.knows(flow.remote))
        else {
            return;
        };
        if let Err(error) = socket.send(flow, &answer) {
            tracing::trace!(%error, "keep-alive not answered");
        }
    }

    fn stream(&mut self, event: Event) {
        match event {
            Event::Accepted { stream, transport } => self.parts.streams.admit(stream, transport),
            Event::Message { flow, raw } => self.feed(Input::Message { flow, raw }),
            Event::Ended { connection } => {
                let ended = self.parts.streams.ended(connection);
                self.inputs.extend(ended.into_iter().map(|flow| Input::FlowClosed { flow }));
                self.settle();
            }
        }
    }

    fn knock(&mut self, knock: Knock) {
        match knock {
            Knock::Ask { command, answer } => self.command(command, Some(answer)),
            Knock::Trunks { rules, listeners } => self.feed(Input::Trunks { rules, listeners }),
            Knock::Emergency(plan) => self.feed(Input::Emergency(plan)),
            Knock::Directory(directory) => self.feed(Input::Directory(directory)),
            Knock::Playback { playback, answer } => {
                // Whoever asked may have gone away meanwhile.
                let _ = answer.send(self.play(*playback));
            }
            Knock::Program { program, mut prompts } => {
                prompts.carry(media::MUSIC, &self.parts.prompts);
                prompts.carry_site(&self.parts.prompts);
                // Calls that run keep the program before: its prompts stay one generation longer.
                let mut all = prompts.clone();
                all.keep(&self.parts.prompts);
                self.parts.prompts = prompts;
                self.order(media::Order::Prompts(Arc::new(all)));
                self.feed(Input::Program(program));
            }
        }
    }

    /// Has a recording played to a phone: its prompt is there before the call begins, and goes when that has ended.
    fn play(&mut self, playback: Playback) -> Result<CallId, NotStarted> {
        if self.playing.len() >= bounds::PLAYBACKS {
            return Err(NotStarted::Busy);
        }
        let Playback { call, user, label, program, route, id, prompt } = playback;
        self.parts.prompts.insert(id, prompt);
        self.order(media::Order::Prompts(Arc::new(self.parts.prompts.clone())));
        self.playing.insert(call, id);
        self.last_ticket += 1;
        let (ticket, (answer, mut answered)) = (self.last_ticket, oneshot::channel());
        self.asked.insert(ticket, answer);
        self.feed(Input::Playback { ticket, call, user, label, program, route });
        self.asked.remove(&ticket);
        match answered.try_recv() {
            Ok(Answer::Started(call)) => Ok(call),
            _ => {
                self.forget_playback(call);
                Err(NotStarted::Nobody)
            }
        }
    }

    /// A call has ended: what was played in it is forgotten.
    fn forget_playback(&mut self, call: CallId) {
        if let Some(id) = self.playing.remove(&call) {
            self.parts.prompts.remove(id);
            self.order(media::Order::Prompts(Arc::new(self.parts.prompts.clone())));
        }
    }

    fn command(&mut self, command: Command, answer: Option<oneshot::Sender<Answer>>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        if let Some(answer) = answer {
            self.asked.insert(ticket, answer);
        }
        // A look at a call is answered when the media plane has told, or within a second.
        let waits = matches!(command, Command::Look { .. });
        self.feed(Input::Command { ticket, command });
        // Every other command is answered at once; one that was not never will be.
        if !waits {
            self.asked.remove(&ticket);
        }
    }

    fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.settle();
    }

    /// Gives the core everything that waits, and carries out everything that it wants.
    fn settle(&mut self) {
        loop {
            while let Some(output) = self.parts.switch.poll() {
                self.carry_out(output);
            }
            let Some(input) = self.inputs.pop_front() else { break };
            self.parts.switch.handle(self.parts.clock.now(), input);
        }
        self.parts.plane.wake();
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => self.send(flow, bytes),
            Output::Ask { ticket, question } => self.resolver.ask(ticket, question),
            Output::Expect { remote, name } => self.parts.streams.expect(remote, &name),
            Output::LookUp(question) => {
                let (call, number) = (question.call, question.number);
                if !self.parts.outside.ask(*question) {
                    let why = Some("too many questions are under way".to_string());
                    let answer = Err(Ended::Failed);
                    self.inputs.push_back(Input::Found(call::Answered { call, number, answer, why }));
                }
            }
            Output::Post(notice) => {
                if !self.parts.outside.tell(*notice) {
                    tracing::error!("too much is told to systems outside: a letter to a webhook is lost");
                }
            }
            Output::Media(order) => self.order(order),
            Output::Vault(order) => self.record(order),
            Output::Listen { call, leg, wanted } => self.listen(call, leg, wanted),
            Output::Gauge { call, leg, begins: true } => {
                let order = self.gauges.begin(call, leg);
                self.order(order);
            }
            Output::Gauge { call, leg, .. } => {
                self.gauges.end(call, leg).into_iter().for_each(|order| self.order(order));
            }
            Output::Page { user, call, page } => {
                self.parts.pages.show(user.reveal(), call, page.map(|page| *page));
            }
            Output::Transcribed(transcript) => self.keep_transcript(*transcript),
            Output::Spoken { call, spoken } => self.spoken(call, &spoken),
            Output::Answer { ticket, answer } => {
                if let Some(asked) = self.asked.remove(&ticket) {
                    // Whoever asked may have gone away meanwhile.
                    let _ = asked.send(self.complete(*answer));
                }
            }
            Output::Settings { user, settings } => {
                let file = self.parts.settings.clone();
                // A change a person makes with a telephone: nothing waits for the disk.
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = file.put(&user, settings) {
                        tracing::error!(%error, "a user's setting is not kept: it is gone after a restart");
                    }
                });
            }
            Output::Log { grave: true, text } => tracing::error!("{text}"),
            Output::Log { grave: false, text } => tracing::warn!("{text}"),
            Output::Refused { caller, dialled, status, why } => {
                tracing::warn!(%caller, %dialled, status, why, "call refused");
            }
            Output::Report(report) => {
                note(&report);
                self.audit(&report);
            }
            Output::Happened(happening) => {
                if matches!(happening.change, Change::Ended { .. }) {
                    self.forget_playback(happening.call.id);
                }
                tell(&happening);
                let _ = self.porter.happenings.send(Arc::new(*happening));
            }
        }
    }

    fn send(&mut self, flow: Flow, octets: Bytes) {
        if flow.transport != Transport::Udp {
            let ended = self.parts.streams.send(&flow, octets);
            self.inputs.extend(ended.into_iter().map(|flow| Input::FlowClosed { flow }));
        } else if let Err(error) = self.ears.send(&flow, &octets) {
            tracing::debug!(%error, remote = %flow.remote, "not sent");
            // A full queue loses a datagram as any network does; everything else will not get better by repeating.
            if error.kind() != io::ErrorKind::WouldBlock {
                self.inputs.push_back(Input::FlowClosed { flow });
            }
        }
    }

    /// Adds to an answer what only the shell knows.
    fn complete(&self, mut answer: Answer) -> Answer {
        if let Answer::Status(status) = &mut answer {
            let plane = &self.parts.plane;
            let workers = plane.workers();
            status.media = Some(MediaView {
                back_end: plane.back_end().to_string(),
                workers: workers.len(),
                alive: workers.iter().filter(|worker| worker.alive).count(),
                legs: workers.iter().map(|worker| worker.legs).sum(),
                packets: workers.iter().map(|worker| worker.packets).sum(),
                free_ports: plane.free_ports(),
            });
        }
        answer
    }

    /// Hands an order to the media plane; gives it back when there is no room.
    fn left_over(&mut self, order: media::Order) -> Option<media::Order> {
        match self.parts.plane.leave(order) {
            Ok(told) => {
                self.inputs.extend(told.map(Input::Media));
                None
            }
            Err(Full(order)) => Some(*order),
        }
    }

    fn order(&mut self, order: media::Order) {
        let refused = match self.held.is_empty() {
            true => self.left_over(order),
            false => Some(order),
        };
        match refused {
            None => {}
            // A new leg is refused at once: the caller hears 503 instead of nothing.
            Some(media::Order::Open { call, leg, .. }) => {
                self.inputs.push_back(Input::Media(media::News::NoPort { call, leg }));
            }
            Some(order) if self.held.len() < bounds::HELD_ORDERS => self.held.push_back(order),
            Some(order) => {
                tracing::error!(call = ?order.call(), "the media plane does not keep up: an order was lost")
            }
        }
    }

    /// Has a recogniser listen to a leg, to other words, or no longer.
    fn listen(&mut self, call: CallId, leg: LegId, wanted: Option<Wanted>) {
        let Some(wanted) = wanted else {
            let order = self.parts.recognisers.end(call, leg);
            return order.into_iter().for_each(|order| self.order(order));
        };
        match self.parts.recognisers.begin(call, leg, wanted) {
            Ok(order) => order.into_iter().for_each(|order| self.order(order)),
            Err(news) => self.inputs.push_back(Input::Speech { call, leg, news }),
        }
    }

    /// Seals a transcript beside its recording; nothing waits for the disk.
    fn keep_transcript(&self, transcript: Transcript) {
        let store = self.parts.store.clone();
        drop(tokio::task::spawn_blocking(move || {
            let octets = Zeroizing::new(serde_json::to_vec(&transcript).unwrap_or_default());
            let making =
                Making { kind: call::TRANSCRIPT, media_type: "application/json", by: TRANSCRIBED_BY };
            let (recording, lines) = (transcript.recording, transcript.lines.len());
            match store.append_derived(recording, &making, &octets) {
                Ok(item) => tracing::info!(%recording, %item, lines, "transcript kept"),
                Err(error) => tracing::error!(%recording, %error, "a transcript is lost"),
            }
        }));
    }

    /// Words that a policy names stand in the audit book: in which call, which of which set, and what became of them.
    fn spoken(&self, call: CallId, spoken: &Spoken) {
        let Spoken { set, version, phrase, level, .. } = spoken;
        tracing::info!(%call, set, version, phrase, level, "words that a policy names were spoken");
        let detail = serde_json::to_value(spoken).unwrap_or_default();
        let deed = Deed { detail, ..Deed::new("words.spoken", call.to_string()) };
        trail::note(&self.parts.store, &Who::node(), &deed, Outcome::Done);
    }

    fn record(&mut self, order: vault::Order) {
        let opens = match &order {
            vault::Order::Open { recording, .. } => Some(*recording),
            _ => None,
        };
        if self.parts.store.order(order).is_err() {
            tracing::error!("the recording store does not keep up: an order was lost");
            if let Some(recording) = opens {
                let why = "the recording store does not keep up";
                self.inputs.push_back(Input::Vault(vault::News::Refused { recording, why }));
            }
        }
    }

    /// A text that holds words which a policy names stands in the audit book: who, to whom, which words of which sets.
    fn audit(&self, report: &Report) {
        let Report::Text { from, to, status, hits, .. } = report else { return };
        if hits.is_empty() {
            return;
        }
        let (act, result) = match status {
            403 => ("text.refuse", Outcome::Refused),
            _ => ("text.note", Outcome::Done),
        };
        let words = hits.iter().map(named).collect::<Vec<_>>();
        let deed = Deed {
            about: vec![from.clone(), to.clone()],
            detail: json!({ "words": words, "status": status }),
            ..Deed::new(act, None)
        };
        trail::note(&self.parts.store, &Who::node(), &deed, result);
    }
}

/// The one line that a call leaves in the log at each turn of its life.
fn tell(happening: &Happening) {
    let Happening { change, call, .. } = happening;
    let (id, caller, dialled, recording) = (&call.id, &call.caller, &call.dialled, &call.recording);
    match change {
        Change::Began => tracing::debug!(%id, caller, dialled, "call began"),
        Change::Rings => tracing::debug!(%id, "call rings"),
        Change::Joined => tracing::debug!(%id, by = call.answered_by, "call joined"),
        Change::OneWay { leg } => {
            tracing::warn!(%id, %leg, "sound goes one way: nothing comes from this leg")
        }
        Change::Ended { cause, duration_ms } => {
            let answered_by = call.answered_by.as_deref();
            tracing::info!(%id, caller, dialled, answered_by, cause, duration_ms, ?recording, "call ended");
        }
    }
}

/// The one line that a text message or a synchronised phone leaves in the log.
fn note(report: &Report) {
    match report {
        Report::Text { from, to, octets, contacts, status, hits } if hits.is_empty() => {
            tracing::info!(%from, %to, octets, contacts, status, "text message");
        }
        Report::Text { from, to, octets, contacts, status, hits } => {
            let words = hits.iter().map(named).collect::<Vec<_>>().join("; ");
            tracing::warn!(%from, %to, octets, contacts, status, words, "text message with words that a policy names");
        }
        Report::Sync { user, status } => tracing::info!(%user, status, "phone asked to synchronise"),
    }
}

/// A hit by the set that knows it; never what was written.
fn named(hit: &Hit) -> String {
    let excused = if hit.excused { ", excused" } else { "" };
    format!("{} {}: {} ({}{excused})", hit.set, hit.version, hit.phrase, hit.level)
}
