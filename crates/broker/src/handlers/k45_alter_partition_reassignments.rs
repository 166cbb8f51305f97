//! AlterPartitionReassignments (key 45): moves replicas to other brokers, or stops moving them (KIP-455).
//!
//! Versions 0–1. Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR,
//! NO_REASSIGNMENT_IN_PROGRESS.

use barnabas_metadata::controller::{AlterPartitionReassignments, ApiError};
use barnabas_protocol::messages::alter_partition_reassignments_request::ReassignableTopic;
use barnabas_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use barnabas_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// First version that tells whether the replication factor may change.
const RESIZE_SINCE: i16 = 1;

/// Has the controller alter the reassignments.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let asked = request.topics.clone();
    let outcome = broker
        .controller
        .submit(AlterPartitionReassignments(request))
        .await;
    let response = match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(response) => response,
        Err(error) => refused(&asked, &error),
    };
    match context.api_version {
        RESIZE_SINCE.. => response,
        _ => response.with_allow_replication_factor_change(true),
    }
}

fn refused(topics: &[ReassignableTopic], error: &ApiError) -> AlterPartitionReassignmentsResponse {
    let topic = |topic: &ReassignableTopic| {
        let partitions = topic.partitions.iter().map(|partition| {
            ReassignablePartitionResponse::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error.code.code())
                .with_error_message(error.wire_message())
        });
        ReassignableTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    };
    AlterPartitionReassignmentsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
        .with_responses(topics.iter().map(topic).collect())
}
