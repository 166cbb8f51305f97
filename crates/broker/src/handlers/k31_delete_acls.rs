//! DeleteAcls (key 31): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every filter: SECURITY_DISABLED.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use barnabas_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses each.
pub fn handle(_: &Broker, _: &RequestContext, request: DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = DeleteAclsFilterResult::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str("No Authorizer is configured.")));
    DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()])
}
