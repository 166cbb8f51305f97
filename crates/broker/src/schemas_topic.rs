//! The topic that a schema registry is kept in, read and written from any broker of the cluster.
//!
//! The leader of its one partition reads its own log up to the high watermark, and is the only one that
//! writes: in the leader epoch whose records it has read, so that nothing is decided on less. Others ask the
//! leader for what is new, with a Fetch, whenever they are asked themselves: what is answered anywhere is
//! what is committed.

use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::controller::CreateTopics;
use barnabas_metadata::image::PartitionImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::{BrokerId, CreateTopicsRequest, FetchRequest, StrBytes, TopicName};
use barnabas_protocol::records::compression::decompress;
use barnabas_protocol::records::{Batch, BatchBuilder, Compression, RecordFields, batches};
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::{AppendAs, RequiredAcks, outcome_of};
use barnabas_replica::partition::core::LeaderEpoch;
use barnabas_storage::{AppendOrigin, Verified};
use uuid::Uuid;

use crate::broker::Broker;
use crate::broker_peers::Purpose;

/// Its name, as Confluent's registry and Karapace have it.
pub const SCHEMAS_TOPIC: &str = "_schemas";
/// Bytes that are read at a time.
const CHUNK_BYTES: u32 = 1 << 20;
/// What one batch may expand to.
const BATCH_BYTES_MAX: usize = 64 << 20;
/// How long a commit is waited for.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The replicas that it is created with, where there are as many brokers.
const REPLICAS: usize = 3;
/// The Fetch that a consumer sends: topics have names.
const FETCH_VERSION: i16 = 12;

/// How far the topic has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    topic_id: Uuid,
    next_offset: i64,
}

