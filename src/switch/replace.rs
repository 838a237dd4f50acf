//! INVITE with Replaces: who may take whose place (RFC 3891 §8: knowing a dialog's names is not a right).
//!
//! Invariant: a conversation is taken over only by phones of the same user; a call that rings also by whoever may pick it up.

use crate::base::Time;
use crate::call::Place;
use crate::dialog::Replaces;
use crate::registrar::Account;
use crate::sip::{Flow, Message};
use crate::transaction::ServerKey;

use super::Switch;

impl Switch {
    /// An INVITE with Replaces, of a user who has proven to be `account`.
    pub(super) fn on_replaces(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Account,
        replaces: &Replaces,
    ) {
        if let Err((status, why)) = self.replaces(now, flow, key, message, account, replaces) {
            self.log(false, format!("an INVITE with Replaces is refused with {status}: {why}"));
            let reply = self.layer.reply(key, status);
            self.refuse(now, key, reply);
        }
    }

    fn replaces(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Account,
        replaces: &Replaces,
    ) -> Result<(), (u16, &'static str)> {
        let names = &replaces.dialog;
        // Lamps name a dialog from its phone's side, so some phones write the tags the other way round.
        let found = [names.local_tag(), names.remote_tag()]
            .into_iter()
            .find_map(|tag| self.index.dialog(names.call_id(), tag))
            .ok_or((481, "no such dialog"))?;
        let (call, leg) = found;
        let place = self.calls.get(&call).and_then(|call| call.place(leg)).ok_or((481, "no such place"))?;
        let may = match place {
            Place::Talking(user) => user == account.name,
            Place::Ringing(user) => user == account.name || self.features.may_pick_up(&account.name, user),
        };
        if !may {
            return Err((403, "the user may not take this place"));
        }
        let guest =
            self.guest(flow, key, message, account).map_err(|status| (status, "the INVITE is unusable"))?;
        self.layer.trying(now, key);
        let mut came = Ok(());
        self.with_call(now, call, |call, desk| {
            came = call.replace(desk, leg, guest, replaces).map_err(|(status, _)| status);
        });
        came.map_err(|status| (status, "the place is not to be had"))
    }
}
