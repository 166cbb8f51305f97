//! The crate from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod controller;
mod image;
mod membership;
mod membership_world;
mod observer;
mod quorum;
mod starts;
mod support;
