//! `io`

pub mod media;
