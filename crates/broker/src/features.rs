//! The features of this release (KIP-584): the levels it can run and those a new cluster begins with.
//!
//! As Apache Kafka 4.3, so that clients and tools find what they look for.

use barnabas_metadata::records::{BrokerFeature, MetadataRecord};

/// Name, least and greatest level; a new cluster begins with the greatest.
const FEATURES: &[(&str, i16, i16)] = &[
    ("eligible.leader.replicas.version", 0, 1),
    ("group.version", 0, 1),
    ("kraft.version", 0, 1),
    ("metadata.version", 7, 30),
    ("share.version", 0, 1),
    ("streams.version", 0, 1),
    ("transaction.version", 0, 2),
];

/// The levels that this release can run.
pub fn supported() -> Vec<BrokerFeature> {
    let feature = |&(name, min, max): &(&str, i16, i16)| BrokerFeature {
        name: name.to_owned(),
        min_supported_version: min,
        max_supported_version: max,
    };
    FEATURES.iter().map(feature).collect()
}

/// The records that finalize a new cluster's features.
pub fn bootstrap() -> Vec<MetadataRecord> {
    let record = |&(name, _, max): &(&str, i16, i16)| MetadataRecord::FeatureLevel {
        name: name.to_owned(),
        level: max,
    };
    FEATURES.iter().map(record).collect()
}
