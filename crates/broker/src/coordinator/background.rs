//! Work that would hold up the thread that causes it: reading logs and deleting the offsets of deleted topics.
//!
//! A thread that ends with its work, so that a broker at rest has none.

use std::sync::Arc;

use barnabas_environment::{Environment, Threads};
use uuid::Uuid;

use super::group_machine::GroupMachine;
use super::machine::Machine;
use super::shard::Shard;
use super::timers::TimerSignal;

/// Loads shards, one after the other.
pub(super) fn load<M: Machine>(
    shards: Vec<Arc<Shard<M>>>,
    timers: Arc<TimerSignal>,
    Environment { clock, threads, .. }: Environment,
) {
    run(threads, "loader", move || {
        for shard in shards {
            shard.load(clock.now());
            timers.consider(shard.deadline_ms());
        }
    });
}

/// Deletes the offsets that groups committed for deleted topics, given with their ids.
pub(super) fn delete_topics(
    shards: Vec<Arc<Shard<GroupMachine>>>,
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
