//! The answer to a heartbeat of a streams group: tasks, endpoints, and the group's statuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::messages::streams_group_heartbeat_response::{Status as StatusMessage, TaskIds};
use barnabas_protocol::messages::{StrBytes, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};

use super::configure::Status;
use super::endpoints::by_endpoint;
use super::member::StreamsMember;
use super::tasks::{ActiveTasks, TaskSet};
use super::topology::Topology;
use super::update::Update;
use crate::cluster::StreamsSettings;
use crate::codec::text;
use crate::consumer::member::JOINS;

/// The status of a member that lacks client tags.
pub(super) fn missing_tags(settings: &StreamsSettings, member: &StreamsMember) -> Option<StatusMessage> {
    let tags = settings.rack_aware_tags.iter();
    let missing: Vec<&str> = tags
        .map(String::as_str)
        .filter(|tag| !member.details.client_tags.contains_key(*tag))
        .collect();
    let detail = format!(
        "Missing required client tags for rack-aware standby assignment: [{}]. Configure them via 'client.tag.<tagKey>' in \
         your Streams config.",
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| status(Status::MissingClientTags, &detail))
}

/// The answer, without the statuses.
pub(super) fn response_of(
    update: &mut Update<'_>,
    request: &StreamsGroupHeartbeatRequest,
    topology: &Topology,
) -> StreamsGroupHeartbeatResponse {
    let joins = request.member_epoch == JOINS;
    let (old, member, settings) = (&update.old, &update.member, update.settings);
    let mut response = StreamsGroupHeartbeatResponse::default()
        .with_member_id(text(&member.id))
        .with_member_epoch(member.epoch())
        .with_heartbeat_interval_ms(settings.heartbeat_interval_ms)
        .with_task_offset_interval_ms(settings.task_offset_interval_ms)
        .with_acceptable_recovery_lag(settings.acceptable_recovery_lag);
    let tasks_changed = old.current.assigned != member.current.assigned;
    let endpoint_changed = old.details.user_endpoint != member.details.user_endpoint;
    if joins || tasks_changed {
        let assigned = &member.current.assigned;
        response.active_tasks = Some(active_ids(&assigned.active));
        response.standby_tasks = Some(task_ids(&assigned.standby));
        response.warmup_tasks = Some(task_ids(&assigned.warmup));
    }
    update.after.endpoints_changed =
        endpoint_changed || (tasks_changed && member.details.user_endpoint.is_some());
    let known_epoch = update.group.soft.endpoint_epoch;
    let endpoint_epoch = known_epoch.wrapping_add(i32::from(update.after.endpoints_changed));
    if endpoint_epoch != request.endpoint_information_epoch {
        let replaced = update.replaced.as_ref();
        let members = update
            .group
            .members
            .values()
            .filter(|other| other.id != member.id && Some(&other.id) != replaced);
        let members = members.chain([member]);
        response.partitions_by_user_endpoint = Some(by_endpoint(members, topology, update.cluster));
    }
    // Of a group that is only being made Apache Kafka tells none.
    if !update.group.is_new() {
        response.endpoint_information_epoch = endpoint_epoch;
    }
    response
}

pub(super) fn status(status: Status, detail: &str) -> StatusMessage {
    StatusMessage::default()
        .with_status_code(status as i8)
        .with_status_detail(StrBytes::from_string(detail.to_owned()))
}

fn active_ids(tasks: &ActiveTasks) -> Vec<TaskIds> {
    let ids = |(subtopology, partitions): (&Arc<str>, &BTreeMap<i32, i32>)| {
        TaskIds::default()
            .with_subtopology_id(text(subtopology))
            .with_partitions(partitions.keys().copied().collect())
    };
    tasks.iter().map(ids).collect()
}

fn task_ids(tasks: &TaskSet) -> Vec<TaskIds> {
    let ids = |(subtopology, partitions): (&Arc<str>, &BTreeSet<i32>)| {
        TaskIds::default()
            .with_subtopology_id(text(subtopology))
            .with_partitions(partitions.iter().copied().collect())
    };
    tasks.iter().map(ids).collect()
}
