//! The transaction layer: matches messages to transactions, drives their figures, sends what they want sent.
//!
//! The user (the switch) gives it messages and time, and takes [`Received`], [`Output`]s and a deadline. It never looks into a body.
//! Invariant: every table holds only transactions that live; when the last one ends, no alarm is left.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;

use super::client::Client;
use super::figure::Event;
use super::large::NoTcp;
use super::server::Server;
use super::{Timer, identity};
use crate::base::{Alarms, OwnMap, Random, Time, bounds};
use crate::sip::{Flow, Message, Method};

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
#[derive(Clone)]
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
    pub(super) random: Random,
    pub(super) clients: OwnMap<ClientKey, Client>,
    pub(super) servers: OwnMap<ServerKey, Server>,
    pub(super) client_by_id: HashMap<identity::Id, ClientKey>,
    pub(super) server_by_id: HashMap<identity::Id, ServerKey>,
    /// Requests outside dialogs by what all copies of a forked request share (RFC 3261 §8.2.2.2).
    pub(super) origins: HashMap<identity::Id, ServerKey>,
    pub(super) by_flow: BTreeSet<(Flow, Key)>,
    pub(super) no_tcp: NoTcp,
    pub(super) alarms: Alarms<(Key, Timer)>,
    pub(super) output: VecDeque<Output>,
    pub(super) last_key: u64,
    /// [`bounds::TRANSACTIONS`], less in tests.
    pub(super) limit: usize,
}

impl Layer {
    /// A layer without transactions; branches and tags come from a fork of `random`.
    pub fn new(random: &mut Random) -> Layer {
        Layer {
            random: random.fork(),
            clients: OwnMap::default(),
            servers: OwnMap::default(),
            client_by_id: HashMap::new(),
            server_by_id: HashMap::new(),
            origins: HashMap::new(),
            by_flow: BTreeSet::new(),
            no_tcp: NoTcp::default(),
            alarms: Alarms::new(),
            output: VecDeque::new(),
            last_key: 0,
            limit: bounds::TRANSACTIONS,
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
            if matches!(key, Key::Client(key) if self.fall_back(now, key)) {
                continue;
            }
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

impl std::fmt::Debug for Output {
    /// Not the octets: they are full of personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Output::Send { flow, bytes } => write!(f, "Send({} octets to {})", bytes.len(), flow.remote),
            Output::TimedOut(key) => write!(f, "TimedOut({key:?})"),
            Output::Unreachable(key) => write!(f, "Unreachable({key:?})"),
            Output::Ended(key) => write!(f, "Ended({key:?})"),
        }
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} clients, {} servers)", self.clients.len(), self.servers.len())
    }
}
