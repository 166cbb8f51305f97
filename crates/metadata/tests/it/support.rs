//! One way to start a quorum, and requests that need nothing but the quorum.

use std::path::Path;
use std::sync::{Arc, Mutex};

use barnabas_metadata::controller::{
    ApiError, ConfigKind, ConfigValidator, ControllerSettings, Decide, DecideContext, Decision,
};
use barnabas_metadata::image::ConfigMap;
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use barnabas_metadata::{MetadataDelta, MetadataError, MetadataImage, MetadataRecord, Quorum, QuorumOptions};

/// Takes every config.
pub struct AnyConfig;

impl ConfigValidator for AnyConfig {
    fn kind(&self, _: ConfigResourceType, _: &str) -> Option<ConfigKind> {
        Some(ConfigKind::Scalar)
    }

    fn default_value(&self, _: ConfigResourceType, _: &str) -> Option<String> {
        None
    }

    fn validate(&self, _: &ConfigResource, _: &ConfigMap, _: &ConfigMap) -> Result<(), ApiError> {
        Ok(())
    }
}

pub fn options(dir: &Path, cluster_id: &str) -> QuorumOptions {
    QuorumOptions {
        dir: dir.to_owned(),
        cluster_id: cluster_id.into(),
        settings: ControllerSettings {
            node_id: 1,
            default_num_partitions: 1,
            default_replication_factor: 1,
        },
        validator: Arc::new(AnyConfig),
        bootstrap: vec![MetadataRecord::FeatureLevel {
            name: "metadata.version".into(),
            level: 29,
        }],
    }
}

pub type Published = Arc<Mutex<Vec<(Arc<MetadataImage>, Arc<MetadataDelta>)>>>;

pub async fn start(dir: &Path) -> (Quorum, Published) {
    let published = Published::default();
    let seen = published.clone();
    let publish = move |image, delta| seen.lock().unwrap().push((image, delta));
    (
        Quorum::start(options(dir, "cluster-a"), publish).await.unwrap(),
        published,
    )
}

pub async fn start_error(dir: &Path, cluster_id: &str) -> MetadataError {
    match Quorum::start(options(dir, cluster_id), |_, _| ()).await {
        Ok(_) => panic!("the start should have failed"),
        Err(error) => error,
    }
}

/// Commits the records that it is made of, and answers with how many topics there were before.
pub struct Commit(pub Vec<MetadataRecord>);

impl Decide for Commit {
    type Reply = usize;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<usize> {
        Decision {
            records: self.0,
            reply: image.topics.len(),
        }
    }
}

pub fn topic(number: u128) -> MetadataRecord {
    MetadataRecord::Topic {
        name: format!("topic-{number}"),
        topic_id: uuid::Uuid::from_u128(number + 1),
    }
}
