//! A few brokers and the metadata that they share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_broker::broker::Broker;
use barnabas_broker::broker_peers::BrokerPeers;
use barnabas_broker::dispatch::BrokerService;
use barnabas_broker::metadata_publisher::MetadataPublisher;
use barnabas_config::{DynamicBrokerConfig, Layers, Settings};
use barnabas_environment::{Environment, Threads};
use barnabas_metadata::MetadataError;
use barnabas_metadata::channel::{Answer, ControllerChannel, ControllerClient};
use barnabas_metadata::controller::{ControllerReply, ControllerRequest};
use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::quorum::QuorumStatus;
use barnabas_metadata::records::{
    BrokerEndpoint, BrokerRegistration, MetadataRecord, PartitionChangeRecord, PartitionRecord,
};
use barnabas_network::acceptor;
use barnabas_network::admission::Admission;
use barnabas_network::worker::Workers;
use barnabas_network::{Listener, Network, Service, SocketOptions};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_partition_response::{PartitionData, TopicData};
use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use barnabas_replica::ReplicaManager;
use barnabas_replica::log_dirs::LogDirs;
use barnabas_replica::partition::Partition;
use barnabas_replica::replication::ReplicationContext;
use barnabas_storage::{Disk, LogDir, OpenFiles};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Whatever takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// The metadata, and who is told of it.
#[derive(Default)]
struct State {
    image: MetadataImage,
    publishers: BTreeMap<i32, Arc<MetadataPublisher>>,
}

/// A controller that has whatever ISR it is asked for.
#[derive(Clone, Default)]
pub struct Controller(Arc<Mutex<State>>);

impl Controller {
    /// Lets records take effect everywhere.
    pub fn commit(&self, records: &[MetadataRecord]) {
        let mut state = self.0.lock();
        let offset = state.image.offset + 1;
        let (image, delta) = state.image.apply(records, offset, 1);
        state.image = image.clone();
        let image = Arc::new(image);
        for publisher in state.publishers.values() {
            publisher.publish(image.clone(), &delta);
        }
    }

    /// A topic of one partition, whose first replica leads and is alone in sync.
    pub fn create_topic(&self, name: &str, id: u128, replicas: &[i32]) {
        let topic_id = Uuid::from_u128(id);
        self.commit(&[
            MetadataRecord::Topic {
                name: name.to_owned(),
                topic_id,
            },
            MetadataRecord::Partition(PartitionRecord {
                topic_id,
                replicas: replicas.to_vec(),
                directories: vec![Uuid::nil(); replicas.len()],
                isr: vec![replicas[0]],
                leader: replicas[0],
                ..PartitionRecord::default()
            }),
        ]);
    }

    /// Changes the only partition of a topic.
    pub fn change(&self, topic_id: u128, change: PartitionChangeRecord) {
        self.commit(&[MetadataRecord::PartitionChange(PartitionChangeRecord {
            topic_id: Uuid::from_u128(topic_id),
            ..change
        })]);
    }

    /// The ISR of a topic's only partition.
    pub fn isr(&self, topic: &str) -> Vec<i32> {
        let state = self.0.lock();
        let mut isr = state.image.topics.partition(topic, 0).unwrap().isr.clone();
        isr.sort_unstable();
        isr
    }

    fn alter(&self, request: &AlterPartitionRequest) -> AlterPartitionResponse {
        let mut topics = Vec::new();
        for topic in &request.topics {
            for asked in &topic.partitions {
                let isr: Vec<i32> = asked
                    .new_isr_with_epochs
                    .iter()
                    .map(|member| member.broker_id.0)
                    .collect();
                let known = self.0.lock().image.topics.by_id(&topic.topic_id).cloned();
                let known = known.unwrap().partition(asked.partition_index).cloned().unwrap();
                let data = PartitionData::default().with_partition_index(asked.partition_index);
                let data = if known.partition_epoch == asked.partition_epoch {
                    self.change(
                        topic.topic_id.as_u128(),
                        PartitionChangeRecord {
                            isr: Some(isr.clone()),
                            ..PartitionChangeRecord::default()
                        },
                    );
                    data.with_leader_id(BrokerId(known.leader))
                        .with_leader_epoch(known.leader_epoch)
                        .with_partition_epoch(known.partition_epoch + 1)
                        .with_isr(isr.into_iter().map(BrokerId).collect())
                } else {
                    data.with_error_code(ErrorCode::InvalidUpdateVersion.code())
                };
                topics.push(
                    TopicData::default()
                        .with_topic_id(topic.topic_id)
                        .with_partitions(vec![data]),
                );
            }
        }
        AlterPartitionResponse::default().with_topics(topics)
    }
}

fn nobody<T: Send + 'static>() -> Answer<T> {
    Box::pin(std::future::ready(Err(MetadataError::Storage(
        "not asked here".into(),
    ))))
}

