//! Dialogs: RFC 3261 §12 and what an INVITE makes of them (§13, §14), with the rules of offer and answer (RFC 3264, RFC 6337).
//!
//! [`Invitation`] is our INVITE until it is answered, with a [`Dialog`] for every fork; [`Dialog::answering`] is a peer's INVITE.
//! [`OfferAnswer`] knows who owes what; [`Accepted`] how long a 2xx of ours is repeated.
//!
//! Not here yet, each with its place: reliable provisional responses (`prack.rs`, beside `Accepted`), UPDATE (two more carriers in
//! `offer.rs`), session timers (`refresh.rs`, an alarm that asks [`Dialog::request`] for a re-INVITE).
//!
//! Invariant: a dialog's identity never changes; its sequence numbers only rise.

mod accepted;
mod id;
mod invitation;
mod life;
mod offer;
#[cfg(test)]
mod tests;

pub use accepted::{Accepted, Ring};
pub use id::Id;
pub use invitation::{Heard, Invitation};
pub use life::{Dialog, Late, Phase, contact, ends_dialog};
pub use offer::{Carrier, Glare, OfferAnswer, Sense, Side, glare_wait};
