//! The offsets that groups have committed.

use std::collections::BTreeMap;

use barnabas_protocol::messages::OffsetFetchRequest;
use barnabas_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};

use super::leaders::{TopicPartition, by_topic};
use super::{Cluster, KafkaError, group_id, topic_name};

/// The newest OffsetFetch that names topics by their names.
const FETCH_BY_NAME: i16 = 9;

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// The epoch of the record before it; none where it was not said.
    pub leader_epoch: Option<i32>,
    /// What was noted with it.
    pub metadata: String,
}

impl Cluster {
    /// What a group has committed for these partitions, or for all.
    ///
    /// # Errors
    /// It can't be found out.
    pub fn committed(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, Committed>, KafkaError> {
        let topics: Option<Vec<(String, Vec<i32>)>> = partitions.map(|partitions| {
            let named = by_topic(partitions.iter().map(|partition| (partition.clone(), ())));
            let indexes =
                |partitions: Vec<(i32, ())>| partitions.into_iter().map(|(index, ())| index).collect();
            named
                .into_iter()
                .map(|(topic, partitions)| (topic, indexes(partitions)))
                .collect()
        });
        let request = |version| {
            if version >= 8 {
                let topic = |(name, indexes): &(String, Vec<i32>)| {
                    OffsetFetchRequestTopics::default()
                        .with_name(topic_name(name))
                        .with_partition_indexes(indexes.clone())
                };
                let group = OffsetFetchRequestGroup::default()
                    .with_group_id(group_id(group))
                    .with_member_epoch(-1)
                    .with_topics(topics.as_ref().map(|topics| topics.iter().map(topic).collect()));
                OffsetFetchRequest::default().with_groups(vec![group])
            } else {
                let topic = |(name, indexes): &(String, Vec<i32>)| {
                    OffsetFetchRequestTopic::default()
                        .with_name(topic_name(name))
                        .with_partition_indexes(indexes.clone())
                };
                OffsetFetchRequest::default()
                    .with_group_id(group_id(group))
                    .with_topics(topics.as_ref().map(|topics| topics.iter().map(topic).collect()))
            }
        };
        self.at_coordinator(group, "listConsumerGroupOffsets", |coordinator| {
            let call = self.call(coordinator, "listConsumerGroupOffsets", FETCH_BY_NAME, request);
            let (_, response) = self.wait(call)?;
            KafkaError::check(response.error_code, None)?;
            let mut found = BTreeMap::new();
            let mut take = |topic: String, index, offset, epoch: i32, metadata: String, error| {
                KafkaError::check(error, None)?;
                // A partition without a commit is answered with offset -1.
                if offset >= 0 {
                    let committed = Committed {
                        offset,
                        leader_epoch: (epoch >= 0).then_some(epoch),
                        metadata,
                    };
                    found.insert((topic, index), committed);
                }
                Ok(())
            };
            let text = |metadata: &Option<barnabas_protocol::messages::StrBytes>| {
                metadata.as_ref().map(ToString::to_string).unwrap_or_default()
            };
            for group in &response.groups {
                KafkaError::check(group.error_code, None)?;
                for topic in &group.topics {
                    for at in &topic.partitions {
                        let metadata = text(&at.metadata);
                        let epoch = at.committed_leader_epoch;
                        let name = topic.name.to_string();
                        take(
                            name,
                            at.partition_index,
                            at.committed_offset,
                            epoch,
                            metadata,
                            at.error_code,
                        )?;
                    }
                }
            }
            for topic in &response.topics {
                for at in &topic.partitions {
                    let metadata = text(&at.metadata);
                    let epoch = at.committed_leader_epoch;
                    let name = topic.name.to_string();
                    take(
                        name,
                        at.partition_index,
                        at.committed_offset,
                        epoch,
                        metadata,
                        at.error_code,
                    )?;
                }
            }
            Ok(found)
        })
    }
}
