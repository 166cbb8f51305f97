//! ConsumerGroupHeartbeat, versions 0 and 1: joining, going on, and leaving.
//!
//! A member joins with epoch 0, and again so after it was fenced; it leaves with -1, and a static member for
//! a while with -2.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use barnabas_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, StrBytes, TopicName,
};
use uuid::Uuid;

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerMember, JOINS, LEAVES, LEFT_FOR_A_WHILE, MemberDetails};
use super::refusal::Refusal;
use super::update::{After, Update, check_epoch};
use crate::cluster::VisibleTopics;
use crate::config::GroupConfig;
use crate::group::{Caller, GroupShard, Outcome};
use crate::record::GroupRecord;
use crate::timers::TimerKey;

/// From this version on the member makes its id (KIP-1082).
const OWN_MEMBER_ID_SINCE: i16 = 1;

fn shared(text: &StrBytes) -> Arc<str> {
    text.as_str().into()
}

/// A sentinel of -1 says nothing.
pub(crate) fn said(timeout_ms: i32) -> Option<i32> {
    Some(timeout_ms).filter(|timeout_ms| *timeout_ms != -1)
}

impl GroupConfig {
    /// What a ConsumerGroupHeartbeat request is held to whatever the group's state, and before its
    /// coordinator is looked for.
    ///
    /// # Errors
    /// INVALID_REQUEST, UNSUPPORTED_ASSIGNOR.
    pub fn check_consumer_heartbeat(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        api_version: i16,
    ) -> Result<(), Refusal> {
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let blank = |text: Option<&StrBytes>| text.is_some_and(|text| text.trim().is_empty());
        let epoch = request.member_epoch;
        if (api_version >= OWN_MEMBER_ID_SINCE || epoch > JOINS || epoch == LEAVES)
            && blank(Some(&request.member_id))
        {
            return invalid("MemberId can't be empty.");
        }
        if blank(Some(&request.group_id)) {
            return invalid("GroupId can't be empty.");
        }
        if blank(request.instance_id.as_ref()) {
            return invalid("InstanceId can't be empty.");
        }
        if blank(request.rack_id.as_ref()) {
            return invalid("RackId can't be empty.");
        }
        if epoch == JOINS {
            if request.rebalance_timeout_ms == -1 {
                return invalid("RebalanceTimeoutMs must be provided in first request.");
            }
            if request
                .topic_partitions
                .as_ref()
                .is_none_or(|owned| !owned.is_empty())
            {
                return invalid("TopicPartitions must be empty when (re-)joining.");
            }
            if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
                return invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
                );
            }
        } else if epoch == LEFT_FOR_A_WHILE {
            if request.instance_id.is_none() {
                return invalid("InstanceId can't be null.");
            }
        } else if epoch < LEFT_FOR_A_WHILE {
            return invalid("MemberEpoch is invalid.");
        }
        if let Some(name) = &request.server_assignor
            && !self.consumer_assignors.has(name)
        {
            let message = format!(
                "ServerAssignor {} is not supported. Supported assignors: {}.",
                name.as_str(),
                self.consumer_assignors.names()
            );
            return Err(Refusal::new(ErrorCode::UnsupportedAssignor, message));
        }
        Ok(())
    }
}

