//! What Apache Kafka's metadata log says of its cluster: topics, configs, features, and what else must be
//! named when a log directory is taken over.
//!
//! [`Cluster::read`] replays snapshot and log; [`Cluster::apply`] is the pure part.

mod log;

pub use log::folder;

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::kraft_voters::KRaftVoter;
use barnabas_protocol::metadata_records::{
    AccessControlEntryRecord, ClientQuotaRecord, ClusterRecord, DelegationTokenRecord, PartitionChangeRecord,
    PartitionRecord, UserScramCredentialRecord,
};
use barnabas_storage::StorageError;

/// An id of a topic; the bytes of a UUID.
pub type TopicId = [u8; 16];

/// Type of entity to its name, `None` for the default one.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

const NO_LEADER_CHANGE: i32 = -2;

/// A cluster at the end of its metadata log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Topics by id.
    pub topics: BTreeMap<TopicId, Topic>,
    /// Configs by kind of resource (Kafka's code) and its name.
    pub configs: BTreeMap<(i8, String), BTreeMap<String, String>>,
    /// Finalized levels.
    pub features: BTreeMap<String, i16>,
    /// The first producer id that no block holds.
    pub next_producer_id: i64,
    /// SCRAM credentials by user and mechanism (Kafka's code).
    pub scram: BTreeMap<(String, i8), UserScramCredentialRecord>,
    /// ACLs by their ids.
    pub acls: BTreeMap<[u8; 16], AccessControlEntryRecord>,
    /// Quotas by entity and key.
    pub quotas: BTreeMap<(QuotaEntity, String), f64>,
    /// Delegation tokens by their ids.
    pub delegation_tokens: BTreeMap<String, DelegationTokenRecord>,
    /// The level of kraft.version in the snapshot: 1 where the quorum can change its voters.
    pub kraft_version: i16,
    /// The voters of such a quorum, as of the snapshot.
    pub voters: Vec<KRaftVoter>,
    /// Types of records that a newer release has added.
    pub unknown_records: BTreeSet<u32>,
    /// The end of the log could not be read: file and reason.
    pub torn: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions by number.
    pub partitions: BTreeMap<i32, Partition>,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Nodes with a replica.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub isr: Vec<i32>,
    /// Those that were in sync when the ISR became too small (KIP-966); the last node to stop in order is
    /// here alone.
    pub eligible: Vec<i32>,
    /// Goes up with every election.
    pub leader_epoch: i32,
    /// Goes up with every change.
    pub partition_epoch: i32,
}

impl Cluster {
    /// Applies a record. One that doesn't fit (a partition of a topic that isn't there) changes nothing.
    pub fn apply(&mut self, record: ClusterRecord) {
        match record {
            ClusterRecord::Topic(record) => {
                let topic = Topic {
                    name: record.name.0.to_string(),
                    partitions: BTreeMap::new(),
                };
                self.topics.insert(record.topic_id.into_bytes(), topic);
            }
            ClusterRecord::Partition(record) => {
                if let Some(topic) = self.topics.get_mut(record.topic_id.as_bytes()) {
                    topic
                        .partitions
                        .insert(record.partition_id, Partition::from(&record));
                }
            }
            ClusterRecord::PartitionChange(record) => {
                let topic = self.topics.get_mut(record.topic_id.as_bytes());
                if let Some(partition) =
                    topic.and_then(|topic| topic.partitions.get_mut(&record.partition_id))
                {
                    partition.change(&record);
                }
            }
            ClusterRecord::RemoveTopic(record) => {
                if let Some(topic) = self.topics.remove(record.topic_id.as_bytes()) {
                    self.configs.remove(&(2, topic.name));
                }
            }
            ClusterRecord::Config(record) => {
                let resource = (record.resource_type, record.resource_name.to_string());
                let configs = self.configs.entry(resource.clone()).or_default();
                match record.value {
                    Some(value) => configs.insert(record.name.to_string(), value.to_string()),
                    None => configs.remove(record.name.as_str()),
                };
                if configs.is_empty() {
                    self.configs.remove(&resource);
                }
            }
            ClusterRecord::FeatureLevel(record) => {
                let name = record.name.to_string();
                match record.feature_level {
                    0 => self.features.remove(&name),
                    level => self.features.insert(name, level),
                };
            }
            ClusterRecord::ProducerIds(record) => self.next_producer_id = record.next_producer_id,
            ClusterRecord::ClientQuota(record) => self.apply_quota(&record),
            ClusterRecord::UserScramCredential(record) => {
                self.scram
                    .insert((record.name.to_string(), record.mechanism), record);
            }
            ClusterRecord::RemoveUserScramCredential(record) => {
                self.scram.remove(&(record.name.to_string(), record.mechanism));
            }
            ClusterRecord::AccessControlEntry(record) => {
                self.acls.insert(record.id.into_bytes(), record);
            }
            ClusterRecord::RemoveAccessControlEntry(record) => {
                self.acls.remove(record.id.as_bytes());
            }
            ClusterRecord::DelegationToken(record) => {
                self.delegation_tokens.insert(record.token_id.to_string(), record);
            }
            ClusterRecord::RemoveDelegationToken(record) => {
                self.delegation_tokens.remove(record.token_id.as_str());
            }
            ClusterRecord::Unknown(kind) => {
                self.unknown_records.insert(kind);
            }
            _ => {}
        }
    }

    fn apply_quota(&mut self, record: &ClientQuotaRecord) {
        let parts = record.entity.iter().map(|part| {
            let name = part.entity_name.as_ref().map(ToString::to_string);
            (part.entity_type.to_string(), name)
        });
        let quota = (parts.collect(), record.key.to_string());
        if record.remove {
            self.quotas.remove(&quota);
        } else {
            self.quotas.insert(quota, record.value);
        }
    }
}

impl From<&PartitionRecord> for Partition {
    fn from(record: &PartitionRecord) -> Self {
        Partition {
            replicas: record.replicas.iter().map(|id| id.0).collect(),
            isr: record.isr.clone(),
            eligible: record
                .eligible_leader_replicas
                .iter()
                .flatten()
                .map(|id| id.0)
                .collect(),
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }
}

impl Partition {
    /// As Kafka's `PartitionRegistration.merge`.
    fn change(&mut self, change: &PartitionChangeRecord) {
        if let Some(isr) = &change.isr {
            self.isr = isr.iter().map(|id| id.0).collect();
        }
        if let Some(eligible) = &change.eligible_leader_replicas {
            self.eligible = eligible.iter().map(|id| id.0).collect();
        }
        if let Some(replicas) = &change.replicas {
            self.replicas = replicas.iter().map(|id| id.0).collect();
        }
        if change.leader.0 != NO_LEADER_CHANGE {
            self.leader_epoch += 1;
        }
        self.partition_epoch += 1;
    }
}

/// What is wrong at a place of the log.
fn corrupt(path: &std::path::Path, position: u64, reason: impl Into<String>) -> StorageError {
    StorageError::Corrupt {
        path: path.to_owned(),
        position,
        reason: reason.into(),
    }
}
