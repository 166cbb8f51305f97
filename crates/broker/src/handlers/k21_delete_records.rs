//! DeleteRecords (KIP-107): the records before an offset go, -1 stands for the high watermark.
//!
//! Versions 0–2. Errors of a partition: INVALID_TOPIC_EXCEPTION (an internal topic), UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION (a topic that is compacted only), OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR.
//!
//! Deviation: the log start offset is on disk before the answer leaves; Apache Kafka writes it within a minute.

use std::collections::HashMap;
use std::sync::Arc;

use barnabas_metadata::controller::topic_name;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_records_request::DeleteRecordsPartition;
use barnabas_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use barnabas_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};

use crate::broker::Broker;
use crate::last_words::keep_last_words;
use crate::request::RequestContext;
use barnabas_replica::upkeep::checkpoints::{self, Checkpoint};

/// The low watermark of a partition with an error.
const NO_LOW_WATERMARK: i64 = -1;

/// Deletes what is asked for and answers with the partitions' low watermarks. A partition without other replicas
/// reaches its low watermark at once, so nothing waits for the timeout.
pub async fn handle(
    broker: &Arc<Broker>,
    _: &RequestContext,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut wanted: Vec<(&TopicName, &DeleteRecordsPartition)> = Vec::new();
    for topic in &request.topics {
        wanted.extend(topic.partitions.iter().map(|partition| (&topic.name, partition)));
    }
    keep_last_words(&mut wanted, |a, b| {
        (a.0, a.1.partition_index).cmp(&(b.0, b.1.partition_index))
    });
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
    let mut places = HashMap::new();
    for (name, wanted) in wanted {
        let place = *places.entry(name).or_insert_with(|| {
            topics.push(DeleteRecordsTopicResult::default().with_name(name.clone()));
            topics.len() - 1
        });
        let result = DeleteRecordsPartitionResult::default().with_partition_index(wanted.partition_index);
        topics[place].partitions.push(
            match delete(broker, name, wanted.partition_index, wanted.offset) {
                Ok(low_watermark) => result.with_low_watermark(low_watermark),
                Err(error) => result
                    .with_low_watermark(NO_LOW_WATERMARK)
                    .with_error_code(error.code()),
            },
        );
    }
    let mut results = topics.iter().flat_map(|topic| &topic.partitions);
    if results.any(|result| result.error_code == ErrorCode::None.code()) {
        checkpoints::write_apart(&broker.replicas, Checkpoint::LogStartOffsets).await;
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

fn delete(broker: &Broker, topic: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    let found = broker.partitions().by_name(topic, partition);
    // A topic that doesn't exist is not judged by its name.
    if topic_name::is_internal(topic) && broker.image().topics.by_name(topic).is_some() {
        return Err(ErrorCode::InvalidTopicException);
    }
    found?.delete_records(offset)
}
