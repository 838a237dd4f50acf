//! `transaction`
