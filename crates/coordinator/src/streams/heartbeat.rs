//! StreamsGroupHeartbeat, versions 0 and 1: joining and going on.
//!
//! A member joins with epoch 0, and again so after it was fenced; it leaves with -1, and a static member for
//! a while with -2.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};

use super::configure::Status;
use super::group::{MemberOffsets, StreamsGroup};
use super::identity::{details, identify};
use super::member::StreamsMember;
use super::request::{check_streams_heartbeat, owned_tasks, task_offsets};
use super::response::{missing_tags, response_of, status};
use super::update::{After, Delay, Update};
use crate::classic::state::ClassicState;
use crate::cluster::StreamsSettings;
use crate::consumer::member::{JOINS, LEAVES, LEFT_FOR_A_WHILE};
use crate::consumer::refusal::Refusal;
use crate::group::{Caller, GroupShard, Outcome};
use crate::record::GroupRecord;
use crate::timers::TimerKey;

/// From this version on the acceptable recovery lag has 64 bits, and there is the status MISSING_CLIENT_TAGS.
const CLIENT_TAGS_STATUS_SINCE: i16 = 1;
/// From this version on members are asked for descriptions of their topologies.
const DESCRIPTION_SINCE: i16 = 1;

/// The answer to a heartbeat, and the internal topics that the broker has to make for it.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamsHeartbeatReply {
    /// The answer.
    pub response: StreamsGroupHeartbeatResponse,
    /// Internal topics that are missing.
    pub missing_topics: Vec<CreatableTopic>,
}

impl GroupShard {
    /// Handles a StreamsGroupHeartbeat request.
    ///
    /// # Errors
    /// INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED,
    /// UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID.
    pub fn streams_heartbeat(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
        caller: Caller<'_>,
        now: Now,
    ) -> Result<Outcome<StreamsHeartbeatReply>, Refusal> {
        check_streams_heartbeat(request)?;
        if matches!(request.member_epoch, LEAVES | LEFT_FOR_A_WHILE) {
            return self.streams_leave(request);
        }
        let group_id: Arc<str> = request.group_id.as_str().into();
        let (mut records, made) = self.streams_group_for(&group_id, request.member_epoch == JOINS)?;
        let group = match (&made, self.streams_groups.get(&group_id)) {
            (Some(made), _) => made,
            (None, Some(known)) => known,
            (None, None) => return Err(Refusal::not_found(format!("Streams group {group_id} not found."))),
        };
        let settings = self.cluster.streams_settings(&group_id);
        self.check_streams_room(group, request)?;
        let waits_for_more = self.timers.is_scheduled(&TimerKey::InitialRebalance {
            group: group_id.clone(),
        });
        let decided = self.decide_streams(group, &settings, request, caller, waits_for_more, now)?;
        let Decided {
            member,
            streams_records,
            reply,
            after,
            begins_delay,
        } = decided;
        records.extend(GroupRecord::of_streams_group(&group_id, streams_records));
        if begins_delay {
            let key = TimerKey::InitialRebalance {
                group: group_id.clone(),
            };
            self.timers.schedule(
                key,
                now.monotonic_ms
                    .saturating_add(i64::from(settings.initial_rebalance_delay_ms)),
            );
        }
        self.settle_streams(
            &group_id,
            &member,
            after,
            request.shutdown_application,
            &settings,
            now,
        );
        Ok(Outcome { records, reply })
    }

    /// The streams group for a heartbeat: `None` if the shard has it. One that does not exist is made if the
    /// heartbeat `joins`, also out of an empty classic group; the records come with it.
    fn streams_group_for(
        &mut self,
        group_id: &Arc<str>,
        joins: bool,
    ) -> Result<(Vec<GroupRecord>, Option<StreamsGroup>), Refusal> {
        if self.streams_groups.contains_key(group_id) {
            return Ok((Vec::new(), None));
        }
        let not_streams = || Refusal::not_found(format!("Group {group_id} is not a streams group."));
        if self.holds_other_than_classic(group_id) {
            return Err(not_streams());
        }
        match self.groups.get(group_id) {
            None if joins => Ok((Vec::new(), Some(StreamsGroup::new(group_id.clone())))),
            None => Err(Refusal::not_found(format!("Streams group {group_id} not found."))),
            Some(classic) if joins && classic.state == ClassicState::Empty => {
                let tombstone = GroupRecord::GroupMetadata {
                    group: group_id.clone(),
                    value: None,
                };
                Ok((vec![tombstone], Some(StreamsGroup::new(group_id.clone()))))
            }
            Some(_) => Err(not_streams()),
        }
    }

