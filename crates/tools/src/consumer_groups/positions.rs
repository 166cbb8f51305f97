//! Where logs begin and end.

use std::collections::BTreeMap;

use super::wrapped_twice;
use crate::client::leaders::{TopicPartition, topics_of};
use crate::client::offsets::{EARLIEST, LATEST};
use crate::client::{Cluster, KafkaError};
use crate::failure::Outcome;

/// The ends of these partitions; none of those without a leader.
pub fn ends(cluster: &Cluster, partitions: &[TopicPartition]) -> Outcome<BTreeMap<TopicPartition, i64>> {
    at(cluster, partitions, LATEST)
}

/// The beginnings of these partitions.
pub fn starts(cluster: &Cluster, partitions: &[TopicPartition]) -> Outcome<BTreeMap<TopicPartition, i64>> {
    at(cluster, partitions, EARLIEST)
}

/// The first offsets at this time or later; -1 where there is none.
pub fn at(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    time: i64,
) -> Outcome<BTreeMap<TopicPartition, i64>> {
    let found = find(cluster, partitions, time).map_err(|error| wrapped_twice(error.into()))?;
    Ok(found)
}

fn find(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    time: i64,
) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
    let led = led(cluster, partitions)?;
    let wanted = led.into_iter().map(|partition| (partition, time)).collect();
    let found = cluster.list_offsets(&wanted, false)?;
    found
        .into_iter()
        .map(|(partition, answer)| Ok((partition, answer?.offset)))
        .collect()
}

/// Those of these partitions that have a leader.
fn led(cluster: &Cluster, partitions: &[TopicPartition]) -> Result<Vec<TopicPartition>, KafkaError> {
    let topics = topics_of(partitions);
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let described = cluster.describe_topics(&topics, 2000)?;
    let has_leader = |(topic, index): &&TopicPartition| {
        let topic = described.iter().find(|described| described.name == *topic);
        let mut partitions = topic.into_iter().flat_map(|topic| &topic.partitions);
        partitions.any(|partition| partition.index == *index && partition.leader.is_some())
    };
    Ok(partitions.iter().filter(has_leader).cloned().collect())
}
