//! DescribeAcls (key 29): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors: SECURITY_DISABLED, always; the code UNKNOWN closes the connection.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse, StrBytes};

use crate::acl_codes;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses; `None` for what can't be understood.
pub fn handle(_: &Broker, _: &RequestContext, request: DescribeAclsRequest) -> Option<DescribeAclsResponse> {
    let known = acl_codes::are_known(
        request.resource_type_filter,
        request.pattern_type_filter,
        request.operation,
        request.permission_type,
    );
    let refused = DescribeAclsResponse::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str(
            "No Authorizer is configured on the broker",
        )));
    known.then_some(refused)
}
