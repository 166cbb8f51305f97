//! From one image to the next: the one function that changes metadata, live and at start.
//!
//! Records were checked when they were decided. One that doesn't fit the image (a partition of an unknown topic) can only come
//! from a log that was tampered with; it is skipped and reported, so that every node skips the same.

use std::sync::Arc;

use uuid::Uuid;

use super::{MetadataDelta, MetadataImage, PartitionImage, TopicImage};
use crate::records::{ConfigResource, MetadataRecord, PartitionChangeRecord, PartitionRecord};

impl MetadataImage {
    /// The image after `records`, which are the entry at `offset` of the metadata log, written in term `epoch`.
    pub fn apply(
        &self,
        records: &[MetadataRecord],
        offset: i64,
        epoch: i32,
    ) -> (MetadataImage, MetadataDelta) {
        let mut step = Step {
            image: self.clone(),
            delta: MetadataDelta::default(),
            created: Vec::new(),
        };
        for record in records {
            if !step.apply(record) {
                tracing::error!(
                    offset,
                    ?record,
                    "a metadata record doesn't fit the image; it is skipped"
                );
            }
        }
        step.image.offset = offset;
        step.image.epoch = epoch;
        step.finish()
    }
}

struct Step {
    image: MetadataImage,
    delta: MetadataDelta,
    /// Topics that these records create; looked up at the end, when they have their partitions.
    created: Vec<Uuid>,
}

impl Step {
    /// Applies one record; false when it doesn't fit.
    fn apply(&mut self, record: &MetadataRecord) -> bool {
        match record {
            MetadataRecord::ClusterId { cluster_id } => self.image.cluster_id = cluster_id.as_str().into(),
            MetadataRecord::RegisterBroker(record) => {
                Arc::make_mut(&mut self.image.brokers).insert(record.broker_id, Arc::new(record.clone()));
                self.delta.brokers_changed.insert(record.broker_id);
            }
            MetadataRecord::UnregisterBroker { broker_id, .. } => {
                self.delta.brokers_changed.insert(*broker_id);
                return Arc::make_mut(&mut self.image.brokers).remove(broker_id).is_some();
            }
            MetadataRecord::BrokerRegistrationChange {
                broker_id,
                fenced,
                in_controlled_shutdown,
                ..
            } => {
                let brokers = Arc::make_mut(&mut self.image.brokers);
                let Some(broker) = brokers.get_mut(broker_id).map(Arc::make_mut) else {
                    return false;
                };
                broker.fenced = fenced.unwrap_or(broker.fenced);
                broker.in_controlled_shutdown =
                    in_controlled_shutdown.unwrap_or(broker.in_controlled_shutdown);
                self.delta.brokers_changed.insert(*broker_id);
            }
            MetadataRecord::Topic { name, topic_id } => {
                if self.image.topics.by_name(name).is_some() || self.image.topics.by_id(topic_id).is_some() {
                    return false;
                }
                let topic = TopicImage {
                    name: name.as_str().into(),
                    id: *topic_id,
                    partitions: Vec::new(),
                };
                self.image.topics.insert(Arc::new(topic));
                self.created.push(*topic_id);
            }
            MetadataRecord::RemoveTopic { topic_id } => return self.remove_topic(topic_id),
            MetadataRecord::Partition(record) => return self.add_partition(record),
            MetadataRecord::PartitionChange(record) => return self.change_partition(record),
            MetadataRecord::Config {
                resource,
                name,
                value,
            } => {
                self.image.configs.set(resource, name, value.as_deref());
                self.delta.configs_changed.insert(resource.clone());
            }
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                self.image.next_producer_id = *next_producer_id
            }
            MetadataRecord::FeatureLevel { name, level } => {
                let levels = &mut Arc::make_mut(&mut self.image.features).levels;
                match level {
                    0 => levels.remove(name),
                    _ => levels.insert(name.clone(), *level),
                };
                self.delta.features_changed = true;
            }
            MetadataRecord::ClientQuota { entity, key, value } => {
                let quotas = Arc::make_mut(&mut self.image.quotas);
                let entity = entity.iter().cloned().collect();
                let of_entity = quotas.entry(entity).or_default();
                match value {
                    Some(value) => of_entity.insert(key.clone(), *value),
                    None => of_entity.remove(key),
                };
                quotas.retain(|_, quotas| !quotas.is_empty());
                self.delta.quotas_changed = true;
            }
            MetadataRecord::UserScramCredential(record) => {
                let credentials = Arc::make_mut(&mut self.image.scram);
                credentials
                    .entry(record.name.clone())
                    .or_default()
                    .insert(record.mechanism, Arc::new(record.clone()));
            }
            MetadataRecord::RemoveUserScramCredential { name, mechanism } => {
                let credentials = Arc::make_mut(&mut self.image.scram);
                let Some(of_user) = credentials.get_mut(name) else {
                    return false;
                };
                let removed = of_user.remove(mechanism).is_some();
                if of_user.is_empty() {
                    credentials.remove(name);
                }
                return removed;
            }
        }
        true
    }

    fn remove_topic(&mut self, topic_id: &Uuid) -> bool {
        let Some(topic) = self.image.topics.remove(topic_id) else {
            return false;
        };
        let resource = ConfigResource::topic(&*topic.name);
        if self.image.configs.remove(&resource) {
            self.delta.configs_changed.insert(resource);
        }
        self.delta.partitions.remove(topic_id);
        match self.created.iter().position(|created| created == topic_id) {
            Some(index) => drop(self.created.swap_remove(index)),
            None => self.delta.topics_deleted.push(topic),
        }
        true
    }

    fn add_partition(&mut self, record: &PartitionRecord) -> bool {
        let Some(topic) = self.image.topics.by_id(&record.topic_id) else {
            return false;
        };
        if usize::try_from(record.partition_id) != Ok(topic.partitions.len()) {
            return false;
        }
        self.change_topic(&record.topic_id, |topic| {
            topic.partitions.push(Arc::new(PartitionImage::from(record)))
        });
        self.delta
            .partitions
            .entry(record.topic_id)
            .or_default()
            .created
            .insert(record.partition_id);
        true
    }

    fn change_partition(&mut self, record: &PartitionChangeRecord) -> bool {
        let found = self
            .image
            .topics
            .by_id(&record.topic_id)
            .and_then(|topic| topic.partition(record.partition_id));
        let Some(partition) = found else { return false };
        let merged = Arc::new(partition.merge(record));
        self.change_topic(&record.topic_id, |topic| {
            topic.partitions[record.partition_id as usize] = merged
        });
        let delta = self.delta.partitions.entry(record.topic_id).or_default();
        if !delta.created.contains(&record.partition_id) {
            delta.changed.insert(record.partition_id);
        }
        true
    }

    /// Changes a topic. It is taken out of the maps first, so that many records for a new topic don't copy it once each.
    fn change_topic(&mut self, topic_id: &Uuid, change: impl FnOnce(&mut TopicImage)) {
        if let Some(mut topic) = self.image.topics.remove(topic_id) {
            change(Arc::make_mut(&mut topic));
            self.image.topics.insert(topic);
        }
    }

    fn finish(mut self) -> (MetadataImage, MetadataDelta) {
        let created = self
            .created
            .iter()
            .filter_map(|id| self.image.topics.by_id(id).cloned());
        self.delta.topics_created = created.collect();
        (self.image, self.delta)
    }
}
