//! SyncGroup, versions 0 to 5: the leader brings the assignment, everyone takes theirs home.
//!
//! The assignment is a record before it is anyone's: it is handed out when the record is replayed (see
//! `replay_live`).

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{StrBytes, SyncGroupRequest, SyncGroupResponse};
use bytes::Bytes;

use super::group::ClassicGroup;
use super::state::ClassicState;
use crate::effect::{Reply, Token};
use crate::group::{GroupShard, require_group_id};
use crate::record::GroupRecord;
use crate::timers::TimerKey;

fn sync_error(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}

fn assignment_of(group: &ClassicGroup, assignment: Bytes) -> SyncGroupResponse {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    SyncGroupResponse::default()
        .with_protocol_type(group.protocol_type.as_deref().map(text))
        .with_protocol_name(group.protocol_name.as_deref().map(text))
        .with_assignment(assignment)
}

/// A name that both sides know must be the same; a client of an old version sends none.
fn differs(asked: &Option<StrBytes>, group: Option<&str>) -> bool {
    matches!((asked, group), (Some(asked), Some(group)) if asked.as_str() != group)
}

fn validate(group: &ClassicGroup, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
    group.validate_generation(&request.member_id, instance_id, request.generation_id)?;
    if differs(&request.protocol_type, group.protocol_type.as_deref())
        || differs(&request.protocol_name, group.protocol_name.as_deref())
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    match group.state {
        ClassicState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
        _ => Ok(()),
    }
}

impl GroupShard {
    /// Handles a SyncGroup request; `token` names it. The answer goes out as an effect.
    pub fn sync(&mut self, request: &SyncGroupRequest, token: Token, now: Now) -> Vec<GroupRecord> {
        let consumer_group = self.consumer_groups.get(request.group_id.as_str());
        if let Some(group_id) = consumer_group.map(|group| group.id.clone()) {
            let synced = self.sync_consumer_group(&group_id, request, now);
            self.respond(token, Reply::Sync(synced.unwrap_or_else(sync_error)));
            return Vec::new();
        }
        let valid = require_group_id(&request.group_id).and_then(|()| {
            match self.groups.get(request.group_id.as_str()) {
                Some(group) if group.state != ClassicState::Empty => {
                    validate(group, request).map(|()| group.id.clone())
                }
                _ => Err(ErrorCode::UnknownMemberId),
            }
        });
        match valid {
            Ok(group_id) => self.sync_member(&group_id, request, token),
            Err(error) => {
                self.respond(token, Reply::Sync(sync_error(error)));
                Vec::new()
            }
        }
    }

    fn sync_member(
        &mut self,
        group_id: &Arc<str>,
        request: &SyncGroupRequest,
        token: Token,
    ) -> Vec<GroupRecord> {
        let member_id = request.member_id.as_str();
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        group.pending_syncs.remove(member_id);
        if group.pending_syncs.is_empty() {
            self.timers.cancel(&TimerKey::Sync {
                group: group_id.clone(),
            });
        }
        let is_stable = group.state == ClassicState::Stable;
        let Some(member) = group.member_mut(member_id) else {
            return Vec::new();
        };
        if is_stable {
            let assignment = member.assignment.clone();
            let response = assignment_of(group, assignment);
            self.respond(token, Reply::Sync(response));
            return Vec::new();
        }
        let superseded = member.awaiting_sync.replace(token);
        let records = if group.is_leader(member_id) {
            // Copied, for the record outlives the request's frame. The last of two for the same member
            // counts.
            let assignments: BTreeMap<&str, &Bytes> = request
                .assignments
                .iter()
                .map(|a| (a.member_id.as_str(), &a.assignment))
                .collect();
            let assigned = |member_id: &str| {
                assignments
                    .get(member_id)
                    .map(|assignment| Bytes::copy_from_slice(assignment))
                    .unwrap_or_default()
            };
            vec![group.to_record(|member| assigned(&member.id))]
        } else {
            Vec::new()
        };
        if let Some(token) = superseded {
            self.respond(token, Reply::Sync(sync_error(ErrorCode::RebalanceInProgress)));
        }
        records
    }

    /// Gives every member that waits its assignment; its session starts anew, for it could not send
    /// heartbeats meanwhile.
    pub(super) fn propagate_assignment(&mut self, group_id: &Arc<str>, now: Now) {
        self.answer_syncs(group_id, now, |group, assignment| {
            assignment_of(group, assignment)
        });
    }

    /// Takes every member's assignment away and tells those that wait why.
    pub(crate) fn reset_assignment(&mut self, group_id: &Arc<str>, error: ErrorCode, now: Now) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        for member_id in group.member_ids() {
            if let Some(member) = group.member_mut(&member_id) {
                member.assignment = Bytes::new();
            }
        }
        self.answer_syncs(group_id, now, |_, _| sync_error(error));
    }

    fn answer_syncs(
        &mut self,
        group_id: &Arc<str>,
        now: Now,
        answer: impl Fn(&ClassicGroup, Bytes) -> SyncGroupResponse,
    ) {
        let Some(group) = self.groups.get(group_id) else {
            return;
        };
        for member_id in group.member_ids() {
            let Some(group) = self.groups.get_mut(group_id) else {
                return;
            };
            let Some(member) = group.member_mut(&member_id) else {
                continue;
            };
            let Some(token) = member.awaiting_sync.take() else {
                continue;
            };
            let assignment = member.assignment.clone();
            let response = answer(group, assignment);
            self.respond(token, Reply::Sync(response));
            self.reschedule_session(group_id, &member_id, now);
        }
    }
}
