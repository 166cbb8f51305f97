//! What a follower does whose log the leader's doesn't reach: it asks where that one begins and ends, by
//! ListOffsets as a replica.

use std::sync::Arc;
use std::time::Duration;

use barnabas_config::BrokerConfig;
use barnabas_network::client::NodeClient;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::{BrokerId, ListOffsetsRequest, TopicName};

use super::exchange::Asked;
use crate::partition::Partition;
use crate::partition::follow::Cut;

const VERSION: i16 = 9;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// Where a leader's log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderRange {
    /// Its first offset.
    pub start_offset: i64,
    /// Its end.
    pub end_offset: i64,
}

impl LeaderRange {
    /// What a log that ends at `log_end_offset` does: a leader with less was elected uncleanly, one with more
    /// has deleted what comes next. `None` if its end is within the leader's log by now.
    pub fn cut(self, log_end_offset: i64) -> Option<Cut> {
        if self.end_offset < log_end_offset {
            Some(Cut::Truncate(self.end_offset))
        } else if self.start_offset > log_end_offset {
            Some(Cut::StartAnew(self.start_offset))
        } else {
            None
        }
    }
}

/// Asks for the ranges of partitions, in their order.
pub async fn ask(
    client: &NodeClient,
    config: &BrokerConfig,
    partitions: &[(Arc<Partition>, Asked)],
) -> Vec<Result<LeaderRange, ErrorCode>> {
    let ends = offsets(client, config, partitions, LATEST).await;
    let starts = offsets(client, config, partitions, EARLIEST).await;
    let both = ends.into_iter().zip(starts);
    both.map(|(end, start)| {
        Ok(LeaderRange {
            start_offset: start?,
            end_offset: end?,
        })
    })
    .collect()
}

async fn offsets(
    client: &NodeClient,
    config: &BrokerConfig,
    partitions: &[(Arc<Partition>, Asked)],
    timestamp: i64,
) -> Vec<Result<i64, ErrorCode>> {
    let topics = partitions.iter().map(|(partition, asked)| {
        let wanted = ListOffsetsPartition::default()
            .with_partition_index(partition.id().partition)
            .with_current_leader_epoch(asked.leader_epoch.0)
            .with_timestamp(timestamp);
        ListOffsetsTopic::default()
            .with_name(TopicName(partition.id().topic.to_string().into()))
            .with_partitions(vec![wanted])
    });
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(config.node_id))
        .with_topics(topics.collect());
    let patience = u64::try_from(config.replica_socket_timeout_ms).unwrap_or(0);
    let answered = client
        .call(VERSION, &request, Duration::from_millis(patience))
        .await;
    let found = |partition: &Partition| {
        let response = answered.as_ref().map_err(|_| ErrorCode::NetworkException)?;
        let mut topics = response
            .topics
            .iter()
            .filter(|topic| *topic.name.0 == *partition.id().topic);
        let answer = topics
            .find_map(|topic| {
                let mut partitions = topic.partitions.iter();
                partitions.find(|answer| answer.partition_index == partition.id().partition)
            })
            .ok_or(ErrorCode::UnknownServerError)?;
        match ErrorCode::from_code(answer.error_code) {
            Some(ErrorCode::None) if answer.offset >= 0 => Ok(answer.offset),
            Some(ErrorCode::None) | None => Err(ErrorCode::UnknownServerError),
            Some(error) => Err(error),
        }
    };
    partitions.iter().map(|(partition, _)| found(partition)).collect()
}
