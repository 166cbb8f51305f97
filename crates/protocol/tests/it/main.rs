//! The protocol crate's integration tests.

mod golden;
