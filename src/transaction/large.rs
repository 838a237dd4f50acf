//! Requests that are too large for a datagram: over TCP first, over UDP when there is none (RFC 3261 §18.1.1).
//!
//! Invariant: one request has one transaction and one branch whichever way it goes; a peer without TCP costs one attempt in
//! [`bounds::NO_TCP`].

use std::collections::HashMap;
use std::net::SocketAddr;

use super::figure::Figure;
use super::layer::{ClientKey, Key, Layer, Output};
use super::wire;
use crate::base::{Time, bounds};
use crate::sip::{Builder, Flow, Message, Method, Name, Transport};

/// Who was found without TCP, and until when that is believed.
#[derive(Debug, Default)]
pub(super) struct NoTcp(HashMap<SocketAddr, Time>);

impl NoTcp {
    fn holds(&self, now: Time, remote: SocketAddr) -> bool {
        self.0.get(&remote).is_some_and(|until| *until > now)
    }

    fn note(&mut self, now: Time, remote: SocketAddr) {
        if self.0.len() >= bounds::NO_TCP_PEERS {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < bounds::NO_TCP_PEERS {
            self.0.insert(remote, now + bounds::NO_TCP);
        }
    }
}

/// The request as it would go over UDP: what is left to do when TCP fails.
#[derive(Debug)]
pub(super) struct Datagram {
    pub flow: Flow,
    pub message: Message,
}

/// A request and the way it takes.
pub(super) struct Chosen {
    pub flow: Flow,
    pub message: Message,
    pub fallback: Option<Datagram>,
}

impl Layer {
    /// Puts our Via on a request and chooses its transport: TCP in place of UDP where a datagram would have to be fragmented.
    /// `None`: it cannot be read back.
    pub(super) fn choose(&mut self, now: Time, flow: Flow, request: Builder) -> Option<Chosen> {
        let branch = wire::branch(&mut self.random);
        let over = |flow: &Flow| request.clone().prepend(Name::Via, wire::via(flow, &branch)).message().ok();
        let message = over(&flow)?;
        let small = message.as_bytes().len() <= bounds::UDP_REQUEST_BYTES;
        if flow.transport != Transport::Udp || small || self.no_tcp.holds(now, flow.remote) {
            return Some(Chosen { flow, message, fallback: None });
        }
        let stream = Flow { transport: Transport::Tcp, connection: 0, ..flow };
        let fallback = Some(Datagram { flow, message });
        Some(Chosen { flow: stream, message: over(&stream)?, fallback })
    }

    /// The stream of `key` failed: sends over UDP what was too large for it, if nobody has answered yet. `false`: there is
    /// nothing to fall back to.
    pub(super) fn fall_back(&mut self, now: Time, key: ClientKey) -> bool {
        let Some(client) = self.clients.get_mut(&key) else { return false };
        let Some(Datagram { flow, message }) = client.fallback.take() else { return false };
        if client.figure != Figure::client(message.is(&Method::Invite)) {
            return false;
        }
        let (failed, figure, bytes) = (client.flow, client.figure, message.as_bytes().clone());
        client.go_over(flow, message);
        self.no_tcp.note(now, flow.remote);
        self.by_flow.remove(&(failed, Key::Client(key)));
        self.by_flow.insert((flow, Key::Client(key)));
        for timer in figure.timers() {
            self.alarms.clear(&(Key::Client(key), *timer));
        }
        self.set_timers(now, Key::Client(key), None, figure, flow);
        self.output.push_back(Output::Send { flow, bytes });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_tcp_is_remembered_for_a_while_and_by_a_bounded_table() {
        let at = |port: usize| SocketAddr::from(([192, 0, 2, 1], u16::try_from(port).expect("a port")));
        let (mut known, then) = (NoTcp::default(), Time::from_millis(1_000));
        for port in 1..=bounds::NO_TCP_PEERS + 1 {
            known.note(then, at(port));
        }
        assert!(known.holds(then, at(1)) && !known.holds(then, at(bounds::NO_TCP_PEERS + 1)));
        let later = then + bounds::NO_TCP;
        assert!(!known.holds(later, at(1)));
        known.note(later, at(1));
        assert_eq!(known.0.len(), 1, "the expired make room");
    }
}
