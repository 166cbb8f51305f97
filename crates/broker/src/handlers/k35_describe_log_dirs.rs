//! DescribeLogDirs (key 35): the log directories, how much of their disks is left, and how much each
//! partition takes.
//!
//! Versions 1–5. Errors of the whole: CLUSTER_AUTHORIZATION_FAILED (from version 3; before, nothing is told).
//! Errors of a directory: KAFKA_STORAGE_ERROR. Topics and partitions that aren't here are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use barnabas_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, StrBytes, TopicName};
use barnabas_storage::LogDir;

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_replica::log_dirs::{Cordoned, DataDir};

/// Answers for all partitions, or for those that are asked for.
pub fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let cordoned = Cordoned::new(broker.config().cordoned_log_dirs.as_deref());
    let results = broker.replicas.log_dirs().all().iter().map(|dir| {
        let path = dir.path().to_string_lossy().into_owned();
        let described = DescribeLogDirsResult::default()
            .with_log_dir(StrBytes::from_string(path))
            .with_is_cordoned(cordoned.contains(dir));
        match dir.storage().and_then(LogDir::disk_space) {
            Ok(space) => {
                let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
                described
                    .with_topics(topics(broker, dir, &request))
                    .with_total_bytes(bytes(space.total_bytes))
                    .with_usable_bytes(bytes(space.usable_bytes))
            }
            Err(error) => {
                dir.note(&error);
                described.with_error_code(ErrorCode::KafkaStorageError.code())
            }
        }
    });
    DescribeLogDirsResponse::default().with_results(results.collect())
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &DescribeLogDirsRequest, error: &ApiError) -> DescribeLogDirsResponse {
    DescribeLogDirsResponse::default().with_error_code(error.code.code())
}

fn topics(
    broker: &Broker,
    dir: &Arc<DataDir>,
    request: &DescribeLogDirsRequest,
) -> Vec<DescribeLogDirsTopic> {
    let asked: Option<BTreeSet<(&str, i32)>> = request.topics.as_ref().map(|topics| {
        topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|index| (&*topic.topic.0, *index)))
            .collect()
    });
    let wanted = |topic: &str, partition: i32| {
        asked
            .as_ref()
            .is_none_or(|asked| asked.contains(&(topic, partition)))
    };
    let mut by_topic: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    for partition in broker.partitions().all() {
        let id = partition.id();
        if !wanted(&id.topic, id.partition) {
            continue;
        }
        let row = DescribeLogDirsPartition::default().with_partition_index(id.partition);
        let described = if Arc::ptr_eq(&partition.dir(), dir) {
            row.with_partition_size(size(partition.size_bytes()))
        } else if let Some(moving) = partition.moving().filter(|moving| Arc::ptr_eq(&moving.to, dir)) {
            let (_, log_end_offset) = partition.offsets();
            row.with_partition_size(size(moving.size_bytes()))
                .with_offset_lag(log_end_offset - moving.log_end_offset())
                .with_is_future_key(true)
        } else {
            continue;
        };
        by_topic.entry(id.topic.to_string()).or_default().push(described);
    }
    let topic = |(name, mut partitions): (String, Vec<DescribeLogDirsPartition>)| {
        partitions.sort_by_key(|partition| partition.partition_index);
        DescribeLogDirsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name)))
            .with_partitions(partitions)
    };
    by_topic.into_iter().map(topic).collect()
}
