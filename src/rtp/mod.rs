//! What travels in media packets: RTP and RTCP headers, telephone events, codecs by name, sound in and out of
//! them, comfort noise, receive statistics, reports and scores.
//!
//! Octets in, values out; nothing here knows of a call, a socket or a clock.
//! Invariant: no length, index or count that a packet states is used before it is checked against the packet's end.

pub mod codec;
pub mod comfort;
mod conceal;
pub mod g711;
pub mod linear;
pub mod packet;
pub mod quality;
pub mod reception;
pub mod report;
pub mod resample;
pub mod rtcp;
pub mod srtp;
pub mod telephone_event;

pub use codec::{Codec, Format, Name};
pub use packet::{Kind, Malformed, Packet, demux};
pub use reception::{Reception, Standing};
