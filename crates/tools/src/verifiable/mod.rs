//! Kafka's tools for tests of whole systems: they tell each thing that happens as a line of JSON.

mod arguments;
pub mod consumer;
mod events;
pub mod producer;
pub mod share_consumer;
