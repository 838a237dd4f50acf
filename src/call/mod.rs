//! One call: a caller's leg, a plan that walks, the legs that it rings, and the recording that runs beside them.
//!
//! ```text
//! Opening ──port and recording are there──> Plan ──Ask::Dial──> Dialling ──200──> Talking
//!    |                                       ^ |                    |                |
//!    | no port; no recording (required)      | Ask::Hangup          | all failed     | far side hangs up
//!    v                                       | v                    v                v
//!  Ending <──────────────────────────────────┴─ Reply::Dialled <────┴────────────────┘
//! ```
//!
//! One verb a file over this small shared state. A call does nothing itself: it leaves effects on its [`Desk`].
//!
//! Invariant: whatever comes in, in whatever state, the call gets nearer to its end or stays; it never waits without an alarm.

mod adopt;
mod afterwards;
mod answer;
mod bridge;
mod cdr;
mod collect;
mod crypto;
mod deed;
mod desk;
mod dial;
mod divert;
mod feature;
mod guest;
mod hangup;
mod history;
mod hold;
mod identity;
mod keys;
pub mod ladder;
mod leg;
mod lexicon;
mod lines;
mod monitor;
mod offer;
mod open;
mod outside;
mod page;
mod park;
mod pass_on;
mod plan;
mod play;
mod probe;
pub mod quality;
mod reach;
mod record;
mod refer;
mod refresh;
mod reliable;
mod remember;
mod renew;
mod replace;
mod room;
mod screen;
mod secure;
mod settle;
mod strand;
mod summon;
pub mod trace;
mod transcript;
mod transfer;
mod trunk;
mod update;
mod veil;
pub mod view;
mod vouch;
mod wave;
mod wire;

use crate::base::{CallId, LegId, Masked, RecordingId, Time, Wall};
use crate::media::{self, Order};
use crate::plan::{Ask, Facts, Machine, Outcome, Program, RouteId};
use crate::sip::{Flow, Message};
use crate::transaction::ServerKey;
use crate::vault;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use adopt::Given;
pub use afterwards::{Finding, TAG as REVIEW};
pub use cdr::{Cdr, Measured};
pub use desk::{Alarm, Desk, Effect, Index, Manner, Memory, Node, Owner, Purpose};
pub use guest::Guest;
pub use lexicon::Lexicon;
pub use monitor::Supervision;
pub use offer::Offer;
pub use outside::{Answered, Notice, Question};
pub use page::{Page, Shown as OnPage};
pub use park::Lot;
pub use replace::Place;
pub use room::{RoomAct, Rooms};
pub use screen::Spoken;
pub use summon::Outgoing;
pub use transcript::{KIND as TRANSCRIPT, Line, Transcript};
pub use veil::Veils;
pub use wire::{ALLOW, OPTIONS, SUPPORTED};

use hangup::End;
use leg::Leg;
use quality::Quality;
use trace::{Entry, Trace, What};
use view::{CallView, Change, Happening, LegView};

/// The leg of whoever called.
const CALLER: LegId = LegId(0);

/// An INVITE that begins a call: authenticated, routed, its body readable.
#[derive(Debug)]
pub struct Incoming {
    /// The new call.
    pub id: CallId,
    /// The INVITE's transaction.
    pub invite: ServerKey,
    /// The INVITE.
    pub message: Message,
    /// What it offers; one without a body leaves that to us.
    pub offer: Option<Offer>,
    /// Where it came from.
    pub flow: Flow,
    /// The dialog that it may begin.
    pub dialog: crate::dialog::Dialog,
    /// The account that called.
    pub caller_name: Masked,
    /// What the plan is told.
    pub facts: Facts,
    /// The one device that was dialled by its own address (a GRUU, RFC 5627).
    pub device: Option<Device>,
    /// Whether a beep is all that the caller wants: a code was dialled, and has been carried out.
    pub confirms: bool,
    /// Whether the phones that are rung are asked to answer by themselves: intercom.
    pub answers_itself: bool,
    /// The route that the program chose.
    pub route: RouteId,
    /// The program that the call is pinned to.
    pub program: Arc<Program>,
}

