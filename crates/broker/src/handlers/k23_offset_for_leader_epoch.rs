//! OffsetForLeaderEpoch (KIP-101, KIP-320): where the records of a leader epoch end, so that a client can
//! tell whether its position is still on our history.
//!
//! Versions 2–4. Errors of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use barnabas_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use barnabas_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Epoch and offset of an answer that has none.
const UNKNOWN: i32 = -1;

/// Answers every partition that was asked for.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let rights = broker.rights(context);
    let is_broker = rights.on_cluster(AclOperation::ClusterAction);
    let may_describe = |topic: &str| is_broker || rights.on_topic(AclOperation::Describe, topic);
    let (told, refused): (Vec<_>, Vec<_>) = request
        .topics
        .iter()
        .map(|topic| (topic, may_describe(&topic.topic)))
        .partition(|(_, may_describe)| *may_describe);
    // Those that the client may not see come last.
    let topics = told.into_iter().chain(refused).map(|(topic, may_describe)| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let answer = EpochEndOffset::default().with_partition(wanted.partition);
            let found = if may_describe {
                end_offset(broker, &topic.topic, wanted)
            } else {
                Err(ErrorCode::TopicAuthorizationFailed)
            };
            match found {
                Ok((leader_epoch, end_offset)) => {
                    answer.with_leader_epoch(leader_epoch).with_end_offset(end_offset)
                }
                Err(error) => answer
                    .with_error_code(error.code())
                    .with_leader_epoch(UNKNOWN)
                    .with_end_offset(UNKNOWN.into()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn end_offset(
    broker: &Broker,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ErrorCode> {
    let partition = broker.partitions().by_name(topic, wanted.partition)?;
    partition.end_offset_for_epoch(wanted.leader_epoch, wanted.current_leader_epoch)
}
