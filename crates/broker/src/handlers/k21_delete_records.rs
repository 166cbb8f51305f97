//! DeleteRecords (KIP-107): the records before an offset go, -1 stands for the high watermark.
//!
//! Versions 0–2. Errors of a partition: TOPIC_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION (an internal
//! topic), UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION (a topic that is compacted
//! only), OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR, REQUEST_TIMED_OUT (a replica still has the records).
//!
//! Deviation: the log start offset is on disk before the answer leaves; Apache Kafka writes it within a
//! minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::controller::topic_name;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_records_request::DeleteRecordsPartition;
use barnabas_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use barnabas_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use barnabas_security::{AclOperation, Rights};
use tokio::time::Instant;

use crate::broker::Broker;
use crate::duplicates::keep_last_of_each;
use crate::request::RequestContext;
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::outcome_of;
use barnabas_replica::partition::delete_records::LowWatermark;
use barnabas_replica::upkeep::checkpoints::{self, Checkpoint};

/// The low watermark of a partition with an error.
const NO_LOW_WATERMARK: i64 = -1;

/// Deletes what is asked for and answers with the partitions' low watermarks, once all replicas that are
/// alive have reached them or the time is up.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let deadline = Instant::now() + timeout;
    let rights = broker.rights(context);
    let mut wanted: Vec<(&TopicName, &DeleteRecordsPartition)> = Vec::new();
    for topic in &request.topics {
        wanted.extend(topic.partitions.iter().map(|partition| (&topic.name, partition)));
    }
    keep_last_of_each(&mut wanted, |a, b| {
        (a.0, a.1.partition_index).cmp(&(b.0, b.1.partition_index))
    });
    let deleted = wanted
        .iter()
        .map(|(name, wanted)| delete(broker, rights, name, wanted.partition_index, wanted.offset));
    let deleted: Vec<_> = deleted.collect();
    if deleted.iter().any(Result::is_ok) {
        checkpoints::write_apart(&broker.replicas, Checkpoint::LogStartOffsets).await;
    }
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
    let mut places = HashMap::new();
    for ((name, wanted), deleted) in wanted.into_iter().zip(deleted) {
        let place = *places.entry(name).or_insert_with(|| {
            topics.push(DeleteRecordsTopicResult::default().with_name(name.clone()));
            topics.len() - 1
        });
        let (low_watermark, error) = match deleted {
            Ok((partition, offset)) => deleted_everywhere(broker, &partition, offset, deadline).await,
            Err(error) => (NO_LOW_WATERMARK, error),
        };
        topics[place].partitions.push(
            DeleteRecordsPartitionResult::default()
                .with_partition_index(wanted.partition_index)
                .with_low_watermark(low_watermark)
                .with_error_code(error.code()),
        );
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

/// Deletes here; answers the offset before which the records are to be gone everywhere.
fn delete(
    broker: &Broker,
    rights: Rights<'_>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<(Arc<Partition>, i64), ErrorCode> {
    if !rights.on_topic(AclOperation::Delete, topic) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let found = broker.partitions().by_name(topic, partition);
    // A topic that doesn't exist is not judged by its name.
    if topic_name::is_internal(topic) && broker.image().topics.by_name(topic).is_some() {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = found?;
    let offset = partition.delete_records(offset)?;
    Ok((partition, offset))
}

/// Waits until no replica that is alive has records before `offset`; answers the low watermark.
async fn deleted_everywhere(
    broker: &Broker,
    partition: &Partition,
    offset: i64,
    deadline: Instant,
) -> (i64, ErrorCode) {
    loop {
        let reached = partition.low_watermark(offset, |id| broker.image().alive_broker(id).is_some());
        let (low_watermark, moved) = match reached {
            Ok(LowWatermark::Reached(low_watermark)) => return (low_watermark, ErrorCode::None),
            Ok(LowWatermark::Behind(low_watermark, moved)) => (low_watermark, moved),
            Err(error) => return (NO_LOW_WATERMARK, error),
        };
        match tokio::time::timeout_at(deadline, outcome_of(moved)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return (NO_LOW_WATERMARK, error),
            Err(_) => return (low_watermark, ErrorCode::RequestTimedOut),
        }
    }
}
