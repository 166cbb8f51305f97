//! DeleteAcls (key 31, KIP-140, KIP-290): removes the entries of the access control lists that filters find.
//!
//! Versions 1–3. Errors of every filter: CLUSTER_AUTHORIZATION_FAILED; SECURITY_DISABLED where no authorizer
//! decides by ACLs. Of one: INVALID_REQUEST. The code UNKNOWN closes the connection.

use barnabas_metadata::controller::{ApiError, DeleteAcls, code_and_message};
use barnabas_metadata::records::AccessControlEntryRecord;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_acls_response::{DeleteAclsFilterResult, DeleteAclsMatchingAcl};
use barnabas_protocol::messages::{DeleteAclsRequest, DeleteAclsResponse, StrBytes};
use barnabas_security::are_known;

use super::AdminNode;

/// What became of a filter: the entries that it found, which are gone.
type Outcome = Result<Vec<AccessControlEntryRecord>, ApiError>;

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

/// Has the controller remove the entries.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: DeleteAclsRequest,
) -> DeleteAclsResponse {
    if !node.rights(context).come_from_acls() {
        let disabled = ApiError::new(ErrorCode::SecurityDisabled, "No Authorizer is configured.");
        return refused(context, &request, &disabled);
    }
    match node.controllers().submit(DeleteAcls(request.clone())).await {
        Ok(outcomes) => {
            DeleteAclsResponse::default().with_filter_results(outcomes.into_iter().map(result).collect())
        }
        Err(error) => refused(context, &request, &error.into()),
    }
}

fn result(outcome: Outcome) -> DeleteAclsFilterResult {
    let (code, message) = code_and_message(&outcome);
    DeleteAclsFilterResult::default()
        .with_error_code(code)
        .with_error_message(message)
        .with_matching_acls(outcome.unwrap_or_default().into_iter().map(matching).collect())
}

fn matching(entry: AccessControlEntryRecord) -> DeleteAclsMatchingAcl {
    DeleteAclsMatchingAcl::default()
        .with_error_message(None)
        .with_resource_type(entry.resource_type)
        .with_resource_name(StrBytes::from_string(entry.resource_name))
        .with_pattern_type(entry.pattern_type)
        .with_principal(StrBytes::from_string(entry.principal))
        .with_host(StrBytes::from_string(entry.host))
        .with_operation(entry.operation)
        .with_permission_type(entry.permission_type)
}

/// The answer with an error for each filter.
pub fn refused(_: &RequestContext, request: &DeleteAclsRequest, error: &ApiError) -> DeleteAclsResponse {
    let refused = result(Err(error.clone()));
    DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()])
}
