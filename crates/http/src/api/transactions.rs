//! Transactions: those that are coordinated, those that partitions have open, and ending them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::transactions::ListedFor;
use barnabas_tools::client::{Cluster, KafkaError};
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Asking, done};

/// What is open for longer and coordinated by nobody hangs: the default of `transaction.max.timeout.ms`.
const HANGING_MS: i64 = 15 * 60 * 1000;
/// Partitions whose producers are looked at.
const PARTITIONS_MAX: usize = 2000;

fn every() -> ListedFor {
    ListedFor {
        producers: Vec::new(),
        duration_ms: -1,
        pattern: None,
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// All transactional ids, and what partitions have open.
pub fn list(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let listed = cluster.list_transactions(&every())?;
    let mut taking_part: BTreeSet<(i64, TopicPartition)> = BTreeSet::new();
    let mut transactions = Vec::new();
    for (coordinator, listed) in &listed {
        let id = listed.transactional_id.to_string();
        // It may be gone by now.
        let state = cluster.describe_transaction(&id).ok().map(|(_, state)| state);
        let mut partitions = Vec::new();
        for topic in state.iter().flat_map(|state| &state.topics) {
            for index in &topic.partitions {
                let at = (topic.topic.to_string(), *index);
                partitions.push(at.clone());
                taking_part.insert((listed.producer_id.0, at));
            }
        }
        transactions.push(json!({
            "id": id,
            "state": listed.transaction_state.as_str(),
            "producer": listed.producer_id.0,
            "epoch": state.as_ref().map(|state| state.producer_epoch),
            "coordinator": coordinator,
            "timeout": state.as_ref().map(|state| state.transaction_timeout_ms),
            "began": state.as_ref().map(|state| state.transaction_start_time_ms),
            "partitions": partitions,
        }));
    }
    let (open, complete) = open(cluster, &taking_part)?;
    Ok(json!({ "transactions": transactions, "open": open, "complete": complete }))
}

/// What partitions have open, and whether all were looked at.
fn open(
    cluster: &Cluster,
    taking_part: &BTreeSet<(i64, TopicPartition)>,
) -> Result<(Vec<Value>, bool), KafkaError> {
    let topics: Vec<String> = cluster
        .list_topics()?
        .into_iter()
        .map(|topic| topic.name)
        .collect();
    let leaders = cluster.leaders(&topics, false)?;
    let complete = leaders.len() <= PARTITIONS_MAX;
    let mut of_broker: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for (at, leader) in leaders.into_iter().take(PARTITIONS_MAX) {
        if let Some(leader) = leader {
            of_broker.entry(leader).or_default().push(at);
        }
    }
    let now = now_ms();
    let mut open = Vec::new();
    for (broker, partitions) in of_broker {
        for (at, producers) in cluster.describe_producers(broker, &partitions)? {
            for producer in producers.iter().filter(|one| one.current_txn_start_offset >= 0) {
                let is_known = taking_part.contains(&(producer.producer_id.0, at.clone()));
                open.push(json!({
                    "topic": at.0,
                    "partition": at.1,
                    "start": producer.current_txn_start_offset,
                    "producer": producer.producer_id.0,
                    "epoch": producer.producer_epoch,
                    "last": producer.last_timestamp,
                    "hangs": !is_known && now - producer.last_timestamp > HANGING_MS,
                    "coordinated": is_known,
                }));
            }
        }
    }
    Ok((open, complete))
}

/// `transactions/abort` with `topic`, `partition` and `start`: ends what that partition has open by a marker.
pub fn abort(asking: &Asking) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let missing = |name: &str| Failure::bad(format!("{name} is missing"));
    let at: TopicPartition = (
        asked.needed("topic")?.to_owned(),
        asked.int("partition")?.ok_or_else(|| missing("partition"))?,
    );
    let start = asked.number("start")?.ok_or_else(|| missing("start"))?;
    let leaders = cluster.leaders(std::slice::from_ref(&at.0), false)?;
    let leader = leaders.get(&at).copied().flatten();
    let leader = leader.ok_or_else(|| KafkaError::of_code(3, None))?;
    let found = cluster.describe_producers(leader, std::slice::from_ref(&at))?;
    let mut producers = found.into_values().flatten();
    let open = producers
        .find(|producer| producer.current_txn_start_offset == start)
        .ok_or_else(|| {
            Failure::bad(format!(
                "{}-{} has no transaction open from {start} on",
                at.0, at.1
            ))
        })?;
    // A producer whose coordinator never wrote has no epoch of one.
    let marker = (
        open.producer_id.0,
        open.producer_epoch as i16,
        open.coordinator_epoch.max(0),
    );
    cluster.abort_transaction(leader, &at, marker)?;
    done()
}

/// `transactions/fence` with `id`: whoever writes by this transactional id has to begin anew.
pub fn fence(asking: &Asking) -> Result<Value, Failure> {
    asking.cluster.fence_producer(asking.asked.needed("id")?)?;
    done()
}
