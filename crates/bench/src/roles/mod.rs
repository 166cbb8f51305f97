//! What a connection can do in a measurement.

pub mod consumer;
pub mod joiner;
pub mod sender;
pub mod session;
pub mod share_consumer;
pub mod transactor;
