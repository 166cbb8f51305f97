//! Writing to the topic, from any broker, without two ever deciding on the same state.
//!
//! ```text
//! read all that is committed ─→ Ground (leader epoch, end) ─→ decide ─→ append, if the log still ends there
//! ```
//!
//! Who writes tells the leader where it has read to and in which leader epoch. The leader compares both with
//! its log under the lock under which it appends: of two who have decided on the same records one is refused,
//! and so is who has not seen records that are not committed yet, or has read of another leader. A refused
//! one reads on and decides anew.

use std::time::Duration;

use barnabas_metadata::controller::CreateTopics;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{CreateTopicsRequest, ProduceRequest, StrBytes, TopicName};
use barnabas_protocol::produce::OnlyAt;
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::{AppendAs, RequiredAcks, outcome_of};
use barnabas_replica::partition::core::LeaderEpoch;
use barnabas_storage::{AppendOrigin, Verified};
use uuid::Uuid;

use super::{KeyValue, Position, Replay, SCHEMAS_TOPIC, catch_up, partition_of};
use crate::broker::Broker;
use crate::broker_peers::{Purpose, produced};

/// How long a commit is waited for.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The replicas that it is created with, where there are as many brokers.
const REPLICAS: usize = 3;
/// The Produce that a broker sends: topics have ids.
const PRODUCE_VERSION: i16 = 13;
const ACKS_ALL: i16 = -1;

/// What a decision rests on: all records of the topic, read in this leader epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    topic_id: Uuid,
    leader: i32,
    only_at: OnlyAt,
}

/// Why records are not known to be in the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// Somebody has written meanwhile, or another leads: what was decided may not hold any more. Nothing is
    /// written.
    Outdated,
    /// Nothing is written, and it makes no sense to try again at once.
    Refused(ErrorCode),
    /// They may be in it.
    Unknown(ErrorCode),
}

/// As [`catch_up`], for who writes next; the leader waits until all that it has is committed. `None` where
/// the topic is not there.
///
/// # Errors
/// LEADER_NOT_AVAILABLE, and those of [`catch_up`].
pub async fn catch_up_to_write(
    broker: &Broker,
    at: &mut Position,
    replay: &mut impl Replay,
) -> Result<Option<Ground>, ErrorCode> {
    let Some((topic_id, state)) = partition_of(broker) else {
        catch_up(broker, at, replay).await?;
        return Ok(None);
    };
    if !state.has_leader() {
        return Err(ErrorCode::LeaderNotAvailable);
    }
    if state.leader == broker.node_id {
        let partition = broker.partitions().by_id(&topic_id, 0)?;
        commit(&partition, partition.offsets().1).await?;
    }
    // In this epoch or in a later one, of which the append will not be.
    catch_up(broker, at, replay).await?;
    Ok((at.topic_id == topic_id).then_some(Ground {
        topic_id,
        leader: state.leader,
        only_at: OnlyAt {
            leader_epoch: state.leader_epoch,
            offset: at.next_offset,
        },
    }))
}

