//! One shard on this broker: its state machine, the log it writes, and the requests that are parked with it.
//!
//! Everything a shard does happens under its lock and on the thread that asks. What is decided is appended and replayed
//! before the lock is released; answers leave when the log's high watermark has passed what was appended, so that nobody is
//! told what another leader would not know.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use barnabas_coordinator::{Effect, GroupConfig, GroupRecord, GroupShard, Reply, Token};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio::sync::oneshot;

use super::load::{LoadError, read_log};
use super::write::{client_error, write};
use crate::partition::Partition;

/// A log up to this size is loaded by the first request that needs it; the loader thread takes care of larger ones.
const LOAD_INLINE_BYTES: u64 = 1 << 20;
/// What stands for no deadline.
pub(super) const NO_DEADLINE: i64 = i64::MAX;

/// An answer, and the offset that must be committed before it may leave.
pub struct Answered<T> {
    value: T,
    end_offset: i64,
}

/// A parked request's answer.
type ParkedSender = oneshot::Sender<Answered<Reply>>;

/// A shard of the group coordinator.
pub struct Shard {
    partition: Arc<Partition>,
    pub(super) leader_epoch: i32,
    config: GroupConfig,
    compression: Compression,
    stage: Mutex<Stage>,
    deadline_ms: AtomicI64,
}

enum Stage {
    /// Not needed yet.
    Pending,
    /// The loader thread reads the log.
    Loading,
    Active(Box<Active>),
    /// The log is not what it should be.
    Failed,
    /// Another broker leads.
    Resigned,
}

struct Active {
    core: GroupShard,
    parked: HashMap<Token, ParkedSender>,
    next_token: u64,
    /// After the last record appended.
    end_offset: i64,
}

