//! One shard on this broker: its state machine and the log it writes.
//!
//! Everything a shard does happens under its lock and on the thread that asks. What is decided is appended
//! and replayed before the lock is released; answers leave when the log's high watermark has passed what was
//! appended, so that nobody is told what another leader would not know.

use std::sync::atomic::{AtomicI64, Ordering};

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use parking_lot::Mutex;

use super::active::Active;
use super::led_log::LedLog;
use super::load::LoadError;
use super::machine::Machine;
use super::partition_log::PartitionLog;

/// A log up to this size is loaded by the first request that needs it; larger ones by [`super::Loading`].
pub const LOAD_INLINE_BYTES: u64 = 1 << 20;
/// What stands for no deadline.
pub const NO_DEADLINE: i64 = i64::MAX;

/// An answer, and the offset that must be committed before it may leave.
#[derive(Debug)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// The offset.
    pub end_offset: i64,
}

/// A shard of a coordinator.
pub struct Shard<M: Machine, L> {
    led: LedLog<L>,
    setup: M::Setup,
    stage: Mutex<Stage<M>>,
    deadline_ms: AtomicI64,
}

enum Stage<M> {
    /// Not needed yet.
    Pending,
    /// The log is being read, without the lock.
    Loading,
    Active(Box<Active<M>>),
    /// The log is not what it should be.
    Failed,
    /// The leader epoch is over.
    Resigned,
}

impl<M: Machine, L: PartitionLog> Shard<M, L> {
    /// The shard of a partition that this broker leads.
    pub fn new(led: LedLog<L>, setup: M::Setup) -> Self {
        Shard {
            led,
            setup,
            stage: Mutex::new(Stage::Pending),
            deadline_ms: AtomicI64::new(NO_DEADLINE),
        }
    }

    /// The log it leads.
    pub fn led(&self) -> &LedLog<L> {
        &self.led
    }

    /// Whether there is anything in the log to load.
    pub fn has_records(&self) -> bool {
        let (start, end) = self.led.log().offsets();
        start < end
    }

