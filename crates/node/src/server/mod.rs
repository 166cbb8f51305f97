//! Starting and stopping a node: log directories, quorum, registration, listeners, worker threads, in this
//! order, and back.
//!
//! ```text
//! sockets bound ─→ log directories ─→ quorum opened ─→ controller's listener answers ─→ caught up with the metadata
//!               ─→ broker registered ─→ its listeners answer
//! ```
//! A node with one role leaves the other's steps out.

mod authorizer;
mod bind;
mod controller_listener;
mod error;
mod gateway;
mod identity;
mod jwks;
mod membership;
mod running_broker;
mod sasl;
mod serving;
mod tls;

pub use error::StartError;

use std::sync::Arc;

use barnabas_broker::broker::Broker;
use barnabas_config::load::StartSettings;
use barnabas_config::{DynamicBrokerConfig, ListenerProtocol};
use barnabas_controller::throttling::Throttling;
use barnabas_import as import;
use barnabas_metadata::MetadataError;
use barnabas_metadata::quorum::ControllerHandle;
use barnabas_network::Listener;
use barnabas_network::client::Connector;
use barnabas_replica::log_dirs::{self, LogDirs};
use barnabas_security::Authorizer;
use barnabas_storage::{OpenFiles, StorageError};
use tokio_util::sync::CancellationToken;

use self::authorizer::NodeAuthorizer;
use self::controller_listener::ControllerListener;
use self::membership::{Membership, Metadata, Publish};
use self::running_broker::{Place, RunningBroker, WaitingBroker};
use self::sasl::NodeSasl;
use self::tls::NodeTls;
use crate::format::checkpoint;
use crate::outside::Outside;

/// A running node.
pub struct Server {
    node_id: i32,
    cluster_id: String,
    listeners: Vec<Arc<Listener>>,
    log_dirs: Arc<LogDirs>,
    broker: Option<RunningBroker>,
    metadata: Metadata,
    /// `None` where it has no listener.
    controller: Option<ControllerListener>,
}

impl Server {
    /// Starts a node; when it returns, the node answers. Runs on the calling runtime and within a local set,
    /// as the quorum, the controller's connections and the acceptors do from then on; clients' connections
    /// have threads of their own, unless all is to run on this runtime.
    ///
    /// # Errors
    /// What [`StartError`] says; nothing of the node is left running.
    pub async fn start(settings: StartSettings, outside: Outside) -> Result<Server, StartError> {
        let authorizer = NodeAuthorizer::of(&settings.config)?;
        Self::start_authorized(settings, outside, authorizer).await
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
        Self::start_authorized(settings, outside, NodeAuthorizer::Other(authorizer)).await
    }

