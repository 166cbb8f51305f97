//! Three controllers in one process, each with a runtime of its own, a listener on loopback and a disk in memory.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use barnabas_config::{ControllerRules, DynamicBrokerConfig, Layers, Settings};
use barnabas_controller::throttling::Throttling;
use barnabas_controller::{
    ControllerService, ControllerServiceOptions, NodePeers, QuorumChannel, QuorumChannelOptions,
};
use barnabas_environment::{Environment, Threads};
use barnabas_metadata::controller::ControllerSettings;
use barnabas_metadata::quorum::{AddressBook, ControllerHandle, QuorumTiming, SimulatedDisk, Voters};
use barnabas_metadata::{ControllerClient, MetadataRecord, Quorum, QuorumOptions};
use barnabas_network::admission::Admission;
use barnabas_network::client::NodeClient;
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::worker::Workers;
use barnabas_network::{Limits, Listener, Listening, Network, Service, SocketOptions, acceptor};
use barnabas_protocol::messages::{Message, Request};
use barnabas_security::{AllowAll, Authorizer};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::relay::Relay;

pub const IDS: [i32; 3] = [1, 2, 3];
pub const CLUSTER: &str = "cluster-a";
pub const LONG: Duration = Duration::from_secs(30);

pub fn limits() -> Limits {
    Limits {
        connections_max: 1000,
        frame_bytes_max: 100 << 20,
        idle_max: Duration::from_secs(600),
    }
}

fn settings(id: i32) -> Arc<DynamicBrokerConfig> {
    let given = [
        ("node.id", id.to_string()),
        ("process.roles", "broker,controller".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
    ];
    let given: Settings = given.map(|(name, value)| (name.to_owned(), value)).into();
    Arc::new(DynamicBrokerConfig::new(Layers::of_static(given)).unwrap())
}

fn listen(address: SocketAddr) -> Listening {
    let options = SocketOptions {
        backlog: 50,
        send_buffer_bytes: None,
        receive_buffer_bytes: None,
    };
    Network::System.listen(address, options).unwrap()
}

/// Waits for something, and says what where it doesn't come.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One controller that runs.
pub struct Node {
    pub handle: ControllerHandle,
    pub client: ControllerClient,
    quorum: Quorum,
    runtime: Runtime,
    stopping: CancellationToken,
}

impl Node {
    /// Ends as a killed process does: nothing is said to anybody, and the connections are closed.
    pub fn kill(self) {
        self.stopping.cancel();
        self.runtime.shutdown_background();
    }

    /// Ends as it should.
    pub fn stop(self) {
        self.runtime.block_on(self.quorum.shutdown()).unwrap();
        self.stopping.cancel();
        self.runtime.shutdown_background();
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let answered = tokio::time::timeout(LONG, answer).await;
            answered.expect("there should be an answer by now")
        })
    }
}

pub struct Cluster {
    pub addresses: BTreeMap<i32, SocketAddr>,
    disks: BTreeMap<i32, SimulatedDisk>,
    pub nodes: BTreeMap<i32, Node>,
    pub relays: BTreeMap<i32, Relay>,
    snapshot_every: u64,
    timing: QuorumTiming,
    authorizer: Arc<dyn Authorizer>,
}

impl Cluster {
    pub fn start() -> Cluster {
        Cluster::with_snapshots_every(1000)
    }

    pub fn with_snapshots_every(snapshot_every: u64) -> Cluster {
        Cluster::of(snapshot_every, QuorumTiming::default())
    }

    /// With voters of such patience.
    pub fn of(snapshot_every: u64, timing: QuorumTiming) -> Cluster {
        Cluster::put_together(snapshot_every, timing, Arc::new(AllowAll))
    }

    /// With this one to say who may do what.
    pub fn authorized_by(authorizer: Arc<dyn Authorizer>) -> Cluster {
        Cluster::put_together(1000, QuorumTiming::default(), authorizer)
    }

    fn put_together(snapshot_every: u64, timing: QuorumTiming, authorizer: Arc<dyn Authorizer>) -> Cluster {
        let listening: Vec<_> = IDS.map(|id| (id, listen((Ipv4Addr::LOCALHOST, 0).into()))).into();
        let addresses = listening.iter().map(|(id, at)| (*id, at.address().unwrap()));
        let addresses: BTreeMap<_, _> = addresses.collect();
        let relays = addresses.iter().map(|(id, at)| (*id, Relay::to(*at))).collect();
        let mut cluster = Cluster {
            addresses,
            relays,
            timing,
            disks: IDS.map(|id| (id, SimulatedDisk::new())).into(),
            nodes: BTreeMap::new(),
            snapshot_every,
            authorizer,
        };
        cluster.start_on(listening);
        cluster
    }

    /// Starts nodes that have run before.
    pub fn restart(&mut self, ids: &[i32]) {
        let listening = ids.iter().map(|id| (*id, listen(self.addresses[id])));
        self.start_on(listening.collect());
    }

