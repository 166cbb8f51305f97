//! An image as records: applying them to the empty image gives the image again.
//!
//! Snapshots on disk are such lists, so there is one format to keep readable and one function that rebuilds
//! an image.

use std::sync::Arc;

use uuid::Uuid;

use super::{MetadataImage, PartitionImage};
use crate::records::{
    AccessControlEntryRecord, BrokerRegistration, ControllerRegistration, DelegationTokenRecord,
    MetadataRecord, PartitionRecord, ScramCredentialRecord,
};

impl MetadataImage {
    /// The records that build this image from the empty one.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::with_capacity(16 + 2 * self.topics.len());
        if !self.cluster_id.is_empty() {
            records.push(MetadataRecord::ClusterId {
                cluster_id: self.cluster_id.to_string(),
            });
        }
        for (name, level) in &self.features.levels {
            records.push(MetadataRecord::FeatureLevel {
                name: name.clone(),
                level: *level,
            });
        }
        for controller in self.controllers.values() {
            records.push(MetadataRecord::RegisterController(ControllerRegistration::clone(
                controller,
            )));
        }
        for broker in self.brokers.values() {
            records.push(MetadataRecord::RegisterBroker(BrokerRegistration::clone(broker)));
        }
        self.topic_records(&mut records);
        for (resource, configs) in self.configs.iter() {
            records.extend(configs.iter().map(|(name, value)| MetadataRecord::Config {
                resource: resource.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            }));
        }
        for (entity, quotas) in self.quotas.iter() {
            records.extend(quotas.iter().map(|(key, value)| MetadataRecord::ClientQuota {
                entity: entity.clone().into_iter().collect(),
                key: key.clone(),
                value: Some(*value),
            }));
        }
        let credentials = self.scram.values().flat_map(|of_user| of_user.values());
        records.extend(
            credentials.map(|credential| {
                MetadataRecord::UserScramCredential(ScramCredentialRecord::clone(credential))
            }),
        );
        let entry =
            |entry: &Arc<_>| MetadataRecord::AccessControlEntry(AccessControlEntryRecord::clone(entry));
        records.extend(self.acls.values().map(entry));
        let token = |token: &Arc<_>| MetadataRecord::DelegationToken(DelegationTokenRecord::clone(token));
        records.extend(self.delegation_tokens.values().map(token));
        if self.next_producer_id > 0 {
            let (broker_id, broker_epoch) = (-1, -1);
            records.push(MetadataRecord::ProducerIds {
                broker_id,
                broker_epoch,
                next_producer_id: self.next_producer_id,
            });
        }
        self.unknown.complete(&mut records);
        records
    }

    fn topic_records(&self, records: &mut Vec<MetadataRecord>) {
        for topic in self.topics.iter() {
            records.push(MetadataRecord::Topic {
                name: topic.name.to_string(),
                topic_id: topic.id,
            });
            for (partition_id, partition) in (0..).zip(&topic.partitions) {
                records.push(MetadataRecord::Partition(
                    partition.record(topic.id, partition_id),
                ));
            }
        }
    }
}

impl PartitionImage {
    fn record(&self, topic_id: Uuid, partition_id: i32) -> PartitionRecord {
        PartitionRecord {
            topic_id,
            partition_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            leader_recovery_state: self.leader_recovery_state,
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            eligible_leader_replicas: self.eligible_leader_replicas.clone(),
            last_known_elr: self.last_known_elr.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::MetadataDelta;
    use crate::records::samples;

    #[test]
    fn an_image_survives_the_way_through_records() {
        let (image, _) = MetadataImage::empty().apply(&samples::records(), 12, 2);
        assert!(image.topics.partition("orders", 1).unwrap().is_reassigning());
        assert!(
            !image.acls.is_empty() && !image.delegation_tokens.is_empty() && !image.controllers.is_empty()
        );
        let (again, delta) = MetadataImage::empty().apply(&image.to_records(), image.offset, image.epoch);
        assert_eq!(again, image);
        assert_eq!(delta, MetadataDelta::between(&MetadataImage::empty(), &image));
    }
}
