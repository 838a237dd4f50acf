//! `call`
