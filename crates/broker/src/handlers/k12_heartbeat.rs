//! Heartbeat: a member is there.
//!
//! Versions 0–4. REBALANCE_IN_PROGRESS asks it to join again; other errors: GROUP_AUTHORIZATION_FAILED,
//! INVALID_GROUP_ID, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, and the coordinator's own.
//! While the coordinator loads every member is believed.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers when the group's state is committed.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return HeartbeatResponse::default().with_error_code(ErrorCode::GroupAuthorizationFailed.code());
    }
    let answered = broker.groups().request(&request.group_id, |core, now| {
        core.heartbeat(&request, now)?;
        Ok((Vec::new(), ()))
    });
    let error = match answered.await {
        Ok(()) | Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
        Err(_) if request.group_id.is_empty() => ErrorCode::InvalidGroupId,
        Err(error) => error,
    };
    HeartbeatResponse::default().with_error_code(error.code())
}
