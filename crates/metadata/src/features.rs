//! The features of Apache Kafka 4.4 (KIP-584): which levels this broker can run, and what a new cluster
//! starts with.

use std::collections::BTreeMap;

use crate::records::{BrokerFeature, ConfigResource, MetadataRecord};

/// A feature and the levels that this broker can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The name, such as `metadata.version`.
    pub name: &'static str,
    /// The least level.
    pub min: i16,
    /// The greatest level; a new cluster starts with it.
    pub max: i16,
}

/// The version of the metadata format.
pub const METADATA_VERSION: &str = "metadata.version";
/// The version of the raft protocol; clients only read it.
pub const KRAFT_VERSION: &str = "kraft.version";
/// Eligible leader replicas (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// How transactions are spoken of (KIP-890): from 1 on the log of transactions is flexible, from 2 on each
/// end bumps the epoch.
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// The group protocols: from level 1 on there are consumer groups (KIP-848).
pub const GROUP_VERSION: &str = "group.version";

/// From level 1 on there are streams groups (KIP-1071).
pub const STREAMS_VERSION: &str = "streams.version";

/// Share groups (KIP-932) from level 1 on, with dead letter queues from 2 on (KIP-1191).
pub const SHARE_VERSION: &str = "share.version";

/// Every feature, by name.
pub const FEATURES: [Feature; 7] = [
    Feature {
        name: ELIGIBLE_LEADER_REPLICAS_VERSION,
        min: 0,
        max: 1,
    },
    Feature {
        name: GROUP_VERSION,
        min: 0,
        max: 1,
    },
    Feature {
        name: KRAFT_VERSION,
        min: 0,
        max: 1,
    },
    Feature {
        name: METADATA_VERSION,
        min: 7,
        max: 33,
    },
    Feature {
        name: SHARE_VERSION,
        min: 0,
        max: 2,
    },
    Feature {
        name: STREAMS_VERSION,
        min: 0,
        max: 1,
    },
    Feature {
        name: TRANSACTION_VERSION,
        min: 0,
        max: 2,
    },
];

/// The least metadata.version under which eligible leader replicas can be on.
pub(crate) const ELR_METADATA_VERSION: i16 = 23;

/// The levels of metadata.version whose records differ from those before: a downgrade may not go below one.
pub(crate) const METADATA_CHANGES: [i16; 11] = [7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33];

/// The feature of this name.
pub fn feature(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// What a new cluster starts with: every feature at its greatest level, and the min.insync.replicas that
/// eligible leader replicas must find set for the whole cluster. With voters that the configuration names
/// (`static_quorum`) kraft.version stays 0: such a quorum can't change its voters.
pub fn bootstrap_records(min_insync_replicas: i32, static_quorum: bool) -> Vec<MetadataRecord> {
    let starts = |feature: &&Feature| !(static_quorum && feature.name == KRAFT_VERSION);
    let levels = FEATURES
        .iter()
        .filter(starts)
        .map(|feature| (feature.name.to_owned(), feature.max));
    records_of_levels(levels.collect(), min_insync_replicas)
}

/// What a new cluster starts with whose features are at these levels; those that aren't named are off.
pub fn records_of_levels(levels: BTreeMap<String, i16>, min_insync_replicas: i32) -> Vec<MetadataRecord> {
    let eligible = levels.get(ELIGIBLE_LEADER_REPLICAS_VERSION);
    let min_isr = eligible
        .is_some_and(|level| *level > 0)
        .then(|| MetadataRecord::Config {
            resource: ConfigResource::default_broker(),
            name: "min.insync.replicas".to_owned(),
            value: Some(min_insync_replicas.to_string()),
        });
    let levels = levels.into_iter().filter(|(_, level)| *level > 0);
    levels
        .map(|(name, level)| MetadataRecord::FeatureLevel { name, level })
        .chain(min_isr)
        .collect()
}

/// The features as a broker registers them.
pub fn broker_features() -> Vec<BrokerFeature> {
    let range = |feature: &Feature| BrokerFeature {
        name: feature.name.to_owned(),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
    };
    FEATURES.iter().map(range).collect()
}
