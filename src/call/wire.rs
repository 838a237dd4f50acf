//! What the legs say on the wire, and what each of their messages means to the call.
//!
//! Every message that a call sends or hears passes here and leaves its line in the trace.

use bytes::Bytes;

use crate::base::{LegId, mask_numbers, presentable};
use crate::dialog::prack::{self, Standing};
use crate::dialog::{
    self, Accepted, Carrier, Heard, Invitation, Reason, Ring, SessionTimer, Side, refer, refresh, replaces,
    target,
};
use crate::sip::{self, Builder, Flow, Host, Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::{ClientKey, ServerKey};

use super::desk::{Alarm, Desk, Purpose};
use super::hangup::End;
use super::leg::{Stage, Unacked, Withheld};
use super::offer;
use super::refresh::stated;
use super::summon::answer_after;
use super::trace::{Way, What};
use super::trunk;
use super::{Call, Phase};

/// What the switch takes within a dialog.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, REFER";

/// The extensions that it knows, by their option tags: what an INVITE may require.
pub const OPTIONS: &[&str] =
    &[prack::OPTION, refresh::OPTION, replaces::OPTION, refer::OPTION, target::OPTION];

/// The same as a Supported value.
pub const SUPPORTED: &str = "100rel, timer, replaces, norefersub, tdialog";

pub(super) const SDP: &str = "application/sdp";

/// Requests of ours.
impl Call {
    /// Sends the INVITE of a leg whose port is there.
    pub(super) fn invite(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let caller = self.leg(self.near).map(|caller| &caller.media);
        let formats =
            caller.map(|media| offer::formats_for(media.remote.as_ref(), &media.agreed)).unwrap_or_default();
        let events = caller.and_then(|media| media.telephone_event).unwrap_or(offer::own_events());
        self.offer_wishes(desk, leg);
        let shown = self.shown_to_users(desk);
        let from = self.caller_identity(desk, &shown);
        let told = self.identity_fields(desk, &shown);
        let referred = self.referred_by(desk);
        let answers_itself = self.summons.as_ref().map_or(self.intercom, |summons| summons.answers_itself);
        let (id, max_forwards) = (self.id, self.max_forwards);
        let history = match self.leg(leg).map(|at| &at.stage) {
            Some(Stage::Preparing { target }) => self.history_fields(target, &desk.node.realm),
            _ => return,
        };
        let Some(at) = self.leg_mut(leg) else { return };
        let Stage::Preparing { target } = &at.stage else { return };
        let Some(local) = at.media.local else { return };
        let who = target.number.as_ref().unwrap_or(&target.user);
        let domain = target.way.as_ref().map_or(desk.node.realm.as_str(), |way| &way.domain);
        let to = NameAddrBuf::new(user_at(who.reveal(), domain));
        let from = match &target.way {
            // A trunk hears a number of its own list and no name (compliance: RISK-00).
            Some(way) => NameAddrBuf::new(user_at(&way.caller, domain)),
            None => from,
        };
        let formats = trunk::preferred(target.way.as_deref(), formats);
        let ours = dialog::contact_for(Some(target.binding.contact.view()), &at.flow);
        let mut invitation = Invitation::new(desk.random, at.flow, target.binding.target(), from, to, &ours);
        target.binding.routes().for_each(|via| invitation.carry(Name::Route, via));
        history.into_iter().for_each(|(name, value)| invitation.carry(name, value));
        // A trunk hears no name of ours: what it is told is its own number.
        let told = told.into_iter().filter(|(name, _)| target.way.is_none() || *name == Name::Privacy);
        told.for_each(|(name, value)| invitation.carry(name, value));
        if answers_itself {
            answer_after(&desk.node.realm)
                .into_iter()
                .for_each(|(name, value)| invitation.carry(name, value));
        }
        if let Some(referred) = referred {
            invitation.carry(Name::ReferredBy, referred.to_string());
        }
        let sdp = at.media.describe_offer(local, formats, Some(events));
        at.media.said = Some(sdp.clone());
        let interval_s = at.timer.map_or(desk.node.manner.session_s, |timer| timer.interval_s);
        let request = asking(invitation.request(max_forwards), interval_s).body(SDP, sdp);
        match desk.layer.request(desk.now, at.flow, request) {
            Ok(invite) => {
                desk.index.add_dialog(invitation.call_id().as_bytes(), invitation.local_tag(), (id, leg));
                desk.index.add_client(invite, (id, leg), Purpose::Invite);
                at.invitation = Some(Box::new(invitation));
                at.stage = Stage::Calling { invite, ringing: false, cancelled: false };
                self.said(desk, leg, Way::Out, "INVITE (sdp)");
                self.expect_trunk(desk, leg);
            }
            Err(_) => {
                self.gone(desk, leg);
                self.leg_failed(desk, leg, 503);
            }
        }
    }

    /// Takes back an INVITE of ours.
    pub(super) fn cancel(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        invite: ClientKey,
        reason: Option<&str>,
    ) {
        desk.layer.cancel(desk.now, invite, reason);
        self.said(desk, leg, Way::Out, "CANCEL");
    }

    /// Ends a leg that is up.
    pub(super) fn bye(&mut self, desk: &mut Desk<'_>, leg: LegId, reason: Option<&str>) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let Stage::Up { mut dialog, .. } = std::mem::replace(&mut at.stage, Stage::Gone) else { return };
        let bye = dialog.bye(reason);
        match at.send(desk, (id, leg), Purpose::Bye, (dialog.flow(), dialog.last_seq(), bye)) {
            Ok(_) => {
                at.stage = Stage::Leaving { dialog };
                self.said(desk, leg, Way::Out, "BYE");
            }
            Err(_) => self.forget(desk, leg),
        }
    }
}

/// Answers of ours.
impl Call {
    /// 200 to a leg's first INVITE: the dialog is confirmed, the 2xx repeated until its ACK comes. It waits for a PRACK that is owed
    /// (RFC 3262 §3).
    pub(super) fn send_accept(&mut self, desk: &mut Desk<'_>, leg: LegId, sdp: Option<Bytes>) {
        let Some(at) = self.leg_mut(leg) else { return };
        match std::mem::replace(&mut at.stage, Stage::Gone) {
            Stage::Asking { invite, message, dialog, .. } if at.provisional.waits() => {
                let cseq = message.cseq().map(|cseq| cseq.number);
                let wait = Accepted::new(desk.now);
                let withheld = Some(Withheld { message, sdp });
                let unacked = Some(Unacked { invite, cseq, wait, withheld });
                at.stage = Stage::Up { dialog, unacked, leaving: false };
                self.note(desk, format!("{leg}: its 200 waits for a PRACK"));
            }
            Stage::Asking { invite, message, dialog, .. } => {
                at.stage = Stage::Up { dialog, unacked: None, leaving: false };
                self.reaccept(desk, leg, invite, &message, sdp);
            }
            other => at.stage = other,
        }
    }

    /// The 2xx that waited for a PRACK.
    pub(super) fn send_withheld(&mut self, desk: &mut Desk<'_>, leg: LegId, invite: ServerKey) {
        let Some(Stage::Up { unacked: Some(unacked), .. }) = self.leg_mut(leg).map(|at| &mut at.stage) else {
            return;
        };
        if let Some(Withheld { message, sdp }) = unacked.withheld.take() {
            self.reaccept(desk, leg, invite, &message, sdp);
        }
    }

    /// 200 to an INVITE of a leg that is up.
    pub(super) fn reaccept(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        invite: ServerKey,
        message: &Message,
        sdp: Option<Bytes>,
    ) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let Stage::Up { dialog, unacked, .. } = &mut at.stage else { return };
        dialog.confirm(None);
        let wait = Accepted::new(desk.now);
        desk.alarms.set((id, Alarm::Accepted(leg)), wait.due());
        let cseq = message.cseq().map(|cseq| cseq.number);
        *unacked = Some(Unacked { invite, cseq, wait, withheld: None });
        let _ = at.exchange.on(Side::Ours, Carrier::Success, sdp.is_some());
        let with = if sdp.is_some() { " (sdp)" } else { "" };
        if let Some(reply) = desk.layer.reply(invite, 200) {
            let reply = reply.copy(message, Name::RecordRoute);
            let reply = reply.header(Name::Contact, dialog.contact()).header(Name::Allow, ALLOW);
            let reply = stated(reply.header(Name::Supported, SUPPORTED), at.timer);
            let reply = match sdp {
                Some(sdp) => reply.body(SDP, sdp),
                None => reply,
            };
            desk.layer.respond(desk.now, invite, reply);
        }
        self.said(desk, leg, Way::Out, &format!("200 OK{with}"));
        self.arm_session(desk, leg);
    }

    /// The 2xx of a leg is due again, or its ACK will not come any more (RFC 3261 §13.3.1.4).
    pub(super) fn repeat_accept(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let Stage::Up { unacked, .. } = &mut at.stage else { return };
        let Some(waiting) = unacked else { return };
        match waiting.wait.ring(desk.now) {
            Ring::Repeat => {
                desk.layer.repeat(waiting.invite);
                desk.alarms.set((id, Alarm::Accepted(leg)), waiting.wait.due());
            }
            Ring::GiveUp => {
                *unacked = None;
                self.note(desk, format!("{leg} never acknowledged"));
                self.bye(desk, leg, None);
                self.lost(desk, leg);
            }
        }
    }

    /// An ACK has come for the 2xx that this leg waits for. `false` for any other.
    pub(super) fn acked(&mut self, desk: &mut Desk<'_>, leg: LegId, ack: &Message) -> bool {
        let Some(Stage::Up { unacked, .. }) = self.leg_mut(leg).map(|at| &mut at.stage) else {
            return false;
        };
        let number = ack.cseq().map(|cseq| cseq.number);
        if unacked.as_ref().is_none_or(|unacked| unacked.cseq != number) {
            return false;
        }
        *unacked = None;
        if let Some(at) = self.leg_mut(leg) {
            let _ = at.exchange.on(Side::Theirs, Carrier::Ack, ack.has_sdp());
        }
        desk.alarms.clear(&(self.id, Alarm::Accepted(leg)));
        self.said(desk, leg, Way::In, "ACK");
        true
    }

    /// Refuses a leg's INVITE, also one whose 200 waits for a PRACK.
    pub(super) fn refuse(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        let Some(at) = self.leg_mut(leg) else { return };
        let invite = match std::mem::replace(&mut at.stage, Stage::Gone) {
            Stage::Asking { invite, .. } => invite,
            Stage::Up { unacked: Some(Unacked { invite, withheld: Some(_), .. }), .. } => invite,
            other => {
                at.stage = other;
                return;
            }
        };
        if let Some(reply) = desk.layer.reply(invite, status) {
            let reply = if status == 503 { reply.header(Name::RetryAfter, "10") } else { reply };
            desk.layer.respond(desk.now, invite, reply);
        }
        self.said(desk, leg, Way::Out, &status_line(status));
        self.forget(desk, leg);
    }

    /// Answers a request within a dialog.
    pub(super) fn respond(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        status: u16,
        more: impl FnOnce(Builder) -> Builder,
    ) {
        if let Some(reply) = desk.layer.reply(key, status) {
            desk.layer.respond(desk.now, key, more(reply));
        }
        self.said(desk, leg, Way::Out, &status_line(status));
    }
}

