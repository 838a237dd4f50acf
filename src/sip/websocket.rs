//! SIP over WebSocket (RFC 6455, RFC 7118), the server's side as octets in and octets out: the opening handshake, then frames.
//!
//! Invariants: however the stream is cut into pushes, the same events come out; a peer makes us hold one handshake of
//! [`bounds::HANDSHAKE_BYTES`] or one message of [`bounds::MESSAGE_BYTES`]; after an error nothing more is yielded.

mod frame;
mod handshake;

use bytes::{Bytes, BytesMut};

pub use frame::Close;

use frame::{Frame, Opcode};

/// What a WebSocket connection yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is over: this is to be written first.
    Open(Bytes),
    /// One SIP message (RFC 7118 §5.2: one a WebSocket message), for [`super::Message::parse`].
    Message(Bytes),
    /// To be written: the answer to a ping.
    Pong(Bytes),
    /// The peer answered a ping of ours.
    Pinged,
    /// The end: this is to be written, then the connection closed.
    Closed(Bytes),
}

/// The server's side of one connection.
#[derive(Debug)]
pub struct Socket {
    buffer: BytesMut,
    state: State,
    /// The fragments of a message so far (RFC 6455 §5.4).
    fragments: Option<BytesMut>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Over,
}

impl Default for Socket {
    fn default() -> Socket {
        Socket::new()
    }
}

impl Socket {
    /// A connection whose handshake has not begun.
    pub fn new() -> Socket {
        Socket { buffer: BytesMut::new(), state: State::Opening, fragments: None }
    }

    /// Takes octets as they arrive.
    pub fn push(&mut self, octets: &[u8]) {
        if self.state != State::Over {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next event, if there is one. To be called until it yields none.
    pub fn pop(&mut self) -> Option<Event> {
        loop {
            let event = match self.state {
                State::Over => return None,
                State::Opening => self.open()?,
                State::Open => match Frame::take(&mut self.buffer) {
                    Ok(None) => return None,
                    Ok(Some(frame)) => match self.on_frame(frame) {
                        None => continue,
                        Some(event) => event,
                    },
                    Err(close) => Event::Closed(close.frame()),
                },
            };
            if matches!(event, Event::Closed(_)) {
                self.state = State::Over;
                (self.buffer, self.fragments) = (BytesMut::new(), None);
            }
            return Some(event);
        }
    }

    /// Whether part of a handshake or message is here and the rest is awaited: then the header deadline runs.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty() || self.fragments.is_some()
    }

    fn open(&mut self) -> Option<Event> {
        Some(match handshake::take(&mut self.buffer)? {
            Ok(answer) => {
                self.state = State::Open;
                Event::Open(answer)
            }
            Err(refusal) => Event::Closed(refusal),
        })
    }

    fn on_frame(&mut self, frame: Frame) -> Option<Event> {
        let close = |why: Close| Some(Event::Closed(why.frame()));
        match (frame.opcode, self.fragments.take()) {
            (Opcode::Ping, fragments) => {
                self.fragments = fragments;
                Some(Event::Pong(frame::write(Opcode::Pong, &frame.payload)))
            }
            (Opcode::Pong, fragments) => {
                self.fragments = fragments;
                Some(Event::Pinged)
            }
            (Opcode::Close, _) => close(Close::Normal),
            (Opcode::Text | Opcode::Binary, None) if frame.is_last => {
                Some(Event::Message(frame.payload.freeze()))
            }
            (Opcode::Text | Opcode::Binary, None) => {
                self.fragments = Some(frame.payload);
                None
            }
            (Opcode::Continuation, Some(fragments))
                if fragments.len() + frame.payload.len() > frame::LIMIT =>
            {
                close(Close::TooBig)
            }
            (Opcode::Continuation, Some(mut whole)) => {
                whole.unsplit(frame.payload);
                match frame.is_last {
                    true => Some(Event::Message(whole.freeze())),
                    false => {
                        self.fragments = Some(whole);
                        None
                    }
                }
            }
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => close(Close::Protocol),
        }
    }
}

/// A SIP message as a frame: text when it is UTF-8, as every peer takes it, else binary (RFC 7118 §5.2).
pub fn message(octets: &[u8]) -> Bytes {
    let opcode = if std::str::from_utf8(octets).is_ok() { Opcode::Text } else { Opcode::Binary };
    frame::write(opcode, octets)
}

/// A ping of ours (RFC 7118 §6).
pub fn ping() -> Bytes {
    frame::write(Opcode::Ping, b"")
}

#[cfg(test)]
mod tests;
