//! SyncGroup, Heartbeat and LeaveGroup of classic members of a consumer group. A classic member learns of a
//! rebalance by REBALANCE_IN_PROGRESS and comes back with JoinGroup; the others of the group go on meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;
use barnabas_protocol::messages::leave_group_response::MemberResponse;
use barnabas_protocol::messages::{HeartbeatRequest, StrBytes, SyncGroupRequest, SyncGroupResponse};

use super::embedded::{version, write_assignment};
use super::group::ConsumerGroup;
use super::heartbeat::check_holder;
use super::member::{Assigned, ConsumerMember, MemberState};
use crate::classic::group::CONSUMER_PROTOCOL_TYPE;
use crate::classic::membership::answer;
use crate::cluster::ClusterView;
use crate::group::{GroupShard, Outcome};
use crate::timers::TimerKey;

impl GroupShard {
    /// The assignment of a classic member.
    pub(crate) fn sync_consumer_group(
        &mut self,
        group_id: &Arc<str>,
        request: &SyncGroupRequest,
        now: Now,
    ) -> Result<SyncGroupResponse, ErrorCode> {
        let group = self
            .consumer_groups
            .get(group_id)
            .ok_or(ErrorCode::UnknownMemberId)?;
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        let member = classic_member(group, &request.member_id, instance_id, request.generation_id)?;
        let (Some(classic), Some(protocol)) = (&member.details.classic, member.classic_protocol()) else {
            return Err(ErrorCode::UnknownMemberId);
        };
        let differs = |asked: &Option<StrBytes>, known: &str| {
            asked.as_ref().is_some_and(|asked| asked.as_str() != known)
        };
        if differs(&request.protocol_type, CONSUMER_PROTOCOL_TYPE)
            || differs(&request.protocol_name, &protocol.name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // A change of the group is an affair of its members once there is an assignment for it (KIP-1263).
        let must_rejoin = group.target_epoch.epoch > member.epoch()
            && member.current.state != MemberState::UnrevokedPartitions;
        let response = SyncGroupResponse::default()
            .with_protocol_type(request.protocol_type.clone())
            .with_protocol_name(request.protocol_name.clone())
            .with_assignment(write_assignment(
                version(&protocol.metadata).unwrap_or(0),
                &named(&member.current.assigned, &*self.cluster),
            ));
        let member_id = member.id.clone();
        let (session_ms, rebalance_ms) = (classic.session_timeout_ms, member.details.rebalance_timeout_ms);
        if must_rejoin {
            self.await_rejoin(group_id, &member_id, rebalance_ms, now);
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.timers.cancel(&TimerKey::MemberSync {
            group: group_id.clone(),
            member: member_id.clone(),
        });
        self.keep_classic_alive(group_id, &member_id, session_ms, now);
        Ok(response)
    }

    /// A classic member is there.
    pub(crate) fn heartbeat_consumer_group(
        &mut self,
        group_id: &Arc<str>,
        request: &HeartbeatRequest,
        now: Now,
    ) -> Result<(), ErrorCode> {
        let group = self
            .consumer_groups
            .get(group_id)
            .ok_or(ErrorCode::UnknownMemberId)?;
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        let member = classic_member(group, &request.member_id, instance_id, request.generation_id)?;
        let state = member.current.state;
        let must_rejoin = member.epoch() < group.target_epoch.epoch
            || state == MemberState::UnrevokedPartitions
            || (state == MemberState::UnreleasedPartitions && !group.waits_for_a_partition(member));
        let member_id = member.id.clone();
        let rebalance_ms = member.details.rebalance_timeout_ms;
        let session_ms = member
            .details
            .classic
            .as_ref()
            .map_or(0, |classic| classic.session_timeout_ms);
        self.keep_classic_alive(group_id, &member_id, session_ms, now);
        if must_rejoin {
            self.await_rejoin(group_id, &member_id, rebalance_ms, now);
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// Members go, by LeaveGroup; an administrator's request names members of either protocol.
    pub(crate) fn leave_consumer_group(
        &mut self,
        group_id: &Arc<str>,
        leaving: &[MemberIdentity],
        now: Now,
    ) -> Outcome<Vec<MemberResponse>> {
        let mut gone: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut reply = Vec::with_capacity(leaving.len());
        for identity in leaving {
            let left = match self.consumer_groups.get(group_id) {
                Some(group) => named_member(group, identity),
                None => Err(ErrorCode::UnknownMemberId),
            };
            reply.push(answer(
                identity,
                left.as_ref().map(|_| ()).map_err(|error| *error),
            ));
            gone.extend(left);
        }
        let records = self.fence_members(group_id, &gone, now);
        Outcome { records, reply }
    }

    fn keep_classic_alive(&mut self, group_id: &Arc<str>, member_id: &Arc<str>, session_ms: i32, now: Now) {
        let session = TimerKey::Session {
            group: group_id.clone(),
            member: member_id.clone(),
        };
        self.timers
            .schedule(session, now.monotonic_ms.saturating_add(i64::from(session_ms)));
    }

    /// The member was told to join again; it has its rebalance timeout for that, from the first time it was
    /// told.
    fn await_rejoin(&mut self, group_id: &Arc<str>, member_id: &Arc<str>, rebalance_ms: i32, now: Now) {
        let key = TimerKey::MemberJoin {
            group: group_id.clone(),
            member: member_id.clone(),
        };
        if !self.timers.is_scheduled(&key) {
            self.timers
                .schedule(key, now.monotonic_ms.saturating_add(i64::from(rebalance_ms)));
        }
    }
}

/// The classic member that a request names, in the generation that it names.
fn classic_member<'a>(
    group: &'a ConsumerGroup,
    member_id: &str,
    instance_id: Option<&str>,
    generation_id: i32,
) -> Result<&'a ConsumerMember, ErrorCode> {
    let member = match instance_id {
        None => group.known_member(member_id),
        Some(instance_id) => check_holder(group.static_member(instance_id), member_id, instance_id),
    };
    let member = member.map_err(|refusal| refusal.code)?;
    if !member.is_classic() {
        return Err(ErrorCode::UnknownMemberId);
    }
    if member.epoch() != generation_id {
        return Err(ErrorCode::IllegalGeneration);
    }
    Ok(member)
}

fn named_member(group: &ConsumerGroup, identity: &MemberIdentity) -> Result<Arc<str>, ErrorCode> {
    let member_id = identity.member_id.as_str();
    let member = match identity.group_instance_id.as_ref().map(|id| id.as_str()) {
        None => group.known_member(member_id),
        // An administrator removes a static member by its name.
        Some(instance_id) if member_id.is_empty() => group
            .static_member(instance_id)
            .ok_or(ErrorCode::UnknownMemberId.into()),
        Some(instance_id) => check_holder(group.static_member(instance_id), member_id, instance_id),
    };
    member
        .map(|member| member.id.clone())
        .map_err(|refusal| refusal.code)
}

/// Partitions by topic name; topics that are gone are left out.
fn named(assigned: &Assigned, cluster: &dyn ClusterView) -> BTreeMap<String, Vec<i32>> {
    let by_name = assigned.iter().filter_map(|(id, partitions)| {
        let topic = cluster.topic_by_id(id)?;
        Some((topic.name.to_string(), partitions.keys().copied().collect()))
    });
    by_name.collect()
}
