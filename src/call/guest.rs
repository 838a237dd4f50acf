//! A phone that comes into a running call: its INVITE begins no call of its own but becomes a leg of this one.
//!
//! Picking up: the guest takes the call that rings somebody else, whose phones hear that it was completed elsewhere.
//! Invariant: a guest's INVITE is answered in every case, by the leg that it became.

use crate::base::{LegId, Masked, bounds};
use crate::config::Srtp;
use crate::dialog::{Carrier, Dialog, SessionTimer, Side};
use crate::media::Order;
use crate::sip::{Flow, Message, Method, Name};
use crate::transaction::ServerKey;

use super::desk::{Desk, Effect, Owner};
use super::leg::{Leg, Stage};
use super::offer::{self, Offer, Spoken};
use super::{Call, Phase};

/// An INVITE that is to come into a running call: authenticated, its body readable.
#[derive(Debug)]
pub struct Guest {
    /// The INVITE's transaction.
    pub invite: ServerKey,
    /// The INVITE.
    pub message: Message,
    /// What it offers; one without a body leaves that to us.
    pub offer: Option<Offer>,
    /// Where it came from.
    pub flow: Flow,
    /// The dialog that it may begin.
    pub dialog: Dialog,
    /// The account that called.
    pub user: Masked,
}

/// A leg whose phone has sent us an INVITE that is not answered yet.
pub(super) fn asking(desk: &mut Desk<'_>, owner: Owner, guest: Guest, srtp: Srtp) -> Leg {
    let Guest { invite, message, offer, flow, dialog, user } = guest;
    let offers = offer.is_some();
    let mut leg = Leg::new(owner.1, user, flow, srtp, desk.random);
    leg.media.remote = offer.and_then(|offer| offer.described(srtp));
    if let Some(offer) = &leg.media.remote {
        leg.media.strands.hear_wishes(offer);
        // Whether it keeps to the policy is asked where its leg has a call to say so.
        let _ = leg.media.keys.take_offer(&offer.keys, offer.insists);
    }
    leg.media.owes_answer = !offers;
    // The first message of a dialog collides with nothing.
    let _ = leg.exchange.on(Side::Theirs, Carrier::Invite, offers);
    leg.updates = message.lists(Name::Allow, Method::Update.as_str());
    leg.timer = SessionTimer::answering(&message, desk.node.manner.session_s).ok();
    desk.index.add_dialog(dialog.id().call_id(), dialog.id().local_tag(), owner);
    desk.index.add_server(invite, owner);
    leg.stage = Stage::Asking { invite, message, dialog: Box::new(dialog), rang: false, early: false };
    leg
}

impl Call {
    /// The users whose phones ring in this call now.
    pub fn rings(&self) -> impl Iterator<Item = &str> {
        let legs = match &self.phase {
            Phase::Dialling(dialling) => dialling.legs.as_slice(),
            _ => &[],
        };
        let calling = legs.iter().filter_map(|leg| self.leg(*leg));
        let calling = calling.filter(|leg| matches!(leg.stage, Stage::Calling { cancelled: false, .. }));
        calling.map(|leg| leg.user.reveal())
    }

    /// Lets `guest` take the call that rings. Gives the guest back when nothing rings, or when the call has had too many legs.
    ///
    /// # Errors
    /// The guest, whose INVITE is still to be answered.
    pub fn pick_up(&mut self, desk: &mut Desk<'_>, guest: Guest) -> Result<(), Box<Guest>> {
        let next = self.next_leg();
        let (Some(id), Phase::Dialling(dialling)) = (next, &mut self.phase) else {
            return Err(Box::new(guest));
        };
        dialling.legs.push(id);
        self.come_in(desk, id, guest);
        self.note(desk, format!("{id} picks up"));
        Ok(())
    }

    /// The next leg's number, if there is room for it.
    pub(super) fn next_leg(&self) -> Option<LegId> {
        u16::try_from(self.legs.len()).ok().filter(|_| self.legs.len() < bounds::LEGS_PER_CALL).map(LegId)
    }

    /// Makes the guest a leg; what it came for goes on when its port is there.
    pub(super) fn come_in(&mut self, desk: &mut Desk<'_>, id: LegId, guest: Guest) {
        let (message, local) = (guest.message.clone(), guest.flow.local.ip());
        let srtp = desk.srtp_of_user(&guest.user);
        let mut leg = asking(desk, (self.id, id), guest, srtp);
        leg.track = 1 - self.leg(self.near).map_or(0, |near| near.track.min(1));
        self.legs.push(leg);
        self.heard_sip(desk, id, &message);
        if !self.keeps_policy(desk, id) {
            return self.guest_leaves(desk, id, 488);
        }
        desk.effects.push_back(Effect::Media(Order::Open { call: self.id, leg: id, local }));
    }

    /// The port of a guest is there.
    pub(super) fn guest_ready(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        match &self.phase {
            Phase::Dialling(dialling) if dialling.legs.contains(&leg) => self.take_over(desk, leg),
            Phase::Parked(parked) if parked.guest == Some(leg) => self.take_over(desk, leg),
            Phase::Talking { .. }
                if let Some((guest, old)) = self.replacing.filter(|(guest, _)| *guest == leg) =>
            {
                self.take_place(desk, guest, old);
            }
            _ => self.guest_leaves(desk, leg, 480),
        }
    }

    /// The guest answers in place of those who ring, or takes whoever is parked.
    fn take_over(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(chosen) = self.choose_for_guest(leg) else {
            self.note(desk, format!("{leg} has no usable codec"));
            return self.guest_leaves(desk, leg, 488);
        };
        self.accept_leg(desk, leg, chosen);
        self.stop_ringing_alarms(desk);
        self.release_others(desk, leg);
        self.leave_slot(desk);
        self.join(desk, leg);
    }

    /// A guest is refused, or has given up: those who ring go on ringing, who is parked stays so.
    pub(super) fn guest_leaves(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        self.replacing = self.replacing.filter(|(guest, _)| *guest != leg);
        self.refuse(desk, leg, status);
        self.gone(desk, leg);
        if let Phase::Parked(parked) = &mut self.phase {
            parked.guest = parked.guest.filter(|guest| *guest != leg);
        }
        self.leg_failed(desk, leg, status);
    }

    /// The codec for a guest: the first of its own that the caller can be joined with.
    fn choose_for_guest(&self, leg: LegId) -> Option<Spoken> {
        let fits = |spoken: &&Spoken| self.choose_for_caller(Some(&spoken.format)).is_some();
        match &self.leg(leg)?.media.remote {
            Some(offer) => offer.formats.iter().find(fits).cloned(),
            None => {
                let caller = &self.leg(self.near)?.media;
                offer::formats_for(caller.remote.as_ref(), &caller.agreed).iter().find(fits).cloned()
            }
        }
    }
}
