//! `kafka-console-consumer`: Kafka's `ConsoleConsumer`.

mod formatter;
mod options;
mod read;

pub use options::WORDS;
pub use read::run;
