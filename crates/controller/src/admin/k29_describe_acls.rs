//! DescribeAcls (key 29, KIP-140, KIP-290): the access control lists, from the image.
//!
//! Versions 1–3. Errors: CLUSTER_AUTHORIZATION_FAILED; SECURITY_DISABLED where no authorizer decides by ACLs.
//! The code UNKNOWN closes the connection; another code that doesn't exist finds nothing.

use std::collections::BTreeMap;

use barnabas_metadata::MetadataImage;
use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_acls_response::{AclDescription, DescribeAclsResource};
use barnabas_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse, StrBytes};
use barnabas_security::{
    AclBinding, AclFilter, AclOperation, PatternType, PermissionType, ResourceType, are_known,
};

use super::AdminNode;

/// Whether all codes of the filter can be understood.
pub fn is_understood(request: &DescribeAclsRequest) -> bool {
    are_known(
        request.resource_type_filter,
        request.pattern_type_filter,
        request.operation,
        request.permission_type,
    )
}

/// The entries that the filter finds, by the patterns of resources that they are about.
pub fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: DescribeAclsRequest,
) -> DescribeAclsResponse {
    if !node.rights(context).come_from_acls() {
        let disabled = ApiError::new(
            ErrorCode::SecurityDisabled,
            "No Authorizer is configured on the broker",
        );
        return refused(context, &request, &disabled);
    }
    let found = filter(&request).map(|filter| find(&filter, &node.image()));
    let resources = found.unwrap_or_default().into_iter().map(|(pattern, acls)| {
        let (resource_type, resource_name, pattern_type) = pattern;
        DescribeAclsResource::default()
            .with_resource_type(resource_type.code())
            .with_resource_name(StrBytes::from_string(resource_name))
            .with_pattern_type(pattern_type.code())
            .with_acls(acls.into_iter().map(description).collect())
    });
    DescribeAclsResponse::default()
        .with_error_message(Some(StrBytes::default()))
        .with_resources(resources.collect())
}

/// `None` where it names a code that nothing has.
fn filter(request: &DescribeAclsRequest) -> Option<AclFilter> {
    let text = |part: &Option<StrBytes>| part.as_ref().map(ToString::to_string);
    Some(AclFilter {
        resource_type: ResourceType::from_code(request.resource_type_filter)?,
        resource_name: text(&request.resource_name_filter),
        pattern_type: PatternType::from_code(request.pattern_type_filter)?,
        principal: text(&request.principal_filter),
        host: text(&request.host_filter),
        operation: AclOperation::from_code(request.operation)?,
        permission_type: PermissionType::from_code(request.permission_type)?,
    })
}

type Pattern = (ResourceType, String, PatternType);

fn find(filter: &AclFilter, image: &MetadataImage) -> BTreeMap<Pattern, Vec<AclBinding>> {
    let mut found = BTreeMap::<Pattern, Vec<AclBinding>>::new();
    let entries = image.acls.values().filter_map(|entry| entry.binding());
    for acl in entries.filter(|acl| filter.matches(acl)) {
        let pattern = (acl.resource_type, acl.resource_name.clone(), acl.pattern_type);
        found.entry(pattern).or_default().push(acl);
    }
    found.values_mut().for_each(|acls| acls.sort());
    found
}

fn description(acl: AclBinding) -> AclDescription {
    AclDescription::default()
        .with_principal(StrBytes::from_string(acl.principal))
        .with_host(StrBytes::from_string(acl.host))
        .with_operation(acl.operation.code())
        .with_permission_type(acl.permission_type.code())
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &DescribeAclsRequest, error: &ApiError) -> DescribeAclsResponse {
    DescribeAclsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