impl ControllerChannel for Controller {
    fn register(&self, _: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse> {
        nobody()
    }

    fn heartbeat(&self, _: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse> {
        nobody()
    }

    fn alter_partition(&self, request: AlterPartitionRequest) -> Answer<AlterPartitionResponse> {
        let response = self.alter(&request);
        Box::pin(std::future::ready(Ok(response)))
    }

    fn assign_replicas_to_dirs(
        &self,
        _: AssignReplicasToDirsRequest,
    ) -> Answer<AssignReplicasToDirsResponse> {
        nobody()
    }

    fn allocate_producer_ids(&self, _: AllocateProducerIdsRequest) -> Answer<AllocateProducerIdsResponse> {
        nobody()
    }

    fn forward(&self, _: ControllerRequest) -> Answer<ControllerReply> {
        nobody()
    }

    fn status(&self) -> Answer<QuorumStatus> {
        nobody()
    }
}

/// A broker that answers.
pub struct Node {
    /// Its id.
    pub id: i32,
    /// What it has of replicas.
    pub replicas: Arc<ReplicaManager>,
    /// Where it answers.
    pub address: String,
    stopping: CancellationToken,
    _workers: Arc<Workers>,
    _folder: TempDir,
}

impl Node {
    /// Starts one and registers it.
    pub fn start(id: i32, controller: &Controller) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let environment = Environment::system();
        let given = [
            ("node.id", id.to_string()),
            ("process.roles", "broker".to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            // What is told in time is not told by the end of a wait.
            ("replica.fetch.wait.max.ms", "600000".to_owned()),
            ("replica.socket.timeout.ms", "600000".to_owned()),
        ];
        let given: Settings = given.map(|(name, value)| (name.to_owned(), value)).into();
        let settings = Arc::new(DynamicBrokerConfig::new(Layers::of_static(given)).unwrap());
        let config = settings.config().clone();
        let log_dir = LogDir::open(&Disk::Real, &path, Arc::new(OpenFiles::new(64))).unwrap();
        let log_dirs = LogDirs::new(&Disk::Real, vec![(path, Ok(log_dir))], 0).unwrap();
        let stopping = CancellationToken::new();
        let replicas = Arc::new(ReplicaManager::new(
            settings.clone(),
            environment.clone(),
            Arc::new(log_dirs),
            Vec::new(),
            stopping.clone(),
        ));
        replicas.partitions().set_strays_aside();
        let peers = BrokerPeers::new(&config, Network::System, Handle::current());
        let metadata = Arc::new(MetadataPublisher::new(settings, replicas.clone(), peers));
        let options = SocketOptions {
            backlog: 50,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
        };
        let socket = Network::System
            .listen("127.0.0.1:0".parse().unwrap(), options)
            .unwrap();
        let address = socket.address().unwrap();
        let listener = Arc::new(Listener {
            name: "PLAINTEXT".to_owned(),
            security_protocol: Default::default(),
            tls: None,
            advertised_host: address.ip().to_string(),
            advertised_port: address.port(),
            tells_address: false,
            sasl: None,
            gateway: None,
        });
        let broker = Broker::new(
            id,
            environment,
            metadata.clone(),
            ControllerClient::new(Arc::new(controller.clone())),
            replicas.clone(),
            vec![listener.clone()],
            stopping.clone(),
        );
        let service: Arc<dyn Service> = Arc::new(BrokerService::new(Arc::new(broker)));
        let workers = Arc::new(Workers::start(1, Threads::Own, &service, &stopping).unwrap());
        tokio::spawn(acceptor::accept(
            socket,
            listener,
            service,
            stopping.clone(),
            workers.clone(),
            Arc::new(Admission::default()),
        ));
        let incarnation_id = Uuid::from_u128(u128::from(address.port()));
        replicas.start_replication(ReplicationContext {
            channel: Arc::new(controller.clone()),
            connector: Network::System.into(),
            runtime: Handle::current(),
            incarnation_id,
        });
        let image = controller.0.lock().image.clone();
        let delta = barnabas_metadata::image::MetadataDelta::between(&MetadataImage::empty(), &image);
        metadata.publish(Arc::new(image), &delta);
        controller.0.lock().publishers.insert(id, metadata);
        controller.commit(&[MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: id,
            broker_epoch: i64::from(address.port()),
            incarnation_id,
            endpoints: vec![BrokerEndpoint {
                listener: "PLAINTEXT".to_owned(),
                host: address.ip().to_string(),
                port: address.port(),
                security_protocol: 0,
            }],
            ..BrokerRegistration::default()
        })]);
        Node {
            id,
            replicas,
            address: address.to_string(),
            stopping,
            _workers: workers,
            _folder: folder,
        }
    }

    /// The only partition of a topic.
    pub fn partition(&self, topic: &str) -> Arc<Partition> {
        self.replicas.partitions().by_name(topic, 0).unwrap()
    }

    /// The end of its log, and the high watermark.
    pub fn ends(&self, topic: &str) -> (i64, i64) {
        self.partition(topic)
            .with_log(|log, high_watermark| (log.log_end_offset(), high_watermark))
            .unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waited).await.is_ok(),
        "never came: {what}"
    );
}
