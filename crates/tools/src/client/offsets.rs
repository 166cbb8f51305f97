//! Offsets by time.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::ListOffsetsRequest;
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};

use super::leaders::{TopicPartition, by_topic, topics_of};
use super::{Cluster, KafkaError, To, topic_name};

/// The timestamp that asks for the end of the log.
pub const LATEST: i64 = -1;
/// The timestamp that asks for its beginning.
pub const EARLIEST: i64 = -2;

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; -1 if there is none.
    pub offset: i64,
    /// The record's timestamp; -1 if it was not asked for.
    pub timestamp: i64,
    /// The epoch of the leader that wrote it; -1 if unknown.
    pub leader_epoch: i32,
}

type Found = BTreeMap<TopicPartition, Result<FoundOffset, KafkaError>>;

impl Cluster {
    /// The first offset at or after each timestamp, [`LATEST`] and [`EARLIEST`] being such.
    ///
    /// # Errors
    /// Nobody answers; what goes wrong with a partition is its own.
    pub fn list_offsets(
        &self,
        wanted: &BTreeMap<TopicPartition, i64>,
        read_committed: bool,
    ) -> Result<Found, KafkaError> {
        let mut open = wanted.clone();
        let mut found = Found::new();
        let topics = topics_of(wanted.keys());
        let last = self.settings().api_timeout.as_millis() / 200;
        for attempt in 0.. {
            let leaders = self.leaders(&topics, false)?;
            let mut of_leader: BTreeMap<i32, Vec<(TopicPartition, i64)>> = BTreeMap::new();
            for (partition, timestamp) in &open {
                match leaders.get(partition) {
                    Some(Some(leader)) => {
                        of_leader
                            .entry(*leader)
                            .or_default()
                            .push((partition.clone(), *timestamp));
                    }
                    Some(None) => self.note(&mut found, partition, ErrorCode::LeaderNotAvailable),
                    None => self.note(&mut found, partition, ErrorCode::UnknownTopicOrPartition),
                }
            }
            for (leader, partitions) in of_leader {
                self.ask_leader(leader, partitions, read_committed, &mut found)?;
            }
            open.retain(|partition, _| match found.get(partition) {
                Some(Err(error)) => error.is_retriable(),
                _ => false,
            });
            if open.is_empty() || attempt >= last {
                break;
            }
            self.pause(self.settings().retry_backoff);
        }
        Ok(found)
    }

    fn note(&self, found: &mut Found, partition: &TopicPartition, error: ErrorCode) {
        found.insert(partition.clone(), Err(KafkaError::of_code(error.code(), None)));
    }

    fn ask_leader(
        &self,
        leader: i32,
        partitions: Vec<(TopicPartition, i64)>,
        read_committed: bool,
        found: &mut Found,
    ) -> Result<(), KafkaError> {
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, timestamp)| {
                ListOffsetsPartition::default()
                    .with_partition_index(index)
                    .with_current_leader_epoch(-1)
                    .with_timestamp(timestamp)
            });
            ListOffsetsTopic::default()
                .with_name(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        let topics: Vec<ListOffsetsTopic> = topics.collect();
        let request = |version| {
            ListOffsetsRequest::default()
                .with_replica_id((-1).into())
                .with_isolation_level(if version >= 2 { i8::from(read_committed) } else { 0 })
                .with_topics(topics.clone())
                .with_timeout_ms(if version >= 10 { 30_000 } else { 0 })
        };
        let (_, response) = self.ask_with(To::Broker(leader), "listOffsets", request)?;
        for topic in response.topics {
            for partition in topic.partitions {
                let answer = KafkaError::check(partition.error_code, None).map(|()| FoundOffset {
                    offset: partition.offset,
                    timestamp: partition.timestamp,
                    leader_epoch: partition.leader_epoch,
                });
                found.insert((topic.name.to_string(), partition.partition_index), answer);
            }
        }
        Ok(())
    }
}