/// What the network brings.
impl Call {
    /// A request within the dialog of a leg.
    pub fn on_request(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        flow: Flow,
        message: &Message,
    ) {
        self.heard_sip(desk, leg, message);
        let belongs = dialog::Id::of_request(message);
        let dialog = belongs.as_ref().and_then(|id| self.leg_mut(leg)?.dialog_with(id));
        let Some(dialog) = dialog else { return self.respond(desk, leg, key, 481, |reply| reply) };
        if dialog.take(message, flow).is_err() {
            self.note(desk, format!("{leg}: its CSeq is out of order"));
            return self.respond(desk, leg, key, 500, |reply| reply);
        }
        let unknown = sip::unsupported_options(message, Name::Require, OPTIONS).join(", ");
        if !unknown.is_empty() {
            self.note(desk, format!("{leg} requires what is not known here"));
            return self.respond(desk, leg, key, 420, |reply| reply.header(Name::Unsupported, unknown));
        }
        let ahead = dialog.flow();
        if let Some(at) = self.leg_mut(leg) {
            at.flow = ahead;
            at.seen = flow.remote.ip();
        }
        match message.method() {
            Some(Method::Bye)
                if self.leg(leg).is_some_and(|at| matches!(at.stage, Stage::Calling { .. })) =>
            {
                // Only the caller may end an early dialog with BYE (RFC 3261 §15).
                self.respond(desk, leg, key, 481, |reply| reply);
            }
            Some(Method::Bye) => {
                self.respond(desk, leg, key, 200, |reply| reply);
                self.on_bye(desk, leg);
            }
            Some(Method::Refer) => self.on_refer(desk, leg, key, message, None),
            Some(Method::Prack) => self.on_prack(desk, leg, key, message),
            Some(Method::Update) => self.on_update(desk, leg, key, message),
            Some(Method::Invite) => self.on_reinvite(desk, leg, key, message),
            Some(Method::Options) => {
                self.respond(desk, leg, key, 200, |reply| {
                    reply
                        .header(Name::Allow, ALLOW)
                        .header(Name::Accept, SDP)
                        .header(Name::Supported, SUPPORTED)
                });
            }
            Some(Method::Info) => self.on_info(desk, leg, key, message),
            _ => self.respond(desk, leg, key, 405, |reply| reply.header(Name::Allow, ALLOW)),
        }
    }

