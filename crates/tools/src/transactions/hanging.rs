//! Transactions that a partition has open while nobody coordinates them any more.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_producers_response::ProducerState;

use super::{TOOL, failed, now_ms};
use crate::arguments::Options;
use crate::client::leaders::TopicPartition;
use crate::client::transactions::ListedFor;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::{Outcome, said};
use crate::table;

const MINUTE_MS: i64 = 60_000;

/// What a transactional id's coordinator says takes part in its transaction, by the id of its producer.
type Known = BTreeMap<i64, Vec<TopicPartition>>;

/// `find-hanging`.
///
/// # Errors
/// The arguments limit it to nothing; the cluster's.
pub fn find(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let broker: Option<i32> = options.number("broker-id")?;
    let topic = options.value("topic")?;
    let partition: Option<i32> = options.number("partition")?;
    match (topic, broker, partition) {
        (None, None, _) => {
            return said(
                "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
            );
        }
        (None, _, Some(_)) => return said("The --partition argument requires --topic to be provided"),
        _ => {}
    }
    let minutes: i64 = options.number("max-transaction-timeout")?.unwrap_or(15);
    if minutes < 0 {
        return TOOL.refuse("argument --max-transaction-timeout: must not be negative");
    }
    let open = open_transactions(options, cluster, now_ms() - minutes * MINUTE_MS)?;
    let known = coordinated(
        cluster,
        open.iter().map(|(_, producer)| producer.producer_id.0).collect(),
    )?;
    let is_hanging = |(at, producer): &&(TopicPartition, ProducerState)| {
        known
            .get(&producer.producer_id.0)
            .is_none_or(|partitions| !partitions.contains(at))
    };
    let rows = open.iter().filter(is_hanging).map(|(at, producer)| {
        vec![
            at.0.clone(),
            at.1.to_string(),
            producer.producer_id.0.to_string(),
            producer.producer_epoch.to_string(),
            producer.coordinator_epoch.max(-1).to_string(),
            producer.current_txn_start_offset.to_string(),
            producer.last_timestamp.to_string(),
            ((now_ms() - producer.last_timestamp) / MINUTE_MS).to_string(),
        ]
    });
    let head = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    table::print(&head, &rows.collect::<Vec<_>>(), console);
    Ok(())
}

/// The transactions that the partitions in question have open, and whose producers have last written before
/// `until_ms`.
fn open_transactions(
    options: &Options,
    cluster: &Cluster,
    until_ms: i64,
) -> Outcome<Vec<(TopicPartition, ProducerState)>> {
    let broker: Option<i32> = options.number("broker-id")?;
    let partition: Option<i32> = options.number("partition")?;
    let topics = match options.value("topic")? {
        Some(topic) => vec![topic.to_owned()],
        None => {
            let all = cluster.list_topics().map_err(failed("Failed to list topics"))?;
            all.into_iter().map(|topic| topic.name).collect()
        }
    };
    let what = format!("Failed to describe {} topics", topics.len());
    let leaders = cluster.leaders(&topics, false).map_err(failed(&what))?;
    if options.has("topic") && leaders.is_empty() {
        return Err(failed(&what)(KafkaError::of_code(
            ErrorCode::UnknownTopicOrPartition.code(),
            None,
        )));
    }
    let mut of_broker: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for (at, leader) in leaders {
        if partition.is_none_or(|wanted| wanted == at.1)
            && let Some(leader) = leader
            && broker.is_none_or(|wanted| wanted == leader)
        {
            of_broker.entry(leader).or_default().push(at);
        }
    }
    let mut open = Vec::new();
    for (broker, partitions) in of_broker {
        let what = format!(
            "Failed to describe producers for {} partitions on broker {broker}",
            partitions.len()
        );
        let found = cluster
            .describe_producers(broker, &partitions)
            .map_err(failed(what))?;
        for (at, producers) in found {
            let is_open = |producer: &ProducerState| {
                producer.current_txn_start_offset >= 0 && producer.last_timestamp < until_ms
            };
            open.extend(
                producers
                    .into_iter()
                    .filter(is_open)
                    .map(|producer| (at.clone(), producer)),
            );
        }
    }
    Ok(open)
}

fn coordinated(cluster: &Cluster, producers: Vec<i64>) -> Outcome<Known> {
    let mut known = Known::new();
    if producers.is_empty() {
        return Ok(known);
    }
    let what = format!("Failed to list transactions for {} producers", producers.len());
    let wanted = ListedFor {
        producers,
        duration_ms: -1,
        pattern: None,
    };
    for (_, listed) in cluster.list_transactions(&wanted).map_err(failed(what))? {
        let described = cluster.describe_transaction(&listed.transactional_id);
        let (_, state) = described.map_err(failed("Failed to describe 1 transactions"))?;
        let partitions = state.topics.iter().flat_map(|topic| {
            let name = topic.topic.to_string();
            topic.partitions.iter().map(move |index| (name.clone(), *index))
        });
        known.entry(listed.producer_id.0).or_default().extend(partitions);
    }
    Ok(known)
}
