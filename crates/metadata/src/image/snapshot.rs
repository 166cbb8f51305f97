//! An image as records: applying them to the empty image gives the image again.
//!
//! Snapshots on disk are such lists, so there is one format to keep readable and one function that rebuilds an image.

use super::MetadataImage;
use crate::records::{
    BrokerRegistration, MetadataRecord, PartitionChangeRecord, PartitionRecord, ScramCredentialRecord,
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
        if self.next_producer_id > 0 {
            let (broker_id, broker_epoch) = (-1, -1);
            records.push(MetadataRecord::ProducerIds {
                broker_id,
                broker_epoch,
                next_producer_id: self.next_producer_id,
            });
        }
        records
    }

    fn topic_records(&self, records: &mut Vec<MetadataRecord>) {
        for topic in self.topics.iter() {
            records.push(MetadataRecord::Topic {
                name: topic.name.to_string(),
                topic_id: topic.id,
            });
            for (partition_id, partition) in (0..).zip(&topic.partitions) {
                let reassigning = partition.is_reassigning();
                records.push(MetadataRecord::Partition(PartitionRecord {
                    topic_id: topic.id,
                    partition_id,
                    replicas: partition.replicas.clone(),
                    isr: partition.isr.clone(),
                    leader: partition.leader,
                    leader_epoch: partition.leader_epoch,
                    partition_epoch: partition.partition_epoch - i32::from(reassigning),
                    directories: partition.directories.clone(),
                }));
                if reassigning {
                    records.push(MetadataRecord::PartitionChange(PartitionChangeRecord {
                        topic_id: topic.id,
                        partition_id,
                        adding_replicas: Some(partition.adding_replicas.clone()),
                        removing_replicas: Some(partition.removing_replicas.clone()),
                        ..PartitionChangeRecord::default()
                    }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::records::{BrokerEndpoint, ConfigResource, ScramMechanism};

    fn sample() -> MetadataImage {
        let topic_id = Uuid::from_u128(7);
        let partition = |partition_id| {
            MetadataRecord::Partition(PartitionRecord {
                topic_id,
                partition_id,
                replicas: vec![1, 2],
                isr: vec![1],
                leader: 1,
                leader_epoch: 3,
                partition_epoch: 5,
                directories: vec![Uuid::from_u128(9), Uuid::nil()],
            })
        };
        let records = [
            MetadataRecord::ClusterId {
                cluster_id: "abc".into(),
            },
            MetadataRecord::FeatureLevel {
                name: "metadata.version".into(),
                level: 29,
            },
            MetadataRecord::RegisterBroker(BrokerRegistration {
                broker_id: 1,
                broker_epoch: 4,
                incarnation_id: Uuid::from_u128(1),
                endpoints: vec![BrokerEndpoint {
                    listener: "PLAINTEXT".into(),
                    host: "localhost".into(),
                    port: 9092,
                    security_protocol: 0,
                }],
                features: vec![],
                rack: Some("a".into()),
                fenced: false,
                in_controlled_shutdown: false,
                log_dirs: vec![Uuid::from_u128(9)],
            }),
            MetadataRecord::Topic {
                name: "orders".into(),
                topic_id,
            },
            partition(0),
            partition(1),
            MetadataRecord::PartitionChange(PartitionChangeRecord {
                topic_id,
                partition_id: 1,
                adding_replicas: Some(vec![3]),
                ..PartitionChangeRecord::default()
            }),
            MetadataRecord::Config {
                resource: ConfigResource::topic("orders"),
                name: "retention.ms".into(),
                value: Some("5".into()),
            },
            MetadataRecord::ClientQuota {
                entity: vec![("user".into(), None)],
                key: "producer_byte_rate".into(),
                value: Some(1.5),
            },
            MetadataRecord::UserScramCredential(ScramCredentialRecord {
                name: "alice".into(),
                mechanism: ScramMechanism::Sha512,
                salt: vec![0, 255],
                stored_key: vec![1],
                server_key: vec![2],
                iterations: 4096,
            }),
            MetadataRecord::ProducerIds {
                broker_id: 1,
                broker_epoch: 4,
                next_producer_id: 1000,
            },
        ];
        MetadataImage::empty().apply(&records, 12, 2).0
    }

    #[test]
    fn an_image_survives_the_way_through_records_and_json() {
        let image = sample();
        let json = serde_json::to_vec(&image.to_records()).unwrap();
        let records: Vec<MetadataRecord> = serde_json::from_slice(&json).unwrap();
        let (again, delta) = MetadataImage::empty().apply(&records, image.offset, image.epoch);
        assert_eq!(again, image);
        assert_eq!(delta, super::super::MetadataDelta::from_empty(&image));
    }
}
