//! What a list of records changed: what a broker has to do about a new image.
//!
//! The delta names what changed; how it is now, the new image says. Partitions that were created and deleted by the same
//! records are in neither list.

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
    /// Whether a feature level changed.
    pub features_changed: bool,
    /// Whether a client quota changed.
    pub quotas_changed: bool,
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
    /// The delta from nothing to `image`: what a node that has just loaded its metadata has to do.
    pub fn from_empty(image: &MetadataImage) -> Self {
        let created = |topic: &Arc<TopicImage>| PartitionDelta {
            created: (0..topic.partitions.len() as i32).collect(),
            changed: BTreeSet::new(),
        };
        Self {
            topics_created: image.topics.iter().cloned().collect(),
            topics_deleted: Vec::new(),
            partitions: image
                .topics
                .iter()
                .map(|topic| (topic.id, created(topic)))
                .collect(),
            configs_changed: image
                .configs
                .iter()
                .map(|(resource, _)| resource.clone())
                .collect(),
            brokers_changed: image.brokers.keys().copied().collect(),
            features_changed: !image.features.levels.is_empty(),
            quotas_changed: !image.quotas.is_empty(),
        }
    }
}