/// One device of a user, dialled by its GRUU.
#[derive(Debug, Clone)]
pub struct Device {
    /// Whose: the account's name.
    pub user: Masked,
    /// Which: the value of `gr`, as it was written.
    pub gr: String,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    phase: Phase,
    /// By their number; a leg stays in the list when it is gone.
    legs: Vec<Leg>,
    /// Whom the plan serves: the caller, or who is left of a conversation that was transferred.
    near: LegId,
    /// Who phones that are rung are shown as calling.
    shown: transfer::Shown,
    transfer: Option<transfer::Transfer>,
    /// A phone that is to take the place of another: the new leg and the old.
    replacing: Option<(LegId, LegId)>,
    /// Who listens in, or is rung for it.
    monitors: Vec<monitor::Monitor>,
    /// The call was begun for a user whose phones still ring.
    summons: Option<summon::Summons>,
    /// Whether the phones that are rung are asked to answer by themselves.
    intercom: bool,
    /// Whether the plan is not that of the party that it would serve: when the far side leaves, the call is over.
    orphan: bool,
    /// Whether parties have changed, so that the caller and what was dialled are not who talks any more.
    moved: bool,
    machine: Machine,
    facts: Facts,
    caller_name: Masked,
    device: Option<Device>,
    confirms: bool,
    /// Whether the caller is not to be named to whom it calls.
    anonymous: bool,
    route: Option<String>,
    /// For the INVITEs that this call sends.
    max_forwards: u8,
    /// How often it was passed on before it came here, as its carrier says.
    passed_before: usize,
    /// Whether a `sips` URI was dialled: then only phones under TLS are rung (RFC 3261 §26.2.2).
    secure: bool,
    recording: Option<record::Recording>,
    /// An offer that waits for the other party's answer.
    passing: Option<Box<pass_on::Passing>>,
    /// What is linked besides sound.
    linked: Vec<(LegId, LegId, media::Strand)>,
    trace: Trace,
    /// Plays ordered so far; the last one's number.
    plays: u32,
    /// Questions to systems outside so far; the last one's number.
    questions: u32,
    answered_at: Option<Wall>,
    /// How the last dial failed and what an unanswered caller would be told of it.
    last_failure: Option<(Outcome, u16)>,
    /// The far side that hung up last, while the caller stayed.
    left: Option<LegId>,
    /// What of its lines was shown last ([`Call::new_lines`]).
    lines_shown: Option<u64>,
    /// Keys pressed lately.
    typed: park::Typed,
    /// Keys of one of the plan's codes, so far.
    codes: feature::Codes,
    /// Who is listened to for words that policies name.
    screening: Option<Box<screen::Screening>>,
    /// What the conversation will be held to when it is over, and its transcript.
    afterwards: Option<Box<afterwards::Afterwards>>,
    /// What its agent's page shows.
    notes: Option<Box<page::Notes>>,
    /// Marks that the plan and the rules have set.
    tags: BTreeMap<String, String>,
    /// Why, and when, the call ended.
    ended: Option<(String, Time, Wall)>,
    /// The media plane has reported the end.
    media_over: bool,
    /// The CDR is written.
    written: bool,
}

