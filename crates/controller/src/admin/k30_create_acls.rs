//! CreateAcls (key 30, KIP-140, KIP-290): adds entries to the access control lists.
//!
//! Versions 1–3. Errors of every ACL: CLUSTER_AUTHORIZATION_FAILED; SECURITY_DISABLED where no authorizer
//! decides by ACLs; UNKNOWN_SERVER_ERROR where a code is one of filters. Of one: INVALID_REQUEST. The code
//! UNKNOWN closes the connection.

use barnabas_metadata::controller::{ApiError, CreateAcls};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::create_acls_response::AclCreationResult;
use barnabas_protocol::messages::{CreateAclsRequest, CreateAclsResponse, StrBytes};
use barnabas_security::{AclOperation, PatternType, PermissionType, ResourceType, are_known};

use super::AdminNode;

/// Whether all codes of all ACLs can be understood.
pub fn is_understood(request: &CreateAclsRequest) -> bool {
    request.creations.iter().all(|acl| {
        are_known(
            acl.resource_type,
            acl.resource_pattern_type,
            acl.operation,
            acl.permission_type,
        )
    })
}

/// Has the controller add the entries.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: CreateAclsRequest,
) -> CreateAclsResponse {
    if !node.rights(context).come_from_acls() {
        let disabled = ApiError::new(ErrorCode::SecurityDisabled, "No Authorizer is configured.");
        return refused(context, &request, &disabled);
    }
    if request.creations.iter().any(is_filter) {
        return refused(context, &request, &ApiError::bare(ErrorCode::UnknownServerError));
    }
    let created = node.controllers().submit(CreateAcls(request.clone())).await;
    match created.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(outcomes) => CreateAclsResponse::default().with_results(outcomes.iter().map(result).collect()),
        Err(error) => refused(context, &request, &error),
    }
}

/// Whether a code makes sense in filters alone: Apache Kafka fails with the whole request then.
fn is_filter(acl: &AclCreation) -> bool {
    acl.resource_type == ResourceType::Any.code()
        || [PatternType::Any.code(), PatternType::Match.code()].contains(&acl.resource_pattern_type)
        || acl.operation == AclOperation::Any.code()
        || acl.permission_type == PermissionType::Any.code()
}

fn result(outcome: &Result<(), ApiError>) -> AclCreationResult {
    let (code, message) = match outcome {
        Ok(()) => (ErrorCode::None, Some(StrBytes::default())),
        Err(error) => (error.code, error.wire_message()),
    };
    AclCreationResult::default()
        .with_error_code(code.code())
        .with_error_message(message)
}

/// The answer with an error for each ACL.
pub fn refused(_: &RequestContext, request: &CreateAclsRequest, error: &ApiError) -> CreateAclsResponse {
    let refused = result(&Err(error.clone()));
    CreateAclsResponse::default().with_results(vec![refused; request.creations.len()])
}
