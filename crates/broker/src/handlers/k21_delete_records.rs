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
use barnabas_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

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
    let mut deleted = false;
    let mut answer = |topic: &str, partition: i32, offset: i64| {
        let result = DeleteRecordsPartitionResult::default().with_partition_index(partition);
        match delete(broker, topic, partition, offset) {
            Ok(low_watermark) => {
                deleted = true;
                result.with_low_watermark(low_watermark)
            }
            Err(error) => result
                .with_low_watermark(NO_LOW_WATERMARK)
                .with_error_code(error.code()),
        }
    };
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|wanted| answer(&topic.name, wanted.partition_index, wanted.offset));
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(results.collect())
    });
    let topics = topics.collect();
    if deleted {
        checkpoints::write_apart(broker, Checkpoint::LogStartOffsets).await;
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
