//! LeaveGroup: members go, by themselves or by an administrator's hand.
//!
//! Versions 0–5; one member, or several from version 3 on, each with its own error: UNKNOWN_MEMBER_ID,
//! FENCED_INSTANCE_ID. Errors of the whole: GROUP_AUTHORIZATION_FAILED, INVALID_GROUP_ID and the
//! coordinator's own.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;
use barnabas_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a request may name several members (KIP-345).
const MEMBERS_SINCE: i16 = 3;

/// Answers when the members' going is committed.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let response = LeaveGroupResponse::default();
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return response.with_error_code(ErrorCode::GroupAuthorizationFailed.code());
    }
    let members = match context.api_version {
        MEMBERS_SINCE.. => request.members,
        _ => vec![MemberIdentity::default().with_member_id(request.member_id)],
    };
    let left = broker.groups().request(&request.group_id, |core, now| {
        let outcome = core.leave(&request.group_id, &members, now)?;
        Ok((outcome.records, outcome.reply))
    });
    match left.await {
        Ok(members) if context.api_version >= MEMBERS_SINCE => response.with_members(members),
        Ok(members) => response.with_error_code(members.first().map_or(0, |member| member.error_code)),
        Err(_) if request.group_id.is_empty() => response.with_error_code(ErrorCode::InvalidGroupId.code()),
        Err(error) => response.with_error_code(error.code()),
    }
}