/// Where a call stands. Each state owns what it needs.
#[derive(Debug)]
enum Phase {
    /// Waits for the caller's port and for the recording (`true`: still waits).
    Opening { port: bool, recording: bool },
    /// Within one event, between two asks.
    Between,
    /// The plan wants the caller to hear something, and the caller's answer is still to come in its ACK.
    Waiting(Box<Ask>),
    /// A prompt plays to its end.
    Playing { play: u32, notice: Option<crate::base::PromptId> },
    /// Keys are taken.
    Collecting(Box<collect::Entry>),
    /// The plan waits.
    Pausing,
    /// A system outside is asked: the question's number.
    Asking(u32),
    /// Those ring whom a policy wants to listen before anybody is reached: how many of which group.
    Gathering { count: u8, group: Arc<str> },
    /// Phones ring.
    Dialling(dial::Dialling),
    /// The party that the plan serves is joined with another leg.
    Talking { with: LegId },
    /// The far side of another call is to come over (RFC 5589: attended transfer); it has a leg here once it was given.
    Fetching { leg: Option<LegId> },
    /// The party that the plan serves waits in a slot.
    Parked(park::Parked),
    /// The party that the plan serves is on its way into a room that is another call.
    Entering(room::Entering),
    /// The party that the plan serves is to take a call that rings elsewhere.
    Reaching(reach::Reaching),
    /// Parties meet.
    Room(room::Room),
    /// Over; only the network's last words and the reports are still to come.
    Ending,
}

impl Call {
    /// The call's identifier.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The media plane reports.
    pub fn on_media(&mut self, desk: &mut Desk<'_>, news: media::News) {
        match news {
            media::News::Opened { leg, local, .. } => self.on_port(desk, leg, local),
            media::News::NoPort { leg, .. } => self.on_no_port(desk, leg),
            media::News::Heard { leg, from, .. } => self.on_heard(desk, leg, from),
            media::News::Key { leg, key, .. } => self.on_key(desk, leg, key),
            media::News::Played { leg, play, whole, .. } => self.on_played(desk, leg, play, whole),
            media::News::Quiet { leg, lasting, .. } => self.on_quiet(desk, leg, lasting),
            media::News::OneWay { leg, lasting, .. } => self.on_one_way(desk, leg, lasting),
            media::News::BothWays { leg, lasted, .. } => self.on_both_ways(desk, leg, lasted),
            media::News::Facts { leg, facts, over, .. } => self.on_facts(desk, leg, *facts, over),
            media::News::Strand { leg, strand, news, .. } => self.on_strand(desk, leg, strand, news),
            media::News::Ended { .. } => {
                self.media_over = true;
                self.maybe_write(desk);
            }
            media::News::Refused { leg, .. } => self.not_mixed(desk, leg),
            // Of orders that no plan gives, and what the switch itself waits for.
            media::News::Announced { .. } | media::News::Reported { .. } | media::News::Missed { .. } => {}
        }
    }

    /// The vault reports on this call's recording.
    pub fn on_recording(&mut self, desk: &mut Desk<'_>, news: &vault::News) {
        self.on_vault(desk, news);
        self.maybe_write(desk);
    }

    /// An alarm of this call rings.
    pub fn on_alarm(&mut self, desk: &mut Desk<'_>, alarm: Alarm) {
        match alarm {
            Alarm::Opening => self.not_ready(desk),
            Alarm::Ring => self.rung_out(desk),
            Alarm::Wave => self.wave_over(desk),
            Alarm::Patience(leg) => self.patience_over(desk, leg),
            Alarm::Keys => self.no_more_keys(desk),
            Alarm::Pause => self.pause_over(desk),
            Alarm::Lookup => self.not_answered(desk),
            Alarm::Unmute(leg) => self.heard_again(desk, leg),
            Alarm::Hush(leg) => self.hush_now(desk, leg),
            Alarm::Accepted(leg) => self.repeat_accept(desk, leg),
            Alarm::Provisional(leg) => self.repeat_provisional(desk, leg),
            Alarm::Session(leg) => self.session_due(desk, leg),
            Alarm::Renew(leg) => self.renew_ours(desk, leg),
            Alarm::LetGo(leg) => self.let_go(desk, leg),
            Alarm::Parked => self.parked_too_long(desk),
            Alarm::Silence(leg) => self.trunk_silent(desk, leg),
            Alarm::Talk => self.end(desk, End::TooLong),
            Alarm::Stays(leg) => self.stayed_long_enough(desk, leg),
            Alarm::Monitors => self.monitors_rung_out(desk),
            Alarm::Ending => self.write_cdr(desk),
        }
    }

    /// An administrator ends the call.
    pub fn hang_up_by_administrator(&mut self, desk: &mut Desk<'_>) {
        self.end(desk, End::Administrator);
    }

