//! A leg goes over from one call to another: the far side of a consultation, when its transfer is attended.
//!
//! The leg's dialog moves as it is. Its media cannot (each call's sessions live with one media worker), so the call that takes it in opens
//! a port and tells the phone by re-INVITE.
//! Invariant: a leg belongs to exactly one call; the index says which.

use crate::base::{LegId, Masked};
use crate::config::Srtp;
use crate::dialog;
use crate::media::Order;

use super::desk::{Alarm, Desk, Effect, Owner};
use super::hangup::End;
use super::leg::Leg;
use super::offer;
use super::room::is_idle;
use super::{Call, Phase};

/// What a call gives away.
#[derive(Debug)]
pub struct Given(Kind);

#[derive(Debug)]
enum Kind {
    /// A leg that is up, and whose it was.
    Leg(Box<Leg>, Owner),
    /// Nobody has answered yet: who was dialled.
    Ringing(Masked),
}

/// Giving.
impl Call {
    /// Gives away the party that `user` talks to (or rings) over `leg`, and ends: `user` wants to transfer it.
    ///
    /// # Errors
    /// The status that the transfer fails with: 481 when the dialog is not this leg's or not this user's, 491 when the party is busy
    /// with a change of its session, 603 when there is no such party.
    pub fn surrender(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        user: &Masked,
        dialog: &dialog::Id,
    ) -> Result<Given, u16> {
        let owner = self.leg(leg).filter(|at| at.user == *user);
        owner.and_then(Leg::dialog).filter(|of| of.id() == dialog).ok_or(481_u16)?;
        if matches!(self.phase, Phase::Dialling(_)) && leg == self.near {
            self.note(desk, format!("{leg} transfers its caller to whom it rings"));
            let dialled = self.facts.dialled.clone();
            self.end(desk, End::Transferred);
            return Ok(Given(Kind::Ringing(dialled)));
        }
        let peer = self.peer_of(leg).filter(|_| self.transfer.is_none()).ok_or(603_u16)?;
        self.note(desk, format!("{leg} transfers {peer} to another call"));
        self.hand_over(desk, peer, End::Transferred)
    }

    /// Gives a leg away and ends the call.
    ///
    /// # Errors
    /// 491: it is busy with a change of its session; 603: there is no such leg.
    pub(super) fn hand_over(&mut self, desk: &mut Desk<'_>, leg: LegId, why: End) -> Result<Given, u16> {
        let at = self.leg_mut(leg).ok_or(603_u16)?;
        if !is_idle(at) {
            return Err(491);
        }
        let mut moved = Leg::new(leg, at.user.clone(), at.flow, Srtp::Off, desk.random);
        // What stays behind is the record of who took part.
        moved.number = at.number.clone();
        moved.talked = at.talked;
        std::mem::swap(at, &mut moved);
        self.forget(desk, leg);
        self.close_media(desk, leg);
        self.end(desk, why);
        Ok(Given(Kind::Leg(Box::new(moved), (self.id, leg))))
    }
}

/// Taking.
impl Call {
    /// Takes in what another call gave for the transfer that waits for it.
    pub fn take_in(&mut self, desk: &mut Desk<'_>, given: Result<Given, u16>) {
        let waits = matches!(self.phase, Phase::Fetching { leg: None });
        match given.map(|given| given.0) {
            Err(status) if waits => self.transfer_failed(desk, status),
            Err(_) => {}
            Ok(Kind::Ringing(dialled)) if waits => self.transfer_to_ringing(desk, dialled),
            Ok(Kind::Ringing(_)) => {}
            Ok(Kind::Leg(leg, from)) => {
                let Some(id) = self.adopt(desk, *leg, from) else { return };
                match waits {
                    true => self.phase = Phase::Fetching { leg: Some(id) },
                    // Nobody waits for it any more: its phone hears so.
                    false => self.release(desk, id, 487, None),
                }
            }
        }
    }

    /// Takes in a leg that another call gave, whatever for.
    pub(super) fn adopt_given(&mut self, desk: &mut Desk<'_>, given: Given) -> Option<LegId> {
        match given.0 {
            Kind::Leg(leg, from) => self.adopt(desk, *leg, from),
            Kind::Ringing(_) => None,
        }
    }

    fn adopt(&mut self, desk: &mut Desk<'_>, mut leg: Leg, from: Owner) -> Option<LegId> {
        let id = u16::try_from(self.legs.len()).ok().map(LegId)?;
        leg.id = id;
        // A 2xx of its INVITE may come once more: its ACK is here now.
        desk.index.move_invites(from, (self.id, id));
        leg.talked = false;
        leg.tapped = false;
        leg.facts = None;
        leg.track = 1 - self.leg(self.near).map_or(0, |near| near.track.min(1));
        (leg.media.local, leg.media.aimed, leg.media.owes_answer) = (None, false, false);
        leg.media.strands.uproot();
        if let Some(dialog) = leg.dialog() {
            desk.index.add_dialog(dialog.id().call_id(), dialog.id().local_tag(), (self.id, id));
        }
        if let Some(way) = &leg.way {
            desk.trunks.left(from);
            desk.trunks.took((self.id, id), way);
        }
        let local = leg.flow.local.ip();
        self.legs.push(leg);
        self.note(desk, format!("{id} comes over from another call"));
        desk.effects.push_back(Effect::Media(Order::Open { call: self.id, leg: id, local }));
        Some(id)
    }

    /// The port for a leg that has come over is there: its phone is told by re-INVITE.
    pub(super) fn rehouse(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        // In a room everybody may keep the codec that it has.
        let of = if self.is_entering(leg) { leg } else { self.near };
        let of = self.leg(of).map(|at| &at.media);
        let formats = of.map(|m| offer::formats_for(m.remote.as_ref(), &m.agreed)).unwrap_or_default();
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(local) = at.media.local else { return };
        let events = at.media.telephone_event.or(Some(offer::own_events()));
        let sdp = at.media.describe_offer(local, formats, events);
        at.media.said = Some(sdp);
        self.renew_to_move(desk, leg);
    }

    /// The phone of a leg that has come over has taken its new port.
    pub(super) fn fetched(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if self.is_entering(leg) {
            return self.seat(desk, leg);
        }
        if self.is_picking(leg) {
            return self.picked(desk, leg);
        }
        if !matches!(self.phase, Phase::Fetching { leg: Some(is) } if is == leg) {
            return;
        }
        if !self.can_join(leg) {
            return self.fetch_failed(desk, leg, 488);
        }
        desk.alarms.clear(&(self.id, Alarm::Ring));
        self.join(desk, leg);
    }

    /// It has not, or is gone.
    pub(super) fn fetch_failed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        let waited = matches!(self.phase, Phase::Fetching { leg: Some(is) } if is == leg);
        self.note(desk, format!("{leg} cannot come over"));
        self.release(desk, leg, status, None);
        self.close_media(desk, leg);
        self.left_room(desk, leg);
        if self.is_picking(leg) {
            return self.leg_failed(desk, leg, status);
        }
        if waited {
            self.phase = Phase::Between;
            self.transfer_failed(desk, status);
        }
    }
}
