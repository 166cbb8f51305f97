//! One Fetch over its partitions: what each has at this moment, within the limits of the request.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::cold::{ColdRanges, Unreadable};
use super::nearby::Nearby;
use super::session::Planned;
use barnabas_network::metrics::{ThreadMetrics, TopicCounts};
use barnabas_replica::partition::fetch::{FetchPartition, FetchedPartition};
use barnabas_replica::partition::waiters::{FetchWatch, Interest};
use barnabas_replica::partition::{Partition, Reader};

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
    /// Fewer bytes of records are waited for.
    pub min_bytes: usize,
    /// Who reads.
    pub reader: Reader,
    /// A consumer that may be sent elsewhere.
    pub nearby: Option<Nearby>,
    /// What tells a Fetch without a session of changes; made when a read finds too little.
    pub watch: Option<Arc<FetchWatch>>,
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
    /// Reads what is there. The first records found are delivered whole however small the limits, so that a
    /// consumer gets over a batch that is larger than them (KIP-74).
    ///
    /// Where less is found than is asked for, the partitions tell of every change from the moment at which
    /// they were read: nothing is missed that comes while others are read, or before the Fetch waits.
    pub fn read(&mut self) -> FetchRead {
        let FetchTargets {
            targets,
            max_bytes,
            min_bytes,
            reader,
            nearby,
            watch,
        } = self;
        let mut read = FetchRead {
            partitions: Vec::with_capacity(targets.len()),
            bytes: 0,
            urgent: false,
        };
        let mut left = *max_bytes;
        for (slot, Target { planned, partition }) in targets.iter_mut().enumerate() {
            let Planned {
                request, interest, ..
            } = planned;
            let read_before = read.bytes;
            if let (Some(nearby), Ok(partition)) = (&*nearby, &*partition)
                && let Some(broker_id) = nearby.replica_for(partition, request.fetch_offset)
            {
                let fetched = sent_to(broker_id, partition, request, *reader);
                read.urgent |= fetched.is_urgent();
                read.partitions.push(fetched);
                continue;
            }
            let (watch, min_bytes) = (&mut *watch, *min_bytes);
            let whom = move |bytes: usize| {
                let interest = interest;
                if interest.is_none() && read_before + bytes < min_bytes {
                    let watch = watch.get_or_insert_with(FetchWatch::new);
                    *interest = Some(Interest::new(watch, slot as u32));
                }
                interest.as_ref()
            };
            let fetched = match partition {
                Ok(partition) => partition
                    .fetch(
                        request,
                        (left.min(request.max_bytes), read_before == 0),
                        *reader,
                        whom,
                    )
                    .unwrap_or_else(FetchedPartition::failed),
                Err(error) => FetchedPartition::not_here(*error),
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

    /// Counts what is sent, where it is counted: for metrics, and for the quota of throttled replicas.
    pub fn count(&self, read: &FetchRead, metrics: Option<&ThreadMetrics>) {
        let is_follower = matches!(self.reader, Reader::Follower(_));
        if is_follower {
            for (target, fetched) in self.targets.iter().zip(&read.partitions) {
                if let Ok(partition) = &target.partition {
                    partition.sent_to_follower(fetched.records_len());
                }
            }
        }
        let Some(metrics) = metrics else { return };
        for (target, fetched) in self.targets.iter().zip(&read.partitions) {
            let Ok(partition) = &target.partition else {
                continue;
            };
            let (bytes, failed) = (fetched.records_len() as u64, fetched.error != ErrorCode::None);
            if bytes == 0 && !failed {
                continue;
            }
            let counts = TopicCounts {
                bytes_out: if is_follower { 0 } else { bytes },
                replication_bytes_out: if is_follower { bytes } else { 0 },
                failed_fetches: u64::from(failed),
                ..TopicCounts::default()
            };
            metrics.of_topic(&partition.id().topic_id, &counts);
        }
    }

    /// The watch of a Fetch without a session.
    pub fn own_watch(&mut self) -> Arc<FetchWatch> {
        self.watch.get_or_insert_with(FetchWatch::new).clone()
    }

    /// Takes notice of what its own watch tells, before the next read.
    pub fn notice(&mut self) {
        for slot in self.watch.iter().flat_map(|watch| watch.take_changed()) {
            let target = self.targets.get(slot as usize);
            if let Some(interest) = target.and_then(|target| target.planned.interest.as_ref()) {
                interest.noticed();
            }
        }
    }

    /// Has records that were read in the page cache, so that sending them keeps no other connection waiting.
    /// Where that fails, so has the partition's folder, and the answer says it.
    pub async fn load(&mut self, read: FetchRead, cold: ColdRanges) -> FetchRead {
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

    /// Whether there is no partition to wait for.
    pub fn is_empty(&self) -> bool {
        !self.targets.iter().any(|target| target.partition.is_ok())
    }
}

/// What the leader answers to a consumer that should read from another replica: nothing but where.
fn sent_to(
    broker_id: i32,
    partition: &Partition,
    request: &FetchPartition,
    reader: Reader,
) -> FetchedPartition {
    match partition.fetch(request, (0, false), reader, |_| None) {
        Ok(fetched) if fetched.diverging.is_none() => FetchedPartition {
            preferred_read_replica: Some(broker_id),
            aborted_transactions: None,
            records: None,
            is_at_end: false,
            ..fetched
        },
        Ok(fetched) => fetched,
        Err(error) => FetchedPartition::failed(error),
    }
}
