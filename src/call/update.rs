//! UPDATE within a dialog, early or confirmed (RFC 3311): a refreshed session, a new target, another offer.
//!
//! Invariant: an offer is answered at once or refused; a refused one leaves the session as it was.

use crate::base::LegId;
use crate::dialog::{self, Carrier, Glare, Side};
use crate::sip::{Message, Name};
use crate::transaction::ServerKey;

use super::Call;
use super::desk::Desk;
use super::leg::Stage;
use super::offer::Description;
use super::wire::{ALLOW, SDP, SUPPORTED};

impl Call {
    /// UPDATE from a phone.
    pub(super) fn on_update(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, message: &Message) {
        let Some(id) = dialog::Id::of_request(message) else { return };
        let Some(at) = self.leg_mut(leg) else { return };
        let open = matches!(
            at.stage,
            Stage::Asking { .. } | Stage::Calling { cancelled: false, .. } | Stage::Up { leaving: false, .. }
        );
        let Some(exchange) = at.exchange_mut(&id).filter(|_| open) else {
            return self.respond(desk, leg, key, 481, |reply| reply);
        };
        if let Err(glare) = exchange.on(Side::Theirs, Carrier::Update, message.has_sdp()) {
            return self.refuse_for_glare(desk, leg, key, glare);
        }
        if !self.takes_interval(desk, leg, key, message) {
            if let Some(exchange) = self.leg_mut(leg).and_then(|at| at.exchange_mut(&id)) {
                let _ = exchange.on(Side::Ours, Carrier::UpdateFailure, false);
            }
            return;
        }
        match message.has_sdp() {
            true => self.answer_offer(desk, leg, key, message, Carrier::UpdateSuccess),
            false => self.agree(desk, leg, key, None),
        }
    }

    /// Refuses an INVITE or an offer that meets another.
    pub(super) fn refuse_for_glare(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, glare: Glare) {
        self.note(desk, format!("{leg}: {glare}"));
        // RFC 3261 §14.2 and RFC 3311 §5.2: try again within 10 s.
        let wait_s = desk.random.below(10).to_string();
        self.respond(desk, leg, key, glare.status(), |reply| match glare {
            Glare::Twice => reply.header(Name::RetryAfter, wait_s),
            Glare::Both => reply,
        });
    }

    /// Answers the offer in an UPDATE or a PRACK in its 2xx (`carrier`), or refuses it with 488.
    pub(super) fn answer_offer(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        carrier: Carrier,
    ) {
        let Some(id) = dialog::Id::of_request(message) else { return };
        let offer = Description::read(message.body(), self.srtp_of_leg(leg)).ok();
        let why_not = self.why_not(leg, offer.as_ref());
        let chosen = offer.and_then(|offer| self.chosen_anew(leg, &offer).map(|chosen| (offer, chosen)));
        let taken = chosen.and_then(|(offer, chosen)| {
            self.leg_mut(leg)?.remember_preview(&id, offer.clone());
            self.take_offer(leg, offer, &chosen)
        });
        let sent = if taken.is_some() { carrier } else { Carrier::UpdateFailure };
        if let Some(exchange) = self.leg_mut(leg).and_then(|at| at.exchange_mut(&id)) {
            let _ = exchange.on(Side::Ours, sent, taken.is_some());
        }
        match taken {
            Some((answer, change)) => {
                self.agree(desk, leg, key, Some(answer));
                self.changed(desk, leg, change);
            }
            None => {
                self.note(desk, format!("{leg}: {why_not}"));
                self.respond(desk, leg, key, 488, |reply| reply);
            }
        }
    }

    /// 200 to an UPDATE or PRACK.
    fn agree(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, sdp: Option<bytes::Bytes>) {
        let contact = self.leg(leg).and_then(|at| at.dialog()).map(|dialog| dialog.contact().to_string());
        let timer = self.leg(leg).filter(|at| at.is_up()).and_then(|at| at.timer);
        self.respond(desk, leg, key, 200, |reply| {
            let reply = contact.iter().fold(reply, |reply, contact| reply.header(Name::Contact, contact));
            let reply = reply.header(Name::Allow, ALLOW).header(Name::Supported, SUPPORTED);
            let reply = super::refresh::stated(reply, timer);
            match sdp {
                Some(sdp) => reply.body(SDP, sdp),
                None => reply,
            }
        });
        self.arm_session(desk, leg);
    }

    /// What follows from a changed session: the media plane aims anew, the recording learns of codec and hold.
    pub(super) fn changed(&mut self, desk: &mut Desk<'_>, leg: LegId, change: super::renew::Changed) {
        let Some(at) = self.leg(leg) else { return };
        let (up, aimed, held) = (at.is_up(), at.media.aimed, at.media.is_held());
        if up || aimed {
            self.aim(desk, leg);
        }
        if change.codec {
            self.record_formats(desk, leg, self.track_of(leg));
        }
        if up {
            self.held(desk, leg, change.was_held, held);
            self.settle(desk);
        }
    }
}
