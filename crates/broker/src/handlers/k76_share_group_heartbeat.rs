//! ShareGroupHeartbeat (KIP-932): a share consumer joins its group, goes on, or leaves, and learns what it is
//! assigned.
//!
//! Version 1. UNSUPPORTED_VERSION while share.version is 0. Other errors: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for a topic that it subscribes to, INVALID_REQUEST, GROUP_ID_NOT_FOUND,
//! UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED, and the coordinator's own.

use std::sync::Arc;

use barnabas_coordinator::{Caller, GroupRefusal};
use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, StrBytes};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::group_states;

/// Answers when what the heartbeat led to is committed. States that have to begin do so meanwhile; a later
/// heartbeat tells of the partitions.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ShareGroupHeartbeatRequest,
) -> ShareGroupHeartbeatResponse {
    if broker.image().features.level(SHARE_VERSION) == 0 {
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
    if let Err(refusal) = broker.groups().config().check_share_heartbeat(&request) {
        return refused(refusal);
    }
    let client_host = context.connection.java_address();
    let caller = Caller {
        api_version: context.api_version,
        client_id: &context.client_id,
        client_host: &client_host,
    };
    let answered = broker.groups().request(&request.group_id, |core, now| {
        Ok(match core.share_heartbeat(&request, caller, now) {
            Ok(outcome) => (outcome.records, Ok(outcome.reply)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
    });
    match answered.await {
        Ok(Ok((response, initialization))) => {
            if let Some(initialization) = initialization {
                let (broker, group_id) = (broker.clone(), request.group_id.to_string());
                tokio::spawn(async move { group_states::begin(&broker, &group_id, &initialization).await });
            }
            response
        }
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(error.into()),
    }
}

fn refused(refusal: GroupRefusal) -> ShareGroupHeartbeatResponse {
    ShareGroupHeartbeatResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(refusal.message.map(StrBytes::from_string))
}
