//! A peer's fault, as a value: what was wrong, and what (if anything) is to be answered.

use std::fmt;

use bytes::Bytes;

use super::{Builder, Message, Method, Name};

/// A part of a message is not what the grammar wants. The text is ours and never quotes the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// A message that cannot be taken. [`Refusal::answer`] says what to send back; where it says nothing, the message is dropped.
#[derive(Clone)]
pub struct Refusal {
    /// The status an answer carries: 400, 505, 513, ….
    pub status: u16,
    /// What was wrong, in our own words; also the answer's reason phrase.
    pub why: &'static str,
    /// The header at fault, where it is one.
    pub header: Option<Name<'static>>,
    /// As much of the message as could be read; an answer is built from it.
    pub message: Option<Message>,
}

impl Refusal {
    /// A refusal of octets in which no message could be made out: it is never answered.
    pub fn silent(why: &'static str) -> Refusal {
        Refusal { status: 400, why, header: None, message: None }
    }

    /// Whether the message is to be dropped without an answer: a response, an ACK (RFC 3261 §17.1.1.3 allows no answer to it),
    /// or octets without a Via that would say where an answer goes.
    pub fn is_silent(&self) -> bool {
        self.answerable().is_none()
    }

    /// The answer to send, or nothing when the message is to be dropped. To be given a tag, and `received` by [`Builder::stamp`].
    ///
    /// Via, From, To, Call-ID and CSeq are copied as far as they are there.
    pub fn reply(&self) -> Option<Builder> {
        self.answerable().map(|request| Builder::reply_to(request, self.status).reason(self.why))
    }

    /// [`Refusal::reply`] with `to_tag` added to a To without one, as octets: for streams, whose answers need no stamp to come back.
    pub fn answer(&self, to_tag: &str) -> Option<Bytes> {
        Some(self.reply()?.to_tag(to_tag).build())
    }

    fn answerable(&self) -> Option<&Message> {
        self.message.as_ref().filter(|m| {
            m.method().is_some_and(|method| *method != Method::Ack) && m.header(Name::Via).is_some()
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.why)?;
        match self.header {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}
