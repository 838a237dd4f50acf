//! The recording beside the call: opened before any media, fed with events, closed after the last packet.
//!
//! Invariant: under a policy that refuses unrecorded calls, no leg is aimed before the vault has said `Opened`. A call in progress
//! goes on when the store fails: what is lost is counted, on the recording's track and in the trace.

use crate::base::{LegId, Masked, RecordingId, Time};
use crate::compliance::disclosure::{self, Demand, To};
use crate::media::Order;
use crate::plan::{Needs, OnFailure, Record};
use crate::vault::{self, Closing, Event, News, Opening, Party, Retention};

use super::desk::{Desk, Effect};
use super::hangup::End;
use super::trace::What;
use super::{CALLER, Call, Phase};

/// A call's recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub id: RecordingId,
    pub state: State,
    pub began: Time,
    on_failure: OnFailure,
}

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Ordered, not yet acknowledged.
    Opening,
    /// Taking packets.
    Running,
    /// Ordered to close.
    Closing,
    /// Closed for good.
    Closed,
    /// Refused; the call goes on without it.
    Refused,
}

impl Recording {
    /// Whether it takes packets.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Whether the vault may still write to it.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Opening | State::Running)
    }
}

impl Call {
    /// Orders a recording if the policy wants one. `true` when the call has to wait for it.
    pub(super) fn open_recording(&mut self, desk: &mut Desk<'_>, route: Option<String>) -> bool {
        let policy = self.machine.policy();
        let Record::All { on_failure } = policy.record else { return false };
        let retention = policy.retain.as_ref().map(|class| Retention {
            class: class.name.to_string(),
            anchor: class.anchor.word().to_string(),
            min_seconds: Some(seconds(class.min, desk.wall)),
            max_seconds: class.max.map(|term| seconds(term, desk.wall)),
        });
        let facts = Opening {
            caller: self.facts.caller.clone(),
            dialled: self.facts.dialled.clone(),
            names: vec![self.caller_name.clone(), self.facts.display.clone()],
            plan: Some(self.machine.program().hash()),
            route,
            retention,
            notice: policy.notice.first().copied(),
        };
        let id = RecordingId::new(desk.wall, desk.random);
        self.recording = Some(Recording { id, state: State::Opening, began: desk.now, on_failure });
        self.recorded(desk, format!("{id} ordered"));
        let order =
            vault::Order::Open { recording: id, call: self.id, at: desk.wall, facts: Box::new(facts) };
        desk.effects.push_back(Effect::Vault(order));
        true
    }

    /// The vault reports on this call's recording.
    pub(super) fn on_vault(&mut self, desk: &mut Desk<'_>, news: &News) {
        match news {
            News::Opened { .. } => self.recording_opened(desk),
            News::Refused { why, .. } => self.recording_refused(desk, why),
            News::Lost { packets, .. } => self.recorded(desk, format!("{packets} packets lost")),
            News::Closed { leaf, .. } => {
                if let Some(recording) = &mut self.recording {
                    recording.state = State::Closed;
                }
                self.recorded(desk, format!("closed, leaf {leaf} of the ledger"));
                self.hand_over_transcript(desk);
            }
            News::Health { .. } => {}
        }
    }

    fn recording_opened(&mut self, desk: &mut Desk<'_>) {
        let Some(recording) = self.recording.as_mut().filter(|r| r.state == State::Opening) else { return };
        recording.state = State::Running;
        self.recorded(desk, "opened".into());
        self.state_demands(desk);
        self.tap(desk, self.near);
        if let Phase::Opening { recording, .. } = &mut self.phase {
            *recording = false;
            self.opened(desk);
        }
    }

    /// States on the event track what the policies want of whoever hears this, or sees it unmasked.
    fn state_demands(&mut self, desk: &mut Desk<'_>) {
        let rules = &self.machine.policy().rules;
        let demand = |to| {
            move |needs: &Needs| Demand {
                to,
                role: needs.role.as_ref().map(ToString::to_string),
                second: needs.needs.iter().any(|word| **word == *"second-auth"),
                limit: needs.limit,
            }
        };
        let play = rules.play.iter().map(demand(To::Play));
        let demands: Vec<Demand> = play.chain(rules.reveal.iter().map(demand(To::Reveal))).collect();
        if !demands.is_empty() {
            let value = serde_json::to_value(demands).unwrap_or_default();
            self.record_event(desk, Event::Other { name: disclosure::EVENT.into(), value });
        }
    }

