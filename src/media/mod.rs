//! `media`
