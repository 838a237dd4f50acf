//! An INVITE with Replaces (RFC 3891): a phone takes the place of another in a conversation, or takes a call that rings.
//!
//! Who may is the switch's question; here it is only carried out.
//! Invariant: the place is taken when the new phone has been answered, and only then is the old one let go.

use crate::base::LegId;
use crate::dialog::Replaces;

use super::answer::fits;
use super::desk::Desk;
use super::guest::Guest;
use super::leg::Stage;
use super::{Call, Phase};

/// What the phone hears whose place another has taken.
const REPLACED: &str = "SIP;cause=200;text=\"Replaced\"";

/// Whose place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// Of a phone of this user that rings.
    Ringing(&'a str),
    /// Of a phone of this user that talks.
    Talking(&'a str),
}

impl Call {
    /// The place that a leg has; `None` when it has none that could be taken.
    pub fn place(&self, leg: LegId) -> Option<Place<'_>> {
        let at = self.leg(leg)?;
        match (&at.stage, &self.phase) {
            (Stage::Calling { cancelled: false, .. }, Phase::Dialling(_)) => {
                Some(Place::Ringing(at.user.reveal()))
            }
            (Stage::Up { leaving: false, unacked: None, .. }, Phase::Talking { .. })
                if self.peer_of(leg).is_some() =>
            {
                Some(Place::Talking(at.user.reveal()))
            }
            _ => None,
        }
    }

    /// Lets `guest` take the place of `leg`.
    ///
    /// # Errors
    /// The guest, whose INVITE is still to be answered, and the status for it.
    pub fn replace(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        guest: Guest,
        replaces: &Replaces,
    ) -> Result<(), (u16, Box<Guest>)> {
        let known = self.leg_mut(leg).is_some_and(|at| {
            let of = |id: &crate::dialog::Id| {
                let (a, b) = (id.local_tag(), id.remote_tag());
                let (to, from) = (replaces.dialog.local_tag(), replaces.dialog.remote_tag());
                (a, b) == (to, from) || (a, b) == (from, to)
            };
            let early = at.invitation.as_ref().is_some_and(|i| i.early().any(|dialog| of(dialog.id())));
            early || at.dialog().is_some_and(|dialog| of(dialog.id()))
        });
        match self.place(leg) {
            _ if !known => Err((481, Box::new(guest))),
            Some(Place::Ringing(_)) => self.pick_up(desk, guest).map_err(|guest| (481, guest)),
            Some(Place::Talking(_)) if replaces.early_only => Err((486, Box::new(guest))),
            Some(Place::Talking(_)) if self.replacing.is_none() && self.transfer.is_none() => {
                let Some(id) = self.next_leg() else { return Err((503, Box::new(guest))) };
                self.replacing = Some((id, leg));
                self.come_in(desk, id, guest);
                self.note(desk, format!("{id} is to take the place of {leg}"));
                Ok(())
            }
            _ => Err((481, Box::new(guest))),
        }
    }

    /// The port of the phone that takes a place is there.
    pub(super) fn take_place(&mut self, desk: &mut Desk<'_>, guest: LegId, old: LegId) {
        self.replacing = None;
        let Some(peer) = self.peer_of(old) else { return self.guest_leaves(desk, guest, 481) };
        let theirs = self.leg(peer).and_then(|at| at.media.agreed.first()).copied();
        let offered = self.leg(guest).and_then(|at| at.media.remote.as_ref());
        let chosen = offered.zip(theirs).and_then(|(offer, theirs)| {
            offer.formats.iter().find(|spoken| fits(&spoken.format, &theirs)).cloned()
        });
        let Some(chosen) = chosen else { return self.guest_leaves(desk, guest, 488) };
        self.accept_leg(desk, guest, chosen);
        self.sit_down(desk, guest, old);
    }

    /// Gives a leg that is up the place of another, which is let go.
    pub(super) fn sit_down(&mut self, desk: &mut Desk<'_>, guest: LegId, old: LegId) {
        let Some(peer) = self.peer_of(old) else { return };
        let track = self.track_of(old);
        if let Some(at) = self.leg_mut(guest) {
            at.track = track;
        }
        if self.near == old {
            self.serve(desk, guest);
            self.tap(desk, guest);
            if let Some(at) = self.leg_mut(guest) {
                at.talked = true;
            }
        }
        self.phase = Phase::Between;
        self.release(desk, old, 487, Some(REPLACED));
        self.close_media(desk, old);
        self.moved = true;
        self.note(desk, format!("{guest} takes the place of {old}"));
        self.join(desk, if self.near == guest { peer } else { guest });
    }
}
