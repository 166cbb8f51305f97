//! One Fetch over its partitions: what each has at this moment, within the limits of the request.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::cold::ColdRanges;
use super::session::FetchKey;
use crate::partition::fetch::{FetchPartition, FetchedPartition};
use crate::partition::waiters::FetchWaiter;
use crate::partition::{Isolation, Partition};

/// The partitions of one Fetch, resolved, and its limits.
pub struct FetchTargets {
    /// In the order in which they are served.
    pub partitions: Vec<(FetchKey, FetchPartition, Result<Arc<Partition>, ErrorCode>)>,
    /// Most bytes of records, but for a first batch that is larger.
    pub max_bytes: i32,
    /// Whether a follower asks: there are none, so nothing is led for it.
    pub from_follower: bool,
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

impl FetchRead {
    /// The records' ranges that are not in the page cache.
    pub fn cold(&self) -> Option<ColdRanges> {
        ColdRanges::among(
            self.partitions
                .iter()
                .filter_map(|fetched| fetched.records.as_ref()),
        )
    }
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
        let mut left = self.max_bytes;
        for (_, request, target) in &self.partitions {
            let fetched = match target {
                Ok(_) if self.from_follower => FetchedPartition::failed(ErrorCode::NotLeaderOrFollower),
                Ok(partition) => partition
                    .fetch(
                        request,
                        left.min(request.max_bytes),
                        read.bytes == 0,
                        self.isolation,
                    )
                    .unwrap_or_else(FetchedPartition::failed),
                Err(error) => FetchedPartition::unknown(*error),
            };
            let len = i32::try_from(fetched.records_len()).unwrap_or(i32::MAX);
            left = left.saturating_sub(len).max(0);
            // What is not known here is told with the rest; it doesn't end the wait.
            read.urgent |= target.is_ok() && fetched.is_urgent();
            read.bytes += fetched.records_len();
            read.partitions.push(fetched);
        }
        read
    }

    /// Registers with every partition for `missing_bytes`; the registration ends when the result is dropped.
    pub fn register(&self, missing_bytes: i64) -> Registration<'_> {
        let waiter = FetchWaiter::new(missing_bytes, self.isolation);
        for partition in self.known() {
            partition.add_fetch_waiter(waiter.clone());
        }
        Registration {
            targets: self,
            waiter,
        }
    }

    /// Whether there is a partition to wait for.
    pub fn is_empty(&self) -> bool {
        self.known().next().is_none()
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
