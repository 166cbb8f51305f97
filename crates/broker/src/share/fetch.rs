//! One ShareFetch over its partitions: acquires what there is, or waits for it.
//!
//! Reading and acquiring are one step under the lock of the share partition, so that nobody else comes to
//! read the same. The records go from the page cache to the socket; of them only headers are looked at.

use std::sync::Arc;
use std::time::Duration;

use barnabas_network::response::FileRange;
use barnabas_protocol::error::ErrorCode;
use barnabas_replica::partition::fetch::{FetchPartition, FetchedPartition};
use barnabas_replica::partition::offsets::OffsetQuery;
use barnabas_replica::partition::waiters::{FetchWatch, Interest};
use barnabas_replica::partition::{Partition, Reader};
use barnabas_share::{Acquire, AcquireMode, AcquiredRecords, MemberId, SharePartition};
use tokio::sync::Notify;

use super::ShareSettings;
use super::batches::Batches;
use super::held::{Held, HeldState, Phase, ShareKey};
use super::partitions::{arm_timer, is_fenced};
use super::sessions::PartitionKey;
use crate::broker::Broker;
use crate::fetch::cold::ColdRanges;

/// Most bytes that are read back at a time for a partition whose records have left the page cache.
const COLD_BYTES: usize = 1024 * 1024;

/// What a member wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who.
    pub member: MemberId,
    /// How.
    pub mode: AcquireMode,
    /// Records of an entry of the answer, about.
    pub batch_size: i32,
    /// Most records in all.
    pub max_records: i32,
    /// Most bytes in all, but for a first batch that is larger.
    pub max_bytes: i32,
    /// Fewer bytes are waited for.
    pub min_bytes: usize,
    /// How long.
    pub max_wait: Duration,
}

/// What there is for the member in one partition.
#[derive(Debug, Default)]
pub struct Found {
    /// What stands in the way.
    pub error: ErrorCode,
    /// The records.
    pub records: Option<FileRange>,
    /// What of them is acquired.
    pub acquired: Vec<AcquiredRecords>,
}

impl Found {
    /// A partition that can't be fetched from.
    pub fn failed(error: ErrorCode) -> Self {
        Found {
            error,
            ..Found::default()
        }
    }

    /// Bytes of records.
    pub fn bytes(&self) -> usize {
        self.records.as_ref().map_or(0, |records| records.len)
    }
}

/// A partition that is fetched from.
struct Target {
    key: PartitionKey,
    held: Arc<Held>,
    partition: Result<Arc<Partition>, ErrorCode>,
    interest: Arc<Interest>,
}

/// A fetch on its way.
pub struct ShareFetch {
    broker: Arc<Broker>,
    wanted: Wanted,
    settings: ShareSettings,
    targets: Vec<Target>,
    watch: Arc<FetchWatch>,
    /// What else than records may be there: records given back, room, a state that was read.
    changed: Arc<Notify>,
    found: Vec<(PartitionKey, Found)>,
    /// Records that have to be read back before they are acquired.
    cold: Vec<FileRange>,
}

/// One step of a fetch.
enum Step {
    /// Nothing to acquire.
    Nothing,
    /// So many bytes could be.
    Bytes(usize),
    Found(Found),
    /// These records first.
    Cold(FileRange),
}

impl ShareFetch {
    /// Fetches from `partitions`, which are in the image, in this order.
    pub fn new(
        broker: &Arc<Broker>,
        group: &Arc<str>,
        wanted: Wanted,
        settings: ShareSettings,
        partitions: &[PartitionKey],
    ) -> Self {
        let watch = FetchWatch::new();
        let mut fetch = ShareFetch {
            broker: broker.clone(),
            wanted,
            settings,
            targets: Vec::with_capacity(partitions.len()),
            watch: watch.clone(),
            changed: Arc::new(Notify::new()),
            found: Vec::new(),
            cold: Vec::new(),
        };
        let is_empty = fetch.wanted.max_records == 0 || fetch.wanted.max_bytes == 0;
        for key in partitions.iter().filter(|_| !is_empty) {
            let leader_epoch = match led(broker, *key) {
                Ok(leader_epoch) => leader_epoch,
                Err(error) => {
                    fetch.found.push((*key, Found::failed(error)));
                    continue;
                }
            };
            let (topic_id, partition) = *key;
            let share_key = ShareKey {
                group: group.clone(),
                topic_id,
                partition,
            };
            let slot = u32::try_from(fetch.targets.len()).unwrap_or(u32::MAX);
            fetch.targets.push(Target {
                key: *key,
                held: broker
                    .shares()
                    .partitions
                    .get_or_load(broker, &share_key, leader_epoch),
                partition: broker.partitions().by_id(&topic_id, partition),
                interest: Interest::new(&watch, slot),
            });
        }
        fetch
    }

