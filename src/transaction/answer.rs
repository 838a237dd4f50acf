//! The layer's side that answers: requests that come in, ACK, CANCEL, and the user's responses.

use super::figure::Event;
use super::layer::{Key, Layer, Output, Received, ServerKey};
use super::server::Server;
use super::{Timer, identity, wire};
use crate::base::Time;
use crate::sip::{Builder, Flow, Message, Method, Name, Refusal};

impl Layer {
    /// An answer to `key`'s request with Via, From, To, Call-ID and CSeq, ready for more headers and [`Layer::respond`].
    /// `None` when the request has its final answer or is over.
    pub fn reply(&self, key: ServerKey, status: u16) -> Option<Builder> {
        let request = self.servers.get(&key)?.request.as_ref()?;
        Some(Builder::reply_to(request, status))
    }

    /// `key`'s request, until it has its final answer.
    pub fn asked(&self, key: ServerKey) -> Option<&Message> {
        self.servers.get(&key)?.request.as_ref()
    }

    /// The To tag that every response of this transaction gets when it has none of its own. A dialog made by the request is to use it,
    /// so that a 200 to its CANCEL shows the same (RFC 3261 §9.2).
    pub fn local_tag(&self, key: ServerKey) -> Option<&str> {
        self.servers.get(&key).map(|server| &*server.tag)
    }

    /// Answers. `received` and `rport` are filled into the topmost Via, a missing To tag is added, the response is sent back the way
    /// the request came (RFC 3261 §18.2.2, RFC 3581) and repeated as the figure wants it; 2xx to INVITE are repeated by the user
    /// ([`Layer::repeat`]). Nothing happens when the transaction is over or has its final answer.
    ///
    /// To a request other than INVITE, 408 is not sent and ends the transaction, and of 1xx only 100 is sent (RFC 4320 §4).
    pub fn respond(&mut self, now: Time, key: ServerKey, response: Builder) {
        let Some(server) = self.servers.get(&key) else { return };
        let status = response.status().unwrap_or(500);
        if !server.is_invite() && status == 408 {
            return self.remove(Key::Server(key));
        }
        if !server.is_invite() && (101..200).contains(&status) {
            return;
        }
        let bytes = server.finish(response).build();
        self.alarms.clear(&(Key::Server(key), Timer::Trying));
        self.drive(
            now,
            Key::Server(key),
            Event::of_status(status),
            Some(super::engine::Given::Response(bytes)),
        );
    }

    /// Answers and forgets at once, as RFC 3261 §8.2.7 allows: for challenges and refusals of peers who have not proven who they are,
    /// so that they cost no memory. A retransmission then comes as a new request; the ACK of an INVITE comes as [`Received::Ack`].
    pub fn refuse(&mut self, key: ServerKey, response: Builder) {
        if let Some(server) = self.servers.get(&key) {
            let (flow, bytes) = (server.flow, server.finish(response).build());
            self.output.push_back(Output::Send { flow, bytes });
            self.remove(Key::Server(key));
        }
    }

    /// Sends 100 Trying now, if the INVITE has no response yet, without waiting for the 200 ms.
    pub fn trying(&mut self, now: Time, key: ServerKey) {
        if self.alarms.clear(&(Key::Server(key), Timer::Trying)) {
            self.drive(now, Key::Server(key), Event::Rings(Timer::Trying), None);
        }
    }

    /// Sends the last response again: the user's retransmission of a 2xx to INVITE until its ACK comes (RFC 3261 §13.3.1.4).
    pub fn repeat(&mut self, key: ServerKey) {
        if let Some(server) = self.servers.get(&key) {
            self.output.extend(server.last_sent());
        }
    }

    /// As [`Layer::refuse`], if `may` allows an answer that is so many octets longer than its request (negative: shorter); else the
    /// request is forgotten without a word.
    pub fn refuse_if(&mut self, key: ServerKey, response: Builder, may: impl FnOnce(i64) -> bool) {
        if let Some(server) = self.servers.get(&key) {
            let (flow, bytes) = (server.flow, server.finish(response).build());
            let asked = server.request.as_ref().map_or(0, |request| request.as_bytes().len());
            if may(excess(bytes.len(), asked)) {
                self.output.push_back(Output::Send { flow, bytes });
            }
            self.remove(Key::Server(key));
        }
    }

    /// How `key`'s request came: the peer's address as the socket saw it, whatever its Via says.
    pub fn came_over(&self, key: ServerKey) -> Option<Flow> {
        self.servers.get(&key).map(|server| Flow { remote: server.source, ..server.flow })
    }

