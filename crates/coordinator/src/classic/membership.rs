//! Heartbeat and LeaveGroup, sessions that end, and what happens to a member that is out.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;
use barnabas_protocol::messages::leave_group_response::MemberResponse;
use barnabas_protocol::messages::{HeartbeatRequest, SyncGroupResponse};

use super::join::join_error;
use super::state::ClassicState;
use crate::effect::Reply;
use crate::group::{GroupShard, Outcome, require_group_id};
use crate::record::GroupRecord;
use crate::timers::TimerKey;

impl GroupShard {
    /// Handles a Heartbeat request (versions 0 to 4). REBALANCE_IN_PROGRESS asks the member to join again.
    pub fn heartbeat(&mut self, request: &HeartbeatRequest, now: Now) -> Result<(), ErrorCode> {
        require_group_id(&request.group_id)?;
        let consumer_group = self.consumer_groups.get(request.group_id.as_str());
        if let Some(group_id) = consumer_group.map(|group| group.id.clone()) {
            return self.heartbeat_consumer_group(&group_id, request, now);
        }
        let group = self
            .groups
            .get(request.group_id.as_str())
            .ok_or(ErrorCode::UnknownMemberId)?;
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        group.validate_generation(&request.member_id, instance_id, request.generation_id)?;
        let (group_id, state) = (group.id.clone(), group.state);
        self.reschedule_session(&group_id, &request.member_id, now);
        match state {
            ClassicState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            ClassicState::Empty => Err(ErrorCode::UnknownMemberId),
            ClassicState::CompletingRebalance | ClassicState::Stable => Ok(()),
        }
    }

    /// Handles a LeaveGroup request; versions before 3, which name one member, come here with a list of it.
    pub fn leave(
        &mut self,
        group_id: &str,
        leaving: &[MemberIdentity],
        now: Now,
    ) -> Result<Outcome<Vec<MemberResponse>>, ErrorCode> {
        require_group_id(group_id)?;
        if let Some(group_id) = self.consumer_groups.get(group_id).map(|group| group.id.clone()) {
            return Ok(self.leave_consumer_group(&group_id, leaving, now));
        }
        let Some(group_id) = self.groups.get(group_id).map(|group| group.id.clone()) else {
            let reply = leaving
                .iter()
                .map(|member| answer(member, Err(ErrorCode::UnknownMemberId)))
                .collect();
            return Ok(Outcome {
                records: Vec::new(),
                reply,
            });
        };
        let mut reply = Vec::with_capacity(leaving.len());
        let mut any_left = false;
        for member in leaving {
            let left = self.leave_one(&group_id, member);
            any_left |= left.is_ok();
            reply.push(answer(member, left));
        }
        let state = self.groups.get(&group_id).map(|group| group.state);
        let records = match state {
            Some(ClassicState::Stable | ClassicState::CompletingRebalance) if any_left => {
                self.maybe_prepare_rebalance_or_complete_join(&group_id, now)
            }
            Some(ClassicState::PreparingRebalance) if any_left => {
                self.maybe_complete_join_phase(&group_id, now)
            }
            _ => Vec::new(),
        };
        Ok(Outcome { records, reply })
    }

    fn leave_one(&mut self, group_id: &Arc<str>, leaving: &MemberIdentity) -> Result<(), ErrorCode> {
        let group = self.groups.get(group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let instance_id = leaving.group_instance_id.as_ref().map(|id| id.as_str());
        let member_id = if leaving.member_id.is_empty() {
            // An administrator removes a static member by its name.
            let held = instance_id.and_then(|instance_id| group.static_member_id(instance_id));
            held.cloned().ok_or(ErrorCode::UnknownMemberId)?
        } else {
            if !group.is_pending(&leaving.member_id) {
                group.validate_member(&leaving.member_id, instance_id)?;
            }
            leaving.member_id.as_str().into()
        };
        self.drop_member(group_id, &member_id);
        Ok(())
    }

    /// A member (or pending member) was silent for too long. A parked request shows that its client is still
    /// there.
    pub(crate) fn expire_session(
        &mut self,
        group_id: &Arc<str>,
        member_id: &str,
        now: Now,
    ) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        let was_member = match group.member(member_id) {
            Some(member) if member.has_satisfied_heartbeat() => return Vec::new(),
            Some(_) => true,
            None if group.is_pending(member_id) => false,
            None => return Vec::new(),
        };
        self.drop_member(group_id, member_id);
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        match group.state {
            ClassicState::Stable | ClassicState::CompletingRebalance if was_member => {
                self.maybe_prepare_rebalance_or_complete_join(group_id, now)
            }
            ClassicState::PreparingRebalance if group.has_all_members_joined() => {
                self.complete_join(group_id, now)
            }
            _ => Vec::new(),
        }
    }

    /// Removes a member or pending member, ends its session and answers what it waits for: a live client will
    /// join anew.
    pub(super) fn drop_member(&mut self, group_id: &Arc<str>, member_id: &str) {
        self.cancel_session(group_id, member_id);
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let Some(member) = group.remove(member_id) else {
            return;
        };
        if let Some(token) = member.awaiting_join {
            self.respond(token, Reply::Join(join_error("", ErrorCode::UnknownMemberId)));
        }
        if let Some(token) = member.awaiting_sync {
            let gone = SyncGroupResponse::default().with_error_code(ErrorCode::UnknownMemberId.code());
            self.respond(token, Reply::Sync(gone));
        }
    }

    /// Answers every parked request of the group with an error.
    pub(crate) fn answer_all_parked(&mut self, group_id: &str, error: ErrorCode) {
        let Some(group) = self.groups.get(group_id) else {
            return;
        };
        for member_id in group.member_ids() {
            let Some(group) = self.groups.get_mut(group_id) else {
                return;
            };
            let join = group.take_join(&member_id);
            let sync = group
                .member_mut(&member_id)
                .and_then(|member| member.awaiting_sync.take());
            if let Some(token) = join {
                self.respond(token, Reply::Join(join_error(&member_id, error)));
            }
            if let Some(token) = sync {
                self.respond(
                    token,
                    Reply::Sync(SyncGroupResponse::default().with_error_code(error.code())),
                );
            }
        }
    }

    /// The member gave a sign of life.
    pub(crate) fn reschedule_session(&mut self, group_id: &Arc<str>, member_id: &str, now: Now) {
        let member = self
            .groups
            .get(group_id)
            .and_then(|group| group.member(member_id));
        if let Some(timeout_ms) = member.map(|member| member.session_timeout_ms) {
            self.reschedule_session_in(group_id, member_id, timeout_ms, now);
        }
    }

    pub(crate) fn reschedule_session_in(
        &mut self,
        group_id: &Arc<str>,
        member_id: &str,
        timeout_ms: i32,
        now: Now,
    ) {
        let key = TimerKey::Session {
            group: group_id.clone(),
            member: member_id.into(),
        };
        self.timers
            .schedule(key, now.monotonic_ms + i64::from(timeout_ms));
    }

    pub(super) fn cancel_session(&mut self, group_id: &Arc<str>, member_id: &str) {
        self.timers.cancel(&TimerKey::Session {
            group: group_id.clone(),
            member: member_id.into(),
        });
    }
}

pub(crate) fn answer(leaving: &MemberIdentity, left: Result<(), ErrorCode>) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(leaving.member_id.clone())
        .with_group_instance_id(leaving.group_instance_id.clone())
        .with_error_code(left.err().unwrap_or(ErrorCode::None).code())
}
