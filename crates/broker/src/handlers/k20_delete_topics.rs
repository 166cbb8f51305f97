//! DeleteTopics (key 20): by name, from version 6 by id too.
//!
//! Versions 1–6. Errors: INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID; with delete.topic.enable=false
//! TOPIC_DELETION_DISABLED, before version 3 INVALID_REQUEST.

use barnabas_metadata::controller::{ApiError, DeleteTopics};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_topics_response::DeletableTopicResult;
use barnabas_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// First version that knows TOPIC_DELETION_DISABLED.
const DISABLED_SINCE: i16 = 3;

/// Has the controller delete the topics.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    if !broker.config().delete_topic_enable {
        let code = match context.api_version {
            ..DISABLED_SINCE => ErrorCode::InvalidRequest,
            DISABLED_SINCE.. => ErrorCode::TopicDeletionDisabled,
        };
        return refused(&request, &ApiError::bare(code));
    }
    let outcome = broker.controller.submit(DeleteTopics(request.clone())).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(results) => DeleteTopicsResponse::default().with_responses(results),
        Err(error) => refused(&request, &error),
    }
}

fn refused(request: &DeleteTopicsRequest, error: &ApiError) -> DeleteTopicsResponse {
    let named = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), uuid::Uuid::nil()));
    let listed = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    let result = |(name, id)| {
        DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(error.code.code())
    };
    DeleteTopicsResponse::default().with_responses(named.chain(listed).map(result).collect())
}
