//! AlterPartitionReassignments (key 45): moves replicas to other brokers, or stops moving them (KIP-455).
//!
//! Versions 0–1. Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT,
//! INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS; of all: CLUSTER_AUTHORIZATION_FAILED.

use barnabas_metadata::controller::{AlterPartitionReassignments, ApiError};
use barnabas_protocol::messages::alter_partition_reassignments_request::ReassignableTopic;
use barnabas_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use barnabas_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// First version that tells whether the replication factor may change.
const RESIZE_SINCE: i16 = 1;

/// Has the controller alter the reassignments.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let asked = AlterPartitionReassignments(request.clone());
    let outcome = node.controllers().submit(asked).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(response) => in_version(context, response),
        Err(error) => refused(context, &request, &error),
    }
}

fn in_version(
    context: &RequestContext,
    response: AlterPartitionReassignmentsResponse,
) -> AlterPartitionReassignmentsResponse {
    match context.api_version {
        RESIZE_SINCE.. => response,
        _ => response.with_allow_replication_factor_change(true),
    }
}

/// The answer with an error for the whole and for each partition.
pub fn refused(
    context: &RequestContext,
    request: &AlterPartitionReassignmentsRequest,
    error: &ApiError,
) -> AlterPartitionReassignmentsResponse {
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
    let response = AlterPartitionReassignmentsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
        .with_responses(request.topics.iter().map(topic).collect());
    in_version(context, response)
}
