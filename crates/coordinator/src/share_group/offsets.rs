//! The offsets of a share group, which the share coordinator keeps: what is asked of it to describe, alter
//! and delete them, and to delete the group.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::{ShareGroup, ShareGroupRecord, ShareInitialization, StatePartitions, StateTopic};
use crate::assignor::Partitions;
use crate::consumer::refusal::Refusal;
use crate::group::{GroupShard, Outcome};
use crate::record::GroupRecord;

/// A topic of which a share group has offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareOffsetsTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: BTreeSet<i32>,
}

/// The partitions of which a group has offsets, by topic.
pub type ShareGroupOffsets = Vec<ShareOffsetsTopic>;

impl GroupShard {
    /// The partitions of which a share group has offsets. A group that does not exist, or is of another
    /// type, has none.
    pub fn share_offsets(&self, group_id: &str) -> ShareGroupOffsets {
        let Some(group) = self.share_groups.get(group_id) else {
            return Vec::new();
        };
        let topic = |(topic_id, topic): (&Uuid, &StateTopic)| ShareOffsetsTopic {
            name: topic.name.clone(),
            topic_id: *topic_id,
            partitions: topic.partitions.clone(),
        };
        group.states.initialized.iter().map(topic).collect()
    }

    /// The states of `wanted` are to begin anew, with the start offsets that the caller knows. A group that
    /// does not exist comes into being.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND: a group of another type. NON_EMPTY_GROUP.
    pub fn share_alter_offsets(
        &self,
        group_id: &str,
        wanted: &[ShareOffsetsTopic],
    ) -> Result<Outcome<ShareInitialization>, Refusal> {
        let new = ShareGroup::new();
        let group = match self.share_groups.get(group_id) {
            Some(group) => group,
            None if self.holds_other_than_share(group_id) => return Err(not_a_share_group(group_id)),
            None => &new,
        };
        if !group.is_empty() {
            return Err(ErrorCode::NonEmptyGroup.into());
        }
        let mut records = Vec::new();
        // Of nothing no group comes, as in Apache Kafka.
        if !self.share_groups.contains_key(group_id) && !wanted.is_empty() {
            records.push(ShareGroupRecord::Epoch(Some(group.epoch)));
            let target = crate::consumer::record::TargetEpoch {
                epoch: group.epoch.epoch,
                timestamp_ms: 0,
            };
            records.push(ShareGroupRecord::TargetEpoch(Some(target)));
        }
        let mut states = StatePartitions::clone(&group.states);
        let mut partitions = Partitions::new();
        for topic in wanted.iter().filter(|topic| !topic.partitions.is_empty()) {
            partitions.insert(topic.topic_id, topic.partitions.clone());
            let state = states
                .initializing
                .entry(topic.topic_id)
                .or_insert_with(|| StateTopic {
                    name: topic.name.clone(),
                    partitions: BTreeSet::new(),
                });
            state.partitions.extend(&topic.partitions);
        }
        if states != *group.states {
            records.push(ShareGroupRecord::StatePartitions(Some(Arc::new(states))));
        }
        Ok(Outcome {
            records: GroupRecord::of_share_group(&group_id.into(), records),
            reply: ShareInitialization {
                state_epoch: group.epoch.epoch,
                partitions,
            },
        })
    }

    /// The states of the topics with these ids, or of all, are to be forgotten: those that the group has, and
    /// the records that say so. [`Self::share_deleted`] ends it.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP.
    pub fn share_delete_offsets(
        &self,
        group_id: &str,
        topics: Option<&[Uuid]>,
    ) -> Result<Outcome<Partitions>, Refusal> {
        let group = self.known_share_group(group_id)?;
        if !group.is_empty() {
            return Err(ErrorCode::NonEmptyGroup.into());
        }
        let mut states = StatePartitions::clone(&group.states);
        let mut partitions = Partitions::new();
        for topics_of in [&group.states.initialized, &group.states.initializing] {
            for (topic_id, topic) in topics_of {
                if topics.is_none_or(|topics| topics.contains(topic_id)) {
                    partitions.entry(*topic_id).or_default().extend(&topic.partitions);
                    states.initialized.remove(topic_id);
                    states.initializing.remove(topic_id);
                    states.deleting.insert(*topic_id, topic.name.clone());
                }
            }
        }
        Ok(Outcome {
            records: self.state_partitions(group_id, states),
            reply: partitions,
        })
    }

    /// The states of these topics are forgotten.
    pub fn share_deleted(&self, group_id: &str, topics: &[Uuid]) -> Vec<GroupRecord> {
        let Some(group) = self.share_groups.get(group_id) else {
            return Vec::new();
        };
        let mut states = StatePartitions::clone(&group.states);
        states.deleting.retain(|topic_id, _| !topics.contains(topic_id));
        self.state_partitions(group_id, states)
    }
}

fn not_a_share_group(group_id: &str) -> Refusal {
    Refusal::not_found(format!("Group {group_id} is not a share group."))
}
