//! Re-INVITE and UPDATE of our own: session refreshes (RFC 4028), with the RFC's waits after glare, and the end of a session that
//! nobody refreshes.
//!
//! Invariant: a change of ours that fails leaves the session as it was; only a peer that does not answer, does not know the dialog, or
//! lets its session run out is taken for gone.

use std::time::Duration;

use crate::base::LegId;
use crate::dialog::{self, Carrier, Sense, SessionTimer, Side, glare_wait, refresh};
use crate::media::Strand;
use crate::sip::{Builder, Message, Method, Name};
use crate::transaction::ServerKey;

use super::Call;
use super::desk::{Alarm, Desk, Purpose};
use super::leg::Stage;
use super::offer::Description;
use super::trace::Way;
use super::wire::{ALLOW, SDP, SUPPORTED};

/// A request of ours that refreshes or changes a leg's session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renewal {
    /// UPDATE rather than INVITE.
    pub by_update: bool,
    /// How often it has been sent or put off.
    tries: u8,
    /// Its CSeq number; 0 while it waits to be sent.
    pub seq: u32,
    why: Why,
}

/// What a request of ours within a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The session timer.
    Fresh,
    /// It tells a phone of another port of ours: then its failure matters.
    Moves,
    /// It offers or takes back video or fax.
    Lines,
}

/// How often one refresh is tried before the leg is left to its timer.
const TRIES: u8 = 5;

/// How long a refresh waits when the dialog is busy with something else.
const BUSY: Duration = Duration::from_secs(2);

/// The longest Retry-After that a refresh follows.
const LONGEST_WAIT_S: u64 = 30;

/// What the other parties are told of a session that ran out.
pub(super) const EXPIRED: &str = "SIP;cause=408;text=\"Session timer expired\"";

/// Puts a session timer into a 2xx.
pub(super) fn stated(reply: Builder, timer: Option<SessionTimer>) -> Builder {
    let Some(timer) = timer.filter(|timer| timer.known) else { return reply };
    let reply = if timer.is_required() { reply.header(Name::Require, refresh::OPTION) } else { reply };
    reply.header(Name::SessionExpires, timer.in_answer())
}

/// The timer.
impl Call {
    /// Takes what a request says of its session's interval. `false`: it is refused with 422.
    pub(super) fn takes_interval(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
    ) -> bool {
        match SessionTimer::answering(message, desk.node.manner.session_s) {
            Ok(timer) => {
                if let Some(at) = self.leg_mut(leg) {
                    at.timer = Some(timer);
                }
                true
            }
            Err(small) => {
                self.note(desk, format!("{leg}: {small}"));
                self.respond(desk, leg, key, 422, |reply| reply.display(Name::MinSe, refresh::MIN_SE_S));
                false
            }
        }
    }

    /// The session of a leg is fresh: its alarm is set.
    pub(super) fn arm_session(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg(leg).filter(|at| at.is_up()) else { return };
        if let Some(timer) = at.timer {
            desk.alarms.set((self.id, Alarm::Session(leg)), timer.due(desk.now));
        }
    }

    /// The alarm of a leg's session rings: ours to refresh, or the peer has not.
    pub(super) fn session_due(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(timer) = self.leg(leg).and_then(|at| at.timer) else { return };
        match timer.refresher {
            Side::Ours => self.renew_ours(desk, leg),
            Side::Theirs => {
                self.note(desk, format!("{leg}: session timer of {} s expired", timer.interval_s));
                self.bye(desk, leg, Some(EXPIRED));
                self.lost(desk, leg);
            }
        }
    }
}

/// The request.
impl Call {
    /// Sends a refresh; later, if the dialog is busy.
    pub(super) fn renew_ours(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        let (tries, why) = at.renewal.map_or((0, Why::Fresh), |renewal| (renewal.tries, renewal.why));
        let idle = matches!(at.stage, Stage::Up { unacked: None, leaving: false, .. });
        if at.renewal.is_some_and(|renewal| renewal.seq != 0) || !at.is_up() {
            return;
        }
        if why == Why::Lines {
            // What is missing by now may be something else.
            at.media.strands.next = None;
            self.settle(desk);
            if let Some(at) = self.leg_mut(leg).filter(|at| at.media.strands.next.is_none()) {
                at.renewal = None;
                self.arm_session(desk, leg);
            }
            return;
        }
        if !idle || !at.exchange.may_invite() || at.media.said.is_none() {
            return self.put_off(desk, leg, BUSY);
        }
        let by_update = at.updates && why == Why::Fresh;
        at.renewal = Some(Renewal { by_update, tries: tries.saturating_add(1), seq: 0, why });
        self.send_renewal(desk, leg, by_update);
    }

