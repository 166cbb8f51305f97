//! CreateAcls (key 30): answered as Apache Kafka does without an authorizer.
//!
//! Versions 1–3. Errors of every ACL: SECURITY_DISABLED.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_response::AclCreationResult;
use barnabas_protocol::messages::{CreateAclsRequest, CreateAclsResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Refuses each.
pub fn handle(_: &Broker, _: &RequestContext, request: CreateAclsRequest) -> CreateAclsResponse {
    let refused = AclCreationResult::default()
        .with_error_code(ErrorCode::SecurityDisabled.code())
        .with_error_message(Some(StrBytes::from_static_str("No Authorizer is configured.")));
    CreateAclsResponse::default().with_results(vec![refused; request.creations.len()])
}
