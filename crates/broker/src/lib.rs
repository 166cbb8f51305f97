//! Barnabas: the broker crate.

pub mod config;
