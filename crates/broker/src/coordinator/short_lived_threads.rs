//! Work that would hold up the thread that causes it: reading logs and deleting the offsets of deleted
//! topics.
//!
//! A thread that ends with its work, so that a broker at rest has none.

use std::sync::Arc;

use barnabas_coordinator::runtime::{GroupMachine, Loading, Machine, PartitionLog, Shard};
use barnabas_environment::{Environment, Threads};
use uuid::Uuid;

use super::led_partition::LedPartition;

/// Loads shards, if there are any to load.
pub(super) fn load<M: Machine>(loading: Option<Loading<M, impl PartitionLog>>, threads: Threads) {
    if let Some(loading) = loading {
        run(threads, "loader", move || loading.run());
    }
}

/// Deletes the offsets that groups committed for deleted topics, given with their ids.
pub(super) fn delete_topics(
    shards: Vec<Arc<Shard<GroupMachine, LedPartition>>>,
    deleted: Vec<(Arc<str>, Uuid)>,
    Environment { clock, threads, .. }: Environment,
) {
    run(threads, "offset-deletion", move || {
        for shard in shards.iter().filter(|shard| shard.has_records()) {
            shard.load(clock.now());
            shard.append_decided(clock.now(), |machine| machine.core.delete_topics(&deleted));
        }
    });
}

fn run(threads: Threads, name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = threads.spawn(name, work) {
        tracing::error!(thread = name, %error, "no thread could be started");
    }
}