    fn on_info(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, message: &Message) {
        let kind = message.content_type().unwrap_or_default().to_ascii_lowercase();
        let pressed = match kind.starts_with("application/dtmf") {
            true => Call::key_of(message.body()),
            false => None,
        };
        match pressed {
            Some(pressed) => {
                self.respond(desk, leg, key, 200, |reply| reply);
                self.on_info_key(desk, leg, pressed);
            }
            // RFC 6086 §4.2.2: a body that is not understood.
            None if !message.body().is_empty() => {
                self.respond(desk, leg, key, 415, |r| r.header(Name::Accept, "application/dtmf-relay"));
            }
            None => self.respond(desk, leg, key, 200, |reply| reply),
        }
    }

    /// A response to a request of ours.
    pub fn on_response(&mut self, desk: &mut Desk<'_>, leg: LegId, purpose: Purpose, message: &Message) {
        let Some(status) = message.status() else { return };
        self.heard_sip(desk, leg, message);
        if purpose != Purpose::Invite && self.vouch(desk, leg, purpose, message) {
            return;
        }
        match (purpose, status) {
            (Purpose::Invite, _) => self.on_invited(desk, leg, status, message),
            (Purpose::Bye, 200..) => self.gone(desk, leg),
            (Purpose::Probe, 200..) => self.on_probed(desk, leg, status),
            (Purpose::Renew, _) => self.on_renewed(desk, leg, status, message),
            (Purpose::Bye | Purpose::Probe | Purpose::Prack | Purpose::Notify, _) => {}
        }
    }

