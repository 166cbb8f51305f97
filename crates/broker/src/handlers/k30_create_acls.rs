//! CreateAcls (key 30): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every ACL: CLUSTER_AUTHORIZATION_FAILED, SECURITY_DISABLED; the code UNKNOWN
//! closes the connection.

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_response::AclCreationResult;
use barnabas_protocol::messages::{CreateAclsRequest, CreateAclsResponse};
use barnabas_security::are_known;

use crate::broker::Broker;
use crate::request::RequestContext;

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

/// There is nobody to ask ACLs.
pub fn handle(_: &Broker, context: &RequestContext, request: CreateAclsRequest) -> CreateAclsResponse {
    let disabled = ApiError::new(ErrorCode::SecurityDisabled, "No Authorizer is configured.");
    refused(context, &request, &disabled)
}

/// The answer with an error for each ACL.
pub fn refused(_: &RequestContext, request: &CreateAclsRequest, error: &ApiError) -> CreateAclsResponse {
    let refused = AclCreationResult::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message());
    CreateAclsResponse::default().with_results(vec![refused; request.creations.len()])
}
