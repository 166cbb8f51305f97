//! ShareGroupDescribe (KIP-932): state, epochs, members and assignments of share groups.
//!
//! Version 1. UNSUPPORTED_VERSION while share.version is 0. Errors of a group: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for one with a topic that the client may not describe, INVALID_GROUP_ID,
//! GROUP_ID_NOT_FOUND, and the coordinator's own.

use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::messages::share_group_describe_response::DescribedGroup;
use barnabas_protocol::messages::{ShareGroupDescribeRequest, ShareGroupDescribeResponse};
use barnabas_security::{AclOperation, Rights};

use super::described_groups::{Asked, Described, describe, described_fields};
use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
    let asked = Asked {
        group_ids: request.group_ids,
        include_authorized_operations: request.include_authorized_operations,
        feature: SHARE_VERSION,
    };
    let groups = describe(broker, context, asked, |core, group_id| {
        core.describe_share(group_id)
    });
    ShareGroupDescribeResponse::default().with_groups(groups.await)
}

impl Described for DescribedGroup {
    const FORBIDDEN_TOPICS: &str =
        "The group has described topic(s) that the client is not authorized to describe.";

    described_fields!();

    fn show_to(&mut self, rights: Rights<'_>) -> bool {
        shows_only_visible(self, rights)
    }
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
