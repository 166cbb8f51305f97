//! The shards of a coordinator on this broker: one for each partition of its topic that this broker leads.
//!
//! Which shards there are follows from the metadata image alone. An empty partition's shard is a few words until a request
//! needs it.

use std::sync::{Arc, RwLock};

use barnabas_coordinator::partition_for;
use barnabas_environment::{Environment, Now};
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio_util::sync::CancellationToken;

use super::background;
use super::machine::Machine;
use super::shard::{NO_DEADLINE, Shard};
use super::timers::TimerSignal;
use barnabas_replica::partition::core::LeaderEpoch;
use barnabas_replica::partition::registry::Partitions;

/// Shards by partition; `None` where another broker leads. Empty while there is no topic.
type ByPartition<M> = Vec<Option<Arc<Shard<M>>>>;

/// The shards of one coordinator.
pub(super) struct Shards<M: Machine> {
    node_id: i32,
    topic: &'static str,
    setup: M::Setup,
    compression: Compression,
    shards: RwLock<Arc<ByPartition<M>>>,
    timers: Arc<TimerSignal>,
    environment: Environment,
}

impl<M: Machine> Shards<M> {
    /// None yet: no image was seen.
    pub(super) fn new(
        node_id: i32,
        topic: &'static str,
        setup: M::Setup,
        compression: Compression,
        environment: Environment,
    ) -> Self {
        Shards {
            node_id,
            topic,
            setup,
            compression,
            shards: RwLock::default(),
            timers: Arc::new(TimerSignal::new()),
            environment,
        }
    }

    /// Starts and stops shards as an image asks for. Called after the partitions have followed it.
    pub(super) fn apply(&self, image: &MetadataImage, delta: &MetadataDelta, partitions: &Partitions) {
        let topic = image.topics.by_name(self.topic);
        let gone = delta
            .topics_deleted
            .iter()
            .any(|topic| &*topic.name == self.topic);
        if gone || topic.is_some_and(|topic| delta.partitions.contains_key(&topic.id)) {
            self.follow(image, partitions);
        }
    }

    fn follow(&self, image: &MetadataImage, partitions: &Partitions) {
        let old = self.all();
        let mut new = ByPartition::new();
        let topic = image.topics.by_name(self.topic);
        for (index, state) in (0..).zip(topic.iter().flat_map(|topic| &topic.partitions)) {
            let led = topic
                .filter(|_| state.leader == self.node_id)
                .and_then(|topic| partitions.by_id(&topic.id, index).ok());
            let known = old.get(new.len()).cloned().flatten();
            new.push(led.map(|partition| match known {
                Some(shard)
                    if Arc::ptr_eq(shard.partition(), &partition)
                        && shard.leader_epoch == LeaderEpoch(state.leader_epoch) =>
                {
                    shard
                }
                _ => Arc::new(Shard::new(
                    partition,
                    LeaderEpoch(state.leader_epoch),
                    self.setup.clone(),
                    self.compression,
                )),
            }));
        }
        let is_in = |shards: &ByPartition<M>, shard: &Arc<Shard<M>>| {
            shards.iter().flatten().any(|other| Arc::ptr_eq(other, shard))
        };
        let stopped: Vec<_> = old
            .iter()
            .flatten()
            .filter(|shard| !is_in(&new, shard))
            .cloned()
            .collect();
        let started: Vec<_> = new
            .iter()
            .flatten()
            .filter(|shard| !is_in(&old, shard) && shard.has_records())
            .cloned()
            .collect();
        *self
            .shards
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(new);
        for shard in stopped {
            shard.resign();
        }
        if !started.is_empty() {
            background::load(started, self.timers.clone(), self.environment.clone());
        }
    }

    /// The shard that coordinates `key`, a group id or a transactional id.
    ///
    /// # Errors
    /// NOT_COORDINATOR.
    pub(super) fn of(&self, key: &str) -> Result<Arc<Shard<M>>, ErrorCode> {
        let shards = self.all();
        let count = i32::try_from(shards.len()).map_err(|_| ErrorCode::NotCoordinator)?;
        self.at(partition_for(key, count))
    }

    /// The shard of a partition of the topic.
    ///
    /// # Errors
    /// NOT_COORDINATOR.
    pub(super) fn at(&self, partition: i32) -> Result<Arc<Shard<M>>, ErrorCode> {
        let index = usize::try_from(partition).map_err(|_| ErrorCode::NotCoordinator)?;
        self.all()
            .get(index)
            .cloned()
            .flatten()
            .ok_or(ErrorCode::NotCoordinator)
    }

    /// All of them, by partition.
    pub(super) fn all(&self) -> Arc<ByPartition<M>> {
        self.shards
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// The time, for the shards.
    pub(super) fn now(&self) -> Now {
        self.environment.clock.now()
    }

    /// Time, randomness and threads.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A shard was used: its next deadline may be earlier than the timer task meant to wake up.
    pub(super) fn used(&self, shard: &Shard<M>) {
        self.timers.consider(shard.deadline_ms());
    }

    /// Lets `act` ask the shard that coordinates `key`, and gives its answer once it is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, and what a failed append means to a client.
    pub(super) async fn request<R>(
        &self,
        key: &str,
        act: impl FnOnce(&mut M, Now) -> Result<(Vec<M::Record>, R), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let (shard, now) = (self.of(key)?, self.now());
        let answered = shard.decide(now, |machine| act(machine, now));
        self.used(&shard);
        shard.committed(answered?).await
    }

    /// Does what is due in all shards, whenever it is due, until the process stops. One task does this.
    pub(super) async fn run_timers(&self, stopping: CancellationToken) {
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
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            () = self.timers.run(&self.environment.clock, tick) => {}
        }
    }
}
