//! ShareGroupDescribe.

use std::sync::Arc;

use barnabas_protocol::messages::share_group_describe_response::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use barnabas_protocol::messages::{GroupId, StrBytes, TopicName};

use super::ShareMember;
use crate::codec::text;
use crate::group::GroupShard;

/// The one assignor that there is.
const ASSIGNOR: &str = "simple";

impl GroupShard {
    /// Describes a share group.
    pub fn describe_share(&self, group_id: &str) -> DescribedGroup {
        let described = DescribedGroup::default().with_group_id(GroupId(text(group_id)));
        let group = match self.known_share_group(group_id) {
            Ok(group) => group,
            Err(refusal) => {
                return described
                    .with_error_code(refusal.code.code())
                    .with_error_message(refusal.message.map(StrBytes::from_string));
            }
        };
        let members = group
            .members
            .iter()
            .map(|(id, member)| self.share_member(id, member));
        described
            .with_group_state(StrBytes::from_static_str(group.state()))
            .with_group_epoch(group.epoch.epoch)
            .with_assignment_epoch(group.target_epoch.epoch)
            .with_assignor_name(StrBytes::from_static_str(ASSIGNOR))
            .with_members(members.collect())
    }

    fn share_member(&self, id: &Arc<str>, member: &ShareMember) -> Member {
        let details = &member.details;
        // A topic that is gone has no name to be told by.
        let topics = member
            .current
            .assigned
            .iter()
            .filter_map(|(topic_id, partitions)| {
                let topic = self.cluster.topic_by_id(topic_id)?;
                let told = TopicPartitions::default()
                    .with_topic_id(*topic_id)
                    .with_topic_name(TopicName(text(&topic.name)))
                    .with_partitions(partitions.iter().copied().collect());
                Some(told)
            });
        let names = details.topics.iter().map(|topic| TopicName(text(topic)));
        Member::default()
            .with_member_id(text(id))
            .with_rack_id(details.rack_id.as_deref().map(text))
            .with_member_epoch(member.current.epoch)
            .with_client_id(text(&details.client_id))
            .with_client_host(text(&details.client_host))
            .with_subscribed_topic_names(names.collect())
            .with_assignment(Assignment::default().with_topic_partitions(topics.collect()))
    }
}
