//! Codes that users dial: an INVITE that comes into a running call instead of beginning one of its own.
//!
//! Invariant: nobody comes into a call that the configuration does not let them into, and an INVITE for a feature never reaches the plan.

use crate::base::{CallId, Masked, Time};
use crate::call::Guest;
use crate::call::Offer;
use crate::config::Feature;
use crate::dialog::{Dialog, SessionTimer, contact};
use crate::registrar::Account;
use crate::sip::{Flow, Message};
use crate::transaction::ServerKey;

use super::Switch;
use super::admit::user_of;

impl Switch {
    /// An INVITE for a feature, of a user who has proven to be `account`.
    pub(super) fn on_feature(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Account,
        feature: &Feature,
    ) {
        let status = match self.guest(flow, key, message, account) {
            Ok(guest) => match self.let_in(now, guest, account, feature) {
                Ok(()) => return,
                Err(status) => status,
            },
            Err(status) => status,
        };
        let reply = self.layer.reply(key, status);
        self.refuse(now, key, reply);
    }

    /// What must hold before anybody comes into a call.
    pub(super) fn guest(
        &mut self,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Account,
    ) -> Result<Guest, u16> {
        let claimed = user_of(message.from().map(|from| from.uri()));
        if !claimed.is_some_and(|user| account.may_claim(&user)) {
            return Err(403);
        }
        if self.draining {
            return Err(503);
        }
        SessionTimer::answering(message, self.node.manner.session_s).map_err(|_| 422_u16)?;
        let offer = message.has_sdp().then(|| Offer::read(message.body())).transpose()?;
        let tag = self.layer.local_tag(key).ok_or(500_u16)?;
        let dialog = Dialog::answering(message, flow, tag, &contact(None, &flow)).map_err(|_| 400_u16)?;
        let user = Masked::new(&account.name);
        Ok(Guest { invite: key, message: message.clone(), offer, flow, dialog, user })
    }

    /// Lets a guest into the call that it wants. An error is the status that it hears.
    fn let_in(&mut self, now: Time, guest: Guest, account: &Account, feature: &Feature) -> Result<(), u16> {
        let call = match feature {
            Feature::PickUpAny => self.ringing(account, None).ok_or(480_u16)?,
            Feature::PickUp(number) => {
                let wanted = self.directory.find(number).ok_or(404_u16)?.name.clone();
                if !self.features.may_pick_up(&account.name, &wanted) {
                    return Err(403);
                }
                self.ringing(account, Some(&wanted)).ok_or(480_u16)?
            }
            Feature::Retrieve(slot) => self.lot.call_in(slot).ok_or(480_u16)?,
            Feature::Set(..) | Feature::CallBack(_) => return Err(500),
        };
        self.layer.trying(now, guest.invite);
        let parked = matches!(feature, Feature::Retrieve(_));
        let mut came_in = Ok(());
        self.with_call(now, call, |call, desk| {
            came_in = if parked { call.retrieve(desk, guest) } else { call.pick_up(desk, guest) };
        });
        came_in.map_err(|_| 480)
    }

    /// The call that has rung longest at `wanted`, or at anybody whose calls `account` may take (but not at itself).
    pub(super) fn ringing(&self, account: &Account, wanted: Option<&str>) -> Option<CallId> {
        let fits = |user: &str| match wanted {
            Some(wanted) => user == wanted,
            None => user != account.name && self.features.may_pick_up(&account.name, user),
        };
        self.calls.values().filter(|call| call.rings().any(fits)).map(|call| call.id()).min()
    }
}
