//! Who may commit and fetch offsets of a streams group.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{OffsetCommitRequest, TxnOffsetCommitRequest};

use super::group::StreamsGroup;
use super::member::StreamsMember;
use super::tasks::ActiveTasks;
use crate::group::txn_commit::GROUP_ERRORS_SINCE;

/// From this version on OffsetCommit has room for a member's epoch.
const MEMBER_EPOCH_SINCE: i16 = 9;

impl StreamsGroup {
    /// Whether a commit is taken: from anyone while the group has no members, else from a member in its
    /// epoch. An older epoch will do for partitions of tasks that the member has had since then (KIP-1251).
    pub(crate) fn validate_offset_commit(
        &self,
        request: &OffsetCommitRequest,
        api_version: i16,
    ) -> Result<(), ErrorCode> {
        let epoch = request.generation_id_or_member_epoch;
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        let member = self
            .known_member(&request.member_id)
            .map_err(|refusal| refusal.code)?;
        if api_version < MEMBER_EPOCH_SINCE {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let partitions = request.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| (topic.name.as_str(), partition.partition_index))
        });
        self.check_commit_epoch(member, epoch, partitions)
    }

    /// Whether a commit in a transaction is taken: as any other, but a producer need not say who it is.
    pub(crate) fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
        api_version: i16,
    ) -> Result<(), ErrorCode> {
        let epoch = request.generation_id_or_member_epoch;
        let is_nameless = epoch == -1 && request.member_id.is_empty() && request.group_instance_id.is_none();
        if is_nameless || (epoch < 0 && self.members.is_empty()) {
            return Ok(());
        }
        let member = self
            .known_member(&request.member_id)
            .map_err(|refusal| refusal.code)?;
        let partitions = request.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| (topic.name.as_str(), partition.partition_index))
        });
        self.check_commit_epoch(member, epoch, partitions)
            .map_err(|error| match api_version {
                GROUP_ERRORS_SINCE.. => error,
                _ => ErrorCode::IllegalGeneration,
            })
    }

    /// Whether a member may read the offsets: an administrator, who names none, always.
    pub(crate) fn validate_offset_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(member_id) = member_id.or(Some("").filter(|_| epoch >= 0)) else {
            return Ok(());
        };
        let member = self.known_member(member_id).map_err(|refusal| refusal.code)?;
        if member.epoch() == epoch {
            Ok(())
        } else {
            Err(ErrorCode::StaleMemberEpoch)
        }
    }

    fn check_commit_epoch<'a>(
        &self,
        member: &StreamsMember,
        epoch: i32,
        mut partitions: impl Iterator<Item = (&'a str, i32)>,
    ) -> Result<(), ErrorCode> {
        let current = &member.current;
        let since = |topic: &str, partition: i32| {
            let subtopology = self.topology.as_ref()?.reader_of(topic)?;
            let of = |tasks: &ActiveTasks| tasks.get(subtopology)?.get(&partition).copied();
            of(&current.assigned.active).or_else(|| of(&current.revoking.active))
        };
        let has_had = |(topic, partition)| since(topic, partition).is_some_and(|since| since <= epoch);
        if epoch == current.epoch || (epoch < current.epoch && partitions.all(has_had)) {
            Ok(())
        } else {
            Err(ErrorCode::StaleMemberEpoch)
        }
    }
}
