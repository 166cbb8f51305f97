//! One shard on this broker: its state machine and the log it writes.
//!
//! Everything a shard does happens under its lock and on the thread that asks. What is decided is appended and replayed
//! before the lock is released; answers leave when the log's high watermark has passed what was appended, so that nobody is
//! told what another leader would not know.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;

use super::load::{LoadError, read_log};
use super::machine::Machine;
use super::write::{client_error, write};
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::core::LeaderEpoch;

/// A log up to this size is loaded by the first request that needs it; the loader thread takes care of larger ones.
const LOAD_INLINE_BYTES: u64 = 1 << 20;
/// What stands for no deadline.
pub(super) const NO_DEADLINE: i64 = i64::MAX;

/// An answer, and the offset that must be committed before it may leave.
pub struct Answered<T> {
    pub(super) value: T,
    pub(super) end_offset: i64,
}

/// A shard of a coordinator.
pub struct Shard<M: Machine> {
    partition: Arc<Partition>,
    pub(super) leader_epoch: LeaderEpoch,
    setup: M::Setup,
    compression: Compression,
    stage: Mutex<Stage<M>>,
    deadline_ms: AtomicI64,
}

enum Stage<M> {
    /// Not needed yet.
    Pending,
    /// The loader thread reads the log.
    Loading,
    Active(Box<Active<M>>),
    /// The log is not what it should be.
    Failed,
    /// Another broker leads.
    Resigned,
}

struct Active<M> {
    machine: M,
    /// After the last record appended.
    end_offset: i64,
}

impl<M: Machine> Shard<M> {
    /// The shard of a partition that this broker leads since `leader_epoch`.
    pub(super) fn new(
        partition: Arc<Partition>,
        leader_epoch: LeaderEpoch,
        setup: M::Setup,
        compression: Compression,
    ) -> Shard<M> {
        Shard {
            partition,
            leader_epoch,
            setup,
            compression,
            stage: Mutex::new(Stage::Pending),
            deadline_ms: AtomicI64::new(NO_DEADLINE),
        }
    }

