//! `rtp`
