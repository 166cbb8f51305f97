//! What a StreamsGroupHeartbeat request is held to before its group is looked for.

use std::collections::BTreeSet;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_heartbeat_request::{
    Subtopology, TaskIds, TaskOffset, Topology,
};
use barnabas_protocol::messages::{StrBytes, StreamsGroupHeartbeatRequest};

use super::group::TaskOffsets;
use super::tasks::{TaskSet, Tasks, add};
use crate::consumer::member::{JOINS, LEFT_FOR_A_WHILE};
use crate::consumer::refusal::Refusal;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}

/// What a request is held to whatever the group's state.
///
/// # Errors
/// INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY.
pub fn check_streams_heartbeat(request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let blank = |text: Option<&StrBytes>| text.is_some_and(|text| text.trim().is_empty());
    let refuse = |message: &str| Err(invalid(message));
    let mut subtopologies = request
        .topology
        .iter()
        .flat_map(|topology| &topology.subtopologies);
    if subtopologies.any(|subtopology| !subtopology.source_topic_regex.is_empty()) {
        return refuse("Regular expressions for source topics are not supported yet.");
    }
    if blank(Some(&request.member_id)) {
        return refuse("MemberId can't be empty.");
    }
    if blank(Some(&request.group_id)) {
        return refuse("GroupId can't be empty.");
    }
    if blank(request.instance_id.as_ref()) {
        return refuse("InstanceId can't be empty.");
    }
    if blank(request.rack_id.as_ref()) {
        return refuse("RackId can't be empty.");
    }
    let roles = [
        &request.active_tasks,
        &request.standby_tasks,
        &request.warmup_tasks,
    ];
    match request.member_epoch {
        JOINS => {
            if request.rebalance_timeout_ms == -1 {
                return refuse("RebalanceTimeoutMs must be provided in first request.");
            }
            for (tasks, name) in roles.iter().zip(["ActiveTasks", "StandbyTasks", "WarmupTasks"]) {
                if tasks.as_ref().is_none_or(|tasks| !tasks.is_empty()) {
                    return refuse(&format!("{name} must be empty when (re-)joining."));
                }
            }
            let Some(topology) = &request.topology else {
                return refuse("Topology must be non-null when (re-)joining.");
            };
            check_topology(topology)?;
        }
        LEFT_FOR_A_WHILE if request.instance_id.is_none() => return refuse("InstanceId can't be null."),
        epoch if epoch < LEFT_FOR_A_WHILE => {
            return refuse(&format!(
                "MemberEpoch is {epoch}, but must be greater than or equal to -2."
            ));
        }
        _ => {}
    }
    if roles.iter().any(|tasks| tasks.is_some()) && roles.iter().any(|tasks| tasks.is_none()) {
        return refuse("If one task-type is non-null, all must be non-null.");
    }
    if request.member_epoch != JOINS && request.topology.is_some() {
        return refuse("Topology can only be provided when (re-)joining.");
    }
    Ok(())
}

fn check_topology(topology: &Topology) -> Result<(), Refusal> {
    let mut changelogs = topology
        .subtopologies
        .iter()
        .flat_map(|subtopology| &subtopology.state_changelog_topics);
    if let Some(changelog) = changelogs.find(|changelog| changelog.partitions != 0) {
        let message = format!(
            "Changelog topic {} must have an undefined partition count, but it is set to {}.",
            changelog.name.as_str(),
            changelog.partitions
        );
        return Err(Refusal::new(ErrorCode::StreamsInvalidTopology, message));
    }
    let mut ids = BTreeSet::new();
    if let Some(again) = topology
        .subtopologies
        .iter()
        .find(|subtopology| !ids.insert(&subtopology.subtopology_id))
    {
        let message = format!("Subtopology {} is there twice.", again.subtopology_id.as_str());
        return Err(Refusal::new(ErrorCode::StreamsInvalidTopology, message));
    }
    if topology
        .subtopologies
        .iter()
        .any(|subtopology| !indexes_its_topics(subtopology))
    {
        let message = "A copartition group names a topic that its subtopology does not read.";
        return Err(Refusal::new(ErrorCode::StreamsInvalidTopology, message));
    }
    Ok(())
}

/// Whether the indexes of copartition groups are those of topics.
fn indexes_its_topics(subtopology: &Subtopology) -> bool {
    let within = |indexes: &[i16], count: usize| {
        let mut indexes = indexes.iter();
        indexes.all(|index| usize::try_from(*index).is_ok_and(|index| index < count))
    };
    subtopology.copartition_groups.iter().all(|group| {
        within(&group.source_topics, subtopology.source_topics.len())
            && within(&group.source_topic_regex, subtopology.source_topic_regex.len())
            && within(
                &group.repartition_source_topics,
                subtopology.repartition_source_topics.len(),
            )
    })
}

/// The tasks that a request says the member has; `None` if it does not say all of them.
pub(super) fn owned_tasks(request: &StreamsGroupHeartbeatRequest) -> Option<Tasks> {
    Some(Tasks {
        active: task_set(request.active_tasks.as_ref()?),
        standby: task_set(request.standby_tasks.as_ref()?),
        warmup: task_set(request.warmup_tasks.as_ref()?),
    })
}

fn task_set(tasks: &[TaskIds]) -> TaskSet {
    let mut set = TaskSet::new();
    for ids in tasks {
        let subtopology = ids.subtopology_id.as_str().into();
        for partition in &ids.partitions {
            add(&mut set, &subtopology, *partition);
        }
    }
    set
}

/// Offsets by task.
///
/// # Errors
/// INVALID_REQUEST for a task that is there twice.
pub(super) fn task_offsets(offsets: &[TaskOffset]) -> Result<TaskOffsets, Refusal> {
    let mut by_task = TaskOffsets::new();
    for offset in offsets {
        let task = (offset.subtopology_id.as_str().into(), offset.partition);
        if by_task.insert(task, offset.offset).is_some() {
            return Err(invalid(format!(
                "Task offsets contain a duplicate entry for subtopology {} and partition {}.",
                offset.subtopology_id.as_str(),
                offset.partition
            )));
        }
    }
    Ok(by_task)
}
