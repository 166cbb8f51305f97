//! AlterReplicaLogDirs (KIP-113): moves partitions to other folders of this broker's `log.dirs`.
//!
//! Versions 1–2. Errors of a partition, as Apache Kafka checks them: CLUSTER_AUTHORIZATION_FAILED,
//! INVALID_TOPIC_EXCEPTION (no room for the suffix of the copy's folder), LOG_DIR_NOT_FOUND,
//! KAFKA_STORAGE_ERROR, INVALID_REPLICA_ASSIGNMENT (the folder is cordoned), UNKNOWN_TOPIC_OR_PARTITION,
//! REPLICA_NOT_AVAILABLE. The answer comes when the move has begun.

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use barnabas_protocol::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, TopicName};

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_replica::log_dirs::Cordoned;

/// `-N.` and 32 digits and `-future` take so much of a folder's name of 255 bytes, without the partition's
/// digits.
const FUTURE_NAME_REST_MAX: usize = 255 - "-.-future".len() - 32;

/// Begins the moves and answers for each partition.
pub fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    answer(&request, |topic, partition, path| {
        begin_move(broker, topic, partition, path)
    })
}

/// The answer with an error for each partition.
pub fn refused(
    _: &RequestContext,
    request: &AlterReplicaLogDirsRequest,
    error: &ApiError,
) -> AlterReplicaLogDirsResponse {
    answer(request, |_, _, _| Err(error.code))
}

fn answer(
    request: &AlterReplicaLogDirsRequest,
    outcome: impl Fn(&str, i32, &str) -> Result<(), ErrorCode>,
) -> AlterReplicaLogDirsResponse {
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for dir in &request.dirs {
        for topic in &dir.topics {
            for &partition in &topic.partitions {
                let outcome = outcome(&topic.name, partition, &dir.path);
                let error = outcome.err().unwrap_or(ErrorCode::None);
                let result = AlterReplicaLogDirPartitionResult::default()
                    .with_partition_index(partition)
                    .with_error_code(error.code());
                add(&mut results, &topic.name, result);
            }
        }
    }
    AlterReplicaLogDirsResponse::default().with_results(results)
}

/// A topic has one place in the answer, a partition one in it: its last.
fn add(
    results: &mut Vec<AlterReplicaLogDirTopicResult>,
    topic: &TopicName,
    result: AlterReplicaLogDirPartitionResult,
) {
    let Some(known) = results.iter_mut().find(|known| known.topic_name == *topic) else {
        let first = AlterReplicaLogDirTopicResult::default().with_topic_name(topic.clone());
        results.push(first.with_partitions(vec![result]));
        return;
    };
    known
        .partitions
        .retain(|other| other.partition_index != result.partition_index);
    known.partitions.push(result);
}

fn begin_move(broker: &Broker, topic: &str, partition: i32, path: &str) -> Result<(), ErrorCode> {
    if topic.len() + partition.to_string().len() > FUTURE_NAME_REST_MAX {
        return Err(ErrorCode::InvalidTopicException);
    }
    let to = broker
        .replicas
        .log_dirs()
        .by_path(path)
        .ok_or(ErrorCode::LogDirNotFound)?;
    if to.is_failed() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if Cordoned::new(broker.config().cordoned_log_dirs.as_deref()).contains(to) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    let found = broker.partitions().by_name(topic, partition);
    let found = found.map_err(|error| match error {
        ErrorCode::NotLeaderOrFollower => ErrorCode::ReplicaNotAvailable,
        other => other,
    })?;
    found.check_online()?;
    broker.replicas.log_moves().begin(&found, to);
    Ok(())
}
