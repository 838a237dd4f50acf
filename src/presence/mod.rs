//! `presence`