    fn send_renewal(&mut self, desk: &mut Desk<'_>, leg: LegId, by_update: bool) {
        let (id, interval_s) = (self.id, desk.node.manner.session_s);
        let Some(at) = self.leg_mut(leg) else { return };
        let timer = at.timer.unwrap_or(SessionTimer { interval_s, refresher: Side::Ours, known: false });
        let Stage::Up { dialog, .. } = &mut at.stage else { return };
        let (method, word) =
            if by_update { (Method::Update, "UPDATE") } else { (Method::Invite, "INVITE (sdp)") };
        let mut request = dialog
            .request(&method)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, SUPPORTED)
            .header(Name::SessionExpires, timer.in_request())
            // What a 422 asked for is asked for again (RFC 4028 §7.4).
            .display(
                Name::MinSe,
                if timer.interval_s > interval_s { timer.interval_s } else { refresh::MIN_SE_S },
            );
        if !by_update && let Some(said) = at.media.said.clone() {
            let in_use = at.media.in_use();
            let said = match (at.renewal.map(|renewal| renewal.why), at.media.local) {
                (Some(Why::Lines), Some(local)) => {
                    let proposed = at.media.describe_offer(local, in_use, at.media.telephone_event);
                    at.media.strands.proposed = Some(proposed.clone());
                    proposed
                }
                (Some(Why::Moves), _) => said,
                _ => {
                    at.media.ours = in_use;
                    said
                }
            };
            request = request.body(SDP, said);
        }
        let (seq, flow) = (dialog.last_seq(), dialog.flow());
        match at.send(desk, (id, leg), Purpose::Renew, (flow, seq, request)) {
            Ok(_) => {
                let carrier = if by_update { Carrier::Update } else { Carrier::Invite };
                let _ = at.exchange.on(Side::Ours, carrier, !by_update);
                if let Some(renewal) = &mut at.renewal {
                    renewal.seq = seq;
                }
                self.said(desk, leg, Way::Out, word);
            }
            Err(_) => self.put_off(desk, leg, BUSY),
        }
    }

    /// Tells a phone of another port of ours (a leg that has come over from another call): by INVITE, since its session moves.
    pub(super) fn renew_to_move(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if let Some(at) = self.leg_mut(leg) {
            at.renewal = Some(Renewal { by_update: false, tries: 0, seq: 0, why: Why::Moves });
        }
        self.renew_ours(desk, leg);
    }

    /// Offers a phone other lines: what `next` of its strands says.
    pub(super) fn renew_lines(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        if at.renewal.is_some_and(|renewal| renewal.seq != 0 || renewal.why == Why::Moves) || !at.is_up() {
            return;
        }
        let tries = at.renewal.filter(|renewal| renewal.why == Why::Lines).map_or(0, |renewal| renewal.tries);
        let idle = matches!(at.stage, Stage::Up { unacked: None, leaving: false, .. });
        let (idle, why) = (idle && at.exchange.may_invite(), Why::Lines);
        at.renewal = Some(Renewal { by_update: false, tries, seq: 0, why });
        if !idle {
            return self.put_off(desk, leg, BUSY);
        }
        at.renewal = Some(Renewal { by_update: false, tries: tries.saturating_add(1), seq: 0, why });
        self.send_renewal(desk, leg, false);
    }

    /// Tries again after a wait; not for ever: then the session timer of the peer, or the next silence, decides.
    fn put_off(&mut self, desk: &mut Desk<'_>, leg: LegId, wait: Duration) {
        let Some(at) = self.leg_mut(leg) else { return };
        let (tries, why) = at.renewal.map_or((0, Why::Fresh), |renewal| (renewal.tries, renewal.why));
        if tries >= TRIES {
            return self.give_up_renewal(desk, leg, 491);
        }
        at.renewal = Some(Renewal { by_update: false, tries: tries.saturating_add(1), seq: 0, why });
        desk.alarms.set((self.id, Alarm::Renew(leg)), desk.now + wait);
    }
}

