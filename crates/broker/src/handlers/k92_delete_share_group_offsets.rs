//! DeleteShareGroupOffsets (KIP-932): a share group without members forgets topics.
//!
//! Version 0. UNSUPPORTED_VERSION while share.version is 0. Other errors of all: GROUP_AUTHORIZATION_FAILED,
//! INVALID_GROUP_ID,
//! GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, and the coordinator's own; of a topic: TOPIC_AUTHORIZATION_FAILED,
//! UNKNOWN_TOPIC_OR_PARTITION, also for one of which the group has nothing, and those of the share
//! coordinator.

use std::sync::Arc;

use barnabas_coordinator::GroupRefusal;
use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_share_group_offsets_response::DeleteShareGroupOffsetsResponseTopic;
use barnabas_protocol::messages::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, StrBytes, TopicName,
};
use barnabas_security::AclOperation;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::group_states;

const UNKNOWN_MESSAGE: &str = "This server does not host this topic-partition.";
const NOTHING_MESSAGE: &str = "There is no offset information to delete.";

/// Answers for every topic that is named.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DeleteShareGroupOffsetsRequest,
) -> DeleteShareGroupOffsetsResponse {
    if broker.image().features.level(SHARE_VERSION) == 0 {
        return refused(ErrorCode::UnsupportedVersion.into());
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Delete, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed.into());
    }
    if request.group_id.is_empty() {
        return refused(ErrorCode::InvalidGroupId.into());
    }
    let image = Arc::clone(&broker.image());
    let named = request.topics.into_iter().map(|topic| {
        let may_read = rights.on_topic(AclOperation::Read, &topic.topic_name);
        let known = image.topics.by_name(&topic.topic_name).filter(|_| may_read);
        let topic_id = known.map(|known| known.id);
        (topic.topic_name, may_read, topic_id)
    });
    let named: Vec<(TopicName, bool, Option<Uuid>)> = named.collect();
    let wanted: Vec<Uuid> = named.iter().filter_map(|(_, _, topic_id)| *topic_id).collect();
    let (had, failed) = match group_states::forget(broker, &request.group_id, Some(&wanted)).await {
        Ok(forgotten) => forgotten,
        Err(refusal) => return refused(refusal),
    };
    let responses = named.into_iter().map(|(name, may_read, topic_id)| {
        let had_id = topic_id.filter(|topic_id| had.contains(topic_id));
        let (error, message) = match (may_read, topic_id, had_id) {
            (false, ..) => (ErrorCode::TopicAuthorizationFailed, None),
            (_, None, _) => (ErrorCode::UnknownTopicOrPartition, Some(UNKNOWN_MESSAGE)),
            (.., None) => (ErrorCode::UnknownTopicOrPartition, Some(NOTHING_MESSAGE)),
            (.., Some(topic_id)) => {
                let of_topic = failed.iter().find(|((failed, _), _)| *failed == topic_id);
                (of_topic.map_or(ErrorCode::None, |(_, error)| *error), None)
            }
        };
        DeleteShareGroupOffsetsResponseTopic::default()
            .with_topic_name(name)
            .with_topic_id(had_id.unwrap_or_default())
            .with_error_code(error.code())
            .with_error_message(message.map(StrBytes::from_static_str))
    });
    DeleteShareGroupOffsetsResponse::default().with_responses(responses.collect())
}

fn refused(refusal: GroupRefusal) -> DeleteShareGroupOffsetsResponse {
    let message = match refusal.code {
        ErrorCode::NonEmptyGroup => Some(StrBytes::from_static_str("The group is not empty.")),
        _ => refusal.message.map(StrBytes::from_string),
    };
    DeleteShareGroupOffsetsResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(message)
}
