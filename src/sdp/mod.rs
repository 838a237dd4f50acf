//! `sdp`
