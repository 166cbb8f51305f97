//! DescribeGroups: state, protocol and members of groups.
//!
//! Versions 0–6. Errors of a group: GROUP_AUTHORIZATION_FAILED, the coordinator's own, and GROUP_ID_NOT_FOUND
//! from version 6 on; before, a group that does not exist is `Dead`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_groups_response::DescribedGroup;
use barnabas_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};
use barnabas_security::{AclOperation, ResourceType};

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a client may ask what it may do with the group (KIP-430).
const AUTHORIZED_OPERATIONS_SINCE: i16 = 3;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let mut groups = Vec::with_capacity(request.groups.len());
    let operations =
        context.api_version >= AUTHORIZED_OPERATIONS_SINCE && request.include_authorized_operations;
    let rights = broker.rights(context);
    let may_describe = |group_id: &GroupId| rights.on_group(AclOperation::Describe, group_id);
    let (named, forbidden): (Vec<_>, Vec<_>) = request.groups.into_iter().partition(may_describe);
    groups.extend(
        forbidden
            .iter()
            .map(|group_id| refused(group_id, ErrorCode::GroupAuthorizationFailed)),
    );
    for group_id in broker.groups().by_shard(named).into_iter().flatten() {
        let described = broker.groups().request(&group_id, |core, _| {
            Ok((Vec::new(), core.describe(&group_id, context.api_version)))
        });
        let mut group = match described.await {
            Ok(group) => group,
            Err(error) => refused(&group_id, error),
        };
        if operations && group.error_code == 0 {
            group.authorized_operations = rights.operations(ResourceType::Group, &group_id);
        }
        groups.push(group);
    }
    DescribeGroupsResponse::default().with_groups(groups)
}

fn refused(group_id: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group_id.clone())
        .with_error_code(error.code())
}
