//! What all partitions of a broker share: the flusher, the clock, and the queues of those that want something
//! of the controller.

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
