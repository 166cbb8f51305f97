//! The image: the cluster's metadata at one offset of the metadata log, immutable.
//!
//! [`MetadataImage::apply`] is the only way from one image to the next, live and at start. Images share what
//! didn't change (a topic behind its `Arc`, the topic maps in shards), so a change costs the same with ten
//! topics and with ten thousand. Read by every handler through the broker's metadata cache; written by
//! nobody.

mod apply;
mod configs;
mod delta;
mod features;
mod quotas;
mod sharded_map;
mod snapshot;
mod topics;
mod unknown;

pub use configs::{ConfigMap, ConfigsImage};
pub use delta::{MetadataDelta, PartitionDelta};
pub use features::FeaturesImage;
pub use quotas::{CLIENT_ID, IP, QuotaEntity, QuotaFilter, QuotaMatch, QuotasImage, USER};
pub use sharded_map::ShardedMap;
pub use topics::{PartitionImage, TopicImage, TopicsImage};
pub use unknown::UnknownImage;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::records::{
    AccessControlEntryRecord, BrokerRegistration, ControllerRegistration, DelegationTokenRecord,
    ScramCredentialRecord, ScramMechanism,
};

/// The brokers by id.
pub type BrokersImage = BTreeMap<i32, Arc<BrokerRegistration>>;

/// The controllers by id.
pub type ControllersImage = BTreeMap<i32, Arc<ControllerRegistration>>;

/// The access control entries by id.
pub type AclsImage = BTreeMap<Uuid, Arc<AccessControlEntryRecord>>;

/// The delegation tokens by id.
pub type DelegationTokensImage = BTreeMap<String, Arc<DelegationTokenRecord>>;

/// The SCRAM credentials by user and mechanism.
pub type ScramImage = BTreeMap<String, BTreeMap<ScramMechanism, Arc<ScramCredentialRecord>>>;

/// The cluster's metadata at one offset of the metadata log. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataImage {
    /// The cluster's id; empty before the first record.
    pub cluster_id: Arc<str>,
    /// The registered brokers, fenced ones too.
    pub brokers: Arc<BrokersImage>,
    /// The registered controllers.
    pub controllers: Arc<ControllersImage>,
    /// Topics and partitions.
    pub topics: TopicsImage,
    /// Dynamic configs by resource.
    pub configs: ConfigsImage,
    /// Finalized feature levels.
    pub features: Arc<FeaturesImage>,
    /// Client quotas by entity.
    pub quotas: Arc<QuotasImage>,
    /// SCRAM credentials by user.
    pub scram: Arc<ScramImage>,
    /// Access control entries.
    pub acls: Arc<AclsImage>,
    /// Delegation tokens.
    pub delegation_tokens: Arc<DelegationTokensImage>,
    /// What this version doesn't understand of the log.
    pub unknown: UnknownImage,
    /// The first producer id that no block holds.
    pub next_producer_id: i64,
    /// The last entry of the metadata log that is in this image; -1 for the empty image.
    pub offset: i64,
    /// The raft term of that entry.
    pub epoch: i32,
}

impl MetadataImage {
    /// The image before the first record.
    pub fn empty() -> Self {
        Self {
            offset: -1,
            ..Self::default()
        }
    }

    /// The broker of this id if it is registered and not fenced.
    pub fn alive_broker(&self, broker_id: i32) -> Option<&Arc<BrokerRegistration>> {
        self.brokers.get(&broker_id).filter(|broker| !broker.fenced)
    }
}
