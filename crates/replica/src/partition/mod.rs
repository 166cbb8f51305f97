//! One partition: its log, its part in replication and those who wait for it, under one short lock.
//!
//! Nothing awaits while the lock is held. Appends run inline on the connection's thread; there is no actor
//! and no queue. What the high watermark may do, [`core`] decides.

pub mod append;
pub mod core;
pub mod delete_records;
mod directory;
pub mod fetch;
pub mod flush;
pub mod follow;
mod found;
mod isr;
mod maps;
pub mod moving;
pub mod offsets;
pub mod registry;
#[cfg(test)]
mod replicas_tests;
pub mod replication_quota;
pub mod settings;
pub mod shared;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod waiters;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use arc_swap::{ArcSwap, Guard};
use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{FetchSlice, Log, ProducerEntry, ReadBound, StorageError};
use uuid::Uuid;

use self::core::{AliveBroker, Assignment, FollowerId, PartitionCore};
use self::flush::FlushGate;
use self::moving::Move;
use self::settings::TopicSettings;
use self::shared::Shared;
use self::waiters::Waiters;
use crate::log_dirs::DataDir;

/// Names a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: i32,
}

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All below the high watermark.
    ReadUncommitted,
    /// Those of transactions only once they are decided: all below the last stable offset.
    ReadCommitted,
}

/// Who reads, and so how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A consumer that knows of leaders only.
    Consumer(Isolation),
    /// A consumer that may read from followers too (KIP-392).
    ConsumerAnywhere(Isolation),
    /// A follower: to the end of the log.
    Follower(FollowerId),
    /// A tool that takes any replica's word.
    AnyReplica,
}

impl Reader {
    /// Which records a consumer may see; all for whoever isn't one.
    pub fn isolation(self) -> Isolation {
        match self {
            Reader::Consumer(isolation) | Reader::ConsumerAnywhere(isolation) => isolation,
            Reader::Follower(_) | Reader::AnyReplica => Isolation::ReadUncommitted,
        }
    }
}

/// One partition on this broker.
pub struct Partition {
    id: TopicPartition,
    settings: ArcSwap<TopicSettings>,
    shared: Arc<Shared>,
    /// Itself, for the queues.
    itself: Weak<Partition>,
    /// The data folder the log lies in.
    dir: ArcSwap<DataDir>,
    /// Where the log is on its way to. Its lock is taken before the state's.
    moving: Mutex<Option<Arc<Move>>>,
    state: Mutex<State>,
}

struct State {
    /// `None` once the partition was deleted, and where its log can't be found.
    log: Option<Log>,
    core: PartitionCore,
    waiters: Waiters,
    gate: FlushGate,
    /// It waits in the queue of those whose ISR should change.
    in_isr_queue: bool,
    /// The log directory that the metadata says it lies in.
    noted_dir: Uuid,
    /// It waits in the queue of those that lie elsewhere.
    in_dir_queue: bool,
}

impl Partition {
    /// A partition with the part in it that the metadata gives this broker. Without a log its `dir` has
    /// failed.
    pub fn new(
        id: TopicPartition,
        node_id: i32,
        assignment: Assignment,
        settings: Arc<TopicSettings>,
        dir: Arc<DataDir>,
        mut log: Option<Log>,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        let (log_end_offset, high_watermark) = log.as_ref().map_or((0, 0), |log| {
            (log.log_end_offset(), log.checkpointed_high_watermark())
        });
        let core = PartitionCore::new(
            node_id,
            assignment,
            settings.config.min_insync_replicas,
            (log_end_offset, high_watermark),
            shared.clock.monotonic_ms(),
        );
        if let Some(log) = &mut log {
            log.high_watermark_updated(core.high_watermark());
        }
        let state = State {
            log,
            core,
            waiters: Waiters::default(),
            gate: FlushGate::default(),
            in_isr_queue: false,
            noted_dir: Uuid::nil(),
            in_dir_queue: false,
        };
        let partition = Arc::new_cyclic(|itself| Partition {
            id,
            settings: ArcSwap::new(settings),
            shared,
            itself: itself.clone(),
            dir: ArcSwap::new(dir),
            moving: Mutex::default(),
            state: Mutex::new(state),
        });
        partition.lock().begin_epoch(&partition.id);
        partition
    }

    /// Its name.
    pub fn id(&self) -> &TopicPartition {
        &self.id
    }

    /// Its topic's settings in effect.
    pub fn settings(&self) -> Guard<Arc<TopicSettings>> {
        self.settings.load()
    }

    /// Whether what this broker's leader sends to replicas out of sync counts for its quota.
    pub fn is_throttled_leader(&self) -> bool {
        let quotas = &self.shared.quotas;
        quotas.leader.is_limited() && self.settings().throttled.0.has(self.id.partition, quotas.node_id)
    }

