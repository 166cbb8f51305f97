//! The committed offsets of a shard, by group, topic and partition. Changed by replay only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::record::CommittedOffset;

type ByPartition = BTreeMap<i32, CommittedOffset>;
type ByTopic = BTreeMap<Arc<str>, ByPartition>;

/// Committed offsets. No group and no topic is kept without an offset.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Offsets {
    by_group: BTreeMap<Arc<str>, ByTopic>,
}

impl Offsets {
    pub(crate) fn put(
        &mut self,
        group: &Arc<str>,
        topic: &Arc<str>,
        partition: i32,
        offset: CommittedOffset,
    ) {
        // Cloning the key only when it is new keeps the usual commit free of it.
        let topics = match self.by_group.get_mut(group) {
            Some(topics) => topics,
            None => self.by_group.entry(group.clone()).or_default(),
        };
        match topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, offset),
            None => topics.entry(topic.clone()).or_default().insert(partition, offset),
        };
    }

    pub(crate) fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        let Some(topics) = self.by_group.get_mut(group) else {
            return;
        };
        let Some(partitions) = topics.get_mut(topic) else {
            return;
        };
        partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.by_group.remove(group);
        }
    }

    pub(crate) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_group.get(group)?.get(topic)?.get(&partition)
    }

    /// The group's offsets, by topic.
    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = (&Arc<str>, &ByPartition)> {
        self.by_group.get(group).into_iter().flatten()
    }

    /// The groups that have offsets.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_group.keys()
    }
}
