//! The way from one generation of a classic group to the next: who is waited for, how long, and who leads.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use bytes::Bytes;

use super::group::{ClassicGroup, InitialRebalance};
use super::join::generation_of;
use super::state::ClassicState;
use crate::config::JOIN_RETRY_MS_MIN;
use crate::effect::Reply;
use crate::group::GroupShard;
use crate::record::GroupRecord;
use crate::timers::TimerKey;

impl GroupShard {
    /// Starts a rebalance if the group's state allows it, else ends the one that runs if everyone is there.
    pub(crate) fn maybe_prepare_rebalance_or_complete_join(
        &mut self,
        group_id: &Arc<str>,
        now: Now,
    ) -> Vec<GroupRecord> {
        match self.groups.get(group_id) {
            Some(group) if group.state.may_become(ClassicState::PreparingRebalance) => {
                self.prepare_rebalance(group_id, now)
            }
            _ => self.maybe_complete_join_phase(group_id, now),
        }
    }

    /// Starts a rebalance: members have to join again. An empty group first waits a while for more than one.
    pub(crate) fn prepare_rebalance(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        if self
            .groups
            .get(group_id)
            .is_some_and(|group| group.state == ClassicState::CompletingRebalance)
        {
            self.reset_assignment(group_id, ErrorCode::RebalanceInProgress, now);
        }
        self.timers.cancel(&TimerKey::Sync {
            group: group_id.clone(),
        });
        let delay_ms = self.config.group_initial_rebalance_delay_ms;
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        group.pending_syncs.clear();
        let is_initial = group.state == ClassicState::Empty;
        group.transition_to(ClassicState::PreparingRebalance, now.wall_ms);
        if !is_initial {
            group.initial_rebalance = None;
            return self.maybe_complete_join_else_schedule(group_id, now);
        }
        let remaining_ms = group.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
        group.initial_rebalance = Some(InitialRebalance {
            delay_ms,
            remaining_ms,
        });
        self.timers.schedule(
            TimerKey::Join {
                group: group_id.clone(),
            },
            now.monotonic_ms + i64::from(delay_ms),
        );
        Vec::new()
    }

    fn maybe_complete_join_else_schedule(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        if group.has_all_members_joined() {
            return self.complete_join(group_id, now);
        }
        let at_ms = now.monotonic_ms + i64::from(group.rebalance_timeout_ms());
        self.timers.schedule(
            TimerKey::Join {
                group: group_id.clone(),
            },
            at_ms,
        );
        Vec::new()
    }

    /// Ends the join phase if everyone is there; a first rebalance always takes its time.
    pub(crate) fn maybe_complete_join_phase(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        match self.groups.get(group_id) {
            Some(group)
                if group.state == ClassicState::PreparingRebalance
                    && group.previous_state != Some(ClassicState::Empty)
                    && group.has_all_members_joined() =>
            {
                self.complete_join(group_id, now)
            }
            _ => Vec::new(),
        }
    }

    /// The join phase's time is up. A first rebalance goes on while members keep coming and its time is not
    /// used up.
    pub(crate) fn expire_join(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        match group.initial_rebalance.take() {
            Some(InitialRebalance {
                delay_ms,
                remaining_ms,
            }) if group.new_member_added && remaining_ms != 0 => {
                group.new_member_added = false;
                let next_delay_ms = self.config.group_initial_rebalance_delay_ms.min(remaining_ms);
                let remaining_ms = remaining_ms.saturating_sub(delay_ms).max(0);
                group.initial_rebalance = Some(InitialRebalance {
                    delay_ms: next_delay_ms,
                    remaining_ms,
                });
                self.timers.schedule(
                    TimerKey::Join {
                        group: group_id.clone(),
                    },
                    now.monotonic_ms + i64::from(next_delay_ms),
                );
                Vec::new()
            }
            _ => self.complete_join(group_id, now),
        }
    }

    /// Ends the join phase: dynamic members that did not come are out, the rest are told the new generation.
    pub(crate) fn complete_join(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let join_timer = TimerKey::Join {
            group: group_id.clone(),
        };
        self.timers.cancel(&join_timer);
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        let absent = group
            .members()
            .filter(|member| member.awaiting_join.is_none() && member.instance_id.is_none());
        for member_id in absent.map(|member| member.id.clone()).collect::<Vec<_>>() {
            self.drop_member(group_id, &member_id);
        }

        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        if !elect_joined_leader(group) && group.members().len() > 0 {
            // Static members only, and none came: wait until their sessions end.
            let wait_ms = group.rebalance_timeout_ms().max(JOIN_RETRY_MS_MIN);
            let at_ms = now.monotonic_ms + i64::from(wait_ms);
            self.timers.schedule(join_timer, at_ms);
            return Vec::new();
        }
        if group.members().len() > 0 && group.select_protocol().is_none() {
            // Only a member that names a protocol twice brings this about. As in Kafka it waits until its
            // session ends.
            return Vec::new();
        }
        group.initial_rebalance = None;
        group.init_next_generation(now.wall_ms);
        if group.state == ClassicState::Empty {
            return vec![group.to_record(|_| Bytes::new())];
        }
        for member_id in group.member_ids() {
            let Some(group) = self.groups.get_mut(group_id) else {
                break;
            };
            if let Some(token) = group.take_join(&member_id) {
                let response = generation_of(group, &member_id, group.is_leader(&member_id));
                self.respond(token, Reply::Join(response));
            }
            self.reschedule_session(group_id, &member_id, now);
            let Some(group) = self.groups.get_mut(group_id) else {
                break;
            };
            if let Some(member) = group.member_mut(&member_id) {
                member.is_new = false;
            }
            group.pending_syncs.insert(member_id);
        }
        let timeout_ms = self
            .groups
            .get(group_id)
            .map_or(0, ClassicGroup::rebalance_timeout_ms);
        self.timers.schedule(
            TimerKey::Sync {
                group: group_id.clone(),
            },
            now.monotonic_ms + i64::from(timeout_ms),
        );
        Vec::new()
    }

    /// Members that never sent SyncGroup are out, and the rest rebalance.
    pub(crate) fn expire_pending_sync(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        let synced = matches!(
            group.state,
            ClassicState::Empty | ClassicState::PreparingRebalance
        ) || group.pending_syncs.is_empty();
        if synced {
            return Vec::new();
        }
        for member_id in group.pending_syncs.clone() {
            self.drop_member(group_id, &member_id);
        }
        self.prepare_rebalance(group_id, now)
    }
}

/// The leader stays if it has joined; else the first member that has leads. False if there is none.
fn elect_joined_leader(group: &mut ClassicGroup) -> bool {
    let Some(leader) = &group.leader else { return false };
    if group
        .member(leader)
        .is_some_and(|member| member.awaiting_join.is_some())
    {
        return true;
    }
    let joined = group
        .members()
        .find(|member| member.awaiting_join.is_some())
        .map(|member| member.id.clone());
    match joined {
        Some(member_id) => {
            group.leader = Some(member_id);
            true
        }
        None => false,
    }
}
