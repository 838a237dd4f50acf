//! A re-INVITE that wants more than sound goes end to end: video is added, or a fax machine turns to T.38.
//!
//! The offer is passed on to the other party in a re-INVITE of ours; what it answers is what the asker is answered. A refusal is
//! carried back, so that a fax machine falls back to tones in G.711. Everything that takes nothing new (hold, another address, a line that
//! is dropped) is still answered at once.
//! Invariant: the asker's INVITE is answered in every case; a refusal leaves both sessions as they were.

use crate::base::LegId;
use crate::dialog::{Carrier, Side};
use crate::media::Strand;
use crate::sip::Message;
use crate::transaction::ServerKey;

use super::Call;
use super::desk::Desk;
use super::offer::Description;

/// An offer on its way from one party to the other.
#[derive(Debug)]
pub(super) struct Passing {
    asker: LegId,
    other: LegId,
    key: ServerKey,
    message: Message,
    offer: Description,
    /// Whether our INVITE is out.
    sent: bool,
    /// Whether the asker has given up (CANCEL): nobody waits for the answer.
    cancelled: bool,
}

/// What a request is refused with when the other party will not have what it offers.
const NOT_ACCEPTABLE: u16 = 488;
/// The other party is busy with a change of its own: try again (RFC 3261 §14.2).
const PENDING: u16 = 491;

impl Call {
    /// Whether an offer of a leg's is one for the other party to answer.
    pub(super) fn is_for_the_other(&self, desk: &Desk<'_>, leg: LegId, offer: &Description) -> bool {
        let (Some(at), Some(other)) = (self.leg(leg), self.peer_of(leg)) else { return false };
        at.media.strands.is_more(offer, |strand| self.may(desk, leg, strand) && self.may(desk, other, strand))
    }

    /// Takes an offer in to pass it on; the answer to `key` comes when the other party's has.
    pub(super) fn ask_other(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        key: ServerKey,
        message: &Message,
        offer: Description,
    ) {
        let Some(other) = self.peer_of(leg) else { return };
        if self.passing.is_some() || !self.may_reshape(other) {
            self.note(desk, format!("{leg}: {other} is busy with another change"));
            return self.refuse_offer(desk, leg, key, PENDING);
        }
        self.note(desk, format!("{leg}: its offer is passed on to {other}"));
        desk.index.add_server(key, (self.id, leg));
        for strand in Strand::ALL {
            if offer.session.media.iter().any(|media| super::strand::is_usable(media, strand))
                && self.may(desk, leg, strand)
                && self.may(desk, other, strand)
            {
                self.prepare(desk, leg, strand);
                self.prepare(desk, other, strand);
            }
        }
        let message = message.clone();
        let passing = Passing { asker: leg, other, key, message, offer, sent: false, cancelled: false };
        self.passing = Some(Box::new(passing));
        self.pass_on(desk);
    }

    /// The ports that the offer needs are there: it goes on.
    pub(super) fn pass_on(&mut self, desk: &mut Desk<'_>) {
        let Some(passing) = self.passing.as_ref().filter(|passing| !passing.sent) else { return };
        let (asker, other) = (passing.asker, passing.other);
        let waits = |leg| self.leg(leg).is_some_and(|at| at.media.strands.wait());
        if waits(asker) || waits(other) {
            return;
        }
        let offer = passing.offer.clone();
        let most_kbps = desk.node.manner.video_kbps;
        let ready = |strand| {
            [asker, other]
                .iter()
                .all(|leg| self.leg(*leg).is_some_and(|at| at.media.strands.has_port(strand)))
                && self.may(desk, asker, strand)
                && self.may(desk, other, strand)
        };
        let ready: Vec<Strand> = Strand::ALL.into_iter().filter(|strand| ready(*strand)).collect();
        if offer.silent && !ready.contains(&Strand::Fax) || !self.may_reshape(other) {
            return self.not_passed(desk, PENDING);
        }
        if let Some(at) = self.leg_mut(other) {
            for strand in ready {
                at.media.strands.offer_as(&offer, strand, most_kbps);
            }
        }
        if let Some(passing) = &mut self.passing {
            passing.sent = true;
        }
        self.renew_lines(desk, other);
    }

