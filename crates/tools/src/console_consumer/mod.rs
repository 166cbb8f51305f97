//! `kafka-console-consumer`: Kafka's `ConsoleConsumer`.

mod formatter;
mod options;
mod read;
mod source;

pub use options::{Topics, WORDS};
pub use read::run;
pub use source::Source;
