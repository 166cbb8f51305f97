//! DeleteAcls (key 31): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every filter: SECURITY_DISABLED; the code UNKNOWN closes the connection.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use barnabas_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse, StrBytes};

use crate::acl_codes;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses each; `None` for what can't be understood.
pub fn handle(_: &Broker, _: &RequestContext, request: DeleteAclsRequest) -> Option<DeleteAclsResponse> {
    let known = request.filters.iter().all(|acl| {
        acl_codes::are_known(
            acl.resource_type_filter,
            acl.pattern_type_filter,
            acl.operation,
            acl.permission_type,
        )
    });
    let refused = DeleteAclsFilterResult::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str("No Authorizer is configured.")));
    known.then(|| DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()]))
}
