//! What the room reports for the log: one line a text message and a synchronised phone, never what was written.

use crate::base::Masked;
use crate::compliance::words::Hit;

/// Something that was done for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A text message was carried, or was not.
    Text {
        /// Its sender.
        from: Masked,
        /// Who was to get it.
        to: Masked,
        /// How long it was.
        octets: usize,
        /// How many contacts it was sent to.
        contacts: usize,
        /// What its sender was answered.
        status: u16,
        /// Phrases that the plan's policies name and it held.
        hits: Vec<Hit>,
    },
    /// A phone was asked to fetch its configuration.
    Sync {
        /// Whose phone.
        user: Masked,
        /// What it answered; 408: nothing, 503: it could not be reached.
        status: u16,
    },
}