impl GroupShard {
    /// Handles a ConsumerGroupHeartbeat request; `uuid` is a random one for the id of a member without.
    /// Expressions that it has resolved match topics of `visible` only.
    ///
    /// # Errors
    /// INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID,
    /// FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, INVALID_REGULAR_EXPRESSION.
    pub fn consumer_heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        caller: Caller<'_>,
        visible: &VisibleTopics,
        uuid: Uuid,
        now: Now,
    ) -> Result<Outcome<ConsumerGroupHeartbeatResponse>, Refusal> {
        self.config
            .check_consumer_heartbeat(request, caller.api_version)?;
        if matches!(request.member_epoch, LEAVES | LEFT_FOR_A_WHILE) {
            return self.consumer_leave(request, now);
        }
        let group_id: Arc<str> = request.group_id.as_str().into();
        let (mut records, group) = self.consumer_group_for(&group_id, request.member_epoch == JOINS, now)?;
        let decided = self.decide_heartbeat(group.as_ref(), &group_id, request, caller, uuid, now);
        let Decided {
            member_id,
            consumer_records,
            reply,
            after,
        } = decided?;
        records.extend(GroupRecord::of_consumer_group(&group_id, consumer_records));
        if after.resolves_regexes {
            self.resolving.insert(group_id.clone(), visible.clone());
            let key = TimerKey::Regexes {
                group: group_id.clone(),
            };
            self.timers.schedule(key, now.monotonic_ms);
        }
        self.settle_member(&group_id, &member_id, after, request.rebalance_timeout_ms, now);
        Ok(Outcome { records, reply })
    }

    fn decide_heartbeat(
        &self,
        made: Option<&ConsumerGroup>,
        group_id: &Arc<str>,
        request: &ConsumerGroupHeartbeatRequest,
        caller: Caller<'_>,
        uuid: Uuid,
        now: Now,
    ) -> Result<Decided, Refusal> {
        let known = self.consumer_groups.get(group_id);
        let Some(group) = made.or(known) else {
            return Err(Refusal::not_found(format!(
                "Consumer group {group_id} not found."
            )));
        };
        let member_id: Arc<str> = if request.member_id.is_empty() {
            // As Kafka writes its ids.
            kafka_uuid::encode(uuid).into()
        } else {
            shared(&request.member_id)
        };
        let instance_id = request.instance_id.as_ref().map(|id| id.as_str());
        self.check_room(group, &request.member_id, instance_id)?;
        let joins = request.member_epoch == JOINS;
        let owned = request.topic_partitions.as_deref();
        let mut update = self.update_of(group, group_id, member_id, now.wall_ms);
        match instance_id {
            None => {
                if !joins {
                    group.known_member(&update.member.id)?;
                }
                check_epoch(&update.old, request.member_epoch, owned)?;
            }
            Some(instance_id) => {
                let holder = group.static_member(instance_id);
                if joins {
                    if let Some(holder) = holder {
                        // Its own first heartbeat again, or one that comes back, or one that takes over from
                        // a classic client.
                        if !holder.is_classic() {
                            check_released(holder, &update.member.id, instance_id)?;
                        }
                        update.replace_static(holder);
                    }
                } else {
                    let holder = check_holder(holder, &update.member.id, instance_id)?;
                    check_epoch(holder, request.member_epoch, owned)?;
                }
            }
        }

        let old = &*update.old.details;
        let details = MemberDetails {
            instance_id: request
                .instance_id
                .as_ref()
                .map(shared)
                .or_else(|| old.instance_id.clone()),
            rack_id: request
                .rack_id
                .as_ref()
                .map(|rack| rack.as_str().into())
                .or_else(|| old.rack_id.clone()),
            client_id: same_or_new(&old.client_id, caller.client_id),
            client_host: same_or_new(&old.client_host, caller.client_host),
            topics: match &request.subscribed_topic_names {
                Some(names) => topic_names(names),
                None => old.topics.clone(),
            },
            regex: match &request.subscribed_topic_regex {
                Some(regex) => shared(regex),
                None => old.regex.clone(),
            },
            rebalance_timeout_ms: said(request.rebalance_timeout_ms).unwrap_or(old.rebalance_timeout_ms),
            assignor: request
                .server_assignor
                .as_ref()
                .map(|name| name.as_str().into())
                .or_else(|| old.assignor.clone()),
            classic: None,
        };
        let change = update.set_details(details)?;
        let (group_epoch, alike) = update.set_epoch(change.bumps);
        let (target_epoch, target) = update.set_target(group_epoch, alike);
        update.reconcile(target_epoch, &target, change.changed, owned)?;

        let current = &update.member.current;
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && owned.is_some();
        let tells_assignment = joins || is_full || current.assigned != update.old.current.assigned;
        let reply = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(update.member.id.to_string())))
            .with_member_epoch(current.epoch)
            .with_heartbeat_interval_ms(update.settings.heartbeat_interval_ms)
            .with_assignment(tells_assignment.then(|| assignment(&current.assigned)));
        Ok(Decided {
            member_id: update.member.id,
            consumer_records: update.records,
            reply,
            after: update.after,
        })
    }

    /// An update of the member with this id that changes nothing yet.
    pub(super) fn update_of<'a>(
        &'a self,
        group: &'a ConsumerGroup,
        group_id: &str,
        member_id: Arc<str>,
        wall_ms: i64,
    ) -> Update<'a> {
        let old = group
            .members
            .get(&member_id)
            .cloned()
            .unwrap_or_else(|| ConsumerMember::new(member_id));
        Update {
            group,
            cluster: &*self.cluster,
            settings: self.cluster.consumer_settings(group_id),
            default_assignor: self.config.consumer_assignors.first(),
            wall_ms,
            member: old.clone(),
            old,
            replaced: None,
            records: Vec::new(),
            after: After::default(),
        }
    }

    /// Whether a member may be in the group: who takes an instance's place always.
    ///
    /// # Errors
    /// GROUP_MAX_SIZE_REACHED.
    pub(super) fn check_room(
        &self,
        group: &ConsumerGroup,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), Refusal> {
        let most = self.config.consumer_group_max_size;
        // Who comes for the place of a static member makes the group no larger, whether it gets it or not.
        let has_place = instance_id.is_some_and(|instance_id| group.static_member(instance_id).is_some())
            || group.members.contains_key(member_id);
        if has_place || group.members.len() < most {
            return Ok(());
        }
        let message = format!("The consumer group has reached its maximum capacity of {most} members.");
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    /// Timers and what is not in the log, once a heartbeat has been decided.
    fn settle_member(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        after: After,
        said_timeout_ms: i32,
        now: Now,
    ) {
        let settings = self.cluster.consumer_settings(group_id);
        let session = TimerKey::Session {
            group: group_id.clone(),
            member: member_id.clone(),
        };
        self.timers.schedule(
            session,
            now.monotonic_ms
                .saturating_add(i64::from(settings.session_timeout_ms)),
        );
        self.settle_after(group_id, after);
        match after.revokes {
            Some(true) => {
                let known = self
                    .consumer_groups
                    .get(group_id)
                    .and_then(|group| group.member(member_id));
                let timeout_ms = said(said_timeout_ms)
                    .or(known.map(|member| member.details.rebalance_timeout_ms))
                    .unwrap_or(0);
                self.schedule_revocation(group_id, member_id, timeout_ms, now);
            }
            Some(false) => self.timers.cancel(&TimerKey::Revocation {
                group: group_id.clone(),
                member: member_id.clone(),
            }),
            None => {}
        }
    }

    /// What is not in the log, once a decision about the group was made.
    pub(super) fn settle_after(&mut self, group_id: &Arc<str>, after: After) {
        if let Some(group) = self.consumer_groups.get_mut(group_id)
            && after.topics_seen_at.is_some()
        {
            group.topics_seen_at = after.topics_seen_at;
        }
    }

    /// The member has this long to give partitions back.
    pub(crate) fn schedule_revocation(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        timeout_ms: i32,
        now: Now,
    ) {
        let key = TimerKey::Revocation {
            group: group_id.clone(),
            member: member_id.clone(),
        };
        self.timers
            .schedule(key, now.monotonic_ms.saturating_add(i64::from(timeout_ms)));
    }
}

