//! A party changes its session within the call: another address, another codec, hold and resume (re-INVITE, RFC 3261 §14).
//!
//! Both sides of the relay stand still for this: the change is answered here and the other party's dialog is left alone, unless it wants
//! more than sound ([`super::pass_on`]). A change that cannot be had is refused with 488 and the session stays as it was.

use bytes::Bytes;

use crate::base::LegId;
use crate::dialog::{Carrier, Side};
use crate::media::Strand;
use crate::sip::{Message, Name};
use crate::transaction::ServerKey;
use crate::vault::Event;

use super::Call;
use super::desk::Desk;
use super::leg::Stage;
use super::offer::{self, Description, Spoken};

/// What a new offer has changed of a leg's session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed {
    /// Whether the far end held us before.
    pub was_held: bool,
    /// Whether the codec is another one.
    pub codec: bool,
}

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
        let glare = match self.leg_mut(leg) {
            Some(at) => at.exchange.on(Side::Theirs, Carrier::Invite, message.has_sdp()).err(),
            None => return,
        };
        if let Some(glare) = glare {
            return self.refuse_for_glare(desk, leg, key, glare);
        }
        if !self.takes_interval(desk, leg, key, message) {
            return self.not_taken(leg);
        }
        if !message.has_sdp() {
            return self.renew_by_offer(desk, leg, key, message);
        }
        let offer = Description::read_within(message.body(), self.srtp_of_leg(leg)).ok();
        let why_not = self.why_not(leg, offer.as_ref());
        let offer = match offer {
            Some(offer) if self.is_for_the_other(desk, leg, &offer) => {
                return self.ask_other(desk, leg, key, message, offer);
            }
            offer => offer,
        };
        // A fax that is under way is renewed without sound.
        let faxes = self.leg(leg).is_some_and(|at| at.media.strands.is_on(Strand::Fax));
        let chosen = offer.as_ref().and_then(|offer| self.chosen_anew(leg, offer));
        match offer {
            Some(offer) if chosen.is_some() || (offer.silent && faxes) => {
                self.renew(desk, leg, key, message, offer, chosen.as_ref());
            }
            _ => {
                self.note(desk, format!("{leg}: {why_not}"));
                self.not_taken(leg);
                self.respond(desk, leg, key, 488, |reply| reply);
            }
        }
    }

    /// A re-INVITE is refused: the session stays as it was.
    fn not_taken(&mut self, leg: LegId) {
        if let Some(at) = self.leg_mut(leg) {
            let _ = at.exchange.on(Side::Ours, Carrier::Failure, false);
        }
    }

    /// What to choose from a new offer: the codec in use if it is there, else one that still reaches the peer. Nothing from
    /// one whose encryption does not suit.
    pub(super) fn chosen_anew(&self, leg: LegId, offer: &Description) -> Option<Spoken> {
        let stream = &self.leg(leg)?.media;
        if stream.keys.why_not(&offer.keys, offer.insists).is_some() {
            return None;
        }
        let used = stream.agreed.first().and_then(|used| offer.same_sound(used));
        let fitting = offer.formats.iter().find(|spoken| match self.peer_of(leg) {
            Some(_) => self.reaches_peer(leg, &spoken.format),
            None => spoken.format.codec.is_g711(),
        });
        used.or(fitting).cloned()
    }

    pub(super) fn renew(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        offer: Description,
        chosen: Option<&Spoken>,
    ) {
        let taken = match chosen {
            Some(chosen) => self.take_offer(leg, offer, chosen),
            None => self.take_silence(leg, &offer),
        };
        let Some((answer, change)) = taken else { return };
        self.reaccept(desk, leg, key, message, Some(answer));
        self.changed(desk, leg, change);
    }

    /// Makes an offer of the far end the session; returns the answer, and what it changes.
    pub(super) fn take_offer(
        &mut self,
        leg: LegId,
        offer: Description,
        chosen: &Spoken,
    ) -> Option<(Bytes, Changed)> {
        let chosen_all = self.with_noise(leg, chosen, Some(&offer));
        let stream = &mut self.leg_mut(leg)?.media;
        let local = stream.local?;
        if !stream.keys.take_offer(&offer.keys, offer.insists) {
            return None;
        }
        let change =
            Changed { was_held: stream.is_held(), codec: stream.agreed.first() != Some(&chosen.format) };
        stream.agreed = chosen_all.iter().map(|spoken| spoken.format).collect();
        stream.telephone_event = offer.telephone_event;
        stream.strands.hear_offer(&offer);
        let sound = offer.answer(local.port(), &chosen_all, &stream.keys);
        let answer = stream.describe_answer(local, &offer, Some(sound));
        stream.remote = Some(offer);
        stream.said = Some(answer.clone());
        Some((answer, change))
    }

    /// Makes an offer of fax without sound the session: what was said of sound stays for afterwards.
    fn take_silence(&mut self, leg: LegId, offer: &Description) -> Option<(Bytes, Changed)> {
        let stream = &mut self.leg_mut(leg)?.media;
        let local = stream.local?;
        stream.strands.hear_offer(offer);
        stream.strands.shape.silent = true;
        let answer = stream.describe_answer(local, offer, None);
        stream.said = Some(answer.clone());
        Some((answer, Changed { was_held: stream.is_held(), codec: false }))
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
        at.media.owes_answer = true;
        let event = at.media.telephone_event.or(Some(offer::own_events()));
        let sdp = at.media.describe_offer(local, ours, event);
        at.media.said = Some(sdp.clone());
        self.reaccept(desk, leg, key, message, Some(sdp));
    }

    /// Says that a party has put the call on hold or taken it off, where that changed.
    pub(super) fn held(&mut self, desk: &mut Desk<'_>, leg: LegId, before: bool, now: bool) {
        match (before, now) {
            (false, true) => {
                self.note(desk, format!("{leg} holds"));
                self.record_event(desk, Event::Held { leg });
                self.play_to_held(desk);
                self.mute_in_room(desk, leg);
            }
            (true, false) => {
                self.note(desk, format!("{leg} resumes"));
                self.record_event(desk, Event::Resumed { leg });
                self.play_to_held(desk);
                self.mute_in_room(desk, leg);
            }
            _ => {}
        }
    }
}
