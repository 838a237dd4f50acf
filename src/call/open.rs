//! The beginning: a port for the caller and a recording for the call, before the plan takes its first step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, LegId, Masked, Time};
use crate::media::Order;
use crate::plan::{Facts, Machine, Origin, Program, Reply, RouteId};
use crate::sip::Scheme;

use super::desk::{Alarm, Desk, Effect};
use super::guest::{self, Guest};
use super::hangup::End;
use super::leg::{Leg, Stage};
use super::trace::{Trace, What};
use super::transfer::Shown;
use super::view::Change;
use super::{CALLER, Call, Device, Incoming, Phase};

/// How long the media plane and the vault may take to be ready for a new call.
const READY: Duration = Duration::from_secs(2);

/// What every call begins with.
pub(super) struct Beginning {
    pub id: CallId,
    pub facts: Facts,
    pub caller_name: Masked,
    pub device: Option<Device>,
    pub route: RouteId,
    pub program: Arc<Program>,
    pub max_forwards: u8,
    pub secure: bool,
}

impl Call {
    /// A new call. Its INVITE is authenticated, routed and has a readable body, or none.
    pub fn begin(desk: &mut Desk<'_>, incoming: Incoming) -> Call {
        let Incoming {
            id,
            invite,
            message,
            offer,
            flow,
            dialog,
            caller_name,
            facts,
            device,
            confirms,
            answers_itself,
            route,
            program,
        } = incoming;
        let user = caller_name.clone();
        let guest = Guest { invite, message: message.clone(), offer, flow, dialog, user };
        let srtp = desk.srtp_of_caller(&facts.origin, &caller_name);
        let mut leg = guest::asking(desk, (id, CALLER), guest, srtp);
        leg.carrier = match &facts.origin {
            Origin::Trunk(name) => Some(Arc::clone(name)),
            Origin::Users => None,
        };
        let max_forwards = message.max_forwards().unwrap_or(70).saturating_sub(1);
        let secure = message.request_uri().is_some_and(|uri| uri.scheme() == Scheme::Sips);
        let beginning = Beginning { id, facts, caller_name, device, route, program, max_forwards, secure };
        let mut call = Call::new(desk, beginning, vec![leg]);
        (call.confirms, call.intercom) = (confirms, answers_itself);
        call.anonymous = super::identity::wants_privacy(&message);
        // A phone may say what it likes; a carrier's word is worth a guard against calls that go round between switches.
        if call.facts.origin != Origin::Users {
            call.passed_before = super::history::passes(&message);
        }
        call.heard_sip(desk, CALLER, &message);
        if !call.keeps_policy(desk, CALLER) {
            call.happened(desk, Change::Began);
            call.end(desk, End::NotEncrypted);
            return call;
        }
        desk.effects.push_back(Effect::Media(Order::Open { call: id, leg: CALLER, local: flow.local.ip() }));
        call.wait_to_open(desk, true);
        call
    }

    /// A call that has not begun to do anything.
    pub(super) fn new(desk: &Desk<'_>, beginning: Beginning, legs: Vec<Leg>) -> Call {
        let Beginning { id, facts, caller_name, device, route, program, max_forwards, secure } = beginning;
        let words = program.route_ref(route).map(|r| format!("{} ({}:{})", r.pattern, r.file, r.line));
        Call {
            id,
            phase: Phase::Opening { port: true, recording: false },
            legs,
            near: CALLER,
            shown: Shown { user: facts.caller.clone(), display: facts.display.clone() },
            transfer: None,
            replacing: None,
            monitors: Vec::new(),
            summons: None,
            intercom: false,
            orphan: false,
            moved: false,
            machine: Machine::start(program, route, facts.clone()),
            facts,
            caller_name,
            device,
            confirms: false,
            anonymous: false,
            route: words,
            max_forwards,
            passed_before: 0,
            secure,
            recording: None,
            passing: None,
            linked: Vec::new(),
            trace: Trace::new(desk.now, desk.wall),
            plays: 0,
            questions: 0,
            answered_at: None,
            last_failure: None,
            left: None,
            lines_shown: None,
            typed: Default::default(),
            codes: Default::default(),
            screening: None,
            afterwards: None,
            notes: None,
            tags: BTreeMap::new(),
            ended: None,
            media_over: false,
            written: false,
        }
    }

    /// Orders the recording and waits for it, and for the caller's port where there is a caller already.
    pub(super) fn wait_to_open(&mut self, desk: &mut Desk<'_>, port: bool) {
        if let Some(route) = self.route.clone() {
            self.note(desk, format!("route {route}"));
        }
        let recording = self.open_recording(desk, self.route.clone());
        self.phase = Phase::Opening { port, recording };
        desk.alarms.set((self.id, Alarm::Opening), desk.now + READY);
        self.happened(desk, Change::Began);
        self.opened(desk);
    }

    /// The media plane has opened a leg's port.
    pub(super) fn on_port(&mut self, desk: &mut Desk<'_>, leg: LegId, local: std::net::SocketAddr) {
        let Some(at) = self.leg_mut(leg) else { return };
        at.media.local = Some(desk.node.announced(local));
        let ours = matches!(at.stage, Stage::Preparing { .. });
        self.trace.add(desk.now, &What::Media { leg, text: format!("port {local}").into() });
        if self.leg(leg).is_some_and(Leg::is_up) {
            self.rehouse(desk, leg);
        } else if ours {
            // Ports for video may still be on their way.
            if self.leg(leg).is_some_and(|at| !at.media.strands.wait()) {
                self.invite(desk, leg);
            }
        } else if leg != self.near {
            self.guest_ready(desk, leg);
        } else if let Phase::Opening { port, .. } = &mut self.phase {
            *port = false;
            self.opened(desk);
        }
    }

    /// There is no port for a leg.
    pub(super) fn on_no_port(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.trace.add(desk.now, &What::Media { leg, text: "no port".into() });
        if leg == self.near {
            self.end(desk, End::NoPort);
        } else if self.is_entering(leg) {
            self.fetch_failed(desk, leg, 503);
        } else if self.is_monitor(leg) {
            self.dismiss(desk, leg);
        } else if matches!(self.phase, Phase::Fetching { .. }) {
            self.fetch_failed(desk, leg, 503);
        } else {
            self.guest_leaves(desk, leg, 503);
        }
    }

    /// Port or recording came; when both are there, the plan begins.
    pub(super) fn opened(&mut self, desk: &mut Desk<'_>) {
        if matches!(self.phase, Phase::Opening { port: false, recording: false }) {
            desk.alarms.clear(&(self.id, Alarm::Opening));
            self.phase = Phase::Between;
            match self.summons {
                Some(_) => self.summon(desk),
                None => self.resume(desk, Reply::Start),
            }
        }
    }

    /// Port or recording did not come in time.
    pub(super) fn not_ready(&mut self, desk: &mut Desk<'_>) {
        match &self.phase {
            Phase::Opening { port: true, .. } => self.end(desk, End::NoPort),
            Phase::Opening { .. } => self.recording_refused(desk, "no answer from the vault in time"),
            _ => {}
        }
    }

    /// How long the call has lasted.
    pub fn age(&self, now: Time) -> Duration {
        now.since(self.trace.began().0)
    }
}
