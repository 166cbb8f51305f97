//! One Fetch over its partitions: what each has at this moment, within the limits of the request.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::session::FetchKey;
use crate::partition::fetch::{FetchPartition, FetchedPartition};
use crate::partition::waiters::FetchWaiter;
use crate::partition::{Isolation, Partition};

/// The partitions of one Fetch, resolved, and its limits.
pub struct FetchTargets {
    /// In the order in which they are served.
    pub partitions: Vec<(FetchKey, FetchPartition, Result<Arc<Partition>, ErrorCode>)>,
    /// Most bytes of records, but for a first batch that is larger.
    pub max_bytes: usize,
    /// Which records the client may see.
    pub isolation: Isolation,
}

/// All that a Fetch has read.
pub struct FetchRead {
    /// As [`FetchTargets::partitions`].
    pub partitions: Vec<FetchedPartition>,
    /// Bytes of records in all.
    pub bytes: usize,
    /// Whether something has to be told at once.
    pub urgent: bool,
}

impl FetchTargets {
    /// Reads what is there. The first records found are delivered whole however small the limits, so that a consumer
    /// gets over a batch that is larger than them (KIP-74).
    pub fn read(&self) -> FetchRead {
        let mut read = FetchRead {
            partitions: Vec::with_capacity(self.partitions.len()),
            bytes: 0,
            urgent: false,
        };
        for (_, request, target) in &self.partitions {
            let left = self.max_bytes.saturating_sub(read.bytes);
            let max_bytes = left.min(usize::try_from(request.max_bytes).unwrap_or(0));
            let fetched = match target {
                Ok(partition) => partition
                    .fetch(request, max_bytes, read.bytes == 0, self.isolation)
                    .unwrap_or_else(FetchedPartition::error),
                Err(error) => FetchedPartition::error(*error),
            };
            read.bytes += fetched.records_len();
            read.urgent |= fetched.is_urgent();
            read.partitions.push(fetched);
        }
        read
    }

    /// Registers with every partition for `missing_bytes`; the registration ends when the result is dropped.
    pub fn register(&self, missing_bytes: i64) -> Registration<'_> {
        let waiter = FetchWaiter::new(missing_bytes);
        for partition in self.known() {
            partition.add_fetch_waiter(waiter.clone());
        }
        Registration {
            targets: self,
            waiter,
        }
    }

    fn known(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions
            .iter()
            .filter_map(|(_, _, target)| target.as_ref().ok())
    }
}

/// A Fetch that waits with all its partitions.
pub struct Registration<'a> {
    targets: &'a FetchTargets,
    waiter: Arc<FetchWaiter>,
}

impl Registration<'_> {
    /// Waits until enough bytes have come or a partition has changed.
    pub async fn woken(&self) {
        self.waiter.woken().await;
    }

    /// Counts `bytes` that were there already.
    pub fn credit(&self, bytes: i64) {
        self.waiter.add(bytes);
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        for partition in self.targets.known() {
            partition.remove_fetch_waiter(&self.waiter);
        }
    }
}
