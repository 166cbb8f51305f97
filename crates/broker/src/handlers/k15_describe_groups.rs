//! DescribeGroups: state, protocol and members of groups.
//!
//! Versions 0–6. Errors of a group: the coordinator's own, and GROUP_ID_NOT_FOUND from version 6 on; before, a group that
//! does not exist is `Dead`.

use barnabas_protocol::messages::describe_groups_response::DescribedGroup;
use barnabas_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use crate::authorized_operations;
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
    for group_id in broker.groups().by_shard(request.groups).into_iter().flatten() {
        let described = broker.groups().request(&group_id, |core, _| {
            Ok((Vec::new(), core.describe(&group_id, context.api_version)))
        });
        let mut group = match described.await {
            Ok(group) => group,
            Err(error) => DescribedGroup::default()
                .with_group_id(group_id.clone())
                .with_error_code(error.code()),
        };
        if operations && group.error_code == 0 {
            group.authorized_operations = authorized_operations::GROUP;
        }
        groups.push(group);
    }
    DescribeGroupsResponse::default().with_groups(groups)
}
