//! Dialogs: RFC 3261 §12 and what an INVITE makes of them (§13, §14), with the rules of offer and answer (RFC 3264, RFC 6337).
//!
//! [`Invitation`] is our INVITE until it is answered, with a [`Dialog`] for every fork; [`Dialog::answering`] is a peer's INVITE.
//! [`OfferAnswer`] knows who owes what; [`Accepted`] how long a 2xx of ours is repeated.
//!
//! [`prack`] makes provisional responses reliable, [`refresh`] finds sessions whose peer is gone; [`reason`], [`refer`],
//! [`replaces`] and [`target`] read what the headers of those names say.
//!
//! Invariant: a dialog's identity never changes; its sequence numbers only rise.

mod accepted;
mod id;
mod invitation;
mod life;
mod offer;
pub mod prack;
pub mod reason;
pub mod refer;
pub mod refresh;
pub mod replaces;
pub mod target;
#[cfg(test)]
mod tests;

pub use accepted::{Accepted, Ring};
pub use id::Id;
pub use invitation::{Fork, Heard, Invitation};
pub use life::{Dialog, Late, Phase, contact, contact_for, ends_dialog};
pub use offer::{Carrier, Glare, OfferAnswer, Sense, Side, State, glare_wait};
pub use reason::Reason;
pub use refresh::SessionTimer;
pub use replaces::Replaces;
