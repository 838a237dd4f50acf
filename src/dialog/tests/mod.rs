//! Dialogs and invitations, seen from outside.

mod invitation;
mod life;

use bytes::Bytes;

use crate::base::{Random, Time};
use crate::sip::{Flow, Message, Name, Transport};
use crate::transaction::{Layer, Output};

/// A message of lines; the empty line is added, and headers that every request has unless they are given.
pub(super) fn message(text: &str) -> Message {
    let mut lines: Vec<String> = text.trim().lines().map(|line| line.trim().to_string()).collect();
    let method = lines[0].split(' ').next().unwrap_or("").to_string();
    for (name, line) in [
        ("Via:", "Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bKa".to_string()),
        ("From:", "From: \"Bob\" <sip:bob@ledgerline>;tag=b".to_string()),
        ("To:", "To: <sip:us@ledgerline>".to_string()),
        ("Call-ID:", "Call-ID: c1".to_string()),
        ("CSeq:", format!("CSeq: 10 {method}")),
        ("Contact:", "Contact: <sip:bob@192.0.2.9:5062>".to_string()),
    ] {
        if !lines.iter().any(|l| l.starts_with(name)) {
            lines.push(line);
        }
    }
    Message::parse(Bytes::from(lines.join("\r\n") + "\r\n\r\n")).expect("a message")
}

pub(super) fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: "192.0.2.9:40000".parse().expect("an address"),
        connection: 0,
    }
}

pub(super) fn header(message: &Message, name: Name<'static>) -> String {
    message.header_str(name).unwrap_or("").to_string()
}

pub(super) fn layer() -> Layer {
    Layer::new(&mut Random::from_number(3))
}

pub(super) const NOW: Time = Time::from_millis(1_000);

pub(super) fn sent(layer: &mut Layer) -> Vec<Message> {
    let mut sent = Vec::new();
    while let Some(output) = layer.poll() {
        if let Output::Send { bytes, .. } = output {
            sent.push(Message::parse(bytes).expect("we write messages"));
        }
    }
    sent
}
