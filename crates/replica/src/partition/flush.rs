//! Flushing for `flush.messages`: an append that is due waits for a sync that others share.
//!
//! Apache Kafka syncs in the append, under the log's lock, and only then moves the high watermark. Here the
//! append leaves its partition in the queue of the [`Flusher`], and the high watermark waits at the
//! [`FlushGate`] until a thread has synced the log. Appends that come meanwhile are served together by the
//! next sync: one for all who wait.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use barnabas_environment::Threads;
use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{Log, LogFlush, StorageError};

use super::core::PartitionCore;
use super::{Partition, State};

/// Partitions that are synced at the same time. File systems commit syncs together that come together.
const THREADS_MAX: usize = 8;

/// How many bytes a part of what was appended has, or the end of a transaction reveals: readers look for
/// themselves.
const NOT_KNOWN: i64 = i64::MAX;

/// How far a partition's log may be acknowledged.
#[derive(Debug, Default)]
pub(super) struct FlushGate {
    /// All before this must be on disk before anything behind what is on disk is acknowledged.
    required: i64,
    /// In the flusher's queue, or being flushed.
    queued: bool,
    /// Bytes appended since the high watermark last came to the log's end.
    unannounced_bytes: i64,
}

impl FlushGate {
    /// Counts an append; answers whether the partition has to go into the flusher's queue.
    pub fn appended(&mut self, log: &Log, bytes: i64) -> bool {
        self.unannounced_bytes += bytes;
        if log.flush_is_due() {
            self.required = log.log_end_offset();
        }
        let enqueue = !self.queued && self.is_shut(log);
        self.queued |= enqueue;
        enqueue
    }

    /// How many bytes the high watermark's move shows to readers.
    fn announce(&mut self, all: bool) -> i64 {
        if all {
            std::mem::take(&mut self.unannounced_bytes)
        } else {
            NOT_KNOWN
        }
    }

    fn is_shut(&self, log: &Log) -> bool {
        log.recovery_point() < self.required
    }

    /// The offset up to which appends may be acknowledged.
    pub fn end(&self, log: &Log) -> i64 {
        if self.is_shut(log) {
            log.recovery_point()
        } else {
            log.log_end_offset()
        }
    }
}

impl State {
    /// The offset up to which appends may be acknowledged as far as this broker's disk is concerned.
    pub(super) fn acknowledgeable_end(&self) -> i64 {
        self.log.as_ref().map_or(0, |log| self.gate.end(log))
    }

    /// Moves the high watermark as far as the log lets it, and wakes those who waited for that.
    pub(super) fn advance(&mut self) {
        let Some(log) = &self.log else { return };
        let end = self.gate.end(log);
        self.waiters.flushed(end);
        self.change(|core| core.appended(end));
    }

    /// Lets `act` tell the core what has changed. If it answers that this moved the high watermark, those who
    /// waited for that are woken.
    pub(super) fn change(&mut self, act: impl FnOnce(&mut PartitionCore) -> bool) {
        let State {
            log,
            core,
            waiters,
            gate,
            ..
        } = self;
        let before = core.high_watermark();
        let stable_before = log.as_ref().map(|log| log.last_stable_offset(before));
        if !act(core) {
            return;
        }
        let (Some(log), Some(stable_before)) = (log, stable_before) else {
            return;
        };
        let high_watermark = core.high_watermark();
        log.high_watermark_updated(high_watermark);
        let bytes = gate.announce(high_watermark == log.log_end_offset());
        let stable = log.last_stable_offset(high_watermark);
        let stable_bytes = match stable {
            _ if stable_before == before && stable == high_watermark => bytes,
            _ if stable > stable_before => NOT_KNOWN,
            _ => 0,
        };
        waiters.advanced(high_watermark, bytes, stable_bytes);
    }
}

