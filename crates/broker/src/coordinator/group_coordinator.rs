//! The group coordinator of this broker: a shard for each partition of `__consumer_offsets` that it leads.
//!
//! Which shards there are follows from the metadata image alone. An empty partition's shard is a few words until a request
//! needs it.

use std::sync::{Arc, RwLock};

use barnabas_coordinator::{
    GroupConfig, GroupRecord, GroupShard, Reply, Token, hash_map_order, java_hash, partition_for,
};
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::GroupId;
use barnabas_protocol::records::compression::Compression;
use tokio_util::sync::CancellationToken;

use super::background;
use super::internal_topics::CONSUMER_OFFSETS;
use super::shard::{NO_DEADLINE, Shard};
use super::timers::TimerSignal;
use crate::broker::now_ms;
use crate::config::BrokerConfig;
use crate::partition::registry::Partitions;

/// The shards by partition; `None` where another broker leads. Empty while there is no topic.
type Shards = Vec<Option<Arc<Shard>>>;

/// The group coordinator.
pub struct GroupCoordinator {
    node_id: i32,
    config: GroupConfig,
    compression: Compression,
    shards: RwLock<Arc<Shards>>,
    timers: Arc<TimerSignal>,
}

impl GroupCoordinator {
    /// A coordinator that has not seen an image yet. Its settings can't be changed at run time.
    pub fn new(config: &BrokerConfig) -> Self {
        let id = u8::try_from(config.offsets_topic_compression_codec).unwrap_or(u8::MAX);
        let compression = Compression::from_id(id).unwrap_or_else(|error| {
            tracing::warn!(%error, "offsets.topic.compression.codec is unknown; offsets are not compressed");
            Compression::None
        });
        GroupCoordinator {
            node_id: config.node_id,
            config: group_config(config),
            compression,
            shards: RwLock::default(),
            timers: Arc::new(TimerSignal::new()),
        }
    }