struct Decided {
    member_id: Arc<str>,
    consumer_records: Vec<super::record::ConsumerRecord>,
    reply: ConsumerGroupHeartbeatResponse,
    after: After,
}

pub(crate) fn same_or_new(old: &Arc<str>, new: &str) -> Arc<str> {
    if **old == *new { old.clone() } else { new.into() }
}

fn topic_names(names: &[TopicName]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| name.as_str().into()).collect()
}

/// A static member's place must have been left before another takes it.
fn check_released(holder: &ConsumerMember, member_id: &str, instance_id: &str) -> Result<(), Refusal> {
    if holder.epoch() == LEFT_FOR_A_WHILE {
        return Ok(());
    }
    let message = format!(
        "Static member {member_id} with instance id {instance_id} cannot join the group because the instance id is owned by \
         {} member.",
        holder.id
    );
    Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message))
}

/// The static member must be the one that holds its instance id.
pub(super) fn check_holder<'a>(
    holder: Option<&'a ConsumerMember>,
    member_id: &str,
    instance_id: &str,
) -> Result<&'a ConsumerMember, Refusal> {
    let Some(holder) = holder else {
        let message = format!("Instance id {instance_id} is unknown.");
        return Err(Refusal::new(ErrorCode::UnknownMemberId, message));
    };
    if *holder.id == *member_id {
        return Ok(holder);
    }
    let message = format!(
        "Static member {member_id} with instance id {instance_id} was fenced by member {}.",
        holder.id
    );
    Err(Refusal::new(ErrorCode::FencedInstanceId, message))
}

fn assignment(assigned: &Assigned) -> Assignment {
    let topics = assigned.iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(*topic)
            .with_partitions(partitions.keys().copied().collect())
    });
    Assignment::default().with_topic_partitions(topics.collect())
}