    pub(super) fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }

    /// Whether there is anything in the log to load.
    pub(super) fn has_records(&self) -> bool {
        let (start, end) = self.partition.offsets();
        start < end
    }

    /// Whether it holds anything, or may once it is loaded.
    pub(super) fn is_used(&self) -> bool {
        matches!(*self.lock(), Stage::Active(_)) || self.has_records()
    }

    /// Lets `act` see the state machine if it is loaded.
    pub(super) fn if_loaded(&self, act: impl FnOnce(&mut M)) {
        if let Stage::Active(active) = &mut *self.lock() {
            act(&mut active.machine);
        }
    }

    /// When [`Self::run_timers`] is due; may be early.
    pub(super) fn deadline_ms(&self) -> i64 {
        self.deadline_ms.load(Ordering::Acquire)
    }

    /// Lets `act` ask the state machine and appends the records it returns. The answer may leave after [`Self::committed`].
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, and what a failed append means to a client.
    pub(super) fn decide<R>(
        &self,
        now: Now,
        act: impl FnOnce(&mut M) -> Result<(Vec<M::Record>, R), ErrorCode>,
    ) -> Result<Answered<R>, ErrorCode> {
        self.with_active(now, |active| {
            let outcome = act(&mut active.machine).and_then(|(records, value)| {
                self.append(active, records, now)?;
                Ok(value)
            });
            self.settle(active, now);
            outcome.map(|value| Answered {
                value,
                end_offset: active.end_offset,
            })
        })?
    }

    /// Gives the state machine something whose failure it answers itself, and appends the records that `act` returns.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub(super) fn submit<R>(
        &self,
        now: Now,
        act: impl FnOnce(&mut M) -> (Vec<M::Record>, R),
    ) -> Result<R, ErrorCode> {
        self.with_active(now, |active| {
            let (records, value) = act(&mut active.machine);
            // What waits for a failed append has been answered with its error.
            let _ = self.append(active, records, now);
            self.settle(active, now);
            value
        })
    }

    /// The answer, once what it rests on is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, if that never happens.
    pub(super) async fn committed<T>(&self, answered: Answered<T>) -> Result<T, ErrorCode> {
        if let Some(committed) = self.partition.wait_for_commit(answered.end_offset) {
            let outcome = committed.await.unwrap_or(Err(ErrorCode::NotLeaderOrFollower));
            outcome.map_err(client_error)?;
        }
        Ok(answered.value)
    }

    /// Lets `act` append something of its own and tell the state machine; it returns the offset after it, if it did. Returns the
    /// offset after all that was appended.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of `act`.
    pub(super) fn append_with(
        &self,
        now: Now,
        act: impl FnOnce(&mut M, &Partition) -> Result<Option<i64>, ErrorCode>,
    ) -> Result<i64, ErrorCode> {
        self.with_active(now, |active| {
            let appended = act(&mut active.machine, &self.partition)?;
            active.end_offset = appended.unwrap_or(active.end_offset);
            self.settle(active, now);
            Ok(active.end_offset)
        })?
    }

    /// Lets `act` look at the state machine if it is loaded.
    pub(super) fn with_loaded<R>(&self, act: impl FnOnce(&mut M) -> R) -> Option<R> {
        match &mut *self.lock() {
            Stage::Active(active) => Some(act(&mut active.machine)),
            _ => None,
        }
    }

    /// Does what is due. A shard that is not loaded has nothing to do.
    pub(super) fn run_timers(&self, now: Now) {
        if let Stage::Active(active) = &mut *self.lock() {
            self.settle(active, now);
        }
    }

    /// Appends records that `decide` makes of the state, in batches of their own, if the shard can be loaded.
    pub(super) fn append_decided(&self, now: Now, decide: impl FnOnce(&M) -> Vec<M::Record>) {
        let outcome = self.with_active(now, |active| {
            let records = decide(&active.machine);
            self.append(active, records, now)
        });
        if let Err(error) | Ok(Err(error)) = outcome {
            tracing::warn!(partition = self.partition.id().partition, %error, "{} records were not appended", M::NAME);
        }
    }

    /// Another broker leads, or the topic is gone: whoever is parked is told, and nothing is served any more.
    pub(super) fn resign(&self) {
        let stage = std::mem::replace(&mut *self.lock(), Stage::Resigned);
        self.deadline_ms.store(NO_DEADLINE, Ordering::Release);
        if let Stage::Active(mut active) = stage {
            active.machine.unload();
            active.machine.deliver(active.end_offset);
        }
    }

    /// Loads the shard if it is not: on the loader thread, without the lock.
    pub(super) fn load(&self, now: Now) {
        {
            let mut stage = self.lock();
            if !matches!(*stage, Stage::Pending) {
                return;
            }
            *stage = Stage::Loading;
        }
        let loaded = self.read_active(now);
        let mut stage = self.lock();
        if matches!(*stage, Stage::Loading) {
            *stage = self.loaded(loaded, now);
        }
    }

    fn with_active<R>(&self, now: Now, act: impl FnOnce(&mut Active<M>) -> R) -> Result<R, ErrorCode> {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Pending) {
            if self.partition.size_bytes() > LOAD_INLINE_BYTES {
                return Err(ErrorCode::CoordinatorLoadInProgress);
            }
            *stage = self.loaded(self.read_active(now), now);
        }
        match &mut *stage {
            Stage::Active(active) => Ok(act(active)),
            Stage::Loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Stage::Pending | Stage::Failed | Stage::Resigned => Err(ErrorCode::NotCoordinator),
        }
    }

    fn read_active(&self, now: Now) -> Result<Box<Active<M>>, LoadError> {
        let mut machine = M::new(&self.setup, self.leader_epoch.0);
        let end_offset = read_log(&self.partition, |batch, key, value| {
            machine.load(batch, key, value, now)
        })?;
        Ok(Box::new(Active { machine, end_offset }))
    }

    fn loaded(&self, loaded: Result<Box<Active<M>>, LoadError>, now: Now) -> Stage<M> {
        match loaded {
            Ok(mut active) => {
                let records = active.machine.finish_loading(now);
                let _ = self.append(&mut active, records, now);
                self.settle(&mut active, now);
                Stage::Active(active)
            }
            Err(error) => {
                let partition = self.partition.id().partition;
                tracing::error!(partition, %error, "a {} coordinator shard could not be loaded", M::NAME);
                Stage::Failed
            }
        }
    }

    /// Appends and replays records. A failure is answered to those that wait for them.
    fn append(&self, active: &mut Active<M>, records: Vec<M::Record>, now: Now) -> Result<(), ErrorCode> {
        if records.is_empty() {
            return Ok(());
        }
        let encoded = records.iter().map(|record| active.machine.encode(record));
        match write(
            &self.partition,
            self.leader_epoch,
            self.compression,
            encoded,
            now.wall_ms,
        ) {
            Ok(end_offset) => {
                active.end_offset = end_offset;
                for record in records {
                    active.machine.replay(record, now);
                }
                Ok(())
            }
            Err(error) => {
                let partition = self.partition.id().partition;
                tracing::warn!(partition, %error, "{} records were not appended", M::NAME);
                let code = error.code();
                active.machine.append_failed(&records, code, now);
                Err(code)
            }
        }
    }

    /// Does what is due by now, hands out the answers, and notes when something is due next.
    fn settle(&self, active: &mut Active<M>, now: Now) {
        while active
            .machine
            .next_deadline()
            .is_some_and(|deadline_ms| deadline_ms <= now.monotonic_ms)
        {
            let records = active.machine.on_timer(now);
            // A failed append was logged and answered; the timers go on.
            let _ = self.append(active, records, now);
        }
        active.machine.deliver(active.end_offset);
        self.deadline_ms.store(
            active.machine.next_deadline().unwrap_or(NO_DEADLINE),
            Ordering::Release,
        );
    }

    fn lock(&self) -> MutexGuard<'_, Stage<M>> {
        self.stage.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
