//! One partition: its log, its part in replication and those who wait for it, under one short lock.
//!
//! Nothing awaits while the lock is held. Appends run inline on the connection's thread; there is no actor and no
//! queue. What the high watermark may do, [`core`] decides.

pub mod core;
pub mod fetch;
pub mod flush;
pub mod moving;
pub mod registry;
pub mod settings;
pub mod transaction;
pub mod waiters;

use std::sync::{Arc, Mutex, MutexGuard, Weak};

use arc_swap::{ArcSwap, Guard};
use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{AppendInfo, AppendOrigin, FetchSlice, Log, ProducerEntry, ReadBound, StorageError};
use tokio::sync::oneshot;
use uuid::Uuid;

use self::core::{Assignment, PartitionCore};
use self::fetch::{FetchPartition, FetchedPartition};
use self::flush::{FlushGate, Flusher};
use self::moving::Move;
use self::settings::TopicSettings;
use self::waiters::{Interest, Waiters};
use crate::log_dirs::DataDir;
use crate::network::response::FileRange;

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
    /// A consumer.
    Consumer(Isolation),
    /// A follower: to the end of the log.
    Follower,
    /// A tool that takes any replica's word.
    AnyReplica,
}

/// What ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetQuery {
    /// The end of what the reader may see.
    Latest,
    /// The start of the log.
    Earliest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The last record in tiered storage: there is none.
    LatestTiered,
    /// The first record that waits to be tiered: there is none.
    EarliestPendingUpload,
    /// The first record at or after a time, milliseconds since the epoch.
    Timestamp(i64),
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The record's timestamp, -1 where a place was asked for.
    pub timestamp: i64,
    /// The offset.
    pub offset: i64,
    /// The leader epoch it was written in, -1 if unknown.
    pub leader_epoch: i32,
}

/// One partition on this broker.
pub struct Partition {
    id: TopicPartition,
    settings: ArcSwap<TopicSettings>,
    flusher: Arc<Flusher>,
    /// Itself, for the flusher's queue.
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
}

