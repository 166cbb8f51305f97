//! Work that would hold up the thread that causes it: reading logs, and deleting what was known of deleted
//! topics.
//!
//! A thread that ends with its work, so that a broker at rest has none.

use std::sync::Arc;

use barnabas_coordinator::runtime::{Loading, Machine, PartitionLog, Shard};
use barnabas_environment::{Environment, Threads};

use super::led_partition::LedPartition;

/// Loads shards, if there are any to load.
pub(super) fn load<M: Machine>(loading: Option<Loading<M, impl PartitionLog>>, threads: Threads) {
    if let Some(loading) = loading {
        run(threads, "loader", move || loading.run());
    }
}

/// Appends to every shard what `decide` makes of its state.
pub(super) fn append_to_all<M: Machine>(
    shards: Vec<Arc<Shard<M, LedPartition>>>,
    thread: &str,
    Environment { clock, threads, .. }: Environment,
    decide: impl Fn(&M) -> Vec<M::Record> + Send + 'static,
) {
    run(threads, thread, move || {
        for shard in shards.iter().filter(|shard| shard.has_records()) {
            shard.load(clock.now());
            shard.append_decided(clock.now(), &decide);
        }
    });
}

fn run(threads: Threads, name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = threads.spawn(name, work) {
        tracing::error!(thread = name, %error, "no thread could be started");
    }
}
