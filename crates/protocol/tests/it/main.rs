//! The protocol crate's integration tests.
#![allow(clippy::unwrap_used, reason = "tests")]

mod any_message;
mod every_message;
mod generated;
mod golden;
mod kafkas_records;
mod mutated_records;
