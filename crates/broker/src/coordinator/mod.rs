//! The coordinators of this broker: which partitions of their topics it leads, the requests they are asked,
//! the markers they write.
//!
//! The rules are in the crate barnabas-coordinator, and what runs them in its `runtime`. Here are its log
//! ([`led_partition`]), its view of the cluster ([`cluster_view`]) and its threads ([`short_lived_threads`]).

mod cluster_view;
mod group_coordinator;
mod group_transactions;
pub mod internal_topics;
mod led_partition;
pub mod markers;
mod share_coordinator;
pub mod share_state_api;
mod short_lived_threads;
mod streams_defaults;
mod transaction_coordinator;

pub use group_coordinator::GroupCoordinator;
pub use share_coordinator::ShareCoordinator;
pub use transaction_coordinator::TransactionCoordinator;
