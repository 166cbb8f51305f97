//! DeleteTopics (key 20): by name, from version 6 by id too.
//!
//! Versions 1–6. Errors: TOPIC_AUTHORIZATION_FAILED, INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION,
//! UNKNOWN_TOPIC_ID; with delete.topic.enable=false TOPIC_DELETION_DISABLED, before version 3
//! INVALID_REQUEST.

use std::collections::HashMap;

use barnabas_metadata::MetadataImage;
use barnabas_metadata::controller::{ApiError, DeleteTopics};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_topics_response::DeletableTopicResult;
use barnabas_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, StrBytes, TopicName};
use barnabas_security::{AclOperation, Rights};
use uuid::Uuid;

use super::AdminNode;
use super::mutations::Mutations;
use crate::authorization;
use barnabas_network::rpc::RequestContext;

/// First version that knows TOPIC_DELETION_DISABLED.
const DISABLED_SINCE: i16 = 3;

/// First version whose clients know of THROTTLING_QUOTA_EXCEEDED.
const STRICT_SINCE: i16 = 5;

/// Has the controller delete the topics.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    mut request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    if !node.allows_topic_deletion() {
        let code = match context.api_version {
            ..DISABLED_SINCE => ErrorCode::InvalidRequest,
            DISABLED_SINCE.. => ErrorCode::TopicDeletionDisabled,
        };
        return refused(context, &request, &ApiError::bare(code));
    }
    let mut forbidden = take_forbidden(&mut request, node, node.rights(context));
    let mut mutations = Mutations::new(node, context, STRICT_SINCE);
    forbidden.extend(take_throttled(&mut request, &node.image(), &mut mutations));
    let throttle_time_ms = mutations.throttle_time_ms();
    let outcome = node.controllers().submit(DeleteTopics(request.clone())).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(results) => DeleteTopicsResponse::default()
            .with_throttle_time_ms(throttle_time_ms)
            .with_responses(forbidden.into_iter().chain(results).collect()),
        Err(error) => {
            let mut response = refused(context, &request, &error);
            response.responses.extend(forbidden);
            response.with_throttle_time_ms(throttle_time_ms)
        }
    }
}

/// Takes the topics out that the client may not delete. An id that stands for no topic stays, and what is
/// named twice: the controller refuses them. The name of a topic that is given by id is told to who may
/// describe it.
fn take_forbidden(
    request: &mut DeleteTopicsRequest,
    node: &impl AdminNode,
    rights: Rights<'_>,
) -> Vec<DeletableTopicResult> {
    if rights.on_cluster(AclOperation::Delete) {
        return Vec::new();
    }
    let image = node.image();
    let mut times: HashMap<(Option<TopicName>, Uuid), usize> = HashMap::new();
    let named = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), Uuid::nil()));
    let listed = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    for asked in named.chain(listed) {
        *times.entry(asked).or_default() += 1;
    }
    let mut forbidden = Vec::new();
    let mut is_forbidden = |name: Option<&TopicName>, id: Uuid| {
        let shown = match (name, id.is_nil()) {
            _ if times[&(name.cloned(), id)] > 1 => return false,
            (Some(name), true) => name.clone(),
            (None, false) => match image.topics.by_id(&id) {
                Some(topic) => TopicName(StrBytes::from_string(topic.name.to_string())),
                None => return false,
            },
            // Both or neither: that is refused whatever it is.
            (Some(_), false) | (None, true) => return false,
        };
        let may_describe = rights.on_topic(AclOperation::Describe, &shown);
        if may_describe && name.is_some() && image.topics.by_name(&shown).is_none() {
            return false;
        }
        // By name a topic is deleted by who may describe it too, as Apache Kafka has it.
        let allowed = rights.on_topic(AclOperation::Delete, &shown) && (may_describe || name.is_none());
        if !allowed {
            let error = authorization::failed(ErrorCode::TopicAuthorizationFailed);
            let refused = result(Some(shown).filter(|_| may_describe || name.is_some()), id, &error);
            forbidden.push(refused.with_error_message(error.wire_message()));
        }
        !allowed
    };
    request
        .topic_names
        .retain(|name| !is_forbidden(Some(name), Uuid::nil()));
    request
        .topics
        .retain(|topic| !is_forbidden(topic.name.as_ref(), topic.topic_id));
    forbidden
}

/// Takes the topics out for which the client's quota has nothing left.
fn take_throttled<N: AdminNode>(
    request: &mut DeleteTopicsRequest,
    image: &MetadataImage,
    mutations: &mut Mutations<'_, N>,
) -> Vec<DeletableTopicResult> {
    let mut throttled = Vec::new();
    let mut is_taken = |name: Option<&TopicName>, id: Uuid| {
        let topic = match name {
            Some(name) => image.topics.by_name(&name.0),
            None => image.topics.by_id(&id),
        };
        let taken = mutations.take(topic.map_or(0, |topic| topic.partitions.len()));
        throttled.extend(taken.as_ref().err().map(|error| {
            let refused = result(name.cloned(), id, error);
            refused.with_error_message(error.wire_message())
        }));
        taken.is_ok()
    };
    request
        .topic_names
        .retain(|name| is_taken(Some(name), Uuid::nil()));
    request
        .topics
        .retain(|topic| is_taken(topic.name.as_ref(), topic.topic_id));
    throttled
}

fn result(name: Option<TopicName>, id: Uuid, error: &ApiError) -> DeletableTopicResult {
    DeletableTopicResult::default()
        .with_name(name)
        .with_topic_id(id)
        .with_error_code(error.code.code())
}

/// The answer with an error for each topic.
pub fn refused(_: &RequestContext, request: &DeleteTopicsRequest, error: &ApiError) -> DeleteTopicsResponse {
    let named = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), Uuid::nil()));
    let listed = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    let results = named.chain(listed).map(|(name, id)| result(name, id, error));
    DeleteTopicsResponse::default().with_responses(results.collect())
}
