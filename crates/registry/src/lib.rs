//! A schema registry that Confluent's clients speak to: what it decides, and nothing of how requests come and
//! go.
//!
//! The topic `_schemas` is all that is kept. [`Registry`] replays its records, [`answer`] takes a request and
//! says what is to be appended and answered; who called appends it and replays it. [`schema`] reads the three
//! languages of schemas and compares two of one.

mod api;
mod base64;
mod decoder;
pub mod error;
mod guid;
pub mod json;
pub mod records;
pub mod registry;
pub mod schema;
mod settings;
mod subject;

pub use api::{Answer, Call, Decided, Method, Params, answer};
pub use decoder::Decoder;
pub use registry::Registry;

#[cfg(test)]
mod verdicts;
