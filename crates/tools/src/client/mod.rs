//! A client of any Kafka cluster, for tools: one thing after the other, and many at once where it helps.
//!
//! [`Cluster`] finds brokers, controller, leaders and coordinators, speaks the newest version that both
//! sides know, and asks again where Kafka's own clients would, until `default.api.timeout.ms` is over.

mod brokers;
mod call;
pub mod configs;
mod error;
mod link;
mod settings;
pub mod topics;

pub use brokers::{Broker, Brokers};
pub use call::{Cluster, To};
pub use error::KafkaError;
pub use settings::{Properties, Settings};

use barnabas_protocol::messages::{StrBytes, TopicName};

/// A string of the protocol.
pub fn wire(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name, on its way to a broker.
pub fn topic_name(text: &str) -> TopicName {
    TopicName(wire(text))
}
