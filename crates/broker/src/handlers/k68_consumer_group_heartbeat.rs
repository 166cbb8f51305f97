//! ConsumerGroupHeartbeat (KIP-848): a consumer joins its group, goes on, or leaves, and learns what it is
//! assigned.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while group.version is 0 or
//! group.coordinator.rebalance.protocols lacks the protocol. Other errors: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for a topic that it subscribes to, INVALID_REQUEST, GROUP_ID_NOT_FOUND,
//! UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR,
//! GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION, and the coordinator's own.

use std::sync::Arc;

use barnabas_coordinator::{Caller, GroupRefusal, VisibleTopics};
use barnabas_metadata::features::GROUP_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, StrBytes};
use barnabas_security::{AclOperation, KafkaPrincipal, Requester, ResourceType, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers when what the heartbeat led to is committed.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    if !broker.has_groups(GROUP_VERSION) {
        return refused(ErrorCode::UnsupportedVersion.into());
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed.into());
    }
    let mut subscribed = request.subscribed_topic_names.iter().flatten();
    if !rights.are_unlimited() && !subscribed.all(|topic| rights.on_topic(AclOperation::Describe, topic)) {
        return refused(ErrorCode::TopicAuthorizationFailed.into());
    }
    // Apache Kafka judges a request before it looks for the coordinator.
    let judged = broker
        .groups()
        .config()
        .check_consumer_heartbeat(&request, context.api_version);
    if let Err(refusal) = judged {
        return refused(refusal);
    }
    let visible = visible_topics(broker, context);
    let client_host = context.connection.java_address();
    let caller = Caller {
        api_version: context.api_version,
        client_id: &context.client_id,
        client_host: &client_host,
    };
    let answered = broker.groups().request(&request.group_id, |core, now| {
        Ok(
            match core.consumer_heartbeat(&request, caller, &visible, broker.random.uuid(), now) {
                Ok(outcome) => (outcome.records, Ok(outcome.reply)),
                Err(refusal) => (Vec::new(), Err(refusal)),
            },
        )
    });
    match answered.await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(error.into()),
    }
}

/// The topics that an expression of this request may match.
fn visible_topics(broker: &Broker, context: &RequestContext) -> VisibleTopics {
    if broker.rights(context).are_unlimited() {
        return VisibleTopics::all();
    }
    let authorizer = Arc::clone(&broker.authorizer);
    let principal = KafkaPrincipal::clone(&context.principal);
    let host = context.connection.client_host;
    let request = context.api_key.name();
    VisibleTopics::by(move |topic| {
        let requester = Requester {
            principal: &principal,
            host,
            request,
        };
        Rights::new(&*authorizer, requester).to_see(ResourceType::Topic, topic)
    })
}

fn refused(refusal: GroupRefusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(refusal.message.map(StrBytes::from_string))
}
