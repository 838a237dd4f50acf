//! The layer, seen from outside: what goes over the wire and when.

mod answering;
mod asking;
mod random_walk;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::{Key, Layer, Output, Received, ServerKey};
use crate::base::{Random, Time};
use crate::sip::{Flow, Message, Name, Transport};

/// A layer under a virtual clock, with one peer at 192.0.2.9:5060.
pub(super) struct Bench {
    pub layer: Layer,
    pub now: Time,
    pub flow: Flow,
    /// What was reported of transactions, in order.
    pub told: Vec<Output>,
}

impl Bench {
    pub fn over(transport: Transport) -> Bench {
        let address = |a: &str| a.parse::<SocketAddr>().expect("an address");
        let connection = u64::from(transport.is_reliable());
        let flow = Flow {
            transport,
            local: address("192.0.2.1:5060"),
            remote: address("192.0.2.9:5060"),
            connection,
        };
        let layer = Layer::new(&mut Random::from_number(1));
        Bench { layer, now: Time::from_millis(1_000_000), flow, told: Vec::new() }
    }

    pub fn receive(&mut self, text: &str) -> Received {
        let message = message(text);
        self.layer.receive(self.now, self.flow, message)
    }

    /// Receives a request that must be new.
    pub fn request(&mut self, text: &str) -> ServerKey {
        match self.receive(text) {
            Received::Request { key, .. } => key,
            other => panic!("not a new request: {other:?}"),
        }
    }

    pub fn respond(&mut self, key: ServerKey, status: u16) {
        let response = self.layer.reply(key, status).expect("not answered yet");
        self.layer.respond(self.now, key, response);
    }

    /// What was sent since the last call, as messages; other outputs are kept in `told`.
    pub fn sent(&mut self) -> Vec<Message> {
        self.sent_to().into_iter().map(|(_, message)| message).collect()
    }

    pub fn sent_to(&mut self) -> Vec<(Flow, Message)> {
        let mut sent = Vec::new();
        while let Some(output) = self.layer.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    sent.push((flow, Message::parse(bytes).expect("we write messages")))
                }
                other => self.told.push(other),
            }
        }
        sent
    }

    /// First lines of what was sent, e.g. `200` or `ACK`.
    pub fn kinds(&mut self) -> Vec<String> {
        self.sent().iter().map(kind).collect()
    }

    /// Moves the clock to every deadline within `span`; returns what was sent, each with the milliseconds since the start.
    pub fn run(&mut self, span: Duration) -> Vec<(u128, String)> {
        let (start, end) = (self.now, self.now + span);
        let mut log: Vec<(u128, String)> = self.kinds().into_iter().map(|kind| (0, kind)).collect();
        while let Some(due) = self.layer.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.layer.fire(self.now);
            let at = (self.now - start).as_millis();
            log.extend(self.kinds().into_iter().map(|kind| (at, kind)));
        }
        self.now = end;
        log
    }

    /// Whether `key` was reported over, and nothing else of it in between.
    pub fn told_of(&self, key: Key) -> Vec<&'static str> {
        self.told
            .iter()
            .filter_map(|output| match output {
                Output::TimedOut(k) if *k == key => Some("timed out"),
                Output::Unreachable(k) if *k == key => Some("unreachable"),
                Output::Ended(k) if *k == key => Some("ended"),
                _ => None,
            })
            .collect()
    }
}

pub(super) fn kind(message: &Message) -> String {
    match (message.status(), message.method()) {
        (Some(status), _) => status.to_string(),
        (None, method) => method.map_or(String::new(), ToString::to_string),
    }
}

/// A message of lines; the empty line is added, and headers that every request has unless they are given.
pub(super) fn message(text: &str) -> Message {
    let mut lines: Vec<String> = text.trim().lines().map(|line| line.trim().to_string()).collect();
    let method = lines[0].split(' ').next().unwrap_or("").to_string();
    for (name, line) in [
        ("Via:", "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa".to_string()),
        ("From:", "From: <sip:alice@ledgerline>;tag=a".to_string()),
        ("To:", "To: <sip:bob@ledgerline>".to_string()),
        ("Call-ID:", "Call-ID: c1".to_string()),
        ("CSeq:", format!("CSeq: 1 {method}")),
    ] {
        if !lines.iter().any(|l| l.starts_with(name)) {
            lines.push(line);
        }
    }
    Message::parse(Bytes::from(lines.join("\r\n") + "\r\n\r\n")).expect("a message")
}

pub(super) fn header(message: &Message, name: Name<'static>) -> String {
    message.header_str(name).unwrap_or("").to_string()
}