    /// A response to the INVITE of a leg that we ring.
    fn on_invited(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16, message: &Message) {
        desk.alarms.clear(&(self.id, Alarm::Silence(leg)));
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(invitation) = &mut at.invitation else { return };
        let seq = invitation.seq();
        match invitation.hear(desk.now, desk.layer, message) {
            Heard::Progress | Heard::Surplus => {}
            // It is as if it had not come (RFC 3262 §4).
            Heard::Early(_, Standing::Again | Standing::Early) => {}
            Heard::Early(fork, standing) => {
                let reliable = matches!(standing, Standing::Next(_));
                let described = self.hear_preview(leg, &fork, reliable, message);
                if let Standing::Next(rseq) = standing {
                    self.acknowledge_provisional(desk, leg, &fork, rseq);
                }
                self.on_progress(desk, leg, status, described);
            }
            Heard::Accepted(mut dialog, exchange) => {
                if let Some((name, value)) = at.way.as_mut().and_then(|way| way.proof.take()) {
                    dialog.vouch(name, &value);
                }
                dialog.acknowledge(desk.layer, seq, None);
                at.flow = dialog.flow();
                at.exchange = exchange;
                at.updates = message.lists(Name::Allow, Method::Update.as_str());
                let asked_s = at.timer.map_or(desk.node.manner.session_s, |timer| timer.interval_s);
                at.timer = Some(SessionTimer::answered(message, asked_s));
                let (cancelled, fork) = (at.was_cancelled(), dialog.id().clone());
                at.stage = Stage::Up { dialog, unacked: None, leaving: false };
                self.said(desk, leg, Way::Out, "ACK");
                self.hear_final_answer(leg, &fork, message);
                self.on_answer(desk, leg, cancelled);
                self.arm_session(desk, leg);
            }
            Heard::AcceptedAgain(_) => {
                if let Some(dialog) = at.dialog_mut() {
                    dialog.acknowledge_again(desk.layer, message);
                }
            }
            Heard::Refused if status == 422 && self.invite_for_longer(desk, leg, message) => {}
            Heard::Refused => self.on_refusal(desk, leg, status, Some(message)),
        }
    }

