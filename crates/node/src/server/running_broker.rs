//! The broker's part of a node: what it needs before there is metadata, what follows from it, and the end.

use std::sync::Arc;
use std::time::Duration;

use barnabas_broker::broker::Broker;
use barnabas_broker::broker_peers::BrokerPeers;
use barnabas_broker::dispatch::BrokerService;
use barnabas_broker::lifecycle::{BrokerLifecycle, Directories, Lifecycle, LifecycleOptions};
use barnabas_broker::metadata_publisher::MetadataPublisher;
use barnabas_broker::telemetry::MetricsReceiver;
use barnabas_config::{BrokerConfig, DynamicBrokerConfig};
use barnabas_environment::{Environment, Random, Threads};
use barnabas_metadata::controller::registration_request;
use barnabas_metadata::records::{BrokerEndpoint, BrokerRegistration};
use barnabas_metadata::{ControllerClient, features};
use barnabas_network::Service;
use barnabas_network::client::Connector;
use barnabas_network::metrics::RequestMetrics;
use barnabas_replica::ReplicaManager;
use barnabas_replica::log_dirs::open::Unfinished;
use barnabas_replica::log_dirs::{self, Cordoned, DataDir, LogDirs};
use barnabas_replica::replication::ReplicationContext;
use barnabas_replica::upkeep::Upkeep;
use barnabas_security::Authorizer;
use barnabas_storage::StorageError;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bind::Bound;
use super::error::StartError;
use super::serving::Serving;

/// So long a start waits to be unfenced; what hinders it may pass.
const UNFENCED_WITHIN: Duration = Duration::from_secs(60);
/// So long the controllers may take to let a broker go.
const SHUTDOWN_TIMEOUT_MS: i64 = 30_000;
/// So long they may be silent meanwhile: where the whole cluster stops, nobody is left to answer.
const SHUTDOWN_SILENCE_MS: i64 = 2000;

/// Where a broker stands in its cluster.
pub struct Place<'a> {
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// Whether the only controller is this node's: it knows without being told that its broker lives.
    pub is_alone: bool,
    /// Whether there may be other brokers.
    pub lets_others_in: bool,
    /// Where requests are counted, if anybody looks.
    pub metrics: Option<Arc<RequestMetrics>>,
    /// Takes the metrics that clients push, if anybody does.
    pub receiver: Option<Arc<dyn MetricsReceiver>>,
}

/// A broker that waits for its first image.
pub struct WaitingBroker {
    /// Where images take effect.
    pub metadata: Arc<MetadataPublisher>,
    environment: Environment,
    settings: Arc<DynamicBrokerConfig>,
    config: BrokerConfig,
    log_dirs: Arc<LogDirs>,
    replicas: Arc<ReplicaManager>,
    moves: Vec<Unfinished>,
    to_brokers: Connector,
    previous_broker_epoch: i64,
    stopping: CancellationToken,
}

impl WaitingBroker {
    /// Loads what lies in the log directories.
    ///
    /// # Errors
    /// They can't be used.
    pub fn load(
        environment: &Environment,
        to_brokers: Connector,
        (settings, config): (&Arc<DynamicBrokerConfig>, &BrokerConfig),
        log_dirs: &Arc<LogDirs>,
        stopping: &CancellationToken,
    ) -> Result<WaitingBroker, StartError> {
        let recovery_threads = match environment.threads {
            Threads::Own => usize::try_from(config.num_recovery_threads_per_data_dir).unwrap_or(1),
            Threads::Runtime => 1,
        };
        let found = log_dirs::open::load(log_dirs, recovery_threads)?;
        let replicas = Arc::new(ReplicaManager::new(
            settings.clone(),
            environment.clone(),
            log_dirs.clone(),
            found.logs,
            stopping.clone(),
        ));
        replicas.partitions().deletions().add(found.deleted, 0);
        let peers = BrokerPeers::new(config, to_brokers.clone(), Handle::current());
        let metadata = Arc::new(MetadataPublisher::new(settings.clone(), replicas.clone(), peers));
        Ok(WaitingBroker {
            metadata,
            environment: environment.clone(),
            settings: settings.clone(),
            config: config.clone(),
            log_dirs: log_dirs.clone(),
            replicas,
            moves: found.moves,
            to_brokers,
            previous_broker_epoch: found.previous_broker_epoch,
            stopping: stopping.clone(),
        })
    }

