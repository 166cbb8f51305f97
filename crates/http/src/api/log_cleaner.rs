//! What the log cleaner of this node has done, and has to do.

use barnabas_replica::upkeep::log_cleaner::{CompactedLog, CompactedState, compacted_logs};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::Asking;
use super::failure::Failure;

/// Logs that are looked at, and that are shown of them, the dirtiest first.
const LOOKED_MAX: usize = 5_000;
const SHOWN_MAX: usize = 500;

/// `cleaner`: the cleaners' settings and last rounds, and compacted logs that who asks may see.
pub fn answer(asking: &Asking) -> Result<Value, Failure> {
    // Who may see nothing of the cluster may not see how it is kept.
    asking.cluster.describe_cluster(false)?;
    let visible = asking.cluster.metadata("listTopics", None, false)?;
    let visible: std::collections::BTreeSet<&str> = visible
        .topics
        .iter()
        .filter_map(|topic| topic.name.as_ref().map(|name| name.as_str()))
        .collect();
    let running = asking.node.running();
    let broker = running.and_then(|running| running.broker.as_ref());
    let broker = broker.ok_or_else(|| {
        let why = "this node is a controller alone: ask a broker";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    let config = broker.replicas.config().clone();
    let totals = broker.partitions().cleanings().totals();
    let mut logs = compacted_logs(&broker.replicas, LOOKED_MAX);
    let complete = logs.len() < LOOKED_MAX;
    logs.retain(|log| visible.contains(&*log.partition.id().topic));
    logs.sort_by(|a, b| b.ratio.total_cmp(&a.ratio).then_with(|| name(a).cmp(&name(b))));
    Ok(json!({
        "node": broker.node_id,
        "enabled": config.log_cleaner_enable,
        "threads": config.log_cleaner_threads,
        "sinceLook": totals.since_look.as_millis() as u64,
        "longest": totals.longest.as_millis() as u64,
        "recopied": totals.recopied,
        "mapUtilization": totals.map_utilization,
        "count": logs.len(),
        "complete": complete,
        "logs": logs.iter().take(SHOWN_MAX).map(shown).collect::<Vec<_>>(),
    }))
}

fn name(log: &CompactedLog) -> (&str, i32) {
    let id = log.partition.id();
    (&id.topic, id.partition)
}

fn shown(log: &CompactedLog) -> Value {
    let (topic, partition) = name(log);
    json!({
        "topic": topic,
        "partition": partition,
        "state": match log.state {
            CompactedState::Clean => "clean",
            CompactedState::Due => "due",
            CompactedState::InProgress => "in progress",
            CompactedState::Uncleanable => "uncleanable",
        },
        "cleanTo": log.first_dirty_offset,
        "cleanableTo": log.first_uncleanable_offset,
        "end": log.log_end_offset,
        "cleanBytes": log.clean_bytes,
        "dirtyBytes": log.cleanable_bytes,
        "ratio": log.ratio,
        "minRatio": log.min_ratio,
        "last": log.last.map(|last| json!({
            "ended": last.ended_ms,
            "took": last.took.as_millis() as u64,
            "readBytes": last.stats.read_bytes,
            "writtenBytes": last.stats.written_bytes,
            "readRecords": last.stats.read_records,
            "writtenRecords": last.stats.written_records,
        })),
    })
}
