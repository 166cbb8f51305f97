//! What all partitions of a broker share: the flusher, the clock, and the queues of those that want something
//! of the controller.

use std::cmp::Ordering;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use barnabas_environment::{Clock, Environment};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Partition;
use super::core::LagTime;
use super::flush::Flusher;
use super::replication_quota::ReplicationQuotas;

/// See the module.
pub struct Shared {
    /// Syncs the logs.
    pub flusher: Flusher,
    /// The time.
    pub clock: Clock,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max_ms: i64,
    /// How fast replicas that are not in sync are filled.
    pub quotas: ReplicationQuotas,
    /// Partitions whose ISR should change.
    pub isr_queue: PartitionQueue,
    /// How often the controller has changed an ISR because a leader here asked.
    pub isr_changes: IsrChanges,
    /// Partitions that lie in another log directory than the metadata says.
    pub dir_queue: PartitionQueue,
}

impl Shared {
    /// For a broker that is given this of the outside.
    pub fn new(environment: &Environment, lag_time_max_ms: i64, quotas: ReplicationQuotas) -> Arc<Self> {
        Arc::new(Shared {
            flusher: Flusher::new(environment.threads),
            clock: environment.clock.clone(),
            lag_time_max_ms,
            quotas,
            isr_queue: PartitionQueue::default(),
            isr_changes: IsrChanges::default(),
            dir_queue: PartitionQueue::default(),
        })
    }

    /// The time, as followers are measured by it.
    pub fn lag_time(&self) -> LagTime {
        LagTime {
            now_ms: self.clock.monotonic_ms(),
            max_ms: self.lag_time_max_ms,
        }
    }
}

/// Counts of ISRs that have become smaller and larger.
#[derive(Debug, Default)]
pub struct IsrChanges {
    shrinks: AtomicU64,
    expands: AtomicU64,
}

impl IsrChanges {
    /// One has had so many members, and has so many now.
    pub fn changed(&self, before: usize, now: usize) {
        match now.cmp(&before) {
            Ordering::Less => self.shrinks.fetch_add(1, Relaxed),
            Ordering::Greater => self.expands.fetch_add(1, Relaxed),
            Ordering::Equal => 0,
        };
    }

    /// How many have become smaller, and how many larger.
    pub fn counts(&self) -> (u64, u64) {
        (self.shrinks.load(Relaxed), self.expands.load(Relaxed))
    }
}

/// Partitions that wait for the same, each once: the partition remembers that it is in here.
#[derive(Default)]
pub struct PartitionQueue {
    partitions: Mutex<Vec<Weak<Partition>>>,
    filled: Notify,
}

impl PartitionQueue {
    /// Adds one that is not in here.
    pub(super) fn push(&self, partition: Weak<Partition>) {
        self.partitions.lock().push(partition);
        self.filled.notify_one();
    }

    /// Takes out all.
    pub fn take(&self) -> Vec<Weak<Partition>> {
        std::mem::take(&mut *self.partitions.lock())
    }

    /// Waits until one has come since the last call.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_smaller_and_larger_is_counted_apart() {
        let changes = IsrChanges::default();
        for (before, now) in [(3, 2), (2, 3), (1, 3), (2, 2)] {
            changes.changed(before, now);
        }
        assert_eq!(changes.counts(), (1, 2));
    }
}
