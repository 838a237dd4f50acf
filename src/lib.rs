//! Ledgerline: an on-premise SIP softswitch that keeps its own evidence.
//!
//! The rooms below stand in order: each may name only those above it (`io` and `cli` may name everything).
//! `tests/layers.rs` holds this list to its word. Nothing above `io` awaits, locks, spawns, sleeps or reads a clock.

pub mod base;

pub mod sip;

pub mod sdp;

pub mod rtp;

pub mod compliance;

pub mod speech;

pub mod vault;

pub mod plan;

pub mod config;

pub mod transaction;

pub mod dialog;

pub mod locate;

pub mod registrar;

pub mod trunk;

pub mod presence;

pub mod media;

pub mod call;

pub mod switch;

pub mod io;

pub mod cli;
