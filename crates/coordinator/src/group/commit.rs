//! OffsetCommit, versions 2 to 10: a member of the current generation, or anyone while the group has no
//! members.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use barnabas_protocol::messages::{OffsetCommitRequest, StrBytes};

use super::{GroupShard, Outcome};
use crate::classic::state::ClassicState;
use crate::record::{CommittedOffset, GroupRecord};

/// From this version on a commit to a group that does not exist says so instead of ILLEGAL_GENERATION
/// (KIP-848).
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

/// The retention time that means "as the broker is configured".
const DEFAULT_RETENTION_TIME_MS: i64 = -1;

impl GroupShard {
    /// Handles an OffsetCommit request whose topics exist, each with its name and its id. An error stands for
    /// every partition.
    pub fn commit_offsets(
        &mut self,
        request: &OffsetCommitRequest,
        api_version: i16,
        now: Now,
    ) -> Result<Outcome<Vec<OffsetCommitResponseTopic>>, ErrorCode> {
        let group_id = self.validate_commit(request, api_version, now)?;
        // What a client asks for need not be possible; the sum wraps as Kafka's does.
        let expire_timestamp_ms = Some(request.retention_time_ms)
            .filter(|retention_ms| *retention_ms != DEFAULT_RETENTION_TIME_MS)
            .map(|retention_ms| now.wall_ms.wrapping_add(retention_ms));

        let mut records = Vec::new();
        let mut reply = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let name: Arc<str> = topic.name.as_str().into();
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let mut answer = OffsetCommitResponsePartition::default();
                answer.partition_index = partition.partition_index;
                match self.checked_metadata(partition.committed_metadata.as_ref()) {
                    Err(error) => answer.error_code = error.code(),
                    Ok(metadata) => records.push(GroupRecord::OffsetCommit {
                        group: group_id.clone(),
                        topic: name.clone(),
                        partition: partition.partition_index,
                        value: Some(CommittedOffset {
                            offset: partition.committed_offset,
                            leader_epoch: partition.committed_leader_epoch,
                            metadata,
                            commit_timestamp_ms: now.wall_ms,
                            expire_timestamp_ms,
                            topic_id: topic.topic_id,
                        }),
                    }),
                }
                partitions.push(answer);
            }
            let mut answer = OffsetCommitResponseTopic::default();
            answer.name = topic.name.clone();
            answer.topic_id = topic.topic_id;
            answer.partitions = partitions;
            reply.push(answer);
        }
        Ok(Outcome { records, reply })
    }

    fn validate_commit(
        &mut self,
        request: &OffsetCommitRequest,
        api_version: i16,
        now: Now,
    ) -> Result<Arc<str>, ErrorCode> {
        let member_id = request.member_id.as_str();
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        let generation_id = request.generation_id_or_member_epoch;
        if let Some(group) = self.consumer_groups.get(request.group_id.as_str()) {
            group.validate_offset_commit(request, api_version)?;
            return Ok(group.id.clone());
        }
        if let Some(group) = self.streams_groups.get(request.group_id.as_str()) {
            group.validate_offset_commit(request, api_version)?;
            return Ok(group.id.clone());
        }
        let Some(group) = self.groups.get(request.group_id.as_str()) else {
            // A share group commits nothing here.
            if self.share_groups.contains_key(request.group_id.as_str()) {
                return Err(ErrorCode::GroupIdNotFound);
            }
            // Replaying the offset creates the group, and only then has it to exist.
            return match generation_id {
                ..0 => Ok(request.group_id.as_str().into()),
                _ if api_version >= GROUP_ID_NOT_FOUND_SINCE => Err(ErrorCode::GroupIdNotFound),
                _ => Err(ErrorCode::IllegalGeneration),
            };
        };
        group.validate_offset_commit(member_id, instance_id, generation_id)?;
        let group_id = group.id.clone();
        // A commit is a sign of life.
        if matches!(
            group.state,
            ClassicState::Stable | ClassicState::PreparingRebalance
        ) {
            self.reschedule_session(&group_id, member_id, now);
        }
        Ok(group_id)
    }

    pub(super) fn checked_metadata(&self, metadata: Option<&StrBytes>) -> Result<Box<str>, ErrorCode> {
        let metadata = metadata.map(|metadata| metadata.as_str()).unwrap_or_default();
        // Java counts UTF-16 units, and there are never more of them than bytes.
        let max = self.config.offset_metadata_max_bytes;
        if metadata.len() > max && metadata.encode_utf16().count() > max {
            return Err(ErrorCode::OffsetMetadataTooLarge);
        }
        Ok(metadata.into())
    }
}