    /// The node goes down.
    pub fn drain(&mut self, desk: &mut Desk<'_>) {
        self.end(desk, End::Drain);
    }

    /// Whether nothing is left to do: no leg, no report, no record.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending) && self.written && self.legs.iter().all(Leg::is_gone)
    }

    /// Its recording, if it has one.
    pub fn recording(&self) -> Option<RecordingId> {
        self.recording.as_ref().map(|recording| recording.id)
    }

    /// The log so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.trace.entries()
    }

    fn maybe_write(&mut self, desk: &mut Desk<'_>) {
        let closed = self
            .recording
            .as_ref()
            .is_none_or(|r| matches!(r.state, record::State::Closed | record::State::Refused));
        if matches!(self.phase, Phase::Ending) && self.media_over && closed {
            desk.alarms.clear(&(self.id, Alarm::Ending));
            self.write_cdr(desk);
        }
    }

    fn on_heard(&mut self, desk: &mut Desk<'_>, leg: LegId, from: std::net::SocketAddr) {
        self.trace.add(desk.now, &What::Media { leg, text: format!("heard from {from}").into() });
    }

    fn leg(&self, leg: LegId) -> Option<&Leg> {
        self.legs.get(usize::from(leg.0))
    }

    fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(leg.0))
    }

    fn leg_ids(&self) -> Vec<LegId> {
        self.legs.iter().map(|leg| leg.id).collect()
    }

    fn note(&mut self, desk: &Desk<'_>, text: String) {
        self.trace.add(desk.now, &What::Call { text: text.into() });
    }

    fn close_media(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        desk.effects.push_back(Effect::Media(Order::Close { call: self.id, leg }));
    }

    fn happened(&mut self, desk: &mut Desk<'_>, change: Change) {
        let happening = Happening { at: desk.wall, change, call: self.view() };
        desk.effects.push_back(Effect::Happened(Box::new(happening)));
    }

    /// The call as administrators see it.
    pub fn view(&self) -> CallView {
        let answered_by = self.legs.iter().rev().find(|leg| leg.talked).map(|leg| leg.user.to_string());
        CallView {
            id: self.id,
            began: self.trace.began().1,
            state: self.state_word().into(),
            caller: self.facts.caller.to_string(),
            dialled: self.facts.dialled.to_string(),
            answered_by,
            recording: self.recording.as_ref().map(|recording| recording.id),
            legs: self.legs.iter().map(leg_view).collect(),
        }
    }

    fn state_word(&self) -> &'static str {
        match self.phase {
            Phase::Opening { .. } => "opening",
            Phase::Between
            | Phase::Waiting(_)
            | Phase::Playing { .. }
            | Phase::Collecting(_)
            | Phase::Pausing
            | Phase::Asking(_) => "playing",
            Phase::Gathering { .. } | Phase::Dialling(_) | Phase::Fetching { .. } => "ringing",
            Phase::Talking { .. } => "talking",
            Phase::Parked(_) => "parked",
            Phase::Entering(_) | Phase::Room(_) => "conference",
            Phase::Reaching(_) => "pickup",
            Phase::Ending => "ending",
        }
    }
}

/// What a leg has besides sound.
fn besides(leg: &Leg) -> Vec<String> {
    let on = media::Strand::ALL.into_iter().filter(|strand| leg.media.strands.is_on(*strand));
    on.map(|strand| strand.word().to_string()).collect()
}

fn leg_view(leg: &Leg) -> LegView {
    LegView {
        leg: leg.id,
        peer: leg.user.to_string(),
        state: leg.state_word().into(),
        codec: leg.media.agreed.first().map(|format| format.codec.name().to_string()),
        besides: besides(leg),
        local: leg.media.local,
        remote: leg.media.remote.as_ref().map(|remote| remote.rtp),
        encryption: leg.media.keys.secure().map(|keys| keys.send.suite().name().into()),
        quality: leg.facts.as_deref().map(Quality::of),
    }
}
