//! From one image to the next: the one function that changes metadata, live and at start.
//!
//! Records were checked when they were decided. One that doesn't fit the image (a partition of an unknown
//! topic) can only come from a log that was tampered with; it is skipped and reported, so that every node
//! skips the same.

use std::mem;
use std::sync::Arc;

use uuid::Uuid;

use super::{MetadataDelta, MetadataImage, PartitionImage, QuotaEntity, TopicImage};
use crate::records::{
    BrokerRegistrationChange, ConfigResource, MetadataRecord, PartitionChangeRecord, PartitionRecord,
};

impl MetadataImage {
    /// The image after `records`, which are the entry at `offset` of the metadata log, written in term
    /// `epoch`.
    pub fn apply(
        &self,
        records: &[MetadataRecord],
        offset: i64,
        epoch: i32,
    ) -> (MetadataImage, MetadataDelta) {
        let mut image = self.clone();
        let delta = image.replay(records);
        (image.offset, image.epoch) = (offset, epoch);
        (image, delta)
    }

    /// Applies records to this image, which stays at its offset.
    pub(crate) fn replay(&mut self, records: &[MetadataRecord]) -> MetadataDelta {
        let mut step = Step {
            image: mem::take(self),
            delta: MetadataDelta::default(),
            created: Vec::new(),
        };
        for record in records {
            if !step.apply(record) {
                tracing::error!(
                    offset = step.image.offset,
                    ?record,
                    "a metadata record doesn't fit the image; it is skipped"
                );
            }
        }
        let (image, delta) = step.finish();
        *self = image;
        delta
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
        self.image.unknown.replaced_by(record);
        match record {
            MetadataRecord::Unknown(record) => self.image.unknown.add_record(record),
            MetadataRecord::Extended(extended) => {
                let fits = self.apply(&extended.record);
                if fits {
                    self.image.unknown.add_fields(extended);
                }
                return fits;
            }
            MetadataRecord::NoOp {} => {}
            MetadataRecord::ClusterId { cluster_id } => self.image.cluster_id = cluster_id.as_str().into(),
            MetadataRecord::RegisterBroker(record) => {
                Arc::make_mut(&mut self.image.brokers).insert(record.broker_id, Arc::new(record.clone()));
                self.delta.brokers_changed.insert(record.broker_id);
            }
            MetadataRecord::UnregisterBroker { broker_id, .. } => {
                self.delta.brokers_changed.insert(*broker_id);
                return Arc::make_mut(&mut self.image.brokers).remove(broker_id).is_some();
            }
            MetadataRecord::BrokerRegistrationChange(change) => return self.change_broker(change),
            MetadataRecord::RegisterController(record) => {
                Arc::make_mut(&mut self.image.controllers)
                    .insert(record.controller_id, Arc::new(record.clone()));
                self.delta.controllers_changed.insert(record.controller_id);
            }
            MetadataRecord::UnregisterController { controller_id } => {
                self.delta.controllers_changed.insert(*controller_id);
                return Arc::make_mut(&mut self.image.controllers)
                    .remove(controller_id)
                    .is_some();
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
            MetadataRecord::ClearElr { topic_id } => self.clear_elr(*topic_id),
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
                self.change_quota(entity, key, *value);
            }
            MetadataRecord::UserScramCredential(record) => {
                let credentials = Arc::make_mut(&mut self.image.scram);
                credentials
                    .entry(record.name.clone())
                    .or_default()
                    .insert(record.mechanism, Arc::new(record.clone()));
                self.delta.scram_changed = true;
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
                self.delta.scram_changed = true;
                return removed;
            }
            MetadataRecord::AccessControlEntry(record) => {
                Arc::make_mut(&mut self.image.acls).insert(record.id, Arc::new(record.clone()));
                self.delta.acls_changed.insert(record.id);
            }
            MetadataRecord::RemoveAccessControlEntry { id } => {
                self.delta.acls_changed.insert(*id);
                return Arc::make_mut(&mut self.image.acls).remove(id).is_some();
            }
            MetadataRecord::DelegationToken(record) => {
                Arc::make_mut(&mut self.image.delegation_tokens)
                    .insert(record.token_id.clone(), Arc::new(record.clone()));
                self.delta.delegation_tokens_changed = true;
            }
            MetadataRecord::RemoveDelegationToken { token_id } => {
                self.delta.delegation_tokens_changed = true;
                return Arc::make_mut(&mut self.image.delegation_tokens)
                    .remove(token_id)
                    .is_some();
            }
        }
        true
    }

    fn change_broker(&mut self, change: &BrokerRegistrationChange) -> bool {
        let brokers = Arc::make_mut(&mut self.image.brokers);
        let Some(broker) = brokers.get_mut(&change.broker_id).map(Arc::make_mut) else {
            return false;
        };
        broker.fenced = change.fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown = change
            .in_controlled_shutdown
            .unwrap_or(broker.in_controlled_shutdown);
        if let Some(log_dirs) = &change.log_dirs {
            broker.log_dirs.clone_from(log_dirs);
        }
        if let Some(cordoned) = &change.cordoned_log_dirs {
            broker.cordoned_log_dirs.clone_from(cordoned);
        }
        self.delta.brokers_changed.insert(change.broker_id);
        true
    }

    fn change_quota(&mut self, entity: &[(String, Option<String>)], key: &str, value: Option<f64>) {
        let quotas = Arc::make_mut(&mut self.image.quotas);
        let entity: QuotaEntity = entity.iter().cloned().collect();
        match value {
            Some(value) => drop(quotas.entry(entity).or_default().insert(key.to_owned(), value)),
            None => {
                if let Some(of_entity) = quotas.get_mut(&entity) {
                    of_entity.remove(key);
                    if of_entity.is_empty() {
                        quotas.remove(&entity);
                    }
                }
            }
        }
        self.delta.quotas_changed = true;
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
        let merged = partition.merge(record);
        self.set_partition(&record.topic_id, record.partition_id, merged);
        true
    }

    fn clear_elr(&mut self, of_topic: Option<Uuid>) {
        let topics: Vec<_> = match of_topic {
            Some(topic_id) => self.image.topics.by_id(&topic_id).cloned().into_iter().collect(),
            None => self.image.topics.iter().cloned().collect(),
        };
        for topic in topics {
            for (number, partition) in (0..).zip(&topic.partitions) {
                if let Some(cleared) = partition.without_elr() {
                    self.set_partition(&topic.id, number, cleared);
                }
            }
        }
    }

    fn set_partition(&mut self, topic_id: &Uuid, number: i32, partition: PartitionImage) {
        self.change_topic(topic_id, |topic| {
            topic.partitions[number as usize] = Arc::new(partition);
        });
        let delta = self.delta.partitions.entry(*topic_id).or_default();
        if !delta.created.contains(&number) {
            delta.changed.insert(number);
        }
    }

    /// Changes a topic. It is taken out of the maps first, so that many records for a new topic don't copy it
    /// once each.
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
