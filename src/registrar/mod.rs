//! `registrar`
