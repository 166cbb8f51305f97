//! ShareGroupHeartbeat: joining with epoch 0, going on, leaving with -1; and members that are silent.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::share_group_heartbeat_response::{Assignment, TopicPartitions};
use barnabas_protocol::messages::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, StrBytes};

use super::assign::{Assignee, assign};
use super::{
    ShareAssignment, ShareGroup, ShareGroupRecord, ShareInitialization, ShareMember, ShareMemberDetails,
};
use crate::assignor::Partitions;
use crate::config::GroupConfig;
use crate::consumer::metadata_hash::group_hash;
use crate::consumer::record::{GroupEpoch, TargetEpoch};
use crate::consumer::refusal::Refusal;
use crate::group::{Caller, GroupShard, Outcome};
use crate::record::GroupRecord;
use crate::timers::TimerKey;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

const JOINS: i32 = 0;
const LEAVES: i32 = -1;
/// A member id has at most so many characters: those of a UUID.
const MEMBER_ID_CHARACTERS_MAX: usize = 36;

/// The answer to a heartbeat, and the states that the shell is to have begun once it is committed.
pub type ShareHeartbeat = (ShareGroupHeartbeatResponse, Option<ShareInitialization>);

impl GroupConfig {
    /// What a ShareGroupHeartbeat request is held to whatever the group's state, and before its coordinator
    /// is looked for.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub fn check_share_heartbeat(&self, request: &ShareGroupHeartbeatRequest) -> Result<(), Refusal> {
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let characters = request.member_id.chars().count();
        if characters == 0 || characters > MEMBER_ID_CHARACTERS_MAX {
            return Err(ErrorCode::InvalidRequest.into());
        }
        if request.member_id.trim().is_empty() {
            return invalid("MemberId can't be empty.");
        }
        if request.group_id.trim().is_empty() {
            return invalid("GroupId can't be empty.");
        }
        if request
            .rack_id
            .as_ref()
            .is_some_and(|rack| rack.trim().is_empty())
        {
            return invalid("RackId can't be empty.");
        }
        if request.member_epoch == JOINS {
            let topics = request.subscribed_topic_names.as_ref();
            if topics.is_none_or(|topics| topics.is_empty()) {
                return invalid("SubscribedTopicNames must be set in first request.");
            }
        } else if request.member_epoch < LEAVES {
            return invalid("MemberEpoch is invalid.");
        }
        Ok(())
    }
}

impl GroupShard {
    /// Handles a ShareGroupHeartbeat request.
    ///
    /// # Errors
    /// INVALID_REQUEST, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH.
    pub fn share_heartbeat(
        &mut self,
        request: &ShareGroupHeartbeatRequest,
        caller: Caller<'_>,
        now: Now,
    ) -> Result<Outcome<ShareHeartbeat>, Refusal> {
        self.config.check_share_heartbeat(request)?;
        let group_id: Arc<str> = request.group_id.as_str().into();
        let member_id: Arc<str> = request.member_id.as_str().into();
        if request.member_epoch == LEAVES {
            return self.share_leave(&group_id, &member_id);
        }
        if self.holds_other_than_share(&group_id) {
            let message = format!("Group {group_id} is not a share group.");
            return Err(Refusal::not_found(message));
        }
        let joins = request.member_epoch == JOINS;
        let new = ShareGroup::new();
        let group = match self.share_groups.get(&group_id) {
            Some(group) => group,
            None if joins => &new,
            None => {
                let message = format!("Share group {group_id} not found.");
                return Err(Refusal::not_found(message));
            }
        };
        let old = check_member(group, &group_id, &member_id, request.member_epoch)?;
        let most = self.config.share_group_max_size;
        if old.is_none() && group.members.len() >= most {
            let message = format!("The share group has reached its maximum capacity of {most} members.");
            return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
        }
        let (decided, looked_at) =
            self.decide_share_heartbeat(group, &group_id, &member_id, request, caller, now);
        self.settle_share_member(&group_id, &member_id, looked_at, decided.reply.1.is_some(), now);
        Ok(decided)
    }

