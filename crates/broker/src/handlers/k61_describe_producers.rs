//! DescribeProducers (KIP-664): who has written to a partition lately, as each of its replicas knows it.
//!
//! Version 0. Errors of a partition: INVALID_TOPIC_EXCEPTION, TOPIC_AUTHORIZATION_FAILED,
//! UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.

use barnabas_metadata::controller::topic_name;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use barnabas_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId, StrBytes,
};
use barnabas_security::AclOperation;
use barnabas_storage::ProducerEntry;

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_controller::authorization;

/// Answers every partition that was asked for.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let rights = broker.rights(context);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&index| {
            let found = topic_name::validate(&topic.name)
                .map_err(|_| ErrorCode::InvalidTopicException)
                .and_then(|()| match rights.on_topic(AclOperation::Read, &topic.name) {
                    true => Ok(()),
                    false => Err(ErrorCode::TopicAuthorizationFailed),
                })
                .and_then(|()| broker.partitions().by_name(&topic.name, index));
            let answer = PartitionResponse::default().with_partition_index(index);
            match found.and_then(|partition| partition.active_producers()) {
                Ok(producers) => answer.with_active_producers(producers.iter().map(producer).collect()),
                Err(error) => answer
                    .with_error_code(error.code())
                    .with_error_message(message(error)),
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn producer(entry: &ProducerEntry) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(entry.producer_id))
        .with_producer_epoch(i32::from(entry.producer_epoch))
        .with_last_sequence(entry.last_sequence())
        .with_last_timestamp(entry.last_timestamp)
        .with_coordinator_epoch(entry.coordinator_epoch)
        .with_current_txn_start_offset(entry.current_txn_first_offset.unwrap_or(-1))
}

fn message(error: ErrorCode) -> Option<StrBytes> {
    let text = match error {
        ErrorCode::NotLeaderOrFollower => "This broker has no replica of the partition.",
        ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        ErrorCode::TopicAuthorizationFailed => authorization::message(error),
        _ => return None,
    };
    Some(StrBytes::from_static_str(text))
}