    /// Acquires what there is; false if it should be waited for more.
    pub fn attempt(&mut self) -> bool {
        if self.targets.is_empty() {
            return true;
        }
        if self.wanted.min_bytes > 1 && self.available_bytes() < self.wanted.min_bytes {
            return self.has_found();
        }
        self.acquire(false);
        self.has_found()
    }

    /// Whether records have to be read back first.
    pub fn is_cold(&self) -> bool {
        !self.cold.is_empty()
    }

    /// What was found.
    pub fn into_found(self) -> Vec<(PartitionKey, Found)> {
        self.found
    }

    /// Waits until there is enough, or the time is over.
    pub async fn wait(mut self) -> Vec<(PartitionKey, Found)> {
        let broker = self.broker.clone();
        let over = tokio::time::sleep(self.wanted.max_wait);
        let stopped = broker.stopping.cancelled();
        let isolation = self.settings.isolation;
        let (watch, changed) = (self.watch.clone(), self.changed.clone());
        tokio::pin!(over, stopped);
        let mut is_over = false;
        while !is_over {
            if !self.cold.is_empty() {
                let cold: Vec<FileRange> = std::mem::take(&mut self.cold);
                if let Some(cold) = ColdRanges::among(cold.iter().enumerate()) {
                    // What can't be read is told by who reads it next.
                    let _ = cold.load().await;
                }
                self.acquire(true);
                if self.has_found() {
                    return self.found;
                }
            }
            let missing = i64::try_from(self.wanted.min_bytes.max(1)).unwrap_or(i64::MAX);
            if watch.arm(missing, isolation) {
                tokio::select! {
                    biased;
                    () = watch.woken() => {}
                    () = changed.notified() => {}
                    () = &mut over => is_over = true,
                    () = &mut stopped => is_over = true,
                }
            }
            watch.disarm();
            for slot in watch.take_changed() {
                if let Some(target) = self.targets.get(slot as usize) {
                    target.interest.noticed();
                }
            }
            let has_enough = if is_over {
                self.acquire(true);
                true
            } else {
                self.attempt()
            };
            if has_enough {
                break;
            }
        }
        self.found
    }

    fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// How many bytes could be acquired.
    fn available_bytes(&mut self) -> usize {
        let mut bytes = 0;
        for at in 0..self.targets.len() {
            match self.step(at, None, true) {
                Step::Bytes(more) => bytes += more,
                // It ends the wait.
                Step::Found(found) => {
                    let key = self.targets[at].key;
                    self.found.push((key, found));
                }
                Step::Nothing | Step::Cold(_) => {}
            }
        }
        bytes
    }

    fn acquire(&mut self, may_be_cold: bool) {
        let mut records_left = i64::from(self.wanted.max_records);
        let count = i32::try_from(self.targets.len()).unwrap_or(i32::MAX).max(1);
        // As in Apache Kafka each may give as much as any other.
        let each = (self.wanted.max_bytes / count).max(1);
        for at in 0..self.targets.len() {
            if records_left <= 0 {
                break;
            }
            let key = self.targets[at].key;
            if self
                .found
                .iter()
                .any(|(known, found)| *known == key && found.error != ErrorCode::None)
            {
                continue;
            }
            match self.step(at, Some((each, records_left)), may_be_cold) {
                Step::Nothing | Step::Bytes(_) => {}
                Step::Cold(range) => self.cold.push(range),
                Step::Found(found) => {
                    let records = found.acquired.iter();
                    records_left -= records
                        .map(|records| records.last_offset - records.first_offset + 1)
                        .sum::<i64>();
                    self.found.push((key, found));
                }
            }
        }
    }

