//! What a list of records changed: what a broker has to do about a new image.
//!
//! The delta names what changed; how it is now, the new image says. Partitions that were created and deleted
//! by the same records are in neither list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{MetadataImage, TopicImage};
use crate::records::ConfigResource;

/// The difference between an image and the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataDelta {
    /// New topics, as they are in the new image.
    pub topics_created: Vec<Arc<TopicImage>>,
    /// Topics that are gone, as they were.
    pub topics_deleted: Vec<Arc<TopicImage>>,
    /// The partitions of each topic that are new or changed; those of new topics too.
    pub partitions: BTreeMap<Uuid, PartitionDelta>,
    /// Resources whose configs changed, deleted topics too.
    pub configs_changed: BTreeSet<ConfigResource>,
    /// Brokers that came, changed or left.
    pub brokers_changed: BTreeSet<i32>,
    /// Controllers that came or changed.
    pub controllers_changed: BTreeSet<i32>,
    /// Whether a feature level changed.
    pub features_changed: bool,
    /// Whether a client quota changed.
    pub quotas_changed: bool,
    /// Whether a SCRAM credential changed.
    pub scram_changed: bool,
    /// Access control entries that came, changed or left.
    pub acls_changed: BTreeSet<Uuid>,
    /// Whether a delegation token changed.
    pub delegation_tokens_changed: bool,
}

/// What changed of one topic's partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionDelta {
    /// New partitions.
    pub created: BTreeSet<i32>,
    /// Partitions that were there before and have another leader, ISR or epoch now.
    pub changed: BTreeSet<i32>,
}

impl MetadataDelta {
    /// What leads from one image to another: from the empty one what a node that has just loaded its metadata
    /// has to do, from any other what a snapshot brings.
    pub fn between(old: &MetadataImage, new: &MetadataImage) -> Self {
        let mut delta = Self {
            topics_deleted: old
                .topics
                .iter()
                .filter(|topic| new.topics.by_id(&topic.id).is_none())
                .cloned()
                .collect(),
            configs_changed: changed_configs(old, new),
            brokers_changed: changed_keys(&old.brokers, &new.brokers),
            controllers_changed: changed_keys(&old.controllers, &new.controllers),
            features_changed: old.features != new.features,
            quotas_changed: old.quotas != new.quotas,
            scram_changed: old.scram != new.scram,
            acls_changed: changed_keys(&old.acls, &new.acls),
            delegation_tokens_changed: old.delegation_tokens != new.delegation_tokens,
            ..Self::default()
        };
        for topic in new.topics.iter() {
            let before = old.topics.by_id(&topic.id);
            if before.is_some_and(|before| Arc::ptr_eq(before, topic)) {
                continue;
            }
            if before.is_none() {
                delta.topics_created.push(topic.clone());
            }
            let mut partitions = PartitionDelta::default();
            for (number, partition) in (0..).zip(&topic.partitions) {
                match before.and_then(|before| before.partition(number)) {
                    None => drop(partitions.created.insert(number)),
                    Some(before) if before != partition => drop(partitions.changed.insert(number)),
                    Some(_) => {}
                }
            }
            if partitions != PartitionDelta::default() {
                delta.partitions.insert(topic.id, partitions);
            }
        }
        delta
    }

    /// Adds the delta that follows on this one; [`MetadataDelta::settle`] comes after the last.
    pub fn merge(&mut self, next: MetadataDelta) {
        for topic in next.topics_deleted {
            self.partitions.remove(&topic.id);
            match self
                .topics_created
                .iter()
                .position(|created| created.id == topic.id)
            {
                Some(index) => drop(self.topics_created.swap_remove(index)),
                None => self.topics_deleted.push(topic),
            }
        }
        self.topics_created.extend(next.topics_created);
        for (topic_id, partitions) in next.partitions {
            let merged = self.partitions.entry(topic_id).or_default();
            merged.created.extend(partitions.created);
            merged.changed.extend(partitions.changed);
            let PartitionDelta { created, changed } = merged;
            changed.retain(|partition| !created.contains(partition));
        }
        self.configs_changed.extend(next.configs_changed);
        self.brokers_changed.extend(next.brokers_changed);
        self.controllers_changed.extend(next.controllers_changed);
        self.features_changed |= next.features_changed;
        self.quotas_changed |= next.quotas_changed;
        self.scram_changed |= next.scram_changed;
        self.acls_changed.extend(next.acls_changed);
        self.delegation_tokens_changed |= next.delegation_tokens_changed;
    }

