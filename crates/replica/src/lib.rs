//! The replicas of this broker: partitions over their logs, the log directories these lie in, and their
//! upkeep.
//!
//! A partition's way is decided by metadata deltas alone ([`ReplicaManager::apply`]). Nothing awaits while a
//! partition's lock is held.

pub mod log_dirs;
mod manager;
pub mod partition;
pub mod replication;
pub mod upkeep;

pub use manager::ReplicaManager;
