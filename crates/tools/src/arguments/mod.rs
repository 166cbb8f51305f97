//! Arguments as Kafka's tools take them.

pub mod commands;
mod options;
mod values;

pub use options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, usage, word};
pub use values::{check_servers, connect, id, key_values, properties_file, text_file};
