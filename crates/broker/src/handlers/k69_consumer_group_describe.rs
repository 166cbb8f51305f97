//! ConsumerGroupDescribe (KIP-848): state, epochs, members and assignments of consumer groups.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while group.version is 0 or
//! group.coordinator.rebalance.protocols lacks the protocol. Errors of a group: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for one with a topic that the client may not describe, INVALID_GROUP_ID,
//! GROUP_ID_NOT_FOUND, and the coordinator's own.

use barnabas_metadata::features::GROUP_VERSION;
use barnabas_protocol::messages::consumer_group_describe_response::DescribedGroup;
use barnabas_protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use barnabas_security::{AclOperation, Rights};

use super::described_groups::{Asked, Described, describe, described_fields};
use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let asked = Asked {
        group_ids: request.group_ids,
        include_authorized_operations: request.include_authorized_operations,
        feature: GROUP_VERSION,
    };
    let groups = describe(broker, context, asked, |core, group_id| {
        core.describe_consumer(group_id, context.api_version)
    });
    ConsumerGroupDescribeResponse::default().with_groups(groups.await)
}

impl Described for DescribedGroup {
    const FORBIDDEN_TOPICS: &str =
        "The group has described topic(s) that the client is not authorized to describe.";

    described_fields!();

    fn show_to(&mut self, rights: Rights<'_>) -> bool {
        shows_only_visible(self, rights)
    }
}

/// Whether the client may describe every topic that a member has or is to have.
fn shows_only_visible(group: &DescribedGroup, rights: Rights<'_>) -> bool {
    let members = group.members.iter();
    let assignments = members.flat_map(|member| [&member.assignment, &member.target_assignment]);
    let mut topics = assignments.flat_map(|assignment| &assignment.topic_partitions);
    topics.all(|topic| rights.on_topic(AclOperation::Describe, &topic.topic_name))
}