impl Partition {
    /// A partition with the part in it that the metadata gives this broker. `flusher` syncs its log; without a log its `dir`
    /// has failed.
    pub fn new(
        id: TopicPartition,
        node_id: i32,
        assignment: Assignment,
        settings: Arc<TopicSettings>,
        dir: Arc<DataDir>,
        mut log: Option<Log>,
        flusher: Arc<Flusher>,
    ) -> Arc<Self> {
        let (log_end_offset, high_watermark) = log.as_ref().map_or((0, 0), |log| {
            (log.log_end_offset(), log.checkpointed_high_watermark())
        });
        let core = PartitionCore::new(node_id, assignment, log_end_offset, high_watermark);
        if let Some(log) = &mut log {
            log.high_watermark_updated(core.high_watermark());
        }
        let state = State {
            log,
            core,
            waiters: Waiters::default(),
            gate: FlushGate::default(),
        };
        let partition = Arc::new_cyclic(|itself| Partition {
            id,
            settings: ArcSwap::new(settings),
            flusher,
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
        if let Some(log) = &mut self.lock().log {
            log.set_config(settings.log.clone());
        }
        self.settings.store(settings);
    }

    /// Takes over a change of leader, epoch or ISR.
    pub fn assign(&self, assignment: Assignment) {
        let mut state = self.lock();
        let epoch_before = state.core.leader_epoch();
        state.core.assign(assignment);
        if state.core.leader_epoch() != epoch_before {
            state.waiters.interrupt(ErrorCode::NotLeaderOrFollower);
            state.begin_epoch(&self.id);
        }
    }

    /// Appends validated batches as the leader: their offsets and leader epoch are patched in place.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR and those of idempotent producers.
    pub fn append(
        &self,
        batches: &mut [u8],
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<AppendInfo, ErrorCode> {
        self.append_checked(batches, origin, now_ms, |_| Ok(()))
    }

    /// Appends if `check` finds nothing against it in the log.
    fn append_checked(
        &self,
        batches: &mut [u8],
        origin: AppendOrigin,
        now_ms: i64,
        check: impl FnOnce(&mut Log) -> Result<(), StorageError>,
    ) -> Result<AppendInfo, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        let State { log, core, gate, .. } = &mut *state;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let appended = check(log)
            .and_then(|()| log.append(batches, core.leader_epoch(), origin, now_ms))
            .map_err(|error| self.failed(&error))?;
        let enqueue = gate.appended(log, i64::from(appended.bytes));
        state.advance();
        drop(state);
        if enqueue {
            self.flusher.enqueue(&self.itself);
        }
        Ok(appended)
    }

    /// Whether enough replicas are in sync for acks=all.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS.
    pub fn check_in_sync(&self) -> Result<(), ErrorCode> {
        let state = self.lock();
        state.core.check_leader()?;
        let required = usize::try_from(self.settings().config.min_insync_replicas).unwrap_or(0);
        if state.core.isr_len() < required {
            Err(ErrorCode::NotEnoughReplicas)
        } else {
            Ok(())
        }
    }

    /// Waits until `required_offset` is committed; `None` if it is already.
    pub fn wait_for_commit(&self, required_offset: i64) -> Option<oneshot::Receiver<Result<(), ErrorCode>>> {
        let mut state = self.lock();
        let committed = state.core.high_watermark() >= required_offset;
        (!committed).then(|| state.waiters.add_ack(required_offset))
    }

    /// Waits until what `flush.messages` asks to be on disk is so up to `required_offset`; `None` if it is already.
    pub fn wait_for_flush(&self, required_offset: i64) -> Option<oneshot::Receiver<Result<(), ErrorCode>>> {
        let mut state = self.lock();
        let flushed = state.acknowledgeable_end() >= required_offset;
        (!flushed).then(|| state.waiters.add_flush(required_offset))
    }

    /// Reads for a consumer: at most `max_bytes`, but a first batch whole if `min_one_message`. `interest` hears of every
    /// change from this moment on.
    ///
    /// # Errors
    /// What is wrong with leader, epoch or offset, KAFKA_STORAGE_ERROR, UNKNOWN_SERVER_ERROR for a negative limit where
    /// there are records.
    pub fn fetch(
        &self,
        request: &FetchPartition,
        max_bytes: i32,
        min_one_message: bool,
        isolation: Isolation,
        interest: Option<&Arc<Interest>>,
    ) -> Result<FetchedPartition, ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State {
            log, core, waiters, ..
        } = &mut *guard;
        core.check_epoch(request.current_leader_epoch)?;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if let Some(interest) = interest {
            waiters.register(interest);
        }
        let high_watermark = core.high_watermark();
        let mut fetched = FetchedPartition {
            error: ErrorCode::None,
            high_watermark,
            last_stable_offset: log.last_stable_offset(high_watermark),
            log_start_offset: log.log_start_offset(),
            diverging: None,
            aborted_transactions: None,
            records: None,
            is_at_end: false,
        };
        if request.last_fetched_epoch >= 0 {
            fetched.diverging = diverging(log, core, request)
                .map_err(|error| error.unwrap_or(ErrorCode::OffsetOutOfRange))?;
            if fetched.diverging.is_some() {
                return Ok(fetched);
            }
        }
        let (bound, end) = match isolation {
            Isolation::ReadUncommitted => (ReadBound::HighWatermark(high_watermark), high_watermark),
            Isolation::ReadCommitted => (
                ReadBound::LastStable(fetched.last_stable_offset),
                fetched.last_stable_offset,
            ),
        };
        fetched.is_at_end = request.fetch_offset >= end;
        let has_records = (log.log_start_offset()..high_watermark).contains(&request.fetch_offset);
        let max_bytes = match u32::try_from(max_bytes) {
            Ok(max_bytes) => max_bytes,
            Err(_) if has_records => return Err(ErrorCode::UnknownServerError),
            Err(_) => 0,
        };
        let slice = log
            .read(request.fetch_offset, max_bytes, bound, min_one_message)
            .map_err(|error| self.failed(&error))?;
        fetched.aborted_transactions = slice.aborted_transactions;
        // A part of a first batch helps nobody: the client could not read it, and would ask again for the same.
        fetched.records = slice
            .file
            .filter(|_| slice.len > 0 && !slice.first_batch_incomplete)
            .map(|file| FileRange {
                file,
                position: slice.position,
                len: slice.len as usize,
                may_be_cold: slice.may_be_cold,
            });
        Ok(fetched)
    }

    /// Reads what was appended from `offset` on, up to the end of the log, for those who load their state from it.
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

    /// Deletes the records before `offset`, or before the high watermark where it is -1; answers the new low watermark.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION where records go by compaction alone, OFFSET_OUT_OF_RANGE,
    /// KAFKA_STORAGE_ERROR.
    pub fn delete_records(&self, offset: i64) -> Result<i64, ErrorCode> {
        self.check_online()?;
        const HIGH_WATERMARK: i64 = -1;
        let compacted_only = {
            let settings = self.settings();
            settings.validation.compacted && !settings.log.cleanup_delete
        };
        let mut guard = self.lock();
        let State {
            log, core, waiters, ..
        } = &mut *guard;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if compacted_only {
            return Err(ErrorCode::PolicyViolation);
        }
        let high_watermark = core.high_watermark();
        let offset = if offset == HIGH_WATERMARK {
            high_watermark
        } else {
            offset
        };
        if offset < 0 {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        log.advance_log_start_offset(offset, high_watermark)
            .map_err(|error| self.failed(&error))?;
        waiters.log_start_moved();
        Ok(log.log_start_offset())
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

    /// What ListOffsets asks for; `None` when there is no such record.
    ///
    /// # Errors
    /// What is wrong with leader or epoch, KAFKA_STORAGE_ERROR.
    pub fn list_offset(
        &self,
        query: OffsetQuery,
        reader: Reader,
        current_leader_epoch: i32,
    ) -> Result<Option<FoundOffset>, ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State { log, core, .. } = &mut *guard;
        core.check_epoch(current_leader_epoch)?;
        if reader != Reader::AnyReplica {
            core.check_leader()?;
        }
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let end = match reader {
            Reader::Consumer(Isolation::ReadUncommitted) => core.high_watermark(),
            Reader::Consumer(Isolation::ReadCommitted) => log.last_stable_offset(core.high_watermark()),
            Reader::Follower | Reader::AnyReplica => log.log_end_offset(),
        };
        let place = |offset, leader_epoch| {
            Some(FoundOffset {
                timestamp: -1,
                offset,
                leader_epoch,
            })
        };
        let found = match query {
            OffsetQuery::Latest => return Ok(place(end, core.leader_epoch())),
            OffsetQuery::Earliest => {
                let start = log.log_start_offset();
                let leader_epoch = log.epoch_for_offset(start).map_err(|error| self.failed(&error))?;
                return Ok(place(start, leader_epoch.unwrap_or(-1)));
            }
            OffsetQuery::LatestTiered | OffsetQuery::EarliestPendingUpload => return Ok(None),
            OffsetQuery::MaxTimestamp => log.offset_of_max_timestamp(),
            OffsetQuery::Timestamp(timestamp_ms) => log.offset_for_timestamp(timestamp_ms),
        };
        let found = found.map_err(|error| self.failed(&error))?;
        Ok(found.filter(|found| found.offset < end).map(|found| FoundOffset {
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: found.leader_epoch,
        }))
    }

    /// Where the records of `leader_epoch` end: the greatest epoch not above it, and the offset after its last record.
    /// -1 and -1 if nothing is known of it.
    ///
    /// # Errors
    /// What is wrong with leader or epoch, KAFKA_STORAGE_ERROR.
    pub fn end_offset_for_epoch(
        &self,
        leader_epoch: i32,
        current_leader_epoch: i32,
    ) -> Result<(i32, i64), ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State { log, core, .. } = &mut *guard;
        core.check_epoch(current_leader_epoch)?;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let end = log
            .end_offset_for_epoch(leader_epoch)
            .map_err(|error| self.failed(&error))?;
        Ok(end.map_or((-1, -1), |end| (end.leader_epoch, end.end_offset)))
    }

    /// The producers that have written lately.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn active_producers(&self) -> Result<Vec<ProducerEntry>, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        state.core.check_leader()?;
        let log = state.log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.active_producers().map_err(|error| self.failed(&error))
    }

