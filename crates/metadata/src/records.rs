//! The records of the metadata log: facts, never requests, named after Apache Kafka's metadata records.
//!
//! A raft entry carries a list of them, encoded as JSON with serde. What is written must stay readable: a variant or a field is
//! never renamed or given another meaning; a new field gets `#[serde(default)]` so that older entries still decode.
//! Written by `controller`, read by `image`.

use serde::{Deserialize, Serialize};

pub use barnabas_config::{ConfigResource, ConfigResourceType};
use uuid::Uuid;

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
    /// A registered broker was fenced, unfenced, or began to shut down.
    BrokerRegistrationChange {
        /// The broker.
        broker_id: i32,
        /// The epoch under which it is registered.
        broker_epoch: i64,
        /// Whether the broker is fenced now; `None` when that didn't change.
        #[serde(default)]
        fenced: Option<bool>,
        /// Whether the broker is shutting down now; `None` when that didn't change.
        #[serde(default)]
        in_controlled_shutdown: Option<bool>,
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
    /// The cluster's id, the first record of every log.
    ClusterId {
        /// The id as clients see it: 22 characters of URL-safe base64.
        cluster_id: String,
    },
}

/// A registered broker: what it registered as, and what has changed since. The image keeps these too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerRegistration {
    /// The broker's id.
    pub broker_id: i32,
    /// The broker's epoch; every registration has a greater one.
    pub broker_epoch: i64,
    /// The id of the process, new at every start.
    pub incarnation_id: Uuid,
    /// Where clients and brokers reach it.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels it can run.
    #[serde(default)]
    pub features: Vec<BrokerFeature>,
    /// The rack, if one is configured.
    #[serde(default)]
    pub rack: Option<String>,
    /// Whether the broker may not lead or be in an ISR yet.
    #[serde(default)]
    pub fenced: bool,
    /// Whether the broker is shutting down.
    #[serde(default)]
    pub in_controlled_shutdown: bool,
    /// The ids of its log directories.
    #[serde(default)]
    pub log_dirs: Vec<Uuid>,
}

impl BrokerRegistration {
    /// The endpoint that this broker advertises for a listener.
    pub fn endpoint(&self, listener: &str) -> Option<&BrokerEndpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.listener == listener)
    }
}

/// An advertised endpoint of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerEndpoint {
    /// The listener's name, such as `PLAINTEXT`.
    pub listener: String,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Kafka's id of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// The levels of a feature that a broker can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerFeature {
    /// The feature's name.
    pub name: String,
    /// The least level.
    pub min_supported_version: i16,
    /// The greatest level.
    pub max_supported_version: i16,
}

/// A new partition, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number within the topic.
    pub partition_id: i32,
    /// The brokers that hold a replica, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The replicas that are in sync.
    pub isr: Vec<i32>,
    /// The leader, or [`NO_LEADER`].
    pub leader: i32,
    /// Goes up with every election.
    pub leader_epoch: i32,
    /// Goes up with every change of the partition.
    pub partition_epoch: i32,
    /// For each replica the id of the log directory that holds it.
    #[serde(default)]
    pub directories: Vec<Uuid>,
}

/// What has changed of a partition; `None` where nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChangeRecord {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number within the topic.
    pub partition_id: i32,
    /// The new in-sync replicas.
    #[serde(default)]
    pub isr: Option<Vec<i32>>,
    /// The new leader. Any value, the current leader too, raises the leader epoch.
    #[serde(default)]
    pub leader: Option<i32>,
    /// The new replicas.
    #[serde(default)]
    pub replicas: Option<Vec<i32>>,
    /// The replicas that a reassignment is removing.
    #[serde(default)]
    pub removing_replicas: Option<Vec<i32>>,
    /// The replicas that a reassignment is adding.
    #[serde(default)]
    pub adding_replicas: Option<Vec<i32>>,
    /// The new log directory of each replica.
    #[serde(default)]
    pub directories: Option<Vec<Uuid>>,
}

/// A SCRAM mechanism by its hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i8)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256 = 1,
    /// SCRAM-SHA-512.
    Sha512 = 2,
}

impl ScramMechanism {
    /// The mechanism that `code` stands for on the wire.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|mechanism| mechanism.code() == code)
    }

    /// The code on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// What the broker keeps to check a user's password (RFC 5802); the password doesn't follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramCredentialRecord {
    /// The user.
    pub name: String,
    /// The mechanism.
    pub mechanism: ScramMechanism,
    /// The salt.
    pub salt: Vec<u8>,
    /// Proves that the client knows the password.
    pub stored_key: Vec<u8>,
    /// Proves that the broker knows the credential.
    pub server_key: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: i32,
}
