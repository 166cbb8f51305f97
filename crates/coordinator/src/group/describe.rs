//! DescribeGroups and ListGroups: what can be seen of the groups.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use barnabas_protocol::messages::list_groups_response::ListedGroup;
use barnabas_protocol::messages::{GroupId, StrBytes};

use super::GroupShard;
use crate::classic::group::CONSUMER_PROTOCOL_TYPE;
use crate::classic::state::{ClassicState, DEAD};
use crate::codec::text;

/// From this version on a group that does not exist is an error (KIP-1043).
const GROUP_ID_NOT_FOUND_SINCE: i16 = 6;

/// The type of every group of the classic protocol, as ListGroups names it.
const CLASSIC: &str = "classic";
/// The type of every group of the consumer protocol.
const CONSUMER: &str = "consumer";
/// The type of every group of the streams protocol, and its protocol.
const STREAMS: &str = "streams";
/// The type of every share group, and its type of protocol.
const SHARE: &str = "share";

impl GroupShard {
    /// Describes a group as DescribeGroups (versions 0 to 6) does. Subscriptions are told of stable groups
    /// only.
    pub fn describe(&self, group_id: &str, api_version: i16) -> DescribedGroup {
        let described = DescribedGroup::default().with_group_id(GroupId(text(group_id)));
        let Some(group) = self.groups.get(group_id) else {
            let is_other =
                self.holds_other_than_classic(group_id) || self.streams_groups.contains_key(group_id);
            let dead = described.with_group_state(StrBytes::from_static_str(DEAD));
            if api_version < GROUP_ID_NOT_FOUND_SINCE {
                return dead;
            }
            let message = if is_other {
                format!("Group {group_id} is not a classic group.")
            } else {
                format!("Group {group_id} not found.")
            };
            return dead
                .with_error_code(ErrorCode::GroupIdNotFound.code())
                .with_error_message(Some(StrBytes::from_string(message)));
        };
        let stable = group.state == ClassicState::Stable;
        let protocol = group.protocol_name.as_deref().filter(|_| stable);
        let member = |member: &crate::classic::member::ClassicMember| {
            DescribedGroupMember::default()
                .with_member_id(text(&member.id))
                .with_group_instance_id(member.instance_id.as_deref().map(text))
                .with_client_id(text(&member.client_id))
                .with_client_host(text(&member.client_host))
                .with_member_metadata(
                    protocol
                        .map(|protocol| member.metadata(protocol))
                        .unwrap_or_default(),
                )
                .with_member_assignment(member.assignment.clone())
        };
        described
            .with_group_state(StrBytes::from_static_str(group.state.name()))
            .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
            .with_protocol_data(text(protocol.unwrap_or_default()))
            .with_members(group.members().map(member).collect())
    }

    /// The groups in one of `states` and of one of `types`, in any case; an empty filter lets all pass.
    pub fn list(&self, states: &[StrBytes], types: &[StrBytes]) -> Vec<ListedGroup> {
        let is_asked =
            |name: &str| types.is_empty() || types.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        let passes = |state: &str| {
            states.is_empty()
                || states
                    .iter()
                    .any(|asked| asked.trim().eq_ignore_ascii_case(state))
        };
        let listed = |id: &str, protocol_type: &str, state: &'static str, group_type: &'static str| {
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_protocol_type(text(protocol_type))
                .with_group_state(StrBytes::from_static_str(state))
                .with_group_type(StrBytes::from_static_str(group_type))
        };
        let classic = self
            .groups
            .values()
            .filter(|group| is_asked(CLASSIC) && passes(group.state.name()))
            .map(|group| {
                let protocol_type = group.protocol_type.as_deref().unwrap_or_default();
                listed(&group.id, protocol_type, group.state.name(), CLASSIC)
            });
        let consumer = self
            .consumer_groups
            .values()
            .filter(|_| is_asked(CONSUMER))
            .map(|group| (group, group.state().name()))
            .filter(|(_, state)| passes(state))
            .map(|(group, state)| listed(&group.id, CONSUMER_PROTOCOL_TYPE, state, CONSUMER));
        let streams = self
            .streams_groups
            .values()
            .filter(|_| is_asked(STREAMS))
            .map(|group| (group, group.state().name()))
            .filter(|(_, state)| passes(state))
            .map(|(group, state)| listed(&group.id, STREAMS, state, STREAMS));
        let share = self
            .share_groups
            .iter()
            .filter(|(_, group)| is_asked(SHARE) && passes(group.state()))
            .map(|(id, group)| listed(id, SHARE, group.state(), SHARE));
        classic.chain(consumer).chain(streams).chain(share).collect()
    }
}
