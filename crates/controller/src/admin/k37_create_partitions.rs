//! CreatePartitions (key 37): more partitions for a topic.
//!
//! Versions 0–3. Errors: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS,
//! INVALID_REPLICA_ASSIGNMENT, INVALID_REQUEST, THROTTLING_QUOTA_EXCEEDED.

use std::collections::HashMap;

use barnabas_metadata::controller::{ApiError, CreatePartitions};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use barnabas_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};
use barnabas_security::{AclOperation, Rights};

use super::AdminNode;
use super::mutations::{Mutations, added};
use barnabas_network::rpc::RequestContext;

/// First version whose clients know of THROTTLING_QUOTA_EXCEEDED.
const STRICT_SINCE: i16 = 3;

/// Has the controller add the partitions.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    mut request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut forbidden = take_forbidden(&mut request, node.rights(context));
    let mut mutations = Mutations::new(node, context, STRICT_SINCE);
    let image = node.image();
    request
        .topics
        .retain(|topic| match mutations.take(added(topic, &image)) {
            Ok(()) => true,
            Err(error) => {
                forbidden.push(result(topic.name.clone(), &error));
                false
            }
        });
    let throttle_time_ms = mutations.throttle_time_ms();
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let outcome = node.controllers().submit(CreatePartitions(request)).await;
    let results = outcome
        .map_err(ApiError::from)
        .and_then(|reply| reply)
        .unwrap_or_else(|error| names.into_iter().map(|name| result(name, &error)).collect());
    CreatePartitionsResponse::default()
        .with_throttle_time_ms(throttle_time_ms)
        .with_results(forbidden.into_iter().chain(results).collect())
}

/// The answer with an error for each topic.
pub fn refused(
    _: &RequestContext,
    request: &CreatePartitionsRequest,
    error: &ApiError,
) -> CreatePartitionsResponse {
    let results = request
        .topics
        .iter()
        .map(|topic| result(topic.name.clone(), error));
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn result(name: TopicName, error: &ApiError) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult::default()
        .with_name(name)
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}

/// Takes the topics out that the client may not alter. Those that are named twice stay, for the controller to
/// refuse.
fn take_forbidden(
    request: &mut CreatePartitionsRequest,
    rights: Rights<'_>,
) -> Vec<CreatePartitionsTopicResult> {
    if rights.are_unlimited() {
        return Vec::new();
    }
    let mut times: HashMap<TopicName, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let forbidden = |topic: &mut CreatePartitionsTopic| {
        times[&topic.name] == 1 && !rights.on_topic(AclOperation::Alter, &topic.name)
    };
    let refused = |topic: CreatePartitionsTopic| {
        CreatePartitionsTopicResult::default()
            .with_name(topic.name)
            .with_error_code(ErrorCode::TopicAuthorizationFailed.code())
    };
    request.topics.extract_if(.., forbidden).map(refused).collect()
}
