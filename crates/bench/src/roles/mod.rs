//! What a connection can do in a measurement.

pub mod consumer;
pub mod sender;
