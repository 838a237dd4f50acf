//! What drives the figures: steps, acts, timers, and the removal of what is over.
//!
//! Invariant: a timer is set only by entering a place that lists it (or by a CANCEL), and cleared by leaving the last that does.

use bytes::Bytes;

use super::Timer;
use super::figure::{Act, Event, Figure};
use super::layer::{ClientKey, Key, Layer, Output, ServerKey};
use crate::base::Time;
use crate::sip::{Flow, Message};

/// What an event brings with it.
pub(super) enum Given {
    /// The user's response.
    Response(Bytes),
    /// The peer's response.
    Message(Message),
}

impl Layer {
    /// Steps `key`'s figure and does what it wants. Says whether the message is to be passed to the user.
    pub(super) fn drive(&mut self, now: Time, key: Key, event: Event, given: Option<Given>) -> bool {
        let Some((figure, flow)) = self.place_of(key) else { return false };
        let (next, acts) = figure.step(event, flow.transport.is_reliable());
        if next != figure {
            self.set_timers(now, key, Some(figure), next, flow);
            self.set_place(key, next);
        }
        let mut pass = false;
        for act in acts {
            match (act, key) {
                (Act::Pass, _) => pass = true,
                (Act::TimedOut, _) => self.tell(key, Output::TimedOut(key)),
                (Act::Unreachable, _) => self.tell(key, Output::Unreachable(key)),
                (Act::SendCancel, Key::Client(key)) => self.cancel(now, key, None),
                (act, Key::Client(key)) => self.act_as_client(key, *act, given.as_ref()),
                (act, Key::Server(key)) => self.act_as_server(key, *act, given.as_ref()),
            }
        }
        if next.is_over() {
            self.remove(key);
        }
        pass
    }

    pub(super) fn act_as_client(&mut self, key: ClientKey, act: Act, given: Option<&Given>) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let bytes = match (act, given) {
            (Act::Resend, _) => client.request_bytes(),
            (Act::SendAck, Some(Given::Message(response))) => client.ack(response),
            _ => None,
        };
        let flow = client.flow;
        self.output.extend(bytes.map(|bytes| Output::Send { flow, bytes }));
    }

    pub(super) fn act_as_server(&mut self, key: ServerKey, act: Act, given: Option<&Given>) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        match (act, given) {
            (Act::Send, Some(Given::Response(bytes))) => server.keep(bytes.clone()),
            (Act::SendTrying, _) => server.keep_trying(),
            _ => {}
        }
        self.output.extend(server.last_sent());
    }

    /// Tells the user, unless the transaction is the layer's own.
    pub(super) fn tell(&mut self, key: Key, output: Output) {
        let own = matches!(key, Key::Client(key) if self.clients.get(&key).is_some_and(|client| client.own));
        if !own {
            self.output.push_back(output);
        }
    }

    pub(super) fn place_of(&self, key: Key) -> Option<(Figure, Flow)> {
        match key {
            Key::Client(key) => self.clients.get(&key).map(|client| (client.figure, client.flow)),
            Key::Server(key) => self.servers.get(&key).map(|server| (server.figure, server.flow)),
        }
    }

    pub(super) fn set_place(&mut self, key: Key, figure: Figure) {
        match key {
            Key::Client(key) => {
                if let Some(client) = self.clients.get_mut(&key) {
                    client.enter(figure);
                }
            }
            Key::Server(key) => {
                if let Some(server) = self.servers.get_mut(&key) {
                    server.enter(figure);
                }
            }
        }
    }

    /// Entering a place clears the timers of the one before and sets its own; timers of both run on.
    pub(super) fn set_timers(
        &mut self,
        now: Time,
        key: Key,
        before: Option<Figure>,
        after: Figure,
        flow: Flow,
    ) {
        let old = before.map_or(&[][..], Figure::timers);
        for timer in old.iter().filter(|timer| !after.timers().contains(timer)) {
            self.alarms.clear(&(key, *timer));
        }
        if old.contains(&Timer::C) {
            self.alarms.clear(&(key, Timer::Cancel));
        }
        for timer in after.timers().iter().filter(|timer| !old.contains(timer)) {
            if let Some(gap) = timer.first(flow.transport.is_reliable()) {
                self.alarms.set((key, *timer), now + gap);
            }
        }
    }

    /// Timers A, E and G ring again after a longer gap.
    pub(super) fn rearm(&mut self, now: Time, key: Key, timer: Timer) {
        let (gap, calm) = match key {
            Key::Client(key) => match self.clients.get_mut(&key) {
                Some(client) => (&mut client.gap, client.figure.is_calm()),
                None => return,
            },
            Key::Server(key) => match self.servers.get_mut(&key) {
                Some(server) => (&mut server.gap, false),
                None => return,
            },
        };
        if let Some(next) = timer.next(*gap, calm) {
            *gap = next;
            self.alarms.set((key, timer), now + next);
        }
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.tell(key, Output::Ended(key));
        let (figure, flow) = match key {
            Key::Client(k) => {
                let Some(client) = self.clients.remove(&k) else { return };
                self.client_by_id.remove(&client.id);
                (client.figure, client.flow)
            }
            Key::Server(k) => {
                let Some(server) = self.servers.remove(&k) else { return };
                self.server_by_id.remove(&server.id);
                if let Some(origin) = &server.origin {
                    self.origins.remove(origin);
                }
                (server.figure, server.flow)
            }
        };
        self.by_flow.remove(&(flow, key));
        for timer in figure.timers() {
            self.alarms.clear(&(key, *timer));
        }
        self.alarms.clear(&(key, Timer::Cancel));
    }

    pub(super) fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }
}
