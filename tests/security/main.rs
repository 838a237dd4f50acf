//! The vulnerability classes of the field, each as a test that is named after its number: what an attacker says to the core, and what
//! must not come of it. Classes of streams, TLS and media have their tests with those rooms.

mod bench;
mod bodies;
mod identity;
mod passwords;
mod reach;
mod words;