    /// Takes the log out, with the high watermark, because the partition is deleted or the process stops. Whoever
    /// waits gets `error`.
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

    /// Lets `act` do something to the log and its high watermark under the lock: flushes, checkpoints, shutdown. `None`
    /// where there is no log, or none that can be relied on.
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
        if let Err(error) = log.assign_leader_epoch(self.core.leader_epoch()) {
            tracing::error!(topic = %id.topic, partition = id.partition, %error, "the leader epoch was not noted");
        }
    }
}

/// Where the client's log has left ours, if it has (KIP-595).
///
/// # Errors
/// `None` when nothing is known of the client's epoch: its offset is out of range.
fn diverging(
    log: &mut Log,
    core: &PartitionCore,
    request: &FetchPartition,
) -> Result<Option<(i32, i64)>, Option<ErrorCode>> {
    if request.last_fetched_epoch > core.leader_epoch() {
        return Err(None);
    }
    let end = log
        .end_offset_for_epoch(request.last_fetched_epoch)
        .map_err(|error| Some(error.error_code()))?;
    let end = end.ok_or(None)?;
    let diverged = end.leader_epoch < request.last_fetched_epoch || end.end_offset < request.fetch_offset;
    Ok(diverged.then_some((end.leader_epoch, end.end_offset)))
}
