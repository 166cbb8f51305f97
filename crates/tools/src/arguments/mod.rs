//! Arguments as Kafka's tools take them.

mod options;
mod values;

pub use options::{Options, Takes, Word, usage, word};
pub use values::{check_servers, id, key_values, properties_file};