/// The answer.
impl Call {
    /// No more tries: the session stays as it was, unless the phone had to learn of another port.
    fn give_up_renewal(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        let Some(at) = self.leg_mut(leg) else { return };
        match at.renewal.take() {
            Some(renewal) if renewal.why == Why::Moves => self.fetch_failed(desk, leg, status),
            Some(renewal) if renewal.why == Why::Lines => self.lines_refused(desk, leg),
            _ => self.arm_session(desk, leg),
        }
    }

    /// A response to a refresh of ours.
    pub(super) fn on_renewed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16, message: &Message) {
        let Some(at) = self.leg_mut(leg) else { return };
        let seq = message.cseq().map_or(0, |cseq| cseq.number);
        let Some(renewal) = at.renewal.filter(|renewal| renewal.seq == seq) else {
            if let Some(dialog) = at.dialog_mut() {
                dialog.acknowledge_again(desk.layer, message);
            }
            return;
        };
        match status {
            0..200 => {}
            200..300 => self.renewed(desk, leg, renewal, message),
            _ => self.not_renewed(desk, leg, renewal, status, Some(message)),
        }
    }

    fn renewed(&mut self, desk: &mut Desk<'_>, leg: LegId, renewal: Renewal, message: &Message) {
        let asked_s = desk.node.manner.session_s;
        let Some(at) = self.leg_mut(leg) else { return };
        at.renewal = None;
        at.timer = Some(SessionTimer::answered(message, at.timer.map_or(asked_s, |timer| timer.interval_s)));
        let carrier = if renewal.by_update { Carrier::UpdateSuccess } else { Carrier::Success };
        let sense = at.exchange.on(Side::Theirs, carrier, message.has_sdp());
        if let Some(dialog) = at.dialog_mut() {
            dialog.note(message);
            if !renewal.by_update {
                dialog.acknowledge(desk.layer, renewal.seq, None);
                let _ = at.exchange.on(Side::Ours, Carrier::Ack, false);
                self.said(desk, leg, Way::Out, "ACK");
            }
        }
        let answered = sense == Ok(Sense::Answer) && self.take_new_answer(desk, leg, message);
        if renewal.why == Why::Moves && !answered {
            return self.fetch_failed(desk, leg, 488);
        }
        let leaving = matches!(self.leg(leg).map(|at| &at.stage), Some(Stage::Up { leaving: true, .. }));
        if leaving {
            return self.bye(desk, leg, None);
        }
        self.arm_session(desk, leg);
        match renewal.why {
            Why::Fresh => {}
            Why::Moves => self.fetched(desk, leg),
            Why::Lines => self.lines_answered(desk, leg, answered),
        }
    }

    /// A phone has answered an offer of other lines; `usable`: in a way that can be used.
    fn lines_answered(&mut self, desk: &mut Desk<'_>, leg: LegId, usable: bool) {
        let Some(at) = self.leg_mut(leg) else { return };
        at.media.strands.next = None;
        let proposed = at.media.strands.proposed.take();
        if usable {
            at.media.said = proposed.or(at.media.said.take());
        }
        match (self.is_asked(leg), usable) {
            (true, true) => self.passed(desk),
            (true, false) => {
                self.not_passed(desk, 488);
                // It has agreed to a session of nothing: what there was before is offered once more.
                if let Some(at) = self.leg_mut(leg).filter(|at| at.is_up()) {
                    at.media.strands.next();
                    self.renew_lines(desk, leg);
                }
            }
            (false, _) => self.settle(desk),
        }
    }

    /// A phone will not have other lines: what it was to have it does not want, what it was to give up is over all the same.
    fn lines_refused(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        if let Some(next) = at.media.strands.next.take() {
            for strand in Strand::ALL {
                match (next.has(strand), at.media.strands.is_on(strand)) {
                    (true, false) => at.media.strands.forget_wish(strand),
                    (false, true) => at.media.strands.shape.drop(strand),
                    _ => {}
                }
            }
            if at.media.strands.shape.silent && !next.silent {
                at.media.strands.shape.drop(Strand::Fax);
            }
        }
        self.arm_session(desk, leg);
        self.settle(desk);
    }

    /// The answer to an offer of ours within the call. One that nobody can use changes nothing: `false`.
    fn take_new_answer(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) -> bool {
        let Some(at) = self.leg_mut(leg) else { return false };
        let policy = at.media.keys.policy();
        let Ok(answer) = Description::read_within(message.body(), policy) else { return false };
        let (was_held, before) = (at.media.is_held(), at.media.agreed.first().copied());
        if !at.media.keeps(&answer) {
            self.note(desk, format!("{leg}: its answer keeps nothing of the offer"));
            return false;
        }
        let usable = at.media.hear_answer(answer);
        at.media.strands.next = None;
        let codec = at.media.agreed.first().copied() != before;
        self.changed(desk, leg, super::renew::Changed { was_held, codec });
        usable
    }

    /// A refresh failed: `status` is 408 when nothing came, 503 when it could not be sent.
    pub(super) fn not_renewed(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        renewal: Renewal,
        status: u16,
        message: Option<&Message>,
    ) {
        let Some(at) = self.leg_mut(leg) else { return };
        let carrier = if renewal.by_update { Carrier::UpdateFailure } else { Carrier::Failure };
        let _ = at.exchange.on(Side::Theirs, carrier, false);
        let owner = at.dialog().is_some_and(dialog::Dialog::we_invited);
        at.renewal = Some(Renewal { seq: 0, ..renewal });
        if !at.is_up() {
            at.renewal = None;
            return;
        }
        let retry_s = message.and_then(retry_after_s);
        if self.is_asked(leg) {
            if let Some(at) = self.leg_mut(leg) {
                (at.renewal, at.media.strands.next) = (None, None);
            }
            self.arm_session(desk, leg);
            self.not_passed(desk, status);
            if !dialog::ends_dialog(status) {
                return;
            }
        }
        match status {
            _ if dialog::ends_dialog(status) && renewal.why == Why::Moves => {
                self.fetch_failed(desk, leg, status);
            }
            _ if dialog::ends_dialog(status) => self.vanished(desk, leg, renewal.by_update, status),
            422 => self.renew_longer(desk, leg, message),
            491 => {
                let wait = glare_wait(owner, desk.random);
                self.put_off(desk, leg, wait);
            }
            405 | 501 if renewal.by_update => {
                if let Some(at) = self.leg_mut(leg) {
                    at.updates = false;
                }
                self.put_off(desk, leg, Duration::ZERO);
            }
            500 | 503 => {
                self.put_off(desk, leg, retry_s.map_or(BUSY, |s| Duration::from_secs(s.min(LONGEST_WAIT_S))));
            }
            // Whoever refuses is there: the session stays as it was.
            _ => self.give_up_renewal(desk, leg, status),
        }
    }

    fn renew_longer(&mut self, desk: &mut Desk<'_>, leg: LegId, message: Option<&Message>) {
        let ours_s = desk.node.manner.session_s;
        let Some(at) = self.leg_mut(leg) else { return };
        let asked_s = at.timer.map_or(ours_s, |timer| timer.interval_s);
        match message.and_then(|message| refresh::after_422(message, asked_s)) {
            Some(interval_s) => {
                at.timer = Some(SessionTimer { interval_s, refresher: Side::Ours, known: true });
                self.put_off(desk, leg, Duration::ZERO);
            }
            None => self.give_up_renewal(desk, leg, 422),
        }
    }

    /// The peer of a leg is gone, as its refresh has shown.
    fn vanished(&mut self, desk: &mut Desk<'_>, leg: LegId, by_update: bool, status: u16) {
        let word = if by_update { "UPDATE" } else { "re-INVITE" };
        self.note(desk, format!("{leg}: session timer: {word} came to {status}, its phone is gone"));
        // RFC 4028 §10: a BYE all the same, for a peer that is only deaf.
        self.bye(desk, leg, Some(EXPIRED));
        self.lost(desk, leg);
    }

    /// A refresh could not be sent, or was not answered.
    pub(super) fn renewal_failed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        if let Some(renewal) = self.leg(leg).and_then(|at| at.renewal).filter(|renewal| renewal.seq != 0) {
            self.not_renewed(desk, leg, renewal, status, None);
        }
    }

    /// The track of the recording that a leg is heard on.
    pub(super) fn track_of(&self, leg: LegId) -> u8 {
        self.leg(leg).map_or(0, |at| at.track)
    }
}

fn retry_after_s(message: &Message) -> Option<u64> {
    message.header_str(Name::RetryAfter)?.split([';', ' ', '(']).next()?.trim().parse().ok()
}
