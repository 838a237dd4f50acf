//! `io`

pub mod media;
pub mod store;
