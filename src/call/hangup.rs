//! Ending: of one leg in whatever state it is, and of the whole call.
//!
//! Invariant: after `end` every leg is on its way out and the media plane and the vault have been told; what is still to come
//! from the network (answers, crossing 2xx) cannot bring the call back.

use std::time::Duration;

use crate::base::LegId;
use crate::dialog::Reason;
use crate::dialog::reason::COMPLETED_ELSEWHERE;
use crate::media::Order;
use crate::plan::Cause;
use crate::sip::Message;

use super::desk::{Alarm, Desk, Effect};
use super::leg::{Leg, Stage, Unacked};
use super::view::Change;
use super::{CALLER, Call, Phase};

/// How long the media plane and the vault may take to report the end before the CDR is written without them.
const REPORTS: Duration = Duration::from_secs(4);

/// Why a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A party hung up.
    Party(LegId),
    /// The caller gave up before an answer (CANCEL).
    Cancelled,
    /// Another phone, beyond the caller's side, took the call (CANCEL with that reason).
    Elsewhere,
    /// The plan ended it; the status is what an unanswered caller hears.
    Plan(Cause, u16),
    /// The policy wants a recording and there is none.
    NotRecorded,
    /// No port for the caller's media.
    NoPort,
    /// The caller offers nothing that can be used.
    NoCommonCodec,
    /// The caller has not the encryption that is required, or insists on one that it may not have.
    NotEncrypted,
    /// A phone stopped answering.
    Silent(LegId),
    /// An administrator ended it.
    Administrator,
    /// The node goes down.
    Drain,
    /// It lasted longer than any call may.
    TooLong,
    /// Its far side went over to another call.
    Transferred,
    /// Its caller went into a conference, which is another call.
    Conferred,
    /// The party took a call that rang elsewhere.
    PickedUp,
}

impl End {
    /// What an unanswered caller hears.
    pub fn status(self) -> u16 {
        match self {
            End::Plan(_, status) => status,
            End::Cancelled
            | End::Elsewhere
            | End::Transferred
            | End::Conferred
            | End::PickedUp
            | End::Party(_) => 487,
            End::NoCommonCodec | End::NotEncrypted => 488,
            End::NotRecorded | End::NoPort | End::Drain => 503,
            End::Silent(_) | End::Administrator | End::TooLong => 480,
        }
    }

    /// In words, for the CDR and the recording.
    pub fn words(self) -> String {
        match self {
            End::Party(CALLER) => "caller hung up".into(),
            End::Party(leg) => format!("{leg} hung up"),
            End::Cancelled | End::Elsewhere => "caller gave up".into(),
            End::Plan(Cause::Normal, _) => "plan ended".into(),
            End::Plan(cause, _) => cause.word().into(),
            End::NotRecorded => "recording failed".into(),
            End::NoPort => "no media port".into(),
            End::NoCommonCodec => "no common codec".into(),
            End::NotEncrypted => "encryption of media does not suit the policy".into(),
            End::Silent(leg) => format!("{leg} stopped answering"),
            End::Administrator => "administrator".into(),
            End::Drain => "node going down".into(),
            End::TooLong => "time limit".into(),
            End::Transferred => "transferred".into(),
            End::Conferred => "went into a conference".into(),
            End::PickedUp => "took another call".into(),
        }
    }

    /// What the phones that are let go are told of it (RFC 3326); nothing where the method says it all.
    fn reason(self) -> Option<&'static str> {
        match self {
            End::Elsewhere => Some(COMPLETED_ELSEWHERE),
            End::NoCommonCodec => Some("SIP;cause=488;text=\"No common codec\""),
            End::NotEncrypted => Some("SIP;cause=488;text=\"Encryption required\""),
            End::NotRecorded => Some("SIP;cause=503;text=\"Recording failed\""),
            End::NoPort => Some("SIP;cause=503;text=\"No media port\""),
            End::Silent(_) => Some("SIP;cause=408;text=\"The other side stopped answering\""),
            End::Drain => Some("SIP;cause=503;text=\"Going down\""),
            End::Administrator => Some("SIP;cause=480;text=\"Ended by an administrator\""),
            End::TooLong => Some("SIP;cause=480;text=\"Time limit\""),
            End::Transferred => Some("SIP;cause=200;text=\"Transferred\""),
            End::Party(_) | End::Cancelled | End::Conferred | End::PickedUp | End::Plan(..) => None,
        }
    }
}

impl Call {
    /// The plan wants the call ended.
    pub(super) fn hang_up(&mut self, desk: &mut Desk<'_>, cause: Cause) {
        let status = match self.last_failure {
            Some((outcome, status)) if outcome.cause() == cause => status,
            _ => cause.status(),
        };
        if self.transfer.is_some() {
            return self.transfer_failed(desk, status);
        }
        let why = match self.left {
            Some(leg) if cause == Cause::Normal => End::Party(leg),
            _ => End::Plan(cause, status),
        };
        self.end(desk, why);
    }

