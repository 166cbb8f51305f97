//! Barnabas: the broker crate.

pub mod cli;
pub mod config;