    /// Starts and stops shards as an image asks for. Called after the partitions have followed it.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta, partitions: &Partitions) {
        let topic = image.topics.by_name(CONSUMER_OFFSETS);
        let gone = delta
            .topics_deleted
            .iter()
            .any(|topic| &*topic.name == CONSUMER_OFFSETS);
        if gone || topic.is_some_and(|topic| delta.partitions.contains_key(&topic.id)) {
            self.follow(image, partitions);
        }
        let deleted: Vec<_> = delta
            .topics_deleted
            .iter()
            .map(|topic| (topic.name.clone(), topic.id))
            .collect();
        let shards: Vec<_> = self.shards().iter().flatten().cloned().collect();
        if !deleted.is_empty() && !shards.is_empty() {
            background::delete_topics(shards, deleted);
        }
    }

    fn follow(&self, image: &MetadataImage, partitions: &Partitions) {
        let old = self.shards();
        let mut new = Shards::new();
        let topic = image.topics.by_name(CONSUMER_OFFSETS);
        for (index, state) in (0..).zip(topic.iter().flat_map(|topic| &topic.partitions)) {
            let led = topic
                .filter(|_| state.leader == self.node_id)
                .and_then(|topic| partitions.by_id(&topic.id, index).ok());
            let known = old.get(new.len()).cloned().flatten();
            new.push(led.map(|partition| match known {
                Some(shard)
                    if Arc::ptr_eq(shard.partition(), &partition)
                        && shard.leader_epoch == state.leader_epoch =>
                {
                    shard
                }
                _ => Arc::new(Shard::new(
                    partition,
                    state.leader_epoch,
                    self.config,
                    self.compression,
                )),
            }));
        }
        let is_in = |shards: &Shards, shard: &Arc<Shard>| {
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
            background::load(started, self.timers.clone());
        }
    }

    /// Asks the shard that coordinates `group_id`, and gives its answer once it is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, and what a failed append means to a client.
    pub async fn request<R>(
        &self,
        group_id: &str,
        act: impl FnOnce(&mut GroupShard, i64) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let (shard, now_ms) = (self.shard_of(group_id)?, now_ms());
        let answered = shard.decide(now_ms, |core| act(core, now_ms));
        self.timers.consider(shard.deadline_ms());
        shard.committed(answered?).await
    }

    /// Gives the shard that coordinates `group_id` a request that may be parked, and waits for its answer.
    ///
    /// # Errors
    /// NOT_COORDINATOR, also when the process stops meanwhile; COORDINATOR_LOAD_IN_PROGRESS.
    pub async fn park(
        &self,
        group_id: &str,
        stopping: &CancellationToken,
        act: impl FnOnce(&mut GroupShard, Token, i64) -> Vec<GroupRecord>,
    ) -> Result<Reply, ErrorCode> {
        let (shard, now_ms) = (self.shard_of(group_id)?, now_ms());
        let parked = shard.park(now_ms, |core, token| act(core, token, now_ms));
        self.timers.consider(shard.deadline_ms());
        let answered = tokio::select! {
            answered = parked? => answered.map_err(|_| ErrorCode::NotCoordinator)?,
            () = stopping.cancelled() => return Err(ErrorCode::NotCoordinator),
        };
        shard.committed(answered).await
    }

    /// Asks every shard of this broker, one after the other.
    ///
    /// # Errors
    /// The first that a shard answers; shards that another broker leads are passed over.
    pub async fn request_all<R>(&self, act: impl Fn(&GroupShard) -> R) -> Result<Vec<R>, ErrorCode> {
        let mut answers = Vec::new();
        for shard in self.shards().iter().flatten() {
            if !shard.is_used() {
                continue;
            }
            let answered = shard.decide(now_ms(), |core| Ok((Vec::new(), act(core))));
            self.timers.consider(shard.deadline_ms());
            let answer = match answered {
                Ok(answered) => shard.committed(answered).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => answers.push(answer),
                Err(ErrorCode::NotCoordinator) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    /// The groups by the shard that coordinates them; answers come in the order in which Kafka goes through its shards.
    pub fn by_shard(&self, group_ids: Vec<GroupId>) -> Vec<Vec<GroupId>> {
        let count = i32::try_from(self.shards().len()).unwrap_or(i32::MAX);
        let mut shards: Vec<(i32, Vec<GroupId>)> = Vec::new();
        for group_id in group_ids {
            let index = partition_for(&group_id, count);
            match shards.iter_mut().find(|(known, _)| *known == index) {
                Some((_, groups)) => groups.push(group_id),
                None => shards.push((index, vec![group_id])),
            }
        }
        // The hash of Java's TopicPartition.
        let topic = java_hash(CONSUMER_OFFSETS);
        hash_map_order(&mut shards, |(index, _)| {
            index.wrapping_add(31).wrapping_mul(31).wrapping_add(topic)
        });
        shards.into_iter().map(|(_, groups)| groups).collect()
    }

    /// Does what is due in all shards, whenever it is due, until the process stops. One task does this.
    pub async fn run_timers(&self, stopping: CancellationToken) {
        let tick = |now_ms: i64| {
            let shards = self.shards();
            for shard in shards
                .iter()
                .flatten()
                .filter(|shard| shard.deadline_ms() <= now_ms)
            {
                shard.run_timers(now_ms);
            }
            shards
                .iter()
                .flatten()
                .map(|shard| shard.deadline_ms())
                .min()
                .unwrap_or(NO_DEADLINE)
        };
        tokio::select! {
            () = self.timers.run(now_ms, tick) => {}
            () = stopping.cancelled() => {}
        }
    }

    fn shard_of(&self, group_id: &str) -> Result<Arc<Shard>, ErrorCode> {
        let shards = self.shards();
        let count = i32::try_from(shards.len()).map_err(|_| ErrorCode::NotCoordinator)?;
        let index = usize::try_from(partition_for(group_id, count)).map_err(|_| ErrorCode::NotCoordinator)?;
        shards
            .get(index)
            .cloned()
            .flatten()
            .ok_or(ErrorCode::NotCoordinator)
    }

    fn shards(&self) -> Arc<Shards> {
        self.shards
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

fn group_config(config: &BrokerConfig) -> GroupConfig {
    let size = |value: i32| usize::try_from(value).unwrap_or(0);
    GroupConfig {
        group_max_size: size(config.group_max_size),
        group_min_session_timeout_ms: config.group_min_session_timeout_ms,
        group_max_session_timeout_ms: config.group_max_session_timeout_ms,
        group_initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        offset_metadata_max_bytes: size(config.offset_metadata_max_bytes),
        offsets_retention_ms: i64::from(config.offsets_retention_minutes) * 60_000,
        offsets_retention_check_interval_ms: config.offsets_retention_check_interval_ms,
    }
}