    async fn start_authorized(
        settings: StartSettings,
        outside: Outside,
        authorizer: NodeAuthorizer,
    ) -> Result<Server, StartError> {
        let Outside {
            environment,
            disk,
            metadata: metadata_disk,
            network,
            metrics,
            receiver,
            tls: tls_beside,
            given_up,
        } = outside;
        import::unready::check(&disk, &settings.data_dir, &settings.data_dirs)?;
        let StartSettings {
            layers,
            config,
            new_cluster_id,
            listeners,
            controller_listeners,
            inter_broker,
            to_controllers,
            quorum: mut quorum_settings,
            data_dir,
            data_dirs,
            ..
        } = settings;
        let formatted = checkpoint::read(&disk, &data_dir)?;
        membership::take_formatted(
            &mut quorum_settings,
            config.node_id,
            formatted.as_ref(),
            !controller_listeners.is_empty(),
        )?;
        let sasl = NodeSasl::read(&layers, &config, listeners.iter().chain(&controller_listeners))?;
        // Before anything is changed: a port in use is the likeliest reason not to start.
        let sockets = bind::socket_options(&layers, config.socket_listen_backlog_size);
        let mut tls = NodeTls::beside(tls_beside);
        let listeners = bind::bind(&network, (&layers, &mut tls), &listeners, sockets)?;
        let controller_listeners = bind::bind(&network, (&layers, &mut tls), &controller_listeners, sockets)?;
        let mut connector = |listener: &ListenerProtocol, mechanism: (&str, &str)| {
            let connector = tls.connector(&network, &layers, listener)?;
            if quorum_settings.is_alone() {
                return Ok(connector);
            }
            let random = &environment.random;
            match sasl::logging_in(connector.clone(), (&layers, &config), listener, mechanism, random) {
                // Others may never come to who is the only voter yet.
                Err(error) if quorum_settings.begins_alone() => {
                    tracing::debug!(%error, "this node can't log in to others that may join it");
                    Ok(connector)
                }
                connector => connector.map_err(StartError::from),
            }
        };
        let by = (
            "sasl.mechanism.inter.broker.protocol",
            config.sasl_mechanism_inter_broker_protocol.as_str(),
        );
        let to_brokers = connector(&inter_broker, by)?;
        let by = (
            "sasl.mechanism.controller.protocol",
            config.sasl_mechanism_controller_protocol.as_str(),
        );
        let to_controllers = match quorum_settings.is_alone() {
            true => Connector::from(network.clone()),
            false => connector(&to_controllers, by)?,
        };
        let all = listeners.iter().chain(&controller_listeners);
        let named = all.map(|bound| bound.listener.clone()).collect();
        let new_cluster = identity::of_new_folders(
            &config,
            new_cluster_id.as_deref(),
            &quorum_settings,
            &environment.random,
        );
        let (log_dirs, identity) = log_dirs::open::open(
            &disk,
            &data_dirs,
            &data_dir,
            (config.node_id, new_cluster.as_deref()),
            &Arc::new(OpenFiles::new(open_files_max())),
            &environment.random,
        )?;
        let log_dirs = Arc::new(log_dirs);
        identity::check(&config, &identity.cluster_id)?;

        let stopping = CancellationToken::new();
        let settings = Arc::new(DynamicBrokerConfig::new(layers.clone())?);
        tls.follow(&settings, stopping.clone());
        sasl.follow_keys(&stopping)?;
        let mut waiting_broker = None;
        let acls = authorizer.clone();
        let mut publish: Publish = Box::new(move |image, delta| acls.publish(&image, delta));
        let throttling;
        if quorum_settings.is_broker {
            let broker = WaitingBroker::load(
                &environment,
                to_brokers,
                (&settings, &config),
                &log_dirs,
                &stopping,
            )?;
            let cache = broker.metadata.clone();
            throttling = cache.throttling().clone();
            publish = Box::new(move |image, delta| {
                // Whoever finds something in the image finds it guarded.
                publish(image.clone(), delta);
                cache.publish(image, delta);
            });
            waiting_broker = Some(broker);
        } else {
            throttling = Arc::new(Throttling::new(&config, environment.clock.clone()));
            let quotas = throttling.clone();
            publish = Box::new(move |image, delta| {
                quotas.apply(&image, delta);
                publish(image, delta);
            });
        }
        let addresses = membership::addresses(&quorum_settings);
        let endpoints =
            controller_listener::endpoints(&controller_listeners, config.node_id, formatted.as_ref());
        let membership = Membership {
            layers: &layers,
            config: &config,
            quorum: &quorum_settings,
            formatted: formatted.as_ref(),
            cluster_id: &identity.cluster_id,
            environment: &environment,
            network: &network,
            to_controllers: &to_controllers,
            addresses: &addresses,
            directory_id: log_dirs.metadata().id().unwrap_or_default(),
            endpoints: &endpoints,
        };
        let (metadata, controller) = if quorum_settings.is_controller {
            let starting = membership.vote(metadata_disk, &data_dir, publish).await?;
            let authorizer = authorizer.shared();
            let (handle, formatted) = (starting.handle(), membership.formatted_image());
            let image = move || match handle.image() {
                none if none.cluster_id.is_empty() => formatted.clone(),
                image => image,
            };
            let protected = sasl.protect(controller_listeners, &environment, image);
            let controller = ControllerListener::start(
                protected,
                &starting,
                &membership,
                (&settings, throttling),
                authorizer,
            )?;
            match starting.caught_up_unless(given_up.cancelled()).await {
                Ok(quorum) => (Metadata::Voter(Box::new(quorum)), controller),
                Err(error) => {
                    if let Some(controller) = controller {
                        controller.stop().await;
                    }
                    return Err(error.into());
                }
            }
        } else {
            let observing = membership.observe(metadata_disk, &data_dir, publish, given_up.cancelled());
            (Metadata::Observer(observing.await?), None)
        };
        if let Some(controller) = &controller {
            controller.register(membership.channel(&metadata), &membership);
        }
        let started = match waiting_broker {
            Some(broker) => {
                let cache = broker.metadata.clone();
                let listeners = sasl.protect(listeners, &environment, move || Arc::clone(&cache.image()));
                let channel = membership.channel(&metadata);
                let is_alone = quorum_settings.is_alone();
                let place = Place {
                    cluster_id: &identity.cluster_id,
                    is_alone,
                    lets_others_in: !is_alone || controller.is_some(),
                    metrics,
                    receiver,
                };
                tokio::select! {
                    biased;
                    running = broker.start(place, channel, listeners, authorizer.shared()) => running.map(Some),
                    () = given_up.cancelled() => Err(MetadataError::ShuttingDown.into()),
                }
            }
            None => Ok(None),
        };
        let broker = match started {
            Ok(broker) => broker,
            Err(error) => {
                stopping.cancel();
                if let Some(controller) = controller {
                    controller.stop().await;
                }
                metadata.shutdown().await;
                return Err(error);
            }
        };
        Ok(Server {
            node_id: config.node_id,
            cluster_id: identity.cluster_id,
            listeners: named,
            log_dirs,
            broker,
            metadata,
            controller,
        })
    }

