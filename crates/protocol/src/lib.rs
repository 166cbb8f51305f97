//! The wire of the Kafka protocol: frames, headers, requests and responses, error codes. No IO, no clock.
//!
//! Everything that arrives from the network is hostile: [`guard`] proves a body's lengths before any decoder
//! sees it, and no function in this crate panics or allocates more than a small multiple of the bytes it was
//! given.

pub mod api;
pub mod codec;
pub mod described;
pub mod error;
pub mod fetch;
pub mod frame;
#[allow(
    clippy::collapsible_if,
    clippy::needless_question_mark,
    clippy::nonminimal_bool,
    reason = "a script writes it"
)]
mod generated;
pub mod guard;
pub mod header;
pub mod internal_records;
pub mod java_order;
pub mod kafka_uuid;
pub mod kraft_voters;
pub mod leader;
pub mod malformed;
pub mod messages;
pub mod metadata_records;
pub mod principal_data;
pub mod produce;
mod reader;
pub mod records;
pub mod security_protocol;
mod shape;
pub mod share_fetch;
pub mod topic_ref;
mod wire;