    /// The phone wants a longer session interval (422, RFC 4028 §7.3): the INVITE goes out once more. `false`: it wants too much, or
    /// the leg is not wanted any more.
    fn invite_for_longer(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) -> bool {
        let (id, max_forwards, ours_s) = (self.id, self.max_forwards, desk.node.manner.session_s);
        let Some(at) = self.leg_mut(leg).filter(|at| !at.was_cancelled()) else { return false };
        let asked_s = at.timer.map_or(ours_s, |timer| timer.interval_s);
        let Some(interval_s) = refresh::after_422(message, asked_s) else { return false };
        let (Some(invitation), Some(sdp)) = (&mut at.invitation, at.media.said.clone()) else { return false };
        at.timer = Some(SessionTimer { interval_s, refresher: Side::Ours, known: true });
        at.previews.clear();
        let request = asking(invitation.request_anew(max_forwards), interval_s)
            .display(Name::MinSe, interval_s)
            .body(SDP, sdp);
        let Ok(invite) = desk.layer.request(desk.now, at.flow, request) else { return false };
        desk.index.add_client(invite, (id, leg), Purpose::Invite);
        at.stage = Stage::Calling { invite, ringing: false, cancelled: false };
        self.note(desk, format!("{leg} wants a session timer of {interval_s} s"));
        self.said(desk, leg, Way::Out, "INVITE (sdp)");
        true
    }

    /// A request of ours timed out (408) or could not be sent (503).
    pub fn on_failure(&mut self, desk: &mut Desk<'_>, leg: LegId, purpose: Purpose, status: u16) {
        self.note(
            desk,
            format!("{leg}: {}", if status == 408 { "no answer in time" } else { "cannot be sent to" }),
        );
        match purpose {
            Purpose::Invite => self.on_refusal(desk, leg, status, None),
            Purpose::Bye => self.gone(desk, leg),
            Purpose::Probe => self.on_probed(desk, leg, status),
            Purpose::Renew => self.renewal_failed(desk, leg, status),
            // The phone repeats its response until it gives up; a transferor that is gone is let go.
            Purpose::Prack | Purpose::Notify => {}
        }
    }

    /// The stream to a leg's phone is gone: the next request opens another, to where its Contact says.
    pub fn on_flow_closed(&mut self, flow: &Flow) {
        for leg in self.legs.iter_mut().filter(|leg| leg.flow == *flow) {
            let target = leg.dialog_mut().and_then(|dialog| dialog.target_address());
            leg.flow = Flow { connection: 0, remote: target.unwrap_or(flow.remote), ..*flow };
            let anew = leg.flow;
            if let Some(dialog) = leg.dialog_mut() {
                dialog.set_flow(anew);
            }
            if let Some(invitation) = &mut leg.invitation {
                invitation.set_flow(anew);
            }
        }
    }

    /// A party is gone without having said so.
    pub(super) fn lost(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        match &self.phase {
            Phase::Talking { with } if *with == leg => self.far_side_left(desk, leg),
            Phase::Room(_) => self.left_room(desk, leg),
            Phase::Fetching { leg: Some(is) } if *is == leg => self.fetch_failed(desk, leg, 408),
            _ if leg == self.near => self.end(desk, End::Silent(leg)),
            _ if self.is_monitor(leg) => self.monitor_left(desk, leg),
            _ => {}
        }
    }

