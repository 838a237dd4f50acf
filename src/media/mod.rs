//! The data plane as values: what the core orders, what the plane reports, and the packet logic between them.
//!
//! The core hands an [`Order`] down and hears [`News`] back; packets are answered here without asking the core anything.
//! Orders and news of one call keep their order; those of different calls do not.
//! Invariant: no packet waits for a signalling decision, and no packet from a source that was not authorised goes anywhere.

mod confer;
mod delay;
mod detect;
mod ear;
mod feed;
mod hush;
mod leg;
mod listen;
mod mix;
mod music;
mod news;
mod order;
mod outbound;
mod pace;
mod pipe;
mod player;
mod prompt;
mod relay;
mod report;
mod riff;
mod route;
pub mod say;
mod shield;
mod sine;
mod source;
mod strand;
mod table;
mod tap;
#[cfg(test)]
mod tests;
mod tick;
mod tone;
mod voice;
mod wave;
mod wire;
mod worker;

pub use feed::{FeedId, FeedPiece, FeedRate};
pub use music::{MUSIC, music};
pub use news::{LegFacts, News};
pub use order::{Aim, Country, Order, Role, Sound, Tone, Trust};
pub use prompt::{BadSound, Prompt, PromptLibrary};
pub use relay::BUFFER_SPARE;
pub use shield::Secure;
pub use strand::{Strand, StrandAct, StrandAim, StrandFacts, StrandNews};
pub use table::LegKey;
pub use wave::read as read_wav;
pub use wire::{Channel, Forward, Wire};
pub use worker::Worker;
