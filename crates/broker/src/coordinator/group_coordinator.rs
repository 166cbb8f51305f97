//! The group coordinator of this broker: a shard for each partition of `__consumer_offsets` that it leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use barnabas_coordinator::runtime::{GroupMachine, GroupSetup, Shards, client_error};
use barnabas_coordinator::{
    Assignors, GroupConfig, GroupRecord, GroupShard, MigrationPolicy, Reply, Token, partition_for,
};
use barnabas_environment::{Environment, Now};
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::GroupId;
use barnabas_protocol::records::compression::Compression;
use barnabas_storage::{ProducerSequence, VerificationGuard};
use tokio_util::sync::CancellationToken;

use super::cluster_view::ImageView;
use super::group_transactions;
use super::led_partition::{LedPartition, led_partitions};
use super::short_lived_threads;
use barnabas_config::BrokerConfig;
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::registry::Partitions;
use barnabas_replica::partition::transaction::Marker;

/// Name of the one task assignor of streams groups.
const TASK_ASSIGNOR: &str = "sticky";

/// The group coordinator.
pub struct GroupCoordinator {
    shards: Shards<GroupMachine, LedPartition>,
    node_id: i32,
    environment: Environment,
    setup: Arc<GroupSetup>,
    /// `offsets.topic.num.partitions`: the partitions of the topic before there is one.
    partitions_planned: i32,
    /// The offset of the last image that brought new topics.
    topics_created_at: AtomicI64,
}

impl GroupCoordinator {
    /// A coordinator that has not seen an image yet. Its settings can't be changed at run time.
    pub fn new(config: &BrokerConfig, environment: Environment) -> Self {
        let id = u8::try_from(config.offsets_topic_compression_codec).unwrap_or(u8::MAX);
        let compression = Compression::from_id(id).unwrap_or_else(|error| {
            tracing::warn!(%error, "offsets.topic.compression.codec is unknown; offsets are not compressed");
            Compression::None
        });
        warn_of_task_assignors(&config.group_streams_assignors);
        let nothing = ImageView::new(Arc::new(MetadataImage::empty()), -1, config);
        let setup = Arc::new(GroupSetup::new(group_config(config)));
        setup.set_cluster(Arc::new(nothing));
        GroupCoordinator {
            shards: Shards::new(setup.clone(), compression, environment.clock.clone()),
            node_id: config.node_id,
            environment,
            setup,
            partitions_planned: config.offsets_topic_num_partitions,
            topics_created_at: AtomicI64::new(-1),
        }
    }

    /// The settings, for what a request is held to before its coordinator is looked for.
    pub fn config(&self) -> &GroupConfig {
        self.setup.config()
    }

    /// Starts and stops shards as an image asks for, and deletes the offsets of deleted topics. Called after
    /// the partitions have followed it.
    pub fn apply(
        &self,
        image: &Arc<MetadataImage>,
        delta: &MetadataDelta,
        partitions: &Partitions,
        config: &BrokerConfig,
    ) {
        self.show(image, delta, config);
        if let Some(led) = led_partitions(image, delta, CONSUMER_OFFSETS, self.node_id, partitions) {
            short_lived_threads::load(self.shards.follow(led), self.environment.threads);
        }
        let deleted: Vec<_> = delta
            .topics_deleted
            .iter()
            .map(|topic| (topic.name.clone(), topic.id))
            .collect();
        let shards: Vec<_> = self.shards.all().iter().flatten().cloned().collect();
        if !deleted.is_empty() && !shards.is_empty() {
            let decide = move |machine: &GroupMachine| machine.core.delete_topics(&deleted);
            short_lived_threads::append_to_all(shards, "offset-deletion", self.environment.clone(), decide);
        }
    }

    /// Shows the image to the shards.
    fn show(&self, image: &Arc<MetadataImage>, delta: &MetadataDelta, config: &BrokerConfig) {
        if !delta.topics_created.is_empty() {
            self.topics_created_at.store(image.offset, Ordering::Release);
        }
        let created_at = self.topics_created_at.load(Ordering::Acquire);
        let view = Arc::new(ImageView::new(image.clone(), created_at, config));
        self.setup.set_cluster(view.clone());
        let changed = delta.partitions.keys().filter_map(|id| image.topics.by_id(id));
        let topics: Vec<Arc<str>> = changed
            .chain(&delta.topics_deleted)
            .map(|topic| topic.name.clone())
            .collect();
        for shard in self.shards.all().iter().flatten() {
            shard.with_loaded(|machine| machine.core.set_cluster(view.clone(), &topics));
        }
    }

    /// Asks the shard that coordinates `group_id`, and gives its answer once it is committed.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, and what a failed append means to a client.
    pub async fn request<R>(
        &self,
        group_id: &str,
        act: impl FnOnce(&mut GroupShard, Now) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        self.shards
            .request(group_id, |machine, now| act(&mut machine.core, now))
            .await
    }

    /// Gives the shard that coordinates `group_id` a request that may be parked, and waits for its answer.
    ///
    /// # Errors
    /// NOT_COORDINATOR, also when the process stops meanwhile; COORDINATOR_LOAD_IN_PROGRESS.
    pub async fn park(
        &self,
        group_id: &str,
        stopping: &CancellationToken,
        act: impl FnOnce(&mut GroupShard, Token, Now) -> Vec<GroupRecord>,
    ) -> Result<Reply, ErrorCode> {
        let (shard, now) = (self.shards.of(group_id)?, self.shards.now());
        let parked = shard.park(now, |core, token| act(core, token, now));
        self.shards.used(&shard);
        let answered = tokio::select! {
            biased;
            answered = parked? => answered.map_err(|_| ErrorCode::NotCoordinator)?,
            () = stopping.cancelled() => return Err(ErrorCode::NotCoordinator),
        };
        shard.committed(answered).await
    }

