//! ElectLeaders (key 43): has partitions led by their preferred replica, or by any that is alive (KIP-460).
//!
//! Versions 0–2. Errors of a partition: ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION,
//! PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE; INVALID_REQUEST for an election type that
//! doesn't exist; CLUSTER_AUTHORIZATION_FAILED.

use barnabas_metadata::controller::{ApiError, ElectLeaders};
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use barnabas_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use barnabas_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// First version with an error of the whole.
const ERROR_CODE_SINCE: i16 = 1;

/// Has the controller hold the elections.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let outcome = node.controllers().submit(ElectLeaders(request.clone())).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(results) => ElectLeadersResponse::default().with_replica_election_results(results),
        Err(error) => refused(context, &request, &error),
    }
}

/// The answer with an error for each partition and, where the version has it, for the whole.
pub fn refused(
    context: &RequestContext,
    request: &ElectLeadersRequest,
    error: &ApiError,
) -> ElectLeadersResponse {
    let code = if context.api_version >= ERROR_CODE_SINCE {
        error.code.code()
    } else {
        0
    };
    let topics = request.topic_partitions.iter().flatten();
    ElectLeadersResponse::default()
        .with_error_code(code)
        .with_replica_election_results(topics.map(|topic| refused_topic(topic, error)).collect())
}

fn refused_topic(topic: &TopicPartitions, error: &ApiError) -> ReplicaElectionResult {
    let partition = |id: &i32| {
        PartitionResult::default()
            .with_partition_id(*id)
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message())
    };
    ReplicaElectionResult::default()
        .with_topic(topic.topic.clone())
        .with_partition_result(topic.partitions.iter().map(partition).collect())
}