    /// Whether what this broker's follower takes counts for its quota.
    pub fn is_throttled_follower(&self) -> bool {
        let quotas = &self.shared.quotas;
        quotas.follower.is_limited() && self.settings().throttled.1.has(self.id.partition, quotas.node_id)
    }

    /// The data folder its log lies in.
    pub fn dir(&self) -> Guard<Arc<DataDir>> {
        self.dir.load()
    }

    /// Whether its data folder has failed.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR if it has.
    pub fn check_online(&self) -> Result<(), ErrorCode> {
        if self.dir.load().is_failed() {
            Err(ErrorCode::KafkaStorageError)
        } else {
            Ok(())
        }
    }

    /// Takes over changed settings.
    pub fn configure(&self, settings: Arc<TopicSettings>) {
        let mut state = self.lock();
        if let Some(log) = &mut state.log {
            log.set_config(settings.log.clone());
        }
        state.change(|core| core.configure(settings.config.min_insync_replicas));
        drop(state);
        self.settings.store(settings);
    }

    /// Takes over a change of leader, epoch or ISR.
    pub fn assign(&self, assignment: Assignment) {
        let now_ms = self.shared.clock.monotonic_ms();
        let mut state = self.lock();
        let epoch_before = state.core.leader_epoch();
        state.change(|core| core.assign(assignment, now_ms));
        if state.core.leader_epoch() != epoch_before {
            state.waiters.interrupt(ErrorCode::NotLeaderOrFollower);
            state.begin_epoch(&self.id);
        }
        drop(state);
        self.look_for_joins();
    }

    /// Takes over which of the other brokers are alive.
    pub fn brokers_changed(&self, alive: &[AliveBroker]) {
        self.lock().change(|core| core.brokers_changed(alive));
        self.look_for_joins();
    }

    /// Reads what was appended from `offset` on, up to the end of the log, for those who load their state
    /// from it.
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR.
    pub fn read(&self, offset: i64, max_bytes: u32) -> Result<FetchSlice, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        let log = state.log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.read(offset, max_bytes, ReadBound::LogEnd, true)
            .map_err(|error| self.failed(&error))
    }

    /// First and end offset of the log.
    pub fn offsets(&self) -> (i64, i64) {
        let state = self.lock();
        state
            .log
            .as_ref()
            .map_or((0, 0), |log| (log.log_start_offset(), log.log_end_offset()))
    }

    /// Size of the log in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.lock().log.as_ref().map_or(0, Log::size_bytes)
    }

    /// The producers that have written lately, as this replica knows them: a follower answers too.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn active_producers(&self) -> Result<Vec<ProducerEntry>, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        let log = state.log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.active_producers().map_err(|error| self.failed(&error))
    }

    /// Takes the log out, with the high watermark, because the partition is deleted or the process stops.
    /// Whoever waits gets `error`.
    pub fn take_log(&self, error: ErrorCode) -> Option<(Log, i64)> {
        let mut state = self.lock();
        state.waiters.interrupt(error);
        let high_watermark = state.core.high_watermark();
        if let Some(log) = &mut state.log {
            log.abort_cleaning();
        }
        state.log.take().map(|log| (log, high_watermark))
    }

    /// Wakes all who wait; producers get `error`.
    pub fn interrupt(&self, error: ErrorCode) {
        self.lock().waiters.interrupt(error);
    }

    /// Lets `act` do something to the log and its high watermark under the lock: flushes, checkpoints,
    /// shutdown. `None` where there is no log, or none that can be relied on.
    pub fn with_log<T>(&self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T> {
        self.check_online().ok()?;
        let mut guard = self.lock();
        let State {
            log, core, waiters, ..
        } = &mut *guard;
        let log = log.as_mut()?;
        let start_before = log.log_start_offset();
        let outcome = act(log, core.high_watermark());
        if log.log_start_offset() != start_before {
            waiters.log_start_moved();
        }
        Some(outcome)
    }

    /// Records of the log could not be read from the disk.
    pub fn read_failed(&self, error: io::Error) {
        let path = self
            .with_log(|log, _| PathBuf::from(log.folder()))
            .unwrap_or_default();
        self.failed(&StorageError::Io {
            action: "read",
            path,
            source: error,
        });
    }

    fn failed(&self, error: &StorageError) -> ErrorCode {
        let code = error.error_code();
        if code == ErrorCode::KafkaStorageError {
            tracing::error!(topic = %self.id.topic, partition = self.id.partition, %error, "the log failed");
            self.dir.load().note(error);
        }
        code
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    /// Notes in the log that a new leader epoch begins at its end, if this broker leads.
    fn begin_epoch(&mut self, id: &TopicPartition) {
        let (Some(log), Ok(())) = (&mut self.log, self.core.check_leader()) else {
            return;
        };
        if let Err(error) = log.assign_leader_epoch(self.core.leader_epoch().0) {
            tracing::error!(topic = %id.topic, partition = id.partition, %error, "the leader epoch was not noted");
        }
    }
}
