//! Provisional responses to a leg's INVITE, reliable where its phone wants them so (RFC 3262), and the PRACKs of both sides.
//!
//! A phone that requires 100rel gets every 180 and 183 reliably; one that supports it, those that describe media; one that does not
//! know it, none.
//! Invariant: one reliable response at a time; what comes after it, the 200 too, waits for its PRACK.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::base::{LegId, bounds};
use crate::dialog::prack::{self, Reliable};
use crate::dialog::{self, Carrier, Ring, Sense, Side};
use crate::sip::{Message, Method, Name};
use crate::transaction::ServerKey;

use super::Call;
use super::desk::{Alarm, Desk, Purpose};
use super::hangup::End;
use super::leg::{Stage, Unacked};
use super::offer::Description;
use super::trace::Way;
use super::wire::{ALLOW, SDP, status_line};

/// What is under way of the provisional responses to one INVITE.
#[derive(Debug, Default)]
pub(super) struct Provisional {
    /// The last RSeq; 0 before the first.
    rseq: u32,
    waiting: Option<Reliable>,
    queue: VecDeque<(u16, Option<Bytes>)>,
}

impl Provisional {
    /// Whether a PRACK is still to come.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }
}

/// Ours, and their PRACKs.
impl Call {
    /// 180 or 183 to the caller; now, or when the PRACK of the one before has come.
    pub(super) fn send_provisional(&mut self, desk: &mut Desk<'_>, status: u16, sdp: Option<Bytes>) {
        let Some(at) = self.leg_mut(self.near) else { return };
        if !at.provisional.waits() {
            self.provide(desk, self.near, status, sdp);
        } else if at.provisional.queue.len() < bounds::PROVISIONALS {
            at.provisional.queue.push_back((status, sdp));
        }
    }

    fn provide(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16, sdp: Option<Bytes>) {
        let Some(at) = self.leg(leg) else { return };
        let Stage::Asking { invite, message, .. } = &at.stage else { return };
        let (invite, message) = (*invite, message.clone());
        let required = message.lists(Name::Require, prack::OPTION);
        // RFC 3261 §13.2.1: an INVITE without an offer gets one in the first reliable answer.
        let asked = required && at.exchange.state() == dialog::State::Asked(Side::Theirs);
        let sdp = match sdp {
            None if asked => self.choose_for_caller(None).and_then(|chosen| self.describe_to_caller(&chosen)),
            sdp => sdp,
        };
        let reliable = required || (sdp.is_some() && message.lists(Name::Supported, prack::OPTION));
        let Some(at) = self.leg_mut(leg) else { return };
        let carrier = if reliable { Carrier::Reliable } else { Carrier::Provisional };
        // A response of ours collides with nothing.
        let _ = at.exchange.on(Side::Ours, carrier, sdp.is_some());
        let Some(dialog) = at.dialog() else { return };
        let Some(reply) = desk.layer.reply(invite, status) else { return };
        let mut reply = reply.copy(&message, Name::RecordRoute);
        reply = reply.header(Name::Contact, dialog.contact()).header(Name::Allow, ALLOW);
        if reliable {
            reply = reply.header(Name::Require, prack::OPTION);
            reply = reply.display(Name::RSeq, self.next_reliable(desk, leg, &message));
        }
        let with = if sdp.is_some() { " (sdp)" } else { "" };
        let reply = match sdp {
            Some(sdp) => reply.body(SDP, sdp),
            None => reply,
        };
        desk.layer.respond(desk.now, invite, reply);
        self.said(desk, leg, Way::Out, &format!("{}{with}", status_line(status)));
    }

    /// The RSeq of a reliable response that goes out now.
    fn next_reliable(&mut self, desk: &mut Desk<'_>, leg: LegId, invite: &Message) -> u32 {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return 0 };
        let rseq = match at.provisional.rseq {
            0 => prack::first_rseq(desk.random),
            last => last.saturating_add(1),
        };
        let waiting = Reliable::new(desk.now, rseq, invite.cseq().map_or(0, |cseq| cseq.number));
        desk.alarms.set((id, Alarm::Provisional(leg)), waiting.due());
        at.provisional.rseq = rseq;
        at.provisional.waiting = Some(waiting);
        rseq
    }

