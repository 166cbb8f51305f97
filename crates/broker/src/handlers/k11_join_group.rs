//! JoinGroup: a member asks to be in the next generation of its group.
//!
//! Versions 0–9. The answer comes when the generation is complete, unless the member is refused:
//! GROUP_AUTHORIZATION_FAILED, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, MEMBER_ID_REQUIRED,
//! UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, and the
//! coordinator's own errors.

use barnabas_coordinator::{Caller, Reply};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on the protocol's name may be null, and is where there is none.
const NULL_PROTOCOL_SINCE: i16 = 7;

/// Parks the member with its coordinator.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return answered(context, refused(ErrorCode::GroupAuthorizationFailed));
    }
    // Apache Kafka judges a request before it looks for the coordinator.
    if let Err(error) = broker.groups().config().check_join(&request) {
        return answered(context, refused(error).with_member_id(request.member_id));
    }
    let client_host = context.connection.java_address();
    let caller = Caller {
        api_version: context.api_version,
        client_id: &context.client_id,
        client_host: &client_host,
    };
    let joined = broker
        .groups()
        .park(&request.group_id, &broker.stopping, |core, token, now| {
            core.join(&request, caller, broker.random.uuid(), token, now)
        });
    let response = match joined.await {
        Ok(Reply::Join(response)) => response,
        Ok(Reply::Sync(_)) => refused(ErrorCode::UnknownServerError),
        Err(error) => refused(error),
    };
    answered(context, response)
}

/// The answer as the version has it.
fn answered(context: &RequestContext, mut response: JoinGroupResponse) -> JoinGroupResponse {
    let protocol_name = response.protocol_name.take().filter(|name| !name.is_empty());
    response.protocol_name = match context.api_version {
        NULL_PROTOCOL_SINCE.. => protocol_name,
        _ => Some(protocol_name.unwrap_or_default()),
    };
    response
}

fn refused(error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default().with_error_code(error.code())
}
