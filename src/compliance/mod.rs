//! Rules that vault, plans and calls are held to: pure values, without a file, a clock or a socket.

pub mod approval;
pub mod role;
mod words;

pub use words::{Hit, forbidden};