    /// The vault will not record (or does not answer): by policy the call ends, or goes on without.
    pub(super) fn recording_refused(&mut self, desk: &mut Desk<'_>, why: &str) {
        let Some(recording) = &mut self.recording else { return };
        let refuse = recording.on_failure == OnFailure::Refuse;
        recording.state = State::Refused;
        self.recorded(desk, format!("refused: {why}"));
        if refuse {
            self.end(desk, End::NotRecorded);
            return;
        }
        if let Some(event) = self.machine.policy().rules.failure_event.clone() {
            self.note(desk, format!("event {event}: the call goes on unrecorded"));
        }
        if let Phase::Opening { recording, .. } = &mut self.phase {
            *recording = false;
            self.opened(desk);
        }
    }

    /// Copies what a leg says into the recording.
    pub(super) fn tap(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if self.recording.as_ref().is_none_or(|r| r.state != State::Running) {
            return;
        }
        let track = match self.leg_mut(leg) {
            Some(at) if !at.tapped => {
                at.tapped = true;
                at.track
            }
            _ => return,
        };
        self.retap(desk, leg, leg == self.near);
        self.record_event(desk, Event::Joined { leg, track });
        self.record_formats(desk, leg, track);
    }

    /// Copies a leg that is tapped already, alone or only while it is joined.
    pub(super) fn retap(&mut self, desk: &mut Desk<'_>, leg: LegId, alone: bool) {
        let Some(recording) = self.recording.as_ref().filter(|r| r.state == State::Running) else { return };
        let Some(at) = self.leg(leg).filter(|at| at.tapped && !at.is_gone()) else { return };
        let (recording, started, track) = (recording.id, recording.began, at.track);
        let order = Order::Tap { call: self.id, recording, started, leg, track, alone };
        desk.effects.push_back(Effect::Media(order));
    }

    /// States on the event track what the payload types of a leg stand for.
    pub(super) fn record_formats(&mut self, desk: &mut Desk<'_>, leg: LegId, track: u8) {
        let formats = self.leg(leg).map(|leg| leg.media.agreed.clone()).unwrap_or_default();
        for format in formats {
            let event = Event::Format {
                track,
                payload_type: format.pt,
                codec: format.codec.name().to_string(),
                clock_hz: format.clock,
            };
            self.record_event(desk, event);
        }
    }

    /// Writes an event on the recording's track, if there is a recording.
    pub(super) fn record_event(&mut self, desk: &mut Desk<'_>, event: Event) {
        let Some(recording) = self.recording.as_ref().filter(|r| r.state == State::Running) else { return };
        let offset_us = u64::try_from(desk.now.since(recording.began).as_micros()).unwrap_or(u64::MAX);
        let order = vault::Order::Event { recording: recording.id, offset_us, event };
        desk.effects.push_back(Effect::Vault(order));
    }

    /// Orders the recording closed: nothing more will be said.
    pub(super) fn close_recording(&mut self, desk: &mut Desk<'_>, cause: &str) {
        let Some(recording) = self.recording.as_mut().filter(|r| r.is_live()) else { return };
        recording.state = State::Closing;
        let id = recording.id;
        let facts = Closing {
            answered_at: self.answered_at,
            ended_at: Some(desk.wall),
            parties: self.parties(),
            tags: self.tags.clone(),
            cause: cause.to_string(),
        };
        self.recorded(desk, "closing".into());
        let order = vault::Order::Close { recording: id, at: desk.wall, facts: Box::new(facts) };
        desk.effects.push_back(Effect::Vault(order));
    }

    /// Everybody who took part, with what is known of them.
    pub(super) fn parties(&self) -> Vec<Party> {
        let caller = Party { leg: CALLER, who: self.facts.caller.clone(), name: self.facts.display.clone() };
        let answered = self.legs.iter().filter(|leg| leg.id != CALLER && leg.talked);
        let others = answered.map(|leg| Party {
            leg: leg.id,
            who: leg.user.clone(),
            name: leg.number.clone().unwrap_or_else(Masked::default),
        });
        std::iter::once(caller).chain(others).collect()
    }

    fn recorded(&mut self, desk: &mut Desk<'_>, text: String) {
        self.trace.add(desk.now, &What::Record { text: text.into() });
    }
}

/// A calendar term from now, in seconds.
fn seconds(term: crate::plan::Term, from: crate::base::Wall) -> u64 {
    let until = term.after(from).as_micros().saturating_sub(from.as_micros()) / 1_000_000;
    u64::try_from(until).unwrap_or(0)
}
