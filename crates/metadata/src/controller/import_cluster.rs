//! Taking over the metadata of an Apache Kafka cluster whose log directory is being imported. All or nothing,
//! in one entry of the log.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision};
use crate::image::{ConfigMap, MetadataImage, QuotaEntity};
use crate::records::{
    AccessControlEntryRecord, ConfigResource, DelegationTokenRecord, MetadataRecord, PartitionRecord,
    ScramCredentialRecord,
};

/// What to take over. Configs have been validated, levels are within what this broker can run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportCluster {
    /// The topics.
    pub topics: Vec<ImportedTopic>,
    /// Configs by resource; set on top of what is there.
    pub configs: Vec<(ConfigResource, ConfigMap)>,
    /// Finalized levels, 0 for none. They count only in a cluster that has no topics yet.
    pub features: BTreeMap<String, i16>,
    /// Client quotas: entity, key and value; set on top of what is there.
    pub quotas: Vec<(QuotaEntity, String, f64)>,
    /// SCRAM credentials; in place of a user's own of the same mechanism.
    pub scram: Vec<ScramCredentialRecord>,
    /// ACLs under the ids they had; one that is there already is left out.
    #[serde(default)]
    pub acls: Box<[AccessControlEntryRecord]>,
    /// Delegation tokens; in place of one with the same id.
    #[serde(default)]
    pub delegation_tokens: Box<[DelegationTokenRecord]>,
    /// No producer was given this id or a larger one.
    pub next_producer_id: i64,
    /// The log directory that holds the partitions.
    pub directory_id: Uuid,
}

/// A topic to take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedTopic {
    /// Its name.
    pub name: String,
    /// The id it had.
    pub topic_id: Uuid,
    /// For each partition the epochs it had; those it gets are larger.
    pub partitions: Vec<ImportedPartition>,
}

/// The epochs a partition had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedPartition {
    /// Of its last leader.
    pub leader_epoch: i32,
    /// Of its last change.
    pub partition_epoch: i32,
}

impl Decide for ImportCluster {
    type Reply = Result<(), ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        match self.records(image, ctx.settings.node_id) {
            Ok(records) => Decision {
                records,
                reply: Ok(()),
            },
            Err(error) => Decision {
                records: Vec::new(),
                reply: Err(error),
            },
        }
    }
}

impl ImportCluster {
    fn records(self, image: &MetadataImage, node_id: i32) -> Result<Vec<MetadataRecord>, ApiError> {
        let mut records = Vec::new();
        for topic in self.topics {
            if image.topics.by_name(&topic.name).is_some() || image.topics.by_id(&topic.topic_id).is_some() {
                let message = format!("Topic '{}' already exists.", topic.name);
                return Err(ApiError::new(ErrorCode::TopicAlreadyExists, message));
            }
            records.push(MetadataRecord::Topic {
                name: topic.name,
                topic_id: topic.topic_id,
            });
            for (partition_id, known) in (0..).zip(topic.partitions) {
                records.push(MetadataRecord::Partition(PartitionRecord {
                    topic_id: topic.topic_id,
                    partition_id,
                    replicas: vec![node_id],
                    isr: vec![node_id],
                    leader: node_id,
                    leader_epoch: known.leader_epoch.saturating_add(1),
                    partition_epoch: known.partition_epoch.saturating_add(1),
                    directories: vec![self.directory_id],
                    ..PartitionRecord::default()
                }));
            }
        }
        for (resource, configs) in self.configs {
            for (name, value) in configs {
                records.push(MetadataRecord::Config {
                    resource: resource.clone(),
                    name,
                    value: Some(value),
                });
            }
        }
        for (entity, key, value) in self.quotas {
            records.push(MetadataRecord::ClientQuota {
                entity: entity.into_iter().collect(),
                key,
                value: Some(value),
            });
        }
        records.extend(self.scram.into_iter().map(MetadataRecord::UserScramCredential));
        let known: Vec<_> = image.acls.values().map(|entry| entry.binding()).collect();
        let new = self
            .acls
            .into_iter()
            .filter(|entry| entry.binding().is_none_or(|acl| !known.contains(&Some(acl))));
        records.extend(new.map(MetadataRecord::AccessControlEntry));
        let tokens = self.delegation_tokens.into_iter();
        records.extend(tokens.map(MetadataRecord::DelegationToken));
        if image.topics.is_empty() {
            for (name, level) in self.features {
                if image.features.level(&name) != level {
                    records.push(MetadataRecord::FeatureLevel { name, level });
                }
            }
        }
        if self.next_producer_id > image.next_producer_id {
            records.push(MetadataRecord::ProducerIds {
                broker_id: node_id,
                broker_epoch: image
                    .brokers
                    .get(&node_id)
                    .map_or(-1, |broker| broker.broker_epoch),
                next_producer_id: self.next_producer_id,
            });
        }
        Ok(records)
    }
}