    /// Answers also whether the topics were looked at.
    fn decide_share_heartbeat(
        &self,
        group: &ShareGroup,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        request: &ShareGroupHeartbeatRequest,
        caller: Caller<'_>,
        now: Now,
    ) -> (Outcome<ShareHeartbeat>, bool) {
        let settings = self.cluster.share_settings(group_id);
        let old = group.members.get(member_id).cloned().unwrap_or_default();
        let details = updated(&old.details, request, caller);
        let mut records = Vec::new();
        if details != *old.details || !group.members.contains_key(member_id) {
            records.push(ShareGroupRecord::Member {
                id: member_id.clone(),
                value: Some(Arc::new(details.clone())),
            });
        }
        let subscribes_anew = details.topics != old.details.topics || !group.members.contains_key(member_id);
        let mut subscribed = details.topics.clone();
        let others = group.members.iter().filter(|(id, _)| *id != member_id);
        subscribed.extend(others.flat_map(|(_, other)| other.details.topics.iter().cloned()));

        let is_assigned = group.epoch.epoch == group.target_epoch.epoch;
        let looks = group.topics_changed || subscribes_anew;
        let metadata_hash = if looks {
            group_hash(subscribed.iter(), &*self.cluster)
        } else {
            group.epoch.metadata_hash
        };
        let mut epoch = group.epoch.epoch;
        if subscribes_anew
            || metadata_hash != group.epoch.metadata_hash
            || (is_assigned && group.has_unassigned(&subscribed, &*self.cluster))
        {
            epoch = epoch.saturating_add(1);
            records.push(ShareGroupRecord::Epoch(Some(GroupEpoch { epoch, metadata_hash })));
        }

        let mut target_epoch = group.target_epoch.epoch;
        let mut target = group.targets.get(member_id).cloned().unwrap_or_default();
        let interval_ms = i64::from(settings.assignment_interval_ms);
        let is_due = now.wall_ms >= group.target_epoch.timestamp_ms.saturating_add(interval_ms)
            || now.wall_ms < group.target_epoch.timestamp_ms;
        if epoch > target_epoch && is_due {
            let targets = self.share_targets(group, member_id, &details);
            for (id, new) in targets {
                if group.targets.get(&id) != Some(&new) {
                    records.push(ShareGroupRecord::Target {
                        id: id.clone(),
                        value: Some(new.clone()),
                    });
                }
                if id == *member_id {
                    target = new;
                }
            }
            target_epoch = epoch;
            records.push(ShareGroupRecord::TargetEpoch(Some(TargetEpoch {
                epoch,
                timestamp_ms: now.wall_ms,
            })));
        }

        let current = self.reconciled(&old, &details, &target, target_epoch);
        let is_new_or_changed = current != *old.current || !group.members.contains_key(member_id);
        // Who names its topics asks for everything.
        let is_full = request.member_epoch == JOINS || request.subscribed_topic_names.is_some();
        let tells_assignment = is_full || current.assigned != old.current.assigned;
        let reply = ShareGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(member_id.to_string())))
            .with_member_epoch(current.epoch)
            .with_heartbeat_interval_ms(settings.heartbeat_interval_ms)
            .with_assignment(tells_assignment.then(|| assignment(&current.assigned)));
        if is_new_or_changed {
            records.push(ShareGroupRecord::Current {
                id: member_id.clone(),
                value: Some(Arc::new(current)),
            });
        }
        let (initializing, initialization) = group.initialize(&subscribed, epoch, &*self.cluster, now);
        records.extend(initializing);
        let outcome = Outcome {
            records: GroupRecord::of_share_group(group_id, records),
            reply: (reply, initialization),
        };
        (outcome, looks)
    }

    /// What the member has from now on: what it is to have, of the topics that it reads.
    fn reconciled(
        &self,
        old: &ShareMember,
        details: &ShareMemberDetails,
        target: &Partitions,
        target_epoch: i32,
    ) -> ShareAssignment {
        let reads = |topic_id: &uuid::Uuid| {
            let topic = self.cluster.topic_by_id(topic_id);
            topic.is_some_and(|topic| details.topics.contains(&topic.name))
        };
        let mut assigned = target.clone();
        assigned.retain(|topic_id, partitions| !partitions.is_empty() && reads(topic_id));
        let current = &old.current;
        let previous_epoch = if current.epoch == target_epoch {
            current.previous_epoch
        } else {
            current.epoch
        };
        ShareAssignment {
            epoch: target_epoch,
            previous_epoch,
            assigned,
        }
    }

    /// The target assignment of all members, with this one as it will be.
    fn share_targets(
        &self,
        group: &ShareGroup,
        member_id: &Arc<str>,
        details: &ShareMemberDetails,
    ) -> Vec<(Arc<str>, Arc<Partitions>)> {
        let others = group.members.iter().filter(|(id, _)| *id != member_id);
        let mut members: Vec<(Arc<str>, &BTreeSet<Arc<str>>)> = others
            .map(|(id, member)| (id.clone(), &member.details.topics))
            .collect();
        members.push((member_id.clone(), &details.topics));
        // As Apache Kafka goes through them, about.
        members.sort_unstable();
        hash_map_order(&mut members, |(id, _)| java_hash(id));
        let assignees: Vec<Assignee> = members
            .iter()
            .map(|(id, topics)| Assignee {
                topics: topics
                    .iter()
                    .filter_map(|name| self.cluster.topic(name))
                    .map(|topic| topic.id)
                    .collect(),
                had: group.targets.get(id).cloned().unwrap_or_default(),
            })
            .collect();
        let assigned = assign(&assignees, &group.assignable(&*self.cluster));
        let ids = members.into_iter().map(|(id, _)| id);
        ids.zip(assigned.into_iter().map(Arc::new)).collect()
    }

    /// The member's session begins anew; and what is not in the log.
    fn settle_share_member(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        looked_at: bool,
        initializes: bool,
        now: Now,
    ) {
        self.reschedule_share_session(group_id, member_id, now);
        if let Some(group) = self.share_groups.get_mut(group_id) {
            group.topics_changed &= !looked_at;
            if initializes {
                group.initializing_since_ms = Some(now.monotonic_ms);
            }
        }
    }

    pub(crate) fn reschedule_share_session(&mut self, group_id: &Arc<str>, member_id: &Arc<str>, now: Now) {
        let session_ms = self.cluster.share_settings(group_id).session_timeout_ms;
        let session = TimerKey::Session {
            group: group_id.clone(),
            member: member_id.clone(),
        };
        self.timers
            .schedule(session, now.monotonic_ms.saturating_add(i64::from(session_ms)));
    }

    fn share_leave(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Result<Outcome<ShareHeartbeat>, Refusal> {
        let group = self.known_share_group(group_id)?;
        if !group.members.contains_key(member_id) {
            return Err(unknown_member(group_id, member_id));
        }
        let records = self.share_fence(group_id, member_id);
        self.timers.cancel(&TimerKey::Session {
            group: group_id.clone(),
            member: member_id.clone(),
        });
        let reply = ShareGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(member_id.to_string())))
            .with_member_epoch(LEAVES);
        Ok(Outcome {
            records,
            reply: (reply, None),
        })
    }

    /// A member was silent for too long.
    pub(crate) fn expire_share_session(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
    ) -> Vec<GroupRecord> {
        let records = self.share_fence(group_id, member_id);
        if !records.is_empty() {
            tracing::info!(
                group = &**group_id,
                member = &**member_id,
                "a share group's member was silent, and is out"
            );
        }
        records
    }

    /// The records that take a member out.
    fn share_fence(&self, group_id: &Arc<str>, member_id: &Arc<str>) -> Vec<GroupRecord> {
        let Some(group) = self.share_groups.get(group_id) else {
            return Vec::new();
        };
        if !group.members.contains_key(member_id) {
            return Vec::new();
        }
        let of = |id: &Arc<str>| id.clone();
        let mut records = vec![
            ShareGroupRecord::Current {
                id: of(member_id),
                value: None,
            },
            ShareGroupRecord::Target {
                id: of(member_id),
                value: None,
            },
            ShareGroupRecord::Member {
                id: of(member_id),
                value: None,
            },
        ];
        let others = group.members.iter().filter(|(id, _)| *id != member_id);
        let subscribed: BTreeSet<Arc<str>> = others
            .flat_map(|(_, other)| other.details.topics.iter().cloned())
            .collect();
        let epoch = group.epoch.epoch.saturating_add(1);
        let metadata_hash = group_hash(subscribed.iter(), &*self.cluster);
        records.push(ShareGroupRecord::Epoch(Some(GroupEpoch { epoch, metadata_hash })));
        if group.members.len() == 1 {
            // Nobody is left to be assigned anything.
            let target = TargetEpoch {
                epoch,
                timestamp_ms: 0,
            };
            records.push(ShareGroupRecord::TargetEpoch(Some(target)));
        }
        GroupRecord::of_share_group(group_id, records)
    }

    pub(super) fn known_share_group(&self, group_id: &str) -> Result<&ShareGroup, Refusal> {
        self.share_groups.get(group_id).ok_or_else(|| {
            Refusal::not_found(if self.holds_other_than_share(group_id) {
                format!("Group {group_id} is not a share group.")
            } else {
                format!("Group {group_id} not found.")
            })
        })
    }
}

