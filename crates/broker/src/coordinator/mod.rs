//! The shell of the coordinators: shards follow the leadership of their partition, load from its log, and run inline on the
//! thread of the connection that asks, under a short lock each.
//!
//! ```text
//! image delta ─▶ GroupCoordinator::apply: shards start and stop     ─▶ loader thread, for logs that hold something
//! request ─▶ shard lock: decide ▶ append to the log ▶ replay ▶ due timers ─▶ unlock ─▶ committed? ─▶ answer
//! timer task: sleeps until the earliest deadline of all shards, then does the same without a request
//! ```
//!
//! The rules are in the crate barnabas-coordinator; here are its disk, its clock and its randomness.

mod background;
mod cluster_view;
mod group_coordinator;
mod group_machine;
pub mod internal_topics;
mod load;
mod machine;
pub mod markers;
mod shard;
mod shards;
mod timers;
mod transaction_coordinator;
mod transaction_machine;
mod write;

pub use group_coordinator::GroupCoordinator;
pub use transaction_coordinator::TransactionCoordinator;
