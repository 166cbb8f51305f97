//! ShareGroupDescribe (KIP-932): state, epochs, members and assignments of share groups.
//!
//! Version 1. UNSUPPORTED_VERSION while share.version is 0. Errors of a group: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for one with a topic that the client may not describe, INVALID_GROUP_ID,
//! GROUP_ID_NOT_FOUND, and the coordinator's own.

use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::share_group_describe_response::DescribedGroup;
use barnabas_protocol::messages::{GroupId, ShareGroupDescribeRequest, ShareGroupDescribeResponse, StrBytes};
use barnabas_security::{AclOperation, ResourceType, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

const FORBIDDEN_TOPICS: &str =
    "The group has described topic(s) that the client is not authorized to describe.";

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
    let mut groups = Vec::with_capacity(request.group_ids.len());
    if broker.image().features.level(SHARE_VERSION) == 0 {
        for group_id in request.group_ids {
            groups.push(refused(&group_id, ErrorCode::UnsupportedVersion));
        }
        return ShareGroupDescribeResponse::default().with_groups(groups);
    }
    let rights = broker.rights(context);
    let may_describe = |group_id: &GroupId| rights.on_group(AclOperation::Describe, group_id);
    let (named, forbidden): (Vec<_>, Vec<_>) = request.group_ids.into_iter().partition(may_describe);
    for group_id in forbidden {
        groups.push(refused(&group_id, ErrorCode::GroupAuthorizationFailed));
    }
    let (named, nameless): (Vec<_>, Vec<_>) = named.into_iter().partition(|id| !id.is_empty());
    for group_id in nameless {
        groups.push(refused(&group_id, ErrorCode::InvalidGroupId));
    }
    for group_id in broker.groups().by_shard(named).into_iter().flatten() {
        let described = broker.groups().request(&group_id, |core, _| {
            Ok((Vec::new(), core.describe_share(&group_id)))
        });
        let mut group = match described.await {
            Ok(group) => group,
            Err(error) => refused(&group_id, error),
        };
        if request.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = rights.operations(ResourceType::Group, &group_id);
        }
        if !rights.are_unlimited() && !shows_only_visible(&group, rights) {
            group = refused(&group_id, ErrorCode::TopicAuthorizationFailed)
                .with_error_message(Some(StrBytes::from_static_str(FORBIDDEN_TOPICS)));
        }
        groups.push(group);
    }
    ShareGroupDescribeResponse::default().with_groups(groups)
}

/// Whether the client may describe every topic that a member reads or has.
fn shows_only_visible(group: &DescribedGroup, rights: Rights<'_>) -> bool {
    group.members.iter().all(|member| {
        let assigned = member
            .assignment
            .topic_partitions
            .iter()
            .map(|topic| &topic.topic_name);
        let mut topics = member.subscribed_topic_names.iter().chain(assigned);
        topics.all(|topic| rights.on_topic(AclOperation::Describe, topic))
    })
}

fn refused(group_id: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group_id.clone())
        .with_error_code(error.code())
}
