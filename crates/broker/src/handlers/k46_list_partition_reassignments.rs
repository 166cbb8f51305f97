//! ListPartitionReassignments (key 46): which replicas are on their way (KIP-455).
//!
//! Version 0. What isn't being reassigned isn't listed. Errors: REQUEST_TIMED_OUT.

use barnabas_metadata::controller::{ApiError, list_partition_reassignments};
use barnabas_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use barnabas_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers from the latest image.
pub fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    match list_partition_reassignments(&broker.image(), &request) {
        Ok(ongoing) => ListPartitionReassignmentsResponse::default()
            .with_error_message(None)
            .with_topics(ongoing),
        Err(error) => refused(&request, &error),
    }
}

fn refused(
    request: &ListPartitionReassignmentsRequest,
    error: &ApiError,
) -> ListPartitionReassignmentsResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        let partition = |index: &i32| OngoingPartitionReassignment::default().with_partition_index(*index);
        OngoingTopicReassignment::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partition_indexes.iter().map(partition).collect())
    });
    ListPartitionReassignmentsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
        .with_topics(topics.collect())
}
