//! ListPartitionReassignments (key 46): which replicas are on their way (KIP-455).
//!
//! Version 0. What isn't being reassigned isn't listed. Errors: CLUSTER_AUTHORIZATION_FAILED.

use barnabas_metadata::controller::{ApiError, list_partition_reassignments};
use barnabas_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use barnabas_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use barnabas_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// Answers from the latest image.
pub fn handle(
    node: &impl AdminNode,
    _: &RequestContext,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_topics(list_partition_reassignments(&node.image(), &request))
}

/// The answer with an error. It names the partitions that were asked for, as Apache Kafka's does.
pub fn refused(
    _: &RequestContext,
    request: &ListPartitionReassignmentsRequest,
    error: &ApiError,
) -> ListPartitionReassignmentsResponse {
    let topic = |topic: &ListPartitionReassignmentsTopics| {
        let partitions = topic.partition_indexes.iter();
        let partition = |&index| OngoingPartitionReassignment::default().with_partition_index(index);
        OngoingTopicReassignment::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.map(partition).collect())
    };
    ListPartitionReassignmentsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
        .with_topics(request.topics.iter().flatten().map(topic).collect())
}
