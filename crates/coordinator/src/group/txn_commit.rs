//! TxnOffsetCommit: offsets that count when the producer's transaction commits; and what the transaction's
//! end does to them.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::TxnOffsetCommitRequest;
use barnabas_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use super::{GroupShard, Outcome};
use crate::record::{CommittedOffset, GroupRecord};

/// First version of TxnOffsetCommit that knows GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH (KIP-1319).
pub(crate) const GROUP_ERRORS_SINCE: i16 = 6;

impl GroupShard {
    /// Handles a TxnOffsetCommit request whose topics have names and ids and whose partitions exist. The
    /// records belong in a batch of the producer's transaction. An error stands for every partition.
    pub fn commit_offsets_in_transaction(
        &self,
        request: &TxnOffsetCommitRequest,
        api_version: i16,
        now: Now,
    ) -> Result<Outcome<Vec<TxnOffsetCommitResponseTopic>>, ErrorCode> {
        let group_id = self.validate_transactional_commit(request, api_version)?;
        let mut records = Vec::new();
        let mut reply = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let name: Arc<str> = topic.name.as_str().into();
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let answer = TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(partition.partition_index);
                let metadata = self.checked_metadata(partition.committed_metadata.as_ref());
                partitions.push(match metadata {
                    Err(error) => answer.with_error_code(error.code()),
                    Ok(metadata) => {
                        records.push(GroupRecord::OffsetCommit {
                            group: group_id.clone(),
                            topic: name.clone(),
                            partition: partition.partition_index,
                            value: Some(CommittedOffset {
                                offset: partition.committed_offset,
                                leader_epoch: partition.committed_leader_epoch,
                                metadata,
                                commit_timestamp_ms: now.wall_ms,
                                expire_timestamp_ms: None,
                                topic_id: topic.topic_id,
                            }),
                        });
                        answer
                    }
                });
            }
            reply.push(
                TxnOffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partitions(partitions),
            );
        }
        Ok(Outcome { records, reply })
    }

    fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
        api_version: i16,
    ) -> Result<Arc<str>, ErrorCode> {
        if let Some(group) = self.consumer_groups.get(request.group_id.as_str()) {
            group.validate_transactional_commit(request, api_version)?;
            return Ok(group.id.clone());
        }
        if let Some(group) = self.streams_groups.get(request.group_id.as_str()) {
            group.validate_transactional_commit(request, api_version)?;
            return Ok(group.id.clone());
        }
        let unknown = match api_version >= GROUP_ERRORS_SINCE {
            true => ErrorCode::GroupIdNotFound,
            false => ErrorCode::IllegalGeneration,
        };
        let Some(group) = self.groups.get(request.group_id.as_str()) else {
            // A share group commits nothing here.
            if self.share_groups.contains_key(request.group_id.as_str()) {
                return Err(unknown);
            }
            // Replaying the offset creates the group.
            return match request.generation_id_or_member_epoch {
                ..0 => Ok(request.group_id.as_str().into()),
                _ => Err(unknown),
            };
        };
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        group.validate_transactional_commit(
            &request.member_id,
            instance_id,
            request.generation_id_or_member_epoch,
        )?;
        Ok(group.id.clone())
    }

    /// Applies a record of a producer's transaction that is not decided yet.
    pub fn replay_in_transaction(&mut self, producer_id: i64, record: GroupRecord, now: Now) {
        match record {
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                value: Some(value),
            } => {
                self.create_for_offset(&group, now);
                self.pending.put(producer_id, group, topic, partition, value);
            }
            other => self.replay(other, now),
        }
    }

    /// Applies the end of a producer's transaction.
    pub fn end_transaction(&mut self, producer_id: i64, committed: bool) {
        for ((group, topic, partition), offset) in self.pending.end(producer_id, committed) {
            self.offsets.put(&group, &topic, partition, offset);
        }
    }
}
