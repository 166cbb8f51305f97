//! ConsumerGroupDescribe, versions 0 and 1.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use barnabas_protocol::messages::{GroupId, StrBytes, TopicName};
use uuid::Uuid;

use super::group::ConsumerGroup;
use super::member::ConsumerMember;
use crate::assignor::Partitions;
use crate::cluster::ClusterView;
use crate::codec::text;
use crate::group::GroupShard;

/// From this version on the answer says which protocol a member speaks (KIP-1099).
const MEMBER_TYPE_SINCE: i16 = 1;
const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;
const UNKNOWN_TYPE: i8 = -1;

impl GroupShard {
    /// Describes a consumer group.
    pub fn describe_consumer(&self, group_id: &str, api_version: i16) -> DescribedGroup {
        let described = DescribedGroup::default().with_group_id(GroupId(text(group_id)));
        let group = match self.known_consumer_group(group_id) {
            Ok(group) => group,
            Err(refusal) => {
                return described
                    .with_error_code(ErrorCode::GroupIdNotFound.code())
                    .with_error_message(refusal.message.map(StrBytes::from_string));
            }
        };
        let assignor = group
            .preferred_assignor(None, None)
            .unwrap_or_else(|| self.config.consumer_assignors.first().name().into());
        let member = |member: &ConsumerMember| describe_member(group, member, &*self.cluster, api_version);
        described
            .with_group_state(StrBytes::from_static_str(group.state().name()))
            .with_group_epoch(group.epoch.epoch)
            .with_assignment_epoch(group.target_epoch.epoch)
            .with_assignor_name(text(&assignor))
            .with_members(group.members.values().map(member).collect())
    }
}

fn describe_member(
    group: &ConsumerGroup,
    member: &ConsumerMember,
    cluster: &dyn ClusterView,
    api_version: i16,
) -> Member {
    let details = &member.details;
    // What it has yet to give back it still has.
    let mut held = Partitions::new();
    for (topic, partitions) in member.current.assigned.iter().chain(&member.current.revoking) {
        held.entry(*topic).or_default().extend(partitions.keys());
    }
    let current = held
        .iter()
        .map(|(topic, partitions)| (topic, partitions.iter().copied().collect()));
    let target = group.target(member);
    let target = target
        .iter()
        .map(|(topic, partitions)| (topic, partitions.iter().copied().collect()));
    let member_type = match api_version {
        ..MEMBER_TYPE_SINCE => UNKNOWN_TYPE,
        _ if member.is_classic() => CLASSIC_MEMBER,
        _ => CONSUMER_MEMBER,
    };
    Member::default()
        .with_member_id(text(&member.id))
        .with_instance_id(details.instance_id.as_deref().map(text))
        .with_rack_id(details.rack_id.as_deref().map(text))
        .with_member_epoch(member.epoch())
        .with_client_id(text(&details.client_id))
        .with_client_host(text(&details.client_host))
        .with_subscribed_topic_names(
            details
                .topics
                .iter()
                .map(|topic| TopicName(text(topic)))
                .collect(),
        )
        .with_subscribed_topic_regex(Some(text(&details.regex)))
        .with_assignment(assignment(current, cluster))
        .with_target_assignment(assignment(target, cluster))
        .with_member_type(member_type)
}

/// Topics that are gone are left out.
fn assignment<'a>(
    topics: impl Iterator<Item = (&'a Uuid, Vec<i32>)>,
    cluster: &dyn ClusterView,
) -> Assignment {
    let named = topics.filter_map(|(id, partitions)| {
        let topic = cluster.topic_by_id(id)?;
        Some(
            TopicPartitions::default()
                .with_topic_id(*id)
                .with_topic_name(TopicName(text(&topic.name)))
                .with_partitions(partitions),
        )
    });
    Assignment::default().with_topic_partitions(named.collect())
}
