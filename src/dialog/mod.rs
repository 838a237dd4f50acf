//! `dialog`
