//! A classic group's generation as a record: taken from the group, made into a group, applied to the group
//! that wrote it.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use bytes::Bytes;

use super::group::ClassicGroup;
use super::member::{ClassicMember, MemberProtocol};
use super::state::ClassicState;
use crate::group::GroupShard;
use crate::record::{GroupMetadata, GroupRecord, MemberMetadata};

impl ClassicGroup {
    /// The group's record, each member with what `assignment` holds for it.
    pub(crate) fn to_record(&self, assignment: impl Fn(&ClassicMember) -> Bytes) -> GroupRecord {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let members = self
            .members()
            .map(|member| MemberMetadata {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                subscription: member.metadata(protocol),
                assignment: assignment(member),
            })
            .collect();
        let value = GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation_id: self.generation_id,
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: self.state_timestamp_ms,
            members,
        };
        GroupRecord::GroupMetadata {
            group: self.id.clone(),
            value: Some(value),
        }
    }

    /// The record of a group that was just created, whatever has joined it since.
    pub(crate) fn to_empty_record(&self) -> GroupRecord {
        let value = GroupMetadata {
            protocol_type: "".into(),
            generation_id: 0,
            protocol_name: None,
            leader: None,
            state_timestamp_ms: self.state_timestamp_ms,
            members: Vec::new(),
        };
        GroupRecord::GroupMetadata {
            group: self.id.clone(),
            value: Some(value),
        }
    }

    /// The group that a record describes: Stable, or Empty without members.
    pub(crate) fn from_metadata(id: Arc<str>, value: GroupMetadata) -> ClassicGroup {
        let mut group = ClassicGroup::new(id, 0);
        group.state_timestamp_ms = value.state_timestamp_ms;
        group.generation_id = value.generation_id;
        group.protocol_type = Some(value.protocol_type.clone()).filter(|name| !name.is_empty());
        group.protocol_name = value.protocol_name;
        group.leader = value.leader;
        if !value.members.is_empty() {
            group.state = ClassicState::Stable;
        }
        let protocol = group.protocol_name.clone().unwrap_or_default();
        for member in value.members {
            let member = ClassicMember {
                id: member.id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms: match member.rebalance_timeout_ms {
                    -1 => member.session_timeout_ms,
                    timeout_ms => timeout_ms,
                },
                session_timeout_ms: member.session_timeout_ms,
                protocols: vec![MemberProtocol {
                    name: protocol.clone(),
                    metadata: member.subscription,
                }],
                assignment: member.assignment,
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
            };
            group.add(member, &value.protocol_type);
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }
}

impl GroupShard {
    /// The record that this very group wrote is in the log: its assignment holds and goes to the members that
    /// wait for it. Nothing else of the group can differ from the record, for nothing happens between
    /// deciding and replaying.
    pub(crate) fn replay_live(&mut self, group_id: &Arc<str>, value: GroupMetadata, now: Now) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        if value.members.is_empty() || group.generation_id != value.generation_id {
            return;
        }
        match group.state {
            ClassicState::CompletingRebalance => {
                let assignments: BTreeMap<Arc<str>, Bytes> = value
                    .members
                    .into_iter()
                    .map(|member| (member.id, member.assignment))
                    .collect();
                for (id, assignment) in assignments {
                    if let Some(member) = group.member_mut(&id) {
                        member.assignment = assignment;
                    }
                }
                self.propagate_assignment(group_id, now);
                if let Some(group) = self.groups.get_mut(group_id) {
                    group.transition_to(ClassicState::Stable, now.wall_ms);
                }
            }
            ClassicState::Stable => self.complete_replacement(group_id),
            ClassicState::Empty | ClassicState::PreparingRebalance => {}
        }
    }
}
