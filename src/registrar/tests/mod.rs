//! The registrar, seen from outside.

mod bindings;
mod digest;

use bytes::Bytes;

use crate::sip::Message;

/// A message of lines; the empty line is added, and headers that every request has unless they are given.
pub(super) fn message(text: &str) -> Message {
    let mut lines: Vec<String> = text.trim().lines().map(|line| line.trim().to_string()).collect();
    let method = lines[0].split(' ').next().unwrap_or("").to_string();
    for (name, line) in [
        ("Via:", "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa".to_string()),
        ("From:", "From: <sip:alice@ledgerline>;tag=a".to_string()),
        ("To:", "To: <sip:alice@ledgerline>".to_string()),
        ("Call-ID:", "Call-ID: c1".to_string()),
        ("CSeq:", format!("CSeq: 1 {method}")),
    ] {
        if !lines.iter().any(|l| l.starts_with(name)) {
            lines.push(line);
        }
    }
    Message::parse(Bytes::from(lines.join("\r\n") + "\r\n\r\n")).expect("a message")
}
