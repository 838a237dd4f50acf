//! A party changes its session within the call: another address, another codec, hold and resume (re-INVITE, RFC 3261 §14).
//!
//! Both sides of the relay stand still for this: the change is answered here and the other party's dialog is left alone.
//! A change that cannot be had is refused with 488 and the session stays as it was.

use crate::base::LegId;
use crate::sip::{Message, Name};
use crate::transaction::ServerKey;
use crate::vault::Event;

use super::desk::Desk;
use super::leg::Stage;
use super::offer::{self, Description, Spoken};
use super::{CALLER, Call};

impl Call {
    /// A re-INVITE. Without an offer in it we make one, and its answer comes in the ACK.
    pub(super) fn on_reinvite(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, message: &Message) {
        let Some(at) = self.leg(leg) else { return };
        match &at.stage {
            // Our own offer in a 2xx is still unanswered: RFC 3261 §14.2.
            Stage::Up { unacked: Some(_), .. } => {
                return self.respond(desk, leg, key, 500, |reply| reply.header(Name::RetryAfter, "3"));
            }
            Stage::Up { leaving: false, .. } => {}
            _ => return self.respond(desk, leg, key, 481, |reply| reply),
        }
        if !message.has_sdp() {
            return self.renew_by_offer(desk, leg, key, message);
        }
        match Description::read(message.body())
            .ok()
            .and_then(|offer| self.chosen_anew(leg, &offer).map(|c| (offer, c)))
        {
            Some((offer, chosen)) => self.renew(desk, leg, key, message, offer, &chosen),
            None => self.respond(desk, leg, key, 488, |reply| reply),
        }
    }

    /// What to choose from a new offer: the codec in use if it is there, else one that still reaches the peer.
    fn chosen_anew(&self, leg: LegId, offer: &Description) -> Option<Spoken> {
        let used = self.leg(leg)?.media.agreed.first().and_then(|used| offer.same_sound(used));
        let fitting = offer.formats.iter().find(|spoken| match self.peer_of(leg) {
            Some(_) => self.reaches_peer(leg, &spoken.format),
            None => spoken.format.codec.is_g711(),
        });
        used.or(fitting).cloned()
    }

    fn renew(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        offer: Description,
        chosen: &Spoken,
    ) {
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(local) = at.media.local else { return };
        let was_held = at.media.is_held();
        let changed = at.media.agreed.first() != Some(&chosen.format);
        at.media.version += 1;
        at.media.agreed = vec![chosen.format];
        at.media.telephone_event = offer.telephone_event;
        let answer = offer.answer(local, chosen, at.media.session, at.media.version);
        at.media.remote = Some(offer);
        let held = at.media.is_held();
        self.reaccept(desk, leg, key, message, answer);
        self.aim(desk, leg);
        if changed {
            self.record_formats(desk, leg, u8::from(leg != CALLER));
        }
        self.held(desk, leg, was_held, held);
    }

    /// A re-INVITE without an offer: we offer what is in use.
    fn renew_by_offer(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, message: &Message) {
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(local) = at.media.local else { return };
        let used = at.media.agreed.first().copied();
        let fmtp = |f| at.media.remote.as_ref().and_then(|r| r.same_sound(f)).and_then(|s| s.fmtp.clone());
        let ours: Vec<Spoken> = match &used {
            Some(format) => vec![Spoken { format: *format, fmtp: fmtp(format) }],
            None => offer::own_formats(),
        };
        at.media.version += 1;
        at.media.owes_answer = true;
        let event = at.media.telephone_event.or(Some(offer::own_events()));
        let sdp = offer::offer(local, &ours, event, at.media.session, at.media.version);
        at.media.ours = ours;
        self.reaccept(desk, leg, key, message, sdp);
    }

    /// Says that a party has put the call on hold or taken it off, where that changed.
    pub(super) fn held(&mut self, desk: &mut Desk<'_>, leg: LegId, before: bool, now: bool) {
        match (before, now) {
            (false, true) => {
                self.note(desk, format!("{leg} holds"));
                self.record_event(desk, Event::Held { leg });
            }
            (true, false) => {
                self.note(desk, format!("{leg} resumes"));
                self.record_event(desk, Event::Resumed { leg });
            }
            _ => {}
        }
    }
}