    /// Whether a leg has been asked for another.
    pub(super) fn is_asked(&self, leg: LegId) -> bool {
        self.passing.as_ref().is_some_and(|passing| passing.sent && passing.other == leg)
    }

    /// The other party has answered: so is the asker.
    pub(super) fn passed(&mut self, desk: &mut Desk<'_>) {
        let Some(passing) = self.passing.take() else { return };
        let Passing { asker, other, key, message, offer, cancelled, .. } = *passing;
        if cancelled || self.peer_of(asker) != Some(other) {
            if !cancelled {
                self.refuse_offer(desk, asker, key, NOT_ACCEPTABLE);
            }
            return self.settle(desk);
        }
        self.mirror(desk, other, asker);
        let silent = self.leg(other).is_some_and(|at| at.media.strands.shape.silent);
        let chosen = if offer.silent || silent { None } else { self.chosen_anew(asker, &offer) };
        if chosen.is_none() && !self.would_fax(asker) {
            self.refuse_offer(desk, asker, key, NOT_ACCEPTABLE);
            return self.settle(desk);
        }
        self.renew(desk, asker, key, &message, offer, chosen.as_ref());
        self.settle(desk);
    }

    fn would_fax(&self, leg: LegId) -> bool {
        self.leg(leg).is_some_and(|at| at.media.strands.shape.has(Strand::Fax))
    }

    /// The other party has refused, is busy or is gone: nothing has changed. An asker who could do with sound alone is answered with that.
    pub(super) fn not_passed(&mut self, desk: &mut Desk<'_>, status: u16) {
        let Some(passing) = self.passing.take() else { return };
        let Passing { asker, key, message, offer, cancelled, .. } = *passing;
        if cancelled {
            return self.settle(desk);
        }
        let status = if matches!(status, 491 | 422 | 500 | 503) { PENDING } else { NOT_ACCEPTABLE };
        self.note(desk, format!("{asker}: the other party does not take its offer"));
        let up = self.leg(asker).is_some_and(super::leg::Leg::is_up);
        match self.chosen_anew(asker, &offer) {
            Some(chosen) if status == NOT_ACCEPTABLE && !offer.silent && up => {
                self.renew(desk, asker, key, &message, offer, Some(&chosen));
            }
            _ => self.refuse_offer(desk, asker, key, status),
        }
        self.settle(desk);
    }

    /// One of the two is gone.
    pub(super) fn passing_ends(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(passing) = self.passing.take_if(|passing| passing.asker == leg || passing.other == leg)
        else {
            return;
        };
        if !passing.cancelled {
            // RFC 3261 §15.1.2: a BYE ends the requests that are still open.
            let status = if passing.asker == leg { 487 } else { NOT_ACCEPTABLE };
            self.refuse_offer(desk, passing.asker, passing.key, status);
        }
    }

    /// The asker gives its INVITE up. `false`: that is none of this.
    pub(super) fn passing_cancelled(&mut self, desk: &mut Desk<'_>, leg: LegId) -> bool {
        let Some(passing) = self.passing.as_mut().filter(|passing| passing.asker == leg) else {
            return false;
        };
        let (key, sent) = (passing.key, passing.sent);
        if !std::mem::replace(&mut passing.cancelled, true) {
            if !sent {
                self.passing = None;
            }
            self.refuse_offer(desk, leg, key, 487);
        }
        true
    }

    /// Refuses a re-INVITE: the session stays as it was.
    fn refuse_offer(&mut self, desk: &mut Desk<'_>, leg: LegId, key: ServerKey, status: u16) {
        if let Some(at) = self.leg_mut(leg) {
            let _ = at.exchange.on(Side::Ours, Carrier::Failure, false);
        }
        self.respond(desk, leg, key, status, |reply| reply);
    }
}
