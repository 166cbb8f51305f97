//! CreateAcls (key 30): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every ACL: SECURITY_DISABLED; the code UNKNOWN closes the connection.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_response::AclCreationResult;
use barnabas_protocol::messages::{CreateAclsRequest, CreateAclsResponse, StrBytes};

use crate::acl_codes;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses each; `None` for what can't be understood.
pub fn handle(_: &Broker, _: &RequestContext, request: CreateAclsRequest) -> Option<CreateAclsResponse> {
    let known = request.creations.iter().all(|acl| {
        acl_codes::are_known(
            acl.resource_type,
            acl.resource_pattern_type,
            acl.operation,
            acl.permission_type,
        )
    });
    let refused = AclCreationResult::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str("No Authorizer is configured.")));
    known.then(|| CreateAclsResponse::default().with_results(vec![refused; request.creations.len()]))
}
