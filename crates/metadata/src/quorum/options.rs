//! What a member of the quorum is started with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_config::{BrokerConfig, ControllerRules, Layers};

use crate::controller::{ConfigValidator, ControllerSettings};
use crate::features;
use crate::records::MetadataRecord;

/// The folder of the metadata log within its log directory; not a partition's, though named like one.
pub const METADATA_FOLDER: &str = "__cluster_metadata-0";

/// What a quorum is started with.
pub struct QuorumOptions {
    /// The folder of the metadata log; created when it isn't there.
    pub dir: PathBuf,
    /// The cluster's id. A log of another cluster stops the start.
    pub cluster_id: String,
    /// The controller's settings; the node id among them.
    pub settings: ControllerSettings,
    /// What configs there are.
    pub validator: Arc<dyn ConfigValidator>,
    /// What a new cluster begins with, after its id: finalized features for example.
    pub bootstrap: Vec<MetadataRecord>,
}

impl QuorumOptions {
    /// Those of a node with these settings, its metadata in `data_dir`.
    pub fn of_node(
        data_dir: &Path,
        cluster_id: &str,
        layers: &Layers,
        config: &BrokerConfig,
    ) -> QuorumOptions {
        let static_quorum = layers
            .given("controller.quorum.voters")
            .is_some_and(|voters| !voters.trim().is_empty());
        QuorumOptions {
            dir: data_dir.join(METADATA_FOLDER),
            cluster_id: cluster_id.to_owned(),
            settings: ControllerSettings {
                node_id: config.node_id,
                default_num_partitions: config.num_partitions,
                default_replication_factor: i16::try_from(config.default_replication_factor).unwrap_or(1),
            },
            validator: Arc::new(ControllerRules::new(layers.clone())),
            bootstrap: features::bootstrap_records(config.min_insync_replicas, static_quorum),
        }
    }
}