    /// The partition of `__consumer_offsets` that a group's coordinator keeps it in.
    pub fn partition_of(&self, group_id: &str) -> i32 {
        partition_for(group_id, self.partitions_count())
    }

    fn partitions_count(&self) -> i32 {
        match self.shards.all().len() {
            0 => self.partitions_planned,
            count => i32::try_from(count).unwrap_or(i32::MAX),
        }
    }

    /// Before offsets are committed in a transaction: what the commit must bring back once the transaction
    /// coordinator was asked; `None` if the transaction has begun in the group's partition already.
    ///
    /// # Errors
    /// COORDINATOR_NOT_AVAILABLE while there is no topic, NOT_COORDINATOR; those of the partition.
    pub fn begin_verification(
        &self,
        group_id: &str,
        batch: ProducerSequence,
        bumps_epoch: bool,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        if self.shards.all().is_empty() {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let shard = self.shards.of(group_id)?;
        let begun = shard
            .led()
            .log()
            .begin_verification(batch, bumps_epoch, self.shards.now().wall_ms);
        begun.map_err(client_error)
    }

    /// The transaction coordinator refused for good.
    pub fn end_verification(&self, group_id: &str, producer_id: i64) {
        if let Ok(shard) = self.shards.of(group_id) {
            shard.led().log().end_verification(producer_id);
        }
    }

    /// Asks the shard that coordinates `group_id` for records in a producer's transaction, and gives its
    /// answer once they are committed to the log; they count when the transaction commits.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, and what a failed append means to a client.
    pub async fn request_in_transaction<R>(
        &self,
        group_id: &str,
        batch: ProducerSequence,
        guard: Option<VerificationGuard>,
        act: impl FnOnce(&GroupShard, Now) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let (shard, now) = (self.shards.of(group_id)?, self.shards.now());
        let answered = group_transactions::decide(&shard, batch, guard, now, |core| act(core, now));
        self.shards.used(&shard);
        shard.committed(answered?).await
    }

    /// Ends a producer's transaction in a partition of `__consumer_offsets`.
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, those of an append.
    pub fn end_transaction(&self, partition: i32, marker: &Marker) -> Result<Option<Pending>, ErrorCode> {
        let shard = self.shards.at(partition)?;
        let ended = group_transactions::end(&shard, marker, self.shards.now());
        self.shards.used(&shard);
        ended
    }

    /// Asks every shard of this broker, one after the other.
    ///
    /// # Errors
    /// The first that a shard answers; shards that another broker leads are passed over.
    pub async fn request_all<R>(&self, act: impl Fn(&GroupShard) -> R) -> Result<Vec<R>, ErrorCode> {
        let mut answers = Vec::new();
        for shard in self.shards.all().iter().flatten() {
            if !shard.is_used() {
                continue;
            }
            let answered = shard.decide(self.shards.now(), |machine| Ok((Vec::new(), act(&machine.core))));
            self.shards.used(shard);
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

    /// The groups by the shard that coordinates them; answers come in the order in which Kafka goes through
    /// its shards.
    pub fn by_shard(&self, group_ids: Vec<GroupId>) -> Vec<Vec<GroupId>> {
        let count = self.partitions_count();
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
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            () = self.shards.run_timers() => {}
        }
    }
}

fn group_config(config: &BrokerConfig) -> GroupConfig {
    let size = |value: i32| usize::try_from(value).unwrap_or(0);
    GroupConfig {
        group_max_size: size(config.group_max_size),
        group_min_session_timeout_ms: config.group_min_session_timeout_ms,
        group_max_session_timeout_ms: config.group_max_session_timeout_ms,
        group_initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        consumer_group_max_size: size(config.group_consumer_max_size),
        streams_group_max_size: size(config.group_streams_max_size),
        share_group_max_size: size(config.group_share_max_size),
        consumer_migration_policy: MigrationPolicy::from_name(&config.group_consumer_migration_policy)
            .unwrap_or(MigrationPolicy::Bidirectional),
        consumer_assignors: assignors(&config.group_consumer_assignors),
        offset_metadata_max_bytes: size(config.offset_metadata_max_bytes),
        offsets_retention_ms: i64::from(config.offsets_retention_minutes) * 60_000,
        offsets_retention_check_interval_ms: config.offsets_retention_check_interval_ms,
        offsets_commit_timeout_ms: config.offsets_commit_timeout_ms,
    }
}

/// There is one task assignor; another can't be loaded.
fn warn_of_task_assignors(names: &[String]) {
    if names.iter().any(|name| name != TASK_ASSIGNOR) {
        tracing::warn!(
            ?names,
            "group.streams.assignors has an assignor that is not known; {TASK_ASSIGNOR} is used"
        );
    }
}

fn assignors(names: &[String]) -> Assignors {
    Assignors::from_names(names.iter().map(String::as_str)).unwrap_or_else(|| {
        tracing::warn!(
            ?names,
            "group.consumer.assignors has an assignor that is not known; uniform and range are used"
        );
        Assignors::default()
    })
}
