//! DeleteGroups and OffsetDelete: what an administrator may take away, and when.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::OffsetDeleteRequest;
use barnabas_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use super::{GroupShard, Outcome, require_group_id};
use crate::classic::group::ClassicGroup;
use crate::classic::state::ClassicState;
use crate::consumer::group::ConsumerGroup;
use crate::consumer::migrate::tombstones_of_group;
use crate::record::GroupRecord;
use crate::streams::fence::tombstones_of_streams_group;
use crate::streams::group::StreamsGroup;

impl GroupShard {
    /// Deletes a group without members (DeleteGroups): GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, or its
    /// tombstones.
    pub fn delete_group(&self, group_id: &str) -> Result<Vec<GroupRecord>, ErrorCode> {
        if let Some((group_id, group)) = self.share_groups.get_key_value(group_id) {
            return if group.is_empty() {
                Ok(GroupRecord::of_share_group(group_id, group.tombstones()))
            } else {
                Err(ErrorCode::NonEmptyGroup)
            };
        }
        let (group_id, is_empty) = match self.reader(group_id)? {
            Reader::Classic(group) => (&group.id, group.state == ClassicState::Empty),
            Reader::Consumer(group) => (&group.id, group.members.is_empty()),
            Reader::Streams(group) => (&group.id, group.members.is_empty()),
        };
        if !is_empty {
            return Err(ErrorCode::NonEmptyGroup);
        }
        let mut records = Vec::new();
        for (topic, partitions) in self.offsets.of_group(group_id) {
            records.extend(
                partitions
                    .keys()
                    .map(|partition| offset_tombstone(group_id, topic, *partition)),
            );
        }
        for (topic, partition) in self.pending.of_group(group_id) {
            if self.offsets.get(group_id, topic, partition).is_none() {
                records.push(offset_tombstone(group_id, topic, partition));
            }
        }
        records.extend(self.tombstones_of_empty(group_id));
        Ok(records)
    }

    fn reader(&self, group_id: &str) -> Result<Reader<'_>, ErrorCode> {
        let consumer = self.consumer_groups.get(group_id).map(Reader::Consumer);
        let streams = || self.streams_groups.get(group_id).map(Reader::Streams);
        let classic = || self.groups.get(group_id).map(Reader::Classic);
        consumer
            .or_else(streams)
            .or_else(classic)
            .ok_or(ErrorCode::GroupIdNotFound)
    }

    /// What deletes a group without members, of whatever kind.
    pub(super) fn tombstones_of_empty(&self, group_id: &Arc<str>) -> Vec<GroupRecord> {
        match self.reader(group_id) {
            Ok(Reader::Consumer(group)) => {
                GroupRecord::of_consumer_group(group_id, tombstones_of_group(group, &BTreeSet::new()))
            }
            Ok(Reader::Streams(group)) => {
                GroupRecord::of_streams_group(group_id, tombstones_of_streams_group(group))
            }
            Ok(Reader::Classic(_)) | Err(_) => vec![GroupRecord::GroupMetadata {
                group: group_id.clone(),
                value: None,
            }],
        }
    }

    /// Deletes offsets of topics that the group does not read (OffsetDelete). The topics exist.
    pub fn delete_offsets(
        &self,
        request: &OffsetDeleteRequest,
    ) -> Result<Outcome<Vec<OffsetDeleteResponseTopic>>, ErrorCode> {
        require_group_id(&request.group_id)?;
        let requested = request.group_id.as_str();
        let group = self.reader(requested)?;
        if let Reader::Classic(group) = group
            && group.state != ClassicState::Empty
            && !group.uses_consumer_protocol()
        {
            return Err(ErrorCode::NonEmptyGroup);
        }
        let mut records = Vec::new();
        let mut reply = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let name: Arc<str> = topic.name.as_str().into();
            let error = if group.is_subscribed_to(&name) {
                ErrorCode::GroupSubscribedToTopic
            } else {
                ErrorCode::None
            };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for index in topic.partitions.iter().map(|partition| partition.partition_index) {
                let deletes =
                    error == ErrorCode::None && self.offsets.get(group.id(), &name, index).is_some();
                if deletes {
                    records.push(offset_tombstone(group.id(), &name, index));
                }
                let answer = OffsetDeleteResponsePartition::default().with_partition_index(index);
                partitions.push(answer.with_error_code(error.code()));
            }
            reply.push(
                OffsetDeleteResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        Ok(Outcome { records, reply })
    }
}

/// A group of whatever kind, for its subscriptions.
#[derive(Clone, Copy)]
pub(super) enum Reader<'a> {
    Classic(&'a ClassicGroup),
    Consumer(&'a ConsumerGroup),
    Streams(&'a StreamsGroup),
}

impl<'a> Reader<'a> {
    pub(super) fn id(self) -> &'a Arc<str> {
        match self {
            Reader::Classic(group) => &group.id,
            Reader::Consumer(group) => &group.id,
            Reader::Streams(group) => &group.id,
        }
    }

    pub(super) fn is_subscribed_to(self, topic: &str) -> bool {
        match self {
            Reader::Classic(group) => group.is_subscribed_to(topic),
            Reader::Consumer(group) => group.is_subscribed_to(topic),
            Reader::Streams(group) => group.is_subscribed_to(topic),
        }
    }
}

pub(super) fn offset_tombstone(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit {
        group: group.clone(),
        topic: topic.clone(),
        partition,
        value: None,
    }
}