    /// Ends the call: every leg is released, the recording closed, the media plane told.
    pub(super) fn end(&mut self, desk: &mut Desk<'_>, why: End) {
        if matches!(self.phase, Phase::Ending) {
            return;
        }
        self.judge_at_end(desk);
        self.report_transfer(desk, 487);
        self.transfer = None;
        self.dismiss_monitors(desk);
        self.leave_slot(desk);
        self.close_room(desk);
        self.phase = Phase::Ending;
        let words = why.words();
        self.note(desk, format!("ends: {words}"));
        for leg in self.leg_ids() {
            self.release(desk, leg, why.status(), why.reason());
        }
        let of_legs = self.leg_ids().into_iter().map(Alarm::Unmute);
        let own = [Alarm::Opening, Alarm::Ring, Alarm::Wave, Alarm::Keys, Alarm::Pause, Alarm::Talk];
        for alarm in own.into_iter().chain(of_legs) {
            desk.alarms.clear(&(self.id, alarm));
        }
        if let Some(recording) = self.recording.as_ref().filter(|r| r.is_live()) {
            let untap = Order::Untap { call: self.id, recording: recording.id };
            desk.effects.push_back(Effect::Media(untap));
        }
        self.close_recording(desk, &words);
        desk.effects.push_back(Effect::Media(Order::End { call: self.id }));
        desk.alarms.set((self.id, Alarm::Ending), desk.now + REPORTS);
        self.ended = Some((words.clone(), desk.now, desk.wall));
        let duration_ms = u64::try_from(desk.now.since(self.trace.began().0).as_millis()).unwrap_or(u64::MAX);
        self.happened(desk, Change::Ended { cause: words, duration_ms });
    }

    /// Lets one leg go, by whatever means its state asks for: a refusal, a CANCEL, a BYE.
    ///
    /// `reason` is the Reason header's value (RFC 3326), e.g. "Call completed elsewhere".
    pub(super) fn release(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16, reason: Option<&str>) {
        let Some(at) = self.leg_mut(leg) else { return };
        match &mut at.stage {
            Stage::Asking { .. } => self.refuse(desk, leg, status),
            Stage::Preparing { .. } => self.gone(desk, leg),
            Stage::Calling { invite, cancelled, .. } if !*cancelled => {
                *cancelled = true;
                let invite = *invite;
                self.cancel(desk, leg, invite, reason);
            }
            // A UAS that hangs up waits for the ACK: RFC 3261 §15.
            Stage::Up { unacked: Some(Unacked { withheld: Some(_), .. }), .. } => {
                self.refuse(desk, leg, status)
            }
            Stage::Up { unacked: Some(_), leaving, .. } => *leaving = true,
            Stage::Up { .. } => self.bye(desk, leg, reason),
            Stage::Calling { .. } | Stage::Leaving { .. } | Stage::Gone => {}
        }
    }

    /// A party has hung up (its BYE is answered already).
    pub(super) fn on_bye(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if leg != CALLER && self.leg(leg).is_some_and(|at| matches!(at.stage, Stage::Asking { .. })) {
            return self.guest_leaves(desk, leg, 487);
        }
        // A BYE in an early dialog ends its INVITE too (RFC 3261 §15.1.2).
        self.refuse(desk, leg, 487);
        self.gone(desk, leg);
        match &self.phase {
            Phase::Talking { with } if *with == leg => self.far_side_left(desk, leg),
            Phase::Room(_) => self.left_room(desk, leg),
            Phase::Fetching { leg: Some(is) } if *is == leg => self.fetch_failed(desk, leg, 480),
            _ if leg == self.near => self.end(desk, End::Party(leg)),
            _ if self.is_monitor(leg) => self.monitor_left(desk, leg),
            _ => {}
        }
    }

    /// The caller gave up (CANCEL, RFC 3261 §9.2).
    pub fn on_cancel(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) {
        self.heard_sip(desk, leg, message);
        if self.passing_cancelled(desk, leg) {
            return;
        }
        if leg != CALLER {
            return self.guest_leaves(desk, leg, 487);
        }
        let unanswered = |at: &Leg| matches!(at.stage, Stage::Asking { .. }) || at.withholds();
        if leg == self.near && self.leg(leg).is_some_and(unanswered) {
            let elsewhere = Reason::of(message).is_some_and(|reason| reason.is_completed_elsewhere());
            self.end(desk, if elsewhere { End::Elsewhere } else { End::Cancelled });
        }
    }
}
