//! DeleteRecords (KIP-107): the records before an offset go, -1 stands for the high watermark.
//!
//! Versions 0–2. Errors of a partition: INVALID_TOPIC_EXCEPTION (an internal topic), UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION (a topic that is compacted only), OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR.
//!
//! Deviation: the log start offset is on disk before the answer leaves; Apache Kafka writes it within a minute.

use std::sync::Arc;

use barnabas_metadata::controller::topic_name;
use barnabas_protocol::error::ErrorCode;
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
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
    for topic in &request.topics {
        for wanted in &topic.partitions {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(wanted.partition_index);
            let result = match delete(broker, &topic.name, wanted.partition_index, wanted.offset) {
                Ok(low_watermark) => result.with_low_watermark(low_watermark),
                Err(error) => result
                    .with_low_watermark(NO_LOW_WATERMARK)
                    .with_error_code(error.code()),
            };
            add(&mut topics, &topic.name, result);
        }
    }
    let mut results = topics.iter().flat_map(|topic| &topic.partitions);
    if results.any(|result| result.error_code == ErrorCode::None.code()) {
        checkpoints::write_apart(broker, Checkpoint::LogStartOffsets).await;
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

/// A topic has one place in the answer, a partition one in it: its last.
fn add(topics: &mut Vec<DeleteRecordsTopicResult>, topic: &TopicName, result: DeleteRecordsPartitionResult) {
    let Some(known) = topics.iter_mut().find(|known| known.name == *topic) else {
        let first = DeleteRecordsTopicResult::default().with_name(topic.clone());
        topics.push(first.with_partitions(vec![result]));
        return;
    };
    known
        .partitions
        .retain(|other| other.partition_index != result.partition_index);
    known.partitions.push(result);
}

fn delete(broker: &Broker, topic: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    let found = broker.partitions().by_name(topic, partition);
    // A topic that doesn't exist is not judged by its name.
    if topic_name::is_internal(topic) && broker.image().topics.by_name(topic).is_some() {
        return Err(ErrorCode::InvalidTopicException);
    }
    found?.delete_records(offset)
}