    /// Registers the broker and has it answer. The image must have taken effect once.
    ///
    /// # Errors
    /// It can't be registered, or the system refuses a thread.
    pub async fn start(
        self,
        place: Place<'_>,
        controller: ControllerClient,
        listeners: Vec<Bound>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<RunningBroker, StartError> {
        let Place {
            cluster_id,
            is_alone: alone,
            lets_others_in,
            metrics,
            receiver,
        } = place;
        let random = &self.environment.random;
        let own = registration(&self.config, &listeners, &self.log_dirs, random);
        if lets_others_in {
            self.replicas.start_replication(ReplicationContext {
                channel: controller.channel().clone(),
                connector: self.to_brokers.clone(),
                runtime: Handle::current(),
                incarnation_id: own.incarnation_id,
            });
        }
        let lifecycle = self.lifecycle(cluster_id, &own, &controller, alone);
        lifecycle.register().await.map_err(StartError::Refused)?;
        if !alone {
            self.metadata.follow_by(lifecycle.clone());
        }
        self.metadata.partitions().set_strays_aside();

        let advertised = listeners.iter().map(|bound| bound.listener.clone()).collect();
        let threads = self.environment.threads;
        let broker = Broker::new(
            self.config.node_id,
            self.environment,
            self.metadata,
            controller,
            self.replicas.clone(),
            advertised,
            self.stopping.clone(),
        );
        let broker = Arc::new(
            broker
                .authorized_by(authorizer)
                .counted_by(metrics)
                .received_by(receiver),
        );
        spawn_timers(&broker);
        let service: Arc<dyn Service> = Arc::new(BrokerService::new(broker.clone()));
        let count = worker_count(self.config.num_network_threads);
        let serving = Serving::start(listeners, &service, (count, threads), &self.stopping)?;
        let upkeep = Upkeep::start(&self.replicas, &self.moves)?;
        lifecycle.ready();
        if !alone {
            lifecycle.spawn(self.stopping.clone());
            spawn_failures(&self.log_dirs, &lifecycle, &self.stopping);
            let unfenced = timeout(UNFENCED_WITHIN, lifecycle.running()).await;
            unfenced.unwrap_or(Ok(())).map_err(StartError::Refused)?;
        }
        Ok(RunningBroker {
            broker,
            lifecycle,
            alone,
            serving,
            upkeep,
        })
    }
}

impl WaitingBroker {
    fn lifecycle(
        &self,
        cluster_id: &str,
        own: &BrokerRegistration,
        controller: &ControllerClient,
        alone: bool,
    ) -> BrokerLifecycle {
        let clock = self.environment.clock.clone();
        let options = LifecycleOptions {
            heartbeat_interval_ms: i64::from(self.config.broker_heartbeat_interval_ms),
            registration_timeout_ms: i64::from(self.config.initial_broker_registration_timeout_ms),
            shutdown_timeout_ms: SHUTDOWN_TIMEOUT_MS,
            controlled_shutdown: self.config.controlled_shutdown_enable,
            shutdown_silence_ms: SHUTDOWN_SILENCE_MS,
            alone,
        };
        let request = registration_request(cluster_id, own, self.previous_broker_epoch);
        let core = Lifecycle::new(request, options, clock.monotonic_ms());
        let directories = directories(&self.log_dirs, &self.settings);
        BrokerLifecycle::new(core, controller.channel().clone(), clock, directories)
    }
}

/// Which log directories have failed since the start, and which are cordoned.
fn directories(log_dirs: &LogDirs, settings: &Arc<DynamicBrokerConfig>) -> Directories {
    let with_id = |dir: &Arc<DataDir>| Some((dir.clone(), dir.id().filter(|_| !dir.is_failed())?));
    let known: Vec<(Arc<DataDir>, Uuid)> = log_dirs.all().iter().filter_map(with_id).collect();
    // Not the publisher, which tells whoever asks this of every image: they would keep each other.
    let settings = settings.clone();
    Box::new(move || {
        let cordoned = Cordoned::new(settings.config().cordoned_log_dirs.as_deref());
        let ids = |wanted: &dyn Fn(&DataDir) -> bool| {
            let dirs = known.iter().filter(|(dir, _)| wanted(dir));
            dirs.map(|(_, id)| *id).collect()
        };
        (ids(&|dir| dir.is_failed()), ids(&|dir| cordoned.contains(dir)))
    })
}

/// Has the controllers told of every log directory that fails.
fn spawn_failures(log_dirs: &LogDirs, lifecycle: &BrokerLifecycle, stopping: &CancellationToken) {
    let (mut failures, lifecycle) = (log_dirs.failures(), lifecycle.clone());
    let telling = async move {
        while failures.changed().await.is_ok() {
            lifecycle.directories_changed();
        }
    };
    let stopping = stopping.clone();
    tokio::spawn(async move { stopping.run_until_cancelled(telling).await });
}

fn spawn_timers(broker: &Arc<Broker>) {
    let timed = broker.clone();
    tokio::spawn(async move { timed.groups().run_timers(timed.stopping.clone()).await });
    let timed = broker.clone();
    tokio::spawn(async move { timed.transactions().run_timers(timed.stopping.clone()).await });
    let pruning = broker.clone();
    tokio::spawn(async move { pruning.share_states().run_pruning(pruning.stopping.clone()).await });
    let marking = broker.clone();
    tokio::spawn(async move {
        let stopping = marking.stopping.clone();
        marking.transactions().run_markers(&marking, stopping).await;
    });
}

/// A broker that answers.
pub struct RunningBroker {
    /// The broker.
    pub broker: Arc<Broker>,
    /// The broker before the controllers.
    pub lifecycle: BrokerLifecycle,
    /// Whether this node is the quorum alone.
    alone: bool,
    serving: Serving,
    upkeep: Upkeep,
}

impl RunningBroker {
    /// Others lead what this broker led; then no more connections, and requests in flight finish. The
    /// metadata still takes effect.
    pub async fn stop(self) -> StoppedBroker {
        let node_id = self.broker.node_id;
        let has_others = self.broker.image().brokers.keys().any(|id| *id != node_id);
        self.lifecycle.stop(has_others, !self.alone).await;
        self.broker.stopping.cancel();
        self.upkeep.stop();
        self.serving.ended().await;
        self.upkeep.join().await;
        StoppedBroker(self.broker)
    }
}

/// A broker that answers no more. Its logs are still open.
pub struct StoppedBroker(Arc<Broker>);

impl StoppedBroker {
    /// Flushes the logs and writes the clean marker.
    ///
    /// # Errors
    /// They could not be closed cleanly; the next start will check them.
    pub fn close(self) -> Result<(), StorageError> {
        let this = self.0.image().brokers.get(&self.0.node_id).cloned();
        let broker_epoch = this.map_or(-1, |this| this.broker_epoch);
        self.0.partitions().shut_down(broker_epoch)
    }
}

fn registration(
    config: &BrokerConfig,
    bound: &[Bound],
    log_dirs: &LogDirs,
    random: &Random,
) -> BrokerRegistration {
    let endpoints = bound.iter().map(|bound| BrokerEndpoint {
        listener: bound.listener.name.clone(),
        host: bound.listener.advertised_host.clone(),
        port: bound.listener.advertised_port,
        security_protocol: bound.listener.security_protocol.id(),
    });
    BrokerRegistration {
        broker_id: config.node_id,
        incarnation_id: random.uuid(),
        endpoints: endpoints.collect(),
        features: features::broker_features(),
        rack: config.broker_rack.clone(),
        log_dirs: log_dirs.directory_ids(),
        ..BrokerRegistration::default()
    }
}

/// Threads that serve connections: as many as configured, but no more than there are processors.
fn worker_count(configured: i32) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    usize::try_from(configured).unwrap_or(1).clamp(1, processors)
}
