//! Brokers whose process dies: the active controller learns it from their connections.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use barnabas_controller::{QuorumChannel, QuorumChannelOptions};
use barnabas_metadata::ControllerChannel;
use barnabas_metadata::quorum::{AddressBook, Published};
use barnabas_network::Network;
use barnabas_protocol::messages::broker_registration_request::Listener;
use barnabas_protocol::messages::{BrokerHeartbeatRequest, BrokerId, BrokerRegistrationRequest, StrBytes};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{CLUSTER, Cluster, LONG, Node, until};

pub fn registration(broker_id: i32, port: u16) -> BrokerRegistrationRequest {
    let listener = Listener::default()
        .with_name(StrBytes::from_static_str("PLAINTEXT"))
        .with_host(StrBytes::from_static_str("localhost"))
        .with_port(port);
    BrokerRegistrationRequest::default()
        .with_broker_id(BrokerId(broker_id))
        .with_cluster_id(StrBytes::from_static_str(CLUSTER))
        .with_incarnation_id(Uuid::from_u128(broker_id as u128))
        .with_log_dirs(vec![Uuid::from_u128(100 + broker_id as u128)])
        .with_listeners(vec![listener])
}

/// Registers a broker and has it unfenced; answers its epoch.
pub fn live_broker(node: &Node, broker_id: i32, port: u16) -> i64 {
    let channel = node.client.channel();
    let registered = node
        .wait(channel.register(registration(broker_id, port)))
        .unwrap();
    assert_eq!(registered.error_code, 0);
    let heartbeat = BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(broker_id))
        .with_broker_epoch(registered.broker_epoch)
        .with_current_metadata_offset(registered.broker_epoch);
    let heard = node.wait(channel.heartbeat(heartbeat)).unwrap();
    assert_eq!((heard.error_code, heard.is_fenced), (0, false));
    registered.broker_epoch
}

fn is_fenced(cluster: &Cluster, broker_id: i32) -> Option<bool> {
    let image = cluster.nodes[&cluster.active()].handle.image();
    image.brokers.get(&broker_id).map(|broker| broker.fenced)
}

/// A broker that is no controller, with a runtime of its own.
struct Broker {
    runtime: Runtime,
    channel: QuorumChannel,
    id: i32,
    epoch: i64,
}

impl Broker {
    fn start(cluster: &Cluster, id: i32, port: u16) -> Broker {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let channel = QuorumChannel::new(QuorumChannelOptions {
            node_id: id,
            cluster_id: CLUSTER.into(),
            local: None,
            controllers: AddressBook::new(cluster.relayed()),
            published: Published::at(0),
            connector: Network::System.into(),
            runtime: runtime.handle().clone(),
        });
        let registered = wait(&runtime, channel.register(registration(id, port)));
        let broker = Broker {
            runtime,
            channel,
            id,
            epoch: registered.unwrap().broker_epoch,
        };
        assert_eq!(broker.heartbeat(), (0, false));
        broker
    }

    /// Sends a heartbeat; answers its error code and whether the broker is fenced.
    fn heartbeat(&self) -> (i16, bool) {
        let heartbeat = BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(self.id))
            .with_broker_epoch(self.epoch)
            .with_current_metadata_offset(self.epoch);
        let heard = wait(&self.runtime, self.channel.heartbeat(heartbeat)).unwrap();
        (heard.error_code, heard.is_fenced)
    }

    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

fn wait<T>(runtime: &Runtime, answer: impl Future<Output = T>) -> T {
    runtime.block_on(async { tokio::time::timeout(LONG, answer).await.expect("an answer") })
}

#[test]
fn a_broker_whose_connection_ends_is_fenced_long_before_its_session_is_over() {
    let cluster = Cluster::start();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::start(&cluster, 7, listening.local_addr().unwrap().port());
    assert_eq!(is_fenced(&cluster, 7), Some(false));
    let killed = Instant::now();
    broker.kill();
    until("the fence", || is_fenced(&cluster, 7)?.then_some(()));
    // Somebody still listens in its place: it had time to come back.
    let took = killed.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_broker_is_fenced_when_nobody_listens_in_its_place() {
    let cluster = Cluster::start();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::start(&cluster, 7, listening.local_addr().unwrap().port());
    drop(listening);
    let killed = Instant::now();
    broker.kill();
    until("the fence", || is_fenced(&cluster, 7)?.then_some(()));
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_broker_that_died_with_the_active_controller_is_fenced_by_the_next_one() {
    let mut cluster = Cluster::start();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listening.local_addr().unwrap().port();
    let lives = TcpListener::bind("127.0.0.1:0").unwrap();
    let dying = Broker::start(&cluster, 7, port);
    let living = Broker::start(&cluster, 8, lives.local_addr().unwrap().port());
    let killed = Instant::now();
    drop(listening);
    cluster.take(cluster.active()).kill();
    dying.kill();
    until("the fence", || is_fenced(&cluster, 7)?.then_some(()));
    assert!(
        killed.elapsed() < Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(living.heartbeat(), (0, false));
    assert_eq!(is_fenced(&cluster, 8), Some(false));
}

#[test]
fn a_broker_whose_connection_breaks_between_two_heartbeats_is_told() {
    let cluster = Cluster::start();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::start(&cluster, 7, listening.local_addr().unwrap().port());
    cluster.relays[&cluster.active()].cut();
    wait(&broker.runtime, broker.channel.connection_lost());
    assert_eq!(broker.heartbeat(), (0, false));
}