/// A record's key and value.
pub type KeyValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Who takes what is read.
pub trait Replay {
    /// The topic is another one than before: nothing that was read counts.
    fn reset(&mut self);
    /// The next record.
    fn record(&mut self, record: KeyValue<'_>);
}

/// The broker that leads; `None` where the topic is not there.
///
/// # Errors
/// LEADER_NOT_AVAILABLE.
pub fn leader(broker: &Broker) -> Result<Option<i32>, ErrorCode> {
    let image = broker.image();
    match image.topics.partition(SCHEMAS_TOPIC, 0) {
        None => Ok(None),
        Some(state) if state.has_leader() => Ok(Some(state.leader)),
        Some(_) => Err(ErrorCode::LeaderNotAvailable),
    }
}

/// Reads on, up to what was committed when this was called.
///
/// # Errors
/// The leader can't be reached, or its log can't be read.
pub async fn catch_up(broker: &Broker, at: &mut Position, replay: &mut impl Replay) -> Result<(), ErrorCode> {
    let Some((topic_id, state)) = partition_of(broker) else {
        if *at != Position::default() {
            *at = Position::default();
            replay.reset();
        }
        return Ok(());
    };
    if at.topic_id != topic_id {
        *at = Position {
            topic_id,
            next_offset: 0,
        };
        replay.reset();
    }
    if state.leader == broker.node_id {
        let partition = broker.partitions().by_id(&topic_id, 0)?;
        return read_own(&partition, at, replay).await;
    }
    loop {
        let (records, high_watermark) = fetch(broker, &state, at).await?;
        if take(&records, at, high_watermark, replay)? == 0 || at.next_offset >= high_watermark {
            return Ok(());
        }
    }
}

/// As [`catch_up`], for who writes next: only once all that is there is committed, by the leader.
///
/// # Errors
/// NOT_LEADER_OR_FOLLOWER: another broker leads. Else those of [`catch_up`].
pub async fn catch_up_to_write(
    broker: &Broker,
    at: &mut Position,
    replay: &mut impl Replay,
) -> Result<(), ErrorCode> {
    if let Some((topic_id, state)) = partition_of(broker) {
        let partition = led(broker, &topic_id, &state)?;
        commit(&partition, partition.offsets().1).await?;
    }
    catch_up(broker, at, replay).await
}

/// Appends records that rest on what has been read, and waits for their commit. Nothing of them has been read
/// then.
///
/// # Errors
/// NOT_LEADER_OR_FOLLOWER, also where another epoch has begun since; what else an append can fail with.
pub async fn append(broker: &Broker, at: &Position, records: &[KeyValue<'_>]) -> Result<(), ErrorCode> {
    let (topic_id, state) = partition_of(broker).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = led(broker, &topic_id, &state)?;
    if at.topic_id != topic_id || at.next_offset < partition.offsets().1 {
        // Somebody else has written meanwhile, with a producer.
        return Err(ErrorCode::OperationNotAttempted);
    }
    let now_ms = broker.clock.now().wall_ms;
    let mut batch = BatchBuilder::new(Compression::None);
    for (key, value) in records {
        batch.append(&RecordFields {
            timestamp: now_ms,
            key: *key,
            value: *value,
            headers: &[],
        });
    }
    let mut batch = batch.build().map_err(|_| ErrorCode::UnknownServerError)?;
    let most = usize::try_from(partition.settings().config.max_message_bytes).unwrap_or(0);
    if batch.len() > most {
        return Err(ErrorCode::MessageTooLarge);
    }
    let how = AppendAs {
        origin: AppendOrigin::Coordinator,
        acks: RequiredAcks::AllLater,
        leader_epoch: Some(LeaderEpoch(state.leader_epoch)),
        verified: Verified::NotAsked,
        now_ms,
    };
    let end_offset = partition.append(&mut batch, &how)?.end_offset();
    commit(&partition, end_offset).await
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

fn partition_of(broker: &Broker) -> Option<(Uuid, Arc<PartitionImage>)> {
    let image = broker.image();
    let topic = image.topics.by_name(SCHEMAS_TOPIC)?;
    Some((topic.id, topic.partition(0)?.clone()))
}

fn led(broker: &Broker, topic_id: &Uuid, state: &PartitionImage) -> Result<Arc<Partition>, ErrorCode> {
    if state.leader != broker.node_id {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    broker.partitions().by_id(topic_id, 0)
}

async fn commit(partition: &Partition, end_offset: i64) -> Result<(), ErrorCode> {
    let Some(waiting) = partition.wait_for_commit(end_offset) else {
        return Ok(());
    };
    let waited = tokio::time::timeout(COMMIT_TIMEOUT, outcome_of(waiting)).await;
    waited.unwrap_or(Err(ErrorCode::RequestTimedOut))
}

async fn read_own(
    partition: &Partition,
    at: &mut Position,
    replay: &mut impl Replay,
) -> Result<(), ErrorCode> {
    let failed = |_| ErrorCode::KafkaStorageError;
    loop {
        let bounds = partition.with_log(|log, high_watermark| (log.log_start_offset(), high_watermark));
        let (start, end) = bounds.ok_or(ErrorCode::KafkaStorageError)?;
        at.next_offset = at.next_offset.max(start);
        if at.next_offset >= end {
            return Ok(());
        }
        let records = partition
            .read(at.next_offset, CHUNK_BYTES)?
            .to_vec()
            .map_err(failed)?;
        if take(&records, at, end, replay)? == 0 {
            return Ok(());
        }
        // Other requests go on between the parts of a long topic.
        tokio::task::yield_now().await;
    }
}

/// What the leader has from there on, and its high watermark.
async fn fetch(
    broker: &Broker,
    state: &PartitionImage,
    at: &mut Position,
) -> Result<(Vec<u8>, i64), ErrorCode> {
    let image = broker.image().clone();
    loop {
        let partition = FetchPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(state.leader_epoch)
            .with_fetch_offset(at.next_offset)
            .with_partition_max_bytes(i32::try_from(CHUNK_BYTES).unwrap_or(i32::MAX));
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_static_str(SCHEMAS_TOPIC)))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(0)
            .with_min_bytes(0)
            .with_max_bytes(i32::try_from(CHUNK_BYTES).unwrap_or(i32::MAX))
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let asked = broker
            .peers()
            .ask(&image, state.leader, Purpose::Schemas, FETCH_VERSION, &request);
        let response = asked.await.map_err(|error| {
            tracing::debug!(%error, "the leader of the schema registry's topic has not answered");
            ErrorCode::NetworkException
        })?;
        let partition = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next();
        let partition = partition.ok_or(ErrorCode::UnknownServerError)?;
        match ErrorCode::from_code(partition.error_code) {
            Some(ErrorCode::None) => {
                let records = partition.records.unwrap_or_default();
                return Ok((records.to_vec(), partition.high_watermark));
            }
            Some(ErrorCode::OffsetOutOfRange) if at.next_offset < partition.log_start_offset => {
                at.next_offset = partition.log_start_offset;
            }
            error => return Err(error.unwrap_or(ErrorCode::UnknownServerError)),
        }
    }
}

/// Has whole batches replayed, up to `end`; answers how many.
fn take(bytes: &[u8], at: &mut Position, end: i64, replay: &mut impl Replay) -> Result<usize, ErrorCode> {
    let mut count = 0;
    for batch in batches(bytes) {
        // A Fetch may end within a batch.
        let Ok(batch) = batch else { break };
        let next = batch.header.next_offset();
        if next > end {
            break;
        }
        if next > at.next_offset {
            take_batch(&batch, at, replay)?;
            at.next_offset = next;
        }
        count += 1;
    }
    Ok(count)
}

fn take_batch(batch: &Batch<'_>, at: &Position, replay: &mut impl Replay) -> Result<(), ErrorCode> {
    let corrupt = |_| ErrorCode::CorruptMessage;
    if batch.header.is_control() {
        return Ok(());
    }
    let mut expanded = Vec::new();
    let payload = match batch.header.compression().map_err(corrupt)? {
        Compression::None => batch.payload(),
        codec => {
            decompress(codec, batch.payload(), BATCH_BYTES_MAX, &mut expanded).map_err(corrupt)?;
            &expanded
        }
    };
    for record in batch.records_in(payload) {
        let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
        let offset = batch.header.base_offset + i64::from(record.offset_delta);
        if offset >= at.next_offset {
            replay.record((record.key, record.value));
        }
    }
    Ok(())
}
