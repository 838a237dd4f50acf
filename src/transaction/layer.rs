//! The transaction layer: matches messages to transactions, drives their figures, sends what they want sent.
//!
//! The user (the switch) gives it messages and time, and takes [`Received`], [`Output`]s and a deadline. It never looks into a body.
//! Invariant: every table holds only transactions that live; when the last one ends, no alarm is left.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;

use super::client::Client;
use super::figure::{Act, Event, Figure};
use super::server::Server;
use super::{TRIES, Timer, identity, wire};
use crate::base::{Alarms, Random, Time, bounds};
use crate::sip::{Builder, Flow, Message, Method, Name, Refusal};

/// A server transaction: a request that came to us. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerKey(pub(super) u64);

/// A client transaction: a request that we sent. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientKey(pub(super) u64);

/// Either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// A client transaction.
    Client(ClientKey),
    /// A server transaction.
    Server(ServerKey),
}

/// What a message that came in is to the user.
#[derive(Clone, Debug)]
pub enum Received {
    /// A new request. Answer it with [`Layer::respond`] or [`Layer::refuse`]. An INVITE left alone for 200 ms gets its 100 by itself.
    Request {
        /// Its transaction.
        key: ServerKey,
        /// The request.
        message: Message,
    },
    /// An ACK that is not for a failure (those stay here): it belongs to the 2xx of a dialog, or to nothing.
    Ack {
        /// The request.
        message: Message,
    },
    /// A CANCEL of an INVITE that is not answered yet. The CANCEL is answered already; the INVITE is to be answered with 487.
    Cancel {
        /// The INVITE's transaction.
        key: ServerKey,
        /// The CANCEL (it may carry a Reason).
        message: Message,
    },
    /// A response to a request of ours: any provisional, the final one, and for INVITE every further 2xx.
    Response {
        /// The transaction.
        key: ClientKey,
        /// The response.
        message: Message,
    },
    /// A response to nothing that we sent, or to something long over. To be dropped.
    Stray,
    /// A retransmission or another matter of the layer's own, already dealt with.
    Absorbed,
}

/// What the layer wants of the world, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Octets for the wire.
    Send {
        /// Where to.
        flow: Flow,
        /// One whole message.
        bytes: Bytes,
    },
    /// No answer to our request (408, RFC 3261 §17.1.4), or no ACK to our refusal; for a request to us: too late to answer.
    TimedOut(Key),
    /// The flow failed. A client transaction is over (503); a server INVITE lives on (RFC 6026 §8.8) and still wants its answer.
    Unreachable(Key),
    /// The transaction is over: forget the key. Comes once for every key, and last.
    Ended(Key),
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// [`bounds::TRANSACTIONS`] live already.
    #[error("too many transactions")]
    Full,
    /// The request cannot be read back: too long, or too many fields.
    #[error("request is too long")]
    TooLong,
}

/// All transactions of a node.
pub struct Layer {
    random: Random,
    clients: HashMap<ClientKey, Client>,
    servers: HashMap<ServerKey, Server>,
    client_by_id: HashMap<identity::Id, ClientKey>,
    server_by_id: HashMap<identity::Id, ServerKey>,
    /// Requests outside dialogs by what all copies of a forked request share (RFC 3261 §8.2.2.2).
    origins: HashMap<identity::Id, ServerKey>,
    by_flow: BTreeSet<(Flow, Key)>,
    alarms: Alarms<(Key, Timer)>,
    output: VecDeque<Output>,
    last_key: u64,
}

impl Layer {
    /// A layer without transactions; branches and tags come from a fork of `random`.
    pub fn new(random: &mut Random) -> Layer {
        Layer {
            random: random.fork(),
            clients: HashMap::new(),
            servers: HashMap::new(),
            client_by_id: HashMap::new(),
            server_by_id: HashMap::new(),
            origins: HashMap::new(),
            by_flow: BTreeSet::new(),
            alarms: Alarms::new(),
            output: VecDeque::new(),
            last_key: 0,
        }
    }