    /// A reliable response is due again, or its PRACK will not come any more: then the INVITE is refused (RFC 3262 §3).
    pub(super) fn repeat_provisional(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let invite = match &at.stage {
            Stage::Asking { invite, .. } | Stage::Up { unacked: Some(Unacked { invite, .. }), .. } => *invite,
            _ => return,
        };
        let Some(waiting) = &mut at.provisional.waiting else { return };
        match waiting.ring(desk.now) {
            Ring::Repeat => {
                desk.layer.repeat(invite);
                desk.alarms.set((id, Alarm::Provisional(leg)), waiting.due());
            }
            Ring::GiveUp => {
                self.note(desk, format!("{leg}: no PRACK for a reliable provisional response in 32 s"));
                self.refuse(desk, leg, 504);
                self.gone(desk, leg);
                self.lost(desk, leg);
            }
        }
    }

    /// A PRACK from a phone that was answered reliably.
    pub(super) fn on_prack(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, message: &Message) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        if !at.provisional.waiting.is_some_and(|waiting| waiting.is_acknowledged_by(message)) {
            self.note(desk, format!("{leg}: RAck names no response that waits"));
            return self.respond(desk, leg, key, 481, |reply| reply);
        }
        at.provisional.waiting = None;
        desk.alarms.clear(&(id, Alarm::Provisional(leg)));
        let owed = std::mem::take(&mut at.media.owes_answer);
        match at.exchange.on(Side::Theirs, Carrier::Prack, message.has_sdp()) {
            Ok(Sense::Offer) => self.answer_offer(desk, leg, key, message, Carrier::PrackSuccess),
            Ok(Sense::Answer) => {
                self.respond(desk, leg, key, 200, |reply| reply);
                self.late_answer(desk, leg, message);
            }
            Ok(Sense::Missing) => {
                self.respond(desk, leg, key, 200, |reply| reply);
                self.note(desk, format!("{leg}: its PRACK lacks the answer"));
                return self.end(desk, End::NoCommonCodec);
            }
            _ => {
                if let Some(at) = self.leg_mut(leg) {
                    at.media.owes_answer = owed;
                }
                self.respond(desk, leg, key, 200, |reply| reply);
            }
        }
        self.after_prack(desk, leg);
    }

    /// What waited for the PRACK goes out.
    fn after_prack(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        match &mut at.stage {
            Stage::Asking { .. } => {
                if let Some((status, sdp)) = at.provisional.queue.pop_front() {
                    self.provide(desk, leg, status, sdp);
                }
            }
            Stage::Up { unacked: Some(Unacked { invite, withheld: Some(_), .. }), .. } => {
                let invite = *invite;
                self.send_withheld(desk, leg, invite);
            }
            _ => {}
        }
    }
}

/// Theirs.
impl Call {
    /// Acknowledges a reliable provisional response of a phone that we ring.
    pub(super) fn acknowledge_provisional(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        fork: &dialog::Id,
        rseq: u32,
    ) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(invitation) = at.invitation.as_mut() else { return };
        let seq = invitation.seq();
        let Some(fork) = invitation.fork_mut(fork) else { return };
        let request = fork.dialog.request(&Method::Prack).header(Name::RAck, prack::rack(rseq, seq));
        let _ = fork.exchange.on(Side::Ours, Carrier::Prack, false);
        let request = (fork.dialog.flow(), fork.dialog.last_seq(), request);
        if at.send(desk, (id, leg), Purpose::Prack, request).is_ok() {
            self.said(desk, leg, Way::Out, "PRACK");
        }
    }

    /// What a provisional response of a fork says of its media: `true` when it is to be believed.
    pub(super) fn hear_preview(
        &mut self,
        leg: LegId,
        fork: &dialog::Id,
        reliable: bool,
        message: &Message,
    ) -> bool {
        let carrier = if reliable { Carrier::Reliable } else { Carrier::Provisional };
        let Some(at) = self.leg_mut(leg) else { return false };
        let Some(invitation) = &mut at.invitation else { return false };
        let Some(of) = invitation.fork_mut(fork) else { return false };
        let sense = of.exchange.on(Side::Theirs, carrier, message.has_sdp());
        if !matches!(sense, Ok(Sense::Preview | Sense::Answer)) {
            return false;
        }
        let Ok(answer) = Description::read(message.body(), at.media.keys.policy()) else { return false };
        at.remember_preview(fork, answer.clone());
        at.media.hear_answer(answer)
    }
}
