//! `compliance`
