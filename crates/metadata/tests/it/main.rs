//! The crate from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod controller;
mod quorum;
mod support;
