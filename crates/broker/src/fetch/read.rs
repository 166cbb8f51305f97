//! One Fetch over its partitions: what each has at this moment, within the limits of the request.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::cold::{ColdRanges, Unreadable};
use super::session::Planned;
use barnabas_replica::partition::fetch::FetchedPartition;
use barnabas_replica::partition::waiters::{FetchWatch, Interest};
use barnabas_replica::partition::{Isolation, Partition};

/// A partition that a Fetch reads, found or not.
pub struct Target {
    /// What is read.
    pub planned: Planned,
    /// The partition.
    pub partition: Result<Arc<Partition>, ErrorCode>,
}

/// The partitions of one Fetch, resolved, and its limits.
pub struct FetchTargets {
    /// In the order in which they are served.
    pub targets: Vec<Target>,
    /// Most bytes of records, but for a first batch that is larger.
    pub max_bytes: i32,
    /// Whether a follower asks: there are none, so nothing is led for it.
    pub from_follower: bool,
    /// Which records the client may see.
    pub isolation: Isolation,
}

/// All that a Fetch has read.
pub struct FetchRead {
    /// As [`FetchTargets::targets`].
    pub partitions: Vec<FetchedPartition>,
    /// Bytes of records in all.
    pub bytes: usize,
    /// Whether something has to be told at once.
    pub urgent: bool,
}

impl FetchRead {
    /// The records' ranges that are not in the page cache.
    pub fn cold(&self) -> Option<ColdRanges> {
        let places = self.partitions.iter().enumerate();
        ColdRanges::among(places.filter_map(|(place, fetched)| Some((place, fetched.records.as_ref()?))))
    }
}

impl FetchTargets {
    /// Reads what is there. The first records found are delivered whole however small the limits, so that a consumer
    /// gets over a batch that is larger than them (KIP-74).
    pub fn read(&self) -> FetchRead {
        let mut read = FetchRead {
            partitions: Vec::with_capacity(self.targets.len()),
            bytes: 0,
            urgent: false,
        };
        let mut left = self.max_bytes;
        for Target { planned, partition } in &self.targets {
            let request = &planned.request;
            let fetched = match partition {
                Ok(_) if self.from_follower => FetchedPartition::failed(ErrorCode::NotLeaderOrFollower),
                Ok(partition) => partition
                    .fetch(
                        request,
                        left.min(request.max_bytes),
                        read.bytes == 0,
                        self.isolation,
                        planned.interest.as_ref(),
                    )
                    .unwrap_or_else(FetchedPartition::failed),
                Err(error) => FetchedPartition::unknown(*error),
            };
            let len = i32::try_from(fetched.records_len()).unwrap_or(i32::MAX);
            left = left.saturating_sub(len).max(0);
            // What is not known here is told with the rest; it doesn't end the wait.
            read.urgent |= partition.is_ok() && fetched.is_urgent();
            read.bytes += fetched.records_len();
            read.partitions.push(fetched);
        }
        read
    }

    /// Has records that were read in the page cache, so that sending them keeps no other connection waiting. Where that fails,
    /// so has the partition's folder, and the answer says it.
    pub async fn load(&self, read: FetchRead, cold: ColdRanges) -> FetchRead {
        let Err(Unreadable { place, error }) = cold.load().await else {
            return read;
        };
        if let Some(Target {
            partition: Ok(partition),
            ..
        }) = self.targets.get(place)
        {
            partition.read_failed(error);
        }
        self.read()
    }

    /// Gives the partitions a watch of this Fetch alone: with the next read they begin to tell it of changes.
    pub fn watch(&mut self) -> Arc<FetchWatch> {
        let watch = FetchWatch::new();
        for (slot, target) in self.targets.iter_mut().enumerate() {
            target.planned.interest = Some(Interest::new(&watch, slot as u32));
        }
        watch
    }

    /// Whether there is no partition to wait for.
    pub fn is_empty(&self) -> bool {
        !self.targets.iter().any(|target| target.partition.is_ok())
    }
}
