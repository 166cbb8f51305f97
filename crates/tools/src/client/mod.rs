//! A client of any Kafka cluster, for tools: one thing after the other, and many at once where it helps.
//!
//! [`Cluster`] finds brokers, controller, leaders and coordinators, speaks the newest version that both
//! sides know, and asks again where Kafka's own clients would, until `default.api.timeout.ms` is over.

mod acls;
mod attempts;
mod brokers;
mod call;
pub mod committed;
pub mod configs;
mod consumer_member;
pub mod coordinators;
mod describe_cluster;
mod error;
pub mod exactly_once;
pub mod fetch;
pub mod groups;
pub mod in_flight;
pub mod leaders;
mod link;
pub mod member;
pub mod membership;
pub mod new_record;
pub mod offsets;
pub mod partitioner;
mod pending;
pub mod produce;
mod range;
pub mod reassignments;
pub mod records;
mod secure;
mod settings;
pub mod share_groups;
mod share_heartbeat;
pub mod share_member;
pub mod share_session;
mod stop;
mod streams_groups;
mod to;
mod together;
pub mod topics;
pub mod transactions;

pub use brokers::{Broker, Brokers};
pub use call::Cluster;
pub use error::KafkaError;
pub use secure::Secure;
pub use settings::{Properties, Settings};
pub use stop::Stop;
pub use to::To;
pub use together::all;

use barnabas_protocol::messages::{GroupId, StrBytes, TopicName};

/// A string of the protocol.
pub fn wire(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name, on its way to a broker.
pub fn topic_name(text: &str) -> TopicName {
    TopicName(wire(text))
}

/// A group's id, on its way to a broker.
pub fn group_id(text: &str) -> GroupId {
    GroupId(wire(text))
}
