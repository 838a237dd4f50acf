//! The shell around the core: sockets, files, clocks, threads, and everything else that can fail by itself.
//!
//! Invariant: what the core may know enters through `switch::Input`; what the core wants leaves through
//! `switch::Output`. One control task owns the core; nothing here locks it.

pub mod admin;
pub mod clock;
mod connection;
pub mod control;
pub mod door;
mod ears;
pub mod feeds;
pub mod harden;
pub mod init;
pub mod log;
pub mod media;
pub mod motions;
mod names;
pub mod node;
pub mod notify;
pub mod outside;
pub mod package;
mod pages;
pub mod password;
pub mod people;
pub mod pieces;
pub mod plans;
mod playback;
pub mod programs;
mod queue;
pub mod recognise;
mod refusals;
mod registrations;
mod resolver;
pub mod sealed;
pub mod secrets;
mod seldom;
pub mod settings;
mod shipped;
pub mod signing_key;
pub mod store;
pub mod stream;
pub mod tls;
pub mod udp;
pub mod users;
pub mod words;