    fn check_streams_room(
        &self,
        group: &StreamsGroup,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<(), Refusal> {
        let most = self.config.streams_group_max_size;
        let instance_id = request.instance_id.as_ref().map(|id| id.as_str());
        let has_place = instance_id.is_some_and(|instance_id| group.static_member(instance_id).is_some())
            || group.members.contains_key(request.member_id.as_str());
        if request.member_epoch != JOINS || has_place || group.members.len() < most {
            return Ok(());
        }
        let message = format!("The streams group has reached its maximum capacity of {most} members.");
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    fn decide_streams(
        &self,
        group: &StreamsGroup,
        settings: &StreamsSettings,
        request: &StreamsGroupHeartbeatRequest,
        caller: Caller<'_>,
        waits_for_more: bool,
        now: Now,
    ) -> Result<Decided, Refusal> {
        let joins = request.member_epoch == JOINS;
        let owned = owned_tasks(request);
        let old = group.member(&request.member_id).cloned();
        let old = old.unwrap_or_else(|| StreamsMember::new(request.member_id.as_str().into()));
        let mut update = Update {
            group,
            cluster: &*self.cluster,
            settings,
            wall_ms: now.wall_ms,
            member: old.clone(),
            old,
            replaced: None,
            records: Vec::new(),
            after: After::default(),
        };
        identify(group, &mut update, request, owned.as_ref())?;

        let details = details(&update.old.details, request, caller, joins);
        let bumps = update.set_details(details, request.instance_id.is_some());
        let topology = update.set_topology(request.topology.as_ref())?;
        let mut statuses = Vec::new();
        if let Some(known) = &group.topology
            && update.member.details.topology_epoch < known.epoch
        {
            let detail = format!(
                "The member's topology epoch {} is behind the group's topology epoch {}.",
                update.member.details.topology_epoch, known.epoch
            );
            statuses.push(status(Status::StaleTopology, &detail));
        }
        let (configured, hash) = update.configure(&topology)?;
        Update::check_tasks(&configured, owned.as_ref())?;
        update.after.offsets = said_offsets(group, &update.member.id, request)?;
        let group_epoch = update.set_epoch(bumps, &configured, hash);
        let begins_delay =
            group.members.is_empty() && settings.initial_rebalance_delay_ms > 0 && !waits_for_more;
        let (target_epoch, target, delay) =
            update.set_target(group_epoch, &configured, waits_for_more || begins_delay);
        if let Some(delay) = delay {
            statuses.push(status(Status::AssignmentDelayed, Delay::detail(delay)));
        }
        update.reconcile(target_epoch, &target, owned.as_ref())?;
        let mut missing_topics = Vec::new();
        if let Some(fault) = &configured.fault {
            missing_topics.clone_from(&configured.missing);
            statuses.push(status(fault.status, &fault.detail));
        }
        let shutdown_by = group.soft.shutdown_requested_by.clone();
        let shutdown_by =
            shutdown_by.or_else(|| request.shutdown_application.then(|| update.member.id.clone()));
        if let Some(by) = shutdown_by {
            let detail = format!(
                "Streams group member {by} encountered a fatal error and requested a shutdown for the entire application."
            );
            statuses.push(status(Status::ShutdownApplication, &detail));
        }
        if caller.api_version >= CLIENT_TAGS_STATUS_SINCE {
            statuses.extend(missing_tags(settings, &update.member));
        }
        let mut response = response_of(&mut update, request, &topology);
        response.status = Some(statuses);
        update.after.asks_for_description =
            caller.api_version >= DESCRIPTION_SINCE && group.asks_for_description(&update.member, now);
        response.topology_description_required = update.after.asks_for_description;
        Ok(Decided {
            member: update.member,
            streams_records: update.records,
            reply: StreamsHeartbeatReply {
                response,
                missing_topics,
            },
            after: update.after,
            begins_delay,
        })
    }

    /// Timers and what is not in the log, once a heartbeat has been decided.
    fn settle_streams(
        &mut self,
        group_id: &Arc<str>,
        member: &StreamsMember,
        after: After,
        shutdown: bool,
        settings: &StreamsSettings,
        now: Now,
    ) {
        self.reschedule_session_in(group_id, &member.id, settings.session_timeout_ms, now);
        match after.revokes {
            Some(true) => {
                self.schedule_revocation(group_id, &member.id, member.details.rebalance_timeout_ms, now)
            }
            Some(false) => self.timers.cancel(&TimerKey::Revocation {
                group: group_id.clone(),
                member: member.id.clone(),
            }),
            None => {}
        }
        let Some(group) = self.streams_groups.get_mut(group_id) else {
            return;
        };
        let soft = &mut group.soft;
        soft.topics_seen_at = after.topics_seen_at;
        if after.configured.is_some() {
            soft.configured = after.configured;
        }
        if let Some(offsets) = after.offsets {
            soft.task_offsets.insert(member.id.clone(), offsets);
        }
        if after.asks_for_description {
            soft.description_asked_at_ms = Some(now.monotonic_ms);
        }
        if after.endpoints_changed {
            soft.endpoint_epoch = soft.endpoint_epoch.wrapping_add(1);
        }
        if shutdown && soft.shutdown_requested_by.is_none() {
            soft.shutdown_requested_by = Some(member.id.clone());
        }
    }
}

struct Decided {
    member: StreamsMember,
    streams_records: Vec<super::record::StreamsRecord>,
    reply: StreamsHeartbeatReply,
    after: After,
    begins_delay: bool,
}

fn said_offsets(
    group: &StreamsGroup,
    member_id: &Arc<str>,
    request: &StreamsGroupHeartbeatRequest,
) -> Result<Option<MemberOffsets>, Refusal> {
    if request.task_offsets.is_none() && request.task_end_offsets.is_none() {
        return Ok(None);
    }
    let mut offsets = group
        .soft
        .task_offsets
        .get(member_id)
        .cloned()
        .unwrap_or_default();
    if let Some(said) = &request.task_offsets {
        offsets.offsets = task_offsets(said)?;
    }
    if let Some(said) = &request.task_end_offsets {
        offsets.end_offsets = task_offsets(said)?;
    }
    Ok(Some(offsets))
}
