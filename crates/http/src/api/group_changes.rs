//! What is done to groups: setting their offsets, after a look at what would be set, and deleting them.

use std::collections::BTreeMap;

use barnabas_tools::client::committed::Committed;
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::offsets::{EARLIEST, LATEST};
use barnabas_tools::client::{Cluster, KafkaError};
use serde_json::{Value, json};

use super::asked::Asked;
use super::failure::Failure;
use super::topics::describe;
use super::{Asking, done};

/// Where offsets are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Earliest,
    Latest,
    Offset(i64),
    Timestamp(i64),
    Shift(i64),
}

impl Target {
    fn of(asked: &Asked) -> Result<Target, Failure> {
        let at = asked.number("at")?;
        let at = || at.ok_or_else(|| Failure::bad("at is missing"));
        Ok(match asked.needed("to")? {
            "earliest" => Target::Earliest,
            "latest" => Target::Latest,
            "offset" => Target::Offset(at()?),
            "timestamp" => Target::Timestamp(at()?),
            "shift" => Target::Shift(at()?),
            other => {
                return Err(Failure::bad(format!(
                    "to={other}: earliest, latest, offset, timestamp or shift is expected"
                )));
            }
        })
    }
}

/// `groups/reset` with `id`, `to`, `at`, and `topic` and `partition` where not all that is committed goes
/// there. Only `apply` sets anything; without it the answer says what would be set.
pub fn reset(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let id = asked.needed("id")?;
    let target = Target::of(asked)?;
    let committed = cluster.committed(id, None)?;
    let partitions = chosen(cluster, asked, &committed)?;
    let all = |timestamp: i64| {
        let wanted = partitions.iter().map(|at| (at.clone(), timestamp));
        cluster.list_offsets(&wanted.collect(), false)
    };
    let (first, last) = (all(EARLIEST)?, all(LATEST)?);
    let by_time = match target {
        Target::Timestamp(timestamp) => all(timestamp)?,
        _ => BTreeMap::new(),
    };
    let mut rows = Vec::new();
    let mut offsets = Vec::new();
    for at in &partitions {
        let bound = |found: &BTreeMap<TopicPartition, Result<_, KafkaError>>| match found.get(at) {
            Some(Ok(barnabas_tools::client::offsets::FoundOffset { offset, .. })) => Ok(*offset),
            Some(Err(error)) => Err(error.clone()),
            None => Err(KafkaError::of_code(3, None)),
        };
        let (start, end) = (bound(&first)?, bound(&last)?);
        let now = committed.get(at).map(|committed| committed.offset);
        let wanted = match target {
            Target::Earliest => start,
            Target::Latest => end,
            Target::Offset(offset) => offset,
            Target::Timestamp(_) => Some(bound(&by_time)?)
                .filter(|offset| *offset >= 0)
                .unwrap_or(end),
            Target::Shift(by) => now.unwrap_or(start).saturating_add(by),
        };
        let new = wanted.clamp(start, end);
        rows.push(json!({ "topic": at.0, "partition": at.1, "now": now, "new": new, "lag": end - new }));
        offsets.push((at.clone(), new));
    }
    let apply = asked.flag("apply");
    if apply {
        cluster.alter_group_offsets(id, &offsets)?;
    }
    Ok(json!({ "applied": apply, "offsets": rows }))
}

/// All that is committed, or the partitions of one topic, or one of these.
fn chosen(
    cluster: &Cluster,
    asked: &Asked,
    committed: &BTreeMap<TopicPartition, Committed>,
) -> Result<Vec<TopicPartition>, Failure> {
    let Some(topic) = asked.text("topic") else {
        return Ok(committed.keys().cloned().collect());
    };
    let described = describe(cluster, topic)?;
    let wanted = asked.int("partition")?;
    let partitions = described.partitions.iter().map(|at| at.index);
    let partitions = partitions.filter(|index| wanted.is_none_or(|wanted| wanted == *index));
    Ok(partitions.map(|index| (topic.to_owned(), index)).collect())
}

/// `groups/delete` with `id`.
pub fn delete(asking: &Asking) -> Result<Value, Failure> {
    asking.cluster.delete_group(asking.asked.needed("id")?)?;
    done()
}

/// `groups/forget` with `id` and `topic`: the group has committed nothing of it any more.
pub fn forget(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let (id, topic) = (asked.needed("id")?, asked.needed("topic")?);
    let committed = cluster.committed(id, None)?;
    let partitions: Vec<TopicPartition> = committed.into_keys().filter(|at| at.0 == topic).collect();
    for answer in cluster.delete_group_offsets(id, &partitions)?.into_values() {
        answer?;
    }
    done()
}
