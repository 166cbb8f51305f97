//! DescribeAcls (key 29): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors: SECURITY_DISABLED, always.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses.
pub fn handle(_: &Broker, _: &RequestContext, _: DescribeAclsRequest) -> DescribeAclsResponse {
    DescribeAclsResponse::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str(
            "No Authorizer is configured on the broker",
        )))
}
