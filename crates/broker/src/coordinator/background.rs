//! Work that would hold up the thread that causes it: reading logs and deleting the offsets of deleted topics.
//!
//! A thread that ends with its work, so that a broker at rest has none.

use std::sync::Arc;

use uuid::Uuid;

use super::group_machine::GroupMachine;
use super::machine::Machine;
use super::shard::Shard;
use super::timers::TimerSignal;
use crate::broker::now_ms;

/// Loads shards, one after the other.
pub(super) fn load<M: Machine>(shards: Vec<Arc<Shard<M>>>, timers: Arc<TimerSignal>) {
    run("loader", move || {
        for shard in shards {
            shard.load(now_ms());
            timers.consider(shard.deadline_ms());
        }
    });
}

/// Deletes the offsets that groups committed for deleted topics, given with their ids.
pub(super) fn delete_topics(shards: Vec<Arc<Shard<GroupMachine>>>, deleted: Vec<(Arc<str>, Uuid)>) {
    run("offset-deletion", move || {
        for shard in shards.iter().filter(|shard| shard.has_records()) {
            shard.load(now_ms());
            shard.append_decided(now_ms(), |machine| machine.core.delete_topics(&deleted));
        }
    });
}

fn run(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::error!(thread = name, %error, "no thread could be started");
    }
}
