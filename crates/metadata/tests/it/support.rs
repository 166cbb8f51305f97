//! One way to start a quorum, and requests for it.

use std::path::Path;
use std::sync::Arc;

use barnabas_config::{ControllerRules, Layers};
use barnabas_environment::Environment;
use barnabas_metadata::controller::{
    ApiError, BrokerHeartbeat, ControllerSettings, CreateTopics, RegisterBroker, registration_request,
};
use barnabas_metadata::quorum::{ControllerHandle, MetadataDisk};
use barnabas_metadata::records::BrokerRegistration;
use barnabas_metadata::{
    MetadataDelta, MetadataError, MetadataImage, MetadataRecord, Quorum, QuorumOptions, features,
};
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{
    BrokerHeartbeatRequest, BrokerId, CreateTopicsRequest, StrBytes, TopicName,
};
use parking_lot::Mutex;
use uuid::Uuid;

pub fn options(disk: MetadataDisk, cluster_id: &str) -> QuorumOptions {
    QuorumOptions {
        disk,
        cluster_id: cluster_id.into(),
        settings: ControllerSettings {
            node_id: 1,
            default_num_partitions: 1,
            default_replication_factor: 1,
            broker_session_timeout_ms: 9000,
            leader_rebalance_interval_ms: None,
            tokens: None,
        },
        rules: ControllerRules::new(Layers::default()),
        bootstrap: vec![MetadataRecord::FeatureLevel {
            name: "metadata.version".into(),
            level: 29,
        }],
        snapshot_every: 100,
        environment: Environment::system(),
        voters: None,
    }
}

pub type Published = Arc<Mutex<Vec<(Arc<MetadataImage>, MetadataDelta)>>>;

pub async fn start(dir: &Path) -> (Quorum, Published) {
    let published = Published::default();
    let seen = published.clone();
    let publish = move |image, delta: &MetadataDelta| seen.lock().push((image, delta.clone()));
    (
        Quorum::start(options(MetadataDisk::open(dir).unwrap(), "cluster-a"), publish)
            .await
            .unwrap(),
        published,
    )
}

pub async fn start_error(dir: &Path, cluster_id: &str) -> MetadataError {
    match Quorum::start(options(MetadataDisk::open(dir).unwrap(), cluster_id), |_, _| ()).await {
        Ok(_) => panic!("the start should have failed"),
        Err(error) => error,
    }
}

/// Starts broker 1 anew, and returns its epoch once it serves.
pub async fn register(handle: &ControllerHandle) -> Result<i64, MetadataError> {
    let broker = BrokerRegistration {
        broker_id: 1,
        incarnation_id: Environment::system().random.uuid(),
        log_dirs: vec![Uuid::from_u128(1000)],
        features: features::broker_features(),
        ..BrokerRegistration::default()
    };
    let request = registration_request("cluster-a", &broker, -1);
    let reply = handle.submit(RegisterBroker(request)).await?;
    assert_eq!(reply.error_code, 0);
    let alive = BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(1))
        .with_broker_epoch(reply.broker_epoch)
        .with_current_metadata_offset(reply.broker_epoch);
    handle.submit(BrokerHeartbeat(alive)).await?;
    Ok(reply.broker_epoch)
}

/// Creates topics of one partition; says whether each was.
pub async fn create(
    handle: &ControllerHandle,
    names: impl IntoIterator<Item = String>,
) -> Result<Vec<bool>, MetadataError> {
    let topic = |name: String| {
        CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(name)))
            .with_num_partitions(1)
            .with_replication_factor(1)
    };
    let request = CreateTopicsRequest::default()
        .with_topics(names.into_iter().map(topic).collect())
        .with_timeout_ms(1000);
    let reply: Result<_, ApiError> = handle.submit(CreateTopics(request)).await?;
    let results = reply.unwrap().topics;
    Ok(results.iter().map(|result| result.error_code == 0).collect())
}

pub fn topic(number: u128) -> MetadataRecord {
    MetadataRecord::Topic {
        name: format!("topic-{number}"),
        topic_id: Uuid::from_u128(number + 1),
    }
}
