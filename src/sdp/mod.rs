//! Session descriptions as text: RFC 8866 read tolerantly and written back in order. Nothing is decided here.
//!
//! Invariant: [`Session::parse`] is bounded ([`bounds::MEDIA_LINES`], [`bounds::FORMATS`], [`bounds::SDP_LINES`]) and never
//! panics; lines that mean nothing to us keep their place and their text.
//!
//! [`bounds::MEDIA_LINES`]: crate::base::bounds::MEDIA_LINES
//! [`bounds::FORMATS`]: crate::base::bounds::FORMATS
//! [`bounds::SDP_LINES`]: crate::base::bounds::SDP_LINES

mod attribute;
mod media;
mod parse;
mod session;
mod write;

pub use attribute::{Attribute, Direction, RtpMap};
pub use media::{Kind, Media};
pub use session::{Address, Connection, Origin, Session};

/// The text is no session description. The words are ours and never quote the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSdp(pub &'static str);

impl NotSdp {
    /// Whether the text is above a bound, rather than wrong.
    pub fn is_too_much(self) -> bool {
        self.0.starts_with("too many")
    }
}
