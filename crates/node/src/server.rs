//! Starting and stopping a node: log directory, quorum, registration, listeners, worker threads, in this
//! order, and back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use barnabas_environment::{Random, Threads};
use barnabas_metadata::controller::{ApiError, RegisterBroker, registered_epoch, registration_request};
use barnabas_metadata::quorum::{MetadataDisk, Quorum, QuorumOptions};
use barnabas_metadata::records::{BrokerEndpoint, BrokerRegistration};
use barnabas_metadata::{MetadataError, features};
use barnabas_storage::{OpenFiles, StorageError};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use barnabas_broker::broker::Broker;
use barnabas_broker::broker_peers::BrokerPeers;
use barnabas_broker::dispatch::BrokerService;
use barnabas_broker::metadata_publisher::MetadataPublisher;
use barnabas_config::load::StartSettings;
use barnabas_config::{BrokerConfig, ConfigException, DynamicBrokerConfig, Layers, ListenerConfig};
use barnabas_import as import;
use barnabas_network::acceptor;
use barnabas_network::admission::Admission;
use barnabas_network::worker::Workers;
use barnabas_network::{Listener, Listening, Network, Service, SocketOptions};
use barnabas_replica::ReplicaManager;
use barnabas_replica::log_dirs::open::OpenError;
use barnabas_replica::log_dirs::{self, LogDirs};
use barnabas_replica::upkeep::Upkeep;
use barnabas_security::{AllowAll, Authorizer};

