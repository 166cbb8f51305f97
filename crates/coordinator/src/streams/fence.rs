//! Members that leave a streams group or are put out, and the delay of its first assignment.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};

use super::configure::configure;
use super::group::StreamsGroup;
use super::heartbeat::StreamsHeartbeatReply;
use super::identity::check_holder;
use super::member::StreamsAssignment;
use super::record::{StreamsEpoch, StreamsRecord};
use super::tasks::HeldTasks;
use super::update::{target_of, tombstones_of_member};
use crate::codec::text;
use crate::consumer::member::{LEFT_FOR_A_WHILE, MemberState};
use crate::consumer::record::TargetEpoch;
use crate::consumer::refusal::Refusal;
use crate::group::{GroupShard, Outcome};
use crate::record::GroupRecord;

impl GroupShard {
    /// A heartbeat with an epoch below 0.
    pub(super) fn streams_leave(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<Outcome<StreamsHeartbeatReply>, Refusal> {
        let group = self.known_streams_group(&request.group_id)?;
        let (group_id, member_id) = (group.id.clone(), request.member_id.as_str());
        let response = StreamsGroupHeartbeatResponse::default()
            .with_member_id(text(member_id))
            .with_member_epoch(request.member_epoch)
            .with_status(Some(Vec::new()));
        let reply = StreamsHeartbeatReply {
            response,
            missing_topics: Vec::new(),
        };
        let member = match request.instance_id.as_ref().map(|id| id.as_str()) {
            None => group.known_member(member_id)?,
            Some(instance_id) => check_holder(group.static_member(instance_id), member_id, instance_id)?,
        };
        let (member, is_static) = (member.clone(), request.instance_id.is_some());
        if request.shutdown_application
            && let Some(group) = self.streams_groups.get_mut(&group_id)
            && group.soft.shutdown_requested_by.is_none()
        {
            group.soft.shutdown_requested_by = Some(member_id.into());
        }
        if is_static && request.member_epoch == LEFT_FOR_A_WHILE {
            // It keeps its tasks until its session ends, and gives back nothing: nobody has them.
            let left = StreamsAssignment {
                epoch: LEFT_FOR_A_WHILE,
                previous_epoch: member.current.previous_epoch,
                state: member.current.state,
                assigned: member.current.assigned.clone().with_epochs_zero(),
                revoking: HeldTasks::default(),
            };
            let record = StreamsRecord::Current {
                id: member.id,
                value: Some(Arc::new(left)),
            };
            let records = GroupRecord::of_streams_group(&group_id, vec![record]);
            return Ok(Outcome { records, reply });
        }
        let records = self.fence_streams_member(&group_id, &member.id);
        Ok(Outcome { records, reply })
    }

    /// The streams group of this id.
    pub(super) fn known_streams_group(&self, group_id: &str) -> Result<&StreamsGroup, Refusal> {
        match self.streams_groups.get(group_id) {
            Some(group) => Ok(group),
            None if self.groups.contains_key(group_id) || self.holds_other_than_classic(group_id) => Err(
                Refusal::not_found(format!("Group {group_id} is not a streams group.")),
            ),
            None => Err(Refusal::not_found(format!("Group {group_id} not found."))),
        }
    }

    /// A member was silent for too long.
    pub(crate) fn expire_streams_session(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Vec<GroupRecord> {
        self.fence_streams_member(group_id, member_id)
    }

    /// A member did not give its tasks back in time.
    pub(crate) fn expire_streams_revocation(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Vec<GroupRecord> {
        let member = self
            .streams_groups
            .get(group_id)
            .and_then(|group| group.member(member_id));
        match member.map(|member| member.current.state) {
            Some(MemberState::UnrevokedPartitions) => self.fence_streams_member(group_id, member_id),
            _ => Vec::new(),
        }
    }

    /// Puts a member out.
    fn fence_streams_member(&mut self, group_id: &Arc<str>, member_id: &Arc<str>) -> Vec<GroupRecord> {
        let Some(group) = self.streams_groups.get(group_id) else {
            return Vec::new();
        };
        if !group.members.contains_key(member_id) {
            return Vec::new();
        }
        let mut records = Vec::from(tombstones_of_member(member_id));
        let epoch = group.epoch.epoch.wrapping_add(1);
        records.push(StreamsRecord::Epoch(Some(Arc::new(StreamsEpoch {
            epoch,
            ..(*group.epoch).clone()
        }))));
        if group.members.len() == 1 {
            // Nobody is left to compute a target for; the next member need not wait for one.
            records.push(StreamsRecord::TargetEpoch(Some(TargetEpoch {
                epoch,
                timestamp_ms: 0,
            })));
        }
        self.cancel_member_timers(group_id, member_id);
        GroupRecord::of_streams_group(group_id, records)
    }

    /// The whole log has been replayed: sessions begin.
    pub(crate) fn begin_streams_sessions(&mut self, now: Now) {
        let members = |group: &StreamsGroup| -> Vec<_> {
            group
                .members
                .values()
                .map(|member| (group.id.clone(), member.clone()))
                .collect()
        };
        let all: Vec<_> = self.streams_groups.values().flat_map(members).collect();
        for (group_id, member) in all {
            let session_ms = self.cluster.streams_settings(&group_id).session_timeout_ms;
            self.reschedule_session_in(&group_id, &member.id, session_ms, now);
            if member.current.state == MemberState::UnrevokedPartitions {
                self.schedule_revocation(&group_id, &member.id, member.details.rebalance_timeout_ms, now);
            }
        }
    }

    /// The delay of a group's first assignment is over.
    pub(crate) fn expire_initial_rebalance(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let Some(group) = self.streams_groups.get(group_id) else {
            return Vec::new();
        };
        let Some(topology) = &group.topology else {
            return Vec::new();
        };
        if group.members.is_empty() || group.epoch.epoch <= group.target_epoch.epoch {
            return Vec::new();
        }
        let configured = match &group.soft.configured {
            Some(configured) => configured.clone(),
            None => match configure(topology, &*self.cluster) {
                Ok(configured) => Arc::new(configured),
                Err(_) => return Vec::new(),
            },
        };
        let settings = self.cluster.streams_settings(group_id);
        let (records, _) = target_of(
            group,
            group.members.values(),
            &BTreeMap::new(),
            &configured,
            &settings,
            group.epoch.epoch,
            now.wall_ms,
        );
        GroupRecord::of_streams_group(group_id, records)
    }
}

/// The tombstones that delete a group without members.
pub(crate) fn tombstones_of_streams_group(group: &StreamsGroup) -> Vec<StreamsRecord> {
    let mut records: Vec<StreamsRecord> = group.members.keys().flat_map(tombstones_of_member).collect();
    records.extend([
        StreamsRecord::TargetEpoch(None),
        StreamsRecord::Epoch(None),
        StreamsRecord::Topology(None),
    ]);
    records
}
