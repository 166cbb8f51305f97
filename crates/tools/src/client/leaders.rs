//! Who leads which partition.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::java_hash;

use super::{Cluster, KafkaError};

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// The leader of each partition; none where there is no leader.
pub type Leaders = BTreeMap<TopicPartition, Option<i32>>;

impl Cluster {
    /// The leaders of all partitions of these topics. Topics that there are not are passed over.
    ///
    /// # Errors
    /// Nobody answers, or a topic may not be seen.
    pub fn leaders(&self, topics: &[String], may_create: bool) -> Result<Leaders, KafkaError> {
        let response = self.metadata("metadata", Some(topics), may_create)?;
        let mut leaders = Leaders::new();
        for topic in &response.topics {
            let name = topic
                .name
                .as_ref()
                .map(|name| name.to_string())
                .unwrap_or_default();
            match ErrorCode::from_code(topic.error_code) {
                Some(ErrorCode::None) => {}
                Some(error) if error.retriable() => continue,
                _ => {
                    let said = match ErrorCode::from_code(topic.error_code) {
                        Some(ErrorCode::InvalidTopicException) => Some(format!("Invalid topics: [{name}]")),
                        Some(ErrorCode::TopicAuthorizationFailed) => {
                            Some(format!("Not authorized to access topics: [{name}]"))
                        }
                        _ => None,
                    };
                    return Err(KafkaError::of_code(topic.error_code, said.as_deref()));
                }
            }
            for partition in &topic.partitions {
                let leader = Some(partition.leader_id.0).filter(|id| *id >= 0);
                leaders.insert((name.clone(), partition.partition_index), leader);
            }
        }
        Ok(leaders)
    }
}

/// The hash by which Java's tables order partitions.
pub fn hash((topic, index): &TopicPartition) -> i32 {
    31i32
        .wrapping_add(*index)
        .wrapping_mul(31)
        .wrapping_add(java_hash(topic))
}

/// Unique topics of partitions, in order.
pub fn topics_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<String> {
    let mut topics: Vec<String> = partitions.into_iter().map(|(topic, _)| topic.clone()).collect();
    topics.sort();
    topics.dedup();
    topics
}

/// What belongs to partitions, by topic.
pub fn by_topic<T>(
    partitions: impl IntoIterator<Item = (TopicPartition, T)>,
) -> BTreeMap<String, Vec<(i32, T)>> {
    let mut topics: BTreeMap<String, Vec<(i32, T)>> = BTreeMap::new();
    for ((topic, partition), what) in partitions {
        topics.entry(topic).or_default().push((partition, what));
    }
    topics
}