    /// Whether it holds anything, or may once it is loaded.
    pub fn is_used(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Active(_)) || self.has_records()
    }

    /// When [`Self::run_timers`] is due; may be early.
    pub fn deadline_ms(&self) -> i64 {
        self.deadline_ms.load(Ordering::Acquire)
    }

    /// Lets `act` ask the state machine and appends the records it returns. The answer may leave after
    /// [`Self::committed`].
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, and what a failed append means to a client.
    pub fn decide<R>(
        &self,
        now: Now,
        act: impl FnOnce(&mut M) -> Result<(Vec<M::Record>, R), ErrorCode>,
    ) -> Result<Answered<R>, ErrorCode> {
        self.with_active(now, |active| {
            let outcome = act(&mut active.machine).and_then(|(records, value)| {
                active.append(&self.led, records, now)?;
                Ok(value)
            });
            self.settle(active, now);
            outcome.map(|value| Answered {
                value,
                end_offset: active.end_offset(),
            })
        })?
    }

    /// Gives the state machine something whose failure it answers itself, and appends the records that `act`
    /// returns.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub fn submit<R>(
        &self,
        now: Now,
        act: impl FnOnce(&mut M) -> (Vec<M::Record>, R),
    ) -> Result<R, ErrorCode> {
        self.with_active(now, |active| {
            let (records, value) = act(&mut active.machine);
            // What waits for a failed append has been answered with its error.
            let _ = active.append(&self.led, records, now);
            self.settle(active, now);
            value
        })
    }

    /// The answer, once what it rests on is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, if that never happens; COORDINATOR_NOT_AVAILABLE, if it takes too long. It may happen
    /// still then: the state stays as it is, and whoever asks next waits for the same commit.
    pub async fn committed<T>(&self, answered: Answered<T>) -> Result<T, ErrorCode> {
        let patience = Some(M::commit_timeout(&self.setup));
        self.led.committed(answered.end_offset, patience).await?;
        Ok(answered.value)
    }

    /// Lets `act` append something of its own and tell the state machine; it returns the offset after it, if
    /// it did. Returns the offset after all that was appended.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of `act`.
    pub fn append_with(
        &self,
        now: Now,
        act: impl FnOnce(&mut M, &LedLog<L>) -> Result<Option<i64>, ErrorCode>,
    ) -> Result<i64, ErrorCode> {
        self.with_active(now, |active| {
            if let Some(end_offset) = act(&mut active.machine, &self.led)? {
                active.appended(end_offset);
            }
            self.settle(active, now);
            Ok(active.end_offset())
        })?
    }

    /// Lets `act` look at the state machine if it is loaded.
    pub fn with_loaded<R>(&self, act: impl FnOnce(&mut M) -> R) -> Option<R> {
        match &mut *self.stage.lock() {
            Stage::Active(active) => Some(act(&mut active.machine)),
            _ => None,
        }
    }

    /// Does what is due. A shard that is not loaded has nothing to do.
    pub fn run_timers(&self, now: Now) {
        if let Stage::Active(active) = &mut *self.stage.lock() {
            self.settle(active, now);
        }
    }

    /// Appends records that `decide` makes of the state, in batches of their own, if the shard can be loaded.
    pub fn append_decided(&self, now: Now, decide: impl FnOnce(&M) -> Vec<M::Record>) {
        let outcome = self.with_active(now, |active| {
            let records = decide(&active.machine);
            active.append(&self.led, records, now)
        });
        if let Err(error) = outcome {
            tracing::warn!(log = %self.led.log().name(), %error, "{} records were not appended", M::NAME);
        }
    }

    /// The leader epoch is over, or the topic is gone: whoever is parked is told, the state is dropped, and
    /// nothing is served any more.
    pub fn resign(&self) {
        let stage = std::mem::replace(&mut *self.stage.lock(), Stage::Resigned);
        self.deadline_ms.store(NO_DEADLINE, Ordering::Release);
        if let Stage::Active(mut active) = stage {
            active.machine.unload();
        }
    }

    /// Loads the shard if it is not: on the thread that calls, without the lock.
    pub fn load(&self, now: Now) {
        {
            let mut stage = self.stage.lock();
            if !matches!(*stage, Stage::Pending) {
                return;
            }
            *stage = Stage::Loading;
        }
        let loaded = Active::read(&self.led, &self.setup, now);
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Loading) {
            *stage = self.loaded(loaded, now);
        }
    }

    fn with_active<R>(&self, now: Now, act: impl FnOnce(&mut Active<M>) -> R) -> Result<R, ErrorCode> {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Pending) {
            if self.led.log().size_bytes() > LOAD_INLINE_BYTES {
                return Err(ErrorCode::CoordinatorLoadInProgress);
            }
            *stage = self.loaded(Active::read(&self.led, &self.setup, now), now);
        }
        match &mut *stage {
            Stage::Active(active) => Ok(act(active)),
            Stage::Loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Stage::Pending | Stage::Failed | Stage::Resigned => Err(ErrorCode::NotCoordinator),
        }
    }

    fn loaded(&self, loaded: Result<Active<M>, LoadError>, now: Now) -> Stage<M> {
        match loaded {
            Ok(mut active) => {
                active.finish_loading(&self.led, now);
                self.settle(&mut active, now);
                Stage::Active(Box::new(active))
            }
            Err(error) => {
                tracing::error!(log = %self.led.log().name(), %error, "a {} coordinator shard could not be loaded", M::NAME);
                Stage::Failed
            }
        }
    }

    /// Does what is due by now, hands out the answers, and notes when something is due next.
    fn settle(&self, active: &mut Active<M>, now: Now) {
        while active.run_timer(&self.led, now) {}
        active.deliver();
        self.deadline_ms.store(
            active.machine.next_deadline().unwrap_or(NO_DEADLINE),
            Ordering::Release,
        );
    }
}
