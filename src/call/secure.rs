//! Whose media is encrypted: what holds for a user's phones and for a trunk over what the node says, and what becomes of a leg that does
//! not keep to it.
//!
//! Invariant: a leg under [`Srtp::Required`] that has no keys is never aimed: nothing is sent to it or taken from it.

use crate::base::{LegId, Masked};
use crate::config::Srtp;
use crate::plan::Origin;

use super::desk::Desk;
use super::dial::Contact;
use super::offer::Description;
use super::{Call, Phase};

impl Desk<'_> {
    /// What holds for the phones of a user, by the account's name.
    pub(super) fn srtp_of_user(&self, user: &Masked) -> Srtp {
        let own = self.settings.get(user.reveal()).and_then(|settings| settings.srtp);
        own.unwrap_or(self.node.manner.srtp)
    }

    /// What holds for whoever calls.
    pub(super) fn srtp_of_caller(&self, origin: &Origin, user: &Masked) -> Srtp {
        match origin {
            Origin::Trunk(name) => self.trunks.srtp(name).unwrap_or(self.node.manner.srtp),
            _ => self.srtp_of_user(user),
        }
    }

    /// What holds for whoever is rung.
    pub(super) fn srtp_of_contact(&self, contact: &Contact) -> Srtp {
        match &contact.way {
            Some(way) => way.srtp.unwrap_or(self.node.manner.srtp),
            None => self.srtp_of_user(&contact.user),
        }
    }
}

impl Call {
    /// Whether what a leg's far end has offered keeps to what holds for it; says so where it does not.
    pub(super) fn keeps_policy(&mut self, desk: &Desk<'_>, leg: LegId) -> bool {
        let Some(at) = self.leg(leg) else { return false };
        let Some(offer) = &at.media.remote else { return true };
        let why = at.media.keys.why_not(&offer.keys, offer.insists);
        if let Some(why) = why {
            self.note(desk, format!("{leg}: {why}"));
        }
        why.is_none()
    }

    /// Whether a leg that has answered has the keys that it must have; says so where it has not.
    pub(super) fn has_keys(&mut self, desk: &Desk<'_>, leg: LegId) -> bool {
        let missing = self.leg(leg).is_none_or(|at| at.media.keys.are_missing());
        if missing {
            self.note(desk, format!("{leg} answered without the encryption (SRTP) that is required"));
        }
        !missing
    }

    /// What holds for a leg.
    pub(super) fn srtp_of_leg(&self, leg: LegId) -> Srtp {
        self.leg(leg).map_or(Srtp::Required, |at| at.media.keys.policy())
    }

    /// Why an offer within the call is refused, in words.
    pub(super) fn why_not(&self, leg: LegId, offer: Option<&Description>) -> &'static str {
        let keys = self.leg(leg).map(|at| &at.media.keys);
        let unsuitable = keys.zip(offer).and_then(|(keys, offer)| keys.why_not(&offer.keys, offer.insists));
        unsuitable.unwrap_or("nothing in its offer can be used")
    }

    /// A phone has refused the description that it was offered, and may be one that takes keys under the secure profile alone (RTP/SAVP:
    /// many phones, once encryption is made compulsory on them): it is rung once more so. `false`: it is not.
    pub(super) fn insist(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) -> bool {
        let listens_in = self.is_monitor(leg);
        if !matches!(status, 488 | 606) || !(listens_in || matches!(self.phase, Phase::Dialling(_))) {
            return false;
        }
        let Some(at) = self.leg_mut(leg).filter(|at| at.way.is_none() && at.media.keys.may_insist()) else {
            return false;
        };
        let Some(contact) = at.spare.take() else { return false };
        let Some(added) = self.add_leg(desk, *contact) else { return false };
        if let Some(at) = self.leg_mut(added) {
            at.media.keys.insist();
        }
        self.note(desk, format!("{leg} refuses what it is offered: {added} offers it encryption only"));
        match &mut self.phase {
            _ if listens_in => self.replace_monitor(leg, added),
            Phase::Dialling(dialling) => {
                dialling.legs.retain(|at| *at != leg);
                dialling.legs.push(added);
            }
            _ => {}
        }
        true
    }
}