impl Shard {
    /// The shard of a partition that this broker leads since `leader_epoch`.
    pub(super) fn new(
        partition: Arc<Partition>,
        leader_epoch: i32,
        config: GroupConfig,
        compression: Compression,
    ) -> Shard {
        Shard {
            partition,
            leader_epoch,
            config,
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
        now_ms: i64,
        act: impl FnOnce(&mut GroupShard) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
    ) -> Result<Answered<R>, ErrorCode> {
        self.with_active(now_ms, |active| {
            let outcome = act(&mut active.core).and_then(|(records, value)| {
                self.append(active, records, now_ms)?;
                Ok(value)
            });
            self.settle(active, now_ms);
            outcome.map(|value| Answered {
                value,
                end_offset: active.end_offset,
            })
        })?
    }

    /// Lets `act` give the state machine a request that may be parked. Its answer comes through the channel, which closes
    /// should the shard go away without one.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub(super) fn park(
        &self,
        now_ms: i64,
        act: impl FnOnce(&mut GroupShard, Token) -> Vec<GroupRecord>,
    ) -> Result<oneshot::Receiver<Answered<Reply>>, ErrorCode> {
        self.with_active(now_ms, |active| {
            let token = Token(active.next_token);
            active.next_token += 1;
            let (sender, receiver) = oneshot::channel();
            active.parked.insert(token, sender);
            let records = act(&mut active.core, token);
            // What waits for a failed append has been answered with its error.
            let _ = self.append(active, records, now_ms);
            self.settle(active, now_ms);
            receiver
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

    /// Does what is due. A shard that is not loaded has nothing to do.
    pub(super) fn run_timers(&self, now_ms: i64) {
        if let Stage::Active(active) = &mut *self.lock() {
            self.settle(active, now_ms);
        }
    }

    /// Appends records that `decide` makes of the state, in batches of their own, if the shard can be loaded.
    pub(super) fn append_decided(&self, now_ms: i64, decide: impl FnOnce(&GroupShard) -> Vec<GroupRecord>) {
        let outcome = self.with_active(now_ms, |active| {
            let records = decide(&active.core);
            self.append(active, records, now_ms)
        });
        if let Err(error) | Ok(Err(error)) = outcome {
            tracing::warn!(partition = self.partition.id().partition, %error, "group records were not appended");
        }
    }

    /// Another broker leads, or the topic is gone: whoever is parked is told, and nothing is served any more.
    pub(super) fn resign(&self) {
        let stage = std::mem::replace(&mut *self.lock(), Stage::Resigned);
        self.deadline_ms.store(NO_DEADLINE, Ordering::Release);
        if let Stage::Active(mut active) = stage {
            active.core.unload();
            self.deliver(&mut active);
        }
    }

    /// Loads the shard if it is not: on the loader thread, without the lock.
    pub(super) fn load(&self, now_ms: i64) {
        {
            let mut stage = self.lock();
            if !matches!(*stage, Stage::Pending) {
                return;
            }
            *stage = Stage::Loading;
        }
        let loaded = self.read_active(now_ms);
        let mut stage = self.lock();
        if matches!(*stage, Stage::Loading) {
            *stage = self.loaded(loaded, now_ms);
        }
    }

    fn with_active<R>(&self, now_ms: i64, act: impl FnOnce(&mut Active) -> R) -> Result<R, ErrorCode> {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Pending) {
            if self.partition.size_bytes() > LOAD_INLINE_BYTES {
                return Err(ErrorCode::CoordinatorLoadInProgress);
            }
            *stage = self.loaded(self.read_active(now_ms), now_ms);
        }
        match &mut *stage {
            Stage::Active(active) => Ok(act(active)),
            Stage::Loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Stage::Pending | Stage::Failed | Stage::Resigned => Err(ErrorCode::NotCoordinator),
        }
    }

    fn read_active(&self, now_ms: i64) -> Result<Box<Active>, LoadError> {
        let mut core = GroupShard::new(self.config);
        let end_offset = read_log(&self.partition, |record| core.replay(record, now_ms))?;
        Ok(Box::new(Active {
            core,
            parked: HashMap::new(),
            next_token: 0,
            end_offset,
        }))
    }

    fn loaded(&self, loaded: Result<Box<Active>, LoadError>, now_ms: i64) -> Stage {
        match loaded {
            Ok(mut active) => {
                let records = active.core.finish_loading(now_ms);
                let _ = self.append(&mut active, records, now_ms);
                self.settle(&mut active, now_ms);
                Stage::Active(active)
            }
            Err(error) => {
                let partition = self.partition.id().partition;
                tracing::error!(partition, %error, "a group coordinator shard could not be loaded");
                Stage::Failed
            }
        }
    }

    /// Appends and replays records. A failure is answered to those that wait for them.
    fn append(&self, active: &mut Active, records: Vec<GroupRecord>, now_ms: i64) -> Result<(), ErrorCode> {
        if records.is_empty() {
            return Ok(());
        }
        match write(&self.partition, self.compression, &records, now_ms) {
            Ok(end_offset) => {
                active.end_offset = end_offset;
                for record in records {
                    active.core.replay(record, now_ms);
                }
                Ok(())
            }
            Err(error) => {
                let partition = self.partition.id().partition;
                tracing::warn!(partition, %error, "group records were not appended");
                let code = error.code();
                // A group that fell empty by the failure is known to be so without a record.
                active.core.append_failed(&records, code, now_ms);
                Err(code)
            }
        }
    }

    /// Does what is due by now, hands out the answers, and notes when something is due next.
    fn settle(&self, active: &mut Active, now_ms: i64) {
        while active
            .core
            .next_deadline()
            .is_some_and(|deadline_ms| deadline_ms <= now_ms)
        {
            let records = active.core.on_timer(now_ms);
            // A failed append was logged and answered; the timers go on.
            let _ = self.append(active, records, now_ms);
        }
        self.deliver(active);
        self.deadline_ms.store(
            active.core.next_deadline().unwrap_or(NO_DEADLINE),
            Ordering::Release,
        );
    }

    fn deliver(&self, active: &mut Active) {
        for Effect::Respond { token, reply } in active.core.take_effects() {
            if let Some(sender) = active.parked.remove(&token) {
                // A connection that is gone does not wait any more.
                let _ = sender.send(Answered {
                    value: reply,
                    end_offset: active.end_offset,
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
