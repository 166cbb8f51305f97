//! DeleteGroups and OffsetDelete: what an administrator may take away, and when.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::OffsetDeleteRequest;
use barnabas_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use super::{GroupShard, Outcome, require_group_id};
use crate::classic::state::ClassicState;
use crate::record::GroupRecord;

impl GroupShard {
    /// Deletes a group without members (DeleteGroups): GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, or its tombstones.
    pub fn delete_group(&self, group_id: &str) -> Result<Vec<GroupRecord>, ErrorCode> {
        let group = self.groups.get(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        if group.state != ClassicState::Empty {
            return Err(ErrorCode::NonEmptyGroup);
        }
        let mut records = Vec::new();
        for (topic, partitions) in self.offsets.of_group(group_id) {
            records.extend(
                partitions
                    .keys()
                    .map(|partition| offset_tombstone(&group.id, topic, *partition)),
            );
        }
        for (topic, partition) in self.pending.of_group(&group.id) {
            if self.offsets.get(group_id, topic, partition).is_none() {
                records.push(offset_tombstone(&group.id, topic, partition));
            }
        }
        records.push(GroupRecord::GroupMetadata {
            group: group.id.clone(),
            value: None,
        });
        Ok(records)
    }

    /// Deletes offsets of topics that the group does not read (OffsetDelete). The topics exist.
    pub fn delete_offsets(
        &self,
        request: &OffsetDeleteRequest,
    ) -> Result<Outcome<Vec<OffsetDeleteResponseTopic>>, ErrorCode> {
        require_group_id(&request.group_id)?;
        let group = self
            .groups
            .get(request.group_id.as_str())
            .ok_or(ErrorCode::GroupIdNotFound)?;
        if group.state != ClassicState::Empty && !group.uses_consumer_protocol() {
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
                let deletes = error == ErrorCode::None && self.offsets.get(&group.id, &name, index).is_some();
                if deletes {
                    records.push(offset_tombstone(&group.id, &name, index));
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

pub(super) fn offset_tombstone(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit {
        group: group.clone(),
        topic: topic.clone(),
        partition,
        value: None,
    }
}
