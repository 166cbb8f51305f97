//! OffsetFetch, versions 1 to 10, for one group: the offsets asked for, or all.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use barnabas_protocol::messages::{StrBytes, TopicName};

use super::GroupShard;
use crate::record::CommittedOffset;
use barnabas_protocol::java_order::{java_hash, timeline_map_order};

/// The answer where nothing was committed.
const NO_OFFSET: i64 = -1;

impl GroupShard {
    /// The group's offsets for the partitions asked for (-1 where there is none), or all it has if no topics
    /// are named. A group that does not exist has none. An offset of an earlier topic of the same name does
    /// not count. With `require_stable` a partition for which a transaction has an offset that is not decided
    /// has UNSTABLE_OFFSET_COMMIT instead (KIP-447).
    pub fn fetch_offsets(
        &self,
        request: &OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> OffsetFetchResponseGroup {
        let group_id = request.group_id.as_str();
        let mut answer = OffsetFetchResponseGroup::default();
        answer.group_id = request.group_id.clone();
        let is_unstable =
            |topic: &str, partition| require_stable && self.pending.is_open(group_id, topic, partition);
        if let Some(group) = self.consumer_groups.get(group_id)
            && let Err(error) =
                group.validate_offset_fetch(request.member_id.as_deref(), request.member_epoch)
        {
            answer.error_code = error.code();
            return answer;
        }
        if let Some(group) = self.streams_groups.get(group_id)
            && let Err(error) =
                group.validate_offset_fetch(request.member_id.as_deref(), request.member_epoch)
        {
            answer.error_code = error.code();
            return answer;
        }
        answer.topics = match &request.topics {
            None => self.all_offsets(group_id, is_unstable),
            Some(topics) => topics
                .iter()
                .map(|asked| {
                    let mut topic = OffsetFetchResponseTopics::default();
                    topic.name = asked.name.clone();
                    topic.topic_id = asked.topic_id;
                    let offset = |partition| {
                        let offset = self.offsets.get(group_id, &asked.name, partition)?;
                        let same = offset.topic_id.is_nil()
                            || asked.topic_id.is_nil()
                            || offset.topic_id == asked.topic_id;
                        same.then_some(offset)
                    };
                    topic.partitions = asked
                        .partition_indexes
                        .iter()
                        .map(|index| match is_unstable(&asked.name, *index) {
                            true => unstable(*index),
                            false => partition(*index, offset(*index)),
                        })
                        .collect();
                    topic
                })
                .collect(),
        };
        answer
    }

    /// All that the group has committed, in the order in which Kafka's tables hold it.
    fn all_offsets(
        &self,
        group_id: &str,
        is_unstable: impl Fn(&str, i32) -> bool,
    ) -> Vec<OffsetFetchResponseTopics> {
        let mut topics: Vec<_> = self.offsets.of_group(group_id).collect();
        timeline_map_order(&mut topics, |(name, _)| java_hash(name));
        let answer = |(name, partitions): (&Arc<str>, &BTreeMap<i32, CommittedOffset>)| {
            let mut partitions: Vec<_> = partitions.iter().collect();
            timeline_map_order(&mut partitions, |(index, _)| **index);
            let mut topic = OffsetFetchResponseTopics::default();
            topic.name = TopicName(StrBytes::from_string(name.to_string()));
            topic.partitions = partitions
                .into_iter()
                .map(|(index, offset)| match is_unstable(name, *index) {
                    true => unstable(*index),
                    false => partition(*index, Some(offset)),
                })
                .collect();
            topic
        };
        topics.into_iter().map(answer).collect()
    }
}

fn unstable(index: i32) -> OffsetFetchResponsePartitions {
    partition(index, None).with_error_code(ErrorCode::UnstableOffsetCommit.code())
}

fn partition(index: i32, offset: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let mut answer = OffsetFetchResponsePartitions::default();
    answer.partition_index = index;
    answer.committed_offset = offset.map_or(NO_OFFSET, |offset| offset.offset);
    answer.committed_leader_epoch = offset.map_or(-1, |offset| offset.leader_epoch);
    let metadata = offset
        .map(|offset| offset.metadata.to_string())
        .unwrap_or_default();
    answer.metadata = Some(StrBytes::from_string(metadata));
    answer
}
