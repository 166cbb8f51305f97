//! `kafka-console-consumer` and `kafka-console-share-consumer`: Kafka's `ConsoleConsumer` and
//! `ConsoleShareConsumer`.

mod formatter;
mod options;
mod read;
pub mod share;
mod source;

pub use options::{SHARE_WORDS, Topics, WORDS};
pub use read::run;
pub use source::{Source, share_settings};
