//! AlterPartitionReassignments (key 45): moves replicas to other brokers, or stops moving them (KIP-455).
//!
//! Versions 0–1. Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR,
//! NO_REASSIGNMENT_IN_PROGRESS.

use barnabas_metadata::controller::{AlterPartitionReassignments, ApiError};
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
    let outcome = broker
        .controller
        .submit(AlterPartitionReassignments(request))
        .await;
    let response = outcome.unwrap_or_else(|error| {
        let error = ApiError::from(error);
        AlterPartitionReassignmentsResponse::default()
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message())
    });
    match context.api_version {
        RESIZE_SINCE.. => response,
        _ => response.with_allow_replication_factor_change(true),
    }
}
