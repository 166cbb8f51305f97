//! ListGroups: the groups that this broker coordinates.
//!
//! Versions 0–5; filtered by state from version 4 on and by type from version 5 on. Groups that the client
//! may not describe are left out. Errors: COORDINATOR_LOAD_IN_PROGRESS.

use barnabas_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use barnabas_security::{CLUSTER_NAME, ResourceType};

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a group's state is told.
const STATE_SINCE: i16 = 4;
/// From this version on a group's type is told.
const TYPE_SINCE: i16 = 5;

/// Answers from all shards.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let listed = broker
        .groups()
        .request_all(|core| core.list(&request.states_filter, &request.types_filter));
    let mut groups = match listed.await {
        Ok(groups) => groups.concat(),
        Err(error) => return ListGroupsResponse::default().with_error_code(error.code()),
    };
    let rights = broker.rights(context);
    if !rights.to_see(ResourceType::Cluster, CLUSTER_NAME) {
        groups.retain(|group| rights.to_see(ResourceType::Group, &group.group_id));
    }
    // A field that the version does not have must not be set.
    for group in &mut groups {
        if context.api_version < STATE_SINCE {
            group.group_state = Default::default();
        }
        if context.api_version < TYPE_SINCE {
            group.group_type = Default::default();
        }
    }
    ListGroupsResponse::default().with_groups(groups)
}