    /// Gives the new topics of merged deltas as they are in `image`, to which the last of them leads.
    pub fn settle(&mut self, image: &MetadataImage) {
        for topic in &mut self.topics_created {
            if let Some(now) = image.topics.by_id(&topic.id) {
                topic.clone_from(now);
            }
        }
    }
}

fn changed_keys<K: Copy + Ord, V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> BTreeSet<K> {
    let keys = old.keys().chain(new.keys());
    keys.filter(|key| old.get(key) != new.get(key)).copied().collect()
}

fn changed_configs(old: &MetadataImage, new: &MetadataImage) -> BTreeSet<ConfigResource> {
    let resources = old.configs.iter().chain(new.configs.iter());
    resources
        .map(|(resource, _)| resource)
        .filter(|resource| old.configs.get(resource) != new.configs.get(resource))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{MetadataRecord, PartitionChangeRecord, PartitionRecord};

    fn topic(id: u128) -> MetadataRecord {
        MetadataRecord::Topic {
            name: format!("topic-{}", id % 10),
            topic_id: Uuid::from_u128(id),
        }
    }

    fn partition(id: u128, partition_id: i32) -> MetadataRecord {
        MetadataRecord::Partition(PartitionRecord {
            topic_id: Uuid::from_u128(id),
            partition_id,
            ..PartitionRecord::default()
        })
    }

    fn elect(id: u128, partition_id: i32) -> MetadataRecord {
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            topic_id: Uuid::from_u128(id),
            partition_id,
            leader: Some(1),
            ..PartitionChangeRecord::default()
        })
    }

    fn remove(id: u128) -> MetadataRecord {
        MetadataRecord::RemoveTopic {
            topic_id: Uuid::from_u128(id),
        }
    }

    /// However the records are cut into entries, and whether a snapshot comes instead, the delta is the same.
    #[test]
    fn merged_deltas_and_those_of_snapshots_are_those_of_one_entry() {
        let before = [
            topic(1),
            partition(1, 0),
            partition(1, 1),
            topic(2),
            partition(2, 0),
        ];
        let steps = [
            vec![topic(3), partition(3, 0)],
            vec![elect(1, 1), partition(1, 2)],
            vec![elect(1, 2), elect(3, 0), partition(3, 1)],
            // Created and gone again; gone and made anew under another id.
            vec![topic(4), partition(4, 0)],
            vec![remove(4), remove(2)],
            vec![topic(12), partition(12, 0)],
        ];
        let (start, _) = MetadataImage::empty().apply(&before, 1, 1);
        let (end, mut whole) = start.apply(&steps.concat(), 2, 1);
        let (mut image, mut merged) = (start.clone(), MetadataDelta::default());
        for step in steps {
            let (next, delta) = image.apply(&step, 2, 1);
            merged.merge(delta);
            image = next;
        }
        merged.settle(&image);
        assert_eq!(image, end);
        assert_eq!(whole.topics_deleted.len(), 1);
        assert_eq!(whole.topics_created.len(), 2);
        let mut between = MetadataDelta::between(&start, &end);
        for delta in [&mut whole, &mut merged, &mut between] {
            delta.topics_created.sort_by_key(|topic| topic.id);
        }
        assert_eq!(merged, whole);
        assert_eq!(between, whole);
    }
}
