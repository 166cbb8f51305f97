//! The broker: listeners, dispatch, handlers, partitions and coordinators, wired together.

mod awaited_leaders;
pub mod broker;
pub mod broker_peers;
mod connection_limits;
pub mod coordinator;
pub mod dispatch;
mod duplicates;
pub mod faults;
pub mod fetch;
mod forwarding;
pub mod handlers;
mod leader_hints;
pub mod lifecycle;
mod lost_brokers;
pub mod metadata_publisher;
pub mod producer_ids;
pub mod request;
pub mod schemas_topic;
pub mod share;
pub mod telemetry;
pub mod topic_creation;
mod transaction_verification;
