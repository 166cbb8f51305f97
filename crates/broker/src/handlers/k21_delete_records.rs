//! DeleteRecords (KIP-107): the records before an offset go, -1 stands for the high watermark.
//!
//! Versions 0–2. Errors of a partition: INVALID_TOPIC_EXCEPTION (an internal topic), UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION (a topic that is compacted only), OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR.
//!
//! Deviation: the log start offset is on disk before the answer leaves; Apache Kafka writes it within a minute.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use barnabas_metadata::controller::topic_name;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_records_request::DeleteRecordsPartition;
use barnabas_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use barnabas_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};

use crate::broker::Broker;
use crate::checkpoints::{self, Checkpoint};
use crate::request::RequestContext;

/// The low watermark of a partition with an error.
const NO_LOW_WATERMARK: i64 = -1;

/// Deletes what is asked for and answers with the partitions' low watermarks. A partition without other replicas
/// reaches its low watermark at once, so nothing waits for the timeout.
pub async fn handle(
    broker: &Arc<Broker>,
    _: &RequestContext,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = last_words(&request).into_iter().map(|(name, partitions)| {
        let results = partitions.into_iter().map(|wanted| {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(wanted.partition_index);
            match delete(broker, name, wanted.partition_index, wanted.offset) {
                Ok(low_watermark) => result.with_low_watermark(low_watermark),
                Err(error) => result
                    .with_low_watermark(NO_LOW_WATERMARK)
                    .with_error_code(error.code()),
            }
        });
        DeleteRecordsTopicResult::default()
            .with_name(name.clone())
            .with_partitions(results.collect())
    });
    let topics: Vec<_> = topics.collect();
    let mut results = topics.iter().flat_map(|topic| &topic.partitions);
    if results.any(|result| result.error_code == ErrorCode::None.code()) {
        checkpoints::write_apart(broker, Checkpoint::LogStartOffsets).await;
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

/// What is asked for, by topic: of a partition that is named twice the last word counts.
fn last_words(request: &DeleteRecordsRequest) -> Vec<(&TopicName, Vec<&DeleteRecordsPartition>)> {
    let mut topics: Vec<(&TopicName, Vec<&DeleteRecordsPartition>)> = Vec::new();
    let mut places = HashMap::new();
    for topic in request.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let place = *places.entry(&topic.name).or_insert_with(|| {
            topics.push((&topic.name, Vec::new()));
            topics.len() - 1
        });
        topics[place].1.extend(&topic.partitions);
    }
    for (_, partitions) in &mut topics {
        let mut seen = HashSet::new();
        partitions.reverse();
        partitions.retain(|wanted| seen.insert(wanted.partition_index));
        partitions.reverse();
    }
    topics
}

fn delete(broker: &Broker, topic: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    let found = broker.partitions().by_name(topic, partition);
    // A topic that doesn't exist is not judged by its name.
    if topic_name::is_internal(topic) && broker.image().topics.by_name(topic).is_some() {
        return Err(ErrorCode::InvalidTopicException);
    }
    found?.delete_records(offset)
}
