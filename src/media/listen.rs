//! What a leg needs beyond a relay: its sound, decoded, for whoever consumes it here.
//!
//! Made when somebody first consumes it and dropped when nobody does any more; a plain relay never has one.
//! Invariant: every visit (20 ms) yields one frame, whatever came or did not come.

use crate::rtp::linear::{FRAME, Frame};

use super::ear::{Ear, Pulled};

/// See the module.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) ear: Ear,
    /// What was heard at the last visit.
    frame: Frame,
    pulled: Pulled,
}

impl Listening {
    pub(super) fn new() -> Listening {
        Listening { ear: Ear::new(), frame: [0; FRAME], pulled: Pulled::Silence }
    }

    /// The visit: hears the next 20 ms.
    pub(super) fn visit(&mut self) {
        self.pulled = self.ear.pull(&mut self.frame);
    }

    /// What was heard at the last visit; `None` while the far end says nothing.
    pub(super) fn heard(&self) -> Option<&Frame> {
        (self.pulled != Pulled::Silence).then_some(&self.frame)
    }
}
