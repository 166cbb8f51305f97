//! Groups of every kind: members, what they read, and how far they are behind.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::offsets::LATEST;
use barnabas_tools::client::{Cluster, KafkaError};
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Asking, share};

/// All groups that may be seen.
pub fn list(asking: &Asking) -> Result<Value, Failure> {
    let groups = asking.cluster.list_groups(&[], &[])?;
    let groups = groups.iter().map(|group| {
        json!({
            "id": group.id,
            "type": group.group_type,
            "state": group.state,
            "protocol": group.protocol_type,
        })
    });
    let mut groups: Vec<Value> = groups.collect();
    groups.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    Ok(json!({ "groups": groups }))
}

/// `group?id=…`: members and what they read; of consumers offsets and lag, of share groups what is in flight.
pub fn one(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let id = asking.asked.needed("id")?;
    let listed = cluster.list_groups(&[], &[])?;
    let listed = listed.iter().find(|group| group.id == id);
    let listed = listed.ok_or_else(|| KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None))?;
    let mut shown = json!({ "id": id, "type": listed.group_type, "state": listed.state });
    let added = match listed.group_type.as_str() {
        "share" => Some(share::add(asking, id, &mut shown)),
        "streams" => Some(share::add_streams(cluster, id, &mut shown)),
        _ => None,
    };
    if let Some(added) = added {
        if let Err(failure) = added {
            shown["membersError"] = failure.body()["error"].clone();
        }
        if listed.group_type == "share" {
            return Ok(shown);
        }
    } else {
        members(cluster, id, &mut shown);
    }
    shown["lagOverTime"] = asking.node.lags.shown(id).into();
    match offsets(cluster, id) {
        Ok(offsets) => shown["offsets"] = offsets.into(),
        Err(error) => shown["offsetsError"] = Failure::from(error).body()["error"].clone(),
    }
    Ok(shown)
}

/// Adds the members of a group of consumers.
fn members(cluster: &Cluster, id: &str, shown: &mut Value) {
    let described = cluster.describe_group(id);
    match described {
        Ok(group) => {
            let members = group.members.iter().map(|member| {
                json!({
                    "id": member.id,
                    "instance": member.instance,
                    "client": member.client_id,
                    "host": member.host,
                    "epoch": member.epoch,
                    "assigned": member.assigned,
                    "target": member.target,
                })
            });
            shown["assignor"] = group.assignor.as_str().into();
            shown["coordinator"] = group.coordinator.as_ref().map(|broker| broker.id).into();
            shown["epoch"] = group.epochs.map(|epochs| epochs.0).into();
            shown["members"] = members.collect::<Vec<_>>().into();
        }
        Err(error) => shown["membersError"] = Failure::from(error).body()["error"].clone(),
    }
}

/// What a group has committed, and where the partitions end.
///
/// # Errors
/// The cluster's.
fn offsets(cluster: &Cluster, id: &str) -> Result<Vec<Value>, KafkaError> {
    let committed = cluster.committed(id, None)?;
    let wanted: BTreeMap<TopicPartition, i64> = committed.keys().map(|at| (at.clone(), LATEST)).collect();
    let ends = cluster.list_offsets(&wanted, false)?;
    let rows = committed.iter().map(|(at, committed)| {
        let end = ends
            .get(at)
            .and_then(|end| end.as_ref().ok())
            .map(|end| end.offset);
        json!({
            "topic": at.0,
            "partition": at.1,
            "committed": committed.offset,
            "metadata": committed.metadata,
            "end": end,
            "lag": end.map(|end| (end - committed.offset).max(0)),
        })
    });
    Ok(rows.collect())
}
