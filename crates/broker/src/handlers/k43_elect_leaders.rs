//! ElectLeaders (key 43): has partitions led by their preferred replica, or by any that is alive (KIP-460).
//!
//! Versions 0–2. Errors of a partition: ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION, PREFERRED_LEADER_NOT_AVAILABLE,
//! ELIGIBLE_LEADERS_NOT_AVAILABLE; INVALID_REQUEST for an election type that doesn't exist.

use barnabas_metadata::controller::{ApiError, ElectLeaders};
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use barnabas_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use barnabas_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// First version with an error of the whole.
const ERROR_CODE_SINCE: i16 = 1;

/// Has the controller hold the elections.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let asked = request.topic_partitions.clone().unwrap_or_default();
    let outcome = broker.controller.submit(ElectLeaders(request)).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(results) => ElectLeadersResponse::default().with_replica_election_results(results),
        Err(error) => {
            let code = if context.api_version >= ERROR_CODE_SINCE {
                error.code.code()
            } else {
                0
            };
            ElectLeadersResponse::default()
                .with_error_code(code)
                .with_replica_election_results(asked.iter().map(|topic| refused(topic, &error)).collect())
        }
    }
}

fn refused(topic: &TopicPartitions, error: &ApiError) -> ReplicaElectionResult {
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
