//! What every room stands on: time, alarms, identifiers, seeded randomness, bounds, and values that mask themselves.
//!
//! Invariant: nothing here reads a clock or asks the system for randomness; both come in from `io`.

mod alarm;
pub mod bounds;
mod bucket;
mod hex;
mod id;
mod mask;
mod own_map;
mod random;
mod secret;
mod text;
mod time;

pub use alarm::Alarms;
pub use bucket::{Bucket, Rate, Recent};
pub use hex::{hex, unhex};
pub use id::{CallId, ItemId, LegId, MotionId, NotAnId, PersonId, PromptId, RecordingId};
pub use mask::{Masked, mask_card, mask_digits, mask_id_card, mask_name, mask_numbers};
pub use own_map::{OwnHasher, OwnMap};
pub use random::Random;
pub use secret::Secret;
pub use text::{is_treacherous, presentable};
pub use time::{Time, Wall};
