//! The wire layer: octets to [`Message`] and back, without copying and without deciding anything.
//!
//! [`Message::parse`] reads a datagram, [`framing::Framer`] cuts a stream into datagrams, [`validate`] asks what RFC 3261 §8.1.1
//! asks of every message, [`Builder`] writes. Typed views ([`Uri`], [`Via`], [`NameAddr`], [`digest`]) borrow from the message.
//! A peer's fault is a [`Refusal`]: a status to answer with, or silence.
//!
//! Invariant: whatever octets come in, nothing panics, the work is linear in their number, and unknown methods, header names,
//! schemes and text that is not UTF-8 survive unchanged.

mod address;
mod build;
pub mod digest;
mod escape;
mod flow;
pub mod framing;
mod host;
mod message;
mod method;
mod name;
mod param;
mod parse;
mod refusal;
mod scan;
mod status;
pub mod stun;
mod uri;
mod uri_buf;
mod validate;
mod via;
pub mod websocket;

pub use address::{NameAddr, NameAddrBuf};
pub use build::Builder;
pub use escape::{escape_user, unescape};
pub use flow::{Flow, Transport};
pub use host::Host;
pub use message::{CSeq, Field, Message};
pub use method::Method;
pub use name::Name;
pub use param::{Param, Params};
pub use refusal::{Malformed, Refusal};
pub use scan::{quote, unquote};
pub use status::reason_of;
pub use uri::{Scheme, Uri};
pub use uri_buf::UriBuf;
pub use validate::{accepts, unsupported_options, validate};
pub use via::Via;
