//! The shards of a coordinator on this broker: one for each partition of its topic that this broker leads.
//!
//! An empty partition's shard is a few words until a request needs it.

use std::sync::Arc;

use barnabas_environment::{Clock, Now};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use parking_lot::RwLock;

use super::led_log::LedLog;
use super::machine::Machine;
use super::partition_log::PartitionLog;
use super::shard::{NO_DEADLINE, Shard};
use super::timers::TimerSignal;
use crate::placement::partition_for;

/// Shards by partition; `None` where another broker leads. Empty while there is no topic.
type ByPartition<M, L> = Vec<Option<Arc<Shard<M, L>>>>;

/// The shards of one coordinator.
pub struct Shards<M: Machine, L> {
    setup: M::Setup,
    compression: Compression,
    shards: RwLock<Arc<ByPartition<M, L>>>,
    timers: Arc<TimerSignal>,
    clock: Clock,
}

/// Shards whose logs hold something: they answer COORDINATOR_LOAD_IN_PROGRESS if those are large, until they
/// are loaded.
#[must_use = "somebody has to load them"]
pub struct Loading<M: Machine, L> {
    shards: Vec<Arc<Shard<M, L>>>,
    timers: Arc<TimerSignal>,
    clock: Clock,
}

impl<M: Machine, L: PartitionLog> Loading<M, L> {
    /// Loads them, one after the other.
    pub fn run(self) {
        for shard in self.shards {
            shard.load(self.clock.now());
            self.timers.consider(shard.deadline_ms());
        }
    }
}

impl<M: Machine, L: PartitionLog> Shards<M, L> {
    /// None yet: no image was seen.
    pub fn new(setup: M::Setup, compression: Compression, clock: Clock) -> Self {
        Shards {
            setup,
            compression,
            shards: RwLock::default(),
            timers: Arc::new(TimerSignal::new()),
            clock,
        }
    }

    /// Starts and stops shards. `led` has each partition of the topic: its log and since which leader epoch
    /// this broker leads it, or `None` where another does. Called after the partitions have followed; the
    /// shards that stop are dropped with all they know, also where this broker leads anew. Answers what is to
    /// be loaded, on a thread that may take its time.
    pub fn follow(&self, led: Vec<Option<(L, i32)>>) -> Option<Loading<M, L>> {
        let old = self.all();
        let known = |index: usize| old.get(index).cloned().flatten();
        let mut started = Vec::new();
        let mut new = ByPartition::new();
        for (index, led) in led.into_iter().enumerate() {
            new.push(led.map(|(log, leader_epoch)| {
                known(index)
                    .filter(|shard| shard.led().is(&log, leader_epoch))
                    .unwrap_or_else(|| {
                        let led = LedLog::new(log, leader_epoch, self.compression);
                        let shard = Arc::new(Shard::new(led, self.setup.clone()));
                        started.push(shard.clone());
                        shard
                    })
            }));
        }
        let new = Arc::new(new);
        *self.shards.write() = new.clone();
        let stays = |shard: &Arc<Shard<M, L>>| new.iter().flatten().any(|other| Arc::ptr_eq(other, shard));
        for shard in old.iter().flatten().filter(|shard| !stays(shard)) {
            shard.resign();
        }
        started.retain(|shard| shard.has_records());
        (!started.is_empty()).then(|| Loading {
            shards: started,
            timers: self.timers.clone(),
            clock: self.clock.clone(),
        })
    }

    /// The shard that coordinates `key`, a group id or a transactional id.
    ///
    /// # Errors
    /// NOT_COORDINATOR.
    pub fn of(&self, key: &str) -> Result<Arc<Shard<M, L>>, ErrorCode> {
        let shards = self.all();
        let count = i32::try_from(shards.len()).map_err(|_| ErrorCode::NotCoordinator)?;
        self.at(partition_for(key, count))
    }

    /// The shard of a partition of the topic.
    ///
    /// # Errors
    /// NOT_COORDINATOR.
    pub fn at(&self, partition: i32) -> Result<Arc<Shard<M, L>>, ErrorCode> {
        let index = usize::try_from(partition).map_err(|_| ErrorCode::NotCoordinator)?;
        self.all()
            .get(index)
            .cloned()
            .flatten()
            .ok_or(ErrorCode::NotCoordinator)
    }

    /// All of them, by partition.
    pub fn all(&self) -> Arc<ByPartition<M, L>> {
        self.shards.read().clone()
    }

    /// The time, for the shards.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// What tells the time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A shard was used: its next deadline may be earlier than the timer task meant to wake up.
    pub fn used(&self, shard: &Shard<M, L>) {
        self.timers.consider(shard.deadline_ms());
    }

    /// Lets `act` ask the shard that coordinates `key`, and gives its answer once it is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, and what a failed append means to a client.
    pub async fn request<R>(
        &self,
        key: &str,
        act: impl FnOnce(&mut M, Now) -> Result<(Vec<M::Record>, R), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let (shard, now) = (self.of(key)?, self.now());
        let answered = shard.decide(now, |machine| act(machine, now));
        self.used(&shard);
        shard.committed(answered?).await
    }

    /// Does what is due in all shards, whenever it is due. One task does this; it never ends.
    pub async fn run_timers(&self) {
        let tick = |now: Now| {
            let shards = self.all();
            for shard in shards
                .iter()
                .flatten()
                .filter(|shard| shard.deadline_ms() <= now.monotonic_ms)
            {
                shard.run_timers(now);
            }
            shards
                .iter()
                .flatten()
                .map(|shard| shard.deadline_ms())
                .min()
                .unwrap_or(NO_DEADLINE)
        };
        self.timers.run(&self.clock, tick).await;
    }
}
