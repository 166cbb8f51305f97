//! SyncGroup: the leader brings the assignment, every member waits for its own.
//!
//! Versions 0–5. Errors: GROUP_AUTHORIZATION_FAILED, INVALID_GROUP_ID, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
//! ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS, and the coordinator's own.

use barnabas_coordinator::Reply;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on the member must say its protocol's type and name (KIP-559).
const PROTOCOL_SINCE: i16 = 5;

/// Parks the member with its coordinator.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.api_version >= PROTOCOL_SINCE && !says_protocol {
        return refused(ErrorCode::InconsistentGroupProtocol);
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed);
    }
    let answered = broker
        .groups()
        .park(&request.group_id, &broker.stopping, |core, token, now| {
            core.sync(&request, token, now)
        });
    match answered.await {
        Ok(Reply::Sync(response)) => response,
        Ok(Reply::Join(_)) => refused(ErrorCode::UnknownServerError),
        Err(_) if request.group_id.is_empty() => refused(ErrorCode::InvalidGroupId),
        Err(error) => refused(error),
    }
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}
