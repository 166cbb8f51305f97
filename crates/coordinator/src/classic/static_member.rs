//! Static members (KIP-345): a restarted client takes over the place, the assignment and the leadership of
//! its former self.
//!
//! In a stable group whose protocol stays the same that needs no rebalance, only a record with the new member
//! id. Until it is in the log a [`Replacement`] remembers how to answer, and how to go back if the append
//! fails.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{StrBytes, SyncGroupResponse};

use super::join::{Join, generation_of, join_error};
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::effect::Reply;
use crate::group::GroupShard;
use crate::record::GroupRecord;

/// From this version on a leader can be told to skip the assignment (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

/// A static member that came back under a new id to a stable group.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    new_id: Arc<str>,
    /// The member as it was, its parked requests already answered.
    old: ClassicMember,
    old_leader: Option<Arc<str>>,
    api_version: i16,
}

impl GroupShard {
    pub(super) fn join_replacing(
        &mut self,
        group_id: &Arc<str>,
        join: &Join<'_>,
        instance_id: &str,
        old_id: &str,
        new_id: Arc<str>,
    ) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        let old_leader = group.leader.clone();
        let Some(mut old) = group.replace_static(instance_id, old_id, new_id.clone()) else {
            return Vec::new();
        };
        group.update_member(
            &new_id,
            join.protocols(),
            join.rebalance_timeout_ms(),
            join.request.session_timeout_ms,
            Some(join.token),
        );
        let same_protocol = group.select_protocol() == group.protocol_name;
        let state = group.state;
        self.fence(&mut old);
        self.cancel_session(group_id, old_id);
        // The session goes on as it was until the next heartbeat.
        self.reschedule_session_in(group_id, &new_id, old.session_timeout_ms, join.now);

        match state {
            ClassicState::Stable if same_protocol => {
                let Some(group) = self.groups.get_mut(group_id) else {
                    return Vec::new();
                };
                let api_version = join.caller.api_version;
                group.replacement = Some(Box::new(Replacement {
                    new_id,
                    old,
                    old_leader,
                    api_version,
                }));
                vec![group.to_record(|member| member.assignment.clone())]
            }
            ClassicState::Stable => self.maybe_prepare_rebalance_or_complete_join(group_id, join.now),
            // The old id may already be with the leader: the new one would get no assignment in this
            // generation.
            ClassicState::CompletingRebalance => self.prepare_rebalance(group_id, join.now),
            ClassicState::PreparingRebalance | ClassicState::Empty => {
                self.maybe_complete_join_phase(group_id, join.now)
            }
        }
    }

    /// Tells the client that was replaced, if it still waits for something.
    fn fence(&mut self, old: &mut ClassicMember) {
        if let Some(token) = old.awaiting_join.take() {
            let fenced = join_error(&old.id, ErrorCode::FencedInstanceId).with_protocol_name(None);
            self.respond(token, Reply::Join(fenced));
        }
        if let Some(token) = old.awaiting_sync.take() {
            let fenced = SyncGroupResponse::default().with_error_code(ErrorCode::FencedInstanceId.code());
            self.respond(token, Reply::Sync(fenced));
        }
    }

    /// The new id is in the log: the member gets the generation it is already part of.
    pub(super) fn complete_replacement(&mut self, group_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let Some(replacement) = group.replacement.take() else {
            return;
        };
        let Some(token) = group.take_join(&replacement.new_id) else {
            return;
        };
        let skips = replacement.api_version >= SKIP_ASSIGNMENT_SINCE;
        let skip_assignment = skips && group.is_leader(&replacement.new_id);
        let mut response =
            generation_of(group, &replacement.new_id, skip_assignment).with_skip_assignment(skip_assignment);
        if !skips {
            // An old client must not believe that it leads, or it would assign: it is told its former self
            // does.
            let old_leader = replacement.old_leader.as_deref().unwrap_or_default();
            response = response.with_leader(StrBytes::from_string(old_leader.to_owned()));
        }
        self.respond(token, Reply::Join(response));
    }

    /// The new id is not in the log: the member is what it was, and the client is told the error.
    pub(crate) fn revert_replacement(&mut self, group_id: &Arc<str>, error: ErrorCode, now: Now) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let Some(replacement) = group.replacement.take() else {
            return;
        };
        let Replacement {
            new_id,
            old,
            old_leader,
            ..
        } = *replacement;
        let token = group.take_join(&new_id);
        let (old_id, timeouts) = (old.id.clone(), (old.rebalance_timeout_ms, old.session_timeout_ms));
        group.update_member(&new_id, old.protocols, timeouts.0, timeouts.1, None);
        if let Some(instance_id) = &old.instance_id {
            group.replace_static(instance_id, &new_id, old_id.clone());
        }
        if let Some(token) = token {
            let leader = old_leader.as_deref().unwrap_or_default().to_owned();
            let response = generation_of(group, "", false)
                .with_leader(StrBytes::from_string(leader))
                .with_error_code(error.code());
            self.respond(token, Reply::Join(response));
        }
        self.cancel_session(group_id, &new_id);
        self.reschedule_session(group_id, &old_id, now);
    }
}
