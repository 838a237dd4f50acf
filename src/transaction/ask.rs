//! The layer's side that asks: our requests, their CANCEL and ACK, and the responses that come in.

use bytes::Bytes;

use super::client::Client;
use super::engine::Given;
use super::figure::Event;
use super::large::Chosen;
use super::layer::{ClientKey, Key, Layer, Output, Received, Unsent};
use super::{TRIES, Timer, identity, wire};
use crate::base::{Time, bounds};
use crate::sip::{Builder, Flow, Message, Name};

impl Layer {
    /// Sends a request over `flow` in a transaction of its own. The layer puts its Via, with a fresh branch, on top.
    /// What is too large for a datagram goes over TCP instead of UDP, and over UDP after all where there is no TCP (RFC 3261 §18.1.1).
    ///
    /// # Errors
    /// [`Unsent`]; then nothing was sent. An ACK does not belong here: [`Layer::send_ack`].
    pub fn request(&mut self, now: Time, flow: Flow, request: Builder) -> Result<ClientKey, Unsent> {
        let Chosen { flow, message, fallback } = self.choose(now, flow, request).ok_or(Unsent::TooLong)?;
        let key = self.start(now, flow, message, false)?;
        if let Some(client) = self.clients.get_mut(&key) {
            client.fallback = fallback;
        }
        Ok(key)
    }

    /// Sends the ACK of a 2xx, which is outside any transaction (RFC 3261 §13.2.2.4), and returns its octets: they are to be sent
    /// with [`Layer::send_again`] each time the 2xx comes again.
    pub fn send_ack(&mut self, flow: Flow, ack: Builder) -> Bytes {
        let branch = wire::branch(&mut self.random);
        let bytes = ack.prepend(Name::Via, wire::via(&flow, &branch)).build();
        self.send_again(flow, bytes.clone());
        bytes
    }

    /// Sends octets as they are.
    pub fn send_again(&mut self, flow: Flow, bytes: Bytes) {
        self.output.push_back(Output::Send { flow, bytes });
    }

    /// Cancels an INVITE (RFC 3261 §9.1): at once if a provisional response came, else when the first one comes. `reason` is the
    /// value of a Reason header (RFC 3326), e.g. `SIP;cause=200;text="Call completed elsewhere"`.
    ///
    /// The transaction goes on until its final response, usually 487; a 2xx may still come and must be acknowledged and ended with
    /// BYE. When nothing final comes within 64 × T1, [`Output::TimedOut`].
    pub fn cancel(&mut self, now: Time, key: ClientKey, reason: Option<&str>) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.want_cancel(reason) {
            self.send_cancel(now, key);
        }
    }

    pub(super) fn send_cancel(&mut self, now: Time, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let Some(cancel) = client.take_cancel() else { return };
        let flow = client.flow;
        self.alarms.clear(&(Key::Client(key), Timer::C));
        self.alarms.set((Key::Client(key), Timer::Cancel), now + TRIES);
        // A CANCEL that finds no place leaves the INVITE to the timer just set.
        let _ = cancel.message().map_err(|_| Unsent::TooLong).and_then(|m| self.start(now, flow, m, true));
    }

    pub(super) fn start(
        &mut self,
        now: Time,
        flow: Flow,
        message: Message,
        own: bool,
    ) -> Result<ClientKey, Unsent> {
        if self.len() >= self.limit {
            return Err(Unsent::Full);
        }
        let key = ClientKey(self.next_key());
        let id = identity::of_answer(&message).ok_or(Unsent::TooLong)?;
        self.output.push_back(Output::Send { flow, bytes: message.as_bytes().clone() });
        let client = Client::new(flow, message, id.clone(), own);
        self.client_by_id.insert(id, key);
        self.by_flow.insert((flow, Key::Client(key)));
        self.set_timers(now, Key::Client(key), None, client.figure, flow);
        self.clients.insert(key, client);
        Ok(key)
    }

    pub(super) fn receive_response(&mut self, now: Time, message: Message) -> Received {
        let key = identity::of_answer(&message).and_then(|id| self.client_by_id.get(&id).copied());
        let (Some(key), Some(status)) = (key, message.status()) else { return Received::Stray };
        let own = self.clients.get(&key).is_some_and(|client| client.own);
        let event = Event::of_status(status);
        let pass = self.drive(now, Key::Client(key), event, Some(Given::Message(message.clone())));
        if event == Event::Provisional {
            self.after_provisional(now, key, status);
        }
        match pass && !own {
            true => Received::Response { key, message },
            false => Received::Absorbed,
        }
    }

    /// A provisional response lets a waiting CANCEL go and, unless it is 100, starts timer C again.
    pub(super) fn after_provisional(&mut self, now: Time, key: ClientKey, status: u16) {
        let alarm = (Key::Client(key), Timer::C);
        if status > 100 && self.alarms.clear(&alarm) {
            self.alarms.set(alarm, now + bounds::TIMER_C);
        }
        if self.clients.get(&key).is_some_and(Client::cancel_is_due) {
            self.send_cancel(now, key);
        }
    }
}
