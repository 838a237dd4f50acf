//! Messages in a stream (RFC 3261 §18.3) and the keep-alives between them (RFC 5626 §3.5.1).
//!
//! Invariant: however the stream is cut into pushes, the same frames come out; work is linear in the octets pushed.

use bytes::{Bytes, BytesMut};

use super::name::Name;
use super::parse::{Fault, scan_head};
use super::refusal::Refusal;
use crate::base::bounds;

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`super::Message::parse`].
    Message(Bytes),
    /// A double CRLF: the peer wants a single CRLF back.
    Ping,
    /// A single CRLF: the answer to a ping of ours. (A ping is reported as a `Pong`, then a `Ping`: its first half may come alone.)
    Pong,
}

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// So far no end of a header section has been found before here.
    searched: usize,
    /// The whole length of the message at the front, once its header section is read.
    whole: Option<usize>,
    /// Whether a single CRLF has just been taken.
    half_ping: bool,
    broken: bool,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes octets as they arrive. The buffer never holds more than one message and what was pushed with its end.
    pub fn push(&mut self, octets: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next frame, if one is whole. To be called until it yields none.
    ///
    /// # Errors
    /// A [`Refusal`] (answer it as it says, then close): no or several or unreadable Content-Length, a message above
    /// [`bounds::MESSAGE_BYTES`], lone CR or LF, or text that is no SIP. Afterwards nothing more is yielded.
    pub fn pop(&mut self) -> Result<Option<Frame>, Refusal> {
        if self.broken {
            return Ok(None);
        }
        let popped = self.try_pop();
        if popped.is_err() {
            self.broken = true;
            self.buffer = BytesMut::new();
        }
        popped
    }

    /// Whether part of a message is here and the rest is awaited: then [`bounds::STREAM_HEADER_DEADLINE`] runs.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn try_pop(&mut self) -> Result<Option<Frame>, Refusal> {
        if self.whole.is_none() {
            if let Some(frame) = self.keep_alive() {
                return Ok(Some(frame));
            }
            self.whole = self.measure()?;
        }
        let Some(whole) = self.whole.filter(|whole| self.buffer.len() >= *whole) else { return Ok(None) };
        self.whole = None;
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(whole).freeze())))
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        if !self.buffer.starts_with(b"\r\n") {
            return None;
        }
        let _ = self.buffer.split_to(2);
        self.searched = 0;
        self.half_ping = !self.half_ping;
        Some(if self.half_ping { Frame::Pong } else { Frame::Ping })
    }

    /// The length of the message at the front, once its header section is whole.
    fn measure(&mut self) -> Result<Option<usize>, Refusal> {
        const END: &[u8] = b"\r\n\r\n";
        let unread = self.buffer.get(self.searched..).unwrap_or(&[]);
        let Some(found) = memchr::memmem::find(unread, END) else {
            self.searched = self.buffer.len().saturating_sub(END.len() - 1);
            return match self.buffer.len() > bounds::MESSAGE_BYTES {
                true => Err(Refusal { status: 513, ..Refusal::silent("header section is too large") }),
                false => Ok(None),
            };
        };
        self.half_ping = false;
        let head = self.searched + found + END.len();
        let octets = self.buffer.get(..head).unwrap_or(&[]);
        let mut scan = scan_head(octets)?;
        let fault = |status, why| Fault { status, why, header: Some(Name::ContentLength) };
        let fault = match scan.length.and_then(|length| usize::try_from(length).ok()) {
            _ if scan.ambiguous => fault(400, "header section has no single reading"),
            Some(length) if length <= bounds::MESSAGE_BYTES.saturating_sub(head) => {
                return Ok(Some(head + length));
            }
            Some(_) => fault(513, "message is too large"),
            None => fault(400, "a stream needs one Content-Length"),
        };
        scan.blame(fault);
        Err(match scan.finish(Bytes::copy_from_slice(octets)) {
            Err(refusal) => refusal,
            Ok(_) => Refusal::silent(fault.why),
        })
    }
}