    /// Whether a request for this leg comes from where its phone is; and whose phone it is.
    pub fn knows(&self, leg: LegId, flow: &Flow) -> Option<(bool, &str)> {
        let leg = self.leg(leg)?;
        let near = leg.seen == flow.remote.ip() || leg.dialog().is_some_and(|dialog| dialog.is_peer(flow));
        Some((near, leg.user.reveal()))
    }
}

/// Book-keeping.
impl Call {
    /// A leg is over: nothing of it stays, in the index or in the media plane.
    pub(super) fn gone(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        at.stage = Stage::Gone;
        self.forget(desk, leg);
        desk.trunks.left((self.id, leg));
        if !matches!(self.phase, Phase::Ending) {
            self.close_media(desk, leg);
        }
    }

    /// The end of a leg in the index. Its transactions leave by themselves.
    pub(super) fn forget(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.passing_ends(desk, leg);
        desk.index.remove_dialogs((self.id, leg));
        desk.alarms.clear(&(self.id, Alarm::Patience(leg)));
        for alarm in [
            Alarm::Silence(leg),
            Alarm::Accepted(leg),
            Alarm::Provisional(leg),
            Alarm::Session(leg),
            Alarm::Renew(leg),
            Alarm::LetGo(leg),
        ] {
            desk.alarms.clear(&(self.id, alarm));
        }
    }

    /// Writes a message that came in into the trace.
    pub(super) fn heard_sip(&mut self, desk: &Desk<'_>, leg: LegId, message: &Message) {
        let with = if message.has_sdp() { " (sdp)" } else { "" };
        let line = match (message.method(), message.status()) {
            (Some(method), _) => method.to_string(),
            (None, Some(status)) => {
                format!("{status} {}", presentable(&String::from_utf8_lossy(message.reason()), 80))
            }
            (None, None) => String::new(),
        };
        self.said(desk, leg, Way::In, &format!("{line}{with}"));
        for why in grounds(message) {
            self.note(desk, format!("{leg}: {why}"));
        }
    }

    pub(super) fn said(&mut self, desk: &Desk<'_>, leg: LegId, way: Way, line: &str) {
        let peer = self.legs.get(usize::from(leg.0)).map(|leg| leg.user.shown()).unwrap_or_default();
        self.trace.add(desk.now, &What::Sip { leg, way, peer, line: line.into() });
    }

    /// Who transferred the caller, as the rung phones are told (RFC 3892): the account that proved itself, whatever it claimed.
    fn referred_by(&self, desk: &Desk<'_>) -> Option<NameAddrBuf> {
        let by = self.leg(self.transfer.as_ref()?.by)?;
        Some(NameAddrBuf::new(user_at(by.user.reveal(), &desk.node.realm)))
    }
}

/// What an INVITE of ours says of what the switch can do, and of the session interval that it wants.
pub(super) fn asking(request: Builder, interval_s: u32) -> Builder {
    request
        .header(Name::Allow, ALLOW)
        .header(Name::Supported, SUPPORTED)
        .display(Name::SessionExpires, interval_s)
}

/// What a message says of why it is sent: the Reason of a request; of a refusal the headers that name its cause.
fn grounds(message: &Message) -> Vec<String> {
    let mut grounds: Vec<String> =
        Reason::of(message).map(|reason| format!("reason {reason}")).into_iter().collect();
    if message.status().is_some_and(|status| status >= 300) {
        for name in [Name::Warning, Name::Unsupported, Name::RetryAfter, Name::MinSe] {
            if let Some(value) = message.header_str(name) {
                let value: String = value.chars().filter(|c| !c.is_control()).take(GROUND_CHARS).collect();
                grounds.push(format!("{}: {}", name.as_str(), mask_numbers(&value)));
            }
        }
    }
    grounds
}

/// Characters kept of a header that says why.
const GROUND_CHARS: usize = 100;

/// `sip:user@realm`.
pub(super) fn user_at(user: &str, realm: &str) -> UriBuf {
    let host = Host::parse(realm).unwrap_or(Host::Name("localhost"));
    UriBuf::sip(Some(user), host, None)
}

pub(super) fn status_line(status: u16) -> String {
    format!("{status} {}", crate::sip::reason_of(status))
}
