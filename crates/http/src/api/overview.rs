//! The cluster at a glance, and what is wrong with it.

use serde_json::{Value, json};

use super::Asking;
use super::brokers::log_dirs;
use super::failure::Failure;

/// Who looks, and at what.
pub fn session(asking: &Asking) -> Result<Value, Failure> {
    let running = asking.node.running();
    Ok(json!({
        "user": asking.user,
        "version": env!("CARGO_PKG_VERSION"),
        "node": running.map(|running| running.node_id),
        "cluster": running.map(|running| running.cluster_id.as_str()),
    }))
}

/// Nodes, the quorum, counts, and problems in words.
pub fn answer(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let described = cluster.describe_cluster(true)?;
    let metadata = cluster.metadata("listTopics", None, false)?;
    let mut problems = Vec::new();
    let (mut partitions, mut offline, mut lacking, mut at_least) = (0, 0, 0, 0);
    for partition in metadata.topics.iter().flat_map(|topic| &topic.partitions) {
        partitions += 1;
        offline += usize::from(partition.leader_id.0 < 0);
        lacking += usize::from(partition.isr_nodes.len() < partition.replica_nodes.len());
        at_least += usize::from(!partition.offline_replicas.is_empty());
    }
    let mut problem = |count: usize, what: &str| {
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    };
    problem(
        offline,
        "partitions have no leader: nobody can read or write them",
    );
    problem(lacking, "partitions lack replicas in sync");
    problem(at_least, "partitions have replicas that are offline");
    problem(
        described.nodes.iter().filter(|(_, fenced)| *fenced).count(),
        "brokers are fenced: the controllers do not count on them",
    );
    let quorum = cluster.describe_quorum();
    // Whoever may not see the folders still sees the rest.
    let (mut bytes, mut failed) = (None, 0);
    for (broker, fenced) in &described.nodes {
        if *fenced {
            continue;
        }
        let Ok(dirs) = log_dirs(cluster, broker.id) else {
            continue;
        };
        failed += dirs.iter().filter(|dir| dir.error_code != 0).count();
        let partitions = dirs
            .iter()
            .flat_map(|dir| &dir.topics)
            .flat_map(|topic| &topic.partitions);
        let own: i64 = partitions.map(|partition| partition.partition_size).sum();
        bytes = Some(bytes.unwrap_or(0) + own);
    }
    problem(failed, "log folders have failed");
    let controller = metadata.controller_id.0;
    let leader = quorum.as_ref().map(|(quorum, _)| quorum.leader_id.0).ok();
    let nodes = described.nodes.iter().map(|(broker, fenced)| {
        json!({
            "id": broker.id,
            "host": broker.host,
            "port": broker.port,
            "rack": broker.rack,
            "fenced": fenced,
            "controller": leader.unwrap_or(controller) == broker.id,
        })
    });
    let nodes: Vec<Value> = nodes.collect();
    let quorum = quorum.map(|(quorum, _)| {
        let replica = |replica: &barnabas_protocol::messages::describe_quorum_response::ReplicaState| {
            json!({
                "id": replica.replica_id.0,
                "end": replica.log_end_offset,
                "lag": quorum.high_watermark.max(0).saturating_sub(replica.log_end_offset).max(0),
                "caughtUp": replica.last_caught_up_timestamp,
            })
        };
        json!({
            "leader": quorum.leader_id.0,
            "epoch": quorum.leader_epoch,
            "highWatermark": quorum.high_watermark,
            "voters": quorum.current_voters.iter().map(replica).collect::<Vec<_>>(),
            "observers": quorum.observers.iter().map(replica).collect::<Vec<_>>(),
        })
    });
    Ok(json!({
        "cluster": described.id,
        "nodes": nodes,
        "quorum": match quorum {
            Ok(quorum) => quorum,
            Err(error) => Failure::from(error).body(),
        },
        "topics": metadata.topics.iter().filter(|topic| !topic.is_internal).count(),
        "internalTopics": metadata.topics.iter().filter(|topic| topic.is_internal).count(),
        "partitions": partitions,
        "bytes": bytes,
        "problems": problems,
    }))
}