    /// Takes a message that came over `flow` and passed [`crate::sip::validate`].
    ///
    /// Answered here: a CANCEL (200, or 481 when it matches nothing from the same address), a copy of a request that is already
    /// being served (482), anything new above [`bounds::TRANSACTIONS`] (503).
    pub fn receive(&mut self, now: Time, flow: Flow, message: Message) -> Received {
        match message.method() {
            None => self.receive_response(now, message),
            Some(Method::Ack) => self.receive_ack(now, message),
            Some(Method::Cancel) => self.receive_cancel(flow, message),
            Some(_) => self.receive_request(now, flow, message),
        }
    }

    /// Takes the next output; call until `None` after every other call.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When [`Layer::fire`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// Rings every timer that is due.
    pub fn fire(&mut self, now: Time) {
        while let Some((key, timer)) = self.alarms.pop_due(now) {
            self.rearm(now, key, timer);
            self.drive(now, key, Event::Rings(timer), None);
        }
    }

    /// The flow is gone (a stream closed) or could not be written to. Everything that needs it is told.
    pub fn transport_failed(&mut self, now: Time, flow: &Flow) {
        let from = (*flow, Key::Client(ClientKey(0)));
        let hit: Vec<Key> =
            self.by_flow.range(from..).take_while(|(f, _)| f == flow).map(|(_, key)| *key).collect();
        for key in hit {
            self.drive(now, key, Event::TransportError, None);
        }
    }

    /// How many transactions live.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether nothing lives, not even an alarm.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.alarms.is_empty() && self.by_flow.is_empty() && self.origins.is_empty()
    }
}

