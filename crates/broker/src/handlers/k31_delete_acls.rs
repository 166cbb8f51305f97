//! DeleteAcls (key 31): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every filter: CLUSTER_AUTHORIZATION_FAILED, SECURITY_DISABLED; the code UNKNOWN
//! closes the connection.

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use barnabas_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse};
use barnabas_security::are_known;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Whether all codes of all filters can be understood.
pub fn is_understood(request: &DeleteAclsRequest) -> bool {
    request.filters.iter().all(|acl| {
        are_known(
            acl.resource_type_filter,
            acl.pattern_type_filter,
            acl.operation,
            acl.permission_type,
        )
    })
}

/// There are no ACLs.
pub fn handle(_: &Broker, context: &RequestContext, request: DeleteAclsRequest) -> DeleteAclsResponse {
    let disabled = ApiError::new(ErrorCode::SecurityDisabled, "No Authorizer is configured.");
    refused(context, &request, &disabled)
}

/// The answer with an error for each filter.
pub fn refused(_: &RequestContext, request: &DeleteAclsRequest, error: &ApiError) -> DeleteAclsResponse {
    let refused = DeleteAclsFilterResult::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message());
    DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()])
}