    /// Answers octets that are no message we take, if they may be answered at all.
    pub fn reject(&mut self, flow: Flow, refusal: &Refusal) {
        self.reject_if(flow, refusal, |_| true);
    }

    /// As [`Layer::reject`], if `may` allows an answer that is so many octets longer than what came.
    pub fn reject_if(&mut self, flow: Flow, refusal: &Refusal, may: impl FnOnce(i64) -> bool) {
        let Some(request) = refusal.message.as_ref().filter(|_| !refusal.is_silent()) else { return };
        let response = Builder::reply_to(request, refusal.status).reason(refusal.why);
        let bytes = response.to_tag(&self.random.token(12)).stamp(flow.remote).build();
        if may(excess(bytes.len(), request.as_bytes().len())) {
            self.output.push_back(Output::Send { flow: wire::way_back(flow, request), bytes });
        }
    }

    /// Answers a request 503 without taking it: the peer is to come back after `retry_after` (RFC 3261 §20.33).
    pub fn busy(&mut self, flow: Flow, request: &Message, retry_after: &str) {
        if request.method().is_some_and(|method| *method != Method::Ack) {
            let busy = Builder::reply_to(request, 503).header(Name::RetryAfter, retry_after);
            self.send_stateless(flow, request, busy);
        }
    }

    pub(super) fn send_stateless(&mut self, flow: Flow, request: &Message, response: Builder) {
        let bytes = response.to_tag(&self.random.token(12)).stamp(flow.remote).build();
        self.output.push_back(Output::Send { flow: wire::way_back(flow, request), bytes });
    }

    pub(super) fn receive_request(&mut self, now: Time, flow: Flow, message: Message) -> Received {
        let id = identity::of_request(&message, message.method());
        if let Some(&key) = self.server_by_id.get(&id) {
            self.drive(now, Key::Server(key), Event::Request, None);
            return Received::Absorbed;
        }
        if self.len() >= self.limit {
            let busy = Builder::reply_to(&message, 503).header(Name::RetryAfter, "5");
            self.send_stateless(flow, &message, busy);
            return Received::Absorbed;
        }
        let origin = identity::of_origin(&message);
        if origin.as_ref().is_some_and(|origin| self.origins.contains_key(origin)) {
            self.send_stateless(flow, &message, Builder::reply_to(&message, 482).reason("Merged Request"));
            return Received::Absorbed;
        }
        let key = ServerKey(self.next_key());
        self.server_by_id.insert(id.clone(), key);
        if let Some(origin) = origin.clone() {
            self.origins.insert(origin, key);
        }
        let server = Server::new(flow, message.clone(), id, origin, self.random.token(12).into());
        self.by_flow.insert((server.flow, Key::Server(key)));
        self.set_timers(now, Key::Server(key), None, server.figure, server.flow);
        self.servers.insert(key, server);
        Received::Request { key, message }
    }

    pub(super) fn receive_ack(&mut self, now: Time, message: Message) -> Received {
        let id = identity::of_request(&message, Some(&Method::Invite));
        let Some(&key) = self.server_by_id.get(&id) else { return Received::Ack { message } };
        match self.drive(now, Key::Server(key), Event::Ack, None) {
            true => Received::Ack { message },
            false => Received::Absorbed,
        }
    }

    /// RFC 3261 §9.2. A CANCEL cannot be challenged, so it must come from the address that the INVITE came from (§22.1).
    pub(super) fn receive_cancel(&mut self, flow: Flow, message: Message) -> Received {
        let id = identity::of_request(&message, Some(&Method::Invite));
        let key = self.server_by_id.get(&id).copied();
        let server =
            key.and_then(|key| self.servers.get_mut(&key)).filter(|s| s.may_be_cancelled_by(&flow, &message));
        let Some(server) = server else {
            self.send_stateless(flow, &message, Builder::reply_to(&message, 481));
            return Received::Absorbed;
        };
        let first = !std::mem::replace(&mut server.cancelled, true) && server.request.is_some();
        let answer = Builder::reply_to(&message, 200).to_tag(&server.tag);
        self.send_stateless(flow, &message, answer);
        match key.filter(|_| first) {
            Some(key) => Received::Cancel { key, message },
            None => Received::Absorbed,
        }
    }
}

fn excess(answer: usize, request: usize) -> i64 {
    i64::try_from(answer).unwrap_or(i64::MAX).saturating_sub(i64::try_from(request).unwrap_or(i64::MAX))
}