    /// Acquires from a partition, at most so many bytes and records; or only looks what is there.
    fn step(&mut self, at: usize, limits: Option<(i32, i64)>, may_be_cold: bool) -> Step {
        let ShareFetch {
            broker,
            wanted,
            settings,
            targets,
            changed,
            ..
        } = self;
        let Target {
            held,
            partition,
            interest,
            ..
        } = &targets[at];
        let mut state = held.lock();
        match &state.phase {
            Phase::Over(error) => return Step::Found(Found::failed(*error)),
            Phase::Loading => {
                state.wakes(changed);
                return Step::Nothing;
            }
            Phase::Active { .. } => {}
        }
        state.wakes(changed);
        let read = match partition {
            Ok(partition) => read(
                &mut state,
                partition,
                settings,
                limits.map_or(wanted.max_bytes, |(bytes, _)| bytes),
                interest,
            ),
            Err(error) => Err(*error),
        };
        let (fetch_offset, fetched) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Step::Nothing,
            Err(error) => {
                drop(state);
                if is_fenced(error) {
                    broker.shares().partitions.end(held, error);
                }
                return Step::Found(Found::failed(error));
            }
        };
        let Some(range) = fetched.records else {
            return Step::Nothing;
        };
        let Some((_, records_left)) = limits else {
            return Step::Bytes(range.len);
        };
        let first = FileRange {
            len: range.len.min(COLD_BYTES),
            ..range.clone()
        };
        if !may_be_cold && range.may_be_cold && !range.file.is_cached(first.position, first.len) {
            return Step::Cold(first);
        }
        let now_ms = broker.clock.monotonic_ms();
        let Some(core) = state.core() else {
            return Step::Nothing;
        };
        let max_records = i32::try_from(records_left).unwrap_or(i32::MAX);
        let ask = Acquire {
            member: &wanted.member,
            mode: wanted.mode,
            batch_size: wanted.batch_size,
            max_records,
            fetch_offset,
        };
        let behind = core.end_offset().max(fetch_offset).saturating_add(records_left);
        let aborted = fetched.aborted_transactions.unwrap_or_default();
        let batches = match Batches::read(&range, &aborted, behind) {
            Ok(batches) => batches,
            Err(error) => {
                if let Ok(partition) = partition {
                    partition.read_failed(error);
                }
                return Step::Found(Found::failed(ErrorCode::KafkaStorageError));
            }
        };
        let acquired = core.acquire(&ask, &batches.spans, &batches.aborted, &settings.group, now_ms);
        let records = batches.slice(&range, &acquired);
        arm_timer(broker, held, &mut state);
        if acquired.is_empty() {
            // Something may be there all the same: behind what was passed over.
            let moved = state
                .core()
                .is_some_and(|core| core.next_fetch_offset() != fetch_offset);
            if moved {
                changed.notify_one();
            }
            return Step::Nothing;
        }
        Step::Found(Found {
            error: ErrorCode::None,
            records,
            acquired,
        })
    }
}

/// Reads from where the share partition goes on; `None` if nothing may be acquired.
fn read(
    state: &mut HeldState,
    partition: &Partition,
    settings: &ShareSettings,
    max_bytes: i32,
    interest: &Arc<Interest>,
) -> Result<Option<(i64, FetchedPartition)>, ErrorCode> {
    let Some(core) = state.core() else { return Ok(None) };
    if !core.can_acquire(&settings.group) {
        return Ok(None);
    }
    let reader = Reader::Consumer(settings.isolation);
    let fetch = |core: &mut SharePartition| {
        let fetch_offset = core.next_fetch_offset();
        let request = FetchPartition {
            fetch_offset,
            log_start_offset: -1,
            max_bytes,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
        };
        let fetched = partition.fetch(&request, (max_bytes, true), reader, |_| Some(interest));
        fetched.map(|fetched| (fetch_offset, fetched))
    };
    match fetch(core) {
        Err(ErrorCode::OffsetOutOfRange) => {
            let earliest = partition.list_offset(OffsetQuery::Earliest, reader, -1)?;
            if let Some(earliest) = earliest.filter(|found| found.offset > core.start_offset()) {
                core.log_start_moved(earliest.offset);
                return fetch(core).map(Some);
            }
            Ok(None)
        }
        fetched => fetched.map(Some),
    }
}

/// The epoch in which this broker leads a partition.
fn led(broker: &Broker, (topic_id, partition): PartitionKey) -> Result<i32, ErrorCode> {
    let image = broker.image();
    let topic = image.topics.by_id(&topic_id).ok_or(ErrorCode::UnknownTopicId)?;
    let partition = topic
        .partition(partition)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if partition.leader == broker.node_id {
        Ok(partition.leader_epoch)
    } else {
        Err(ErrorCode::NotLeaderOrFollower)
    }
}