/// The side that answers.
impl Layer {
    /// An answer to `key`'s request with Via, From, To, Call-ID and CSeq, ready for more headers and [`Layer::respond`].
    /// `None` when the request has its final answer or is over.
    pub fn reply(&self, key: ServerKey, status: u16) -> Option<Builder> {
        let request = self.servers.get(&key)?.request.as_ref()?;
        Some(Builder::reply_to(request, status))
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
        self.drive(now, Key::Server(key), Event::of_status(status), Some(Given::Response(status, bytes)));
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

    /// Answers octets that are no message we take, if they may be answered at all.
    pub fn reject(&mut self, flow: Flow, refusal: &Refusal) {
        let Some(request) = refusal.message.as_ref().filter(|_| !refusal.is_silent()) else { return };
        let response = Builder::reply_to(request, refusal.status).reason(refusal.why);
        self.send_stateless(flow, request, response);
    }

    fn send_stateless(&mut self, flow: Flow, request: &Message, response: Builder) {
        let bytes = response.to_tag(&self.random.token(12)).stamp(flow.remote).build();
        self.output.push_back(Output::Send { flow: wire::way_back(flow, request), bytes });
    }

    fn receive_request(&mut self, now: Time, flow: Flow, message: Message) -> Received {
        let id = identity::of_request(&message, message.method());
        if let Some(&key) = self.server_by_id.get(&id) {
            self.drive(now, Key::Server(key), Event::Request, None);
            return Received::Absorbed;
        }
        if self.len() >= bounds::TRANSACTIONS {
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

    fn receive_ack(&mut self, now: Time, message: Message) -> Received {
        let id = identity::of_request(&message, Some(&Method::Invite));
        let Some(&key) = self.server_by_id.get(&id) else { return Received::Ack { message } };
        match self.drive(now, Key::Server(key), Event::Ack, None) {
            true => Received::Ack { message },
            false => Received::Absorbed,
        }
    }

    /// RFC 3261 §9.2. A CANCEL cannot be challenged, so it must come from the address that the INVITE came from (§22.1).
    fn receive_cancel(&mut self, flow: Flow, message: Message) -> Received {
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

/// The side that asks.
impl Layer {
    /// Sends a request over `flow` in a transaction of its own. The layer puts its Via, with a fresh branch, on top.
    ///
    /// # Errors
    /// [`Unsent`]; then nothing was sent. An ACK does not belong here: [`Layer::send_ack`].
    pub fn request(&mut self, now: Time, flow: Flow, request: Builder) -> Result<ClientKey, Unsent> {
        let branch = wire::branch(&mut self.random);
        let message =
            request.prepend(Name::Via, wire::via(&flow, &branch)).message().map_err(|_| Unsent::TooLong)?;
        self.start(now, flow, message, false)
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

    fn send_cancel(&mut self, now: Time, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let Some(cancel) = client.take_cancel() else { return };
        let flow = client.flow;
        self.alarms.clear(&(Key::Client(key), Timer::C));
        self.alarms.set((Key::Client(key), Timer::Cancel), now + TRIES);
        // A CANCEL that finds no place leaves the INVITE to the timer just set.
        let _ = cancel.message().map_err(|_| Unsent::TooLong).and_then(|m| self.start(now, flow, m, true));
    }

    fn start(&mut self, now: Time, flow: Flow, message: Message, own: bool) -> Result<ClientKey, Unsent> {
        if self.len() >= bounds::TRANSACTIONS {
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

    fn receive_response(&mut self, now: Time, message: Message) -> Received {
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
    fn after_provisional(&mut self, now: Time, key: ClientKey, status: u16) {
        let alarm = (Key::Client(key), Timer::C);
        if status > 100 && self.alarms.clear(&alarm) {
            self.alarms.set(alarm, now + bounds::TIMER_C);
        }
        if self.clients.get(&key).is_some_and(Client::cancel_is_due) {
            self.send_cancel(now, key);
        }
    }
}

/// What an event brings with it.
enum Given {
    /// The user's response.
    Response(u16, Bytes),
    /// The peer's response.
    Message(Message),
}

/// The engine.
impl Layer {
    /// Steps `key`'s figure and does what it wants. Says whether the message is to be passed to the user.
    fn drive(&mut self, now: Time, key: Key, event: Event, given: Option<Given>) -> bool {
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

    fn act_as_client(&mut self, key: ClientKey, act: Act, given: Option<&Given>) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let bytes = match (act, given) {
            (Act::Resend, _) => client.request_bytes(),
            (Act::SendAck, Some(Given::Message(response))) => client.ack(response),
            _ => None,
        };
        let flow = client.flow;
        self.output.extend(bytes.map(|bytes| Output::Send { flow, bytes }));
    }

    fn act_as_server(&mut self, key: ServerKey, act: Act, given: Option<&Given>) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        match (act, given) {
            (Act::Send, Some(Given::Response(status, bytes))) => server.keep(*status, bytes.clone()),
            (Act::SendTrying, _) => server.keep_trying(),
            _ => {}
        }
        self.output.extend(server.last_sent());
    }

    /// Tells the user, unless the transaction is the layer's own.
    fn tell(&mut self, key: Key, output: Output) {
        let own = matches!(key, Key::Client(key) if self.clients.get(&key).is_some_and(|client| client.own));
        if !own {
            self.output.push_back(output);
        }
    }

    fn place_of(&self, key: Key) -> Option<(Figure, Flow)> {
        match key {
            Key::Client(key) => self.clients.get(&key).map(|client| (client.figure, client.flow)),
            Key::Server(key) => self.servers.get(&key).map(|server| (server.figure, server.flow)),
        }
    }

    fn set_place(&mut self, key: Key, figure: Figure) {
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
    fn set_timers(&mut self, now: Time, key: Key, before: Option<Figure>, after: Figure, flow: Flow) {
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
    fn rearm(&mut self, now: Time, key: Key, timer: Timer) {
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

    fn remove(&mut self, key: Key) {
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

    fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} clients, {} servers)", self.clients.len(), self.servers.len())
    }
}
