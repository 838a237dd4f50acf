//! Requests within a dialog: to the leg of the call that they belong to, and to nobody else.
//!
//! Invariant: a stranger who has learned a Call-ID and tags changes nothing: the request must come from where the leg's phone
//! is, or prove that it comes from the leg's user (RFC 3261 §22; reliability class "blind BYE").

use crate::base::Time;
use crate::sip::{Flow, Message};
use crate::transaction::ServerKey;

use super::Switch;

impl Switch {
    pub(super) fn on_request_within(&mut self, now: Time, flow: Flow, key: ServerKey, message: Message) {
        let Some((call, leg)) = self.owner_of_dialog(&message) else {
            return self.on_event_request_within(now, flow, key, &message);
        };
        let known = self.calls.get(&call).and_then(|call| call.knows(leg, &flow));
        let (known, user) = known.map_or((false, String::new()), |(near, user)| (near, user.to_string()));
        if !known && !self.proves(now, key, &message, &user) {
            return;
        }
        self.index.add_server(key, (call, leg));
        self.with_call(now, call, |call, desk| call.on_request(desk, leg, key, flow, &message));
    }

    /// Whether a request from elsewhere proves to come from `user`. If not, it is answered here.
    pub(super) fn proves(&mut self, now: Time, key: ServerKey, message: &Message, user: &str) -> bool {
        let Some(account) = self.proven(now, key, message) else { return false };
        if account.name != user {
            let reply = self.layer.reply(key, 481);
            self.refuse(now, key, reply);
        }
        account.name == user
    }
}
