//! The wire of the Kafka protocol: frames, headers, requests and responses, error codes. No IO, no clock.
//!
//! Everything that arrives from the network is hostile: a guard proves a body's lengths before any decoder sees it, and no
//! function in this crate panics or allocates more than a small multiple of the bytes it was given.

pub mod api;
pub mod error;
pub mod messages;
