//! The partitions of which a share group has a state: which are to begin, which have, which go.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_environment::Now;
use uuid::Uuid;

use super::{ShareGroup, ShareGroupRecord, StatePartitions, StateTopic};
use crate::assignor::Partitions;
use crate::cluster::ClusterView;
use crate::group::GroupShard;
use crate::record::GroupRecord;

/// How long is waited before the share coordinator is asked again to begin states of which nothing was heard
/// (`group.share.initialize.retry.interval.ms`, internal to Kafka).
const INITIALIZE_RETRY_MS: i64 = 30_000;

/// States that the share coordinator is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareInitialization {
    /// The epoch that they begin with: the group's.
    pub state_epoch: i32,
    /// Of which partitions.
    pub partitions: Partitions,
}

impl ShareGroup {
    /// The partitions that members of the group may have: those whose states have begun, of topics that
    /// exist.
    pub(super) fn assignable(&self, cluster: &dyn ClusterView) -> Partitions {
        let mut assignable = Partitions::new();
        for (topic_id, topic) in &self.states.initialized {
            let count = cluster
                .topic_by_id(topic_id)
                .map_or(0, |topic| topic.partition_count);
            let partitions: BTreeSet<i32> = topic.partitions.range(..count).copied().collect();
            if !partitions.is_empty() {
                assignable.insert(*topic_id, partitions);
            }
        }
        assignable
    }

    /// Whether states have begun of which nobody has the partition, though somebody reads the topic.
    pub(super) fn has_unassigned(&self, subscribed: &BTreeSet<Arc<str>>, cluster: &dyn ClusterView) -> bool {
        let is_unassigned = |topic_id: &Uuid, partition: &i32| {
            let has = |target: &Arc<Partitions>| {
                target
                    .get(topic_id)
                    .is_some_and(|partitions| partitions.contains(partition))
            };
            !self.targets.values().any(has)
        };
        let assignable = self.assignable(cluster);
        assignable.iter().any(|(topic_id, partitions)| {
            let name = self.states.initialized.get(topic_id).map(|topic| &topic.name);
            name.is_some_and(|name| subscribed.contains(name))
                && partitions
                    .iter()
                    .any(|partition| is_unassigned(topic_id, partition))
        })
    }

    /// The states that have to begin, and the record that says so, if it is not said yet.
    pub(super) fn initialize(
        &self,
        subscribed: &BTreeSet<Arc<str>>,
        group_epoch: i32,
        cluster: &dyn ClusterView,
        now: Now,
    ) -> (Option<ShareGroupRecord>, Option<ShareInitialization>) {
        let mut states = StatePartitions::clone(&self.states);
        let mut partitions = Partitions::new();
        for name in subscribed {
            let Some(topic) = cluster
                .topic(name)
                .filter(|topic| !states.deleting.contains_key(&topic.id))
            else {
                continue;
            };
            let begun = states.initialized.get(&topic.id);
            let missing: BTreeSet<i32> = (0..topic.partition_count)
                .filter(|partition| begun.is_none_or(|begun| !begun.partitions.contains(partition)))
                .collect();
            if !missing.is_empty() {
                partitions.insert(topic.id, missing.clone());
                let state = StateTopic {
                    name: name.clone(),
                    partitions: missing,
                };
                states.initializing.insert(topic.id, state);
            }
        }
        let is_said = states == *self.states;
        let waits = self
            .initializing_since_ms
            .is_some_and(|since_ms| now.monotonic_ms < since_ms.saturating_add(INITIALIZE_RETRY_MS));
        if partitions.is_empty() || (is_said && waits) {
            return (None, None);
        }
        let record = (!is_said).then(|| ShareGroupRecord::StatePartitions(Some(Arc::new(states))));
        let initialization = ShareInitialization {
            state_epoch: group_epoch,
            partitions,
        };
        (record, Some(initialization))
    }
}

impl GroupShard {
    /// The share coordinator has begun the states of `begun`, and not those of `failed`, which a later
    /// heartbeat asks for again.
    pub fn share_initialized(
        &mut self,
        group_id: &str,
        begun: &Partitions,
        failed: &Partitions,
    ) -> Vec<GroupRecord> {
        let Some(group) = self.share_groups.get_mut(group_id) else {
            return Vec::new();
        };
        if !failed.is_empty() {
            group.initializing_since_ms = None;
        }
        let mut states = StatePartitions::clone(&group.states);
        let begun = begun
            .iter()
            .map(|(topic_id, partitions)| (topic_id, partitions, true));
        let failed = failed
            .iter()
            .map(|(topic_id, partitions)| (topic_id, partitions, false));
        for (topic_id, partitions, has_begun) in begun.chain(failed) {
            // A topic that was deleted meanwhile isn't there any more.
            let Some(topic) = states.initializing.get_mut(topic_id) else {
                continue;
            };
            let name = topic.name.clone();
            topic
                .partitions
                .retain(|partition| !partitions.contains(partition));
            if topic.partitions.is_empty() {
                states.initializing.remove(topic_id);
            }
            if has_begun {
                let topic = states.initialized.entry(*topic_id).or_insert_with(|| StateTopic {
                    name,
                    partitions: BTreeSet::new(),
                });
                topic.partitions.extend(partitions);
            }
        }
        self.state_partitions(group_id, states)
    }

    /// The records that forget what groups know of deleted topics.
    pub(crate) fn share_forget_topics(&self, deleted: &[(Arc<str>, Uuid)]) -> Vec<GroupRecord> {
        let mut records = Vec::new();
        for (group_id, group) in &self.share_groups {
            let mut states = StatePartitions::clone(&group.states);
            for (_, topic_id) in deleted {
                states.initializing.remove(topic_id);
                states.initialized.remove(topic_id);
                states.deleting.remove(topic_id);
            }
            records.extend(self.state_partitions(group_id, states));
        }
        records
    }

    /// The record that makes `states` those of the group, if they are others.
    pub(super) fn state_partitions(&self, group_id: &str, states: StatePartitions) -> Vec<GroupRecord> {
        match self.share_groups.get_key_value(group_id) {
            Some((group_id, group)) if *group.states != states => {
                let record = ShareGroupRecord::StatePartitions(Some(Arc::new(states)));
                GroupRecord::of_share_group(group_id, vec![record])
            }
            _ => Vec::new(),
        }
    }
}
