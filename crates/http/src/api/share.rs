//! Share groups and streams groups: members, and of share groups what is in flight.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use barnabas_protocol::messages::streams_group_describe_response::TaskIds;
use barnabas_protocol::messages::{
    DescribeShareGroupOffsetsRequest, ShareGroupDescribeRequest, StreamsGroupDescribeRequest,
};
use barnabas_tools::client::coordinators::Coordinated;
use barnabas_tools::client::{Cluster, KafkaError, group_id};
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Asking, letters};

/// Runs of records that are shown of one share partition.
const RUNS_MAX: usize = 200;

fn not_found() -> KafkaError {
    KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None)
}

/// Adds what there is to know of a share group.
///
/// # Errors
/// The cluster's.
pub fn add(asking: &Asking, id: &str, shown: &mut Value) -> Result<(), Failure> {
    let cluster = &asking.cluster;
    let request = ShareGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
    let to = cluster.coordinator(Coordinated::Group, id)?;
    let answer = cluster.ask(to, "describeShareGroups", &request)?;
    let group = answer.groups.into_iter().next().ok_or_else(not_found)?;
    KafkaError::check(group.error_code, group.error_message.as_deref())?;
    let members = group.members.iter().map(|member| {
        let topics = member.assignment.topic_partitions.iter();
        let assigned = topics.flat_map(|topic| {
            let name = topic.topic_name.as_str();
            topic.partitions.iter().map(move |index| json!([name, index]))
        });
        json!({
            "id": member.member_id.as_str(),
            "client": member.client_id.as_str(),
            "host": member.client_host.as_str(),
            "epoch": member.member_epoch,
            "assigned": assigned.collect::<Vec<_>>(),
            "target": [],
        })
    });
    shown["members"] = members.collect::<Vec<_>>().into();
    shown["assignor"] = group.assignor_name.as_str().into();
    shown["epoch"] = group.group_epoch.into();
    let offsets = offsets(cluster, id)?;
    // What the cluster shows of the group is what its share partitions here are shown of.
    let visible = |topic: &str| offsets.iter().any(|row| row["topic"] == topic);
    shown["inFlight"] = in_flight(asking, id, visible).into();
    shown["shareOffsets"] = offsets.into();
    shown["deadLetters"] = letters::topic_of(cluster, id).into();
    Ok(())
}

/// Where the group is in each partition, and how far behind.
fn offsets(cluster: &Cluster, id: &str) -> Result<Vec<Value>, KafkaError> {
    let group = DescribeShareGroupOffsetsRequestGroup::default()
        .with_group_id(group_id(id))
        .with_topics(None);
    let request = DescribeShareGroupOffsetsRequest::default().with_groups(vec![group]);
    let to = cluster.coordinator(Coordinated::Group, id)?;
    let answer = cluster.ask(to, "describeShareGroupOffsets", &request)?;
    let group = answer.groups.into_iter().next().ok_or_else(not_found)?;
    KafkaError::check(group.error_code, group.error_message.as_deref())?;
    let rows = group.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|at| {
            json!({
                "topic": topic.topic_name.as_str(),
                "partition": at.partition_index,
                "start": at.start_offset,
                "lag": at.lag,
                "error": (at.error_code != 0).then(|| KafkaError::of_code(at.error_code, at.error_message.as_deref()).message),
            })
        })
    });
    Ok(rows.collect())
}

/// The windows of the partitions that this node leads.
fn in_flight(asking: &Asking, id: &str, is_visible: impl Fn(&str) -> bool) -> Vec<Value> {
    let running = asking.node.running();
    let Some(broker) = running.and_then(|running| running.broker.as_ref()) else {
        return Vec::new();
    };
    let image = broker.image().clone();
    let now = broker.clock.monotonic_ms();
    let mut shown = Vec::new();
    for held in broker.shares().of_group(id) {
        let Some(topic) = image.topics.by_id(&held.key.topic_id) else {
            continue;
        };
        if !is_visible(&topic.name) {
            continue;
        }
        let mut state = held.lock();
        let Some(core) = state.core() else { continue };
        let runs = core.in_flight().take(RUNS_MAX).map(|run| {
            json!({
                "first": run.first,
                "last": run.last,
                "state": format!("{:?}", run.state),
                "deliveries": run.deliveries,
                "member": run.member.as_deref(),
                "endsIn": run.until_ms.map(|until| (until - now).max(0)),
            })
        });
        shown.push(json!({
            "topic": &*topic.name,
            "partition": held.key.partition,
            "start": core.start_offset(),
            "end": core.end_offset(),
            "runs": runs.collect::<Vec<_>>(),
        }));
    }
    shown
}

/// Adds the members of a streams group and their tasks.
///
/// # Errors
/// The cluster's.
pub fn add_streams(cluster: &Cluster, id: &str, shown: &mut Value) -> Result<(), Failure> {
    let request = StreamsGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
    let to = cluster.coordinator(Coordinated::Group, id)?;
    let answer = cluster.ask(to, "describeStreamsGroups", &request)?;
    let group = answer.groups.into_iter().next().ok_or_else(not_found)?;
    KafkaError::check(group.error_code, group.error_message.as_deref())?;
    let tasks = |tasks: &[TaskIds]| -> Vec<Value> {
        let each = tasks.iter().flat_map(|task| {
            let of = task.subtopology_id.as_str();
            task.partitions.iter().map(move |index| json!([of, index]))
        });
        each.collect()
    };
    let members = group.members.iter().map(|member| {
        json!({
            "id": member.member_id.as_str(),
            "instance": member.instance_id.as_ref().map(|id| id.as_str()),
            "client": member.client_id.as_str(),
            "host": member.client_host.as_str(),
            "epoch": member.member_epoch,
            "assigned": tasks(&member.assignment.active_tasks),
            "standby": tasks(&member.assignment.standby_tasks),
            "target": tasks(&member.target_assignment.active_tasks),
        })
    });
    shown["members"] = members.collect::<Vec<_>>().into();
    shown["epoch"] = group.group_epoch.into();
    Ok(())
}