/// Appends records that were decided on this ground, and waits for their commit. Nothing of them has been
/// read then.
///
/// # Errors
/// See [`Unwritten`].
pub async fn append(broker: &Broker, ground: &Ground, records: &[KeyValue<'_>]) -> Result<(), Unwritten> {
    let mut batch = BatchBuilder::new(Compression::None);
    let now_ms = broker.clock.now().wall_ms;
    for (key, value) in records {
        batch.append(&RecordFields {
            timestamp: now_ms,
            key: *key,
            value: *value,
            headers: &[],
        });
    }
    let batch = batch.build();
    let batch = batch.map_err(|_| Unwritten::Refused(ErrorCode::UnknownServerError))?;
    match ground.leader == broker.node_id {
        true => append_own(broker, ground, batch, now_ms).await,
        false => ask(broker, ground, batch).await,
    }
}

async fn append_own(
    broker: &Broker,
    ground: &Ground,
    mut batch: Vec<u8>,
    now_ms: i64,
) -> Result<(), Unwritten> {
    let partition = broker.partitions().by_id(&ground.topic_id, 0);
    let partition = partition.map_err(|_| Unwritten::Outdated)?;
    let most = usize::try_from(partition.settings().config.max_message_bytes).unwrap_or(0);
    if batch.len() > most {
        return Err(Unwritten::Refused(ErrorCode::MessageTooLarge));
    }
    let how = AppendAs {
        origin: AppendOrigin::Coordinator,
        acks: RequiredAcks::AllLater,
        leader_epoch: Some(LeaderEpoch(ground.only_at.leader_epoch)),
        end_offset: Some(ground.only_at.offset),
        verified: Verified::NotAsked,
        now_ms,
    };
    let appended = match partition.append(&mut batch, &how).map_err(ErrorCode::from) {
        Ok(appended) => appended,
        Err(
            ErrorCode::OperationNotAttempted
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition,
        ) => return Err(Unwritten::Outdated),
        Err(error) => return Err(Unwritten::Refused(error)),
    };
    let committed = commit(&partition, appended.end_offset()).await;
    committed.map_err(Unwritten::Unknown)
}

async fn ask(broker: &Broker, ground: &Ground, batch: Vec<u8>) -> Result<(), Unwritten> {
    let mut partition = PartitionProduceData::default().with_records(Some(batch.into()));
    partition.unknown_tagged_fields.extend([ground.only_at.tagged()]);
    let topic = TopicProduceData::default()
        .with_topic_id(ground.topic_id)
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_acks(ACKS_ALL)
        .with_timeout_ms(i32::try_from(COMMIT_TIMEOUT.as_millis()).unwrap_or(i32::MAX))
        .with_topic_data(vec![topic]);
    let (image, peers) = (broker.image().clone(), broker.peers());
    let asked = peers.ask(&image, ground.leader, Purpose::Schemas, PRODUCE_VERSION, &request);
    let answer = asked.await.map_err(|error| {
        tracing::debug!(%error, "the leader of the schema registry's topic has not answered");
        Unwritten::Unknown(ErrorCode::NetworkException)
    })?;
    match produced(&answer) {
        ErrorCode::None => Ok(()),
        ErrorCode::OperationNotAttempted | ErrorCode::UnknownTopicId => Err(Unwritten::Outdated),
        error @ (ErrorCode::MessageTooLarge
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::InvalidRecord
        | ErrorCode::TopicAuthorizationFailed) => Err(Unwritten::Refused(error)),
        // Also NOT_LEADER_OR_FOLLOWER: the leader may have had it, and be none any more.
        error => Err(Unwritten::Unknown(error)),
    }
}

/// Creates the topic, if it isn't there.
///
/// # Errors
/// COORDINATOR_NOT_AVAILABLE: the controller can't be asked, or refuses.
pub async fn create(broker: &Broker) -> Result<(), ErrorCode> {
    let alive = {
        let image = broker.image();
        image
            .brokers
            .keys()
            .filter(|id| image.alive_broker(**id).is_some())
            .count()
    };
    let compacted = CreatableTopicConfig::default()
        .with_name(StrBytes::from_static_str("cleanup.policy"))
        .with_value(Some(StrBytes::from_static_str("compact")));
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_static_str(SCHEMAS_TOPIC)))
        .with_num_partitions(1)
        .with_replication_factor(i16::try_from(alive.clamp(1, REPLICAS)).unwrap_or(1))
        .with_configs(vec![compacted]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let failed = match broker.controller.submit(CreateTopics(request)).await {
        Ok(Ok(response)) => response.topics.first().and_then(|topic| {
            let fine = [ErrorCode::None.code(), ErrorCode::TopicAlreadyExists.code()];
            (!fine.contains(&topic.error_code)).then(|| format!("{:?}", topic.error_message))
        }),
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    match failed {
        None => Ok(()),
        Some(reason) => {
            tracing::warn!(
                topic = SCHEMAS_TOPIC,
                reason,
                "the topic of the schema registry was not created"
            );
            Err(ErrorCode::CoordinatorNotAvailable)
        }
    }
}

async fn commit(partition: &Partition, end_offset: i64) -> Result<(), ErrorCode> {
    let Some(waiting) = partition.wait_for_commit(end_offset) else {
        return Ok(());
    };
    let waited = tokio::time::timeout(COMMIT_TIMEOUT, outcome_of(waiting)).await;
    waited.unwrap_or(Err(ErrorCode::RequestTimedOut))
}
