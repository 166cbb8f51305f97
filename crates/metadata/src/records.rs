//! The records of the metadata log: facts, never requests, named after Apache Kafka's metadata records.
//!
//! A raft entry carries a list of them, encoded as JSON with serde ([`encoding`]). What is written must stay
//! readable: a variant or a field is never renamed or given another meaning; a new field gets
//! `#[serde(default)]` so that older entries still decode, and is not written while it is empty.
//! `tests/golden` holds what each version wrote. They carry what Apache Kafka's metadata records do, but for
//! what a raft entry makes needless (transactions over several batches) and what is of the time of ZooKeeper.
//! Written by `controller`, read by `image`.

mod broker;
pub mod encoding;
mod partition;
#[cfg(test)]
pub(crate) mod samples;
mod security;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use barnabas_config::{ConfigResource, ConfigResourceType};
pub use broker::{
    BrokerEndpoint, BrokerFeature, BrokerRegistration, BrokerRegistrationChange, ControllerRegistration,
};
pub use encoding::{ExtendedRecord, UnknownRecord};
pub use partition::{LeaderRecoveryState, PartitionChangeRecord, PartitionRecord};
pub use security::{AccessControlEntryRecord, DelegationTokenRecord, ScramCredentialRecord, ScramMechanism};

/// Stands for "no broker leads this partition".
pub const NO_LEADER: i32 = -1;

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MetadataRecord {
    /// A broker has joined, or has come back with a new epoch.
    RegisterBroker(BrokerRegistration),
    /// A broker has left for good.
    UnregisterBroker {
        /// The broker that left.
        broker_id: i32,
        /// The epoch under which it was registered.
        broker_epoch: i64,
    },
    /// A registered broker was fenced, unfenced, began to shut down, or has other log directories.
    BrokerRegistrationChange(BrokerRegistrationChange),
    /// A controller has started.
    RegisterController(ControllerRegistration),
    /// A controller has left for good.
    UnregisterController {
        /// The controller that left.
        controller_id: i32,
    },
    /// A topic, still without partitions.
    Topic {
        /// The topic's name.
        name: String,
        /// The topic's id, never given again.
        topic_id: Uuid,
    },
    /// A topic and all its partitions are gone, and the topic's configs with them.
    RemoveTopic {
        /// The topic's id.
        topic_id: Uuid,
    },
    /// A new partition.
    Partition(PartitionRecord),
    /// A partition has changed.
    PartitionChange(PartitionChangeRecord),
    /// A config of a resource was set or deleted.
    Config {
        /// Whose config.
        resource: ConfigResource,
        /// The config's name.
        name: String,
        /// The value; `None` deletes the config.
        value: Option<String>,
    },
    /// A block of producer ids was handed to a broker.
    ProducerIds {
        /// The broker that asked.
        broker_id: i32,
        /// Its epoch.
        broker_epoch: i64,
        /// The first id that nobody has been given.
        next_producer_id: i64,
    },
    /// A feature was finalized at a level.
    FeatureLevel {
        /// The feature, such as `metadata.version`.
        name: String,
        /// The level; 0 removes the feature.
        level: i16,
    },
    /// A quota of a client entity was set or removed.
    ClientQuota {
        /// The entity: pairs of type (`user`, `client-id`, `ip`) and name, `None` for the default entity.
        entity: Vec<(String, Option<String>)>,
        /// The quota, such as `producer_byte_rate`.
        key: String,
        /// The value; `None` removes the quota.
        value: Option<f64>,
    },
    /// A user's SCRAM credential for one mechanism was set.
    UserScramCredential(ScramCredentialRecord),
    /// A user's SCRAM credential for one mechanism is gone.
    RemoveUserScramCredential {
        /// The user.
        name: String,
        /// The mechanism.
        mechanism: ScramMechanism,
    },
    /// An access control entry was added.
    AccessControlEntry(AccessControlEntryRecord),
    /// An access control entry is gone.
    RemoveAccessControlEntry {
        /// The entry's id.
        id: Uuid,
    },
    /// A delegation token was made or renewed.
    DelegationToken(DelegationTokenRecord),
    /// A delegation token has expired or was given up.
    RemoveDelegationToken {
        /// The token's id.
        token_id: String,
    },
    /// Eligible leader replicas are forgotten: of a topic, or of all (KIP-966).
    ClearElr {
        /// The topic's id; `None` for all topics.
        #[serde(default)]
        topic_id: Option<Uuid>,
    },
    /// Nothing; only its offset counts.
    NoOp {},
    /// The cluster's id, the first record of every log.
    ClusterId {
        /// The id as clients see it: 22 characters of URL-safe base64.
        cluster_id: String,
    },
    /// A record of a known kind that has fields which this version doesn't know.
    #[serde(skip)]
    Extended(Box<ExtendedRecord>),
    /// A record of a kind that this version doesn't know, or can't read.
    #[serde(skip)]
    Unknown(UnknownRecord),
}