    /// The running broker; `None` where the node is a controller alone.
    pub fn broker(&self) -> Option<&Arc<Broker>> {
        self.broker.as_ref().map(|running| &running.broker)
    }

    /// The node as a controller that votes; `None` where it is none.
    pub fn controller(&self) -> Option<ControllerHandle> {
        match &self.metadata {
            Metadata::Voter(quorum) => Some(quorum.handle()),
            Metadata::Observer(_) => None,
        }
    }

    /// The node's id.
    pub fn node_id(&self) -> i32 {
        self.node_id
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// What answers: the broker's listeners, then the controller's.
    pub fn listeners(&self) -> &[Arc<Listener>] {
        &self.listeners
    }

    /// Waits until the node can't go on, because its disks have failed or the controllers
    /// refuse it; answers why.
    pub async fn fatal(&self) -> String {
        let failed = async {
            match &self.broker {
                Some(broker) => broker.lifecycle.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            why = self.log_dirs.fatal() => why,
            why = failed => why,
        }
    }

    /// Stops: no more connections, requests in flight finish, logs are flushed, the clean marker is written.
    ///
    /// # Errors
    /// The logs could not be closed cleanly; the next start will check them.
    pub async fn stop(self) -> Result<(), StorageError> {
        let broker = match self.broker {
            Some(broker) => Some(broker.stop().await),
            None => None,
        };
        self.metadata.hand_over().await;
        if let Some(controller) = self.controller {
            controller.stop().await;
        }
        self.metadata.shutdown().await;
        broker.map_or(Ok(()), running_broker::StoppedBroker::close)
    }
}

/// Segment files that may be open: half of what the process may have, the rest is for connections.
fn open_files_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(1024);
    usize::try_from(limit / 2).unwrap_or(512)
}
