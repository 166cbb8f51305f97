//! Runs the coordinators' state machines: a shard follows the leadership of its partition, loads from its
//! log, and works inline on the thread of the connection that asks, under a short lock.
//!
//! ```text
//! image ─▶ Shards::follow: shards start and stop     ─▶ Loading, on a thread of its own, for logs that hold something
//! request ─▶ shard lock: decide ▶ append to the log ▶ replay ▶ due timers ─▶ unlock ─▶ committed? ─▶ answer
//! timer task: sleeps until the earliest deadline of all shards, then does the same without a request
//! ```
//!
//! The log is a [`PartitionLog`]: the broker's partition, or memory in the tests. Every append carries the
//! leader epoch in which the state was loaded. Who answers waits for the commit in the same epoch, so that
//! nobody is told what another leader would not know. Deadlines are on the monotonic clock.

mod active;
mod group_machine;
mod led_log;
mod load;
mod machine;
mod partition_log;
mod shard;
mod shards;
mod share_state_machine;
mod timers;
mod transaction_machine;
mod write;

pub use active::Active;
pub use group_machine::{GroupMachine, GroupSetup};
pub use led_log::LedLog;
pub use load::LoadError;
pub use machine::Machine;
pub use partition_log::{Commit, PartitionLog};
pub use shard::{Answered, LOAD_INLINE_BYTES, NO_DEADLINE, Shard};
pub use shards::{Loading, Shards};
pub use share_state_machine::ShareStateMachine;
pub use transaction_machine::{TransactionMachine, TransactionSetup};
pub use write::{AppendError, client_error};