    /// At the same time: alone none of them would catch up.
    fn start_on(&mut self, listening: Vec<(i32, Listening)>) {
        let starting: Vec<_> = listening
            .into_iter()
            .map(|(id, listening)| {
                let (disk, addresses) = (self.disks[&id].clone(), self.relayed());
                let (snapshot_every, timing) = (self.snapshot_every, self.timing);
                let authorizer = self.authorizer.clone();
                std::thread::spawn(move || {
                    (
                        id,
                        start(
                            (id, authorizer),
                            &disk,
                            addresses,
                            listening,
                            (snapshot_every, timing),
                        ),
                    )
                })
            })
            .collect();
        let started = starting.into_iter().map(|node| node.join().unwrap());
        self.nodes.extend(started);
    }

    /// Where the nodes are to each other.
    pub fn relayed(&self) -> BTreeMap<i32, String> {
        self.relays
            .iter()
            .map(|(id, relay)| (*id, relay.address.to_string()))
            .collect()
    }

    pub fn take(&mut self, id: i32) -> Node {
        self.nodes.remove(&id).unwrap()
    }

    /// Waits for the one active controller.
    pub fn active(&self) -> i32 {
        until("one active controller", || {
            let mut active = self.nodes.iter().filter(|(_, node)| node.handle.is_active());
            match (active.next(), active.next()) {
                (Some((id, _)), None) => Some(*id),
                _ => None,
            }
        })
    }

    /// Some node that isn't it.
    pub fn another(&self, than: i32) -> i32 {
        *self.nodes.keys().find(|id| **id != than).unwrap()
    }
}

fn start(
    (id, authorizer): (i32, Arc<dyn Authorizer>),
    disk: &SimulatedDisk,
    addresses: BTreeMap<i32, String>,
    listening: Listening,
    (snapshot_every, timing): (u64, QuorumTiming),
) -> Node {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let book = AddressBook::new(addresses.clone());
    let peers = NodePeers::new(
        id,
        book.clone(),
        timing,
        &Network::System.into(),
        runtime.handle(),
    );
    let options = QuorumOptions {
        disk: disk.metadata(),
        cluster_id: CLUSTER.into(),
        settings: ControllerSettings {
            node_id: id,
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
        snapshot_every,
        environment: Environment::system(),
        voters: Some(Voters {
            ids: addresses.keys().copied().collect(),
            peers: Arc::new(peers),
            timing,
            addresses: book.clone(),
            joining: None,
        }),
    };
    let stopping = CancellationToken::new();
    let throttling = Arc::new(Throttling::new(
        &settings(id).config(),
        Environment::system().clock,
    ));
    let quotas = throttling.clone();
    let opened = Quorum::open(options, move |image, delta| quotas.apply(&image, delta));
    let opened = runtime.block_on(opened).unwrap();
    let service = Arc::new(ControllerService::new(ControllerServiceOptions {
        cluster_id: CLUSTER.into(),
        door: opened.door(),
        handle: opened.handle(),
        node_id: id,
        authorizer,
        stopping: stopping.clone(),
        settings: settings(id),
        throttling,
        limits: limits(),
        request_memory: RequestMemory::new(-1),
        network: Network::System,
        disconnect_grace: Duration::from_millis(250),
    }));
    runtime.spawn(service.watch_brokers());
    let service: Arc<dyn Service> = service;
    let workers = Arc::new(Workers::start(1, Threads::Own, &service, &stopping).unwrap());
    let listener = Arc::new(Listener {
        name: "CONTROLLER".into(),
        security_protocol: Default::default(),
        tls: None,
        advertised_host: "localhost".into(),
        advertised_port: 0,
        tells_address: false,
        sasl: None,
        gateway: None,
    });
    let admission = Arc::new(Admission::default());
    let accepting = acceptor::accept(listening, listener, service, stopping.clone(), workers, admission);
    runtime.spawn(accepting);
    let quorum = runtime.block_on(async {
        let caught_up = tokio::time::timeout(LONG, opened.caught_up()).await;
        caught_up.expect("the quorum should be there by now").unwrap()
    });
    let channel = QuorumChannel::new(QuorumChannelOptions {
        node_id: id,
        cluster_id: CLUSTER.into(),
        local: Some(quorum.handle()),
        controllers: book,
        published: quorum.handle().published(),
        connector: Network::System.into(),
        runtime: runtime.handle().clone(),
    });
    Node {
        handle: quorum.handle(),
        client: ControllerClient::new(Arc::new(channel)),
        quorum,
        runtime,
        stopping,
    }
}

/// Asks a node itself in one of Kafka's APIs.
pub fn ask<R: Request>(cluster: &Cluster, id: i32, request: &R) -> R::Response {
    let node = &cluster.nodes[&id];
    let address = cluster.addresses[&id].to_string();
    let client = node.wait(async {
        NodeClient::new(
            Network::System,
            &address,
            "tool",
            &tokio::runtime::Handle::current(),
        )
    });
    let newest = <R as Message>::VERSIONS.max;
    node.wait(client.call(newest, request, LONG)).unwrap()
}
