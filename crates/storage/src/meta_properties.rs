//! `meta.properties`, the file that says to which cluster and node a log directory belongs (KIP-631, KIP-858).

use uuid::Uuid;

/// Content of `meta.properties`, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: i32,
    /// `directory.id`, written in Kafka's URL-safe base64.
    pub directory_id: Uuid,
}
