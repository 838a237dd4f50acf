//! Who a peer is and where a user is: digest authentication (RFC 7616, 8760, 2617), the directory, and bindings (RFC 3261 §10).
//!
//! Invariant: nobody who has not proven an account learns whether that account exists, and no state that a peer chooses is
//! kept before the proof.

mod algorithm;
mod binding;
mod bindings;
mod digest;
mod directory;
mod kept;
mod nonce;
mod pings;
mod settings;
#[cfg(test)]
mod tests;
mod wanted;

pub use algorithm::{Algorithm, Ha1, Proof};
pub use binding::{Binding, Reach};
pub use bindings::{Bindings, Change, Rules};
pub use digest::{Digest, Verdict};
pub use directory::{Account, Directory, Twice};
pub use kept::{Kept, KeptContact};
pub use nonce::{Nonces, Ticket, Worth};
pub use settings::{Setting, Settings, SettingsBook, When, change};
pub use wanted::Refused;