use crate::outside::Outside;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder has to be imported first.
    #[error(transparent)]
    Unready(#[from] import::unready::Unready),
    /// A setting is not valid.
    #[error(transparent)]
    Config(#[from] ConfigException),
    /// The log directory can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The metadata can't be loaded.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The log directories can't be used.
    #[error(transparent)]
    LogDirs(#[from] OpenError),
    /// The controllers refuse this broker.
    #[error("the registration of this broker was refused: {0}")]
    Refused(ApiError),
    /// A listener can't be bound.
    #[error("listener {name} cannot listen on {address}: {source}")]
    Listen {
        /// The listener.
        name: String,
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses a thread or another resource.
    #[error("the system refuses a resource: {0}")]
    Io(#[from] io::Error),
}

/// A running node.
pub struct Server {
    broker: Arc<Broker>,
    quorum: Quorum,
    workers: Arc<Workers>,
    acceptors: JoinSet<io::Result<()>>,
    upkeep: Upkeep,
}

impl Server {
    /// Starts a node; when it returns, the node answers. Runs on the calling runtime, as the quorum and the
    /// acceptors do from then on; connections have threads of their own, unless all is to run on this
    /// runtime: then within a local set.
    ///
    /// # Errors
    /// What [`StartError`] says; nothing of the node is left running.
    pub async fn start(settings: StartSettings, outside: Outside) -> Result<Server, StartError> {
        Self::start_with(settings, outside, Arc::new(AllowAll)).await
    }

    /// As [`start`](Self::start), with who may do what.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(
        settings: StartSettings,
        outside: Outside,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Server, StartError> {
        let Outside {
            environment,
            disk,
            metadata: metadata_disk,
            network,
        } = outside;
        import::unready::check(&disk, &settings.data_dir, &settings.data_dirs)?;
        let StartSettings {
            layers,
            config,
            listeners,
            data_dir,
            data_dirs,
            ..
        } = settings;
        // Before anything is changed: a port in use is the likeliest reason not to start.
        let bound = bind(
            &network,
            &listeners,
            socket_options(&layers, config.socket_listen_backlog_size),
        )?;
        let files = Arc::new(OpenFiles::new(open_files_max()));
        let (log_dirs, identity) = log_dirs::open::open(
            &disk,
            &data_dirs,
            &data_dir,
            config.node_id,
            &files,
            &environment.random,
        )?;

        let log_dirs = Arc::new(log_dirs);
        let recovery_threads = match environment.threads {
            Threads::Own => usize::try_from(config.num_recovery_threads_per_data_dir).unwrap_or(1),
            Threads::Runtime => 1,
        };
        let found = log_dirs::open::load(&log_dirs, recovery_threads)?;
        let settings = Arc::new(DynamicBrokerConfig::new(layers.clone())?);
        let stopping = CancellationToken::new();
        let replicas = Arc::new(ReplicaManager::new(
            settings.clone(),
            environment.clone(),
            log_dirs.clone(),
            found.logs,
            stopping.clone(),
        ));
        replicas.partitions().deletions().add(found.deleted, 0);
        let peers = BrokerPeers::new(&config, network.clone(), Handle::current());
        let metadata = Arc::new(MetadataPublisher::new(settings, replicas.clone(), peers));

        let cache = metadata.clone();
        let metadata_disk = match metadata_disk {
            Some(disk) => disk,
            None => MetadataDisk::in_log_dir(&data_dir)?,
        };
        let options = QuorumOptions::of_node(
            metadata_disk,
            &identity.cluster_id,
            (&layers, &config),
            environment.clone(),
            None,
        );
        let quorum = Quorum::start(options, move |image, delta| cache.publish(image, delta)).await?;
        let controller = quorum.handle();
        let own = registration(&config, &bound, &log_dirs, &environment.random);
        let request = registration_request(&identity.cluster_id, &own, -1);
        let registered = controller.submit(RegisterBroker(request)).await?;
        registered_epoch(&registered).map_err(StartError::Refused)?;
        metadata.partitions().set_strays_aside();

        let advertised = bound.iter().map(|bound| bound.listener.clone()).collect();
        let threads = environment.threads;
        let broker = Broker::new(
            config.node_id,
            environment,
            metadata,
            controller,
            replicas.clone(),
            advertised,
            stopping.clone(),
        );
        let broker = Arc::new(broker.authorized_by(authorizer));
        let timed = broker.clone();
        tokio::spawn(async move { timed.groups().run_timers(timed.stopping.clone()).await });
        let timed = broker.clone();
        tokio::spawn(async move { timed.transactions().run_timers(timed.stopping.clone()).await });
        let marking = broker.clone();
        tokio::spawn(async move {
            let stopping = marking.stopping.clone();
            marking.transactions().run_markers(&marking, stopping).await;
        });
        let service: Arc<dyn Service> = Arc::new(BrokerService::new(broker.clone()));
        let workers = Arc::new(Workers::start(
            worker_count(config.num_network_threads),
            threads,
            &service,
            &stopping,
        )?);
        let admission = Arc::new(Admission::default());
        let mut acceptors = JoinSet::new();
        for Bound { listener, sockets } in bound {
            for socket in sockets {
                let accepting = acceptor::accept(
                    socket,
                    listener.clone(),
                    service.clone(),
                    stopping.clone(),
                    workers.clone(),
                    admission.clone(),
                );
                acceptors.spawn(accepting);
            }
        }
        let upkeep = Upkeep::start(&replicas, &found.moves)?;
        Ok(Server {
            broker,
            quorum,
            workers,
            acceptors,
            upkeep,
        })
    }

    /// The running broker.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Waits until the node can't go on, because its disks have failed; answers why.
    pub async fn fatal(&self) -> String {
        self.broker.replicas.log_dirs().fatal().await
    }

    /// Stops: no more connections, requests in flight finish, logs are flushed, the clean marker is written.
    ///
    /// # Errors
    /// The logs could not be closed cleanly; the next start will check them.
    pub async fn stop(mut self) -> Result<(), StorageError> {
        self.broker.stopping.cancel();
        while self.acceptors.join_next().await.is_some() {}
        self.upkeep.stop();
        if let Some(workers) = Arc::into_inner(self.workers) {
            workers.join().await;
        }
        self.upkeep.join().await;
        if let Err(error) = self.quorum.shutdown().await {
            tracing::error!(%error, "the quorum did not stop cleanly");
        }
        self.broker.partitions().shut_down()
    }
}

/// Buffer sizes are set only where they are configured: Apache Kafka's default of 100 KiB would keep the
/// system from adapting them.
fn socket_options(layers: &Layers, backlog: i32) -> SocketOptions {
    let bytes = |name| layers.given(name).and_then(|bytes| bytes.trim().parse().ok());
    SocketOptions {
        backlog,
        send_buffer_bytes: bytes("socket.send.buffer.bytes"),
        receive_buffer_bytes: bytes("socket.receive.buffer.bytes"),
    }
}

/// A listener with its open sockets.
struct Bound {
    listener: Arc<Listener>,
    sockets: Vec<Listening>,
}

fn bind(
    network: &Network,
    listeners: &[ListenerConfig],
    options: SocketOptions,
) -> Result<Vec<Bound>, StartError> {
    listeners
        .iter()
        .map(|config| {
            let (port, sockets) =
                bind_one(network, config, options).map_err(|source| StartError::Listen {
                    name: config.name.clone(),
                    address: format!("{}:{}", config.host.as_deref().unwrap_or("*"), config.port),
                    source,
                })?;
            let listener = Listener {
                name: config.name.clone(),
                advertised_host: config.advertised_host.clone().unwrap_or_else(host_name),
                tells_address: config.advertised_host.is_none(),
                advertised_port: if config.advertised_port == 0 {
                    port
                } else {
                    config.advertised_port
                },
            };
            Ok(Bound {
                listener: Arc::new(listener),
                sockets,
            })
        })
        .collect()
}

/// Opens a listener's sockets, one for each address of its host, all on one port. Families of addresses that
/// the machine has switched off are passed over.
fn bind_one(
    network: &Network,
    config: &ListenerConfig,
    options: SocketOptions,
) -> io::Result<(u16, Vec<Listening>)> {
    let at = |ip: IpAddr| SocketAddr::new(ip, config.port);
    let addresses: Vec<SocketAddr> = match config.host.as_deref() {
        // Whatever the hosts file says: clients may try either.
        Some("localhost") => vec![at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into())],
        Some(host) => (host, config.port).to_socket_addrs()?.collect(),
        None => vec![at(Ipv6Addr::UNSPECIFIED.into()), at(Ipv4Addr::UNSPECIFIED.into())],
    };
    let mut port = config.port;
    let mut sockets: Vec<Listening> = Vec::new();
    let mut missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for mut address in addresses {
        address.set_port(port);
        match network.listen(address, options) {
            Ok(socket) => {
                port = socket.address()?.port();
                sockets.push(socket);
                if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                    break;
                }
            }
            Err(error) if is_family_missing(&error) => missing = error,
            // The system chose a port for the first address that the second one has not free.
            Err(error) if config.port == 0 && !sockets.is_empty() => missing = error,
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        Err(missing)
    } else {
        Ok((port, sockets))
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
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
        security_protocol: 0,
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

/// Segment files that may be open: half of what the process may have, the rest is for connections.
fn open_files_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(1024);
    usize::try_from(limit / 2).unwrap_or(512)
}
