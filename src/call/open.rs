//! The beginning: a port for the caller and a recording for the call, before the plan takes its first step.

use std::time::Duration;

use crate::base::{LegId, Time};
use crate::media::Order;
use crate::plan::{Machine, Reply};
use crate::sip::Scheme;

use super::desk::{Alarm, Desk, Effect};
use super::guest::{self, Guest};
use super::hangup::End;
use super::leg::{Leg, Stage};
use super::trace::{Trace, What};
use super::transfer::Shown;
use super::view::Change;
use super::{CALLER, Call, Incoming, Phase};

/// How long the media plane and the vault may take to be ready for a new call.
const READY: Duration = Duration::from_secs(2);

impl Call {
    /// A new call. Its INVITE is authenticated, routed and has a readable body, or none.
    pub fn begin(desk: &mut Desk<'_>, incoming: Incoming) -> Call {
        let Incoming { id, invite, message, flow, dialog, caller_name, facts, device, route, program } =
            incoming;
        let route_words = program.route_ref(route).map(|r| format!("{} ({}:{})", r.pattern, r.file, r.line));
        let machine = Machine::start(program, route, facts.clone());
        let guest = Guest { invite, message: message.clone(), flow, dialog, user: caller_name.clone() };
        let leg = guest::asking(desk, (id, CALLER), guest);
        let mut call = Call {
            id,
            phase: Phase::Opening { port: true, recording: false },
            legs: vec![leg],
            near: CALLER,
            shown: Shown { user: facts.caller.clone(), display: facts.display.clone() },
            transfer: None,
            orphan: false,
            moved: false,
            machine,
            facts,
            caller_name,
            device,
            route: route_words.clone(),
            max_forwards: message.max_forwards().unwrap_or(70).saturating_sub(1),
            secure: message.request_uri().is_some_and(|uri| uri.scheme() == Scheme::Sips),
            recording: None,
            trace: Trace::new(desk.now, desk.wall),
            plays: 0,
            answered_at: None,
            last_failure: None,
            left: None,
            typed: Default::default(),
            ended: None,
            media_over: false,
            written: false,
        };
        call.heard_sip(desk, CALLER, &message);
        if let Some(route) = &route_words {
            call.note(desk, format!("route {route}"));
        }
        let recording = call.open_recording(desk, route_words);
        call.phase = Phase::Opening { port: true, recording };
        let local = flow.local.ip();
        desk.effects.push_back(Effect::Media(Order::Open { call: id, leg: CALLER, local }));
        desk.alarms.set((id, Alarm::Opening), desk.now + READY);
        call.happened(desk, Change::Began);
        call
    }

    /// The media plane has opened a leg's port.
    pub(super) fn on_port(&mut self, desk: &mut Desk<'_>, leg: LegId, local: std::net::SocketAddr) {
        let Some(at) = self.leg_mut(leg) else { return };
        at.media.local = Some(desk.node.announced(local));
        let ours = matches!(at.stage, Stage::Preparing { .. });
        self.trace.add(desk.now, What::Media { leg, text: format!("port {local}") });
        if self.leg(leg).is_some_and(Leg::is_up) {
            self.rehouse(desk, leg);
        } else if ours {
            self.invite(desk, leg);
        } else if leg != self.near {
            self.guest_ready(desk, leg);
        } else if let Phase::Opening { port, .. } = &mut self.phase {
            *port = false;
            self.opened(desk);
        }
    }

    /// There is no port for a leg.
    pub(super) fn on_no_port(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.trace.add(desk.now, What::Media { leg, text: "no port".into() });
        if leg == self.near {
            self.end(desk, End::NoPort);
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
            self.resume(desk, Reply::Start);
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
