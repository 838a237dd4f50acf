//! `switch`
