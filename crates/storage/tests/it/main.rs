//! Logs on a real file system: one binary for the crate's integration tests.

#![allow(clippy::unwrap_used)]

mod cleaner;
mod fixture;
mod log_dir;
mod model;
mod producers;
mod retention;
mod time;
mod unreadable;
