//! ConsumerGroupDescribe (KIP-848): state, epochs, members and assignments of consumer groups.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while group.version is 0. Errors of a group: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, and
//! the coordinator's own.

use barnabas_metadata::features::GROUP_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_describe_response::DescribedGroup;
use barnabas_protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId};

use crate::authorized_operations;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let mut groups = Vec::with_capacity(request.group_ids.len());
    if broker.image().features.level(GROUP_VERSION) == 0 {
        for group_id in request.group_ids {
            groups.push(refused(&group_id, ErrorCode::UnsupportedVersion));
        }
        return ConsumerGroupDescribeResponse::default().with_groups(groups);
    }
    let (named, nameless): (Vec<_>, Vec<_>) = request.group_ids.into_iter().partition(|id| !id.is_empty());
    for group_id in nameless {
        groups.push(refused(&group_id, ErrorCode::InvalidGroupId));
    }
    for group_id in broker.groups().by_shard(named).into_iter().flatten() {
        let described = broker.groups().request(&group_id, |core, _| {
            Ok((Vec::new(), core.describe_consumer(&group_id, context.api_version)))
        });
        let mut group = match described.await {
            Ok(group) => group,
            Err(error) => refused(&group_id, error),
        };
        if request.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = authorized_operations::GROUP;
        }
        groups.push(group);
    }
    ConsumerGroupDescribeResponse::default().with_groups(groups)
}

fn refused(group_id: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group_id.clone())
        .with_error_code(error.code())
}
