//! DescribeAcls (key 29): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors: CLUSTER_AUTHORIZATION_FAILED; else SECURITY_DISABLED, always. The code UNKNOWN
//! closes the connection.

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse};
use barnabas_security::are_known;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Whether all codes of the filter can be understood.
pub fn is_understood(request: &DescribeAclsRequest) -> bool {
    are_known(
        request.resource_type_filter,
        request.pattern_type_filter,
        request.operation,
        request.permission_type,
    )
}

/// There are no ACLs.
pub fn handle(_: &Broker, context: &RequestContext, request: DescribeAclsRequest) -> DescribeAclsResponse {
    let disabled = ApiError::new(
        ErrorCode::SecurityDisabled,
        "No Authorizer is configured on the broker",
    );
    refused(context, &request, &disabled)
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &DescribeAclsRequest, error: &ApiError) -> DescribeAclsResponse {
    DescribeAclsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