/// The member, if the group has it already.
fn check_member<'a>(
    group: &'a ShareGroup,
    group_id: &str,
    member_id: &str,
    epoch: i32,
) -> Result<Option<&'a ShareMember>, Refusal> {
    let Some(member) = group.members.get(member_id) else {
        return if epoch == JOINS {
            Ok(None)
        } else {
            Err(unknown_member(group_id, member_id))
        };
    };
    let current = &member.current;
    let fenced = |what: String| {
        let message = format!(
            "The share group member has a {what}. The member must abandon all its partitions and rejoin."
        );
        Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
    };
    if epoch > current.epoch {
        return fenced(format!(
            "greater member epoch ({epoch}) than the one known by the group coordinator ({})",
            current.epoch
        ));
    }
    if epoch != JOINS && epoch < current.epoch && epoch != current.previous_epoch {
        return fenced(format!(
            "smaller member epoch ({epoch}) than the one known by the group coordinator ({}), and it does not match the \
             previous member epoch ({})",
            current.epoch, current.previous_epoch
        ));
    }
    Ok(Some(member))
}

fn unknown_member(group_id: &str, member_id: &str) -> Refusal {
    let message = format!("Member {member_id} is not a member of group {group_id}.");
    Refusal::new(ErrorCode::UnknownMemberId, message)
}

fn updated(
    old: &ShareMemberDetails,
    request: &ShareGroupHeartbeatRequest,
    caller: Caller<'_>,
) -> ShareMemberDetails {
    ShareMemberDetails {
        rack_id: match &request.rack_id {
            Some(rack) => Some(rack.as_str().into()),
            None => old.rack_id.clone(),
        },
        client_id: caller.client_id.into(),
        client_host: caller.client_host.into(),
        topics: match &request.subscribed_topic_names {
            Some(names) => names.iter().map(|name| name.as_str().into()).collect(),
            None => old.topics.clone(),
        },
    }
}

fn assignment(assigned: &Partitions) -> Assignment {
    let topics = assigned.iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(*topic)
            .with_partitions(partitions.iter().copied().collect())
    });
    Assignment::default().with_topic_partitions(topics.collect())
}