impl Partition {
    /// Syncs all that was written. The partition's lock is free meanwhile.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR: the log is offline.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.flush_what(Log::begin_flush)
    }

    /// Syncs segments that were closed, so that a crash costs a check of the last ones only. The partition's
    /// lock is free meanwhile.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR: the log is offline.
    pub fn flush_rolled(&self) -> Result<(), StorageError> {
        self.flush_what(Log::begin_rolled_flush)
    }

    fn flush_what(
        &self,
        begin: fn(&mut Log) -> Result<Option<LogFlush>, StorageError>,
    ) -> Result<(), StorageError> {
        let Some(flush) = self.with_log(|log, _| begin(log)).transpose()?.flatten() else {
            return Ok(());
        };
        let outcome = flush.run();
        let noted = self
            .with_log(|log, _| log.flushed(&flush, outcome))
            .unwrap_or(Ok(()));
        self.lock().advance();
        noted
    }

    /// A turn of the flusher; answers whether another is needed already.
    pub(super) fn flush_for_waiters(&self) -> bool {
        let flushed = self.flush();
        let mut state = self.lock();
        if let Err(error) = flushed {
            let code = self.failed(&error);
            state.waiters.interrupt(code);
            state.gate = FlushGate::default();
            return false;
        }
        let State { log, gate, .. } = &mut *state;
        gate.queued = log.as_ref().is_some_and(|log| gate.is_shut(log));
        gate.queued
    }
}

/// The threads that sync, and what waits for them. Threads start when there is something to do, and end with
/// the value. A node without threads of its own syncs on the runtime, whenever there is something to do.
pub struct Flusher {
    threads: Threads,
    threads_max: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    partitions: VecDeque<Weak<Partition>>,
    threads: usize,
    idle: usize,
    stopped: bool,
}

impl Flusher {
    /// One with nothing to do.
    pub fn new(threads: Threads) -> Flusher {
        Flusher {
            threads,
            threads_max: match threads {
                Threads::Own => THREADS_MAX,
                Threads::Runtime => 1,
            },
            shared: Arc::default(),
        }
    }

    /// Has a partition flushed.
    pub fn enqueue(&self, partition: &Weak<Partition>) {
        let mut queue = self.shared.lock();
        queue.partitions.push_back(partition.clone());
        if queue.idle >= queue.partitions.len() || queue.threads == self.threads_max {
            drop(queue);
            self.shared.filled.notify_one();
            return;
        }
        queue.threads += 1;
        let shared = self.shared.clone();
        let work = match self.threads {
            Threads::Own => Shared::run,
            Threads::Runtime => Shared::run_once,
        };
        let started = self.threads.spawn("flush", move || work(&shared));
        if let Err(error) = started {
            tracing::error!(%error, "a thread that flushes could not be started");
            queue.threads -= 1;
            if queue.threads == 0 {
                refuse(std::mem::take(&mut queue.partitions));
            }
        }
    }
}

/// Nobody can flush these.
fn refuse(partitions: VecDeque<Weak<Partition>>) {
    for partition in partitions.iter().filter_map(Weak::upgrade) {
        let mut state = partition.lock();
        state.waiters.interrupt(ErrorCode::KafkaStorageError);
        state.gate.queued = false;
    }
}

impl Shared {
    fn run(&self) {
        let mut queue = self.lock();
        while !queue.stopped {
            let Some(next) = queue.partitions.pop_front() else {
                queue.idle += 1;
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
                continue;
            };
            drop(queue);
            queue = self.flush(next);
        }
    }

    /// Does what there is to do, and ends.
    fn run_once(&self) {
        let mut queue = self.lock();
        while let Some(next) = queue.partitions.pop_front() {
            drop(queue);
            queue = self.flush(next);
        }
        queue.threads -= 1;
    }

    fn flush(&self, partition: Weak<Partition>) -> MutexGuard<'_, Queue> {
        let again = partition
            .upgrade()
            .is_some_and(|partition| partition.flush_for_waiters());
        let mut queue = self.lock();
        if again {
            queue.partitions.push_back(partition);
        }
        queue
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.filled.notify_all();
    }
}
