//! REFER outside a dialog: about a call that the phone's user is in (Target-Dialog, RFC 4538), or about nothing.
//!
//! Invariant: knowing a dialog's names is not a right: only the user of a leg transfers its other party.

use crate::base::Time;
use crate::dialog::target;
use crate::registrar::Account;
use crate::sip::{Flow, Message};
use crate::transaction::ServerKey;

use super::Switch;
use super::admit::user_of;

impl Switch {
    /// Transfers are asked for about a call that there is; nobody starts calls for others.
    pub(super) fn on_refer(&mut self, now: Time, flow: Flow, key: ServerKey, message: &Message) {
        let Some(account) = self.proven(now, key, message) else { return };
        if let Err((status, why)) = self.refer(now, flow, key, message, &account) {
            self.log(false, format!("a REFER outside a call is refused with {status}: {why}"));
            let reply = self.layer.reply(key, status);
            self.refuse(now, key, reply);
        }
    }

    fn refer(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
        account: &Account,
    ) -> Result<(), (u16, &'static str)> {
        let claimed = user_of(message.from().map(|from| from.uri()));
        if !claimed.is_some_and(|user| account.may_claim(&user)) {
            return Err((403, "From is not the authenticated user"));
        }
        let about = target::of(message).map_err(|_| (400, "Target-Dialog names no dialog"))?;
        let about = about.ok_or((403, "it is about no call"))?;
        let none = (481, "no such call of the user's");
        let (call, leg) = self.index.dialog(about.call_id(), about.local_tag()).ok_or(none)?;
        let user = self.calls.get(&call).and_then(|call| call.knows(leg, &flow)).map(|(_, user)| user);
        if user != Some(account.name.as_str()) {
            return Err(none);
        }
        self.index.add_server(key, (call, leg));
        self.with_call(now, call, |call, desk| call.on_refer_about(desk, leg, key, flow, message, &about));
        Ok(())
    }
}
