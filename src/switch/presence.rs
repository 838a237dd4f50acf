//! The switch's side of events: who asks, and what the room `presence` is told of calls, registrations and accounts.
//!
//! Invariant: no SUBSCRIBE, PUBLISH or MESSAGE, within a dialog or not, does anything before its sender has proven who it is.

use crate::base::Time;
use crate::dialog;
use crate::presence::{Desk, Events};
use crate::sip::{Flow, Message, Method};
use crate::transaction::ServerKey;

use super::admit::user_of;
use super::{Output, Switch};

impl Switch {
    /// Lets the room of events work.
    pub(super) fn with_events<T>(
        &mut self,
        now: Time,
        act: impl FnOnce(&mut Events, &mut Desk<'_>) -> T,
    ) -> T {
        let wall = self.wall(now);
        let program = self.program.clone();
        let mut desk = Desk {
            now,
            wall,
            rules: program.texts(),
            random: &mut self.random,
            layer: &mut self.layer,
            directory: &self.directory,
            bindings: &self.bindings,
            realm: &self.node.realm,
        };
        let done = act(&mut self.events, &mut desk);
        while let Some(report) = self.events.pop_report() {
            self.out.push_back(Output::Report(report));
        }
        done
    }

    /// A SUBSCRIBE, PUBLISH or MESSAGE outside any dialog.
    pub(super) fn on_event_request(&mut self, now: Time, flow: Flow, key: ServerKey, message: &Message) {
        let Some(account) = self.proven(now, key, message) else { return };
        let claimed = user_of(message.from().map(|from| from.uri()));
        if !claimed.is_some_and(|user| account.may_claim(&user)) {
            let reply = self.layer.reply(key, 403);
            return self.refuse(now, key, reply);
        }
        self.with_events(now, |events, desk| match message.method() {
            Some(Method::Publish) => events.on_publish(desk, key, message, &account),
            Some(Method::Message) => events.on_message(desk, key, message, &account),
            _ => events.on_subscribe(desk, key, flow, message, &account),
        });
    }

    /// A request within a dialog that is no call's: a SUBSCRIBE that prolongs or ends a subscription, or nothing.
    pub(super) fn on_event_request_within(
        &mut self,
        now: Time,
        flow: Flow,
        key: ServerKey,
        message: &Message,
    ) {
        let dialog = dialog::Id::of_request(message).filter(|_| message.is(&Method::Subscribe));
        let known = dialog.and_then(|dialog| self.events.of_dialog(&dialog));
        let Some((id, watcher)) = known.map(|(id, watcher)| (id, watcher.to_string())) else {
            let reply = self.layer.reply(key, 481);
            return self.refuse(now, key, reply);
        };
        if self.proves(now, key, message, &watcher) {
            self.with_events(now, |events, desk| events.on_resubscribe(desk, key, flow, message, id));
        }
    }

    /// Tells of every call that something has happened to since the last time.
    pub(super) fn tell_lines(&mut self, now: Time) {
        while let Some(id) = self.touched.pop_first() {
            let lines = self.calls.get_mut(&id).map_or(Some(Vec::new()), |call| call.new_lines());
            if let Some(lines) = lines {
                let changed = self.with_events(now, |events, desk| events.set_lines(desk, id, lines));
                self.lines_changed(now, &changed);
            }
        }
    }

    /// Removes the bindings that have lapsed, and tells whoever watches.
    pub(super) fn expire_bindings(&mut self, now: Time) {
        if self.bindings.fire(now) {
            self.with_events(now, |events, desk| events.contacts_lapsed(desk));
        }
    }
}
