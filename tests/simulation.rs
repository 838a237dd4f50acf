//! Stories told in a deterministic world: phones of text, a lossy network and a virtual clock around the real core.
//!
//! A failure prints its seed and its ladder. `LEDGERLINE_SEEDS=N` runs N random stories, `LEDGERLINE_SEED=n` repeats one;
//! `LEDGERLINE_WIRE=1` prints every packet (with `--nocapture`), `UPDATE_EXPECT=1` rewrites the golden ladders.

mod stories;
mod world;
