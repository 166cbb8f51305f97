//! CreatePartitions (key 37): more partitions for a topic.
//!
//! Versions 0–3. Errors: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, INVALID_REQUEST.

use barnabas_metadata::controller::{ApiError, CreatePartitions};
use barnabas_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use barnabas_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Has the controller add the partitions.
pub async fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let outcome = broker.controller.submit(CreatePartitions(request)).await;
    let results = outcome
        .map_err(ApiError::from)
        .and_then(|reply| reply)
        .unwrap_or_else(|error| {
            let result = |name| {
                CreatePartitionsTopicResult::default()
                    .with_name(name)
                    .with_error_code(error.code.code())
                    .with_error_message(error.wire_message())
            };
            names.into_iter().map(result).collect()
        });
    CreatePartitionsResponse::default().with_results(results)
}
