//! The share coordinator of this broker: a shard for each partition of `__share_group_state` that it leads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::runtime::{Answered, PartitionLog, Shard, Shards, ShareStateMachine};
use barnabas_coordinator::{GroupRefusal, SharePartition, ShareStateConfig};
use barnabas_environment::Environment;
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::led_partition::{LedPartition, led_partitions};
use super::share_state_api::ShareStateApi;
use super::short_lived_threads;
use barnabas_config::BrokerConfig;
use barnabas_metadata::internal_topics::SHARE_GROUP_STATE;
use barnabas_replica::partition::registry::Partitions;

type ShareShard = Shard<ShareStateMachine, LedPartition>;

/// The share coordinator.
pub struct ShareCoordinator {
    shards: Shards<ShareStateMachine, LedPartition>,
    node_id: i32,
    environment: Environment,
    prune_interval: Duration,
    /// How long a share partition may rest before its state is written anew.
    rest_ms_max: i64,
}

impl ShareCoordinator {
    /// A coordinator that has not seen an image yet. Its settings can't be changed at run time.
    pub fn new(config: &BrokerConfig, environment: Environment) -> Self {
        let id = u8::try_from(config.share_coordinator_state_topic_compression_codec).unwrap_or(u8::MAX);
        let compression = Compression::from_id(id).unwrap_or_else(|error| {
            tracing::warn!(%error, "share.coordinator.state.topic.compression.codec is unknown; nothing is compressed");
            Compression::None
        });
        let setup = ShareStateConfig {
            updates_per_snapshot: config.share_coordinator_snapshot_update_records_per_snapshot,
            write_timeout_ms: config.share_coordinator_write_timeout_ms,
        };
        ShareCoordinator {
            shards: Shards::new(setup, compression, environment.clock.clone()),
            node_id: config.node_id,
            environment,
            prune_interval: Duration::from_millis(
                u64::try_from(config.share_coordinator_state_topic_prune_interval_ms).unwrap_or(u64::MAX),
            ),
            rest_ms_max: i64::from(config.share_coordinator_cold_partition_snapshot_interval_ms),
        }
    }

    /// Starts and stops shards as an image asks for, and forgets the share partitions of deleted topics.
    /// Called after the partitions have followed it.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta, partitions: &Partitions) {
        if let Some(led) = led_partitions(image, delta, SHARE_GROUP_STATE, self.node_id, partitions) {
            short_lived_threads::load(self.shards.follow(led), self.environment.threads);
        }
        let shards: Vec<_> = self.shards.all().iter().flatten().cloned().collect();
        if !delta.topics_deleted.is_empty() && !shards.is_empty() {
            let deleted: Vec<_> = delta.topics_deleted.iter().map(|topic| topic.id).collect();
            let decide = move |machine: &ShareStateMachine| machine.core.forget_topics(&deleted);
            short_lived_threads::append_to_all(
                shards,
                "share-state-deletion",
                self.environment.clone(),
                decide,
            );
        }
    }

    /// Whether this broker coordinates a share partition, given by its key.
    pub fn coordinates(&self, key: &str) -> bool {
        self.shards.of(key).is_ok()
    }

    /// Answers a request when what it led to is committed; a partition of which another broker is the
    /// coordinator with NOT_COORDINATOR.
    pub async fn answer<A: ShareStateApi>(&self, image: &MetadataImage, request: A) -> A::Response {
        let (group, mut asks) = request.into_parts();
        if group.is_empty() {
            return A::response(Vec::new());
        }
        let mut decided = Vec::with_capacity(asks.len());
        for (topic_id, ask) in asks.drain(..) {
            let of = SharePartition {
                group: group.clone(),
                topic_id,
                partition: A::partition(&ask),
            };
            decided.push((of.topic_id, of.partition, self.decide::<A>(image, &of, &ask)));
        }
        let mut results: Vec<(Uuid, A::Result)> = Vec::with_capacity(decided.len());
        let mut places: HashMap<(Uuid, i32), usize> = HashMap::new();
        for (topic_id, partition, decided) in decided {
            let result = match decided {
                Ok((shard, answered)) => shard.committed(answered).await.map_err(GroupRefusal::from),
                Err(refusal) => Err(refusal),
            };
            let result = result.unwrap_or_else(|refusal| A::refused(partition, refusal));
            // Who names a partition twice gets the last answer.
            match places.entry((topic_id, partition)) {
                Entry::Occupied(place) => results[*place.get()].1 = result,
                Entry::Vacant(place) => {
                    place.insert(results.len());
                    results.push((topic_id, result));
                }
            }
        }
        A::response(results)
    }

    fn decide<A: ShareStateApi>(
        &self,
        image: &MetadataImage,
        of: &SharePartition,
        ask: &A::Ask,
    ) -> Result<(Arc<ShareShard>, Answered<A::Result>), GroupRefusal> {
        let (shard, now) = (self.shards.of(&of.to_string())?, self.shards.now());
        let topic = image.topics.by_id(&of.topic_id);
        let exists = topic.is_some_and(|topic| topic.partition(of.partition).is_some());
        let mut refusal = None;
        let answered = shard.decide(now, |machine| {
            match A::decide(&machine.core, of, ask, exists, now.wall_ms) {
                Ok((record, result)) => Ok((record.into_iter().collect(), result)),
                Err(refused) => {
                    let code = refused.code;
                    refusal = Some(refused);
                    Err(code)
                }
            }
        });
        match answered {
            Ok(answered) => Ok((shard, answered)),
            Err(error) => Err(refusal.unwrap_or_else(|| error.into())),
        }
    }

    /// From time to time deletes what is not needed any more, until the process stops. One task does this.
    pub async fn run_pruning(&self, stopping: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(self.prune_interval) => {}
            }
            for shard in self.shards.all().iter().flatten() {
                if let Err(error) = self.prune(shard).await {
                    tracing::debug!(log = %shard.led().log().name(), %error, "nothing was deleted");
                }
            }
        }
    }

    /// Writes the state of share partitions anew that have rested, and deletes what is older than every
    /// snapshot, once those are committed.
    async fn prune(&self, shard: &ShareShard) -> Result<(), ErrorCode> {
        if !shard.is_used() {
            return Ok(());
        }
        let now = self.shards.now();
        shard.append_decided(now, |machine| {
            machine
                .core
                .refresh(now.wall_ms.saturating_sub(self.rest_ms_max), now.wall_ms)
        });
        let answered = shard.decide(now, |machine| Ok((Vec::new(), machine.core.redundant_before())))?;
        let redundant_before = shard.committed(answered).await?;
        let log = shard.led().log();
        if redundant_before > log.offsets().0 {
            log.delete_records(redundant_before)?;
        }
        Ok(())
    }
}
