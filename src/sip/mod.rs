//! `sip`
