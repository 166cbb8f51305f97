//! ListPartitionReassignments (key 46): which replicas are on their way (KIP-455).
//!
//! Version 0. What isn't being reassigned isn't listed.

use barnabas_metadata::controller::list_partition_reassignments;
use barnabas_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers from the latest image.
pub fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_topics(list_partition_reassignments(&broker.image(), &request))
}
