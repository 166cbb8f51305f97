//! Acquiring from one partition: reading where its share partition goes on, and taking what was read.
//!
//! Both are one step under the lock of the share partition, so that nobody else comes to read the same. The
//! records go from the page cache to the socket; of them only headers are looked at.

use std::sync::Arc;
use std::time::Duration;

use barnabas_network::response::FileRange;
use barnabas_protocol::error::ErrorCode;
use barnabas_replica::partition::fetch::{FetchPartition, FetchedPartition};
use barnabas_replica::partition::offsets::OffsetQuery;
use barnabas_replica::partition::waiters::Interest;
use barnabas_replica::partition::{Partition, Reader};
use barnabas_share::{Acquire, AcquireMode, AcquiredRecords, GroupSettings, MemberId, SharePartition};
use tokio::sync::Notify;

use super::ShareSettings;
use super::batches::Batches;
use super::held::{Held, HeldState, Phase};
use super::look::{LOOK_BYTES, Looking, Selecting};
use super::partitions::{self, arm_timer, is_fenced, times};
use super::sessions::PartitionKey;
use crate::broker::Broker;

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

/// Who asks, and for what.
pub struct Asking {
    /// Where.
    pub broker: Arc<Broker>,
    /// What the member wants.
    pub wanted: Wanted,
    /// The group's settings.
    pub settings: ShareSettings,
    /// What else than records may be there: records given back, room, a state that was read.
    pub changed: Arc<Notify>,
}

/// A partition that is fetched from.
pub struct Target {
    /// Which.
    pub key: PartitionKey,
    /// The group's share partition.
    pub held: Arc<Held>,
    /// The partition itself.
    pub partition: Result<Arc<Partition>, ErrorCode>,
    /// What tells of records that are appended.
    pub interest: Arc<Interest>,
    /// `barnabas.delivery.delay.ms` of its topic, where it is set.
    pub delay_ms: Option<i64>,
}

/// What came of one look at a partition.
pub enum Step {
    /// Nothing to acquire.
    Nothing,
    /// So many bytes could be.
    Bytes(usize),
    /// Records, or an error.
    Found(Found),
    /// These records have to be read back first.
    Cold(FileRange),
}

impl Target {
    /// Whether its state has been read, and still counts.
    pub fn is_active(&self) -> bool {
        matches!(self.held.lock().phase, Phase::Active { .. })
    }

    /// Acquires from a partition, at most so many bytes and records; or only looks what is there.
    pub fn step(&self, asking: &Asking, limits: Option<(i32, i64)>, may_be_cold: bool) -> Step {
        let Asking {
            broker,
            wanted,
            settings,
            changed,
        } = asking;
        let Target {
            held,
            partition,
            interest,
            ..
        } = self;
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
        let group = self.group_settings(settings);
        let max_bytes = limits.map_or(wanted.max_bytes, |(bytes, _)| bytes);
        if let Some(core) = state.core() {
            core.prepare(&group, times(broker));
        }
        let selector = state.selector(settings.selector.as_deref());
        let read = match partition {
            Ok(partition) => read(&mut state, partition, (settings, &group), max_bytes, interest),
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
        let now = times(broker);
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
        let looks = group.extensions.look();
        let behind = core.end_offset().max(fetch_offset).saturating_add(records_left);
        let aborted = fetched.aborted_transactions.unwrap_or_default();
        let failed = |error| {
            if let Ok(partition) = partition {
                partition.read_failed(error);
            }
            Step::Found(Found::failed(ErrorCode::KafkaStorageError))
        };
        let behind = if looks { i64::MAX } else { behind };
        let mut batches = match Batches::read(&range, &aborted, behind) {
            Ok(batches) => batches,
            Err(error) => return failed(error),
        };
        let mut passed = None;
        if looks {
            let selector = selector.map(|selector| Selecting {
                selector,
                topic: self.topic_name(broker),
            });
            let looked = match self.looking(&group, selector).look(core, &range, &batches) {
                Ok(looked) => looked,
                Err(error) => return failed(error),
            };
            passed = core.look(fetch_offset, &batches.spans, &looked, &group, now);
            batches.aborted.clear();
        }
        let spans = (&batches.spans, &batches.aborted);
        let acquired = core.acquire(&ask, spans.0, spans.1, &group, now.monotonic_ms);
        let records = batches.slice(&range, &acquired);
        if let Some(write) = passed {
            drop(partitions::submit(broker, held, &mut state, write));
        }
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

impl Target {
    /// The group's settings for this partition: its topic may have delays.
    fn group_settings(&self, settings: &ShareSettings) -> GroupSettings {
        let mut group = settings.group;
        group.extensions.deliver_at |= self.delay_ms.is_some();
        group
    }

    fn topic_name(&self, broker: &Broker) -> String {
        let image = broker.image();
        let topic = image.topics.by_id(&self.key.0);
        topic.map_or_else(String::new, |topic| topic.name.to_string())
    }

    fn looking(&self, group: &GroupSettings, selecting: Option<Selecting>) -> Looking {
        Looking {
            deliver_at: group.extensions.deliver_at,
            delay_ms: self.delay_ms,
            key_order: group.extensions.key_order,
            selecting,
        }
    }
}

/// Reads from where the share partition goes on; `None` if nothing may be acquired.
fn read(
    state: &mut HeldState,
    partition: &Partition,
    (settings, group): (&ShareSettings, &GroupSettings),
    max_bytes: i32,
    interest: &Arc<Interest>,
) -> Result<Option<(i64, FetchedPartition)>, ErrorCode> {
    let Some(core) = state.core() else { return Ok(None) };
    if !core.can_acquire(group) {
        return Ok(None);
    }
    let max_bytes = if group.extensions.look() {
        max_bytes.min(LOOK_BYTES)
    } else {
        max_bytes
    };
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
