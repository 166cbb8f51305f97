//! `kafka-console-producer`: Kafka's `ConsoleProducer`.

mod line_reader;
mod options;
mod write;

pub use options::{WORDS, produce_settings};
pub use write::run;
